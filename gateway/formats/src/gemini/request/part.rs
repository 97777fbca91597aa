//! The parts of a turn.

use super::{
    super::{outgoing::response_object, signature, spelling::spelled},
    contents::Calls,
    keep_rest,
};
use crate::{
    conversation::{
        Extra, Format, Media, MediaKind, Part, PartKind, Signature, Source, arguments_text,
    },
    json::{Members, Raw},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads one part.
pub(super) fn read(path: &str, value: &RawValue, calls: &mut Calls) -> Result<Part, Mistake> {
    if value.get().starts_with('"') {
        return Ok(Part::text(serde_json::from_str::<String>(value.get()).unwrap_or_default()));
    }
    let mut members = Members::of(path, value)?;
    let mut extra = Extra::new();
    let kind = if members.has("text") {
        text(&mut members, value, &mut extra)?
    } else if let Some((data, name)) = data(&mut members, "inlineData")? {
        PartKind::Media(inline(data, name, &mut extra)?)
    } else if let Some((data, name)) = data(&mut members, "fileData")? {
        PartKind::Media(file(data, name, &mut extra)?)
    } else if let Some((call, name)) = data(&mut members, "functionCall")? {
        let signed = signature_of(&mut members)?;
        function_call(call, name, signed, calls, &mut extra)?
    } else if let Some((response, name)) = data(&mut members, "functionResponse")? {
        function_response(response, name, calls, &mut extra)?
    } else {
        return Ok(Part::new(PartKind::Native(Format::Gemini, Raw::from(value))));
    };
    // A part that is carried whole has them already.
    if !matches!(kind, PartKind::Native(..)) {
        extra.extend(members.rest());
    }
    Ok(Part { extra, ..Part::new(kind) })
}

/// The object of a part's data, and the name that it is written under.
fn data<'a>(
    members: &mut Members<'a>,
    name: &'static str,
) -> Result<Option<(Members<'a>, &'static str)>, Mistake> {
    let spelling = spelled(members, name);
    Ok(members.object(&spelling)?.map(|data| (data, name)))
}

fn signature_of(members: &mut Members) -> Result<Option<Signature>, Mistake> {
    let name = spelled(members, "thoughtSignature");
    Ok(members.string(&name)?.filter(|text| !text.is_empty()).map(|text| signature::read(&text)))
}

/// Text, or a thought. The signature of a text says nothing to other formats; it stays with the text.
fn text(members: &mut Members, whole: &RawValue, extra: &mut Extra) -> Result<PartKind, Mistake> {
    let text = members.string("text")?.unwrap_or_default();
    let thought = members.bool("thought")?.unwrap_or(false);
    let name = spelled(members, "thoughtSignature");
    let given = members.peek(&name).map(Raw::from);
    let signature = signature_of(members)?;
    if thought {
        return Ok(PartKind::Reasoning { text, signature });
    }
    let blank = text.trim().is_empty();
    Ok(match (signature, given) {
        (Some(signature), _) if signature.by != Format::Gemini && blank => {
            PartKind::Sealed(signature)
        }
        (Some(signature), Some(raw)) if signature.by == Format::Gemini => {
            // A blank text does not survive; a signed one must.
            if blank {
                return Ok(PartKind::Native(Format::Gemini, Raw::from(whole)));
            }
            extra.push(("thoughtSignature".to_owned(), raw));
            PartKind::Text(text)
        }
        _ => PartKind::Text(text),
    })
}

fn media(mime: Option<String>, source: Source, name: Option<String>) -> Media {
    let mime = mime.map(|mime| mime.trim().to_ascii_lowercase()).filter(|mime| !mime.is_empty());
    let kind = match mime.as_deref().and_then(|mime| mime.split('/').next()) {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    };
    Media { kind, source, mime, name, detail: None }
}

fn inline(mut data: Members, at: &str, extra: &mut Extra) -> Result<Media, Mistake> {
    let mime = data.string(&spelled(&data, "mimeType"))?;
    let name = data.string(&spelled(&data, "displayName"))?;
    let bytes = data.required_string("data")?;
    keep_rest(extra, at, data.rest());
    Ok(media(mime, Source::Base64(signature::standard_base64(bytes)), name))
}

fn file(mut data: Members, at: &str, extra: &mut Extra) -> Result<Media, Mistake> {
    /// Where Google keeps uploaded files: nobody else can fetch them.
    const FILES: &str = "https://generativelanguage.googleapis.com/";
    let mime = data.string(&spelled(&data, "mimeType"))?;
    let name = data.string(&spelled(&data, "displayName"))?;
    let uri = data.required_string(&spelled(&data, "fileUri"))?;
    keep_rest(extra, at, data.rest());
    let public = uri.starts_with("http") && !uri.starts_with(FILES);
    let source = if public { Source::Url(uri) } else { Source::FileId(uri) };
    Ok(media(mime, source, name))
}

fn function_call(
    mut call: Members,
    at: &str,
    signed: Option<Signature>,
    calls: &mut Calls,
    extra: &mut Extra,
) -> Result<PartKind, Mistake> {
    let name = call.required_string("name")?;
    let path = call.path_of("args");
    let arguments = match call.take("args") {
        None => "{}".to_owned(),
        Some(args) if args.get().starts_with('{') => arguments_text(&Raw::from(args)),
        Some(_) => return Err(Mistake::wrong_type(&path, "an object")),
    };
    let (id, carried) = calls.call(call.string("id")?, &name);
    keep_rest(extra, at, call.rest());
    Ok(PartKind::ToolCall { id, name, arguments, custom: false, signature: signed.or(carried) })
}

fn function_response(
    mut response: Members,
    at: &str,
    calls: &mut Calls,
    extra: &mut Extra,
) -> Result<PartKind, Mistake> {
    let name = response.string("name")?;
    let id = calls.result(response.string("id")?, name.as_deref());
    let path = response.path_of("response");
    let given = response.take("response");
    if given.is_some_and(|given| !given.get().starts_with('{')) {
        return Err(Mistake::wrong_type(&path, "an object"));
    }
    let (text, error) = told(given);
    let mut parts = vec![Part::text(text)];
    for (path, entry) in response.list("parts")?.unwrap_or_default() {
        parts.push(read(&path, entry, calls)?);
    }
    keep_rest(extra, at, response.rest());
    Ok(PartKind::ToolResult { id, name, parts, error })
}

/// What a tool's answer says, as the text that other formats have, and whether it is an error. Written again it is the
/// same answer.
fn told(response: Option<&RawValue>) -> (String, bool) {
    let Some(response) = response else { return ("{}".to_owned(), false) };
    let compact = arguments_text(&Raw::from(response));
    let single = Members::of_text(&compact).map(Members::rest).unwrap_or_default();
    if let [(key, value)] = single.as_slice() {
        let text = serde_json::from_str::<String>(value.get()).ok();
        let text = text.unwrap_or_else(|| value.get().to_owned());
        let error = key == "error";
        if response_object(&text, error, true).get() == compact {
            return (text, error);
        }
    }
    (compact, false)
}
