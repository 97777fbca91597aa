//! What becomes of a parameter at a provider.

use super::{CacheMarks, Dialect, OpenaiModels, Required, Schema, Takes, effort, openai};
use crate::{
    conversation::{Effort, Reasoning, TargetFacts},
    json::{Members, Node, string},
};

/// What becomes of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::openai_chat) enum Fate {
    /// It goes as it is.
    Keep,
    /// It goes away and nothing is lost.
    Drop,
    /// It is a mere hint: it goes away and is reported.
    Hint,
    /// The answer would be another one without it; why, as in [`crate::conversation::Fit::cannot`].
    Cannot(&'static str),
    /// It goes with another name or value; what is reported of the value.
    Change { name: Option<&'static str>, value: Option<String>, told: Option<String> },
    /// Only a body that is written anew can honour it.
    Whole,
}

impl Fate {
    fn renamed(name: &'static str) -> Self {
        Self::Change { name: Some(name), value: None, told: None }
    }

    fn other_value(value: String, told: Option<String>) -> Self {
        Self::Change { name: None, value: Some(value), told }
    }
}

/// What the rules of one parameter have to know of the others.
#[derive(Debug, Clone, Copy)]
pub(in crate::openai_chat) struct Seen<'s> {
    /// The target.
    pub(in crate::openai_chat) facts: &'s TargetFacts<'s>,
    /// The effort that was asked for, also in a clone's words.
    pub(in crate::openai_chat) effort: Option<Effort>,
    /// Whether tools are offered.
    pub(in crate::openai_chat) tools: bool,
    /// Whether functions are among them.
    pub(in crate::openai_chat) functions: bool,
    /// Whether both fields for the most answer tokens are there.
    pub(in crate::openai_chat) both_limits: bool,
    /// The number of candidates for log probabilities.
    pub(in crate::openai_chat) top_logprobs: Option<u64>,
}

/// Parameters that OpenAI and the clones share.
const SHARED: &[&str] = &[
    "temperature",
    "top_p",
    "top_k",
    "n",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "seed",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "service_tier",
    "user",
    "prompt_cache_key",
];

/// Parameters of OpenAI that clones do not have.
const OPENAIS: &[&str] = &[
    "verbosity",
    "modalities",
    "audio",
    "prediction",
    "web_search_options",
    "moderation",
    "store",
    "metadata",
    "safety_identifier",
    "prompt_cache_options",
    "prompt_cache_retention",
];

impl Dialect {
    /// Whether the provider takes a parameter at all. What OpenAI does not have is not in question.
    fn takes(&self, name: &str) -> bool {
        match self.takes {
            Takes::OpenaiBut(refused) => !refused.contains(&name),
            Takes::CloneBut(refused) => !refused.contains(&name) && !OPENAIS.contains(&name),
            Takes::Only(taken) => {
                taken.contains(&name) || !(SHARED.contains(&name) || OPENAIS.contains(&name))
            }
        }
    }

    /// What becomes of a parameter of OpenAI's format; `value` is its JSON text.
    pub(in crate::openai_chat) fn fate(&self, name: &str, value: &str, seen: &Seen) -> Fate {
        match name {
            "model" | "messages" | "stream" => return Fate::Keep,
            "stream_options" if self.asks_usage => return Fate::Keep,
            // The usage comes unasked.
            "stream_options" => return Fate::Drop,
            "max_tokens" | "max_completion_tokens" => return self.limit(name, seen),
            "tools" | "functions" if value == "[]" => return Fate::Drop,
            _ if value == "null" && !self.takes(name) => return Fate::Drop,
            _ if value == "null" => return Fate::Keep,
            "reasoning_effort" => return self.effort(value, seen),
            _ if effort::CLONES_MEMBERS.contains(&name) => {
                return if self.knows_reasoning_member(name) { Fate::Keep } else { Fate::Whole };
            }
            _ => {}
        }
        if let Some(fate) = self.openai_rule(name, value, seen) {
            return fate;
        }
        let sampling = matches!(name, "temperature" | "top_p" | "top_k");
        if sampling && seen.facts.sampling_params == Some(false) {
            return Fate::Hint;
        }
        if !self.takes(name) {
            return loss(name, value);
        }
        self.particular(name, value, seen)
    }

    fn limit(&self, name: &str, seen: &Seen) -> Fate {
        if name == self.max_output_field {
            return Fate::Keep;
        }
        let only_new = name == "max_tokens" && self.is_openai_reasoning(seen);
        match (self.both_limits && !only_new, seen.both_limits) {
            (true, _) => Fate::Keep,
            (false, true) => Fate::Drop,
            (false, false) => Fate::renamed(self.max_output_field),
        }
    }

