//! Content parts of messages and of results.

use crate::{
    conversation::{Extra, Format, Media, MediaKind, Part, PartKind, Source},
    json::{Items, Members, Raw, items},
    mistake::Mistake,
    openai_responses::marks,
};
use serde_json::value::RawValue;

/// A string, or an array of parts.
pub(super) fn read_all(path: &str, value: &RawValue) -> Result<Vec<Part>, Mistake> {
    match value.get().as_bytes().first() {
        Some(b'"') => Ok(vec![Part::text(text_of(path, value)?)]),
        Some(b'[') => read_each(items(path, value)?),
        _ => Err(Mistake::wrong_type(path, "a string or an array of parts")),
    }
}

fn read_each(entries: Items) -> Result<Vec<Part>, Mistake> {
    entries.into_iter().map(|(path, value)| read(&path, value)).collect()
}

fn text_of(path: &str, value: &RawValue) -> Result<String, Mistake> {
    serde_json::from_str(value.get()).map_err(|_| Mistake::wrong_type(path, "a valid string"))
}

/// One part; a bare string is a text.
fn read(path: &str, value: &RawValue) -> Result<Part, Mistake> {
    if value.get().starts_with('"') {
        return Ok(Part::text(text_of(path, value)?));
    }
    let mut part = Members::of(path, value)?;
    let kind = match part.string("type")?.as_deref() {
        // Which of the names it is follows from who speaks.
        Some("input_text" | "output_text" | "text") => {
            PartKind::Text(part.required_string("text")?)
        }
        Some("refusal") => PartKind::Refusal(part.required_string("refusal")?),
        Some("input_image") => PartKind::Media(image(&mut part)?),
        Some("input_file") => PartKind::Media(file(&mut part)?),
        Some("input_audio") => PartKind::Media(audio(&mut part)?),
        Some(_) => return Ok(native(value)),
        None => return Err(Mistake::missing(&part.path_of("type"))),
    };
    Ok(Part { kind, cache: None, extra: part.rest() })
}

fn native(value: &RawValue) -> Part {
    let kind = PartKind::Native(Format::OpenaiResponses, value.into());
    let extra: Extra = vec![(marks::CONTENT.to_owned(), Raw::of(&true))];
    Part { kind, cache: None, extra }
}

fn image(part: &mut Members) -> Result<Media, Mistake> {
    let detail = part.string("detail")?;
    let media = match (part.string("image_url")?, part.string("file_id")?) {
        (Some(url), _) => Media::of_url(MediaKind::Image, &url),
        (None, Some(id)) => by_id(MediaKind::Image, id),
        (None, None) => return Err(Mistake::missing(&part.path_of("image_url"))),
    };
    Ok(Media { detail, ..media })
}

fn file(part: &mut Members) -> Result<Media, Mistake> {
    let name = part.string("filename")?;
    let detail = part.string("detail")?;
    let (data, url, id) =
        (part.string("file_data")?, part.string("file_url")?, part.string("file_id")?);
    let media = match (data, url, id) {
        (Some(data), ..) => inline(MediaKind::Document, data),
        (None, Some(url), _) => Media::of_url(MediaKind::Document, &url),
        (None, None, Some(id)) => by_id(MediaKind::Document, id),
        (None, None, None) => return Err(Mistake::missing(&part.path_of("file_data"))),
    };
    Ok(Media { name, detail, ..media })
}

fn audio(part: &mut Members) -> Result<Media, Mistake> {
    let path = part.path_of("input_audio");
    let mut inner = part.object("input_audio")?.ok_or_else(|| Mistake::missing(&path))?;
    let data = inner.required_string("data")?;
    let mime = inner.string("format")?.map(|format| match format.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    });
    let media = inline(MediaKind::Audio, data);
    Ok(Media { mime: mime.or(media.mime.clone()), ..media })
}

fn by_id(kind: MediaKind, id: String) -> Media {
    Media { source: Source::FileId(id), ..Media::of_url(kind, "") }
}

/// A data URL, or base 64 alone.
fn inline(kind: MediaKind, data: String) -> Media {
    if data.starts_with("data:") {
        return Media::of_url(kind, &data);
    }
    Media { source: Source::Base64(data), ..Media::of_url(kind, "") }
}
