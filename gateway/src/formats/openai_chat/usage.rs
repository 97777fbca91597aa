//! OpenAI's `usage` object and the clones' variants of it, as disjoint buckets.
//!
//! `prompt_tokens` includes cached, cache-written and audio tokens; `completion_tokens` includes reasoning and audio
//! tokens. All detail objects and all their members may be absent or null.

use serde::Deserialize;
use tollgate_contract::usage::Usage;

#[derive(Deserialize)]
struct Wire {
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    total_tokens: Option<i64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name for cached tokens.
    prompt_cache_hit_tokens: Option<i64>,
    /// Moonshot's place for cached tokens.
    cached_tokens: Option<i64>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    audio_tokens: Option<i64>,
}

#[derive(Deserialize, Default)]
struct CompletionDetails {
    reasoning_tokens: Option<i64>,
    audio_tokens: Option<i64>,
}

/// Reads a `usage` object. `None` where it is null, has no numbers or has impossible ones (negative): then the usage
/// has to be counted here.
pub fn read(text: &str) -> Option<Usage> {
    let wire: Wire = serde_json::from_str(text).ok()?;
    let count = |number: Option<i64>| u64::try_from(number.unwrap_or(0)).ok();
    if wire.prompt_tokens.is_none()
        && wire.completion_tokens.is_none()
        && wire.total_tokens.is_none()
    {
        return None;
    }
    let prompt = count(wire.prompt_tokens)?;
    let completion = count(wire.completion_tokens)?;
    let details = wire.prompt_tokens_details.unwrap_or_default();
    let cached = details.cached_tokens.or(wire.prompt_cache_hit_tokens).or(wire.cached_tokens);
    let cache_read = count(cached)?.min(prompt);
    let cache_write_5m = count(details.cache_write_tokens)?.min(prompt - cache_read);
    let audio_input = count(details.audio_tokens)?.min(prompt - cache_read - cache_write_5m);
    let answer = wire.completion_tokens_details.unwrap_or_default();
    let audio_output = count(answer.audio_tokens)?.min(completion);
    let output = completion - audio_output;
    Some(Usage {
        input_uncached: prompt - cache_read - cache_write_5m - audio_input,
        cache_read,
        cache_write_5m,
        output,
        reasoning: count(answer.reasoning_tokens)?.min(output),
        audio_input,
        audio_output,
        requests: 1,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_disjoint_and_nonsense_is_no_usage() {
        let usage = read(
            r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
                "prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":2,"audio_tokens":null},
                "completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0}}"#,
        );
        let expected = Usage {
            input_uncached: 9,
            cache_read: 8,
            cache_write_5m: 2,
            output: 10,
            reasoning: 4,
            requests: 1,
            ..Usage::default()
        };
        assert_eq!(usage, Some(expected));
        assert_eq!(
            read(r#"{"prompt_tokens":5,"total_tokens":5}"#).map(|usage| usage.input()),
            Some(5)
        );
        for nothing in [
            "null",
            "{}",
            r#"{"prompt_tokens":-1,"completion_tokens":3}"#,
            "[]",
            r#"{"prompt_tokens":"x"}"#,
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
