//! Content blocks.

use super::{
    super::carry::{cache_mark, keep_rest},
    contents,
};
use crate::{
    conversation::{
        Extra, Format, Media, MediaKind, Part, PartKind, Signature, Source, arguments_text,
    },
    json::{Members, Raw},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::anthropic) enum Place {
    /// In a system text.
    System,
    /// In a message.
    Message,
    /// In the result of a tool.
    Result,
}

/// Reads a block. One of a type that is not known, or that only this format has, is kept as it came.
pub(in crate::anthropic) fn part(
    path: String,
    raw: &RawValue,
    place: Place,
) -> Result<Part, Mistake> {
    let mut members = Members::of(path, raw)?;
    let word = members.required_string("type")?;
    let mut extra = Extra::new();
    let kind = match (word.as_str(), place) {
        ("text", _) => Some(PartKind::Text(members.required_string("text")?)),
        ("image", Place::Message | Place::Result) => {
            media(&mut members, MediaKind::Image, &mut extra)?
        }
        ("document", Place::Message | Place::Result) => {
            media(&mut members, MediaKind::Document, &mut extra)?
        }
        ("tool_use", Place::Message) => Some(call(&mut members)?),
        ("tool_result", Place::Message) => Some(result(&mut members)?),
        ("thinking", Place::Message) => Some(thinking(&mut members)?),
        ("redacted_thinking", Place::Message) => {
            let data = members.required_string("data")?;
            Some(PartKind::Sealed(Signature::read_in(Format::Anthropic, &data)))
        }
        _ => None,
    };
    let cache = cache_mark(&mut members);
    let Some(kind) = kind else {
        let kind = PartKind::Native(Format::Anthropic, raw.into());
        return Ok(Part { kind, cache, extra: Extra::new() });
    };
    extra.extend(members.rest());
    Ok(Part { kind, cache, extra })
}

/// An image or a document; `None` if its source is of a type that other formats have nothing for.
fn media(
    members: &mut Members,
    kind: MediaKind,
    extra: &mut Extra,
) -> Result<Option<PartKind>, Mistake> {
    let path = members.path_of("source");
    if !members.has("source") {
        return Err(Mistake::missing(&path));
    }
    let known = members.peek("source").and_then(|raw| Members::of_text(raw.get()));
    let word = known.and_then(|source| source.peek_str("type")).unwrap_or_default();
    if !matches!(word.as_str(), "base64" | "text" | "url" | "file") {
        return Ok(None);
    }
    let Some(mut source) = members.object("source")? else { return Ok(None) };
    source.take("type");
    let from = match word.as_str() {
        "base64" => Source::Base64(source.required_string("data")?),
        "text" => Source::Text(source.required_string("data")?),
        "url" => Source::Url(source.required_string("url")?),
        _ => Source::FileId(source.required_string("file_id")?),
    };
    let mime = source.string("media_type")?;
    keep_rest(extra, "source", source);
    let name = match kind {
        MediaKind::Document => members.string("title")?,
        _ => None,
    };
    Ok(Some(PartKind::Media(Media { kind, source: from, mime, name, detail: None })))
}

fn call(members: &mut Members) -> Result<PartKind, Mistake> {
    let (id, signature) = Signature::out_of_id(&members.required_string("id")?);
    let name = members.required_string("name")?;
    let input = members.raw("input").unwrap_or_else(Raw::empty_object);
    let arguments = arguments_text(&input);
    Ok(PartKind::ToolCall { id, name, arguments, custom: false, signature })
}

fn result(members: &mut Members) -> Result<PartKind, Mistake> {
    let (id, _) = Signature::out_of_id(&members.required_string("tool_use_id")?);
    let path = members.path_of("content");
    let parts = match members.take("content") {
        Some(raw) => contents(&path, raw, Place::Result)?,
        None => Vec::new(),
    };
    let error = members.bool("is_error")?.unwrap_or(false);
    Ok(PartKind::ToolResult { id, name: None, parts, error })
}

/// An empty signature is that of reasoning which no provider signed: see [`super::super::Writer`].
fn thinking(members: &mut Members) -> Result<PartKind, Mistake> {
    let text = members.string("thinking")?.unwrap_or_default();
    let signature = members.string("signature")?.filter(|signature| !signature.is_empty());
    let signature = signature.map(|text| Signature::read_in(Format::Anthropic, &text));
    Ok(PartKind::Reasoning { text, signature })
}
