//! An app's request in the internal form.
//!
//! Canonical spellings, where the internal form cannot tell two spellings of one meaning apart: null is absent; a
//! message has `type: "message"`; a list of one plain text is a string, and an empty or absent `content` or `output` is
//! an empty one; a plain number is written as short as it can be; data URLs have the media type that their bytes tell;
//! `safety_identifier` alone is `user`; `text.format` of type `text` is absent; `strict` is said where the schema is
//! ready for it; `stream: false` and objects without members are absent.

mod content;
mod items;
mod tools;

pub(super) use items::{Turns, summary_of};

use super::marks;
use crate::{
    conversation::{
        Conversation, Effort, Extra, Format, Output, Part, Reasoning, Role, Sampling, Turn,
    },
    json::{Members, Raw, items as entries, object},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Log probabilities are asked for by this entry of `include`.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

/// Reads the body of a request for a response. Every member that is not understood is kept in the nearest `extra`.
///
/// What only the provider that keeps it can honour (`conversation`, `prompt`, `background`, references to items) is
/// refused: a request that goes to such a provider keeps its bytes and does not come here.
pub fn read_request(body: &[u8]) -> Result<Conversation, Mistake> {
    read(body, &[])
}

/// The same, with items that come before the input.
pub(super) fn read(body: &[u8], history: &[Raw]) -> Result<Conversation, Mistake> {
    let mut members = Members::of_body(body)?;
    refuse_kept(&mut members)?;
    let model = members.required_string("model")?;
    let mut conversation = Conversation::new(Format::OpenaiResponses, model);
    conversation.turns = turns(&mut members, history)?;
    tools::read(&mut members, &mut conversation)?;
    conversation.max_output = members.integer("max_output_tokens")?;
    conversation.sampling = Sampling {
        temperature: members.number("temperature")?,
        top_p: members.number("top_p")?,
        top_logprobs: members.integer("top_logprobs")?,
        logprobs: includes_logprobs(&members),
        ..Sampling::default()
    };
    conversation.reasoning = reasoning(&mut members)?;
    text(&mut members, &mut conversation)?;
    conversation.service_tier = members.string("service_tier")?;
    conversation.user = match members.string("user")? {
        Some(user) => Some(user),
        None => members.string("safety_identifier")?,
    };
    conversation.previous_response_id = members.string("previous_response_id")?;
    conversation.stream = members.bool("stream")?.unwrap_or(false);
    conversation.include_usage = true;
    let rest = members.rest().into_iter().filter(|(_, raw)| raw.get() != "null");
    conversation.extra.extend(rest);
    Ok(conversation)
}

/// Refuses what one provider keeps for the app.
fn refuse_kept(members: &mut Members) -> Result<(), Mistake> {
    let refused = |name: &str, instead: &str| {
        let message = format!("`{name}` needs the provider that keeps it. {instead}");
        Err(Mistake::new("unsupported_parameter", Some(name), message))
    };
    if members.has("conversation") {
        return refused(
            "conversation",
            "Send the items themselves, or go on by `previous_response_id`.",
        );
    }
    if members.has("prompt") {
        return refused("prompt", "Send its text as `instructions` and `input`.");
    }
    if members.peek("background").is_some_and(|value| value.get() == "true") {
        return refused(
            "background",
            "Leave it out, and take the answer as a stream if it is long.",
        );
    }
    Ok(())
}

fn turns(members: &mut Members, history: &[Raw]) -> Result<Vec<Turn>, Mistake> {
    let mut turns = Turns::default();
    for (index, item) in history.iter().enumerate() {
        let item: &RawValue = serde_json::from_str(item.get()).map_err(|_| lost())?;
        turns.item(&format!("previous_response_id[{index}]"), item)?;
    }
    match members.take("input") {
        Some(value) if value.get().starts_with('"') => {
            let text = serde_json::from_str(value.get())
                .map_err(|_| Mistake::wrong_type("input", "a valid string"))?;
            turns.said(text);
        }
        Some(value) if value.get().starts_with('[') => {
            for (path, item) in entries("input", value)? {
                turns.item(&path, item)?;
            }
        }
        Some(_) => return Err(Mistake::wrong_type("input", "a string or an array of items")),
        None => {}
    }
    let mut turns = turns.finish();
    if turns.is_empty() {
        return Err(Mistake::missing("input"));
    }
    if let Some(text) = members.string("instructions")? {
        let mut turn = Turn::new(Role::System, vec![Part::text(text)]);
        turn.extra.push((marks::INSTRUCTIONS.to_owned(), Raw::of(&true)));
        turns.insert(0, turn);
    }
    Ok(turns)
}

fn lost() -> Mistake {
    Mistake::invalid("previous_response_id", "The stored answer cannot be read any more.")
}

/// `include` itself stays as it came.
fn includes_logprobs(members: &Members) -> Option<bool> {
    let all: Vec<String> = serde_json::from_str(members.peek("include")?.get()).ok()?;
    all.iter().any(|entry| entry == LOGPROBS).then_some(true)
}

/// `{"effort","summary",…}`. A summary that is asked for means that the app wants to see the reasoning.
fn reasoning(members: &mut Members) -> Result<Option<Reasoning>, Mistake> {
    let Some(mut object) = members.object("reasoning")? else { return Ok(None) };
    let mut reasoning = Reasoning::default();
    if let Some(word) = object.string("effort")? {
        reasoning.effort = Effort::from_word(&word);
        if reasoning.effort.is_none() {
            reasoning.extra.push(("effort".to_owned(), Raw::string(&word)));
        }
    }
    let asks = object.has("summary") || object.has("generate_summary");
    reasoning.show = asks.then_some(true);
    let rest = object.rest().into_iter().filter(|(_, raw)| raw.get() != "null");
    reasoning.extra.extend(rest);
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

/// `{"format","verbosity"}`. What only this format knows is kept by its path, which is how reports name it.
fn text(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let Some(mut text) = members.object("text")? else { return Ok(()) };
    if let Some(raw) = text.peek("format") {
        let mut format = Members::of("text.format", raw)?;
        let read = match format.required_string("type")?.as_str() {
            "text" => Some(Output::Text),
            "json_object" => Some(Output::JsonObject),
            "json_schema" => Some(Output::JsonSchema {
                name: format.string("name")?,
                description: format.string("description")?,
                schema: format
                    .raw("schema")
                    .ok_or_else(|| Mistake::missing("text.format.schema"))?,
                strict: format.bool("strict")?,
            }),
            _ => None,
        };
        if let Some(output) = read {
            conversation.output = output;
            text.take("format");
            keep("text.format", format, &mut conversation.extra);
        }
    }
    keep("text", text, &mut conversation.extra);
    Ok(())
}

fn keep(path: &str, members: Members, extra: &mut Extra) {
    let rest = members.rest().into_iter().filter(|(_, raw)| raw.get() != "null");
    extra.extend(rest.map(|(name, raw)| (format!("{path}.{name}"), raw)));
}

/// An object with these members.
fn object_of(members: &[(String, Raw)]) -> Raw {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put_all(members);
    });
    raw_of(&out)
}

/// JSON that was just written.
pub(super) fn raw_of(json: &[u8]) -> Raw {
    std::str::from_utf8(json).ok().and_then(Raw::parse).unwrap_or_else(Raw::empty_object)
}

#[cfg(test)]
mod tests;
