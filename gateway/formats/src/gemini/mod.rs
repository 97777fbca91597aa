//! Google's Gemini API: `generateContent`, `streamGenerateContent` and `countTokens`, version `v1beta` of AI Studio and
//! `v1` of Vertex AI, as apps and Google speak it.
//!
//! The model and whether to stream stand in the path. Members are in camel case; snake case is taken as well. Roles are
//! `user` and `model`; the results of tools are parts of a user turn and belong to calls by name, since Gemini 3 by id
//! too. Arguments and results are objects. A part of the model's may be a thought, and may carry a signature that the
//! model wants back.
//!
//! A stream is a row of whole answers, each with the next piece: events without an end mark of their own, or one JSON
//! array. An error in the middle is a piece with `error`. Counts of tokens are repeated, and the last ones count.
//!
//! What is sent depends on the generation of the model: see `model`.

mod answer;
mod count;
mod error;
mod logprobs;
mod model;
mod models;
mod outgoing;
mod reader;
mod request;
mod said;
mod schema;
mod signature;
mod spelling;
mod stop;
mod usage;
mod writer;

pub use answer::{read_answer, write_answer};
pub use count::{read_count_answer, read_count_request, write_count_answer, write_count_request};
pub use error::{read_error, write_error};
pub use models::{ModelEntry, write_model, write_models};
pub use outgoing::write_request;
pub use reader::Reader;
pub use request::read_request;
pub use usage::{read_usage, write_usage};
pub use writer::Writer;

#[cfg(test)]
mod recorded;
