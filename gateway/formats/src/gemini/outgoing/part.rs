//! The parts of a turn.

use super::{super::request::is_synthetic, super::signature::SENTINEL, Writing, inside};
use crate::{
    conversation::{Format, Part, PartKind, Role, Signature, Source, Turn, arguments_object},
    json::{List, Node, Object, Raw, list, object},
};

impl Writing<'_> {
    /// The parts of a turn as JSON text.
    pub(super) fn parts(&mut self, turn: &Turn) -> String {
        let mut out = Vec::new();
        list(&mut out, |all| {
            let loose = self.loose_signature(turn);
            let mut first_call = true;
            let mut aside: Vec<&Part> = Vec::new();
            for (place, part) in turn.parts.iter().enumerate() {
                let is_result = matches!(part.kind, PartKind::ToolResult { .. });
                if !is_result {
                    // Results stand together; their files follow where they cannot be inside.
                    aside.drain(..).for_each(|part| self.file_of_result(part, all));
                }
                match &part.kind {
                    PartKind::ToolResult { parts, .. } => {
                        self.result(part, all);
                        if !self.model.takes_media_in_results() {
                            aside.extend(parts.iter().filter(|part| is_media(part)));
                        }
                    }
                    PartKind::ToolCall { .. } => {
                        self.call(part, std::mem::take(&mut first_call), all);
                    }
                    PartKind::Reasoning { text, .. }
                        if text.is_empty() && !self.own && loose.is_some() => {}
                    _ => {
                        let signed = loose.filter(|(at, _)| *at == place);
                        self.said(part, signed.map(|(_, signature)| signature), all);
                    }
                }
            }
            aside.drain(..).for_each(|part| self.file_of_result(part, all));
            if self.is_wordless(turn) {
                all.object(|members| {
                    members.put("text", " ");
                });
            }
        });
        String::from_utf8(out).unwrap_or_default()
    }

    /// A signature without words, and the text that it goes to: other formats have no place for the signature of a
    /// text, so it came back on its own.
    fn loose_signature<'t>(&self, turn: &'t Turn) -> Option<(usize, &'t Signature)> {
        if self.own || turn.role != Role::Assistant {
            return None;
        }
        let signature = turn.parts.iter().rev().find_map(|part| match &part.kind {
            PartKind::Reasoning { text, signature: Some(signature) } if text.is_empty() => {
                Some(signature)
            }
            _ => None,
        })?;
        let last = turn.parts.iter().rposition(|part| part.as_text().is_some())?;
        Some((last, signature))
    }

    /// Some models refuse a turn of nothing but files.
    fn is_wordless(&self, turn: &Turn) -> bool {
        !self.own && turn.role == Role::User && turn.parts.iter().all(is_media)
    }

    /// Text, reasoning, files, and what is carried as it came.
    fn said(&mut self, part: &Part, signed: Option<&Signature>, all: &mut List) {
        match &part.kind {
            PartKind::Text(text) => {
                all.object(|members| {
                    members.put("text", text);
                    members.put_some("thoughtSignature", signed.map(|it| &it.data));
                    members.put_all(&part.extra);
                });
            }
            PartKind::Reasoning { text, signature } => {
                all.object(|members| {
                    members.put("text", text);
                    if self.own || !text.is_empty() {
                        members.put("thought", true);
                    }
                    members.put_some("thoughtSignature", signature.as_ref().map(|it| &it.data));
                    members.put_all(&part.extra);
                });
            }
            PartKind::Media(media) => {
                all.object(|members| self.media(media, part, members));
            }
            PartKind::Native(Format::Gemini, raw) => {
                all.put_text(raw.get());
            }
            _ => {}
        }
    }

    fn call(&mut self, part: &Part, first: bool, all: &mut List) {
        let PartKind::ToolCall { id, name, arguments, custom, signature } = &part.kind else {
            return;
        };
        let name = self.name(name);
        let object = if *custom {
            Raw::of(&serde_json::json!({ "input": arguments }))
        } else {
            arguments_object(arguments)
        };
        let args = self.fit.names.sent_arguments(object.get());
        let own =
            signature.as_ref().filter(|it| it.by == Format::Gemini).map(|it| it.data.as_str());
        let signed = match own {
            Some(data) if self.model.knows_signatures() => Some(data),
            // Of several calls at once, only the first one is signed.
            _ if first && self.model.wants_signatures() => Some(SENTINEL),
            _ => None,
        };
        all.object(|members| {
            members.object("functionCall", |call| {
                call.put_some("id", self.sent_id(id));
                call.put("name", name);
                call.put_text("args", args.as_deref().unwrap_or(object.get()));
                call.put_all(&self.inside_part(part, "functionCall"));
            });
            members.put_some("thoughtSignature", signed);
            members.put_all(outside(part, "functionCall"));
        });
    }

    /// The id, if the model takes ids and the app gave one.
    fn sent_id<'i>(&self, id: &'i str) -> Option<&'i str> {
        (self.model.takes_ids() && !is_synthetic(id)).then_some(id)
    }

    fn result(&mut self, part: &Part, all: &mut List) {
        let PartKind::ToolResult { id, name, parts, error } = &part.kind else { return };
        let name = self.name(name.as_deref().unwrap_or("unknown"));
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        let files: Vec<&Part> =
            parts.iter().filter(|part| part.as_text().is_none() && self.fits(part)).collect();
        let text = texts.join("\n");
        let text = if text.is_empty() && !files.is_empty() { "[file]" } else { &text };
        let response = response_object(text, *error, self.own);
        all.object(|members| {
            members.object("functionResponse", |answer| {
                answer.put_some("id", self.sent_id(id));
                answer.put("name", name).put_text("response", response.get());
                if self.model.takes_media_in_results() && !files.is_empty() {
                    answer.list("parts", |list| {
                        files.iter().for_each(|part| self.said(part, None, list));
                    });
                }
                answer.put_all(&self.inside_part(part, "functionResponse"));
            });
            members.put_all(outside(part, "functionResponse"));
        });
    }

    /// Whether a part of a result can be sent: files, and what is Gemini's own.
    fn fits(&self, part: &Part) -> bool {
        match &part.kind {
            PartKind::Media(media) => {
                self.own || !matches!(&media.source, Source::FileId(id) if !id.contains("://"))
            }
            PartKind::Native(by, _) => *by == Format::Gemini,
            _ => false,
        }
    }

    fn file_of_result(&mut self, part: &Part, all: &mut List) {
        if self.fits(part) {
            self.said(part, None, all);
        }
    }

    /// What the app's request had inside of a part's data.
    pub(super) fn inside_part(&self, part: &Part, name: &str) -> Vec<(String, Raw)> {
        if !self.own {
            return Vec::new();
        }
        let found = part.extra.iter().find(|(known, _)| known == name);
        found.map(|(_, raw)| inside(raw)).unwrap_or_default()
    }
}

