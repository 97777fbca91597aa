//! What answers and the pieces of streamed ones have in common, read as leniently as the clones demand.

use super::request::thinking_text;
use crate::{
    conversation::{Media, MediaKind},
    json::compact,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The text of a value that is there: not null.
pub(super) fn given(value: Option<&RawValue>) -> Option<&str> {
    value.map(RawValue::get).filter(|text| *text != "null")
}

/// A string; `None` for any other value.
pub(super) fn text_of(raw: &str) -> Option<String> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    // Most pieces have no escapes, and parsing them again would cost as much as reading the event.
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Some(inside.to_owned());
    }
    serde_json::from_str(raw).ok()
}

/// A string that is there and not empty.
pub(super) fn words(value: Option<&RawValue>) -> Option<String> {
    given(value).and_then(text_of).filter(|text| !text.is_empty())
}

/// A piece of content.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Reasoning(String),
    Media(Media),
}

/// The pieces of `content`: a string, or Mistral's list of parts. References in such a list are left out: they point
/// into the provider's own search.
pub(super) fn content(raw: &str) -> Vec<Piece> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        text: Option<&'a RawValue>,
        #[serde(borrow)]
        thinking: Option<&'a RawValue>,
        #[serde(borrow)]
        image_url: Option<&'a RawValue>,
    }
    if let Some(text) = text_of(raw) {
        return if text.is_empty() { Vec::new() } else { vec![Piece::Text(text)] };
    }
    let parts: Vec<Part> = serde_json::from_str(raw).unwrap_or_default();
    let piece = |part: Part| match given(part.kind) {
        Some("\"thinking\"") => {
            let text = thinking_text(given(part.thinking)?)?;
            Some(Piece::Reasoning(text))
                .filter(|_| !matches!(given(part.thinking), Some("\"\"" | "[]")))
        }
        Some("\"image_url\"") => image(given(part.image_url)?).map(Piece::Media),
        _ => words(part.text).map(Piece::Text),
    };
    parts.into_iter().filter_map(piece).collect()
}

/// Images that a model drew: `[{"type":"image_url","image_url":{"url"}}]`, as OpenRouter gives them.
pub(super) fn images(raw: &str) -> Vec<Media> {
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        image_url: Option<&'a RawValue>,
    }
    let entries: Vec<Entry> = serde_json::from_str(raw).unwrap_or_default();
    entries.into_iter().filter_map(|entry| image(given(entry.image_url)?)).collect()
}

/// `{"url"}`, or the URL alone.
fn image(raw: &str) -> Option<Media> {
    #[derive(Deserialize)]
    struct Inner {
        url: String,
    }
    let url = match text_of(raw) {
        Some(url) => url,
        None => serde_json::from_str::<Inner>(raw).ok()?.url,
    };
    Some(Media::of_url(MediaKind::Image, &url))
}

/// Arguments as text: a string as it is, an object without its white space, nothing for null.
pub(super) fn arguments(value: Option<&RawValue>) -> String {
    match given(value) {
        Some(raw) => text_of(raw).unwrap_or_else(|| compact(raw)),
        None => String::new(),
    }
}

/// A call, whole or a piece of one.
#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow, default)]
    pub(super) index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
    #[serde(borrow, default)]
    pub(super) custom: Option<Custom<'a>>,
    #[serde(borrow, default)]
    pub(super) extra_content: Option<&'a RawValue>,
}

/// What is called.
#[derive(Deserialize, Default)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

/// A custom tool that is called.
#[derive(Deserialize)]
pub(super) struct Custom<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) input: Option<&'a RawValue>,
}

/// A number, also as a float or a string.
pub(super) fn number(value: Option<&RawValue>) -> Option<u64> {
    let text = given(value)?.trim_matches('"');
    text.parse().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        (0.0..=u32::MAX.into()).contains(&float).then_some(float as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_a_string_or_a_list_of_parts() {
        let text = |text: &str| Piece::Text(text.into());
        let cases = [
            ("\"a\\n\"", vec![text("a\n")]),
            ("\"\"", vec![]),
            ("null", vec![]),
            ("5", vec![]),
            (
                r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}],"closed":true},{"type":"text","text":"a"},{"type":"reference","reference_ids":[1]}]"#,
                vec![Piece::Reasoning("hm".into()), text("a")],
            ),
            (r#"[{"type":"thinking","thinking":[]}]"#, vec![]),
        ];
        for (raw, expected) in cases {
            assert_eq!(content(raw), expected, "{raw}");
        }
    }

    #[test]
    fn strings_without_escapes_are_taken_as_they_are() {
        assert_eq!(text_of("\"é\"").as_deref(), Some("é"));
        assert_eq!(text_of(r#""a\u00e9\"""#).as_deref(), Some("aé\""));
        for raw in ["\"", "x", "{}", ""] {
            assert_eq!(text_of(raw), None, "{raw}");
        }
    }
}
