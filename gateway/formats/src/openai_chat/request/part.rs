//! Content parts.

use super::{is_string, keep_rest};
use crate::{
    conversation::{CacheMark, Extra, Format, Media, MediaKind, Part, PartKind, Source},
    json::Members,
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads a part; a bare string is a text.
pub(super) fn read(path: &str, value: &RawValue) -> Result<Part, Mistake> {
    if is_string(value) {
        let text: String = serde_json::from_str(value.get())
            .map_err(|_| Mistake::wrong_type(path, "a valid string"))?;
        return Ok(Part::text(text));
    }
    let mut part = Members::of(path, value)?;
    let kind = match part.string("type")? {
        Some(kind) => kind,
        None if part.has("text") => "text".to_owned(),
        None => return Err(Mistake::missing(&part.path_of("type"))),
    };
    let mut extra = Extra::new();
    let kind = match kind.as_str() {
        "text" => PartKind::Text(part.required_string("text")?),
        "refusal" => PartKind::Refusal(part.required_string("refusal")?),
        "image_url" => {
            PartKind::Media(at_url(&mut part, MediaKind::Image, "image_url", &mut extra)?)
        }
        "video_url" => {
            PartKind::Media(at_url(&mut part, MediaKind::Video, "video_url", &mut extra)?)
        }
        "document_url" => {
            let media = at_url(&mut part, MediaKind::Document, "document_url", &mut extra)?;
            PartKind::Media(Media { name: part.string("document_name")?, ..media })
        }
        "input_audio" => PartKind::Media(audio(&mut part, &mut extra)?),
        "file" => PartKind::Media(file(&mut part, &mut extra)?),
        "thinking" => thinking(&mut part)?,
        _ => PartKind::Native(Format::OpenaiChat, value.into()),
    };
    if matches!(kind, PartKind::Native(..)) {
        return Ok(Part::new(kind));
    }
    let cache = cache_mark(&mut part);
    extra.extend(part.rest());
    Ok(Part { kind, cache, extra })
}

/// Takes `cache_control`, if it is a breakpoint as Anthropic has them.
pub(super) fn cache_mark(members: &mut Members) -> Option<CacheMark> {
    let mut control = Members::of_text(members.peek("cache_control")?.get())?;
    let kind = control.string("type").ok()??;
    let ttl = control.string("ttl").ok()?;
    let mark = match (kind.as_str(), ttl.as_deref()) {
        ("ephemeral", None) => CacheMark::Default,
        ("ephemeral", Some("5m")) => CacheMark::FiveMinutes,
        ("ephemeral", Some("1h")) => CacheMark::OneHour,
        _ => return None,
    };
    control.rest().is_empty().then(|| {
        members.take("cache_control");
        mark
    })
}

/// `{"url","detail"}`, or the URL alone as Mistral and Ollama take it.
fn at_url(
    part: &mut Members,
    kind: MediaKind,
    name: &str,
    extra: &mut Extra,
) -> Result<Media, Mistake> {
    if part.peek(name).is_some_and(is_string) {
        return Ok(Media::of_url(kind, &part.required_string(name)?));
    }
    let mut inner = part.object(name)?.ok_or_else(|| Mistake::missing(&part.path_of(name)))?;
    let url = inner.required_string("url")?;
    let detail = inner.string("detail")?;
    keep_rest(extra, name, inner);
    Ok(Media { detail, ..Media::of_url(kind, &url) })
}

fn audio(part: &mut Members, extra: &mut Extra) -> Result<Media, Mistake> {
    let path = part.path_of("input_audio");
    let mut inner = part.object("input_audio")?.ok_or_else(|| Mistake::missing(&path))?;
    let data = inner.required_string("data")?;
    let mime = inner.string("format")?.map(|format| match format.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    });
    keep_rest(extra, "input_audio", inner);
    let mut media = inline(MediaKind::Audio, data);
    media.mime = mime.or(media.mime);
    Ok(media)
}

fn file(part: &mut Members, extra: &mut Extra) -> Result<Media, Mistake> {
    let path = part.path_of("file");
    let mut inner = part.object("file")?.ok_or_else(|| Mistake::missing(&path))?;
    let data = inner.string("file_data")?;
    let id = inner.string("file_id")?;
    let mut media = match (data, id) {
        (Some(data), _) => inline(MediaKind::Document, data),
        // LiteLLM's apps put URLs where the id stands.
        (None, Some(id)) if id.starts_with("http") => Media::of_url(MediaKind::Document, &id),
        (None, Some(id)) => {
            Media { source: Source::FileId(id), ..Media::of_url(MediaKind::Document, "") }
        }
        (None, None) => return Err(Mistake::missing(&inner.path_of("file_data"))),
    };
    media.name = inner.string("filename")?;
    if media.mime.is_none() {
        media.mime = inner.string("format")?;
    }
    keep_rest(extra, "file", inner);
    Ok(media)
}

/// A data URL, a URL, or base 64 alone.
fn inline(kind: MediaKind, data: String) -> Media {
    if data.starts_with("data:") || data.starts_with("http") {
        return Media::of_url(kind, &data);
    }
    Media { source: Source::Base64(data), ..Media::of_url(kind, "") }
}

/// Mistral's `{"type":"thinking","thinking":[{"type":"text","text"}],"closed":true}`.
fn thinking(part: &mut Members) -> Result<PartKind, Mistake> {
    let path = part.path_of("thinking");
    let value = part.take("thinking").ok_or_else(|| Mistake::missing(&path))?;
    let text = thinking_text(value.get())
        .ok_or_else(|| Mistake::wrong_type(&path, "a string or an array of texts"))?;
    part.take("closed");
    Ok(PartKind::Reasoning { text, signature: None })
}

/// The words of a `thinking` value: a string, or a list of texts.
pub(in crate::openai_chat) fn thinking_text(value: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Piece {
        Bare(String),
        Part { text: Option<String> },
    }
    if value.starts_with('"') {
        return serde_json::from_str(value).ok();
    }
    let pieces: Vec<Piece> = serde_json::from_str(value).ok()?;
    let text = |piece| match piece {
        Piece::Bare(text) => text,
        Piece::Part { text } => text.unwrap_or_default(),
    };
    Some(pieces.into_iter().map(text).collect())
}
