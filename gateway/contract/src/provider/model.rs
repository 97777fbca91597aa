//! What is known of a model at a provider.

use crate::pricing::Price;
use std::collections::BTreeSet;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It answers.
    Chat,
    /// It turns texts into vectors.
    Embeddings,
    /// It sorts documents by a question.
    Rerank,
    /// It says what is wrong with a text.
    Moderation,
    /// It makes images.
    Images,
    /// It speaks.
    Speech,
    /// It writes down what is spoken.
    Transcription,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::Embeddings,
        Self::Rerank,
        Self::Moderation,
        Self::Images,
        Self::Speech,
        Self::Transcription,
    ];

    /// The capability that goes with it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Moderation => "moderation",
            Self::Images => "images",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
        }
    }

    /// The mode with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether a model for this is surely none for `other`. Models for images, speech and transcription are often
    /// reached by an answer too.
    fn excludes(self, other: Self) -> bool {
        let answers = |mode: Self| {
            matches!(mode, Self::Chat | Self::Images | Self::Speech | Self::Transcription)
        };
        self != other && !(answers(self) && answers(other))
    }
}

/// What is known of a model at a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Its price; absent: unpriced.
    pub price: Option<Price>,
    /// Tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// The most tokens of an answer.
    pub max_output: Option<u64>,
    /// What it is for; absent: not known.
    pub mode: Option<Mode>,
    /// What it can do; absent: not known.
    pub capabilities: Option<BTreeSet<String>>,
    /// Whether it can do nothing else: a list of the config is whole, one of the catalog names what is known.
    pub only_these: bool,
    /// Whether it is served by the responses API and not by chat completions.
    pub responses_only: bool,
    /// The length of its vectors.
    pub embedding_dimensions: Option<u64>,
    /// Whether it takes `temperature`, `top_p` and `top_k`; absent: not known.
    pub sampling_params: Option<bool>,
    /// Whether it can be made to use a tool; absent: not known.
    pub forced_tool_use: Option<bool>,
    /// Whether it can decide by itself how much to think; absent: not known.
    pub adaptive_thinking: Option<bool>,
    /// Whether it always thinks; absent: not known.
    pub thinking_always_on: Option<bool>,
    /// The words for how much to reason that it takes, rising; empty: not known.
    pub reasoning_efforts: Vec<String>,
}

impl Model {
    /// Whether it is known not to have a capability. What is not known is not ruled out.
    pub fn lacks(&self, capability: &str) -> bool {
        if self.only_these {
            return self.capabilities.as_ref().is_some_and(|all| !all.contains(capability));
        }
        match (self.mode, Mode::from_name(capability)) {
            (Some(mode), Some(wanted)) => mode.excludes(wanted),
            _ => false,
        }
    }

    /// The same with what it leaves open taken from what else is known, each fact by itself.
    #[must_use]
    pub fn completed_by(mut self, other: &Self) -> Self {
        if self.price.is_none() {
            self.price.clone_from(&other.price);
        }
        if self.capabilities.is_none() {
            self.capabilities.clone_from(&other.capabilities);
            self.only_these = other.only_these;
        }
        if self.reasoning_efforts.is_empty() {
            self.reasoning_efforts.clone_from(&other.reasoning_efforts);
        }
        self.context_window = self.context_window.or(other.context_window);
        self.max_output = self.max_output.or(other.max_output);
        self.mode = self.mode.or(other.mode);
        self.responses_only |= other.responses_only;
        self.embedding_dimensions = self.embedding_dimensions.or(other.embedding_dimensions);
        self.sampling_params = self.sampling_params.or(other.sampling_params);
        self.forced_tool_use = self.forced_tool_use.or(other.forced_tool_use);
        self.adaptive_thinking = self.adaptive_thinking.or(other.adaptive_thinking);
        self.thinking_always_on = self.thinking_always_on.or(other.thinking_always_on);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Option<BTreeSet<String>> {
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn only_what_is_known_is_ruled_out() {
        let unknown = Model::default();
        assert!(!unknown.lacks("vision") && !unknown.lacks("chat"));

        let of_the_catalog =
            Model { mode: Some(Mode::Chat), capabilities: words(&["tools"]), ..Model::default() };
        assert!(!of_the_catalog.lacks("vision"), "not claimed is not denied");
        assert!(!of_the_catalog.lacks("images"), "some models answer with images");
        assert!(of_the_catalog.lacks("embeddings"));

        let of_the_config = Model { only_these: true, ..of_the_catalog };
        assert!(of_the_config.lacks("vision") && of_the_config.lacks("chat"));
        assert!(!of_the_config.lacks("tools"));

        let embedder = Model { mode: Some(Mode::Embeddings), ..Model::default() };
        assert!(embedder.lacks("chat") && embedder.lacks("rerank"));
        assert!(!embedder.lacks("embeddings"));
    }

    #[test]
    fn what_is_written_goes_before_what_is_known_fact_by_fact() {
        let written =
            Model { max_output: Some(5), sampling_params: Some(true), ..Model::default() };
        let known = Model {
            max_output: Some(9),
            context_window: Some(100),
            sampling_params: Some(false),
            capabilities: words(&["tools"]),
            reasoning_efforts: vec!["low".to_owned()],
            ..Model::default()
        };
        let both = written.completed_by(&known);
        assert_eq!((both.max_output, both.context_window), (Some(5), Some(100)));
        assert_eq!(both.sampling_params, Some(true));
        assert_eq!(both.capabilities, known.capabilities);
        assert_eq!(both.reasoning_efforts, ["low"]);
        assert!(!both.only_these);
    }
}
