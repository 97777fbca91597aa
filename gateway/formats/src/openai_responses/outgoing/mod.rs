//! A request as a provider of the responses API gets it.
//!
//! A request of another format is sent with `store: false`: the provider keeps nothing, and gives its reasoning sealed
//! (`reasoning.encrypted_content`) for the next turn instead.

mod content;
mod items;
mod params;
mod tools;

pub(super) use items::{Items, Target};
pub(super) use tools::{choice, members as tool_members};

use super::marks;
use crate::{
    conversation::{Conversation, Effort, Fit, Format, Outgoing, Turn, label},
    json::{List, list, object},
    mistake::Mistake,
    openai_chat::dialect::openai,
};

/// Writes a request for the target of `fit`. What the provider cannot honour is told through `fit`.
pub fn write_request(conversation: &Conversation, fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let mut writing = Writing { conversation, fit };
    let input = writing.input();
    let params = writing.params();
    let mut body = Vec::new();
    object(&mut body, |o| {
        o.put("model", writing.fit.target.upstream_model);
        let instructions = conversation.turns.iter().find(|turn| marks::is_instructions(turn));
        o.put_some("instructions", instructions.map(|turn| turn.text("\n\n")));
        o.put_text("input", &input);
        for (name, value) in &params {
            o.put_text(name, value);
        }
    });
    writing.fit.finish(body)
}

/// A request being written.
struct Writing<'c> {
    conversation: &'c Conversation,
    fit: Fit<'c>,
}

impl Writing<'_> {
    /// Whether the request came in this format: then it has members that only this format knows.
    fn own(&self) -> bool {
        self.conversation.origin == Format::OpenaiResponses
    }

    /// A parameter of chat completions by its name in the app's request.
    fn label<'n>(&self, name: &'n str) -> &'n str {
        label(self.conversation.origin, name)
    }

    fn input(&mut self) -> String {
        let Conversation { turns, origin, .. } = self.conversation;
        let mut items = Items::new(Target::Provider(&mut self.fit), *origin, turns);
        written(turns, |turn, list| items.turn(turn, list))
    }

    /// Whether the target is a model that reasons, as far as its name or the catalog tells.
    fn reasons(&self) -> Option<bool> {
        let facts = &self.fit.target;
        match openai::reasons(facts.upstream_model) {
            Some(false) if !facts.efforts.is_empty() => Some(true),
            Some(known) => Some(known),
            None => facts.reasoning,
        }
    }

    /// Whether the target is one of OpenAI's reasoning models, with all that they refuse, and reasons now.
    fn is_openai_reasoning(&self) -> bool {
        let facts = &self.fit.target;
        let openais = matches!(
            facts.kind.name(),
            "openai" | "azure_openai" | "azure_ai" | "github_models" | "vercel"
        );
        let effort = self.conversation.reasoning.as_ref().and_then(|it| it.as_effort());
        let off =
            effort == Some(Effort::None) && openai::samples_without_reasoning(facts.upstream_model);
        openais && !off && self.reasons() == Some(true)
    }
}

/// Turns as an array of items, without the one that came as instructions.
fn written<'t>(turns: &'t [Turn], mut turn: impl FnMut(&'t Turn, &mut List)) -> String {
    let mut out = Vec::new();
    list(&mut out, |l| {
        for each in turns.iter().filter(|turn| !marks::is_instructions(turn)) {
            turn(each, l);
        }
    });
    String::from_utf8(out).unwrap_or_else(|_| "[]".to_owned())
}

/// Turns as an array of items that can be read again without a loss.
pub(super) fn stored_items(conversation: &Conversation) -> String {
    let mut items = Items::new(Target::Store, conversation.origin, &conversation.turns);
    written(&conversation.turns, |turn, list| items.turn(turn, list))
}

#[cfg(test)]
mod identity;
#[cfg(test)]
mod tests;
