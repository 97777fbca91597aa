//! An app's request in the internal form.
//!
//! Canonical spellings, where the internal form cannot tell two spellings of one meaning apart: a list of one plain text
//! is a string; null is absent; a plain number is written as short as it can be; `max_tokens` and
//! `max_completion_tokens` are the target's word; `safety_identifier` alone is `user`; the older `functions`,
//! `function_call` and role `function` are tools; `cache_control` of a message is that of its last part.

mod message;
mod part;
mod reasoning;
mod tool;

pub(super) use message::{details, thinking_blocks};
pub(super) use part::thinking_text;
pub(super) use tool::google_signature;

use crate::{
    conversation::{Conversation, Extra, Format, Output, Sampling},
    json::{Members, Raw, object},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads the body of a chat completion. Every member that is not understood is kept in the nearest `extra`.
pub fn read_request(body: &[u8]) -> Result<Conversation, Mistake> {
    let mut members = Members::of_body(body)?;
    let model = members.required_string("model")?;
    let mut conversation = Conversation::new(Format::OpenaiChat, model);
    let messages = members.list("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Err(Mistake::missing("messages"));
    }
    conversation.turns = message::turns(messages)?;
    tool::read(&mut members, &mut conversation)?;
    conversation.max_output = max_output(&mut members)?;
    conversation.sampling = sampling(&mut members)?;
    conversation.reasoning = reasoning::read(&mut members)?;
    conversation.output = output(&mut members)?;
    conversation.service_tier = members.string("service_tier")?;
    conversation.user = match members.string("user")? {
        Some(user) => Some(user),
        None => members.string("safety_identifier")?,
    };
    stream(&mut members, &mut conversation)?;
    conversation.extra.extend(members.rest());
    Ok(conversation)
}

/// The larger one, should both be there: it is what the request may cost.
fn max_output(members: &mut Members) -> Result<Option<u64>, Mistake> {
    let new = members.integer("max_completion_tokens")?;
    let old = members.integer("max_tokens")?;
    Ok(new.max(old))
}

/// How tokens are drawn.
pub(super) fn sampling(members: &mut Members) -> Result<Sampling, Mistake> {
    let numbered = members.peek("logprobs").filter(|value| value.get().parse::<u64>().is_ok());
    // Together and the older text completions have the number of candidates here.
    let candidates = if numbered.is_some() { members.integer("logprobs")? } else { None };
    let logprobs = members.bool("logprobs")?;
    let top_logprobs = members.integer("top_logprobs")?;
    Ok(Sampling {
        temperature: members.number("temperature")?,
        top_p: members.number("top_p")?,
        top_k: members.integer("top_k")?,
        stop: stop(members)?,
        seed: members.signed("seed")?,
        frequency_penalty: members.number("frequency_penalty")?,
        presence_penalty: members.number("presence_penalty")?,
        choices: members.integer("n")?,
        logprobs: candidates.map(|_| true).or(logprobs),
        top_logprobs: candidates.or(top_logprobs),
        logit_bias: members.raw("logit_bias"),
    })
}

fn stop(members: &mut Members) -> Result<Vec<String>, Mistake> {
    match members.peek("stop") {
        Some(value) if value.get().starts_with('"') => {
            Ok(members.string("stop")?.into_iter().collect())
        }
        Some(value) if value.get().starts_with('[') => {
            Ok(members.strings("stop")?.unwrap_or_default())
        }
        Some(_) => Err(Mistake::wrong_type("stop", "a string or a list of strings")),
        None => {
            members.take("stop");
            Ok(Vec::new())
        }
    }
}

/// The form of the answer. A schema is also read where llama.cpp (`{"type":"json_schema","schema"}`) and Together
/// (`{"type":"json_object","schema"}`) have it.
fn output(members: &mut Members) -> Result<Output, Mistake> {
    let Some(raw) = members.peek("response_format") else {
        members.take("response_format");
        return Ok(Output::Text);
    };
    let mut format = Members::of("response_format", raw)?;
    let kind = format.required_string("type")?;
    let output = match kind.as_str() {
        "text" => Output::Text,
        "json_object" | "json_schema" => {
            let flat = format.raw("schema");
            let nested = format.object("json_schema")?;
            match (nested, flat) {
                (Some(nested), _) => schema(nested)?,
                (None, Some(schema)) => {
                    Output::JsonSchema { name: None, description: None, schema, strict: None }
                }
                (None, None) if kind == "json_object" => Output::JsonObject,
                (None, None) => return Err(Mistake::missing("response_format.json_schema")),
            }
        }
        // A form that only one provider knows (a grammar) stays among the members that only the origin knows.
        _ => return Ok(Output::Text),
    };
    members.take("response_format");
    Ok(output)
}

fn schema(mut nested: Members) -> Result<Output, Mistake> {
    let name = nested.string("name")?;
    let description = nested.string("description")?;
    let strict = nested.bool("strict")?;
    let schema = nested.raw("schema").unwrap_or_else(Raw::empty_object);
    Ok(Output::JsonSchema { name, description, schema, strict })
}

/// Whether and how to stream.
pub(super) fn stream(
    members: &mut Members,
    conversation: &mut Conversation,
) -> Result<(), Mistake> {
    conversation.stream = members.bool("stream")?.unwrap_or(false);
    if let Some(mut options) = members.object("stream_options")? {
        conversation.include_usage = options.bool("include_usage")?.unwrap_or(false);
        let rest = options.rest();
        if !rest.is_empty() {
            conversation.extra.push(("stream_options".to_owned(), object_of(&rest)));
        }
    }
    Ok(())
}

/// An object with these members.
pub(in crate::openai_chat) fn object_of(members: &[(String, Raw)]) -> Raw {
    let mut text = Vec::new();
    object(&mut text, |o| {
        o.put_all(members);
    });
    std::str::from_utf8(&text).ok().and_then(Raw::parse).unwrap_or_else(Raw::empty_object)
}

/// Keeps what was left of an inner object under its name.
fn keep_rest(extra: &mut Extra, name: &str, inner: Members) {
    let rest = inner.rest();
    if !rest.is_empty() {
        extra.push((name.to_owned(), object_of(&rest)));
    }
}

/// Whether a value is a string.
fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

#[cfg(test)]
mod tests;
