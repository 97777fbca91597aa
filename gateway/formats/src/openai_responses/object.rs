//! The response object. It repeats the request: typed SDKs take it for broken without `tools`, `tool_choice`,
//! `parallel_tool_calls` and more.

use super::{
    marks,
    outgoing::{choice, tool_members},
    request::raw_of,
};
use crate::{
    conversation::{Conversation, Extra, Format, Output, Reasoning, Stop, ToolKind},
    json::{Object, Raw, list, object},
    stream::Asked,
};

/// What of a response changes while it is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct State<'s> {
    pub(super) id: &'s str,
    pub(super) status: &'s str,
    /// Why it is not complete.
    pub(super) incomplete: Option<&'static str>,
    /// The code and words of a failure.
    pub(super) error: Option<(&'static str, &'s str)>,
    /// The items so far, each as JSON.
    pub(super) output: &'s [Vec<u8>],
    /// The usage as JSON.
    pub(super) usage: &'s str,
    pub(super) service_tier: Option<&'s str>,
}

/// The status for a reason to end, and why it is incomplete if it is.
pub(super) const fn status_of(stop: Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::End | Stop::Sequence | Stop::Tool | Stop::Pause => ("completed", None),
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        Stop::Filtered => ("incomplete", Some("content_filter")),
    }
}

/// Writes the members of a response.
pub(super) fn members(o: &mut Object, asked: &Asked, echo: &Extra, state: &State) {
    o.put("id", state.id).put("object", "response").put("created_at", asked.created);
    o.put("status", state.status).put("background", false);
    match state.error {
        Some((code, message)) => o.object("error", |o| {
            o.put("code", code).put("message", message);
        }),
        None => o.put_text("error", "null"),
    };
    match state.incomplete {
        Some(reason) => o.object("incomplete_details", |o| {
            o.put("reason", reason);
        }),
        None => o.put_text("incomplete_details", "null"),
    };
    o.put("model", &asked.model).list("output", |l| {
        for item in state.output {
            l.put_text(&String::from_utf8_lossy(item));
        }
    });
    // The words of other formats are none of the SDKs'.
    let tier =
        state.service_tier.filter(|tier| ["auto", "default", "flex", "priority"].contains(tier));
    o.put("service_tier", tier.unwrap_or("default"));
    o.put_all(echo).put_text("usage", state.usage);
}

/// What a response repeats of the request.
pub(super) fn echo(conversation: &Conversation) -> Extra {
    let own = conversation.origin == Format::OpenaiResponses;
    let sent = |name: &str| marks::find(&conversation.extra, name).filter(|_| own).cloned();
    let or = |raw: Option<Raw>, default: &str| raw.unwrap_or_else(|| default_of(default));
    let instructions = conversation.turns.iter().find(|turn| marks::is_instructions(turn));
    let sampling = &conversation.sampling;
    let members = [
        ("instructions", Raw::of(&instructions.map(|turn| turn.text("\n\n")))),
        ("max_output_tokens", Raw::of(&conversation.max_output)),
        ("max_tool_calls", or(sent("max_tool_calls"), "null")),
        ("parallel_tool_calls", Raw::of(&conversation.parallel_tools.unwrap_or(true))),
        ("previous_response_id", Raw::of(&marks::continues(conversation))),
        ("prompt_cache_key", or(sent("prompt_cache_key"), "null")),
        ("reasoning", reasoning(conversation.reasoning.as_ref(), own)),
        ("safety_identifier", or(sent("safety_identifier"), "null")),
        ("store", or(sent("store"), "true")),
        ("temperature", Raw::of(&sampling.temperature.unwrap_or(1.0))),
        ("text", text(conversation, own)),
        ("tool_choice", tool_choice(conversation, sent("tool_choice"))),
        ("tools", tools(conversation, own)),
        ("top_logprobs", Raw::of(&sampling.top_logprobs.unwrap_or(0))),
        ("top_p", Raw::of(&sampling.top_p.unwrap_or(1.0))),
        ("truncation", or(sent("truncation"), "\"disabled\"")),
        ("user", Raw::of(&conversation.user)),
        ("metadata", or(sent("metadata"), "{}")),
    ];
    members.into_iter().map(|(name, raw)| (name.to_owned(), raw)).collect()
}

fn default_of(json: &str) -> Raw {
    raw_of(json.as_bytes())
}

fn reasoning(reasoning: Option<&Reasoning>, own: bool) -> Raw {
    let effort = reasoning.and_then(Reasoning::as_effort).map(|effort| effort.word());
    let extra = reasoning.filter(|_| own).map_or(&[][..], |reasoning| &reasoning.extra);
    let has = |name: &str| extra.iter().any(|(known, _)| known == name);
    let mut out = Vec::new();
    object(&mut out, |o| {
        if !has("effort") {
            o.put("effort", effort);
        }
        if !has("summary") {
            o.put_text("summary", "null");
        }
        o.put_all(extra);
    });
    raw_of(&out)
}

fn text(conversation: &Conversation, own: bool) -> Raw {
    let mut out = Vec::new();
    object(&mut out, |o| {
        let format = |o: &mut Object| match &conversation.output {
            Output::Text => {
                o.put("type", "text");
            }
            Output::JsonObject => {
                o.put("type", "json_object");
            }
            Output::JsonSchema { name, description, schema, strict } => {
                o.put("type", "json_schema").put("name", name.as_deref().unwrap_or("response"));
                o.put("description", description).put("schema", schema).put("strict", strict);
            }
        };
        o.object("format", format);
        for (name, raw) in conversation.extra.iter().filter(|_| own) {
            match name.strip_prefix("text.") {
                Some(name) if !name.starts_with("format") => {
                    o.put_text(name, raw.get());
                }
                _ => {}
            }
        }
    });
    raw_of(&out)
}

fn tool_choice(conversation: &Conversation, sent: Option<Raw>) -> Raw {
    match &conversation.tool_choice {
        Some(chosen) => choice(conversation, chosen, str::to_owned),
        None => sent.unwrap_or_else(|| Raw::string("auto")),
    }
}

fn tools(conversation: &Conversation, own: bool) -> Raw {
    let mut out = Vec::new();
    list(&mut out, |l| {
        for tool in &conversation.tools {
            match &tool.kind {
                ToolKind::Native(raw) if own => {
                    l.put_text(raw.get());
                }
                ToolKind::Native(_) => {}
                ToolKind::Function { .. } | ToolKind::Custom { .. } => {
                    l.object(|o| tool_members(o, tool, &tool.name, own));
                }
            }
        }
    });
    raw_of(&out)
}
