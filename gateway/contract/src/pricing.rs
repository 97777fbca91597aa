//! Prices and the cost of a usage.
//!
//! The cost sums all buckets unrounded (in 10⁻⁶ nano-USD) and rounds up once, so the error of a request is below one
//! nano-USD.

use crate::{money::NanoUsd, usage::Usage};
use serde::{Deserialize, Serialize};

/// What tokens cost, each in nano-USD per one million tokens. A price that is absent falls back as each field says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Uncached prompt tokens.
    pub input: NanoUsd,
    /// Answer tokens; reasoning costs the same.
    pub output: NanoUsd,
    /// Cached prompt tokens; absent: `input`.
    pub cached_input: Option<NanoUsd>,
    /// Tokens written to the five-minute cache; absent: `input`.
    pub cache_write_5m: Option<NanoUsd>,
    /// Tokens written to the one-hour cache; absent: `input`.
    pub cache_write_1h: Option<NanoUsd>,
    /// Audio tokens in; absent: `input`.
    pub audio_input: Option<NanoUsd>,
    /// Audio tokens out; absent: `output`.
    pub audio_output: Option<NanoUsd>,
}

/// The price of a model at a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Token prices.
    pub rates: Rates,
    /// Prices that replace all token prices once the whole prompt is above a number of tokens; ascending.
    pub tiers: Vec<Tier>,
    /// Nano-USD per request.
    pub request: NanoUsd,
}

/// Token prices for long prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Applies when the whole prompt, cached tokens included, has more tokens than this.
    pub above_input_tokens: u64,
    /// The prices of all tokens of such a request.
    pub rates: Rates,
}

const PER_MILLION: u128 = 1_000_000;

impl Price {
    /// Nothing costs anything.
    pub const FREE: Self = Self {
        rates: Rates {
            input: NanoUsd::ZERO,
            output: NanoUsd::ZERO,
            cached_input: None,
            cache_write_5m: None,
            cache_write_1h: None,
            audio_input: None,
            audio_output: None,
        },
        tiers: Vec::new(),
        request: NanoUsd::ZERO,
    };

    /// The cost of `usage`, rounded up to a whole nano-USD; saturates.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        let rates = self.rates_for(usage.input());
        let or = |price: Option<NanoUsd>, other: NanoUsd| price.unwrap_or(other);
        let lines = [
            (rates.input, usage.input_uncached),
            (or(rates.cached_input, rates.input), usage.cache_read),
            (or(rates.cache_write_5m, rates.input), usage.cache_write_5m),
            (or(rates.cache_write_1h, rates.input), usage.cache_write_1h),
            (or(rates.audio_input, rates.input), usage.audio_input),
            (rates.output, usage.output),
            (or(rates.audio_output, rates.output), usage.audio_output),
        ];
        let tokens = lines.into_iter().fold(0u128, |sum, (price, tokens)| {
            sum.saturating_add(nanos(price).saturating_mul(u128::from(tokens)))
        });
        let requests = nanos(self.request).saturating_mul(u128::from(usage.requests));
        saturate(tokens.div_ceil(PER_MILLION).saturating_add(requests))
    }

    /// The most that a request with at most `input` prompt tokens and `output` answer tokens can cost, however its
    /// tokens fall into buckets and tiers.
    pub fn upper_bound(&self, input: u64, output: u64) -> NanoUsd {
        let worst = |rates: &Rates| {
            let dearest = |prices: &[Option<NanoUsd>], first: NanoUsd| {
                prices.iter().flatten().copied().fold(first, NanoUsd::max)
            };
            let input_price = dearest(
                &[
                    rates.cached_input,
                    rates.cache_write_5m,
                    rates.cache_write_1h,
                    rates.audio_input,
                ],
                rates.input,
            );
            let output_price = dearest(&[rates.audio_output], rates.output);
            nanos(input_price)
                .saturating_mul(u128::from(input))
                .saturating_add(nanos(output_price).saturating_mul(u128::from(output)))
        };
        let reachable = self.tiers.iter().filter(|tier| tier.above_input_tokens < input);
        let tokens = reachable.map(|tier| worst(&tier.rates)).fold(worst(&self.rates), u128::max);
        saturate(tokens.div_ceil(PER_MILLION).saturating_add(nanos(self.request)))
    }

    /// Whether a request can cost anything at all.
    pub fn is_free(&self) -> bool {
        self.request == NanoUsd::ZERO
            && self.upper_bound(u64::MAX / 2, u64::MAX / 2) == NanoUsd::ZERO
    }

    fn rates_for(&self, input: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|tier| tier.above_input_tokens < input);
        tier.map_or(&self.rates, |tier| &tier.rates)
    }
}

