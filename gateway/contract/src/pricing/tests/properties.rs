//! What holds of all prices.

use super::of;
use crate::{
    money::NanoUsd,
    pricing::{
        Circumstances, Multiplier, OffPeak, Price, Rates, Tier, UnitPrices, Variant, Window,
    },
    usage::Usage,
};
use jiff::Timestamp;
use proptest::prelude::*;

fn amount() -> impl Strategy<Value = NanoUsd> {
    (0i64..10_000_000_000).prop_map(NanoUsd::new)
}

fn rates() -> impl Strategy<Value = Rates> {
    let optional = proptest::collection::vec(proptest::option::of(amount()), Rates::NAMES.len());
    optional.prop_map(|amounts| {
        let mut rates = Rates::FREE;
        for (name, amount) in Rates::NAMES.iter().zip(amounts) {
            if let Some(amount) = amount {
                rates.set(name, amount);
            }
        }
        rates
    })
}

fn units() -> impl Strategy<Value = UnitPrices> {
    proptest::collection::vec(amount(), UnitPrices::NAMES.len()).prop_map(|amounts| {
        let mut units = UnitPrices::FREE;
        for (name, amount) in UnitPrices::NAMES.iter().zip(amounts) {
            units.set(name, amount);
        }
        units
    })
}

fn tiers(edge: u64, rates: Option<Rates>) -> Vec<Tier> {
    rates.map(|rates| Tier { above_input_tokens: edge, rates }).into_iter().collect()
}

prop_compose! {
    fn a_price()(
        base in rates(), units in units(), first in proptest::option::of(rates()),
        flex in rates(), flex_tier in proptest::option::of(rates()), priority in rates(),
        night in rates(), has_night in any::<bool>(), us in 0u32..3_000, fast in 0u32..3_000,
    ) -> Price {
        let tiers_of_base = tiers(100_000, first);
        let factor = |word: &str, thousandths: u32| Multiplier {
            word: word.to_owned(),
            factor: format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000).parse().unwrap(),
        };
        let window = Window::new(&[1, 3, 5, 7], "06:00", "18:00").unwrap();
        Price {
            rates: base,
            units,
            variants: vec![
                Variant::new("flex".to_owned(), flex, tiers(50_000, flex_tier), &tiers_of_base),
                Variant::new("priority".to_owned(), priority, Vec::new(), &tiers_of_base),
            ],
            tiers: tiers_of_base,
            off_peak: has_night.then(|| OffPeak { windows: vec![window], rates: night }),
            multipliers: vec![factor("us", us), factor("fast", fast)],
        }
    }
}

prop_compose! {
    fn a_usage()(counts in proptest::collection::vec(0u64..60_000, 12), few in proptest::collection::vec(0u64..50, 7)) -> Usage {
        Usage {
            input_uncached: counts[0],
            cache_read: counts[1],
            cache_read_audio: counts[2],
            cache_read_image: counts[3],
            cache_write_5m: counts[4],
            cache_write_1h: counts[5],
            audio_input: counts[6],
            image_input: counts[7],
            video_input: counts[8],
            output: counts[9],
            reasoning: counts[9] / 2,
            audio_output: counts[10],
            image_output: counts[11],
            requests: few[0],
            input_images: few[1],
            images: few[2],
            characters: few[3],
            audio_ms: few[4],
            search_units: few[5],
            web_searches: few[6],
        }
    }
}

const SERVICE_TIERS: [Option<&str>; 5] =
    [None, Some("flex"), Some("priority"), Some("default"), Some("batch")];
const MODIFIERS: [&[&str]; 4] = [&[], &["us"], &["fast"], &["us", "fast"]];

fn circumstances() -> impl Strategy<Value = Circumstances<'static>> {
    (0usize..5, 0usize..4, 0i64..1_000_000_000).prop_map(|(tier, modifiers, second)| {
        Circumstances {
            service_tier: SERVICE_TIERS[tier],
            at: Timestamp::from_second(second).ok(),
            modifiers: MODIFIERS[modifiers],
        }
    })
}

