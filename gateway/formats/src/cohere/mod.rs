//! Cohere's chat, version 2, for providers.
//!
//! Facts that shape the code:
//! - Messages are nearly OpenAI's, but an assistant says something or calls tools, never both: what it says before calls is
//!   its `tool_plan`. On the way back a plan is shown as reasoning, since it is made for the calls and not for the user;
//!   reasoning before calls goes out as the plan.
//! - No tool can be named: the others are left out. A form of the answer cannot be asked for beside tools or documents.
//! - There are two counts of tokens: `billed_units` is what is charged, `tokens` what the model has read and written.
//! - A stream has named events and ends with `message-end`, which also tells of failures that came after a status of 200.
//! - Errors are a sentence without a code.

mod answer;
mod error;
mod outgoing;
mod reader;
mod said;
#[cfg(test)]
mod testing;
mod usage;

pub use answer::read_answer;
pub use error::read_error;
pub use outgoing::write_request;
pub use reader::Reader;
pub use usage::read_usage;
