//! A request as Anthropic gets it.
//!
//! Rules that are decided here and not by the wire format: reasoning that Anthropic did not sign is left out; system
//! texts between messages stay where they are on models that take them, and are text of the next user turn on any other;
//! a `user` of another format is hashed, since the field takes no names; a file that is kept at another provider is
//! refused; an answer that ends with an assistant turn goes on from it only where models do.

mod block;
mod cache;
pub(super) mod limits;
mod media;
mod output;
pub(crate) mod thinking;
mod tools;
pub(super) mod turns;

pub(super) use block::block_json;

use super::{carry::kept, model::Traits};
use crate::{
    conversation::{
        Conversation, Extra, Fit, Format, Outgoing, Part, PartKind, Role, Tool, Turn, label,
    },
    json::{Object, Raw, object},
    mistake::Mistake,
};
use output::Form;
use sha2::{Digest, Sha256};
use thinking::Thinking;
use tools::Chosen;

/// Writes the body of a call of `messages`.
pub fn write_request(conversation: &Conversation, mut fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let mut plan = Plan::of(conversation, &mut fit)?;
    let max_tokens = limits::max_tokens(conversation, &mut plan.thinking, &mut fit);
    plan.settle(conversation, &mut fit)?;
    let mut out = Vec::new();
    object(&mut out, |body| {
        body.put("model", fit.target.upstream_model).put("max_tokens", max_tokens);
        plan.write(body, conversation);
        limits::write_sampling(body, conversation, &plan.traits, &plan.thinking, &mut fit);
        write_envelope(body, conversation, &mut fit);
        write_extra(body, conversation, &mut fit);
    });
    fit.finish(out)
}

/// Writes the body of a call of `count_tokens`.
pub fn write_count_request(
    conversation: &Conversation,
    mut fit: Fit<'_>,
) -> Result<Outgoing, Mistake> {
    let mut plan = Plan::of(conversation, &mut fit)?;
    plan.settle(conversation, &mut fit)?;
    let mut out = Vec::new();
    object(&mut out, |body| {
        body.put("model", fit.target.upstream_model);
        plan.write(body, conversation);
        if conversation.origin == Format::Anthropic {
            write_extra(body, conversation, &mut fit);
        }
    });
    fit.finish(out)
}

/// What the prompt and its answer will be.
struct Plan {
    traits: Traits,
    system: Vec<Part>,
    turns: Vec<Turn>,
    thinking: Thinking,
    form: Form,
    tools: Vec<Tool>,
    chosen: Option<Chosen>,
}

impl Plan {
    fn of(conversation: &Conversation, fit: &mut Fit) -> Result<Self, Mistake> {
        let traits = Traits::of(&fit.target);
        let turns::Ordered { system, mut turns } =
            turns::ordered(conversation, traits.late_systems, fit);
        let lacks_thinking = turns::lacks_thinking(&turns);
        let mut thinking = thinking::decide(conversation, &traits, lacks_thinking, fit);
        prefill(&mut turns, conversation, &traits, &mut thinking, fit);
        let (form, tools, chosen) = (Form::Text, Vec::new(), None);
        Ok(Self { traits, system, turns, thinking, form, tools, chosen })
    }

    /// Decides what depends on whether the model thinks, once that is sure.
    fn settle(&mut self, conversation: &Conversation, fit: &mut Fit) -> Result<(), Mistake> {
        self.form = output::decide(conversation, &self.traits, &self.thinking);
        if let Form::Told(sentence) = &self.form {
            self.system.push(Part::text(sentence));
        }
        self.tools = tools::offered(conversation, &self.turns, &self.traits, fit)?;
        self.chosen =
            tools::choice(conversation, &self.tools, &self.traits, &self.thinking, &self.form, fit);
        if cache::keep_the_last(&mut self.tools, &mut self.system, &mut self.turns) {
            fit.hint("cache_control");
        }
        Ok(())
    }

    fn write(&self, body: &mut Object, conversation: &Conversation) {
        if !self.system.is_empty() {
            block::write_contents(body, "system", &self.system);
        }
        body.list("messages", |messages| {
            for turn in &self.turns {
                messages.object(|message| {
                    message.put(
                        "role",
                        match turn.role {
                            Role::System | Role::Developer => "system",
                            Role::User => "user",
                            Role::Assistant => "assistant",
                        },
                    );
                    block::write_contents(message, "content", &turn.parts);
                    message.put_all(&turn.extra);
                });
            }
        });
        tools::write(body, conversation, &self.tools, self.chosen.as_ref(), &self.form);
        self.thinking.write(body);
        self.write_output_config(body, conversation);
    }

