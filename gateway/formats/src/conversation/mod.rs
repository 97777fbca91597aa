//! The internal form that lies between any two wire formats. Richer than each of them, so that a request which is read
//! and written in one format comes out as it went in.
//!
//! A format has four conversions: request, answer, stream event and error, each for the side it is used on. None of
//! them knows of another format.

mod answer;
mod call_ids;
mod collect;
mod event;
mod fit;
mod label;
mod names;
mod part;
mod turns;
mod unsupported;

pub use answer::{Answer, Choice, Reported, Stop};
pub use call_ids::legal_call_ids;
pub use collect::Collector;
pub use event::{Event, Fault, FaultKind};
pub use fit::{Fit, Outgoing, TargetFacts};
pub use label::label;
pub use names::Names;
pub use part::{
    CacheMark, Media, MediaKind, Part, PartKind, Signature, Source, arguments_object,
    arguments_text, fresh_call_id,
};
pub use turns::{alternating, fold_late_systems, repaired};
pub use unsupported::{Unsupported, note_foreign, note_unsupported};

use crate::json::{Members, Raw};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenAI chat completions.
    OpenaiChat,
    /// OpenAI responses.
    OpenaiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini generateContent.
    Gemini,
    /// Bedrock Converse.
    Bedrock,
    /// Cohere chat, version 2.
    Cohere,
}

impl Format {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "OpenAI chat completions",
            Self::OpenaiResponses => "OpenAI responses",
            Self::Anthropic => "Anthropic messages",
            Self::Gemini => "Gemini",
            Self::Bedrock => "Bedrock Converse",
            Self::Cohere => "Cohere chat",
        }
    }
}

/// Members that only one format knows, as they came and in their order. They are written again in that format and left
/// out in any other.
pub type Extra = Vec<(String, Raw)>;

/// A request for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// The format that it came in: what `extra` and [`PartKind::Native`] belong to.
    pub origin: Format,
    /// The model as asked for.
    pub model: String,
    /// All turns in order, system texts among them ([`Role::System`]). Neighbours may have the same role: formats that
    /// need alternation merge them when they write ([`alternating`]).
    pub turns: Vec<Turn>,
    /// The tools offered.
    pub tools: Vec<Tool>,
    /// Which tool to use; absent: as the provider likes.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once; absent: as the provider likes.
    pub parallel_tools: Option<bool>,
    /// Whether the tools came as OpenAI's older `functions`: the answer then has one `function_call` instead of
    /// `tool_calls`.
    pub legacy_functions: bool,
    /// The most answer tokens per choice, reasoning included.
    pub max_output: Option<u64>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Whether and how much to reason.
    pub reasoning: Option<Reasoning>,
    /// The form of the answer.
    pub output: Output,
    /// Whether the answer shall stream.
    pub stream: bool,
    /// Whether the app wants the usage at the end of a stream (formats that always tell it: true).
    pub include_usage: bool,
    /// Whom the request is for.
    pub user: Option<String>,
    /// The service tier, in the words of the origin.
    pub service_tier: Option<String>,
    /// The id of a stored answer that this request goes on from.
    pub previous_response_id: Option<String>,
    /// What headers say of how the body is meant, by their names in lower case (Anthropic's version and betas).
    pub headers: Vec<(String, String)>,
    /// Members that only the origin knows.
    pub extra: Extra,
}

impl Conversation {
    /// A request with nothing in it.
    pub fn new(origin: Format, model: impl Into<String>) -> Self {
        Self {
            origin,
            model: model.into(),
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            legacy_functions: false,
            max_output: None,
            sampling: Sampling::default(),
            reasoning: None,
            output: Output::Text,
            stream: false,
            include_usage: false,
            user: None,
            service_tier: None,
            previous_response_id: None,
            headers: Vec::new(),
            extra: Extra::new(),
        }
    }

    /// The value of one of the headers that say how the body is meant.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the history has tool calls or results.
    pub fn has_tool_parts(&self) -> bool {
        self.turns.iter().flat_map(|turn| &turn.parts).any(|part| {
            matches!(part.kind, PartKind::ToolCall { .. } | PartKind::ToolResult { .. })
        })
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Rules: OpenAI `system`, Anthropic `system`, Gemini `systemInstruction`.
    System,
    /// OpenAI's newer word for the same; like [`Role::System`] wherever there is no such word.
    Developer,
    /// The user, and the results of tools.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// Whether it gives rules.
    pub const fn is_system(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Who speaks. Results of tools are parts of a user turn.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
    /// The speaker's name (OpenAI).
    pub name: Option<String>,
    /// Members of the message that only the origin knows.
    pub extra: Extra,
}

impl Turn {
    /// A turn.
    pub const fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None, extra: Extra::new() }
    }

    /// All its text, in order, joined by `between`.
    pub fn text(&self, between: &str) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(Part::as_text).collect();
        texts.join(between)
    }
}

