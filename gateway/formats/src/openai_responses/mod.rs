//! OpenAI's responses API (`POST /v1/responses`), as apps send it and as providers answer.
//!
//! A conversation is a list of items (messages, reasoning, calls, results), an answer is a list of output items, and a
//! stream is a ladder of events with a number on each. Facts by the types of OpenAI's Python SDK 3.54 and OpenAI's own
//! API description of November 2026.

mod answer;
#[cfg(test)]
mod checking;
mod error;
mod marks;
mod object;
mod outgoing;
mod output;
mod reader;
mod request;
pub mod state;
mod told;
mod usage;
mod writer;

pub use answer::{read_answer, write_answer};
pub use error::{read_error, write_error};
pub use outgoing::write_request;
pub use reader::Reader;
pub use request::read_request;
pub use usage::{read_usage, write_usage};
pub use writer::Writer;