/// What stands beside a part's data.
pub(super) fn outside<'p>(
    part: &'p Part,
    name: &'p str,
) -> impl Iterator<Item = &'p (String, Raw)> {
    part.extra.iter().filter(move |(known, _)| known != name)
}

fn is_media(part: &Part) -> bool {
    matches!(part.kind, PartKind::Media(_))
}

/// A tool's answer as the object that it must be: an object is taken as it is, any other text is put into one.
///
/// A key `$ref` is taken for a pointer to the files beside it, so an object with such a key is sent as a text, unless the
/// app speaks this format and means it (`own`).
pub(in crate::gemini) fn response_object(text: &str, error: bool, own: bool) -> Raw {
    let object = text.trim_start().starts_with('{').then(|| Node::parse(text)).flatten();
    let object = object.filter(|tree| own || !refers(tree)).and_then(|_| Raw::parse(text));
    let value = match (object, error) {
        (Some(object), false) => return object,
        (Some(object), true) => object,
        (None, _) => Raw::string(text),
    };
    let mut out = Vec::new();
    object_of(&mut out, if error { "error" } else { "output" }, &value);
    String::from_utf8(out).ok().and_then(|text| Raw::parse(&text)).unwrap_or_else(Raw::empty_object)
}

/// Whether a key `$ref` is anywhere in a value.
fn refers(value: &Node) -> bool {
    match value {
        Node::Object(members) => members.iter().any(|(key, value)| key == "$ref" || refers(value)),
        Node::Array(entries) => entries.iter().any(refers),
        Node::Text(_) | Node::Scalar(_) => false,
    }
}

fn object_of(out: &mut Vec<u8>, name: &str, value: &Raw) {
    object(out, |members: &mut Object| {
        members.put_text(name, value.get());
    });
}
