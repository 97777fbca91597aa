//! Cohere's two counts of tokens, as disjoint buckets. Numbers are floats.
//!
//! `billed_units` is what is charged; `tokens` is more, for it counts Cohere's own words around the prompt too.
//! `cached_tokens` are part of the input; they have no price of their own.

use crate::conversation::Reported;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_contract::usage::Usage;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    billed_units: Option<Units<'a>>,
    #[serde(borrow)]
    tokens: Option<Units<'a>>,
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Units<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    search_units: Option<&'a RawValue>,
}

/// Reads a `usage` object: null is none, what cannot be believed is refused.
pub fn read_usage(raw: &str) -> Reported {
    if raw.trim() == "null" {
        return Reported::default();
    }
    let wire: Option<Wire> = serde_json::from_str(raw).ok();
    let refused = Reported { refused: true, ..Reported::default() };
    wire.and_then(|wire| reported(&wire)).unwrap_or(refused)
}

fn reported(wire: &Wire) -> Option<Reported> {
    let cached = count(wire.cached_tokens)?.unwrap_or(0);
    let read = |units: Option<&Units>| units.map_or(Some(None), |units| buckets(units, cached));
    let billed = read(wire.billed_units.as_ref())?;
    let counted = read(wire.tokens.as_ref())?;
    match (billed, counted) {
        (Some(billed), counted) => Some(Reported { billed: Some(billed), counted, refused: false }),
        (None, Some(counted)) => Some(Reported::of(counted)),
        (None, None) => None,
    }
}

/// `Some(None)` if there are no numbers, `None` if one of them cannot be.
fn buckets(units: &Units, cached: u64) -> Option<Option<Usage>> {
    let (input, output) = (count(units.input_tokens)?, count(units.output_tokens)?);
    let search_units = count(units.search_units)?.unwrap_or(0);
    if input.is_none() && output.is_none() {
        return Some(None);
    }
    let input = input.unwrap_or(0);
    let cache_read = cached.min(input);
    Some(Some(Usage {
        input_uncached: input - cache_read,
        cache_read,
        output: output.unwrap_or(0),
        requests: 1,
        search_units,
        ..Usage::default()
    }))
}

/// A number of tokens: `Some(None)` if it is absent, `None` if it cannot be one.
fn count(raw: Option<&RawValue>) -> Option<Option<u64>> {
    /// No request has that many tokens, and floats are exact up to here.
    const MOST: f64 = (1_u64 << 53) as f64;
    match raw.map(RawValue::get).filter(|text| *text != "null") {
        None => Some(None),
        Some(text) => {
            let number = text.parse::<f64>().ok().filter(|it| (0.0..=MOST).contains(it));
            number.map(|number| Some(number.round() as u64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usage(input: u64, read: u64, output: u64) -> Usage {
        Usage { input_uncached: input, cache_read: read, output, requests: 1, ..Usage::default() }
    }

    /// 10 and 5 are charged, 80 and 9 are shown.
    #[test]
    fn what_is_billed_is_charged_and_what_is_counted_is_shown() {
        let cases = [
            (
                r#"{"billed_units":{"input_tokens":10.0,"output_tokens":5.0},"tokens":{"input_tokens":80.0,"output_tokens":9}}"#,
                Reported {
                    billed: Some(usage(10, 0, 5)),
                    counted: Some(usage(80, 0, 9)),
                    refused: false,
                },
            ),
            (
                r#"{"billed_units":{"input_tokens":10,"output_tokens":5},"tokens":{"input_tokens":80,"output_tokens":9},"cached_tokens":64.0}"#,
                Reported {
                    billed: Some(usage(0, 10, 5)),
                    counted: Some(usage(16, 64, 9)),
                    refused: false,
                },
            ),
            (
                r#"{"tokens":{"input_tokens":80,"output_tokens":9},"billed_units":null}"#,
                Reported::of(usage(80, 0, 9)),
            ),
            (r#"{"billed_units":{"output_tokens":5},"tokens":{}}"#, Reported::of(usage(0, 0, 5))),
            (
                r#"{"billed_units":{"input_tokens":1,"output_tokens":2,"search_units":3}}"#,
                Reported::of(Usage { search_units: 3, ..usage(1, 0, 2) }),
            ),
            ("null", Reported::default()),
        ];
        for (raw, expected) in cases {
            assert_eq!(read_usage(raw), expected, "{raw}");
        }
    }

    #[test]
    fn what_cannot_be_believed_is_refused() {
        for raw in [
            "{}",
            "[]",
            "7",
            r#"{"billed_units":{}}"#,
            r#"{"billed_units":{"input_tokens":-1,"output_tokens":2}}"#,
            r#"{"billed_units":{"input_tokens":"1"}}"#,
            r#"{"billed_units":{"input_tokens":1e99}}"#,
            r#"{"billed_units":{"input_tokens":1},"tokens":{"input_tokens":-1}}"#,
        ] {
            let reported = read_usage(raw);
            assert!(reported.refused && reported.billed.is_none(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn the_buckets_add_up(input in 0..1_000_000_u64, cached in 0..1_000_000_u64, output in 0..1_000_000_u64) {
            let raw = serde_json::json!({
                "billed_units": { "input_tokens": input as f64, "output_tokens": output as f64 },
                "cached_tokens": cached as f64,
            });
            let usage = read_usage(&raw.to_string()).billed.unwrap();
            prop_assert_eq!((usage.input(), usage.output), (input, output));
            prop_assert_eq!(usage.cache_read, cached.min(input));
        }
    }
}
