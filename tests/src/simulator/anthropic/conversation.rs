//! The messages as a whole: who speaks when, and that each tool call is answered where it has to be.

use std::collections::HashSet;

use serde_json::Value;

use super::super::fields::{Fields, join};
use super::super::thoughts::{self, Broken, Seen};
use super::Version;
use super::blocks::{BlockReader, Speaker};
use super::cache::Breakpoints;
use super::errors::MessagesError;
use super::families::Family;

const MESSAGES_MAX: usize = 100_000;

/// Messages that make sense.
#[derive(Debug)]
pub struct Conversation<'a> {
    messages: &'a [Value],
    /// The provider's count of them.
    pub tokens: u64,
}

impl<'a> Conversation<'a> {
    /// Checks the field `messages`.
    pub fn parse(
        fields: Fields<'a, '_>,
        family: Family,
        version: Version,
        breakpoints: &mut Breakpoints,
    ) -> Result<Self, MessagesError> {
        let Value::Array(messages) = fields.required("messages")? else {
            return Err(MessagesError::at("messages", "Input should be a valid list"));
        };
        if messages.is_empty() {
            return Err(MessagesError::at("messages", "at least one message is required"));
        }
        if MESSAGES_MAX < messages.len() {
            return Err(MessagesError::at("messages", "too many messages"));
        }
        let mut reader = BlockReader { version, breakpoints };
        let mut tokens = 0;
        for (index, message) in messages.iter().enumerate() {
            let last = index + 1 == messages.len();
            tokens += check_message(&mut reader, message, index, last)?;
        }
        let conversation = Self { messages, tokens };
        conversation.check_roles(family)?;
        conversation.check_pairs()?;
        conversation.check_signatures()?;
        Ok(conversation)
    }

    /// Whether the last message is the beginning of the answer.
    pub fn ends_with_prefill(&self) -> bool {
        self.messages.last().is_some_and(|message| message["role"] == "assistant")
    }

    /// Checks the thinking of the message that a tool loop goes on from. `first` demands that it
    /// begins with thinking.
    pub fn check_thinking(&self, first: bool) -> Result<(), MessagesError> {
        let results = self.messages.last().is_some_and(|last| has(last, "tool_result"));
        let latest = self.messages.iter().rposition(|message| message["role"] == "assistant");
        let (true, Some(at)) = (results, latest) else { return Ok(()) };
        let Some(message) = self.messages.get(at) else { return Ok(()) };
        let seen = seen(message);
        match thoughts::check(&seen, first) {
            Ok(()) => Ok(()),
            Err(Broken::Missing) => {
                let kind = blocks(message).first().and_then(|block| block["type"].as_str());
                let message = format!(
                    "Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).",
                    kind.unwrap_or("text")
                );
                Err(MessagesError::at(&format!("messages.{at}.content.0.type"), &message))
            }
            Err(Broken::Changed) => {
                let message = "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.";
                Err(MessagesError::at(&format!("messages.{at}.content.0"), message))
            }
        }
    }