/// How tokens are drawn. Absent: the provider's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// 0..2.
    pub temperature: Option<f64>,
    /// 0..1.
    pub top_p: Option<f64>,
    /// How many candidates.
    pub top_k: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// For answers that can be repeated.
    pub seed: Option<i64>,
    /// -2..2.
    pub frequency_penalty: Option<f64>,
    /// -2..2.
    pub presence_penalty: Option<f64>,
    /// How many choices; absent: one.
    pub choices: Option<u64>,
    /// Whether log probabilities are wanted.
    pub logprobs: Option<bool>,
    /// For how many candidates per token.
    pub top_logprobs: Option<u64>,
    /// OpenAI's map from token to bias.
    pub logit_bias: Option<Raw>,
}

/// How much to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    Xhigh,
    /// `max`.
    Max,
}

impl Effort {
    /// All of them, rising.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.word() == word)
    }

    /// The thinking budget in tokens that stands for it where a model takes no words (the table of LiteLLM: Claude up
    /// to 4.5 and Gemini 2.5).
    pub const fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal | Self::Low => 1024,
            Self::Medium => 2048,
            Self::High => 4096,
            Self::Xhigh => 8192,
            Self::Max => 16384,
        }
    }

    /// The word that stands for a thinking budget: the reverse of [`Self::budget`].
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1024 => Self::Low,
            1025..=2048 => Self::Medium,
            _ => Self::High,
        }
    }

    /// The nearest word that is accepted, downwards first; `None` if none is.
    pub fn nearest(self, accepted: &[Self]) -> Option<Self> {
        let below = accepted.iter().copied().filter(|effort| *effort <= self).max();
        below.or_else(|| accepted.iter().copied().filter(|effort| *effort > self).min())
    }
}

/// What the request says about reasoning.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reasoning {
    /// In words.
    pub effort: Option<Effort>,
    /// In tokens.
    pub budget: Option<u64>,
    /// On, off, or as the model likes.
    pub mode: Option<ReasoningMode>,
    /// Whether the app wants to see the reasoning; absent: as the format does.
    pub show: Option<bool>,
    /// Members of the format's own reasoning object that only the origin knows.
    pub extra: Extra,
}

/// Whether to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningMode {
    /// On.
    Enabled,
    /// The model decides.
    Adaptive,
    /// Off.
    Disabled,
}

impl Reasoning {
    /// Whether it is switched off.
    pub fn is_off(&self) -> bool {
        self.mode == Some(ReasoningMode::Disabled)
            || self.effort == Some(Effort::None)
            || (self.budget == Some(0) && self.effort.is_none())
    }

    /// The effort, also if it came as a budget.
    pub fn as_effort(&self) -> Option<Effort> {
        if self.is_off() {
            return Some(Effort::None);
        }
        self.effort.or_else(|| self.budget.map(Effort::of_budget))
    }

    /// The budget, also if it came as a word.
    pub fn as_budget(&self) -> Option<u64> {
        self.budget.or_else(|| self.effort.map(Effort::budget))
    }
}

/// The form of the answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Output {
    /// Any text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The JSON Schema.
        schema: Raw,
        /// Whether it must be kept to the letter.
        strict: Option<bool>,
    },
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name; empty for tools that only their format knows.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// What it is.
    pub kind: ToolKind,
    /// A cache breakpoint after it.
    pub cache: Option<CacheMark>,
    /// Members that only the origin knows.
    pub extra: Extra,
}

impl Tool {
    /// Why no other format can offer a tool that only its own knows.
    pub fn only_at(&self, origin: Format) -> String {
        let of_type = || match &self.kind {
            ToolKind::Native(raw) => Members::of_text(raw.get())?.peek_str("type"),
            ToolKind::Function { .. } | ToolKind::Custom { .. } => None,
        };
        let name = Some(self.name.clone()).filter(|name| !name.is_empty()).or_else(of_type);
        let tool = name.map_or_else(|| "one of them".to_owned(), |name| format!("`{name}`"));
        format!("{tool} is known to the format {} only", origin.name())
    }
}

/// What a tool is.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolKind {
    /// A function of the app.
    Function {
        /// The JSON Schema of its arguments; absent: it takes none.
        parameters: Option<Raw>,
        /// Whether arguments must match the schema to the letter.
        strict: Option<bool>,
    },
    /// A tool of the app that takes a text (OpenAI `custom`).
    Custom {
        /// The text's format, as chat completions have it: `{"type":"grammar","grammar":{"syntax","definition"}}`.
        format: Option<Raw>,
    },
    /// A tool that runs at the provider, or whatever else only one format knows, as it came.
    Native(Raw),
}

/// Which tool to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
    /// Some of these.
    Allowed {
        /// Their names.
        names: Vec<String>,
        /// Whether at least one must be called.
        required: bool,
    },
}
