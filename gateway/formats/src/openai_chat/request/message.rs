//! Messages as turns.

use super::{is_string, part, tool};
use crate::{
    conversation::{Format, Part, PartKind, Role, Signature, Turn},
    json::{Items, Members, items},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads all messages.
pub(super) fn turns(messages: Items) -> Result<Vec<Turn>, Mistake> {
    let mut open = OpenCalls::default();
    messages.into_iter().map(|(path, value)| turn(&path, value, &mut open)).collect()
}

/// Calls without a result so far: older messages name no ids, and some apps forget them.
#[derive(Default)]
pub(super) struct OpenCalls {
    calls: Vec<(String, String)>,
    made: usize,
}

impl OpenCalls {
    /// An id for a call that has none.
    pub(super) fn made_up(&mut self) -> String {
        self.made += 1;
        format!("call_{:04}", self.made)
    }

    pub(super) fn opened(&mut self, id: &str, name: &str) {
        self.calls.push((id.to_owned(), name.to_owned()));
    }

    /// The call that a result belongs to: the one it names, else the oldest with that tool's name, else the oldest.
    fn answered(&mut self, id: Option<String>, name: Option<&str>) -> Option<String> {
        if let Some(id) = id {
            self.calls.retain(|(open, _)| *open != id);
            return Some(id);
        }
        let named = self.calls.iter().position(|(_, tool)| name == Some(tool.as_str()));
        let at = named.or((name.is_none() && !self.calls.is_empty()).then_some(0))?;
        Some(self.calls.remove(at).0)
    }
}

fn turn(path: &str, value: &RawValue, open: &mut OpenCalls) -> Result<Turn, Mistake> {
    let mut message = Members::of(path, value)?;
    let role = message.required_string("role")?;
    let mut turn = match role.as_str() {
        "tool" | "function" => return result(message, &role, open),
        "assistant" => assistant(&mut message, open)?,
        "system" => Turn::new(Role::System, content(&mut message)?),
        "developer" => Turn::new(Role::Developer, content(&mut message)?),
        "user" => Turn::new(Role::User, content(&mut message)?),
        _ => {
            let at = message.path_of("role");
            let words = "must be developer, system, user, assistant or tool";
            return Err(Mistake::invalid(&at, format!("`{at}` {words}.")));
        }
    };
    turn.name = message.string("name")?;
    mark_last(&mut message, &mut turn.parts)?;
    turn.extra.extend(message.rest());
    Ok(turn)
}

/// `content`: a string, or an array of parts.
fn content(message: &mut Members) -> Result<Vec<Part>, Mistake> {
    let path = message.path_of("content");
    match message.take("content") {
        None => Ok(Vec::new()),
        Some(value) if is_string(value) => part::read(&path, value).map(|part| vec![part]),
        Some(value) if value.get().starts_with('[') => {
            let entries = items(&path, value)?;
            entries.into_iter().map(|(path, value)| part::read(&path, value)).collect()
        }
        Some(_) => Err(Mistake::wrong_type(&path, "a string or an array of parts")),
    }
}

/// A breakpoint of the whole message is one behind its last part.
fn mark_last(message: &mut Members, parts: &mut [Part]) -> Result<(), Mistake> {
    if let (Some(mark), Some(last)) = (part::cache_mark(message), parts.last_mut()) {
        last.cache = Some(mark);
    }
    Ok(())
}

fn assistant(message: &mut Members, open: &mut OpenCalls) -> Result<Turn, Mistake> {
    open.calls.clear();
    let mut parts = reasoning(message)?;
    parts.extend(content(message)?);
    if let Some(refusal) = message.string("refusal")? {
        parts.push(Part::new(PartKind::Refusal(refusal)));
    }
    for (path, call) in message.list("tool_calls")?.unwrap_or_default() {
        parts.push(tool::call(Members::of(path, call)?, open)?);
    }
    if let Some(function) = message.object("function_call")? {
        parts.push(tool::legacy_call(function, open)?);
    }
    Ok(Turn::new(Role::Assistant, parts))
}

/// What an assistant message says of its reasoning. The richest form counts, the others repeat it.
fn reasoning(message: &mut Members) -> Result<Vec<Part>, Mistake> {
    let blocks = match message.peek("thinking_blocks") {
        Some(value) => thinking_blocks(&message.path_of("thinking_blocks"), value)?,
        None => Vec::new(),
    };
    let details = message.peek("reasoning_details").and_then(details);
    let words = ["reasoning_content", "reasoning"]
        .into_iter()
        .find_map(|name| message.peek_str(name).filter(|text| !text.is_empty()));
    for name in ["thinking_blocks", "reasoning_details", "reasoning_content", "reasoning"] {
        // What has another shape is not understood and kept.
        let known = message.peek(name).is_none_or(|value| {
            value.get().starts_with(if name.ends_with('s') { '[' } else { '"' })
        });
        if known {
            message.take(name);
        }
    }
    if !blocks.is_empty() {
        return Ok(blocks);
    }
    Ok(details
        .or_else(|| Some(PartKind::Reasoning { text: words?, signature: None }))
        .map(Part::new)
        .into_iter()
        .collect())
}

/// LiteLLM's `[{"type":"thinking","thinking","signature"},{"type":"redacted_thinking","data"}]`.
pub(in crate::openai_chat) fn thinking_blocks(
    path: &str,
    value: &RawValue,
) -> Result<Vec<Part>, Mistake> {
    let ours = |text: String| Signature::read_in(Format::OpenaiChat, &text);
    let mut parts = Vec::new();
    for (path, block) in items(path, value)? {
        let mut block = Members::of(path, block)?;
        let kind = if block.string("type")?.as_deref() == Some("redacted_thinking") {
            PartKind::Sealed(ours(block.required_string("data")?))
        } else {
            let signature = block.string("signature")?.filter(|text| !text.is_empty());
            let text = block.string("thinking")?.unwrap_or_default();
            PartKind::Reasoning { text, signature: signature.map(ours) }
        };
        parts.push(Part::new(kind));
    }
    Ok(parts)
}

/// OpenRouter's `reasoning_details`, which it wants back unchanged: the list itself is the signature.
pub(in crate::openai_chat) fn details(value: &RawValue) -> Option<PartKind> {
    let entries: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    if entries.is_empty() {
        return None;
    }
    let words = |entry: &&RawValue| {
        let entry = Members::of_text(entry.get())?;
        entry.peek_str("text").or_else(|| entry.peek_str("summary"))
    };
    let text = entries.iter().filter_map(words).collect();
    let signature = Some(Signature::new(Format::OpenaiChat, value.get()));
    Some(PartKind::Reasoning { text, signature })
}

/// A message of role `tool`, or of the older role `function`.
fn result(mut message: Members, role: &str, open: &mut OpenCalls) -> Result<Turn, Mistake> {
    let named = message.string("tool_call_id")?.filter(|id| !id.is_empty());
    let named = named.map(|id| Signature::out_of_id(&id).0);
    let name = if role == "function" {
        Some(message.required_string("name")?)
    } else {
        message.string("name")?
    };
    let id = open
        .answered(named, name.as_deref())
        .ok_or_else(|| Mistake::missing(&message.path_of("tool_call_id")))?;
    let parts = content(&mut message)?;
    let mut part = Part::new(PartKind::ToolResult { id, name, parts, error: false });
    part.cache = part::cache_mark(&mut message);
    part.extra = message.rest();
    Ok(Turn::new(Role::User, vec![part]))
}
