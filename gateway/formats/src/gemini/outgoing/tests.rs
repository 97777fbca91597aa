//! Requests of other formats as Google gets them. What an app that speaks this format sent is in `round`.

mod calls;
mod config;
mod contents;
mod round;
mod tools;

use super::*;
use crate::conversation::{Part, PartKind, Role, TargetFacts, Tool, ToolKind, Turn};
use serde_json::Value;

/// What becomes of a request for a model of AI Studio.
fn sent(conversation: &Conversation, model: &str) -> Outgoing {
    let facts = TargetFacts::new(ProviderKind::Gemini, model);
    write_request(conversation, Fit::new(facts)).unwrap_or_else(|mistake| panic!("{mistake}"))
}

/// The same as a value.
fn body(conversation: &Conversation, model: &str) -> Value {
    serde_json::from_slice(&sent(conversation, model).body).unwrap()
}

/// The parameter that refuses a request.
fn refused(conversation: &Conversation, model: &str) -> Option<String> {
    let facts = TargetFacts::new(ProviderKind::Gemini, model);
    write_request(conversation, Fit::new(facts)).err().and_then(|mistake| mistake.param)
}

/// A request by OpenAI's chat completions that says "q".
fn asked() -> Conversation {
    saying(vec![Turn::new(Role::User, vec![Part::text("q")])])
}

fn saying(turns: Vec<Turn>) -> Conversation {
    Conversation { turns, ..Conversation::new(Format::OpenaiChat, "alias") }
}

fn function(name: &str, parameters: &str) -> Tool {
    let kind = ToolKind::Function { parameters: Raw::parse(parameters), strict: None };
    Tool { name: name.into(), description: None, kind, cache: None, extra: Vec::new() }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(PartKind::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom: false,
        signature: None,
    })
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
}
