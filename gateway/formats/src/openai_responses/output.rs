//! Output items as apps get them.
//!
//! Reasoning is shown as a summary, and its signature as `encrypted_content`, whether the app asked for it or not: it
//! costs nothing, and an app that sends it back goes on where it was, whichever provider made it.

use super::{marks, request::summary_of};
use crate::{
    conversation::{Format, Media, MediaKind, Part, PartKind, Signature, Source},
    json::{Members, Object, Raw, object},
};
use sha2::{Digest, Sha256};

/// A content part of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) refusal: bool,
    /// Entries of log probabilities, each as JSON text.
    pub(super) logprobs: Vec<Raw>,
}

impl Said {
    pub(super) const fn new(text: String, refusal: bool) -> Self {
        Self { text, refusal, logprobs: Vec::new() }
    }

    /// Adds log probabilities in the shape of chat completions.
    pub(super) fn add_logprobs(&mut self, logprobs: &Raw) {
        let content = Members::of_text(logprobs.get()).and_then(|it| it.peek("content"));
        let entries = content.and_then(|raw| serde_json::from_str::<Vec<Raw>>(raw.get()).ok());
        self.logprobs.extend(entries.unwrap_or_default());
    }

    /// Its members as a content part.
    pub(super) fn members(&self, o: &mut Object) {
        if self.refusal {
            o.put("type", "refusal").put("refusal", &self.text);
        } else {
            o.put("type", "output_text").put("text", &self.text);
            o.put_text("annotations", "[]").put("logprobs", &self.logprobs);
        }
    }
}

/// A call of a tool.
#[derive(Debug, Clone)]
pub(super) struct Called {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) custom: bool,
}

impl Called {
    /// A signature of the provider travels in the call's id: it is the one place that every app brings back.
    pub(super) fn new(id: &str, name: &str, custom: bool, signature: Option<&Signature>) -> Self {
        let foreign = signature.filter(|signature| signature.by != Format::OpenaiResponses);
        let id = foreign.map_or_else(|| id.to_owned(), |signature| signature.clone().into_id(id));
        Self { id, name: name.to_owned(), arguments: String::new(), custom }
    }

    /// The prefix of its item's id.
    pub(super) const fn prefix(&self) -> &'static str {
        if self.custom { "ctc" } else { "fc" }
    }

    /// The arguments; a function's are an object, be it an empty one.
    pub(super) fn arguments(&self) -> &str {
        if self.only_blanks() { "{}" } else { &self.arguments }
    }

    /// Whether a function's arguments say nothing so far; a custom tool's input may be blank.
    pub(super) fn only_blanks(&self) -> bool {
        !self.custom && self.arguments.trim().is_empty()
    }
}

/// The ids of items: made of the response's, and the same whether it streams or not.
#[derive(Debug, Clone)]
pub(super) struct Ids(String);

impl Ids {
    pub(super) fn of(response: &str) -> Self {
        let plain = response.strip_prefix("resp_").unwrap_or(response);
        // With its prefix and its number an id may have 64 characters.
        if plain.len() <= 48 {
            return Self(plain.to_owned());
        }
        let digest = Sha256::digest(plain.as_bytes());
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    pub(super) fn item(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}_{}{}{index:04x}", marks::OURS, self.0)
    }
}

fn written(members: impl FnOnce(&mut Object)) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, members);
    out
}

pub(super) fn message(id: &str, said: &[Said], status: &str) -> Vec<u8> {
    written(|o| {
        o.put("id", id).put("type", "message").put("role", "assistant").put("status", status);
        o.list("content", |l| {
            for each in said {
                l.object(|o| each.members(o));
            }
        });
    })
}

/// `kind`: reasoning in words, or sealed. With its signature it is complete, whatever became of the answer.
pub(super) fn reasoning(id: &str, kind: &PartKind, status: &str) -> Vec<u8> {
    let signature = match kind {
        PartKind::Reasoning { signature, .. } => signature.as_ref(),
        PartKind::Sealed(signature) => Some(signature),
        _ => None,
    };
    let status = if signature.is_some() { "completed" } else { status };
    written(|o| {
        o.put("id", id).put("type", "reasoning").put("summary", summary_of(kind));
        let sealed = signature.map(|signature| signature.shown_in(Format::OpenaiResponses));
        o.put_some("encrypted_content", sealed).put("status", status);
    })
}

/// `arguments`: those that are shown; none yet where the call only begins.
pub(super) fn call(id: &str, called: &Called, arguments: &str, status: &str) -> Vec<u8> {
    written(|o| {
        o.put("id", id);
        if called.custom {
            o.put("type", "custom_tool_call").put("call_id", &called.id);
            o.put("name", &called.name).put("input", arguments);
        } else {
            o.put("type", "function_call").put("status", status);
            o.put("call_id", &called.id).put("name", &called.name).put("arguments", arguments);
        }
    })
}

/// The item of a part that comes whole; `None` for what has no place here.
pub(super) fn whole(part: &Part, ids: &Ids, index: usize) -> Option<Vec<u8>> {
    match &part.kind {
        PartKind::Sealed(_) => Some(reasoning(&ids.item("rs", index), &part.kind, "completed")),
        PartKind::Native(Format::OpenaiResponses, raw) if !marks::is_content(part) => {
            Some(raw.get().as_bytes().to_vec())
        }
        PartKind::Media(media) => image(media, &ids.item("ig", index)),
        _ => None,
    }
}

/// A drawing.
fn image(media: &Media, id: &str) -> Option<Vec<u8>> {
    let Source::Base64(data) = &media.source else { return None };
    if media.kind != MediaKind::Image {
        return None;
    }
    let mime = media.mime_or_sniffed();
    Some(written(|o| {
        o.put("id", id).put("type", "image_generation_call").put("status", "completed");
        o.put("output_format", mime.rsplit('/').next().unwrap_or("png")).put("result", data);
    }))
}
