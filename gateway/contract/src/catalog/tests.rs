use super::*;
use crate::{
    document,
    pricing::{Circumstances, Price},
    provider::Mode,
    usage::Usage,
};
use serde_json::Value;
use std::collections::BTreeSet;

fn price(kind: ProviderKind, model: &str) -> Option<Price> {
    look_up(kind, model)?.price.clone()
}

fn input(kind: ProviderKind, model: &str, region: Option<&str>) -> Option<String> {
    Some(look_up_in(kind, model, region)?.price.as_ref()?.rates.input.to_string())
}

#[test]
fn every_line_is_read_and_found_again() {
    let mut providers = BTreeSet::new();
    for line in table::TABLE.lines() {
        let model = line::read(line).unwrap_or_else(|| panic!("{line}"));
        let mut columns = line.split('\t');
        let (provider, name) = (columns.next().unwrap(), columns.next().unwrap());
        let region = columns.next().unwrap();
        let region = if region == "global" { None } else { Some(region) };
        assert!(table::TABLE.get(provider, name, region).is_some(), "{line}");
        if region.is_some() {
            assert_eq!(table::TABLE.get(provider, name, region), Some(line));
        }
        if let Some(price) = &model.price {
            assert!(!price.is_free(), "{line}: a price of zero is none");
            let rising = |tiers: &[crate::pricing::Tier]| {
                tiers.is_sorted_by_key(|tier| tier.above_input_tokens)
            };
            assert!(rising(&price.tiers), "{line}");
            assert!(price.variants.iter().all(|variant| rising(&variant.tiers)), "{line}");
        }
        providers.insert(provider);
    }
    assert!(table::TABLE.lines().is_sorted(), "it is searched by halves");
    let of_kinds = ProviderKind::ALL.iter().flat_map(|kind| kind.catalog()).copied();
    assert_eq!(providers, of_kinds.collect(), "what no kind serves is not carried along");
}

#[test]
fn a_price_of_the_catalog_can_be_written_into_a_config() {
    for line in table::TABLE.lines() {
        let Some(price) = line::read(line).and_then(|model| model.price) else { continue };
        let text = format!(
            "[providers.p]\nkind = \"openai\"\n[models.\"p/m\"]\nprice = {}\n",
            inline(&document::price_to_json(&price))
        );
        let read = document::read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        assert_eq!(read.models["p/m"].model.price, Some(price), "{text}");
    }
}

/// JSON as TOML writes it in one line.
fn inline(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(table) => {
            let entry = |(key, value): (&String, &Value)| format!("{key:?} = {}", inline(value));
            format!("{{ {} }}", joined(table.iter().map(entry).collect()))
        }
        Value::Array(array) => format!("[{}]", joined(array.iter().map(inline).collect())),
        other => other.to_string(),
    }
}