    fn check_roles(&self, family: Family) -> Result<(), MessagesError> {
        let roles = || self.messages.iter().map(|message| message["role"].as_str().unwrap_or(""));
        if roles().next() != Some("user") {
            let message = "first message must use the \"user\" role";
            return Err(MessagesError::at("messages", message));
        }
        for (index, (before, role)) in roles().zip(roles().skip(1)).enumerate() {
            if role != "system" {
                continue;
            }
            let path = format!("messages.{}.role", index + 1);
            if !family.takes_system_messages() {
                let message = "Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.";
                return Err(MessagesError::at(&path, message));
            }
            if before != "user" {
                let message = "a `system` message must directly follow a `user` message";
                return Err(MessagesError::at(&path, message));
            }
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), MessagesError> {
        let mut all = HashSet::new();
        let nothing = Value::Null;
        for (index, message) in self.messages.iter().enumerate() {
            let calls: Vec<&str> = ids(message, "tool_use", "id").collect();
            if let Some(twice) = calls.iter().find(|id| !all.insert(**id)) {
                let message = format!("`tool_use` ids must be unique: {twice}");
                return Err(MessagesError::at("messages", &message));
            }
            let before = index.checked_sub(1).and_then(|before| self.messages.get(before));
            check_results(message, before.unwrap_or(&nothing), index)?;
            check_answers(&calls, self.messages.get(index + 1).unwrap_or(&nothing), index)?;
        }
        Ok(())
    }

    fn check_signatures(&self) -> Result<(), MessagesError> {
        for (index, message) in self.messages.iter().enumerate() {
            let Some(block) = thoughts::forged(&seen(message)) else { continue };
            let path = format!("messages.{index}.content.{block}");
            let redacted = blocks(message)
                .get(block)
                .is_some_and(|block| block["type"] == "redacted_thinking");
            let message = if redacted {
                "Invalid `data` in `redacted_thinking` block"
            } else {
                "Invalid `signature` in `thinking` block"
            };
            return Err(MessagesError::at(&path, message));
        }
        Ok(())
    }
}

fn check_message(
    reader: &mut BlockReader<'_>,
    message: &Value,
    index: usize,
    last: bool,
) -> Result<u64, MessagesError> {
    let path = format!("messages.{index}");
    let fields = Fields::of(message, &path)?;
    fields.only(&["role", "content"])?;
    let speaker = match fields.required_text("role")? {
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "system" => Speaker::System,
        _ => return Err(fields.not_one_of("role", &["user", "assistant"]).into()),
    };
    let content = fields.required("content")?;
    let size = reader.content(content, speaker, &join(&path, "content"))?;
    let empty = content == "" || content.as_array().is_some_and(Vec::is_empty);
    if empty && speaker != Speaker::Assistant {
        let message = format!("{speaker:?} messages must have non-empty content").to_lowercase();
        return Err(MessagesError::at(&path, &message));
    }
    if empty && !last {
        let message = "all messages must have non-empty content except for the optional final assistant message";
        return Err(MessagesError::at(&path, message));
    }
    if content.as_str().is_some_and(|text| !empty && text.trim().is_empty()) {
        let message = "text content blocks must contain non-whitespace text";
        return Err(MessagesError::at("messages", message));
    }
    if last && speaker == Speaker::Assistant && ends_in_white_space(message) {
        let message = "final assistant content cannot end with trailing whitespace";
        return Err(MessagesError::at("messages", message));
    }
    Ok(size.tokens())
}

/// Each result answers a call of the message before, once, and before anything else is said.
fn check_results(message: &Value, before: &Value, index: usize) -> Result<(), MessagesError> {
    let mut answered = HashSet::new();
    let mut results_over = false;
    for (at, block) in blocks(message).iter().enumerate() {
        if block["type"] != "tool_result" {
            results_over = true;
            continue;
        }
        let id = block["tool_use_id"].as_str().unwrap_or_default();
        let path = format!("messages.{index}.content.{at}");
        if !ids(before, "tool_use", "id").any(|call| call == id) {
            let message = format!(
                "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            );
            return Err(MessagesError::at(&path, &message));
        }
        if !answered.insert(id) {
            let message = format!(
                "each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}"
            );
            return Err(MessagesError::at(&path, &message));
        }
        if results_over {
            let before = index.saturating_sub(1);
            return Err(unanswered(before, id));
        }
    }
    Ok(())
}

fn check_answers(calls: &[&str], next: &Value, index: usize) -> Result<(), MessagesError> {
    let results: HashSet<&str> = ids(next, "tool_result", "tool_use_id").collect();
    match calls.iter().find(|id| !results.contains(**id)) {
        Some(id) => Err(unanswered(index, id)),
        None => Ok(()),
    }
}

fn unanswered(index: usize, id: &str) -> MessagesError {
    let message = format!(
        "`tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    );
    MessagesError::at(&format!("messages.{index}"), &message)
}

fn blocks(message: &Value) -> &[Value] {
    message["content"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn ids<'a>(message: &'a Value, kind: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
    let of_kind = blocks(message).iter().filter(move |block| block["type"] == kind);
    of_kind.filter_map(move |block| block[field].as_str())
}

fn has(message: &Value, kind: &str) -> bool {
    blocks(message).iter().any(|block| block["type"] == kind)
}

fn ends_in_white_space(message: &Value) -> bool {
    let text = match &message["content"] {
        Value::String(text) => Some(text.as_str()),
        _ => blocks(message).last().and_then(|block| block["text"].as_str()),
    };
    text.is_some_and(|text| text.ends_with(char::is_whitespace))
}

/// The blocks of an assistant's message as their signatures see them.
fn seen(message: &Value) -> Vec<Seen<'_>> {
    fn of(block: &Value) -> Seen<'_> {
        let field = |name: &str| block[name].as_str().unwrap_or_default();
        match field("type") {
            "thinking" => Seen::Thinking { text: field("thinking"), signature: field("signature") },
            "redacted_thinking" => Seen::Redacted { data: field("data") },
            "tool_use" => Seen::Call { id: field("id") },
            _ => Seen::Other,
        }
    }
    blocks(message).iter().map(of).collect()
}
