//! A whole answer, as providers give it and as apps get it.

use super::{
    error::fault_of,
    reader::{Blocks, stop_of},
    usage::{read_usage, write_usage},
};
use crate::{
    conversation::{
        Answer, Choice, Collector, Fault, Format, Media, MediaKind, Part, PartKind, Signature,
        Stop, arguments_object,
    },
    json::{List, Members, Raw, object},
    stream::Asked,
};

/// Reads a whole body that came with a 2xx. Its content is read by the rules of the stream, so that both tell the same
/// answer; citations have no place in the internal form and are left out.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    let mut members = Members::of_body(body).map_err(|_| Fault::garbage())?;
    if let Some(error) = members.peek("error") {
        return Err(fault_of(error.get()));
    }
    let content = members.list("content").ok().flatten().ok_or_else(Fault::garbage)?;
    let id = members.string("id").ok().flatten();
    let mut blocks = Blocks::of(id.as_deref().unwrap_or_default());
    let mut events = Vec::with_capacity(content.len() * 2);
    for (index, (_, raw)) in content.into_iter().enumerate() {
        blocks.start(index as u64, raw, &mut events)?;
        blocks.stop(index as u64, &mut events);
    }
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    let mut answer = collector.finish();
    let mut choice = answer.choices.pop().unwrap_or_default();
    let reason = members.string("stop_reason").ok().flatten().unwrap_or_default();
    choice.stop = stop_of(&reason).given_calls(blocks.called());
    choice.stop_sequence = members.string("stop_sequence").ok().flatten();
    choice.extra.extend(members.raw("stop_details").map(|raw| ("stop_details".to_owned(), raw)));
    answer.choices = vec![choice];
    answer.id = id;
    answer.model = members.string("model").ok().flatten();
    if let Some(usage) = members.take("usage") {
        answer.usage = read_usage(usage.get());
        read_terms(&mut answer, usage.get());
    }
    for known in ["type", "role"] {
        members.take(known);
    }
    answer.extra.extend(members.rest());
    Ok(answer)
}

/// What `usage` says beside numbers: the tier, and under `usage` what changes the price of all of them.
fn read_terms(answer: &mut Answer, usage: &str) {
    let Some(mut usage) = Members::of_text(usage) else { return };
    answer.service_tier = usage.string("service_tier").ok().flatten();
    let mut terms = Vec::new();
    for name in TERMS {
        terms.extend(usage.raw(name).map(|raw| (name.to_owned(), raw)));
    }
    if !terms.is_empty() {
        answer.extra.push(("usage".to_owned(), super::carry::object_of(&terms)));
    }
}

const TERMS: [&str; 2] = ["speed", "inference_geo"];

/// Writes a whole answer for an app. Of several choices there is only the first here.
pub fn write_answer(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let called = choice.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let refused = choice.parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let reason = stop_reason(choice.stop.given_calls(called), refused);
    let sequence = stop_sequence(reason, choice.stop_sequence.as_deref(), asked);
    let mut out = Vec::new();
    object(&mut out, |message| {
        message
            .put("id", asked.id_with("msg_", answer.id.as_deref()))
            .put("type", "message")
            .put("role", "assistant")
            .put("model", &asked.model)
            .list("content", |content| {
                choice.parts.iter().for_each(|part| write_part(content, part));
            })
            .put("stop_reason", reason)
            .put("stop_sequence", sequence)
            .put("stop_details", named(&choice.extra, "stop_details"))
            .object("usage", |usage| {
                write_usage(usage, &answer.usage.shown().unwrap_or_default());
                usage.put_all(&super::carry::kept(&answer.extra, "usage"));
                if let Some(tier @ ("standard" | "priority" | "batch")) =
                    answer.service_tier.as_deref()
                {
                    usage.put("service_tier", tier);
                }
            });
        if let Some(container) = named(&answer.extra, "container") {
            message.put("container", container);
        }
    });
    out
}

fn named<'e>(extra: &'e [(String, Raw)], name: &str) -> Option<&'e Raw> {
    extra.iter().find(|(key, _)| key == name).map(|(_, raw)| raw)
}

/// Why an answer ended, in this format's words. A refusal in words is one, whatever the provider called it.
pub(super) const fn stop_reason(stop: Stop, refused: bool) -> &'static str {
    match stop {
        Stop::End if refused => "refusal",
        Stop::End => "end_turn",
        Stop::Sequence => "stop_sequence",
        Stop::Length => "max_tokens",
        Stop::Tool => "tool_use",
        Stop::Filtered => "refusal",
        Stop::Pause => "pause_turn",
    }
}

/// The text that ended the answer: as the provider tells it, else the only one that there was.
pub(super) fn stop_sequence<'a>(
    reason: &str,
    told: Option<&'a str>,
    asked: &'a Asked,
) -> Option<&'a str> {
    if reason != "stop_sequence" {
        return None;
    }
    told.or(match asked.conversation.sampling.stop.as_slice() {
        [only] => Some(only),
        _ => None,
    })
}

/// Writes a part as a block. Reasoning that nobody signed has an empty signature, and comes back with it.
fn write_part(content: &mut List, part: &Part) {
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) if text.is_empty() => {}
        PartKind::Text(text) | PartKind::Refusal(text) => {
            content.object(|block| {
                block.put("type", "text").put("text", text);
            });
        }
        PartKind::Reasoning { text, signature } => {
            let signature = signature.as_ref().map(|it| it.shown_in(Format::Anthropic));
            content.object(|block| {
                block
                    .put("type", "thinking")
                    .put("thinking", text)
                    .put("signature", signature.unwrap_or_default());
            });
        }
        PartKind::Sealed(signature) => {
            content.object(|block| {
                block
                    .put("type", "redacted_thinking")
                    .put("data", signature.shown_in(Format::Anthropic));
            });
        }
        PartKind::ToolCall { id, name, arguments, signature, .. } => {
            content.object(|block| {
                block
                    .put("type", "tool_use")
                    .put("id", shown_id(id, signature.as_ref()))
                    .put("name", name)
                    .put("input", arguments_object(arguments));
            });
        }
        PartKind::Native(Format::Anthropic, raw) => {
            content.put_text(raw.get());
        }
        PartKind::Media(file) => {
            content.object(|block| {
                block.put("type", "text").put("text", mention(file));
            });
        }
        PartKind::Native(..) | PartKind::ToolResult { .. } => {}
    }
}

/// A call's id, with the signature of another format in it: there is no other place that surely comes back.
pub(super) fn shown_id(id: &str, signature: Option<&Signature>) -> String {
    match signature {
        Some(signature) if signature.by != Format::Anthropic => signature.clone().into_id(id),
        _ => id.to_owned(),
    }
}

/// What is said of a file in an answer: answers of this format have texts only.
pub(super) fn mention(file: &Media) -> String {
    use crate::conversation::Source;
    let word = match file.kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Document => "file",
    };
    match &file.source {
        Source::Url(url) => format!("![{word}]({url})"),
        Source::Text(text) => text.clone(),
        Source::Base64(_) | Source::FileId(_) => format!("[{word}]"),
    }
}

#[cfg(test)]
mod tests;