#[test]
fn a_model_is_found_by_the_names_that_it_goes_by() {
    use ProviderKind as Kind;
    for (kind, name, known_as) in [
        (Kind::Openai, "gpt-4o-2099-01-31", "gpt-4o"),
        (Kind::Openai, "ft:gpt-4o-mini-2024-07-18:acme::x", "ft:gpt-4o-mini-2024-07-18"),
        (Kind::Anthropic, "claude-opus-5-5-20261101", "claude-opus-5-5"),
        (Kind::Gemini, "models/gemini-2.5-pro", "gemini-2.5-pro"),
        (Kind::Vertex, "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        (Kind::Vertex, "claude-opus-4-6", "claude-opus-4-6@default"),
        (Kind::AzureOpenai, "gpt-4o", "gpt-4o"),
        (Kind::Bedrock, "amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
    ] {
        let found = look_up(kind, name);
        assert!(found.is_some(), "{name}");
        assert_eq!(found, look_up(kind, known_as), "{name}");
        assert!(knows(kind, name));
    }
    // An undated name is the newest dated one.
    let undated = table::TABLE.newest("anthropic", "claude-sonnet-4-5", None);
    let dated = table::TABLE.get("anthropic", "claude-sonnet-4-5-20250929", None);
    assert_eq!((undated, dated.is_some()), (dated, true));
}

#[test]
fn what_nobody_knows_has_no_price_and_is_not_free() {
    for (kind, name) in [
        (ProviderKind::Openai, "no-such-model"),
        (ProviderKind::Openai, ""),
        (ProviderKind::Openai, "gpt-4o\t"),
        (ProviderKind::Openai, "gpt"),
        (ProviderKind::AzureOpenai, "our-deployment"),
        (ProviderKind::Vllm, "gpt-4o"),
        (ProviderKind::OpenaiCompatible, "gpt-4o"),
        (ProviderKind::Bedrock, "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"),
    ] {
        assert_eq!(look_up(kind, name), None, "{kind:?} {name}");
    }
    let preview = look_up(ProviderKind::Gemini, "gemma-3-27b-it").unwrap();
    assert_eq!(preview.price, None, "a price of zero is not known");
    assert!(preview.context_window.is_some(), "the rest is");
    assert_eq!(price(ProviderKind::AzureOpenai, "model-router"), None, "a fee is not the price");
}

#[test]
fn the_region_goes_before_everywhere_and_the_profile_before_the_model() {
    let azure = |region| input(ProviderKind::AzureOpenai, "gpt-4o-2024-11-20", region);
    assert_eq!(azure(None).as_deref(), Some("2.50"));
    assert_eq!(azure(Some("eu")).as_deref(), Some("2.75"));
    assert_eq!(azure(Some("atlantis")), azure(None));

    let bedrock = |name: &str| input(ProviderKind::Bedrock, name, Some("eu-west-1")).unwrap();
    let model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    assert_eq!(bedrock(model), "3.00");
    assert_eq!(bedrock(&format!("eu.{model}")), "3.30", "the profile has a price of its own");
    assert_eq!(bedrock(&format!("global.{model}")), "3.00");
    assert_eq!(bedrock(&format!("ca.{model}")), "3.00", "and else the model's");
}

#[test]
fn traits_modes_and_limits_come_with_the_model() {
    let opus = look_up(ProviderKind::Anthropic, "claude-opus-5-5").unwrap();
    assert_eq!((opus.context_window, opus.max_output), (Some(1_000_000), Some(128_000)));
    assert_eq!((opus.sampling_params, opus.forced_tool_use), (Some(false), Some(false)));
    assert_eq!((opus.adaptive_thinking, opus.thinking_always_on), (Some(true), Some(true)));
    assert_eq!(opus.reasoning_efforts, ["low", "medium", "high", "xhigh", "max"]);
    assert!(opus.capabilities.as_ref().unwrap().contains("vision"));
    assert!(!opus.lacks("audio_in"), "what nobody claims is not known");

    let embedder = look_up(ProviderKind::Openai, "text-embedding-3-small").unwrap();
    assert_eq!(embedder.mode, Some(Mode::Embeddings));
    assert_eq!(embedder.embedding_dimensions, Some(1536));
    assert!(embedder.lacks("chat"));

    assert!(look_up(ProviderKind::Openai, "gpt-5.5-pro").unwrap().responses_only);
    assert!(!look_up(ProviderKind::Openai, "gpt-4o").unwrap().responses_only);
}

#[test]
fn the_worked_examples_of_the_data_set_cost_what_they_say() {
    let cost = |kind, model: &str, usage: Usage, circumstances: &Circumstances| {
        price(kind, model).unwrap().cost_under(&usage, circumstances).to_string()
    };
    let standard = Circumstances::default();
    let tokens = |input_uncached, cache_read, output| Usage {
        input_uncached,
        cache_read,
        output,
        ..Usage::default()
    };
    let opus = Usage { cache_write_5m: 500, ..tokens(1_000, 9_000, 2_000) };
    assert_eq!(cost(ProviderKind::Anthropic, "claude-opus-5-5", opus, &standard), "0.0483");

    let long = tokens(200_000, 100_000, 1_000);
    assert_eq!(cost(ProviderKind::Openai, "gpt-6-sol", long, &standard), "0.855");
    let batch = Circumstances { service_tier: Some("batch"), ..standard };
    assert_eq!(cost(ProviderKind::Openai, "gpt-6-sol", long, &batch), "0.4275");

    let qwen = |input| cost(ProviderKind::Qwen, "qwen3-max", tokens(input, 0, 100), &standard);
    assert_eq!((qwen(32_000), qwen(32_001)), ("0.039".to_owned(), "0.0780024".to_owned()));

    let deepseek = |at: &str| {
        let circumstances = Circumstances { at: Some(at.parse().unwrap()), ..standard };
        cost(ProviderKind::Deepseek, "deepseek-v4-pro", tokens(10, 100, 5), &circumstances)
    };
    assert_eq!(deepseek("2026-11-28T12:00:00Z"), "0.0000187", "a Saturday");
    assert_eq!(deepseek("2026-11-30T02:00:00Z"), "0.0000374", "a Monday at two");

    let rerank = Usage { search_units: 3, requests: 1, ..Usage::default() };
    assert_eq!(cost(ProviderKind::Cohere, "rerank-v3.5", rerank, &standard), "0.006");
}

#[test]
fn a_model_that_was_asked_for_is_kept_and_shared() {
    let first = look_up(ProviderKind::Openai, "gpt-4o").unwrap();
    let again = look_up(ProviderKind::Openai, "gpt-4o").unwrap();
    assert!(Arc::ptr_eq(&first, &again));
}

proptest::proptest! {
    #[test]
    fn no_name_makes_a_look_up_panic(name in "[a-z@.:/é\t0-9-]{0,24}") {
        for kind in ProviderKind::ALL {
            let _ = look_up_in(*kind, &name, Some("us"));
        }
    }
}