    fn effort(&self, value: &str, seen: &Seen) -> Fate {
        let word: Option<String> = serde_json::from_str(value).ok();
        // Words of one provider, such as Groq's `default`.
        let Some(asked) = word.as_deref().and_then(Effort::from_word) else { return Fate::Keep };
        let model = seen.facts.upstream_model;
        if self.openai_models != OpenaiModels::Never
            && seen.functions
            && asked != Effort::None
            && openai::refuses_functions_with_reasoning(model)
        {
            return Fate::Whole;
        }
        let reasoning = Reasoning { effort: Some(asked), ..Reasoning::default() };
        let told = self.thinking_told(&reasoning, seen.facts);
        match told.members.as_slice() {
            [] => Fate::Hint,
            [(name, _)] if *name == "reasoning_effort" && told.instead.is_none() => Fate::Keep,
            [(name, value)] => Fate::Change {
                name: (*name != "reasoning_effort").then_some(*name),
                value: Some(value.clone()),
                told: told.instead,
            },
            _ => Fate::Whole,
        }
    }

    /// Whether the target is one of OpenAI's reasoning models, with all that they refuse.
    pub(in crate::openai_chat) fn is_openai_reasoning(&self, seen: &Seen) -> bool {
        let by_name = openai::reasons(seen.facts.upstream_model);
        match self.openai_models {
            OpenaiModels::Never => false,
            OpenaiModels::ByName => by_name == Some(true),
            OpenaiModels::All => by_name.or(seen.facts.reasoning) == Some(true),
        }
    }

    fn openai_rule(&self, name: &str, value: &str, seen: &Seen) -> Option<Fate> {
        if !self.is_openai_reasoning(seen) {
            return None;
        }
        let model = seen.facts.upstream_model;
        let samples = seen.effort == Some(Effort::None) && openai::samples_without_reasoning(model);
        match name {
            "temperature" | "top_p" if seen.facts.sampling_params == Some(true) => None,
            "temperature" | "top_p" | "logprobs" | "top_logprobs" if samples => None,
            "temperature" | "top_p" | "logprobs" | "top_logprobs" | "frequency_penalty"
            | "presence_penalty" | "logit_bias" | "stop" => Some(loss(name, value)),
            // Reasoning has to be switched off in so many words.
            "tools" | "functions"
                if seen.functions
                    && seen.effort.is_none()
                    && openai::refuses_functions_with_reasoning(model) =>
            {
                Some(Fate::Whole)
            }
            _ => None,
        }
    }

    /// The rules of single parameters that the provider takes.
    fn particular(&self, name: &str, value: &str, seen: &Seen) -> Fate {
        let reasons = seen.facts.reasoning == Some(true);
        match name {
            "temperature" if reasons && self.reasoning_fixes_temperature => Fate::Hint,
            "temperature" => self.temperature(value),
            "stop" if reasons && self.reasoning_refuses_stop => loss(name, value),
            "stop" => self.stop(value),
            "logprobs" if self.logprobs_number => match value {
                "true" => {
                    Fate::other_value(seen.top_logprobs.unwrap_or(1).max(1).to_string(), None)
                }
                "false" => Fate::Drop,
                _ => Fate::Keep,
            },
            "top_logprobs" if self.logprobs_number => Fate::Drop,
            "service_tier" => self.tier(value),
            "response_format" => self.form(value, seen),
            "functions" | "function_call" if !self.tools.legacy => Fate::Whole,
            "tools" => self.tools(value),
            "tool_choice" | "parallel_tool_calls" if !seen.tools => Fate::Hint,
            "tool_choice" => self.tool_choice(value),
            _ => match self.renames.iter().find(|(from, _)| *from == name) {
                Some((_, to)) => Fate::renamed(to),
                None => Fate::Keep,
            },
        }
    }

    fn temperature(&self, value: &str) -> Fate {
        let (least, most) = self.temperature;
        // OpenAI tells what is outside of its own range itself.
        let Ok(number) = value.parse::<f64>() else { return Fate::Keep };
        let inside = number.clamp(least, most);
        if inside == number || (least, most) == (0.0, 2.0) {
            return Fate::Keep;
        }
        Fate::other_value(inside.to_string(), Some(inside.to_string()))
    }

    fn stop(&self, value: &str) -> Fate {
        let texts: Vec<serde::de::IgnoredAny> = serde_json::from_str(value).unwrap_or_default();
        match self.stops_max {
            Some(most) if texts.len() > most => Fate::Cannot("it takes fewer stop texts"),
            _ => Fate::Keep,
        }
    }

    fn tier(&self, value: &str) -> Fate {
        let known = self.tiers.is_empty() || self.tiers.contains(&value.trim_matches('"'));
        if known { Fate::Keep } else { Fate::Hint }
    }