/// A price is never negative (the parser of amounts sees to that); a negative one counts as nothing.
fn nanos(price: NanoUsd) -> u128 {
    u128::try_from(price.as_nanos()).unwrap_or(0)
}

fn saturate(nanos: u128) -> NanoUsd {
    NanoUsd::new(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(text: &str) -> NanoUsd {
        text.parse().unwrap()
    }

    #[test]
    fn a_cost_sums_all_buckets_and_rounds_up_once() {
        let price = Price {
            rates: Rates {
                input: usd("4"),
                output: usd("20"),
                cached_input: Some(usd("0.2")),
                cache_write_5m: Some(usd("5")),
                ..Rates::default()
            },
            ..Price::default()
        };
        let usage = Usage {
            input_uncached: 1000,
            cache_read: 9000,
            cache_write_5m: 500,
            output: 2000,
            ..Usage::default()
        };
        assert_eq!(price.cost(&usage), usd("0.0483"));

        let thirds = Price {
            rates: Rates { input: NanoUsd::new(1), output: NanoUsd::new(1), ..Rates::default() },
            ..Price::default()
        };
        let one_of_each = Usage { input_uncached: 1, output: 1, ..Usage::default() };
        assert_eq!(thirds.cost(&one_of_each), NanoUsd::new(1), "one rounding, not one per bucket");
    }

    #[test]
    fn a_tier_reprices_the_whole_request_above_its_edge() {
        let price = Price {
            rates: Rates { input: usd("1.2"), output: usd("6"), ..Rates::default() },
            tiers: vec![Tier {
                above_input_tokens: 32_000,
                rates: Rates { input: usd("2.4"), output: usd("12"), ..Rates::default() },
            }],
            ..Price::default()
        };
        let usage = |input_uncached| Usage { input_uncached, output: 100, ..Usage::default() };
        assert_eq!(price.cost(&usage(32_000)), usd("0.039"));
        assert_eq!(price.cost(&usage(32_001)), usd("0.0780024"));
    }

    proptest! {
        #[test]
        fn no_usage_costs_more_than_its_upper_bound(
            input_uncached in 0u64..200_000, cache_read in 0u64..200_000, cache_write_5m in 0u64..10_000,
            output in 0u64..100_000, input in 0i64..10_000_000_000, out in 0i64..10_000_000_000,
            cached in proptest::option::of(0i64..10_000_000_000),
        ) {
            let price = Price {
                rates: Rates {
                    input: NanoUsd::new(input),
                    output: NanoUsd::new(out),
                    cached_input: cached.map(NanoUsd::new),
                    ..Rates::default()
                },
                tiers: vec![Tier { above_input_tokens: 100_000, rates: Rates { input: NanoUsd::new(out), output: NanoUsd::new(input), ..Rates::default() } }],
                request: NanoUsd::new(7),
            };
            let usage = Usage { input_uncached, cache_read, cache_write_5m, output, requests: 1, ..Usage::default() };
            prop_assert!(price.cost(&usage) <= price.upper_bound(usage.input(), usage.output));
        }
    }
}
