//! Embeddings: OpenAI's and Gemini's requests, for providers that speak OpenAI, Gemini, Vertex, Cohere or Bedrock.
//!
//! A provider that takes few inputs at once is asked several times, in order; one failing part fails all.

mod answers;
mod apps;
mod calls;
mod vectors;

pub use answers::read_answer;
pub use apps::{read_gemini, read_gemini_batch, read_openai, write_gemini, write_openai};
pub use calls::calls;
pub use vectors::Vector;

use crate::{
    conversation::{Extra, Format, Reported},
    json::Raw,
};
use bytes::Bytes;

/// What is to become vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingRequest {
    /// The format that it came in: OpenAI's or Gemini's.
    pub origin: Format,
    /// The model as asked for.
    pub model: String,
    /// The inputs, in the order of their vectors.
    pub inputs: Vec<Input>,
    /// What Gemini has beside each input; empty, or one for each.
    pub beside: Vec<Beside>,
    /// The length of the vectors; absent: the model's own.
    pub dimensions: Option<u64>,
    /// Whether vectors are wanted in base 64 (OpenAI): little-endian 32-bit floats.
    pub base64: bool,
    /// What the vectors are for, in the words of the app's format: Cohere `search_query`, Gemini `RETRIEVAL_QUERY`.
    pub purpose: Option<String>,
    /// Whom the request is for.
    pub user: Option<String>,
    /// Members that only the app's format knows.
    pub extra: Extra,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A text.
    Text(String),
    /// Token ids of OpenAI's encoding.
    Tokens(Vec<u32>),
    /// A content of Gemini's with more than text in it, as it came.
    Content(Raw),
}

/// What stands beside an input in Gemini's format.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// The document's title.
    pub title: Option<String>,
    /// Members that only Gemini knows.
    pub extra: Extra,
}

/// How a provider takes inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingWire {
    /// OpenAI `/embeddings`.
    Openai,
    /// Gemini `:embedContent` for one, `:batchEmbedContents` for several.
    Gemini,
    /// Vertex `:predict`.
    VertexPredict,
    /// Vertex `:embedContent`, one input a call.
    VertexEmbed,
    /// Cohere `/v2/embed`.
    Cohere,
    /// Titan on Bedrock: one text a call.
    BedrockTitan,
    /// Cohere on Bedrock.
    BedrockCohere,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingPath {
    /// OpenAI `/embeddings`.
    Embeddings,
    /// Gemini `:embedContent`.
    EmbedContent,
    /// Gemini `:batchEmbedContents`.
    BatchEmbedContents,
    /// Vertex `:predict`.
    Predict,
    /// Cohere `/v2/embed`.
    CohereEmbed,
    /// Bedrock `invoke`.
    Invoke,
}

/// One call of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingCall {
    /// Where it goes; the same for all calls of one request.
    pub path: EmbeddingPath,
    /// The body.
    pub body: Bytes,
    /// How many inputs are in it.
    pub inputs: usize,
}

/// The calls that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingCalls {
    /// The calls, in the order of the inputs.
    pub calls: Vec<EmbeddingCall>,
    /// Parameters that were left out, by their name in the app's request.
    pub dropped: Vec<String>,
}

/// The vectors of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingAnswer {
    /// One for each input, in their order.
    pub vectors: Vec<Vector>,
    /// What was used.
    pub usage: Reported,
    /// The model that the provider says it used.
    pub model: Option<String>,
}