    fn form(&self, value: &str, seen: &Seen) -> Fate {
        let by_schema = type_of(value).is_some_and(|kind| kind == "json_schema");
        if by_schema && !self.keeps_to_schemas(seen.facts) { Fate::Whole } else { Fate::Keep }
    }

    /// Whether the target keeps to a JSON schema.
    pub(in crate::openai_chat) fn keeps_to_schemas(&self, facts: &TargetFacts) -> bool {
        match self.schema {
            Schema::All => true,
            Schema::Known => facts.json_schema == Some(true),
            Schema::Words => false,
        }
    }

    fn tools(&self, value: &str) -> Fate {
        let has = |word: &str| value.contains(&format!("\"{word}\""));
        if (has("custom") && !self.tools.openais)
            || (has("cache_control") && self.messages.cache_marks == CacheMarks::Never)
        {
            return Fate::Whole;
        }
        if !self.tools.strips.iter().any(|name| has(name)) {
            return Fate::Keep;
        }
        match Node::parse(value) {
            Some(mut tools) => {
                self.strip(&mut tools);
                Fate::other_value(tools.to_raw().get().to_owned(), None)
            }
            None => Fate::Keep,
        }
    }

    /// Takes out of tools and their schemas what the provider refuses. Names of properties are not touched.
    fn strip(&self, node: &mut Node) {
        match node {
            Node::Array(entries) => entries.iter_mut().for_each(|entry| self.strip(entry)),
            Node::Object(members) => {
                members.retain(|(name, _)| !self.tools.strips.contains(&name.as_str()));
                for (name, value) in members {
                    match (name.as_str(), value) {
                        // Here the names are the app's own.
                        (
                            "properties" | "$defs" | "definitions" | "patternProperties",
                            Node::Object(own),
                        ) => {
                            own.iter_mut().for_each(|(_, schema)| self.strip(schema));
                        }
                        ("enum" | "const" | "default" | "examples" | "required", _) => {}
                        (_, value) => self.strip(value),
                    }
                }
            }
            Node::Scalar(_) | Node::Text(_) => {}
        }
    }

    fn tool_choice(&self, value: &str) -> Fate {
        match value {
            "\"required\"" => match self.tools.required {
                Required::Word => Fate::Keep,
                Required::Any => Fate::other_value(string("any"), None),
                Required::Nudge => Fate::Whole,
                Required::Never => loss("tool_choice", value),
            },
            "\"any\"" if self.tools.required == Required::Word => {
                Fate::other_value(string("required"), None)
            }
            _ if value.starts_with('"') => Fate::Keep,
            _ => match type_of(value).as_deref() {
                Some("function") if self.tools.named => Fate::Keep,
                Some("custom" | "allowed_tools") if self.tools.openais => Fate::Keep,
                _ => Fate::Whole,
            },
        }
    }
}

/// The `type` of an object.
fn type_of(value: &str) -> Option<String> {
    Members::of_text(value)?.peek_str("type")
}

/// What is lost with a parameter that a provider does not take: a hint, or what the answer would be without.
fn loss(name: &str, value: &str) -> Fate {
    match (name, value) {
        ("n", "1") | ("logprobs", "false" | "0") | ("logit_bias", "{}") => Fate::Hint,
        ("stop", "[]" | "\"\"") => Fate::Hint,
        ("response_format", value) if type_of(value).is_some_and(|kind| kind == "text") => {
            Fate::Hint
        }
        ("modalities", value) if !value.contains("\"audio\"") => Fate::Hint,
        ("tool_choice", "\"auto\"") | ("function_call", _) => Fate::Hint,
        // Without the tools nothing can be called, and with some of them only these.
        ("tool_choice", "\"none\"") => Fate::Whole,
        ("tool_choice", value) if type_of(value).is_some_and(|kind| kind == "allowed_tools") => {
            Fate::Whole
        }
        ("n", _) => Fate::Cannot("it gives one answer per request"),
        ("logprobs", _) => Fate::Cannot("it tells no log probabilities"),
        ("logit_bias", _) => Fate::Cannot("it takes no biases"),
        ("stop", _) => Fate::Cannot("it takes no stop texts"),
        ("tools" | "functions", _) => Fate::Cannot("it takes no tools"),
        ("tool_choice", _) => Fate::Cannot("it cannot be made to use a tool"),
        ("response_format", _) => Fate::Cannot("it does not promise the form of an answer"),
        ("modalities" | "audio", _) => Fate::Cannot("it answers in text"),
        ("web_search_options", _) => Fate::Cannot("it does not search the web"),
        ("moderation", _) => Fate::Cannot("it does not moderate"),
        _ => Fate::Hint,
    }
}
