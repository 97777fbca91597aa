//! Anthropic's Messages API, versions 2023-06-01 and 2026-10-21: for apps, and for providers (Anthropic itself, Claude in
//! Microsoft Foundry and on Vertex, other servers that speak the format).
//!
//! Facts that shape the code:
//! - Contents are blocks. Rules and messages are apart; results of tools stand in user messages, all results of a turn in
//!   the next one, before anything else.
//! - `max_tokens` has to be there and includes thinking. Which of `temperature`, `thinking` and a last assistant turn a
//!   model takes depends on its generation: `model.rs` reads it from the name, and the target's facts go before that.
//! - Thinking is signed. Only who signed it can read it, and blocks come back unchanged, empty and sealed ones too.
//! - A stream has one block open at a time and says `message_stop` when it is complete; what comes before is no end.
//! - `usage` counts what was read from and written to caches apart from `input_tokens`, and is a running total.

mod answer;
mod carry;
mod count;
mod error;
mod model;
mod outgoing;
mod passthrough;
mod reader;
mod request;
mod schema;
pub(crate) mod stand_in;
#[cfg(test)]
mod testing;
mod usage;
mod version;
mod writer;

/// What Claude takes wherever it is served, for the formats of others that serve it too.
pub(crate) mod claude {
    pub(crate) use super::{
        model::{Thinking as Takes, Traits, version},
        outgoing::{
            limits::{Drawn, max_tokens},
            thinking::{self, Thinking},
            turns::lacks_thinking,
        },
        schema::{object_rooted, strict, wrapped},
        stand_in,
    };
}

pub use answer::{read_answer, write_answer};
pub use count::{read_count_answer, write_count_answer};
pub use error::{read_error, write_error};
pub use outgoing::{write_count_request, write_request};
pub use passthrough::{for_bedrock_invoke, for_vertex};
pub use reader::Reader;
pub use request::{read_count_request, read_request};
pub use usage::{read_usage, write_usage};
pub use version::api_version;
pub use writer::Writer;
