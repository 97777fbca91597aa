//! OpenAI's chat completions (`POST /v1/chat/completions`, as of November 2026), as apps send them and as the many
//! OpenAI-compatible providers answer; also the older text completions.
//!
//! Sources: OpenAI's API description and Python types, the documentation of each provider, and what their servers were
//! seen to send. What providers do differently is data ([`dialect`]); what they send differently is read leniently by
//! everybody's reader, because the same oddities come up again and again. What is written keeps to OpenAI's grammar.
//!
//! Facts that shape the rest:
//! - Reasoning is an extension: `reasoning_content` for apps, with signatures in `thinking_blocks` (LiteLLM's shape) or
//!   `reasoning_details` (OpenRouter's). A call's signature of another format travels in its id.
//! - `prompt_tokens` includes cached tokens and `completion_tokens` includes reasoning, with exceptions ([`usage`]).
//! - A stream is complete if a reason to end came or `[DONE]` did; an error may come in the clothes of a chunk.

pub mod answer;
#[cfg(test)]
mod checking;
pub mod completions;
pub mod dialect;
pub mod error;
pub mod finish;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod golden;
mod outgoing;
mod reader;
mod request;
pub mod stream;
pub mod usage;
mod wire;
mod writer;

pub use answer::{read_answer, read_answer_with_tags, write_answer};
pub use dialect::Dialect;
pub use error::{read_error, write_error};
pub use outgoing::write_request;
pub use reader::Reader;
pub use request::read_request;
pub use usage::{read_usage, write_usage};
pub use writer::Writer;
