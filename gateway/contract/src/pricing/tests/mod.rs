//! Costs that were computed by hand ([`costs`]), and what holds of all prices ([`properties`]).

mod costs;
mod properties;

use super::{Circumstances, Price};
use crate::{catalog::line::read_price, money::NanoUsd, usage::Usage};

/// A price in the catalog's notation.
fn price(text: &str) -> Price {
    read_price(text).unwrap_or_else(|| panic!("{text}"))
}

/// So many tokens and one request.
fn of(input_uncached: u64, output: u64) -> Usage {
    Usage { input_uncached, output, requests: 1, ..Usage::default() }
}

/// Counts by bucket, as in `input 1000 cached 200`.
fn usage(text: &str) -> Usage {
    let mut usage = Usage::default();
    let mut words = text.split_whitespace();
    while let (Some(bucket), Some(count)) = (words.next(), words.next()) {
        let count = count.replace('_', "").parse().unwrap();
        *match bucket {
            "input" => &mut usage.input_uncached,
            "cached" => &mut usage.cache_read,
            "cached_audio" => &mut usage.cache_read_audio,
            "cached_image" => &mut usage.cache_read_image,
            "write_5m" => &mut usage.cache_write_5m,
            "write_1h" => &mut usage.cache_write_1h,
            "audio_in" => &mut usage.audio_input,
            "image_in" => &mut usage.image_input,
            "video_in" => &mut usage.video_input,
            "output" => &mut usage.output,
            "reasoning" => &mut usage.reasoning,
            "audio_out" => &mut usage.audio_output,
            "image_out" => &mut usage.image_output,
            "requests" => &mut usage.requests,
            "input_images" => &mut usage.input_images,
            "images" => &mut usage.images,
            "characters" => &mut usage.characters,
            "ms" => &mut usage.audio_ms,
            "units" => &mut usage.search_units,
            "searches" => &mut usage.web_searches,
            _ => panic!("{bucket}"),
        } = count;
    }
    usage
}

#[test]
fn one_rounding_not_one_per_bucket() {
    let thirds = price("i0.000000001 o0.000000001 u0.000000001");
    let one_of_each = usage("input 1 output 1 ms 1");
    assert_eq!(thirds.cost(&one_of_each), NanoUsd::new(1));
}

#[test]
fn an_absurd_cost_saturates_and_trips_every_budget() {
    let dear = price("i9000000 o9000000 n9000000 u9000000|*us 1000|*fast 1000");
    let much = usage(&format!("input {} output {0} input_images {0} ms {0}", u64::MAX));
    let under = Circumstances { modifiers: &["us", "fast"], ..Circumstances::default() };
    assert_eq!(dear.cost_under(&much, &under), NanoUsd::new(i64::MAX));
    assert_eq!(dear.upper_bound(&of(u64::MAX, u64::MAX)), NanoUsd::new(i64::MAX));
}

#[test]
fn only_what_costs_nothing_at_all_is_free() {
    assert!(Price::FREE.is_free());
    assert!(price("i0 o0 c0").is_free());
    for dear in
        ["i0 o0 q0.01", "i0 o0 c0.1", "i0 o0|>5 o1", "i0 o0|@flex i1", "i0 o0|~1/00:00-01:00 o1"]
    {
        assert!(!price(dear).is_free(), "{dear}");
    }
}

#[test]
fn a_bound_covers_what_the_request_may_become_and_no_more_than_that() {
    let price = price("i1 o2 w3|>100 i2 o4|@flex i0.5 o1|@priority i4 o8|*us 1.1|*fast 2");
    let most = usage("input 50 output 10 images 3");
    let asked = |service_tier, modifiers| Circumstances { service_tier, modifiers, at: None };
    for (asked, nanos) in [
        // 50 tokens written to the cache and 10 out; or at the service tier's prices, whose writes cost as the base's.
        (asked(Some("default"), &[]), 50 * 3_000 + 10 * 2_000),
        (asked(Some("flex"), &[]), 50 * 3_000 + 10 * 2_000),
        (asked(Some("priority"), &[]), 50 * 4_000 + 10 * 8_000),
        (asked(Some("auto"), &[]), 50 * 4_000 + 10 * 8_000),
        (asked(None, &[]), 50 * 4_000 + 10 * 8_000),
        (asked(None, &["fast"]), 2 * (50 * 4_000 + 10 * 8_000)),
        (asked(None, &["standard"]), 50 * 4_000 + 10 * 8_000),
    ] {
        assert_eq!(price.upper_bound_of(&most, &asked).as_nanos(), nanos, "{asked:?}");
    }
    let all = price.upper_bound(&of(50, 10)).as_nanos();
    assert_eq!(all, (50 * 4_000 + 10 * 8_000) * 22 / 10);
}
