//! What a request consumed, in disjoint buckets.

use serde::{Deserialize, Serialize};

/// Tokens of one request or attempt. The buckets do not overlap, except that `reasoning` is part of `output` and only
/// shown apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens at the full price.
    pub input_uncached: u64,
    /// Prompt tokens that the provider read from its cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache that lives about five minutes.
    pub cache_write_5m: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Answer tokens, reasoning among them, audio not.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// Audio tokens of the prompt.
    pub audio_input: u64,
    /// Audio tokens of the answer.
    pub audio_output: u64,
    /// Requests at the provider.
    pub requests: u64,
}

impl Usage {
    /// All tokens of the prompt.
    pub const fn input(&self) -> u64 {
        self.input_uncached
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
            .saturating_add(self.audio_input)
    }

    /// All tokens of the answer.
    pub const fn total_output(&self) -> u64 {
        self.output.saturating_add(self.audio_output)
    }

    /// All tokens, as token limits count them.
    pub const fn tokens(&self) -> u64 {
        self.input().saturating_add(self.total_output())
    }
}
