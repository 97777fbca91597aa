//! Reads what an app asks for.
//!
//! What goes in and comes out again (`write_request` for a Gemini provider) is the same up to these spellings: known
//! members are written in camel case; `parameters` and `responseSchema` become JSON Schema where the model takes it,
//! and a function without properties has no parameters; all functions that follow each other stand in one tool; `args`
//! are compact, and `{}` where there were none; base 64 has the standard alphabet; a result has the id of its call;
//! neighbours of one role are one turn, the results of tools come first in it, and blank texts are left out, as are
//! `thought: false` and `text/plain`; how much to think is said in the way of the model's generation.

mod config;
mod contents;
mod part;
mod tools;

use super::spelling::spelled;
use crate::{
    conversation::{Conversation, Extra, Format, Role},
    json::{Members, Raw, object},
    mistake::Mistake,
};

/// Reads a request. The model and whether to stream stand in the path.
pub fn read_request(body: &[u8], model: &str, stream: bool) -> Result<Conversation, Mistake> {
    let mut conversation = conversation(Members::of_body(body)?, model)?;
    conversation.stream = stream;
    Ok(conversation)
}

/// The conversation in an object: a body, or the request inside of one that only counts.
pub(super) fn conversation(mut body: Members, model: &str) -> Result<Conversation, Mistake> {
    let mut conversation = Conversation::new(Format::Gemini, model);
    conversation.include_usage = true;
    body.take("model");
    let name = spelled(&body, "systemInstruction");
    if let Some(system) = body.take(&name) {
        let system = contents::turn(&name, system, Role::System, &mut contents::Calls::default())?;
        conversation.turns.push(system);
    }
    conversation.turns.append(&mut contents::read(&mut body)?);
    let name = spelled(&body, "cachedContent");
    if conversation.turns.iter().all(|turn| turn.role.is_system()) && !body.has(&name) {
        return Err(Mistake::missing("contents"));
    }
    tools::read(&mut body, &mut conversation)?;
    config::read(&mut body, &mut conversation)?;
    let name = spelled(&body, "serviceTier");
    conversation.service_tier = body.string(&name)?;
    conversation.extra.extend(body.rest());
    Ok(conversation)
}

/// What is left of an object inside of the request, as one member of what only this format knows.
fn keep_rest(extra: &mut Extra, name: &str, rest: Vec<(String, Raw)>) {
    if rest.is_empty() {
        return;
    }
    let mut text = Vec::new();
    object(&mut text, |members| {
        members.put_all(&rest);
    });
    let text = String::from_utf8(text).unwrap_or_default();
    extra.extend(Raw::parse(&text).map(|raw| (name.to_owned(), raw)));
}

/// Names that stand for the ids of calls whose app gave none. They are never written in this format.
pub(super) fn synthetic_id(number: usize) -> String {
    format!("noid_{number}")
}

/// Whether an id was made by [`synthetic_id`].
pub(super) fn is_synthetic(id: &str) -> bool {
    id.strip_prefix("noid_").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
