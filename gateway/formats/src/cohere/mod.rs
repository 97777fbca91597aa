//! Cohere's chat, version 2: a provider's format only, no app speaks it.
//!
//! Facts that shape the code: an assistant turn has either content or calls, and what it says before calls is its
//! `tool_plan`; there are two counts of tokens, and the lower one is charged; streams have named events.

mod answer;
mod error;
mod outgoing;
mod reader;
mod usage;

pub use answer::read_answer;
pub use error::read_error;
pub use outgoing::write_request;
pub use reader::Reader;
pub use usage::read_usage;

use crate::conversation::{Fault, Stop};

/// Why it ended; `ERROR` and `TIMEOUT` are faults in the clothes of an answer.
fn stop_of(word: &str) -> Result<Stop, Fault> {
    Ok(match word {
        "STOP_SEQUENCE" => Stop::Sequence,
        "MAX_TOKENS" => Stop::Length,
        "TOOL_CALL" => Stop::Tool,
        "ERROR_TOXIC" => Stop::Filtered,
        "ERROR" | "TIMEOUT" | "ERROR_LIMIT" => {
            return Err(Fault::reported(format!("The model failed ({word}).")));
        }
        _ => Stop::End,
    })
}
