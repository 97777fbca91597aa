//! A whole answer in the internal form.

use crate::{
    conversation::{
        Answer, Choice, Fault, Format, Part, PartKind, Reported, Signature, Stop, fresh_call_id,
    },
    json::{Members, Raw},
    openai_chat::{
        error, finish, reader,
        request::{details, google_signature, object_of, thinking_blocks},
        usage, wire,
    },
};
use serde_json::value::RawValue;

/// Reads a whole body that came with a 2xx.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    read_answer_with_tags(body, false)
}

/// Reads a whole body of a provider whose models may begin their content with `<think>…</think>`
/// ([`crate::openai_chat::Dialect::think_tags`]).
pub fn read_answer_with_tags(body: &[u8], think_tags: bool) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::garbage())?;
    let Some(mut members) = Members::of_text(text.trim()) else {
        return Err(match error::wrapped(body) {
            Some(_) => error::fault_of(body),
            None => Fault::garbage(),
        });
    };
    let failed = members.peek("error").is_some_and(|error| error.get() != "false");
    if failed || members.peek_str("object").as_deref() == Some("error") {
        return Err(error::fault_of(body));
    }
    let mut answer = Answer {
        id: taken(&mut members, "id"),
        model: taken(&mut members, "model"),
        created: members
            .take("created")
            .and_then(|number| wire::number(Some(number)))
            .map(|it| it as i64),
        service_tier: taken(&mut members, "service_tier"),
        usage: reported(&mut members),
        ..Answer::default()
    };
    let choices: Vec<&RawValue> = members
        .take("choices")
        .and_then(|choices| serde_json::from_str(choices.get()).ok())
        .unwrap_or_default();
    let id = answer.id.clone().unwrap_or_default();
    let mut calls = 0;
    let mut complete = false;
    for raw in choices {
        let (choice, finished) = choice(raw, &id, &mut calls, think_tags)?;
        complete |= finished || !choice.parts.is_empty();
        answer.choices.push(choice);
    }
    if !complete {
        return Err(Fault::garbage());
    }
    members.take("object");
    answer.extra = members.rest();
    Ok(answer)
}

fn taken(members: &mut Members, name: &str) -> Option<String> {
    wire::words(members.take(name))
}

fn reported(members: &mut Members) -> Reported {
    if let Some(usage) = members.take("usage") {
        return usage::read_usage(usage.get());
    }
    let groq = members.peek("x_groq").and_then(|groq| Members::of_text(groq.get()));
    let usage = groq.and_then(|groq| groq.peek("usage"));
    usage.map(|usage| usage::read_usage(usage.get())).unwrap_or_default()
}

/// A choice, and whether it says that it ended.
fn choice(
    raw: &RawValue,
    answer_id: &str,
    calls: &mut usize,
    think_tags: bool,
) -> Result<(Choice, bool), Fault> {
    let mut members = Members::of_text(raw.get()).ok_or_else(Fault::garbage)?;
    members.take("index");
    let word = taken(&mut members, "finish_reason").unwrap_or_default();
    if let Some(fault) = finish::fault_of(&word) {
        return Err(fault);
    }
    let mut parts = Vec::new();
    if let Some(message) = members.take("message").and_then(|it| Members::of_text(it.get())) {
        parts = message_parts(message, answer_id, calls, think_tags)?;
    } else if let Some(text) = taken(&mut members, "text") {
        parts.push(Part::text(text));
    }
    let stop = finish::stop_of(&word);
    let called = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let logprobs = members.raw("logprobs");
    let choice = Choice {
        parts,
        stop: stop.unwrap_or(Stop::End).given_calls(called),
        stop_sequence: None,
        logprobs,
        extra: members.rest(),
    };
    Ok((choice, stop.is_some()))
}

