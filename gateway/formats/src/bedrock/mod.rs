//! Amazon Bedrock: `Converse` and `ConverseStream`, for providers (service model bedrock-runtime, 2023-09-30).
//!
//! Facts that shape the code:
//! - Contents are blocks: objects with exactly one member, which says what it is. Users and assistants alternate; all
//!   results of a turn's calls stand in the next user message, before anything else. Whoever has used tools must offer
//!   some, and nobody can say that none may be called.
//! - One format, many makers: what Converse has no word for goes to the model in its own words
//!   (`additionalModelRequestFields`), and what a model takes is told by its name (`model.rs`). What Claude takes is the
//!   same as at Anthropic, and known there.
//! - Files are inline or in S3, never at a URL, and have a word for their format instead of a media type.
//! - Answers have no id and do not tell the model. `inputTokens` is without what was read from or written to caches.
//! - A stream is no text: it comes in binary frames (`frames`), each with two checksums. Texts begin without a word, and
//!   the usage follows the end.
//! - Requests carry a bearer token or AWS's signature (`sigv4`).

mod answer;
mod blocks;
mod error;
pub mod frames;
mod invoke;
mod model;
mod outgoing;
mod path;
mod reader;
pub mod sigv4;
#[cfg(test)]
mod testing;
mod usage;

pub use answer::read_answer;
pub use error::read_error;
pub use invoke::invoke_chunk;
pub use outgoing::write_request;
pub use path::path;
pub use reader::Reader;
pub use usage::read_usage;
