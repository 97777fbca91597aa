//! OpenAI's format: chat completions and embeddings, as apps send them and as OpenAI-compatible providers answer.

pub mod answer;
pub mod error;
pub mod request;
pub mod rewrite;
pub mod stream;
pub mod usage;
mod walk;
