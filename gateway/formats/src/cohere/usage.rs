//! Cohere's two counts: `billed_units` is what is charged, `tokens` what the model saw and said.

use crate::conversation::Reported;
use serde::Deserialize;
use tollgate_contract::usage::Usage;

#[derive(Deserialize)]
struct Wire {
    billed_units: Option<Units>,
    tokens: Option<Units>,
    cached_tokens: Option<f64>,
}

#[derive(Deserialize)]
struct Units {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

/// Reads a `usage` object. Cohere writes numbers as floats.
pub fn read_usage(raw: &str) -> Reported {
    let refused = Reported { refused: true, ..Reported::default() };
    let Ok(wire) = serde_json::from_str::<Wire>(raw) else { return refused };
    let cached = wire.cached_tokens.and_then(count).unwrap_or(0);
    let billed = wire.billed_units.as_ref().map(|units| usage(units, cached));
    let counted = wire.tokens.as_ref().map(|units| usage(units, cached));
    match (billed, counted) {
        (Some(None), _) | (_, Some(None)) | (None, None) => refused,
        (Some(billed), counted) => Reported { billed, counted: counted.flatten(), refused: false },
        (None, Some(counted)) => Reported { billed: counted, counted: None, refused: false },
    }
}

fn usage(units: &Units, cached: u64) -> Option<Usage> {
    if units.input_tokens.is_none() && units.output_tokens.is_none() {
        return None;
    }
    let input = count(units.input_tokens.unwrap_or(0.0))?;
    let cache_read = cached.min(input);
    Some(Usage {
        input_uncached: input - cache_read,
        cache_read,
        output: count(units.output_tokens.unwrap_or(0.0))?,
        requests: 1,
        ..Usage::default()
    })
}

fn count(number: f64) -> Option<u64> {
    (0.0..=1e15).contains(&number).then(|| number.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_billed_is_charged_and_what_is_counted_is_shown() {
        let told = read_usage(
            r#"{"billed_units":{"input_tokens":10.0,"output_tokens":5.0},"tokens":{"input_tokens":80,"output_tokens":9}}"#,
        );
        let pair = |usage: Option<Usage>| usage.map(|usage| (usage.input(), usage.output));
        assert_eq!((pair(told.billed), pair(told.shown())), (Some((10, 5)), Some((80, 9))));
        assert!(read_usage(r#"{"billed_units":{"input_tokens":-1}}"#).refused);
        assert!(read_usage("{}").refused);
    }
}
