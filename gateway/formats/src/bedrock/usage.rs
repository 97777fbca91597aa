//! Bedrock's usage, as disjoint buckets.
//!
//! `inputTokens` is without what was read from or written to caches; reasoning is part of `outputTokens` and told nowhere.
//! `totalTokens` is the provider's own sum and not looked at. `cacheDetails` tells how long what was written will live.

use crate::conversation::Reported;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tollgate_contract::usage::Usage;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_write_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_details: Option<Vec<Detail<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    #[serde(borrow)]
    ttl: Option<Cow<'a, str>>,
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
}

/// Reads a `usage` object: null is none, what cannot be believed is refused.
pub fn read_usage(raw: &str) -> Reported {
    if raw.trim() == "null" {
        return Reported::default();
    }
    match serde_json::from_str(raw).ok().and_then(|wire| buckets(&wire)) {
        Some(usage) => Reported::of(usage),
        None => Reported { refused: true, ..Reported::default() },
    }
}

fn buckets(wire: &Wire) -> Option<Usage> {
    let input = count(wire.input_tokens)?;
    let output = count(wire.output_tokens)?;
    let read = count(wire.cache_read_input_tokens)?.unwrap_or(0);
    let written = count(wire.cache_write_input_tokens)?;
    let (mut hour, mut minutes) = (0_u64, 0_u64);
    for detail in wire.cache_details.iter().flatten() {
        let tokens = count(detail.input_tokens)?.unwrap_or(0);
        let bucket = if detail.ttl.as_deref() == Some("1h") { &mut hour } else { &mut minutes };
        *bucket = bucket.saturating_add(tokens);
    }
    if input.is_none() && output.is_none() {
        return None;
    }
    // Tokens without a detail are of the kind that is the default.
    let rest = written.unwrap_or(0).saturating_sub(hour.saturating_add(minutes));
    Some(Usage {
        input_uncached: input.unwrap_or(0),
        cache_read: read,
        cache_write_5m: minutes.saturating_add(rest),
        cache_write_1h: hour,
        output: output.unwrap_or(0),
        requests: 1,
        ..Usage::default()
    })
}

/// A number of tokens: `Some(None)` if it is absent, `None` if it cannot be one.
fn count(raw: Option<&RawValue>) -> Option<Option<u64>> {
    /// No request has that many tokens.
    const MOST: u64 = 1 << 53;
    match raw.map(RawValue::get).filter(|text| *text != "null") {
        None => Some(None),
        Some(text) => text.parse().ok().filter(|number| *number <= MOST).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cache_tokens_are_counted_beside_the_input_and_by_how_long_they_live() {
        let usage = |input, read, minutes, hour, output| Usage {
            input_uncached: input,
            cache_read: read,
            cache_write_5m: minutes,
            cache_write_1h: hour,
            output,
            requests: 1,
            ..Usage::default()
        };
        let cases = [
            (r#"{"inputTokens":10,"outputTokens":5,"totalTokens":15}"#, usage(10, 0, 0, 0, 5)),
            (
                r#"{"inputTokens":10,"outputTokens":5,"totalTokens":110,"cacheReadInputTokens":90,"cacheWriteInputTokens":5}"#,
                usage(10, 90, 5, 0, 5),
            ),
            (
                r#"{"inputTokens":1,"outputTokens":2,"cacheWriteInputTokens":30,"cacheDetails":[{"ttl":"1h","inputTokens":20},{"ttl":"5m","inputTokens":10}]}"#,
                usage(1, 0, 10, 20, 2),
            ),
            (
                r#"{"inputTokens":1,"outputTokens":2,"cacheWriteInputTokens":30,"cacheDetails":[{"ttl":"1h","inputTokens":20}]}"#,
                usage(1, 0, 10, 20, 2),
            ),
            (
                r#"{"inputTokens":1,"outputTokens":2,"cacheReadInputTokens":null,"cacheDetails":null}"#,
                usage(1, 0, 0, 0, 2),
            ),
        ];
        for (raw, expected) in cases {
            assert_eq!(read_usage(raw), Reported::of(expected), "{raw}");
        }
        let cached = read_usage(cases[1].0).billed.unwrap();
        assert_eq!(
            (cached.input(), cached.cached()),
            (105, 90),
            "the prompt is the sum of its buckets"
        );
    }

    #[test]
    fn what_cannot_be_believed_is_refused() {
        for raw in [
            r#"{"inputTokens":-1,"outputTokens":5}"#,
            r#"{"inputTokens":1,"outputTokens":"5"}"#,
            r#"{"inputTokens":1.5,"outputTokens":5}"#,
            r#"{"totalTokens":5}"#,
            "{}",
            "[]",
            "7",
        ] {
            let reported = read_usage(raw);
            assert!(reported.refused && reported.billed.is_none(), "{raw}");
        }
        assert_eq!(read_usage("null"), Reported::default());
    }

    proptest! {
        #[test]
        fn the_buckets_add_up(input in 0..1_000_000_u64, read in 0..1_000_000_u64, hour in 0..1_000_u64, more in 0..1_000_u64, output in 0..1_000_000_u64) {
            let written = hour + more;
            let raw = serde_json::json!({
                "inputTokens": input, "outputTokens": output, "cacheReadInputTokens": read,
                "cacheWriteInputTokens": written, "cacheDetails": [{"ttl": "1h", "inputTokens": hour}],
            });
            let usage = read_usage(&raw.to_string()).billed.unwrap();
            prop_assert_eq!(usage.input(), input + read + written);
            prop_assert_eq!((usage.cache_write_1h, usage.output), (hour, output));
        }
    }
}
