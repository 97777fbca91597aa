//! What each OpenAI-compatible provider does differently, as rows of data.
//!
//! The rows (`rows.rs`) are a starting point that rots: where a provider changes, a row changes, never the code that
//! reads it. A parameter's fate at a provider is decided in one place (`fate.rs`) for both ways that a request can take:
//! bytes that are kept ([`Dialect::plan`]) and a request that is written anew ([`super::write_request`]).

mod effort;
mod fate;
mod marks;
pub mod openai;
mod plan;
mod rows;

pub use plan::Plan;

pub(super) use fate::{Fate, Seen};

use crate::conversation::Effort;
use tollgate_contract::provider::ProviderKind;

/// How a provider's API differs from OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dialect {
    /// The field of the most answer tokens.
    pub max_output_field: &'static str,
    /// Whether a stream's usage has to be asked for with `stream_options`; providers that tell it anyway refuse the
    /// member.
    pub asks_usage: bool,
    /// Whether models may write `<think>…</think>` at the beginning of their content.
    pub think_tags: bool,
    /// Whether the older of the two fields for the most answer tokens is understood too.
    pub(super) both_limits: bool,
    /// The parameters that it takes.
    pub(super) takes: Takes,
    /// Parameters with another name.
    pub(super) renames: &'static [(&'static str, &'static str)],
    /// The service tiers that it knows; empty: not checked.
    pub(super) tiers: &'static [&'static str],
    /// The range of `temperature`.
    pub(super) temperature: (f64, f64),
    /// Whether reasoning models refuse every temperature but their own.
    pub(super) reasoning_fixes_temperature: bool,
    /// The most stop texts.
    pub(super) stops_max: Option<usize>,
    /// Whether reasoning models refuse stop texts.
    pub(super) reasoning_refuses_stop: bool,
    /// Whether `logprobs` is a number.
    pub(super) logprobs_number: bool,
    /// JSON by a schema.
    pub(super) schema: Schema,
    /// How reasoning is asked for.
    pub(super) thinking: Thinking,
    /// Whether its models are OpenAI's own, with their rules per model.
    pub(super) openai_models: OpenaiModels,
    /// Tools.
    pub(super) tools: ToolRules,
    /// Messages.
    pub(super) messages: MessageRules,
}

/// Which of OpenAI's parameters a provider takes. Those that OpenAI does not have are never in question: an app that
/// sends them knows its provider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Takes {
    /// Everything that OpenAI takes, but these.
    OpenaiBut(&'static [&'static str]),
    /// What clones take, but these.
    CloneBut(&'static [&'static str]),
    /// Only these.
    Only(&'static [&'static str]),
}

/// Whether models are OpenAI's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenaiModels {
    /// None of them.
    Never,
    /// Those with a name of OpenAI's.
    ByName,
    /// All of them; where the name says nothing (Azure's deployments), what is known of the model tells whether it
    /// reasons.
    All,
}

/// Answers by a JSON schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// All models.
    All,
    /// Models that are known for it; others get `json_object` and the schema in words.
    Known,
    /// None: `json_object` and the schema in words.
    Words,
}

/// How reasoning is asked for. Efforts are the words that are taken where the model's own are not known; an empty list
/// is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// `reasoning_effort`.
    Words(&'static [Effort]),
    /// `reasoning_effort`, only for models that are known to take it.
    KnownWords,
    /// `thinking: {"type":"enabled"|"disabled"}`.
    Toggle,
    /// The same, and `reasoning_effort` for models that are known to take it.
    ToggleAndKnownWords,
    /// The same, and `reasoning_effort`.
    ToggleAndWords(&'static [Effort]),
    /// `enable_thinking` and `thinking_budget`.
    Switch,
    /// `reasoning: {"effort"|"max_tokens"|"enabled","exclude"}`.
    Object,
    /// `reasoning: {"enabled":false}` switches it off, `reasoning_effort` says how much.
    OffByObject(&'static [Effort]),
    /// `chat_template_kwargs: {"enable_thinking":false}` switches it off, `reasoning_effort` says how much.
    OffByTemplate(&'static [Effort]),
    /// Whatever the app sent, for servers of which nothing is known.
    AsItCame,
    /// Not at all.
    Never,
}

/// Tools and the choice among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ToolRules {
    /// Whether custom (text) tools and `allowed_tools` are known.
    pub(super) openais: bool,
    /// Whether the older `functions` are known.
    pub(super) legacy: bool,
    /// The word that makes the model use a tool.
    pub(super) required: Required,
    /// Whether one function can be named in `tool_choice`.
    pub(super) named: bool,
    /// Members of functions and their schemas that it does not take.
    pub(super) strips: &'static [&'static str],
}

/// How a model is made to use some tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    /// `"required"`.
    Word,
    /// `"any"`.
    Any,
    /// By a sentence at the end of the prompt.
    Nudge,
    /// Not at all.
    Never,
}

/// Messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MessageRules {
    /// Whether the role `developer` is known; else it is `system`.
    pub(super) developer: bool,
    /// Whether a list of texts has to be one string.
    pub(super) joins_text: bool,
    /// Whether messages of speakers may have a `name`.
    pub(super) speaker_names: bool,
    /// Whether messages of tools want the tool's `name`.
    pub(super) tool_names: bool,
    /// Whether user and assistant have to take turns.
    pub(super) alternates: bool,
    /// Whether an assistant's message may be empty.
    pub(super) empty_assistant: bool,
    /// The member that marks a last message of the assistant as the beginning of the answer.
    pub(super) prefill: Option<&'static str>,
    /// Whether ids of calls must have nine letters and digits.
    pub(super) short_ids: bool,
    /// The reasoning of earlier turns.
    pub(super) replay: Replay,
    /// What stands for the reasoning of a turn with calls that has none.
    pub(super) placeholder: Option<&'static str>,
    /// Whether refusals have a place of their own; else they are text.
    pub(super) refusals: bool,
    /// Whether `cache_control` is known.
    pub(super) cache_marks: CacheMarks,
    /// Whether `extra_content.google` is known.
    pub(super) google_signatures: bool,
    /// Whether images may be at a URL; else they have to be in the request.
    pub(super) image_urls: bool,
    /// Files.
    pub(super) files: Files,
    /// Whether `video_url` is known.
    pub(super) video: bool,
}

/// The reasoning of earlier turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    /// Is left out.
    Never,
    /// As `reasoning_content`.
    Content,
    /// As `reasoning`.
    Reasoning,
    /// As the `reasoning_details` that it came in, else as `reasoning`.
    Details,
    /// As content parts `{"type":"thinking"}`.
    Parts,
    /// As `thinking_blocks`, `reasoning_details` or `reasoning_content`, if the app speaks this format and sent it.
    AsItCame,
}

/// Cache breakpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheMarks {
    /// Are refused.
    Never,
    /// Are sent if the app speaks this format and sent them.
    Own,
    /// Are understood.
    Known,
}

/// Files in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// As `file`.
    File,
    /// As `document_url`.
    DocumentUrl,
    /// Not at all.
    Never,
}

impl Dialect {
    /// The dialect of a kind; `None` for kinds that speak no OpenAI format.
    pub fn of(kind: ProviderKind) -> Option<&'static Self> {
        rows::row(kind)
    }

    /// What is known of no server in particular.
    pub(super) const fn plain() -> &'static Self {
        &rows::PLAIN
    }
}

/// The row of a kind by its name, for tests.
#[cfg(test)]
pub(super) fn row(kind: &str) -> &'static Dialect {
    ProviderKind::from_name(kind)
        .and_then(Dialect::of)
        .unwrap_or_else(|| panic!("no row for {kind}"))
}

/// All kinds that have a row, for tests.
#[cfg(test)]
pub(super) fn kinds() -> Vec<ProviderKind> {
    ProviderKind::ALL.iter().copied().filter(|kind| Dialect::of(*kind).is_some()).collect()
}

#[cfg(test)]
mod tests;
