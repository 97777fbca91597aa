//! OpenAI's `usage` object and the clones' variants of it, as disjoint buckets.
//!
//! `prompt_tokens` includes cached, cache-written, audio and image tokens; `completion_tokens` includes reasoning, audio
//! and image tokens. All detail objects and all their members may be absent or null. Two exceptions are seen in the numbers
//! themselves: xAI does not count reasoning among the completion (the total tells it), and a prompt with fewer tokens
//! than were read from the cache was counted without them.

use crate::{conversation::Reported, json::Object};
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_contract::usage::Usage;

#[derive(Deserialize, Default)]
struct Wire<'a> {
    #[serde(borrow)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    total_tokens: Option<&'a RawValue>,
    /// The names of OpenAI's newer APIs, which some clones use here too.
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_tokens_details: Option<&'a RawValue>,
    /// Mistral's spelling.
    #[serde(borrow)]
    prompt_token_details: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens_details: Option<&'a RawValue>,
    /// DeepSeek: the two add up to the prompt.
    #[serde(borrow)]
    prompt_cache_hit_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_miss_tokens: Option<&'a RawValue>,
    /// Moonshot's place for cached tokens.
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    /// Mistral's place for cached tokens.
    #[serde(borrow)]
    num_cached_tokens: Option<&'a RawValue>,
    /// Gateways that serve Claude in this format.
    #[serde(borrow)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    /// Perplexity's place.
    #[serde(borrow)]
    reasoning_tokens: Option<&'a RawValue>,
    /// Perplexity's searches.
    #[serde(borrow)]
    num_search_queries: Option<&'a RawValue>,
    /// Mistral counts sounds in seconds.
    #[serde(borrow)]
    prompt_audio_seconds: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Details<'a> {
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_write_tokens: Option<&'a RawValue>,
    /// Qwen's name for written tokens.
    #[serde(borrow)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    audio_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    image_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_tokens: Option<&'a RawValue>,
}

impl<'a> Details<'a> {
    /// The first of several places that has details at all.
    fn of(places: [Option<&'a RawValue>; 3]) -> Self {
        let mut given = places.into_iter().flatten().filter(|raw| raw.get() != "null");
        given.next().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

/// A number of tokens: `None` if it is absent, an error if it cannot be one.
fn count(raw: Option<&RawValue>) -> Result<Option<u64>, ()> {
    /// Floats are exact up to here, and no request has that many tokens.
    const MOST: u64 = 1 << 53;
    let Some(text) = raw.map(RawValue::get).filter(|text| *text != "null") else {
        return Ok(None);
    };
    let number = match text.parse::<u64>() {
        Ok(number) => number,
        // Some servers write whole numbers as floats.
        Err(_) => match text.parse::<f64>() {
            Ok(number) if (0.0..=MOST as f64).contains(&number) => number.round() as u64,
            _ => return Err(()),
        },
    };
    if number <= MOST { Ok(Some(number)) } else { Err(()) }
}

/// A number in a place where nonsense counts as nothing.
fn detail(raw: Option<&RawValue>) -> Option<u64> {
    count(raw).ok().flatten()
}

/// The first place that has a number.
fn first<const N: usize>(places: [Option<&RawValue>; N]) -> u64 {
    places.into_iter().find_map(detail).unwrap_or(0)
}

/// Reads a `usage` object. `None` where it is null, has no numbers or has impossible ones (negative): then the usage
/// has to be counted here.
pub fn read(text: &str) -> Option<Usage> {
    let wire: Wire = serde_json::from_str(text).ok()?;
    let either = |old, new| Ok::<_, ()>(count(old)?.or(count(new)?));
    let prompt = either(wire.prompt_tokens, wire.input_tokens).ok()?;
    let completion = either(wire.completion_tokens, wire.output_tokens).ok()?;
    let total = count(wire.total_tokens).ok()?;
    let hits_and_misses = match (wire.prompt_cache_hit_tokens, wire.prompt_cache_miss_tokens) {
        (None, None) => None,
        (hit, miss) => Some(first([hit]) + first([miss])),
    };
    let prompt = prompt.or(hits_and_misses);
    if prompt.is_none() && completion.is_none() && total.is_none() {
        return None;
    }
    let completion = completion.unwrap_or(0);
    // A total alone is the prompt's: embeddings have nothing else.
    let prompt = prompt.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(completion));
    Some(buckets(&wire, prompt, completion, total))
}

fn buckets(wire: &Wire, prompt: u64, completion: u64, total: Option<u64>) -> Usage {
    let before = Details::of([
        wire.prompt_tokens_details,
        wire.prompt_token_details,
        wire.input_tokens_details,
    ]);
    let after = Details::of([wire.completion_tokens_details, wire.output_tokens_details, None]);
    let cache_read = first([
        before.cached_tokens,
        wire.num_cached_tokens,
        wire.cached_tokens,
        wire.prompt_cache_hit_tokens,
        wire.cache_read_input_tokens,
    ]);
    let cache_write = first([
        before.cache_write_tokens,
        before.cache_creation_input_tokens,
        wire.cache_creation_input_tokens,
    ]);
    let reasoning = first([after.reasoning_tokens, wire.reasoning_tokens]);
    let apart =
        reasoning > 0 && (total == Some(prompt + completion + reasoning) || reasoning > completion);
    let completion = if apart { completion + reasoning } else { completion };
    let prompt = if cache_read > prompt { prompt + cache_read } else { prompt };
    let cache_write_5m = cache_write.min(prompt - cache_read);
    let fresh = prompt - cache_read - cache_write_5m;
    let audio_input = first([before.audio_tokens]).min(fresh);
    let image_input = first([before.image_tokens]).min(fresh - audio_input);
    let audio_output = first([after.audio_tokens]).min(completion);
    let image_output = first([after.image_tokens]).min(completion - audio_output);
    let output = completion - audio_output - image_output;
    let seconds = if audio_input > 0 { 0 } else { first([wire.prompt_audio_seconds]) };
    Usage {
        input_uncached: fresh - audio_input - image_input,
        cache_read,
        cache_write_5m,
        output,
        reasoning: reasoning.min(output),
        audio_input,
        audio_output,
        image_input,
        image_output,
        audio_ms: seconds.saturating_mul(1000),
        web_searches: first([wire.num_search_queries]),
        requests: 1,
        ..Usage::default()
    }
}

/// Reads a `usage` object as a report: null is none, what cannot be believed is refused.
pub fn read_usage(raw: &str) -> Reported {
    match read(raw) {
        Some(usage) => Reported::of(usage),
        None => Reported { refused: raw.trim() != "null", ..Reported::default() },
    }
}

/// Writes the members of a `usage` object.
pub fn write_usage(object: &mut Object, usage: &Usage) {
    let cache_write = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    object
        .put("prompt_tokens", usage.input())
        .put("completion_tokens", usage.total_output())
        .put("total_tokens", usage.tokens())
        .object("prompt_tokens_details", |details| {
            details.put("cached_tokens", usage.cached());
            if cache_write > 0 {
                details.put("cache_write_tokens", cache_write);
            }
            details.put("audio_tokens", usage.audio_input);
            if usage.image_input > 0 {
                details.put("image_tokens", usage.image_input);
            }
        })
        .object("completion_tokens_details", |details| {
            details
                .put("reasoning_tokens", usage.reasoning)
                .put("audio_tokens", usage.audio_output);
            if usage.image_output > 0 {
                details.put("image_tokens", usage.image_output);
            }
        });
}

#[cfg(test)]
mod tests;
