//! Input items as turns.
//!
//! What the model did in one go comes as several items (reasoning, message, calls) and becomes one turn of the
//! assistant, as in every other format; a result is a turn of its own.

use super::content;
use crate::{
    conversation::{
        Extra, Format, Media, MediaKind, Part, PartKind, Role, Signature, Source, Turn,
    },
    json::{Members, Raw, list},
    mistake::Mistake,
    openai_responses::marks,
};
use serde_json::value::RawValue;

/// Gathers turns from items.
#[derive(Default)]
pub(in crate::openai_responses) struct Turns(Vec<Turn>);

impl Turns {
    /// All turns.
    pub(in crate::openai_responses) fn finish(self) -> Vec<Turn> {
        self.0
    }

    /// Takes a message of the user that came as a string.
    pub(super) fn said(&mut self, text: String) {
        self.0.push(Turn::new(Role::User, vec![Part::text(text)]));
    }

    /// Takes an item.
    pub(in crate::openai_responses) fn item(
        &mut self,
        path: &str,
        value: &RawValue,
    ) -> Result<(), Mistake> {
        let mut item = Members::of(path, value)?;
        let kind = match item.string("type")? {
            Some(kind) => kind,
            None if item.has("role") => "message".to_owned(),
            // The type of a reference may be left out too.
            None if item.has("id") => "item_reference".to_owned(),
            None => return Err(Mistake::missing(&item.path_of("type"))),
        };
        match kind.as_str() {
            "message" => self.message(item)?,
            "function_call" => self.assistant(vec![call(item, false)?]),
            "custom_tool_call" => self.assistant(vec![call(item, true)?]),
            "function_call_output" => self.result(item, false)?,
            "custom_tool_call_output" => self.result(item, true)?,
            "reasoning" => self.assistant(vec![reasoning(item)?]),
            "item_reference" => return Err(reference(&item)),
            "image_generation_call" if item.has("result") => self.assistant(vec![image(item)?]),
            other => self.native(other, value),
        }
        Ok(())
    }

    fn message(&mut self, mut item: Members) -> Result<(), Mistake> {
        let role = match item.required_string("role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => {
                let at = item.path_of("role");
                let words = "must be developer, system, user or assistant";
                return Err(Mistake::invalid(&at, format!("`{at}` {words}.")));
            }
        };
        let path = item.path_of("content");
        let mut parts = match item.take("content") {
            Some(value) => content::read_all(&path, value)?,
            None => Vec::new(),
        };
        if parts.is_empty() {
            parts.push(Part::text(""));
        }
        let own = item.rest();
        let follows = role == Role::Assistant && self.follows_content();
        if let Some(first) = parts.first_mut().filter(|_| follows || !own.is_empty()) {
            first.extra.push((marks::MESSAGE.to_owned(), super::object_of(&own)));
        }
        match role {
            Role::Assistant => self.assistant(parts),
            _ => self.0.push(Turn::new(role, parts)),
        }
        Ok(())
    }

    /// Whether the open turn of the assistant ends in a message.
    fn follows_content(&self) -> bool {
        let last = self.0.last().filter(|turn| turn.role == Role::Assistant);
        last.and_then(|turn| turn.parts.last()).is_some_and(|part| match part.kind {
            PartKind::Text(_) | PartKind::Refusal(_) => true,
            PartKind::Media(_) => marks::find(&part.extra, "type").is_none(),
            PartKind::Native(..) => marks::is_content(part),
            _ => false,
        })
    }

    fn assistant(&mut self, mut parts: Vec<Part>) {
        match self.0.last_mut() {
            Some(turn) if turn.role == Role::Assistant => turn.parts.append(&mut parts),
            _ => self.0.push(Turn::new(Role::Assistant, parts)),
        }
    }

    fn result(&mut self, mut item: Members, custom: bool) -> Result<(), Mistake> {
        let (id, _) = Signature::out_of_id(&item.required_string("call_id")?);
        let path = item.path_of("output");
        let parts = match item.take("output") {
            Some(value) => content::read_all(&path, value)?,
            None => Vec::new(),
        };
        let mut extra = item.rest();
        if custom {
            extra.push((marks::CUSTOM.to_owned(), Raw::of(&true)));
        }
        let kind = PartKind::ToolResult { id, name: None, parts, error: false };
        self.0.push(Turn::new(Role::User, vec![Part { kind, cache: None, extra }]));
        Ok(())
    }

    /// An item of a tool that runs at the provider, or of a kind that is newer than this code.
    fn native(&mut self, kind: &str, value: &RawValue) {
        let part = Part::new(PartKind::Native(Format::OpenaiResponses, value.into()));
        let from_app = kind.ends_with("_output")
            || kind.ends_with("_response")
            || matches!(kind, "additional_tools" | "compaction_trigger");
        if from_app {
            self.0.push(Turn::new(Role::User, vec![part]));
        } else {
            self.assistant(vec![part]);
        }
    }
}