/// One more of everything that can be counted, each by itself. Reasoning is a part of the output.
fn more(usage: Usage) -> Vec<Usage> {
    let output = usage.output + 1;
    vec![
        Usage { input_uncached: usage.input_uncached + 1, ..usage },
        Usage { cache_read: usage.cache_read + 1, ..usage },
        Usage { cache_read_audio: usage.cache_read_audio + 1, ..usage },
        Usage { cache_read_image: usage.cache_read_image + 1, ..usage },
        Usage { cache_write_5m: usage.cache_write_5m + 1, ..usage },
        Usage { cache_write_1h: usage.cache_write_1h + 1, ..usage },
        Usage { audio_input: usage.audio_input + 1, ..usage },
        Usage { image_input: usage.image_input + 1, ..usage },
        Usage { video_input: usage.video_input + 1, ..usage },
        Usage { output, ..usage },
        Usage { output, reasoning: usage.reasoning + 1, ..usage },
        Usage { audio_output: usage.audio_output + 1, ..usage },
        Usage { image_output: usage.image_output + 1, ..usage },
        Usage { requests: usage.requests + 1, ..usage },
        Usage { input_images: usage.input_images + 1, ..usage },
        Usage { images: usage.images + 1, ..usage },
        Usage { characters: usage.characters + 1, ..usage },
        Usage { audio_ms: usage.audio_ms + 1, ..usage },
        Usage { search_units: usage.search_units + 1, ..usage },
        Usage { web_searches: usage.web_searches + 1, ..usage },
    ]
}

proptest! {
    #[test]
    fn no_usage_costs_more_than_its_upper_bound(
        price in a_price(), usage in a_usage(), under in circumstances(),
    ) {
        let cost = price.cost_under(&usage, &under);
        let tokens = Usage { requests: 1, ..Usage::default() }
            .with_input(usage.input())
            .with_output(usage.total_output());
        let of_tokens = Usage {
            requests: 1, input_images: 0, images: 0, characters: 0, audio_ms: 0, search_units: 0,
            web_searches: 0, ..usage
        };
        let bound = price.upper_bound(&of(tokens.input(), tokens.total_output()));
        prop_assert!(price.cost_under(&of_tokens, &under) <= bound);
        prop_assert!(cost <= price.upper_bound_of(&usage, &under));
        // Without a word for the service tier, or with `auto`, it can become any.
        for asked in [None, Some("auto")] {
            let asked = Circumstances { service_tier: asked, at: None, ..under };
            prop_assert!(cost <= price.upper_bound_of(&usage, &asked));
        }
        // A tier that is asked for may be refused, and the standard one given instead.
        let refused = Circumstances { service_tier: None, ..under };
        prop_assert!(price.cost_under(&usage, &refused) <= price.upper_bound_of(&usage, &under));
    }

    #[test]
    fn a_bound_grows_with_what_it_is_of(
        price in a_price(), input in 0u64..200_000, output in 0u64..50_000, more in 0u64..100_000,
    ) {
        prop_assert!(price.upper_bound(&of(input, output)) <= price.upper_bound(&of(input + more, output)));
        prop_assert!(price.upper_bound(&of(input, output)) <= price.upper_bound(&of(input, output + more)));
    }

    #[test]
    fn more_of_anything_never_costs_less(
        base in rates(), dearer in rates(), units in units(), usage in a_usage(), edge in 0u64..400_000,
    ) {
        // No provider sells more for less: tiers are dearer in every price.
        let whole = |rates: Rates| {
            let mut whole = rates;
            for (name, price, _) in rates.lines(&Usage::default()) {
                whole.set(name, price);
            }
            whole
        };
        let tier = whole(base).dearer(&whole(dearer));
        let price = Price { rates: base, units, tiers: tiers(edge, Some(tier)), ..Price::default() };
        let cost = price.cost(&usage);
        for more in more(usage) {
            prop_assert!(cost <= price.cost(&more), "{more:?}");
        }
    }
}