fn message_parts(
    mut message: Members,
    answer_id: &str,
    calls: &mut usize,
    think_tags: bool,
) -> Result<Vec<Part>, Fault> {
    let mut parts = reasoning(&mut message);
    let content = wire::given(message.take("content")).map(wire::content).unwrap_or_default();
    for piece in content {
        match piece {
            wire::Piece::Text(text) if think_tags && parts.is_empty() => {
                parts.extend(reader::without_tags(&text));
            }
            wire::Piece::Text(text) => parts.push(Part::text(text)),
            wire::Piece::Reasoning(text) => {
                parts.push(Part::new(PartKind::Reasoning { text, signature: None }));
            }
            wire::Piece::Media(media) => parts.push(Part::new(PartKind::Media(media))),
        }
    }
    let refusal = taken(&mut message, "refusal");
    parts.extend(refusal.map(|refusal| Part::new(PartKind::Refusal(refusal))));
    let images = wire::given(message.take("images")).map(wire::images).unwrap_or_default();
    parts.extend(images.into_iter().map(|media| Part::new(PartKind::Media(media))));
    let wire_calls: Vec<&RawValue> = message
        .take("tool_calls")
        .and_then(|calls| serde_json::from_str(calls.get()).ok())
        .unwrap_or_default();
    for raw in wire_calls {
        parts.push(call(raw, answer_id, calls)?);
    }
    if let Some(raw) = message.take("function_call") {
        parts.push(legacy_call(raw, answer_id, calls)?);
    }
    message.take("role");
    parts.extend(own_members(message));
    Ok(parts)
}

/// What only this format has in a message (`annotations`, `audio`), as one part.
fn own_members(message: Members) -> Option<Part> {
    let given: Vec<(String, Raw)> = message
        .rest()
        .into_iter()
        .filter(|(_, raw)| !matches!(raw.get(), "null" | "[]" | "{}" | "\"\""))
        .collect();
    let part = || Part::new(PartKind::Native(Format::OpenaiChat, object_of(&given)));
    (!given.is_empty()).then(part)
}

/// Reasoning in the richest of its forms.
fn reasoning(message: &mut Members) -> Vec<Part> {
    let blocks = message
        .take("thinking_blocks")
        .and_then(|blocks| thinking_blocks("thinking_blocks", blocks).ok())
        .unwrap_or_default();
    let detailed = message.take("reasoning_details").and_then(details);
    let first = taken(message, "reasoning_content");
    let words = first.or(taken(message, "reasoning"));
    if !blocks.is_empty() {
        return blocks;
    }
    let kind = match (detailed, words) {
        (Some(PartKind::Reasoning { signature, .. }), Some(text)) => {
            PartKind::Reasoning { text, signature }
        }
        (Some(detailed), None) => detailed,
        (_, Some(text)) => PartKind::Reasoning { text, signature: None },
        (None, None) => return Vec::new(),
    };
    vec![Part::new(kind)]
}

fn call(raw: &RawValue, answer_id: &str, calls: &mut usize) -> Result<Part, Fault> {
    let call: wire::Call = serde_json::from_str(raw.get()).map_err(|_| Fault::garbage())?;
    let custom = call.custom.as_ref().is_some_and(|custom| wire::given(custom.name).is_some());
    let (name, arguments) = match (call.custom, call.function) {
        (Some(called), _) if custom => (called.name, wire::arguments(called.input)),
        (_, Some(called)) => (called.name, wire::arguments(called.arguments)),
        _ => return Err(Fault::garbage()),
    };
    let signature =
        Members::of_text(raw.get()).and_then(|mut members| google_signature(&mut members));
    made(wire::words(call.id), name, arguments, custom, signature, answer_id, calls)
}

fn legacy_call(raw: &RawValue, answer_id: &str, calls: &mut usize) -> Result<Part, Fault> {
    let called: wire::Function = serde_json::from_str(raw.get()).map_err(|_| Fault::garbage())?;
    let arguments = wire::arguments(called.arguments);
    made(None, called.name, arguments, false, None, answer_id, calls)
}

fn made(
    id: Option<String>,
    name: Option<&RawValue>,
    arguments: String,
    custom: bool,
    signature: Option<Signature>,
    answer_id: &str,
    calls: &mut usize,
) -> Result<Part, Fault> {
    let name = wire::words(name).ok_or_else(Fault::garbage)?;
    let id = id.unwrap_or_else(|| fresh_call_id(answer_id, *calls));
    *calls += 1;
    let nothing = !custom && arguments.trim().is_empty();
    let arguments = if nothing { "{}".to_owned() } else { arguments };
    Ok(Part::new(PartKind::ToolCall { id, name, arguments, custom, signature }))
}
