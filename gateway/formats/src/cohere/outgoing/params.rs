//! Everything of a request but its messages and tools.

use crate::{
    anthropic::claude::{object_rooted, wrapped},
    conversation::{
        Conversation, Effort, Fit, Output, Reasoning, Unsupported, label, note_foreign,
        note_unsupported,
    },
    json::{Object, Raw},
};

/// The most texts that end an answer.
const MOST_STOPS: usize = 5;

/// A form of the answer that is asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// Any JSON object.
    Object,
    /// An object by this schema.
    Schema(Raw),
}

impl Form {
    /// Writes `response_format`.
    pub fn write(&self, body: &mut Object) {
        body.object("response_format", |format| {
            format.put("type", "json_object");
            if let Self::Schema(schema) = self {
                format.put("json_schema", schema);
            }
        });
    }
}

/// The form of the answer, if it can be asked for. `alone`: whether there are no tools.
pub(super) fn form(conversation: &Conversation, alone: bool, fit: &mut Fit) -> Option<Form> {
    let param = label(conversation.origin, "response_format");
    let form = match &conversation.output {
        Output::Text => return None,
        Output::JsonObject => Form::Object,
        Output::JsonSchema { schema, .. } if wrapped(schema).is_some() => {
            fit.cannot(param, "it takes schemas of objects only");
            return None;
        }
        Output::JsonSchema { schema, .. } => Form::Schema(object_rooted(Some(schema))),
    };
    if !alone {
        fit.cannot(param, "it keeps to no form of the answer while tools are offered");
        return None;
    }
    Some(form)
}

/// Writes limits, how tokens are drawn, and thinking; notes the rest.
pub(super) fn write(body: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    let origin = conversation.origin;
    let max_tokens = max_tokens(conversation, fit);
    body.put_some("max_tokens", max_tokens);
    write_sampling(body, conversation, fit);
    write_stops(body, conversation, fit);
    write_thinking(body, conversation, max_tokens, fit);
    note_unsupported(
        conversation,
        &[Unsupported::Choices, Unsupported::Logprobs, Unsupported::LogitBias],
        fit,
    );
    if conversation.user.is_some() {
        fit.hint(label(origin, "user"));
    }
    if conversation.service_tier.is_some() {
        fit.hint("service_tier");
    }
    note_foreign(conversation, &[], fit);
}

fn max_tokens(conversation: &Conversation, fit: &mut Fit) -> Option<u64> {
    let asked = fit.max_output(conversation.max_output)?;
    let most = fit.target.model_max_output.unwrap_or(asked);
    if most < asked {
        fit.changed(label(conversation.origin, "max_tokens"), most);
    }
    Some(asked.min(most))
}

fn write_sampling(body: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    /// The most candidates.
    const MOST_K: u64 = 500;
    let origin = conversation.origin;
    let sampling = &conversation.sampling;
    let numbers = [
        ("temperature", "temperature", sampling.temperature, 0.0, 1.0),
        ("top_p", "p", sampling.top_p, 0.01, 0.99),
        ("frequency_penalty", "frequency_penalty", sampling.frequency_penalty, 0.0, 1.0),
        ("presence_penalty", "presence_penalty", sampling.presence_penalty, 0.0, 1.0),
    ];
    for (name, own, value, least, most) in numbers {
        let value = value.filter(|number| number.is_finite());
        let value = value.map(|number| fit.clamp(label(origin, name), number, least, most));
        body.put_some(own, value);
    }
    if let Some(top_k) = sampling.top_k {
        if top_k > MOST_K {
            fit.changed(label(origin, "top_k"), MOST_K);
        }
        body.put("k", top_k.min(MOST_K));
    }
    match sampling.seed.map(u64::try_from) {
        None => {}
        Some(Ok(seed)) => {
            body.put("seed", seed);
        }
        // None below zero.
        Some(Err(_)) => fit.hint(label(origin, "seed")),
    }
}

fn write_stops(body: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    let param = label(conversation.origin, "stop");
    let wanted = &conversation.sampling.stop;
    let mut stops: Vec<&String> = wanted.iter().filter(|text| !text.is_empty()).collect();
    if stops.len() < wanted.len() {
        fit.hint(param);
    }
    if stops.len() > MOST_STOPS {
        fit.cannot(param, "it takes five texts at most");
        stops.truncate(MOST_STOPS);
    }
    if !stops.is_empty() {
        body.put("stop_sequences", stops);
    }
}

/// Writes `thinking` for models that think; others refuse it.
fn write_thinking(
    body: &mut Object,
    conversation: &Conversation,
    most: Option<u64>,
    fit: &mut Fit,
) {
    let Some(reasoning) = &conversation.reasoning else { return };
    let model = fit.target.upstream_model;
    let thinks = fit
        .target
        .reasoning
        .unwrap_or_else(|| ["reasoning", "command-a-plus"].iter().any(|word| model.contains(word)));
    if !thinks {
        if !reasoning.is_off() {
            fit.hint(label(conversation.origin, "reasoning_effort"));
        }
        return;
    }
    if reasoning.is_off() {
        body.object("thinking", |thinking| {
            thinking.put("type", "disabled");
        });
        return;
    }
    let wanted = budget(reasoning);
    // A budget has to leave something for the answer.
    let fits = match (wanted, most) {
        (Some(wanted), Some(most)) if wanted >= most => Some((most / 2).max(1)),
        (wanted, _) => wanted,
    };
    if let Some(budget) = fits.filter(|_| fits != wanted) {
        fit.changed("thinking.token_budget", budget);
    }
    body.object("thinking", |thinking| {
        thinking.put("type", "enabled").put_some("token_budget", fits);
    });
}

/// The budget in tokens: as it was asked for, or what stands for an effort. From `high` on the model thinks as much as it
/// likes.
fn budget(reasoning: &Reasoning) -> Option<u64> {
    match (reasoning.budget, reasoning.effort) {
        (Some(budget), _) => Some(budget),
        (None, Some(effort)) if effort < Effort::High => Some(effort.budget()),
        (None, _) => None,
    }
}
