//! What the gateway needs to know of a request, whatever its format.

use bytes::Bytes;
use std::ops::Range;

/// Which API an app called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Chat completions.
    Chat,
    /// Embeddings.
    Embeddings,
}

impl Api {
    /// The name in usage events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }

    /// What follows a provider's base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Embeddings => "/embeddings",
        }
    }
}

/// A request, understood as far as the gateway needs; the body keeps its bytes.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which API it called.
    pub api: Api,
    /// The body as it came.
    pub body: Bytes,
    /// The facts.
    pub facts: Facts,
    /// Where the body must change on its way.
    pub places: Places,
}

/// Facts about a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The `model` as sent.
    pub model: String,
    /// Whether the answer shall stream.
    pub stream: bool,
    /// Whether the app wants the usage at the end of a stream.
    pub include_usage: bool,
    /// The most answer tokens that the app wants, for each choice.
    pub max_output: Option<u64>,
    /// How many choices.
    pub choices: u64,
    /// Whom the request is for.
    pub user: Option<String>,
    /// Bytes of text in the prompt, an upper bound of its tokens (byte-level BPE has at most one token per byte) once
    /// `parts` is added.
    pub text_bytes: u64,
    /// Bytes of the prompt's own words, for the estimate.
    pub content_bytes: u64,
    /// Messages or inputs; each has a fixed overhead in tokens.
    pub parts: u64,
    /// Whether the prompt has parts whose tokens cannot be told from here (images, audio, files).
    pub unseen_parts: bool,
    /// Whether tools are offered.
    pub tools: bool,
    /// Whether images are in the prompt.
    pub vision: bool,
    /// Whether an answer by JSON schema is asked for.
    pub json_schema: bool,
}

impl Facts {
    /// Tokens of overhead per message: role, separators, name. OpenAI's chat template takes 3 or 4.
    const PER_PART: u64 = 16;
    /// Tokens of overhead per request.
    const PER_REQUEST: u64 = 64;

    /// The most tokens that the prompt can have. `context_window` caps it, and stands for what cannot be seen.
    pub fn input_upper_bound(&self, context_window: Option<u64>) -> u64 {
        /// Larger than any context window in use where the model's own is not known.
        const UNKNOWN_WINDOW: u64 = 1_000_000;
        let visible = self.text_bytes + self.parts * Self::PER_PART + Self::PER_REQUEST;
        match (self.unseen_parts, context_window) {
            (false, Some(window)) => visible.min(window),
            (false, None) => visible,
            (true, Some(window)) => window,
            (true, None) => visible.saturating_add(UNKNOWN_WINDOW),
        }
    }

    /// The tokens that the prompt probably has: about four bytes each, and three around each message and the whole.
    pub const fn input_estimate(&self) -> u64 {
        self.content_bytes.div_ceil(4) + self.parts * 3 + 3
    }
}

/// Byte ranges of the body that may have to be replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The value of `model`.
    pub model: Range<usize>,
    /// The value of `stream_options`.
    pub stream_options: Option<Range<usize>>,
    /// The values of `max_tokens` and `max_completion_tokens`.
    pub max_output: Vec<Range<usize>>,
    /// Behind the opening brace, where a member can be put in.
    pub first_member: usize,
}
