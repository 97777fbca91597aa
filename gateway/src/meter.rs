//! What a request used, and what it is charged for it. A provider is believed within bounds only.

use tollgate_contract::{money::NanoUsd, pricing::Price, usage::Usage};

/// Counts what a request uses, and believes a provider within bounds only.
#[derive(Debug, Default)]
pub struct Meter {
    /// The price of the target that serves; absent: unpriced.
    pub price: Option<Price>,
    /// The most prompt tokens that are possible.
    pub input_upper: u64,
    /// The most answer tokens that are possible; absent: not known.
    pub output_upper: Option<u64>,
    /// The most of what is charged by number; its tokens say nothing.
    pub units_upper: Usage,
    /// The prompt tokens that are probable.
    pub input_estimate: u64,
    /// Answer tokens by our own count.
    pub produced: u64,
    /// Whether a call reached a provider that began to answer or was left in the middle.
    pub began: bool,
    /// The provider's last word on usage.
    pub reported: Option<Usage>,
    /// Whether the provider gave a usage that cannot be.
    pub refused: bool,
}

/// What a request is charged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charge {
    /// The usage.
    pub usage: Usage,
    /// Its cost.
    pub cost: NanoUsd,
    /// Whether we counted it ourselves.
    pub estimated: bool,
    /// Whether the provider's count was clipped.
    pub disputed: bool,
}

impl Meter {
    /// What the request is charged for as things stand.
    pub fn charge(&self) -> Charge {
        if !self.began {
            return Charge::default();
        }
        let (usage, estimated, clipped) = match self.reported {
            Some(reported) => {
                let clipped = self.clip(reported);
                (clipped, false, clipped != reported)
            }
            None => (self.own_count(), true, false),
        };
        let cost = self.price.as_ref().map_or(NanoUsd::ZERO, |price| price.cost(&usage));
        Charge { usage, cost, estimated, disputed: clipped || self.refused }
    }

    fn own_count(&self) -> Usage {
        let output = self.output_upper.map_or(self.produced, |most| self.produced.min(most));
        Usage {
            input_uncached: self.input_estimate.min(self.input_upper),
            output,
            requests: 1,
            ..Usage::default()
        }
    }

    /// Keeps a reported usage between half of our own count and what was reserved.
    fn clip(&self, reported: Usage) -> Usage {
        let mut usage = reported.with_units_of(&self.units_upper);
        if usage.input() > self.input_upper {
            usage = usage.with_input(self.input_upper);
        }
        let most = self.output_upper.unwrap_or(u64::MAX);
        let least = (self.produced / 2).min(most);
        let output = usage.total_output();
        if !(least..=most).contains(&output) {
            usage = usage.with_output(output.clamp(least, most));
        }
        usage.reasoning = usage.reasoning.min(usage.output);
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::pricing::Rates;

    fn meter(reported: Option<Usage>) -> Meter {
        Meter {
            price: Some(Price {
                rates: Rates {
                    input: NanoUsd::new(1_000_000),
                    output: NanoUsd::new(2_000_000),
                    ..Rates::default()
                },
                ..Price::default()
            }),
            input_upper: 100,
            output_upper: Some(50),
            units_upper: Usage { requests: 1, images: 2, ..Usage::default() },
            input_estimate: 30,
            produced: 20,
            began: true,
            reported,
            refused: false,
        }
    }

    fn usage(input_uncached: u64, output: u64) -> Usage {
        Usage { input_uncached, output, requests: 1, ..Usage::default() }
    }

    #[test]
    fn a_believable_usage_is_charged_as_reported_and_an_incredible_one_is_clipped() {
        let cases = [
            (Some(usage(40, 25)), usage(40, 25), false, false),
            (Some(usage(40_000, 25_000)), usage(100, 50), false, true),
            (Some(usage(40, 3)), usage(40, 10), false, true),
            (None, usage(30, 20), true, false),
            (
                Some(Usage { images: 2, ..usage(1, 10) }),
                Usage { images: 2, ..usage(1, 10) },
                false,
                false,
            ),
            (
                Some(Usage { images: 9, ..usage(1, 10) }),
                Usage { images: 2, ..usage(1, 10) },
                false,
                true,
            ),
        ];
        for (reported, expected, estimated, disputed) in cases {
            let charge = meter(reported).charge();
            assert_eq!(charge.usage, expected);
            assert_eq!(
                charge.cost,
                NanoUsd::new(expected.input_uncached as i64 + 2 * expected.output as i64)
            );
            assert_eq!((charge.estimated, charge.disputed), (estimated, disputed));
        }
    }

    #[test]
    fn nothing_is_charged_before_a_provider_began() {
        let charge = Meter { began: false, ..meter(None) }.charge();
        assert_eq!(charge, Charge::default());
    }
}
