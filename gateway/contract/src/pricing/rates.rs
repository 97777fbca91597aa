//! What tokens and other units cost.

use super::{MS_PER_MINUTE, PARTS, PER_MILLION, nanos, saturate};
use crate::{money::NanoUsd, usage::Usage};

macro_rules! prices {
    (
        $(#[$doc:meta])* $name:ident;
        required { $($(#[$required_doc:meta])* $required:ident,)* }
        optional { $($(#[$optional_doc:meta])* $optional:ident,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$required_doc])* pub $required: NanoUsd,)*
            $($(#[$optional_doc])* pub $optional: Option<NanoUsd>,)*
        }

        impl $name {
            /// The names of its prices, as the config document has them.
            pub const NAMES: &'static [&'static str] =
                &[$(stringify!($required),)* $(stringify!($optional),)*];

            /// Nothing costs anything.
            pub const FREE: Self = Self { $($required: NanoUsd::ZERO,)* $($optional: None,)* };

            /// The price of that name; absent if it falls back to another, or if there is no such name.
            pub fn get(&self, name: &str) -> Option<NanoUsd> {
                match name {
                    $(stringify!($required) => Some(self.$required),)*
                    $(stringify!($optional) => self.$optional,)*
                    _ => None,
                }
            }

            /// Sets the price of that name. False if there is none.
            pub fn set(&mut self, name: &str, price: NanoUsd) -> bool {
                match name {
                    $(stringify!($required) => self.$required = price,)*
                    $(stringify!($optional) => self.$optional = Some(price),)*
                    _ => return false,
                }
                true
            }
        }
    };
}

prices! {
    /// What tokens cost, each in nano-USD per one million tokens. A price that is absent falls back as each field says.
    Rates;
    required {
        /// Uncached prompt tokens.
        input,
        /// Answer tokens.
        output,
    }
    optional {
        /// Reasoning tokens of the answer; absent: `output`.
        reasoning,
        /// Cached prompt tokens; absent: `input`.
        cached_input,
        /// Tokens written to the five-minute cache; absent: `input`.
        cache_write_5m,
        /// Tokens written to the one-hour cache; absent: `input`.
        cache_write_1h,
        /// Audio tokens in; absent: `input`.
        audio_input,
        /// Audio tokens out; absent: `output`.
        audio_output,
        /// Cached audio tokens in; absent: `cached_input`, else `audio_input`, else `input`.
        cached_audio_input,
        /// Image tokens in; absent: `input`.
        image_input,
        /// Image tokens out; absent: `output`.
        image_output,
        /// Cached image tokens in; absent: `cached_input`, else `image_input`, else `input`.
        cached_image_input,
        /// Video tokens in; absent: `input`.
        video_input,
    }
}

prices! {
    /// What is charged for by number. What is not priced costs nothing.
    UnitPrices;
    required {
        /// Nano-USD per request.
        request,
        /// Nano-USD per image in the prompt that is charged by number.
        input_image,
        /// Nano-USD per image of the answer.
        image,
        /// Nano-USD per minute of audio; part of a minute costs its part.
        audio_minute,
        /// Nano-USD per million characters that are spoken.
        million_characters,
        /// Nano-USD per unit of reranking.
        search_unit,
        /// Nano-USD per search of the web.
        web_search,
    }
    optional {}
}

/// Token prices for long prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Applies when the whole prompt, cached tokens included, has more tokens than this. Where a provider's price
    /// begins at a number and not above it, this is one less.
    pub above_input_tokens: u64,
    /// The prices of all tokens of such a request.
    pub rates: Rates,
}

impl Rates {
    /// What each bucket of tokens costs: the name of its price, the price that holds for it, its tokens. Reasoning is
    /// apart from the rest of the output.
    pub fn lines(&self, usage: &Usage) -> [(&'static str, NanoUsd, u64); 13] {
        let or = |first: Option<NanoUsd>, other: NanoUsd| first.unwrap_or(other);
        let reasoning = usage.reasoning.min(usage.output);
        let cached = |first: Option<NanoUsd>, uncached: Option<NanoUsd>| {
            or(first.or(self.cached_input).or(uncached), self.input)
        };
        let audio = cached(self.cached_audio_input, self.audio_input);
        let image = cached(self.cached_image_input, self.image_input);
        [
            ("input", self.input, usage.input_uncached),
            ("cached_input", or(self.cached_input, self.input), usage.cache_read),
            ("cached_audio_input", audio, usage.cache_read_audio),
            ("cached_image_input", image, usage.cache_read_image),
            ("cache_write_5m", or(self.cache_write_5m, self.input), usage.cache_write_5m),
            ("cache_write_1h", or(self.cache_write_1h, self.input), usage.cache_write_1h),
            ("audio_input", or(self.audio_input, self.input), usage.audio_input),
            ("image_input", or(self.image_input, self.input), usage.image_input),
            ("video_input", or(self.video_input, self.input), usage.video_input),
            ("output", self.output, usage.output - reasoning),
            ("reasoning", or(self.reasoning, self.output), reasoning),
            ("audio_output", or(self.audio_output, self.output), usage.audio_output),
            ("image_output", or(self.image_output, self.output), usage.image_output),
        ]
    }

    /// The cost in parts.
    pub(super) fn parts(&self, usage: &Usage) -> u128 {
        sum(self.lines(usage).map(|(_, price, tokens)| (price, tokens, PARTS / PER_MILLION)))
    }

    /// The most that this many tokens can cost, in parts, whatever they are.
    pub(super) fn most(&self, input: u64, output: u64) -> u128 {
        let dearest = |prices: &[Option<NanoUsd>], first: NanoUsd| {
            prices.iter().flatten().copied().fold(first, NanoUsd::max)
        };
        let input_price = dearest(
            &[
                self.cached_input,
                self.cached_audio_input,
                self.cached_image_input,
                self.cache_write_5m,
                self.cache_write_1h,
                self.audio_input,
                self.image_input,
                self.video_input,
            ],
            self.input,
        );
        let output_price =
            dearest(&[self.reasoning, self.audio_output, self.image_output], self.output);
        let part = PARTS / PER_MILLION;
        sum([(input_price, input, part), (output_price, output, part)])
    }

    /// Of each price the dearer one.
    pub(super) fn dearer(&self, other: &Self) -> Self {
        let mut both = *self;
        for name in Self::NAMES {
            if let Some(price) = other.get(name)
                && self.get(name).is_none_or(|own| own < price)
            {
                both.set(name, price);
            }
        }
        both
    }

    pub(super) fn is_free(&self) -> bool {
        Self::NAMES.iter().filter_map(|name| self.get(name)).all(|price| price == NanoUsd::ZERO)
    }
}

impl UnitPrices {
    /// What each count costs: the name of its price, the cost alone and rounded up, the count.
    pub fn lines(&self, usage: &Usage) -> [(&'static str, NanoUsd, u64); 7] {
        let cost = |line| saturate(sum([line]).div_ceil(PARTS));
        self.counts(usage)
            .map(|(name, price, count, parts)| (name, cost((price, count, parts)), count))
    }

    /// The cost in parts.
    pub(super) fn parts(&self, usage: &Usage) -> u128 {
        sum(self.counts(usage).map(|(_, price, count, parts)| (price, count, parts)))
    }

    const fn counts(&self, usage: &Usage) -> [(&'static str, NanoUsd, u64, u128); 7] {
        let million = PARTS / PER_MILLION;
        [
            ("request", self.request, usage.requests, PARTS),
            ("input_image", self.input_image, usage.input_images, PARTS),
            ("image", self.image, usage.images, PARTS),
            ("audio_minute", self.audio_minute, usage.audio_ms, PARTS / MS_PER_MINUTE),
            ("million_characters", self.million_characters, usage.characters, million),
            ("search_unit", self.search_unit, usage.search_units, PARTS),
            ("web_search", self.web_search, usage.web_searches, PARTS),
        ]
    }
}

/// Sums price × count, each with the number of parts that one of it is worth.
fn sum<const N: usize>(lines: [(NanoUsd, u64, u128); N]) -> u128 {
    lines.into_iter().fold(0, |sum, (price, count, parts)| {
        let line = nanos(price).saturating_mul(u128::from(count)).saturating_mul(parts);
        sum.saturating_add(line)
    })
}
