//! What a turn is made of.

use super::{Extra, Format};
use crate::json::{Raw, compact};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::value::RawValue;

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// A cache breakpoint after it.
    pub cache: Option<CacheMark>,
    /// Members that only the origin knows.
    pub extra: Extra,
}

impl Part {
    /// A part without anything else.
    pub const fn new(kind: PartKind) -> Self {
        Self { kind, cache: None, extra: Extra::new() }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(PartKind::Text(text.into()))
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            PartKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a text without a visible character.
    pub fn is_blank(&self) -> bool {
        self.as_text().is_some_and(|text| text.trim().is_empty())
    }
}

/// The kinds of pieces.
#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// Text.
    Text(String),
    /// An image, a sound, a video or a document.
    Media(Media),
    /// Reasoning in words, with the provider's signature if it gave one. The text may be empty (omitted thinking).
    Reasoning {
        /// The words.
        text: String,
        /// What the provider wants back unchanged.
        signature: Option<Signature>,
    },
    /// Reasoning that only the provider can read (Anthropic `redacted_thinking`, OpenAI `encrypted_content`).
    Sealed(Signature),
    /// A refusal in words.
    Refusal(String),
    /// The model calls a tool.
    ToolCall {
        /// The call's id, that the result names.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments as JSON text, or the input of a custom tool as it is. May be broken: models write it.
        arguments: String,
        /// Whether the tool is a custom one.
        custom: bool,
        /// The provider's signature of the call (Gemini `thoughtSignature`).
        signature: Option<Signature>,
    },
    /// What a tool gave back.
    ToolResult {
        /// The call's id.
        id: String,
        /// The tool's name, where the format has it.
        name: Option<String>,
        /// The result: text, media, or what only the format knows.
        parts: Vec<Part>,
        /// Whether the tool failed.
        error: bool,
    },
    /// A part that only one format knows, as it came.
    Native(Format, Raw),
}

/// A file in a prompt or an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where its bytes are.
    pub source: Source,
    /// Its media type, such as `image/png`; absent: not told.
    pub mime: Option<String>,
    /// Its file name or title.
    pub name: Option<String>,
    /// OpenAI's `detail`.
    pub detail: Option<String>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// An image.
    Image,
    /// A sound.
    Audio,
    /// A video.
    Video,
    /// A PDF, a text file, an office document.
    Document,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Here, in base 64 (standard alphabet, padded).
    Base64(String),
    /// Here, as text (documents).
    Text(String),
    /// At a URL.
    Url(String),
    /// At the provider, by this id.
    FileId(String),
}

impl Media {
    /// A file out of a `data:` URL, or a reference to any other. Parameters of the data URL's media type are dropped
    /// and `image/jpg` is written `image/jpeg`.
    pub fn of_url(kind: MediaKind, url: &str) -> Self {
        let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(','));
        let (source, mime) = match inline {
            Some((head, data)) if head.ends_with(";base64") || head == "base64" => {
                let mime = head.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                let mime = if mime == "image/jpg" { "image/jpeg".to_owned() } else { mime };
                (Source::Base64(data.to_owned()), Some(mime).filter(|mime| mime.contains('/')))
            }
            _ => (Source::Url(url.to_owned()), None),
        };
        Self { kind, source, mime, name: None, detail: None }
    }

    /// The file as a URL: as it is, or as a `data:` URL. `None` for what is only at the provider.
    pub fn to_url(&self) -> Option<String> {
        match &self.source {
            Source::Url(url) => Some(url.clone()),
            Source::Base64(data) => Some(format!("data:{};base64,{data}", self.mime_or_sniffed())),
            Source::Text(text) => {
                let data = base64::engine::general_purpose::STANDARD.encode(text);
                let mime = self.mime.as_deref().unwrap_or("text/plain");
                Some(format!("data:{mime};base64,{data}"))
            }
            Source::FileId(_) => None,
        }
    }

    /// Its media type: by its first bytes where these tell it (extensions and labels lie), else as told, else a guess
    /// by its kind.
    pub fn mime_or_sniffed(&self) -> String {
        let sniffed = match &self.source {
            Source::Base64(data) => sniff(data),
            _ => None,
        };
        let told = self.mime.clone().filter(|mime| mime.contains('/'));
        sniffed.map(str::to_owned).or(told).unwrap_or_else(|| {
            match self.kind {
                MediaKind::Image => "image/png",
                MediaKind::Audio => "audio/wav",
                MediaKind::Video => "video/mp4",
                MediaKind::Document => "application/pdf",
            }
            .to_owned()
        })
    }
}

/// A media type by the magic bytes at the start of base-64 data.
fn sniff(data: &str) -> Option<&'static str> {
    let head: String = data.chars().filter(|c| !c.is_whitespace()).take(24).collect();
    let usable = head.len() / 4 * 4;
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(head.get(..usable)?.trim_end_matches('='))
        .ok()?;
    let riff = |kind: &[u8]| bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(kind);
    Some(match bytes.as_slice() {
        b if b.starts_with(b"\x89PNG") => "image/png",
        b if b.starts_with(b"\xff\xd8\xff") => "image/jpeg",
        b if b.starts_with(b"GIF8") => "image/gif",
        b if b.starts_with(b"%PDF") => "application/pdf",
        _ if riff(b"WEBP") => "image/webp",
        _ if riff(b"WAVE") => "audio/wav",
        _ => return None,
    })
}

/// A cache breakpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMark {
    /// Anthropic `ephemeral` without a `ttl`.
    Default,
    /// Five minutes, said so.
    FiveMinutes,
    /// One hour.
    OneHour,
}

