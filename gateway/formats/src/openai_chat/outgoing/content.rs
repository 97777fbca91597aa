//! The `content` of a message.

use super::{Split, Writing};
use crate::{
    conversation::{CacheMark, Format, Media, MediaKind, Part, PartKind, Source},
    json::{Object, list, object, string},
    openai_chat::dialect::{CacheMarks, Files},
};
use std::borrow::Cow;

/// The parts of one message, on their way to become a string or a list.
#[derive(Default)]
pub(super) struct Content<'p> {
    parts: Vec<Piece<'p>>,
}

enum Piece<'p> {
    /// A text and nothing else.
    Text(Cow<'p, str>),
    /// Any other part, as JSON.
    Json(Vec<u8>),
}

impl Piece<'_> {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(_) => None,
        }
    }
}

impl<'p> Content<'p> {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether there is nothing in it but empty texts.
    pub(super) fn says_nothing(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Piece::Text(text) if text.is_empty()))
    }

    /// A text without anything else.
    pub(super) fn text(&mut self, text: impl Into<Cow<'p, str>>) {
        self.parts.push(Piece::Text(text.into()));
    }

    /// Puts a breakpoint behind the last text.
    pub(super) fn mark_last(&mut self, cache_control: &str) {
        if let Some(Piece::Text(text)) = self.parts.pop_if(|part| part.as_text().is_some()) {
            self.object(|o| {
                o.put("type", "text").put("text", text);
                o.put_text("cache_control", cache_control);
            });
        }
    }

    fn object(&mut self, members: impl FnOnce(&mut Object)) {
        let mut json = Vec::new();
        object(&mut json, members);
        self.parts.push(Piece::Json(json));
    }

    /// Mistral's part of earlier reasoning.
    pub(super) fn thinking(&mut self, text: &str) {
        self.object(|o| {
            o.put("type", "thinking").list("thinking", |l| {
                l.object(|o| {
                    o.put("type", "text").put("text", text);
                });
            });
        });
    }

    /// The content as JSON: a string where there is one text, or where `joins` and there are only texts; else a list.
    pub(super) fn written(self, joins: bool) -> String {
        let texts: Option<Vec<&str>> = self.parts.iter().map(Piece::as_text).collect();
        match texts.as_deref() {
            Some([]) => return string(""),
            Some([only]) => return string(only),
            Some(several) if joins => return string(&several.join("\n")),
            _ => {}
        }
        let mut json = Vec::new();
        list(&mut json, |l| {
            for part in &self.parts {
                match part {
                    Piece::Text(text) => {
                        l.object(|o| {
                            o.put("type", "text").put("text", text);
                        });
                    }
                    Piece::Json(part) => {
                        l.put_text(&String::from_utf8_lossy(part));
                    }
                }
            }
        });
        String::from_utf8(json).unwrap_or_default()
    }
}

/// `cache_control` as Anthropic has it.
pub(super) fn cache_control(mark: CacheMark) -> &'static str {
    match mark {
        CacheMark::Default => r#"{"type":"ephemeral"}"#,
        CacheMark::FiveMinutes => r#"{"type":"ephemeral","ttl":"5m"}"#,
        CacheMark::OneHour => r#"{"type":"ephemeral","ttl":"1h"}"#,
    }
}

