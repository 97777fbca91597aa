//! What an app is shown: the parts of an answer.

use super::signature;
use crate::{
    conversation::{Format, Media, Part, PartKind, Signature, Source, arguments_object},
    json::{List, Members, Object, Raw, compact},
    stream::Asked,
};

/// Writes parts for one app.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Whether the app wants to see thoughts: apps that do not ask for them join all texts.
    pub(super) thoughts: bool,
}

/// Members of a candidate that are carried as parts.
const BESIDE: [&str; 3] = ["groundingMetadata", "citationMetadata", "urlContextMetadata"];

impl Said {
    pub(super) fn new(asked: &Asked) -> Self {
        let reasoning = asked.conversation.reasoning.as_ref();
        Self { thoughts: reasoning.and_then(|reasoning| reasoning.show) == Some(true) }
    }

    /// A text.
    pub(super) fn text(self, text: &str, signature: Option<&Signature>, list: &mut List) {
        list.object(|part| {
            part.put("text", text);
            part.put_some("thoughtSignature", signature.map(signature::shown));
        });
    }

    /// A thought. Signatures of other providers always belong to one.
    pub(super) fn thought(self, text: &str, signature: Option<&Signature>, list: &mut List) {
        let foreign = signature.is_some_and(|it| it.by != Format::Gemini);
        list.object(|part| {
            part.put("text", text);
            if foreign || !text.is_empty() {
                part.put("thought", true);
            }
            part.put_some("thoughtSignature", signature.map(signature::shown));
        });
    }

    /// A call with all of its arguments.
    pub(super) fn call(
        self,
        call: (&str, &str, &str),
        custom: bool,
        signature: Option<&Signature>,
        list: &mut List,
    ) {
        let (id, name, arguments) = call;
        let args = if custom {
            Raw::of(&serde_json::json!({ "input": arguments }))
        } else {
            arguments_object(arguments)
        };
        list.object(|part| {
            part.object("functionCall", |call| {
                // A line break in it would break an event.
                call.put("id", id).put("name", name).put_text("args", &compact(args.get()));
            });
            part.put_some("thoughtSignature", signature.map(signature::shown));
        });
    }

    /// Any part; false if there is nothing to show.
    pub(super) fn part(self, part: &Part, list: &mut List) -> bool {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => self.text(text, None, list),
            PartKind::Reasoning { text, signature } => {
                if (!self.thoughts && !text.is_empty()) || (text.is_empty() && signature.is_none())
                {
                    return false;
                }
                self.thought(text, signature.as_ref(), list);
            }
            // An empty text that is no thought: so it is told from a thought without words when it comes back.
            PartKind::Sealed(signature) => self.text("", Some(signature), list),
            PartKind::ToolCall { id, name, arguments, custom, signature } => {
                self.call((id, name, arguments), *custom, signature.as_ref(), list);
            }
            PartKind::Media(media) => list_media(media, list),
            PartKind::Native(Format::Gemini, raw) if beside(raw).is_none() => {
                list.put_text(&compact(raw.get()));
            }
            PartKind::Native(..) | PartKind::ToolResult { .. } => return false,
        }
        true
    }

    /// What stands beside the content; false if the part is no such thing.
    pub(super) fn beside(self, part: &Part, candidate: &mut Object) -> bool {
        let PartKind::Native(Format::Gemini, raw) = &part.kind else { return false };
        match beside(raw) {
            Some((name, member)) => {
                candidate.put_text(&name, &compact(member.get()));
                true
            }
            None => false,
        }
    }
}

fn beside(raw: &Raw) -> Option<(String, Raw)> {
    let only = Members::of_text(raw.get())?.rest();
    only.into_iter().find(|(name, _)| BESIDE.contains(&name.as_str()))
}

fn list_media(media: &Media, list: &mut List) {
    list.object(|part| match &media.source {
        Source::Base64(data) => {
            part.object("inlineData", |blob| {
                blob.put("mimeType", media.mime_or_sniffed()).put("data", data);
            });
        }
        Source::Text(text) => {
            part.put("text", text);
        }
        Source::Url(address) | Source::FileId(address) => {
            part.object("fileData", |file| {
                file.put("mimeType", media.mime_or_sniffed()).put("fileUri", address);
            });
        }
    });
}
