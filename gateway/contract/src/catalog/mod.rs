//! The built-in catalog: prices and limits of well-known models, by kind of provider. List prices of one day; what a
//! config says goes before it.

use crate::{
    money::NanoUsd,
    pricing::{Price, Rates, Tier},
    provider::{Model, ProviderKind},
};
use std::{collections::HashMap, sync::LazyLock};

/// Made by `infra/catalog/generate`, which describes the columns.
const OPENAI: &str = include_str!("openai.tsv");

static OPENAI_MODELS: LazyLock<HashMap<&'static str, Model>> =
    LazyLock::new(|| OPENAI.lines().filter_map(model).collect());

/// What is known of a model of a kind of provider; `None` for what is not in the catalog, which is then unpriced.
pub fn look_up(kind: ProviderKind, upstream_model: &str) -> Option<&'static Model> {
    match kind {
        ProviderKind::Openai => OPENAI_MODELS.get(upstream_model),
        ProviderKind::OpenaiCompatible | ProviderKind::Vllm | ProviderKind::Ollama => None,
    }
}

fn model(line: &'static str) -> Option<(&'static str, Model)> {
    let columns: Vec<_> = line.split('\t').collect();
    let [name, window, output, prices @ .., tiers] = columns.as_slice() else { return None };
    let rates = rates(prices)?;
    let tiers =
        tiers.split(',').filter(|tier| !tier.is_empty()).map(tier).collect::<Option<_>>()?;
    let model = Model {
        price: Some(Price { rates, tiers, request: NanoUsd::ZERO }),
        context_window: window.parse().ok(),
        max_output: output.parse().ok(),
        capabilities: None,
    };
    Some((name, model))
}

fn rates(columns: &[&str]) -> Option<Rates> {
    let price = |index: usize| columns.get(index).and_then(|text| text.parse().ok());
    Some(Rates {
        input: price(0)?,
        output: price(1).unwrap_or_default(),
        cached_input: price(2),
        cache_write_5m: price(3),
        cache_write_1h: None,
        audio_input: price(4),
        audio_output: price(5),
    })
}

fn tier(text: &str) -> Option<Tier> {
    let (above, prices) = text.split_once(':')?;
    let prices: Vec<_> = prices.split(':').collect();
    Some(Tier { above_input_tokens: above.parse().ok()?, rates: rates(&prices)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    #[test]
    fn every_line_of_the_catalog_is_read() {
        assert_eq!(OPENAI_MODELS.len(), OPENAI.lines().count());
    }

    #[test]
    fn costs_agree_with_worked_examples() {
        let cost = |model: &str, input_uncached, cache_read, output| {
            let usage = Usage { input_uncached, cache_read, output, ..Usage::default() };
            let price =
                look_up(ProviderKind::Openai, model).and_then(|model| model.price.clone()).unwrap();
            price.cost(&usage).to_string()
        };
        assert_eq!(cost("gpt-4o", 1_000_000, 0, 0), "2.50");
        assert_eq!(
            cost("gpt-6-sol", 200_000, 100_000, 1_000),
            "0.855",
            "the tier above 272,000 tokens"
        );
        assert!(look_up(ProviderKind::Openai, "no-such-model").is_none());
        assert!(look_up(ProviderKind::Vllm, "gpt-4o").is_none());
    }
}