fn call(mut item: Members, custom: bool) -> Result<Part, Mistake> {
    let (id, signature) = Signature::out_of_id(&item.required_string("call_id")?);
    let name = item.required_string("name")?;
    let arguments = item.string(if custom { "input" } else { "arguments" })?.unwrap_or_default();
    let kind = PartKind::ToolCall { id, name, arguments, custom, signature };
    Ok(Part { kind, cache: None, extra: item.rest() })
}

/// Reasoning. The words are those of the summary, else those that open models give in full.
fn reasoning(mut item: Members) -> Result<Part, Mistake> {
    let summary = texts(&item.path_of("summary"), item.peek("summary"))?;
    let full = texts(&item.path_of("content"), item.peek("content"))?;
    let signature = item
        .string("encrypted_content")?
        .map(|text| Signature::read_in(Format::OpenaiResponses, &text));
    let came = item.raw("summary");
    let words = if summary.is_empty() { full } else { summary.clone() };
    let kind = match signature {
        Some(signature) if words.is_empty() => PartKind::Sealed(signature),
        signature => PartKind::Reasoning { text: words.join("\n\n"), signature },
    };
    let mut extra = item.rest();
    let written = summary_of(&kind);
    if let Some(came) = came.filter(|came| crate::json::compact(came.get()) != written.get()) {
        extra.push(("summary".to_owned(), came));
    }
    Ok(Part { kind, cache: None, extra })
}

/// The texts of a list of `{"type","text"}`.
fn texts(path: &str, value: Option<&RawValue>) -> Result<Vec<String>, Mistake> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut texts = Vec::new();
    for (path, entry) in crate::json::items(path, value)? {
        texts.push(Members::of(path, entry)?.string("text")?.unwrap_or_default());
    }
    Ok(texts)
}

/// The summary of a reasoning item that has no other.
pub(in crate::openai_responses) fn summary_of(kind: &PartKind) -> Raw {
    let text = match kind {
        PartKind::Reasoning { text, signature } if !text.is_empty() || signature.is_some() => text,
        _ => return Raw::parse("[]").unwrap_or_else(Raw::empty_object),
    };
    let mut out = Vec::new();
    list(&mut out, |l| {
        l.object(|o| {
            o.put("type", "summary_text").put("text", text);
        });
    });
    super::raw_of(&out)
}

/// A drawing of the model. Its other members, the type among them, stay with it.
fn image(mut item: Members) -> Result<Part, Mistake> {
    let source = Source::Base64(item.required_string("result")?);
    let mime = item.peek_str("output_format").map(|format| format!("image/{format}"));
    let media = Media { source, mime, ..Media::of_url(MediaKind::Image, "") };
    let mut extra: Extra = vec![("type".to_owned(), Raw::string("image_generation_call"))];
    extra.extend(item.rest());
    Ok(Part { kind: PartKind::Media(media), cache: None, extra })
}

fn reference(item: &Members) -> Mistake {
    let message = format!(
        "`{}` refers to an item that only the provider which made it has. Send the item itself, or go on from a whole \
         answer by `previous_response_id`.",
        item.path()
    );
    Mistake::new("unsupported_parameter", Some(item.path()), message)
}
