//! The `content` of a message and the `output` of a tool.

use super::items::Items;
use crate::{
    conversation::{Format, Media, MediaKind, Part, PartKind, Source, label},
    json::{Object, list, object, string},
};

/// Whose content it is: texts have their name by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The model.
    Assistant,
    /// The user, or rules.
    Other,
    /// A tool.
    Tool,
}

/// Content on its way to become a string or a list.
pub(super) struct Content {
    speaker: Speaker,
    parts: Vec<Piece>,
}

struct Piece {
    json: Vec<u8>,
    /// The text, if it is nothing but one.
    text: Option<String>,
}

impl Content {
    pub(super) const fn new(speaker: Speaker) -> Self {
        Self { speaker, parts: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether there is nothing to see in it.
    pub(super) fn is_blank(&self) -> bool {
        self.parts.iter().all(|part| part.text.as_ref().is_some_and(|text| text.trim().is_empty()))
    }

    /// A text without anything else.
    pub(super) fn text(&mut self, text: &str) {
        self.put_text(text, &[]);
    }

    fn put_text(&mut self, text: &str, extra: &[(String, crate::json::Raw)]) {
        let kind = if self.speaker == Speaker::Assistant { "output_text" } else { "input_text" };
        let mut json = Vec::new();
        object(&mut json, |o| {
            o.put("type", kind).put("text", text).put_all(extra);
        });
        let text = extra.is_empty().then(|| text.to_owned());
        self.parts.push(Piece { json, text });
    }

    fn object(&mut self, members: impl FnOnce(&mut Object)) {
        let mut json = Vec::new();
        object(&mut json, members);
        self.parts.push(Piece { json, text: None });
    }

    /// Adds a part.
    pub(super) fn put(&mut self, items: &mut Items, part: &Part) {
        let extra = items.extra(part);
        if part.cache.is_some() {
            items.hint("cache_control");
        }
        match &part.kind {
            PartKind::Text(text) => self.put_text(text, &extra),
            PartKind::Refusal(text) if self.speaker == Speaker::Assistant => self.object(|o| {
                o.put("type", "refusal").put("refusal", text).put_all(&extra);
            }),
            PartKind::Refusal(text) => self.text(text),
            PartKind::Media(media) => self.put_media(items, media, &extra),
            PartKind::Native(Format::OpenaiResponses, raw) => {
                self.parts.push(Piece { json: raw.get().as_bytes().to_vec(), text: None });
            }
            // What a tool gave in another format's words is still what it gave.
            PartKind::Native(_, raw) if self.speaker == Speaker::Tool => self.text(raw.get()),
            _ => items.hint(label(items.origin, "messages")),
        }
    }

    fn put_media(
        &mut self,
        items: &mut Items,
        media: &Media,
        extra: &[(String, crate::json::Raw)],
    ) {
        if let Source::Text(text) = &media.source {
            let named = media.name.as_ref().map(|name| format!("{name}:\n{text}"));
            return self.text(named.as_deref().unwrap_or(text));
        }
        let ids_known = matches!(items.origin, Format::OpenaiChat | Format::OpenaiResponses);
        if matches!(media.source, Source::FileId(_)) && !ids_known {
            return items.cannot("a file by its id cannot be read there");
        }
        match media.kind {
            MediaKind::Image => self.image(items.own(), media, extra),
            MediaKind::Document => self.file(media, extra),
            MediaKind::Audio => match &media.source {
                Source::Base64(data) => self.audio(media, data, extra),
                _ => items.cannot("sounds have to be in the request"),
            },
            MediaKind::Video => items.cannot("it takes no videos"),
        }
    }

    fn image(&mut self, own: bool, media: &Media, extra: &[(String, crate::json::Raw)]) {
        let detail = media.detail.as_deref().or((!own).then_some("auto"));
        self.object(|o| {
            o.put("type", "input_image");
            if let Source::FileId(id) = &media.source {
                o.put("file_id", id);
            }
            o.put_some("image_url", media.to_url()).put_some("detail", detail).put_all(extra);
        });
    }

    fn file(&mut self, media: &Media, extra: &[(String, crate::json::Raw)]) {
        let inline = matches!(media.source, Source::Base64(_));
        // Data without a name is refused.
        let name = media.name.clone().or_else(|| {
            let mime = media.mime_or_sniffed();
            let ending = mime.rsplit('/').next().unwrap_or("pdf").to_owned();
            inline.then(|| format!("file.{ending}"))
        });
        self.object(|o| {
            o.put("type", "input_file").put_some("filename", name);
            match &media.source {
                Source::FileId(id) => o.put("file_id", id),
                Source::Url(url) => o.put("file_url", url),
                Source::Base64(_) | Source::Text(_) => o.put_some("file_data", media.to_url()),
            };
            o.put_some("detail", media.detail.as_deref()).put_all(extra);
        });
    }

    fn audio(&mut self, media: &Media, data: &str, extra: &[(String, crate::json::Raw)]) {
        let mime = media.mime_or_sniffed();
        let format = match mime.as_str() {
            "audio/mpeg" | "audio/mp3" => "mp3",
            "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
            other => other.rsplit('/').next().unwrap_or(other),
        };
        self.object(|o| {
            o.put("type", "input_audio").object("input_audio", |o| {
                o.put("data", data).put("format", format);
            });
            o.put_all(extra);
        });
    }

    /// The content as JSON: one text is a string if it may be, everything else a list.
    pub(super) fn written(self, string_allowed: bool) -> String {
        match self.parts.as_slice() {
            [] if string_allowed => return string(""),
            [Piece { text: Some(text), .. }] if string_allowed => return string(text),
            _ => {}
        }
        let mut json = Vec::new();
        list(&mut json, |l| {
            for part in &self.parts {
                l.put_text(&String::from_utf8_lossy(&part.json));
            }
        });
        String::from_utf8(json).unwrap_or_default()
    }
}
