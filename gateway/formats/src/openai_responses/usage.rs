//! The `usage` object of a response: the arithmetic of chat completions (`input_tokens` includes what was read from and
//! written to the cache, `output_tokens` includes reasoning) under other names.

use crate::{
    conversation::Reported,
    json::{Object, object},
    openai_chat,
};
use tollgate_contract::usage::Usage;

/// Reads a `usage` object: null is none, what cannot be believed is refused.
pub fn read_usage(raw: &str) -> Reported {
    openai_chat::read_usage(raw)
}

/// Writes the members of a `usage` object.
pub fn write_usage(object: &mut Object, usage: &Usage) {
    object
        .put("input_tokens", usage.input())
        .object("input_tokens_details", |details| {
            let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
            details.put("cached_tokens", usage.cached()).put("cache_write_tokens", written);
        })
        .put("output_tokens", usage.total_output())
        .object("output_tokens_details", |details| {
            details.put("reasoning_tokens", usage.reasoning);
        })
        .put("total_tokens", usage.tokens());
}

/// A `usage` object, or null where nothing is known.
pub(super) fn written(reported: &Reported) -> String {
    let Some(usage) = reported.shown() else { return "null".to_owned() };
    let mut out = Vec::new();
    object(&mut out, |o| write_usage(o, &usage));
    String::from_utf8(out).unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(usage: Usage) -> Usage {
        let text = written(&Reported::of(usage));
        read_usage(&text).billed.expect("a usage")
    }

    #[test]
    fn cached_written_and_reasoning_tokens_are_part_of_their_totals() {
        let text = r#"{"input_tokens":105,"input_tokens_details":{"cached_tokens":90,"cache_write_tokens":5},
            "output_tokens":7,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":112}"#;
        let usage = read_usage(text).billed.unwrap();
        assert_eq!((usage.input_uncached, usage.cache_read, usage.cache_write_5m), (10, 90, 5));
        assert_eq!((usage.output, usage.reasoning, usage.tokens()), (7, 3, 112));
        assert_eq!(written(&Reported::default()), "null");
        assert!(
            read_usage("null") == Reported::default()
                && read_usage(r#"{"input_tokens":-1}"#).refused
        );
    }

    proptest! {
        #[test]
        fn a_usage_comes_back_as_it_went(
            input_uncached in 0u64..1_000_000,
            cache_read in 0u64..1_000_000,
            cache_write_5m in 0u64..1_000_000,
            output in 1u64..1_000_000,
            reasoning in 0u64..1_000_000,
        ) {
            let reasoning = reasoning.min(output);
            let usage = Usage {
                input_uncached, cache_read, cache_write_5m, output, reasoning, requests: 1, ..Usage::default()
            };
            prop_assert_eq!(round(usage), usage);
        }
    }
}
