//! An app's request in the internal form.
//!
//! Canonical spellings, where the internal form cannot tell two spellings of one meaning apart: contents of one plain
//! text are a string; null, `stream: false`, `is_error: false` and an empty text are absent; the older `output_format` is
//! `output_config.format`; white space between the tokens of a tool's `input` is dropped.

mod block;
mod thinking;
mod tool;

pub(super) use block::{Place, part};

use super::carry::{cache_mark, keep_rest};
use crate::{
    conversation::{Conversation, Format, Output, Part, PartKind, Role, Sampling, Turn},
    json::{Members, Raw},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads the body of a call of `messages`. `version` is the value of the header `anthropic-version`, `betas` are those of
/// `anthropic-beta`; both are kept in [`Conversation::headers`]. Every member that is not understood is kept in the
/// nearest `extra`.
pub fn read_request(
    body: &[u8],
    version: Option<&str>,
    betas: &[&str],
) -> Result<Conversation, Mistake> {
    let mut members = Members::of_body(body)?;
    let max_tokens = members.integer("max_tokens")?;
    let mut conversation = read(members)?;
    conversation.max_output = Some(max_tokens.ok_or_else(|| Mistake::missing("max_tokens"))?);
    let mut header = |name: &str, value: String| {
        if !value.is_empty() {
            conversation.headers.push((name.to_owned(), value));
        }
    };
    header("anthropic-version", version.unwrap_or_default().to_owned());
    header("anthropic-beta", betas.join(","));
    Ok(conversation)
}

/// Reads the body of a call of `count_tokens`: that of `messages` without what only concerns the answer.
pub fn read_count_request(body: &[u8]) -> Result<Conversation, Mistake> {
    read(Members::of_body(body)?)
}

fn read(mut members: Members) -> Result<Conversation, Mistake> {
    let model = members.required_string("model")?;
    if model.is_empty() {
        return Err(Mistake::missing("model"));
    }
    let mut conversation = Conversation::new(Format::Anthropic, model);
    // Streams of this format always tell their usage.
    conversation.include_usage = true;
    conversation.turns = system(&mut members)?;
    conversation.turns.extend(messages(&mut members)?);
    tool::read(&mut members, &mut conversation)?;
    conversation.sampling = Sampling {
        temperature: members.number("temperature")?,
        top_p: members.number("top_p")?,
        top_k: members.integer("top_k")?,
        stop: members.strings("stop_sequences")?.unwrap_or_default(),
        ..Sampling::default()
    };
    thinking::read(&mut members, &mut conversation)?;
    output(&mut members, &mut conversation)?;
    if let Some(mut metadata) = members.object("metadata")? {
        conversation.user = metadata.string("user_id")?;
        keep_rest(&mut conversation.extra, "metadata", metadata);
    }
    conversation.service_tier = members.string("service_tier")?;
    conversation.stream = members.bool("stream")?.unwrap_or(false);
    conversation.extra.extend(members.rest());
    Ok(conversation)
}

/// The system texts, as the first turn.
fn system(members: &mut Members) -> Result<Vec<Turn>, Mistake> {
    let path = members.path_of("system");
    let Some(raw) = members.take("system") else { return Ok(Vec::new()) };
    let mut parts = contents(&path, raw, Place::System)?;
    for part in &mut parts {
        mark_attribution(part);
    }
    Ok(vec![Turn::new(Role::System, parts)])
}

/// Claude Code sends a text about itself first, which only Anthropic takes out again: some others refuse it, and it
/// changes with each session, which spoils their prompt caches.
fn mark_attribution(part: &mut Part) {
    const MARK: &str = "x-anthropic-billing-header:";
    if part.as_text().is_some_and(|text| text.starts_with(MARK)) {
        let raw = super::outgoing::block_json(part);
        part.kind = PartKind::Native(Format::Anthropic, raw);
        part.extra.clear();
    }
}

fn messages(members: &mut Members) -> Result<Vec<Turn>, Mistake> {
    let messages = members.list("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Err(Mistake::missing("messages"));
    }
    messages.into_iter().map(|(path, raw)| message(path, raw)).collect()
}

fn message(path: String, raw: &RawValue) -> Result<Turn, Mistake> {
    let mut members = Members::of(path, raw)?;
    let role = match members.required_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        other => {
            let message = format!(
                "`{other}` is no role: messages have the role `user` or `assistant`, newer models also take `system`."
            );
            return Err(Mistake::invalid(&members.path_of("role"), message));
        }
    };
    let path = members.path_of("content");
    let content = members.take("content").ok_or_else(|| Mistake::missing(&path))?;
    let place = if role.is_system() { Place::System } else { Place::Message };
    let parts = contents(&path, content, place)?;
    Ok(Turn { extra: members.rest(), ..Turn::new(role, parts) })
}

/// Contents: one text, or blocks.
pub(super) fn contents(path: &str, raw: &RawValue, place: Place) -> Result<Vec<Part>, Mistake> {
    let text = raw.get();
    if text.starts_with('"') {
        let text: String = serde_json::from_str(text)
            .map_err(|_| Mistake::wrong_type(path, "a string or an array of blocks"))?;
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    if !text.starts_with('[') {
        return Err(Mistake::wrong_type(path, "a string or an array of blocks"));
    }
    let blocks = crate::json::items(path, raw)?;
    blocks.into_iter().map(|(path, block)| part(path, block, place)).collect()
}

/// The form of the answer: `output_config.format`, or `output_format` by the older beta.
fn output(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let mut config = members.object("output_config")?;
    let format = match &mut config {
        Some(config) if config.has("format") => config.object("format")?,
        _ => members.object("output_format")?,
    };
    let mut rest = Vec::new();
    if let Some(mut format) = format {
        let schema =
            format.has("schema") && format.peek_str("type").as_deref() == Some("json_schema");
        if schema && let Some(schema) = format.raw("schema") {
            format.take("type");
            conversation.output =
                Output::JsonSchema { name: None, description: None, schema, strict: None };
        }
        keep_rest(&mut rest, "format", format);
    }
    if let Some(mut config) = config {
        thinking::read_effort(&mut config, conversation)?;
        rest.extend(config.rest());
    }
    if !rest.is_empty() {
        let rest: Raw = super::carry::object_of(&rest);
        conversation.extra.push(("output_config".to_owned(), rest));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