impl<'c> Writing<'c> {
    /// A breakpoint as the provider takes it; one that it does not take is reported.
    pub(super) fn cache_control(&mut self, mark: Option<CacheMark>) -> Option<&'static str> {
        let mark = mark?;
        let taken = match self.dialect.messages.cache_marks {
            CacheMarks::Never => false,
            CacheMarks::Own => self.own(),
            CacheMarks::Known => true,
        };
        if !taken {
            self.fit.hint("cache_control");
        }
        taken.then(|| cache_control(mark))
    }

    /// Adds a part of a speaker's message. What has its place elsewhere (calls, reasoning) is not taken here.
    pub(super) fn put_part<'p>(&mut self, part: &'p Part, content: &mut Content<'p>) {
        match &part.kind {
            PartKind::Text(text) => self.put_text(text, part, content),
            PartKind::Refusal(text) if self.dialect.messages.refusals => {
                content.object(|o| {
                    o.put("type", "refusal").put("refusal", text);
                });
            }
            PartKind::Refusal(text) => content.text(text.as_str()),
            PartKind::Media(media) => self.put_media(media, part, content),
            PartKind::Native(Format::OpenaiChat, raw) if self.own() => {
                content.parts.push(Piece::Json(raw.get().as_bytes().to_vec()));
            }
            PartKind::Native(..) => self.fit.hint("content"),
            PartKind::Reasoning { .. }
            | PartKind::Sealed(_)
            | PartKind::ToolCall { .. }
            | PartKind::ToolResult { .. } => {}
        }
    }

    fn put_text<'p>(&mut self, text: &'p str, part: &Part, content: &mut Content<'p>) {
        let cache = self.cache_control(part.cache);
        let extra = self.extra(&part.extra);
        if cache.is_none() && extra.is_empty() {
            return content.text(text);
        }
        content.object(|o| {
            o.put("type", "text").put("text", text).put_all(extra);
            if let Some(cache) = cache {
                o.put_text("cache_control", cache);
            }
        });
    }

    /// Adds a file, in the shape of its kind.
    pub(super) fn put_media<'p>(
        &mut self,
        media: &'p Media,
        part: &Part,
        content: &mut Content<'p>,
    ) {
        if let Source::Text(text) = &media.source {
            return match &media.name {
                Some(name) => content.text(format!("{name}:\n{text}")),
                None => content.text(text.as_str()),
            };
        }
        let Some((kind, value, inner)) = self.media(media) else { return };
        let cache = self.cache_control(part.cache);
        let Split { inside, beside } = Split::of(self.extra(&part.extra), inner);
        content.object(|o| {
            o.put("type", kind);
            match &value {
                Shape::Alone(url) => {
                    o.put(inner, url);
                }
                Shape::Members(members) => {
                    o.object(inner, |o| {
                        for (name, value) in members {
                            o.put(name, value);
                        }
                        o.put_all(&inside);
                    });
                }
            }
            if let (Shape::Alone(_), Some(name)) = (&value, &media.name) {
                o.put("document_name", name);
            }
            o.put_all(&beside);
            if let Some(cache) = cache {
                o.put_text("cache_control", cache);
            }
        });
    }

    /// The type of a file's part and what is in it; `None` if the provider does not take it, which is told.
    fn media(&mut self, media: &Media) -> Option<(&'static str, Shape, &'static str)> {
        let rules = self.dialect.messages;
        let at_url = matches!(media.source, Source::Url(_));
        let files = rules.files;
        match media.kind {
            MediaKind::Image if at_url && !rules.image_urls => {
                self.cannot_take("it takes images only as data URLs")
            }
            MediaKind::Image => match media.to_url() {
                Some(url) => {
                    let mut members = vec![("url", url)];
                    members.extend(media.detail.clone().map(|detail| ("detail", detail)));
                    Some(("image_url", Shape::Members(members), "image_url"))
                }
                None => self.cannot_take("an image by its id cannot be read there"),
            },
            MediaKind::Video if !rules.video => self.cannot_take("it takes no videos"),
            MediaKind::Video => match media.to_url() {
                Some(url) => Some(("video_url", Shape::Members(vec![("url", url)]), "video_url")),
                None => self.cannot_take("a video by its id cannot be read there"),
            },
            MediaKind::Audio => match &media.source {
                Source::Base64(data) => {
                    let format = audio_format(&media.mime_or_sniffed()).to_owned();
                    let members = vec![("data", data.clone()), ("format", format)];
                    Some(("input_audio", Shape::Members(members), "input_audio"))
                }
                _ => self.cannot_take("sounds have to be in the request"),
            },
            MediaKind::Document => match files {
                Files::File => self.file(media),
                Files::DocumentUrl => match media.to_url() {
                    Some(url) => Some(("document_url", Shape::Alone(url), "document_url")),
                    None => self.cannot_take("a file by its id cannot be read there"),
                },
                Files::Never => self.cannot_take("it takes no files"),
            },
        }
    }

    fn file(&mut self, media: &Media) -> Option<(&'static str, Shape, &'static str)> {
        let ids_known =
            matches!(self.conversation.origin, Format::OpenaiChat | Format::OpenaiResponses);
        let mut members = match &media.source {
            Source::FileId(id) if ids_known => vec![("file_id", id.clone())],
            // LiteLLM's spelling, for servers that speak it.
            Source::Url(url) if self.own() => vec![("file_id", url.clone())],
            Source::FileId(_) => return self.cannot_take("a file by its id cannot be read there"),
            Source::Url(_) => return self.cannot_take("files have to be in the request"),
            Source::Base64(_) | Source::Text(_) => vec![("file_data", media.to_url()?)],
        };
        members.extend(media.name.clone().map(|name| ("filename", name)));
        Some(("file", Shape::Members(members), "file"))
    }

    fn cannot_take<T>(&mut self, why: &str) -> Option<T> {
        let label = self.label("messages");
        self.fit.cannot(label, why);
        None
    }
}

/// What stands in a part beside its type.
enum Shape {
    /// A URL.
    Alone(String),
    /// An object.
    Members(Vec<(&'static str, String)>),
}

/// OpenAI's word for a media type.
fn audio_format(mime: &str) -> &str {
    match mime {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.rsplit('/').next().unwrap_or(other),
    }
}

/// What stands in a tool's message for a file that moves to a message of the user.
pub(super) const fn stand_in(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "[image]",
        MediaKind::Audio => "[audio]",
        MediaKind::Video => "[video]",
        MediaKind::Document => "[file]",
    }
}
