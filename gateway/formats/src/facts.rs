//! What the gateway needs to know of a request, whatever its format.

use crate::conversation::Format;
use bytes::Bytes;
use std::ops::Range;

/// Which API an app called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI's older text completions.
    Completions,
    /// OpenAI responses.
    Responses,
    /// Anthropic messages.
    Messages,
    /// Anthropic's count of a prompt's tokens.
    CountTokens,
    /// Gemini generateContent and streamGenerateContent.
    Generate,
    /// Gemini's count of a prompt's tokens.
    GeminiCount,
    /// OpenAI embeddings.
    Embeddings,
    /// Gemini embedContent.
    GeminiEmbed,
    /// Gemini batchEmbedContents.
    GeminiBatchEmbed,
    /// OpenAI moderations.
    Moderations,
    /// Reranking, in the shape that Jina, vLLM and Cohere's first version share.
    Rerank,
    /// OpenAI image generation.
    Images,
    /// OpenAI image edits (multipart).
    ImageEdits,
    /// OpenAI speech from text.
    Speech,
    /// OpenAI text from speech (multipart).
    Transcriptions,
    /// OpenAI English text from speech (multipart).
    Translations,
}

/// The shape in which an API tells errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// OpenAI's, also of what is nobody's.
    Openai,
    /// Anthropic's.
    Anthropic,
    /// Google's.
    Gemini,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Messages,
        Self::CountTokens,
        Self::Generate,
        Self::GeminiCount,
        Self::Embeddings,
        Self::GeminiEmbed,
        Self::GeminiBatchEmbed,
        Self::Moderations,
        Self::Rerank,
        Self::Images,
        Self::ImageEdits,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
    ];

    /// The name in usage events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Generate => "generate_content",
            Self::GeminiCount => "gemini_count_tokens",
            Self::Embeddings => "embeddings",
            Self::GeminiEmbed => "embed_content",
            Self::GeminiBatchEmbed => "batch_embed_contents",
            Self::Moderations => "moderations",
            Self::Rerank => "rerank",
            Self::Images => "images",
            Self::ImageEdits => "image_edits",
            Self::Speech => "speech",
            Self::Transcriptions => "transcriptions",
            Self::Translations => "translations",
        }
    }

    /// The format of a conversation; `None` for what is none.
    pub const fn format(self) -> Option<Format> {
        match self {
            Self::Chat | Self::Completions => Some(Format::OpenaiChat),
            Self::Responses => Some(Format::OpenaiResponses),
            Self::Messages | Self::CountTokens => Some(Format::Anthropic),
            Self::Generate | Self::GeminiCount => Some(Format::Gemini),
            _ => None,
        }
    }

    /// The shape of its errors.
    pub const fn shape(self) -> Shape {
        match self {
            Self::Messages | Self::CountTokens => Shape::Anthropic,
            Self::Generate | Self::GeminiCount | Self::GeminiEmbed | Self::GeminiBatchEmbed => {
                Shape::Gemini
            }
            _ => Shape::Openai,
        }
    }

    /// Whether answers are made of tokens whose number the request can limit.
    pub const fn generates(self) -> bool {
        matches!(
            self,
            Self::Chat | Self::Completions | Self::Responses | Self::Messages | Self::Generate
        )
    }

    /// Whether it only counts a prompt, which costs nothing.
    pub const fn counts(self) -> bool {
        matches!(self, Self::CountTokens | Self::GeminiCount)
    }

    /// Whether its body is a form with files.
    pub const fn is_multipart(self) -> bool {
        matches!(self, Self::ImageEdits | Self::Transcriptions | Self::Translations)
    }
}

/// A request, understood as far as the gateway needs; the body keeps its bytes.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which API it called.
    pub api: Api,
    /// The body as it came.
    pub body: Bytes,
    /// What its head says.
    pub head: RequestHead,
    /// The facts.
    pub facts: Facts,
    /// Where the body must change on its way.
    pub places: Places,
}

/// What the head of a request says beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The model, where it stands in the path (Gemini).
    pub model: Option<String>,
    /// Whether the path asks for a stream (Gemini).
    pub stream: bool,
    /// Whether a Gemini stream is to be one JSON array instead of events.
    pub array: bool,
    /// The content type, which a form's boundary is in.
    pub content_type: Option<String>,
    /// Headers of the app's format that go along to a provider of the same format, in lower case.
    pub forwarded: Vec<(String, String)>,
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
    /// Whether the request goes on from a stored answer.
    pub continues: bool,
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
        match (self.unseen_parts || self.continues, context_window) {
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
    /// The value of `model`; empty where the body has none.
    pub model: Range<usize>,
    /// The value of `stream_options`.
    pub stream_options: Option<Range<usize>>,
    /// The values that limit the answer's tokens.
    pub max_output: Vec<Range<usize>>,
    /// Behind the opening brace, where a member can be put in.
    pub first_member: usize,
    /// The top-level keys, quotes included, in their order.
    pub keys: Vec<Range<usize>>,
}
