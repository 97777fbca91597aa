//! Cohere's two counts: what is billed, and all that went through the model.

use serde_json::{Value, json};

use super::super::directives::Directives;
use super::super::tokens::PromptTokens;
use super::super::usage::report;

/// Input that is counted but not billed: Cohere's own words around the prompt.
pub const OVERHEAD_INPUT: u64 = 70;
/// Output that is counted but not billed.
pub const OVERHEAD_OUTPUT: u64 = 4;

/// The `usage` object of a chat; nothing if it is not to be told. Its numbers are floats.
pub fn of_chat(prompt: PromptTokens, output: u64, directives: &Directives) -> Option<Value> {
    let told = |count| report(count, directives).map(|count| count as f64);
    let (input, read) = (prompt.total(), prompt.cache_read);
    Some(json!({
        "billed_units": { "input_tokens": told(input)?, "output_tokens": told(output)? },
        "tokens": {
            "input_tokens": told(input + OVERHEAD_INPUT)?,
            "output_tokens": told(output + OVERHEAD_OUTPUT)?,
        },
        "cached_tokens": told(read)?,
    }))
}
