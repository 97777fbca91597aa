//! The `usage` object of a message: disjoint buckets of the prompt, and all of the output.

use serde_json::{Value, json};

use super::super::directives::Directives;
use super::super::tokens::PromptTokens;
use super::super::usage::report;

/// What a message says it used; nothing if it is not to say it.
pub fn of_message(
    prompt: PromptTokens,
    output: u64,
    reasoning: u64,
    service_tier: &str,
    directives: &Directives,
) -> Option<Value> {
    let told = |count| report(count, directives);
    Some(json!({
        "input_tokens": told(prompt.uncached)?,
        "cache_creation_input_tokens": told(prompt.cache_write())?,
        "cache_read_input_tokens": told(prompt.cache_read)?,
        "cache_creation": {
            "ephemeral_5m_input_tokens": told(prompt.cache_write_5m)?,
            "ephemeral_1h_input_tokens": told(prompt.cache_write_1h)?,
        },
        "output_tokens": told(output)?,
        "output_tokens_details": { "thinking_tokens": told(reasoning)? },
        "server_tool_use": null,
        "service_tier": service_tier,
        "inference_geo": "global",
    }))
}

/// What the end of a stream says of its output.
pub fn of_output(output: u64, reasoning: u64, directives: &Directives) -> Option<Value> {
    let told = |count| report(count, directives);
    Some(json!({
        "output_tokens": told(output)?,
        "output_tokens_details": { "thinking_tokens": told(reasoning)? },
    }))
}
