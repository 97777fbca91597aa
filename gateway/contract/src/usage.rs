//! What a request consumed, in disjoint buckets.

use serde::{Deserialize, Serialize};

/// What one request or attempt consumed. The buckets do not overlap, except that `reasoning` is part of `output` and
/// only shown apart: an image or a piece of audio is either counted in tokens or by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens at the full price.
    pub input_uncached: u64,
    /// Prompt tokens that the provider read from its cache; text, unless they are told apart.
    pub cache_read: u64,
    /// Prompt tokens written to a cache that lives about five minutes.
    pub cache_write_5m: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Answer tokens, reasoning among them; no audio and no images.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// Audio tokens of the prompt.
    pub audio_input: u64,
    /// Audio tokens of the answer.
    pub audio_output: u64,
    /// Requests at the provider.
    pub requests: u64,
    /// Audio tokens of the prompt that were read from the cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_audio: u64,
    /// Image tokens of the prompt that were read from the cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_image: u64,
    /// Image tokens of the prompt, where the provider tells them apart from text.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_input: u64,
    /// Video tokens of the prompt, where the provider tells them apart from text.
    #[serde(skip_serializing_if = "is_zero")]
    pub video_input: u64,
    /// Image tokens of the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub image_output: u64,
    /// Images of the prompt that are charged by number and not by tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_images: u64,
    /// Images of the answer whose tokens the provider does not tell.
    #[serde(skip_serializing_if = "is_zero")]
    pub images: u64,
    /// Characters of a text that is spoken.
    #[serde(skip_serializing_if = "is_zero")]
    pub characters: u64,
    /// Milliseconds of audio whose tokens the provider does not tell.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_ms: u64,
    /// Cohere's unit of reranking: one question with up to a hundred documents.
    #[serde(skip_serializing_if = "is_zero")]
    pub search_units: u64,
    /// Searches of the web that the provider made for the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub web_searches: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// All tokens of the prompt.
    pub const fn input(&self) -> u64 {
        self.input_uncached
            .saturating_add(self.cached())
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
            .saturating_add(self.audio_input)
            .saturating_add(self.image_input)
            .saturating_add(self.video_input)
    }

    /// All tokens of the prompt that were read from the cache.
    pub const fn cached(&self) -> u64 {
        self.cache_read.saturating_add(self.cache_read_audio).saturating_add(self.cache_read_image)
    }

    /// All tokens of the answer.
    pub const fn total_output(&self) -> u64 {
        self.output.saturating_add(self.audio_output).saturating_add(self.image_output)
    }

    /// All tokens, as token limits count them.
    pub const fn tokens(&self) -> u64 {
        self.input().saturating_add(self.total_output())
    }

    /// The same with another number of prompt tokens, all of them at the full price: whatever told them apart is not
    /// believed.
    #[must_use]
    pub const fn with_input(self, tokens: u64) -> Self {
        Self {
            input_uncached: tokens,
            cache_read: 0,
            cache_read_audio: 0,
            cache_read_image: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
            audio_input: 0,
            image_input: 0,
            video_input: 0,
            ..self
        }
    }

    /// The same, with no more images, sound and searched documents than `most` has. Searches of the web are the
    /// provider's to decide, and requests are the gateway's own.
    #[must_use]
    pub fn with_units_of(self, most: &Self) -> Self {
        Self {
            input_images: self.input_images.min(most.input_images),
            images: self.images.min(most.images),
            characters: self.characters.min(most.characters),
            audio_ms: self.audio_ms.min(most.audio_ms),
            search_units: self.search_units.min(most.search_units),
            ..self
        }
    }

    /// The same with another number of answer tokens, all of them text.
    #[must_use]
    pub const fn with_output(self, tokens: u64) -> Self {
        let reasoning = if self.reasoning < tokens { self.reasoning } else { tokens };
        Self { output: tokens, reasoning, audio_output: 0, image_output: 0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_event_reads_and_a_text_request_does_not_mention_what_it_has_not() {
        let old = r#"{"input_uncached":5,"output":7,"requests":1}"#;
        let usage: Usage = serde_json::from_str(old).unwrap();
        assert_eq!((usage.input(), usage.total_output(), usage.tokens()), (5, 7, 12));
        let text = serde_json::to_string(&usage).unwrap();
        assert!(!text.contains("image") && !text.contains("searches"), "{text}");
        assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
    }

    #[test]
    fn tokens_of_every_kind_are_tokens_and_what_is_no_token_is_none() {
        let usage = Usage {
            input_uncached: 1,
            cache_read: 2,
            cache_read_audio: 4,
            cache_read_image: 8,
            cache_write_5m: 16,
            cache_write_1h: 32,
            audio_input: 64,
            image_input: 128,
            video_input: 256,
            output: 1,
            reasoning: 1,
            audio_output: 2,
            image_output: 4,
            input_images: 9,
            images: 9,
            characters: 9,
            audio_ms: 9,
            search_units: 9,
            web_searches: 9,
            requests: 9,
        };
        assert_eq!((usage.cached(), usage.input(), usage.total_output()), (14, 511, 7));
        let clipped = usage.with_input(100).with_output(0);
        assert_eq!((clipped.input(), clipped.total_output(), clipped.reasoning), (100, 0, 0));
        assert_eq!(clipped.images, 9, "what is no token stays");
    }
}
