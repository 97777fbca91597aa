//! The messages as a whole: who speaks when, and that each tool call is answered where it has to be.

use std::collections::HashSet;

use serde_json::Value;

use super::super::anthropic::families::Family;
use super::super::fields::{Fields, Mistake, join};
use super::super::thoughts::{self, Broken, Seen as Thought};
use super::content::{self, Seen, Speaker};
use super::errors::BedrockError;

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
        seen: &mut Seen<'a>,
    ) -> Result<Self, BedrockError> {
        fields.required("messages")?;
        let messages = fields.list("messages")?.unwrap_or_default();
        let mut tokens = 0;
        for (index, message) in messages.iter().enumerate() {
            check_message(message, index, seen)?;
            tokens += seen.take_tokens();
        }
        let conversation = Self { messages, tokens };
        conversation.check_roles()?;
        conversation.check_pairs()?;
        conversation.check_end(family)?;
        conversation.check_signatures()?;
        Ok(conversation)
    }

    /// Whether tools have been used.
    pub fn has_tool_blocks(&self) -> bool {
        self.messages.iter().any(|message| has(message, "toolUse") || has(message, "toolResult"))
    }

    /// Whether the last message is the beginning of the answer.
    pub fn ends_with_prefill(&self) -> bool {
        self.messages.last().is_some_and(|message| message["role"] == "assistant")
    }

    /// Checks the thinking of the message that a tool loop goes on from. `first` demands that it
    /// begins with thinking.
    pub fn check_thinking(&self, first: bool) -> Result<(), BedrockError> {
        let results = self.messages.last().is_some_and(|last| has(last, "toolResult"));
        let latest = self.messages.iter().rfind(|message| message["role"] == "assistant");
        let (true, Some(message)) = (results, latest) else { return Ok(()) };
        match thoughts::check(&thoughts_of(message), first) {
            Ok(()) => Ok(()),
            Err(Broken::Missing) => Err(BedrockError::of_model(
                "Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            )),
            Err(Broken::Changed) => Err(BedrockError::of_model(
                "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.",
            )),
        }
    }

    fn check_roles(&self) -> Result<(), BedrockError> {
        let roles = || self.messages.iter().map(|message| &message["role"]);
        if roles().next().is_none_or(|role| role != "user") {
            return Err(BedrockError::validation(
                "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
            ));
        }
        if roles().zip(roles().skip(1)).any(|(one, next)| one == next) {
            return Err(BedrockError::validation(
                "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
            ));
        }
        Ok(())
    }

    fn check_pairs(&self) -> Result<(), BedrockError> {
        let (mut all, nothing) = (HashSet::new(), Value::Null);
        for (index, message) in self.messages.iter().enumerate() {
            let calls: Vec<&str> = ids(message, "toolUse").collect();
            if let Some(id) = calls.iter().find(|id| !all.insert(**id)) {
                return Err(BedrockError::validation(format!(
                    "messages.{index}: `toolUse` ids must be unique: {id}"
                )));
            }
            let next = self.messages.get(index + 1).unwrap_or(&nothing);
            let results: HashSet<&str> = ids(next, "toolResult").collect();
            let open: Vec<&str> =
                calls.iter().copied().filter(|id| !results.contains(id)).collect();
            if !open.is_empty() {
                let message = format!(
                    "Expected toolResult blocks at messages.{}.content for the following Ids: {}",
                    index + 1,
                    open.join(", ")
                );
                return Err(BedrockError::validation(message));
            }
            if calls.len() < ids(next, "toolResult").count() {
                let message = format!(
                    "The number of toolResult blocks at messages.{}.content exceeds the number of toolUse blocks of previous turn.",
                    index + 1
                );
                return Err(BedrockError::validation(message));
            }
            check_results_first(message, index)?;
        }
        // Results in the first message answer nothing.
        match self.messages.first().is_some_and(|first| has(first, "toolResult")) {
            true => Err(BedrockError::validation(
                "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn.",
            )),
            false => Ok(()),
        }
    }

    fn check_end(&self, family: Family) -> Result<(), BedrockError> {
        if !self.ends_with_prefill() {
            return Ok(());
        }
        let text = self.messages.last().and_then(|last| blocks(last).last()?["text"].as_str());
        if text.is_some_and(|text| text.ends_with(char::is_whitespace)) {
            return Err(BedrockError::of_model(
                "messages: final assistant content cannot end with trailing whitespace",
            ));
        }
        if family.takes_prefill() {
            return Ok(());
        }
        Err(BedrockError::of_model(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ))
    }

    fn check_signatures(&self) -> Result<(), BedrockError> {
        for (index, message) in self.messages.iter().enumerate() {
            if let Some(block) = thoughts::forged(&thoughts_of(message)) {
                let message = format!(
                    "messages.{index}.content.{block}: Invalid `signature` in `thinking` block"
                );
                return Err(BedrockError::of_model(&message));
            }
        }
        Ok(())
    }
}

fn check_message<'a>(message: &'a Value, index: usize, seen: &mut Seen<'a>) -> Result<(), Mistake> {
    let path = format!("messages.{index}");
    let fields = Fields::of(message, &path)?;
    fields.only(&["role", "content"])?;
    let role = fields.required_word("role", &["user", "assistant"])?;
    let speaker = if role == "user" { Speaker::User } else { Speaker::Assistant };
    fields.required("content")?;
    let (blocks, path) = (fields.list("content")?.unwrap_or_default(), fields.path_of("content"));
    if blocks.is_empty() {
        let message = "The content field in the Message object is empty. Add a ContentBlock object to the content field and try again.";
        return Err(Mistake::at(&path, message));
    }
    for (index, block) in blocks.iter().enumerate() {
        content::check(block, speaker, &join(&path, index), seen)?;
    }
    if has(message, "document") && !has(message, "text") {
        let message = "A text block is required when there is a document.";
        return Err(Mistake::at(&path, message));
    }
    Ok(())
}

fn check_results_first(message: &Value, index: usize) -> Result<(), BedrockError> {
    let kinds = blocks(message).iter().map(|block| block.get("toolResult").is_some());
    let behind = kinds.skip_while(|is_result| *is_result).any(|is_result| is_result);
    if behind {
        let message = format!("messages.{index}: toolResult blocks have to come first");
        return Err(BedrockError::of_model(&message));
    }
    Ok(())
}

fn blocks(message: &Value) -> &[Value] {
    message["content"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn has(message: &Value, kind: &str) -> bool {
    blocks(message).iter().any(|block| block.get(kind).is_some())
}

fn ids<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a str> {
    blocks(message).iter().filter_map(move |block| block[kind]["toolUseId"].as_str())
}

/// The blocks of an assistant's message as their signatures see them.
fn thoughts_of(message: &Value) -> Vec<Thought<'_>> {
    fn of(block: &Value) -> Thought<'_> {
        let reasoning = &block["reasoningContent"];
        if let Some(data) = reasoning["redactedContent"].as_str() {
            return Thought::Redacted { data };
        }
        if let Some(text) = reasoning["reasoningText"]["text"].as_str() {
            let signature = reasoning["reasoningText"]["signature"].as_str().unwrap_or_default();
            return Thought::Thinking { text, signature };
        }
        block["toolUse"]["toolUseId"].as_str().map_or(Thought::Other, |id| Thought::Call { id })
    }
    blocks(message).iter().map(of).collect()
}
