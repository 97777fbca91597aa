//! How reasoning is asked for: one meaning, many members.

use super::{Dialect, OpenaiModels, Thinking, openai};
use crate::{
    conversation::{Effort, Reasoning, ReasoningMode, TargetFacts},
    json::{object, string},
};

/// The members that say it, and what has to be reported.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::openai_chat) struct Told {
    /// The members, as JSON text.
    pub(in crate::openai_chat) members: Vec<(&'static str, String)>,
    /// What the provider gets instead of what was asked.
    pub(in crate::openai_chat) instead: Option<String>,
    /// Whether what was asked cannot be said.
    pub(in crate::openai_chat) lost: bool,
}

impl Told {
    fn lost() -> Self {
        Self { lost: true, ..Self::default() }
    }

    fn member(name: &'static str, value: String) -> Self {
        Self { members: vec![(name, value)], ..Self::default() }
    }

    fn instead(mut self, asked: Option<Effort>, word: &str) -> Self {
        if asked.is_some_and(|asked| asked.word() != word) {
            self.instead = Some(word.to_owned());
        }
        self
    }
}

/// Members about reasoning that OpenAI does not have.
pub(in crate::openai_chat) const CLONES_MEMBERS: [&str; 5] =
    ["thinking", "reasoning", "enable_thinking", "thinking_budget", "include_reasoning"];

impl Dialect {
    /// Whether a member about reasoning that OpenAI does not have is this provider's own.
    pub(in crate::openai_chat) fn knows_reasoning_member(&self, name: &str) -> bool {
        match self.thinking {
            Thinking::AsItCame => true,
            Thinking::Toggle | Thinking::ToggleAndKnownWords | Thinking::ToggleAndWords(_) => {
                name == "thinking"
            }
            Thinking::Switch => matches!(name, "enable_thinking" | "thinking_budget"),
            Thinking::Object => matches!(name, "reasoning" | "include_reasoning"),
            Thinking::OffByObject(_) => name == "reasoning",
            // Groq and vLLM.
            Thinking::Words(_) | Thinking::OffByTemplate(_) => name == "include_reasoning",
            Thinking::KnownWords | Thinking::Never => false,
        }
    }

    /// Says what a request asks in the words of the provider.
    pub(in crate::openai_chat) fn thinking_told(
        &self,
        reasoning: &Reasoning,
        facts: &TargetFacts,
    ) -> Told {
        let asked = reasoning.as_effort();
        let off = reasoning.is_off();
        match self.thinking {
            Thinking::Words(words) if self.openai_models != OpenaiModels::Never => {
                self.openai_words(asked, words, facts)
            }
            Thinking::Words(words) => words_told(asked, words, facts),
            Thinking::AsItCame => words_told(asked, &[], facts),
            Thinking::KnownWords if facts.efforts.is_empty() => {
                asked.map_or_else(Told::default, |_| Told::lost())
            }
            Thinking::KnownWords => words_told(asked, &[], facts),
            Thinking::Toggle => toggle(reasoning).instead_of_effort(asked, off),
            Thinking::ToggleAndKnownWords if facts.efforts.is_empty() => {
                toggle(reasoning).instead_of_effort(asked, off)
            }
            Thinking::ToggleAndKnownWords => toggle_and_words(reasoning, &[], facts),
            Thinking::ToggleAndWords(words) => toggle_and_words(reasoning, words, facts),
            Thinking::Switch => switch(reasoning),
            Thinking::Object => reasoning_object(reasoning),
            Thinking::OffByObject(_) if off => {
                Told::member("reasoning", "{\"enabled\":false}".to_owned())
            }
            Thinking::OffByTemplate(_) if off => {
                Told::member("chat_template_kwargs", "{\"enable_thinking\":false}".to_owned())
            }
            Thinking::OffByObject(words) | Thinking::OffByTemplate(words) => {
                words_told(asked, words, facts)
            }
            Thinking::Never => asked.map_or_else(Told::default, |_| Told::lost()),
        }
    }

    /// OpenAI's models that do not reason refuse the member.
    fn openai_words(&self, asked: Option<Effort>, words: &[Effort], facts: &TargetFacts) -> Told {
        let model = facts.upstream_model;
        match (asked, openai::reasons(model)) {
            (Some(_), Some(false)) if facts.efforts.is_empty() => Told::lost(),
            (Some(_), Some(true)) => {
                words_told(asked, &openai::accepted(model, facts.efforts), facts)
            }
            _ => words_told(asked, words, facts),
        }
    }
}

impl Told {
    /// How much cannot be said, only that.
    fn instead_of_effort(mut self, asked: Option<Effort>, off: bool) -> Self {
        if asked.is_some() && !off {
            self.instead = Some("enabled".to_owned());
        }
        self
    }
}

/// `reasoning_effort`, with the nearest word that is taken.
fn words_told(asked: Option<Effort>, words: &[Effort], facts: &TargetFacts) -> Told {
    let Some(effort) = asked else { return Told::default() };
    let known = openai::completed(facts.efforts);
    let accepted = if known.is_empty() { words } else { &known };
    let sent = if accepted.is_empty() { Some(effort) } else { effort.nearest(accepted) };
    match sent {
        Some(sent) => {
            Told::member("reasoning_effort", string(sent.word())).instead(asked, sent.word())
        }
        None => Told::lost(),
    }
}

/// `thinking: {"type"}`.
fn toggle(reasoning: &Reasoning) -> Told {
    let word = if reasoning.is_off() { "disabled" } else { "enabled" };
    let asked = reasoning.mode.is_some() || reasoning.as_effort().is_some();
    if !asked {
        return Told::default();
    }
    Told::member("thinking", format!("{{\"type\":\"{word}\"}}"))
}

fn toggle_and_words(reasoning: &Reasoning, words: &[Effort], facts: &TargetFacts) -> Told {
    let mut told = toggle(reasoning);
    if !reasoning.is_off() {
        let more = words_told(reasoning.as_effort(), words, facts);
        told.members.extend(more.members);
        told.instead = more.instead;
    }
    told
}

/// `enable_thinking` and, if the request has a number of tokens, `thinking_budget`.
fn switch(reasoning: &Reasoning) -> Told {
    let (asked, off) = (reasoning.as_effort(), reasoning.is_off());
    if asked.is_none() && reasoning.mode.is_none() {
        return Told::default();
    }
    let mut told = Told::member("enable_thinking", (!off).to_string());
    match reasoning.budget.filter(|_| !off) {
        Some(budget) => told.members.push(("thinking_budget", budget.to_string())),
        None => told = told.instead_of_effort(asked, off),
    }
    told
}

/// OpenRouter's object.
fn reasoning_object(reasoning: &Reasoning) -> Told {
    let hidden = reasoning.show == Some(false);
    let mut text = Vec::new();
    let mut empty = true;
    object(&mut text, |o| {
        empty = !hidden;
        if hidden {
            o.put("exclude", true);
        }
        if reasoning.is_off() {
            o.put("enabled", false);
        } else if let Some(budget) = reasoning.budget {
            o.put("max_tokens", budget);
        } else if let Some(effort) = reasoning.effort {
            o.put("effort", effort.word());
        } else if matches!(reasoning.mode, Some(ReasoningMode::Enabled | ReasoningMode::Adaptive)) {
            o.put("enabled", true);
        } else {
            return;
        }
        empty = false;
    });
    match String::from_utf8(text) {
        Ok(text) if !empty => Told::member("reasoning", text),
        _ => Told::default(),
    }
}
