//! Reranking: the request that Jina, vLLM and Cohere's first version share, for providers that speak Cohere's second
//! version, that same shape, or Voyage's.

mod apps;
mod providers;

pub use apps::{read_request, write_answer};
pub use providers::{read_answer, write_request};

use crate::{
    conversation::{Extra, Reported},
    json::Raw,
};

/// Documents to be sorted by a question.
#[derive(Debug, Clone, PartialEq)]
pub struct RerankRequest {
    /// The model as asked for.
    pub model: String,
    /// The question.
    pub query: String,
    /// The documents.
    pub documents: Vec<Document>,
    /// How many results are wanted; absent: all.
    pub top_n: Option<u64>,
    /// Whether the documents come back with the results.
    pub return_documents: bool,
    /// Other members, as they came.
    pub extra: Extra,
}

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its text; absent for an object without one, which only some servers understand.
    pub text: Option<String>,
    /// As it came: a string or an object.
    pub raw: Raw,
}

/// How a provider takes documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerankWire {
    /// Cohere `/v2/rerank`: texts only.
    Cohere,
    /// The common shape.
    Common,
    /// Voyage: `top_k`, and results under `data`.
    Voyage,
}

/// The scores of documents.
#[derive(Debug, Clone, PartialEq)]
pub struct RerankAnswer {
    /// Which document, and how well it fits; best first.
    pub results: Vec<(usize, f64)>,
    /// What was used; search units are what Cohere charges.
    pub usage: Reported,
}