    fn write_output_config(&self, body: &mut Object, conversation: &Conversation) {
        let own = conversation.origin == Format::Anthropic;
        let carried = if own { kept(&conversation.extra, "output_config") } else { Extra::new() };
        let schema = match &self.form {
            Form::Schema(schema) => Some(schema),
            Form::Text | Form::StandIn { .. } | Form::Told(_) => None,
        };
        let format = kept(&carried, "format");
        if self.thinking.effort.is_none() && schema.is_none() && carried.is_empty() {
            return;
        }
        body.object("output_config", |config| {
            if let Some(effort) = self.thinking.effort {
                config.put("effort", effort.word());
            }
            if schema.is_some() || !format.is_empty() {
                config.object("format", |object| {
                    if let Some(schema) = schema {
                        object.put("type", "json_schema").put("schema", schema);
                    }
                    object.put_all(&format);
                });
            }
            config.put_all(carried.iter().filter(|(name, _)| name != "format"));
        });
    }
}

/// A last turn of the assistant is the beginning of the answer, where the model takes that. Without thinking only, and
/// not with white space at its end.
fn prefill(
    turns: &mut Vec<Turn>,
    conversation: &Conversation,
    traits: &Traits,
    thinking: &mut Thinking,
    fit: &mut Fit,
) {
    let Some(last) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) else { return };
    let Some(part) = last.parts.last_mut() else { return };
    match &mut part.kind {
        // A turn that the provider paused goes on from what its own tools gave.
        PartKind::Native(..) => return,
        PartKind::Text(text) => text.truncate(text.trim_end().len()),
        _ => {}
    }
    let origin = conversation.origin;
    if !traits.prefill {
        let why = "the model does not go on from a last turn of the assistant";
        fit.cannot(label(origin, "messages"), why);
        turns.push(Turn::new(Role::User, vec![Part::text("Continue.")]));
    } else if thinking.is_on() {
        fit.hint(label(origin, "reasoning_effort"));
        thinking.kind = None;
    }
}

/// Whom the request is for, its tier, and whether it streams.
fn write_envelope(body: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    let own = conversation.origin == Format::Anthropic;
    let metadata = if own { kept(&conversation.extra, "metadata") } else { Extra::new() };
    if conversation.user.is_some() || !metadata.is_empty() {
        body.object("metadata", |object| {
            if let Some(user) = &conversation.user {
                object.put("user_id", if own { user.clone() } else { hashed(user) });
            }
            object.put_all(&metadata);
        });
    }
    if let Some(tier) = &conversation.service_tier {
        match service_tier(tier, own) {
            Some(tier) => {
                body.put("service_tier", tier);
            }
            None => fit.hint("service_tier"),
        }
    }
    if conversation.stream {
        body.put("stream", true);
    }
}

/// A user as an opaque id.
fn hashed(user: &str) -> String {
    Sha256::digest(user.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The tier in this format's words: `auto` uses a better tier where one is paid for, `standard_only` does not.
fn service_tier(tier: &str, own: bool) -> Option<&str> {
    match tier.to_ascii_lowercase().as_str() {
        _ if own => Some(tier),
        "auto" | "priority" => Some("auto"),
        "default" | "standard" => Some("standard_only"),
        _ => None,
    }
}

/// Members that only the origin knows: written in their own format, reported in any other.
fn write_extra(body: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    if conversation.origin == Format::Anthropic {
        let merged = |name: &str| matches!(name, "metadata" | "output_config" | "tool_choice");
        body.put_all(conversation.extra.iter().filter(|(name, _)| !merged(name)));
        return;
    }
    if conversation.previous_response_id.is_some() {
        fit.cannot("previous_response_id", "the answer that it names is kept at another provider");
    }
    for (name, raw) in &conversation.extra {
        match refusal(name, raw) {
            Some(why) => fit.cannot(name, why),
            None => fit.hint(name),
        }
    }
}

/// Why a member of another format cannot be left out silently; `None` for a mere hint.
fn refusal(name: &str, raw: &Raw) -> Option<&'static str> {
    let value = crate::json::compact(raw.get());
    if matches!(value.as_str(), "null" | "false" | "{}" | "[]" | "[\"text\"]" | "[\"TEXT\"]") {
        return None;
    }
    match name {
        "audio" | "modalities" | "responseModalities" => Some("it answers with text only"),
        "web_search_options" => Some("its search is a tool of its own"),
        "cachedContent" | "conversation" | "prompt" => {
            Some("a part of the prompt is kept at another provider")
        }
        "background" => Some("it answers at once only"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
