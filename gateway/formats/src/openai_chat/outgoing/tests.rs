use super::*;
use crate::conversation::{
    Effort, Media, MediaKind, Part, PartKind, Reasoning, Role, Signature, Source, Tool, ToolChoice,
    ToolKind, Turn,
};
use crate::openai_chat::{dialect, read_request};
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

mod identity;
mod messages;
mod params;

fn facts(model: &str) -> TargetFacts<'_> {
    TargetFacts::new(ProviderKind::OpenaiCompatible, model)
}

fn sent_with(
    kind: &str,
    conversation: &Conversation,
    facts: TargetFacts<'_>,
) -> Result<(Value, Outgoing), Mistake> {
    let outgoing = write_in(dialect::row(kind), conversation, Fit::new(facts))?;
    Ok((serde_json::from_slice(&outgoing.body).unwrap(), outgoing))
}

fn sent(kind: &str, body: &Value) -> (Value, Outgoing) {
    let conversation = read_request(body.to_string().as_bytes()).unwrap();
    sent_with(kind, &conversation, facts("up")).unwrap()
}

fn asked(more: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn mistake(kind: &str, model: &str, more: &Value) -> String {
    let conversation = read_request(asked(more).to_string().as_bytes()).unwrap();
    let mistake = sent_with(kind, &conversation, facts(model)).unwrap_err();
    assert_eq!(mistake.code, "unsupported_parameter");
    mistake.param.unwrap()
}

/// The members that a provider gets beside model and messages, and what is reported.
fn params(kind: &str, model: &str, more: &Value) -> (Value, Vec<String>, Vec<String>) {
    let conversation = read_request(asked(more).to_string().as_bytes()).unwrap();
    let (mut body, outgoing) = sent_with(kind, &conversation, facts(model)).unwrap();
    let members = body.as_object_mut().unwrap();
    assert_eq!(members.remove("model"), Some(model.into()));
    members.remove("messages");
    (body, outgoing.dropped, outgoing.clamped)
}

fn messages(kind: &str, messages: &Value) -> Value {
    sent(kind, &json!({"model": "m", "messages": messages})).0["messages"].clone()
}

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters":
        {"type": "object", "properties": {"strict": {"type": "string"}}, "additionalProperties": false}, "strict": true}})
}