/// A text that a provider wants back unchanged, and whose it is: no other provider can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The format of the provider that made it.
    pub by: Format,
    /// The text.
    pub data: String,
}

impl Signature {
    const MARK: &str = "tollgate1";

    /// A signature in its own format.
    pub fn new(by: Format, data: impl Into<String>) -> Self {
        Self { by, data: data.into() }
    }

    /// The text to give to an app that speaks `format`: as it is where the format is its own, else marked with where
    /// it comes from.
    pub fn shown_in(&self, format: Format) -> String {
        if self.by == format {
            return self.data.clone();
        }
        let data = URL_SAFE_NO_PAD.encode(&self.data);
        format!("{}_{}_{data}", Self::MARK, letter(self.by))
    }

    /// Reads a text that an app which speaks `format` sent back.
    pub fn read_in(format: Format, text: &str) -> Self {
        Self::marked(text).unwrap_or_else(|| Self::new(format, text))
    }

    fn marked(text: &str) -> Option<Self> {
        let (by, data) = text.strip_prefix(Self::MARK)?.strip_prefix('_')?.split_once('_')?;
        let by = ALL.into_iter().find(|format| letter(*format) == by)?;
        let data = String::from_utf8(URL_SAFE_NO_PAD.decode(data).ok()?).ok()?;
        Some(Self { by, data })
    }

    /// A call's id that carries a signature, for apps whose format has no other place that surely comes back.
    pub fn into_id(self, id: &str) -> String {
        format!("{id}__{}_{}_{}", Self::MARK, letter(self.by), URL_SAFE_NO_PAD.encode(self.data))
    }

    /// Splits an id that [`Self::into_id`] made; any other comes back as it is.
    pub fn out_of_id(id: &str) -> (String, Option<Self>) {
        let split = id.rfind(&format!("__{}_", Self::MARK));
        match split.and_then(|at| Some((id.get(..at)?, Self::marked(id.get(at + 2..)?)?))) {
            Some((plain, signature)) => (plain.to_owned(), Some(signature)),
            None => (id.to_owned(), None),
        }
    }
}

const ALL: [Format; 6] = [
    Format::OpenaiChat,
    Format::OpenaiResponses,
    Format::Anthropic,
    Format::Gemini,
    Format::Bedrock,
    Format::Cohere,
];

const fn letter(format: Format) -> &'static str {
    match format {
        Format::OpenaiChat => "o",
        Format::OpenaiResponses => "r",
        Format::Anthropic => "a",
        Format::Gemini => "g",
        Format::Bedrock => "b",
        Format::Cohere => "c",
    }
}

/// Arguments as an object, for formats that have them so: nothing, `""` and `"null"` become `{}`; an object is taken
/// as it is; a text that is no JSON is kept under `_raw`, and any other value under `value`.
pub fn arguments_object(text: &str) -> Raw {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed == "null" {
        return Raw::empty_object();
    }
    match serde_json::from_str::<&RawValue>(trimmed) {
        Ok(value) if value.get().starts_with('{') => Raw::from(value),
        Ok(value) if matches!(value.get(), "\"\"" | "\"null\"") => Raw::empty_object(),
        Ok(value) => Raw::of(&std::collections::BTreeMap::from([("value", value)])),
        Err(_) => Raw::of(&std::collections::BTreeMap::from([("_raw", text)])),
    }
}

/// Arguments as text, for formats that have them so: compact, keys and digits as they came.
pub fn arguments_text(object: &Raw) -> String {
    compact(object.get())
}

/// An id for a call whose provider gave none: unique within the answer `answer_id`.
pub fn fresh_call_id(answer_id: &str, number: usize) -> String {
    let plain: String = answer_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail = plain.get(plain.len().saturating_sub(20)..).unwrap_or_default();
    format!("call_{tail}{number:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_become_objects_whatever_models_write() {
        let cases = [
            ("", "{}"),
            ("  ", "{}"),
            ("null", "{}"),
            ("\"null\"", "{}"),
            ("{\"x\": 1.0}", "{\"x\": 1.0}"),
            ("[1]", "{\"value\":[1]}"),
            ("{\"x\":", "{\"_raw\":\"{\\\"x\\\":\"}"),
        ];
        for (text, expected) in cases {
            assert_eq!(arguments_object(text).get(), expected, "{text}");
        }
    }

    #[test]
    fn data_urls_are_taken_apart_and_the_bytes_tell_the_type() {
        let png = "iVBORw0KGgoAAAANSUhEUgAA";
        let media =
            Media::of_url(MediaKind::Image, &format!("data:image/jpg;charset=utf-8;base64,{png}"));
        assert_eq!(media.mime.as_deref(), Some("image/jpeg"));
        assert_eq!(media.mime_or_sniffed(), "image/png");
        let far = Media::of_url(MediaKind::Image, "https://x/y.png");
        assert_eq!(far.source, Source::Url("https://x/y.png".into()));
        assert_eq!(far.to_url().as_deref(), Some("https://x/y.png"));
    }

    proptest! {
        #[test]
        fn a_signature_survives_foreign_formats_and_ids(data in ".{0,60}", id in "[a-zA-Z0-9_-]{1,20}") {
            for by in ALL {
                let signature = Signature::new(by, data.clone());
                for format in ALL {
                    prop_assert_eq!(&Signature::read_in(format, &signature.shown_in(format)), &signature);
                }
                prop_assert_eq!(Signature::out_of_id(&signature.clone().into_id(&id)), (id.clone(), Some(signature)));
            }
            prop_assert_eq!(Signature::out_of_id(&id), (id, None));
        }
    }
}
