//! Providers of all kinds, their keys, and models with prices.

use super::*;
use crate::{
    pricing::{Circumstances, Price},
    provider::{KeySecret, Model, Provider, ProviderKind},
    route::Target,
    secret::Secret,
    usage::Usage,
};
use std::sync::Arc;

/// The provider `p` of a document, with its secrets: `{ env = "X" }` is `secret of X`.
fn provider(table: &str) -> Arc<Provider> {
    let text = format!("[providers.p]\n{table}\n[tenants.t]\n");
    let document = read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let mut resolve = |reference: &SecretRef| match reference {
        SecretRef::Env(name) => Ok(Secret::new(format!("secret of {name}"))),
        SecretRef::File(path) => Ok(Secret::new(format!("content of {}", path.display()))),
        other => Err(format!("{other:?}")),
    };
    let world = world_from(&document, &text, 1, &mut resolve).unwrap();
    world.tenants["t"].upstreams.providers["p"].clone()
}

fn secret(provider: &Provider, index: usize) -> &str {
    match &provider.keys[index].secret {
        KeySecret::Plain(secret) => secret.expose(),
        KeySecret::Sealed(sealed) => panic!("{sealed:?}"),
    }
}

fn mistakes(table: &str) -> String {
    problems(&format!("[providers.p]\n{table}\n")).join("\n")
}

fn model(table: &str) -> Model {
    let text = format!("[providers.p]\nkind = \"openai\"\n[models.\"p/m\"]\n{table}\n");
    let document = read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    document.models["p/m"].model.clone()
}

fn price(table: &str) -> Price {
    model(&format!("price = {table}")).price.unwrap()
}

#[test]
fn every_kind_is_accepted_with_what_it_needs() {
    for kind in ProviderKind::ALL {
        let needs = match kind {
            ProviderKind::Bedrock => "region = \"eu-west-1\"",
            ProviderKind::Vertex => "",
            _ if kind.default_base_url().is_none() => "base_url = \"https://host.example/v1\"",
            _ => "",
        };
        let provider = provider(&format!("kind = \"{}\"\n{needs}", kind.name()));
        assert_eq!(provider.kind, *kind);
        assert!(provider.base_url.starts_with("http"), "{kind:?}");
    }
}

#[test]
fn an_aws_key_of_several_secrets_becomes_one() {
    let p = provider(
        r#"kind = "bedrock"
keys = [
  { access_key_id = { env = "ID" }, secret_access_key = { env = "KEY" }, region = "us-east-1", weight = 3 },
  { access_key_id = { env = "ID" }, secret_access_key = { file = "k" }, session_token = { env = "TOKEN" } },
  { env = "BEARER" },
]"#,
    );
    assert_eq!(p.base_url, "https://bedrock-runtime.us-east-1.amazonaws.com");
    assert_eq!(p.region.as_deref(), Some("us-east-1"), "the keys say where it is");
    assert_eq!(p.keys[0].weight, 3);
    let whole: serde_json::Value = serde_json::from_str(secret(&p, 0)).unwrap();
    let expected = serde_json::json!({
        "access_key_id": "secret of ID",
        "secret_access_key": "secret of KEY",
        "region": "us-east-1",
    });
    assert_eq!(whole, expected);
    let whole: serde_json::Value = serde_json::from_str(secret(&p, 1)).unwrap();
    assert_eq!(whole["session_token"], "secret of TOKEN");
    assert_eq!(whole["secret_access_key"], "content of k");
    assert_eq!(secret(&p, 2), "secret of BEARER");

    let elsewhere =
        provider("kind = \"bedrock\"\nregion = \"eu-west-1\"\nbase_url = \"https://vpce.example\"");
    assert_eq!(elsewhere.base_url, "https://vpce.example");
}

#[test]
fn vertex_is_found_by_its_location_and_called_with_an_account_or_a_key() {
    let p = provider(
        "kind = \"vertex\"\nproject = \"acme-1\"\nlocation = \"europe-west4\"\n\
         keys = [{ service_account = { file = \"sa.json\" }, weight = 2 }, { env = \"EXPRESS\" }]",
    );
    assert_eq!(p.base_url, "https://europe-west4-aiplatform.googleapis.com");
    assert_eq!(
        (p.project.as_deref(), p.location.as_deref()),
        (Some("acme-1"), Some("europe-west4"))
    );
    assert_eq!((secret(&p, 0), p.keys[0].weight), ("content of sa.json", 2));
    assert_eq!(secret(&p, 1), "secret of EXPRESS");
    let global = provider("kind = \"vertex\"");
    assert_eq!(global.base_url, "https://aiplatform.googleapis.com");
    assert_eq!((&global.project, &global.location), (&None, &None));
}

#[test]
fn an_azure_resource_is_known_by_its_host() {
    for url in ["", "/", "/openai", "/openai/v1", "/openai/v1/"] {
        let url = format!("https://acme.openai.azure.com{url}");
        let p = provider(&format!("kind = \"azure_openai\"\nbase_url = \"{url}\""));
        assert_eq!(p.base_url, "https://acme.openai.azure.com");
        assert_eq!(p.api_version, None);
    }
    let dated = provider(
        "kind = \"azure_openai\"\nbase_url = \"https://a.openai.azure.com\"\napi_version = \"2024-10-21\"\nregion = \"eu\"",
    );
    assert_eq!(
        (dated.api_version.as_deref(), dated.region.as_deref()),
        (Some("2024-10-21"), Some("eu"))
    );
}

#[test]
fn what_does_not_fit_the_kind_is_refused() {
    for (table, expected) in [
        ("kind = \"bedrock\"", "`region` is missing"),
        ("kind = \"azure_openai\"", "`base_url` is missing"),
        (
            "kind = \"openai\"\nregion = \"eu\"",
            "providers.p.region: is only for providers of kind bedrock",
        ),
        (
            "kind = \"openai\"\napi_version = \"2024-10-21\"",
            "is only for providers of kind azure_openai",
        ),
        ("kind = \"openai\"\nlocation = \"eu\"", "is only for providers of kind vertex"),
        ("kind = \"bedrock\"\nregion = \"EU West/1\"", "must be lower-case letters"),
        (
            "kind = \"openai\"\nkeys = [{ access_key_id = { env = \"A\" }, secret_access_key = { env = \"B\" } }]",
            "`access_key_id` is for providers of kind \"bedrock\"",
        ),
        (
            "kind = \"openai\"\nkeys = [{ service_account = { env = \"A\" } }]",
            "`service_account` is for providers of kind \"vertex\"",
        ),
        (
            "kind = \"bedrock\"\nregion = \"us-east-1\"\nkeys = [{ access_key_id = { env = \"A\" } }]",
            "keys[0]: `secret_access_key` is missing",
        ),
        (
            "kind = \"bedrock\"\nregion = \"us-east-1\"\nkeys = [{ access_key_id = \"AKIA\", secret_access_key = { env = \"B\" } }]",
            "keys[0].access_key_id: a secret must be a reference",
        ),
        (
            "kind = \"bedrock\"\nregion = \"us-east-1\"\nkeys = [{ access_key_id = { env = \"A\" }, secret_access_key = { env = \"B\" }, region = \"us-west-2\" }]",
            "its keys are of another region, \"us-west-2\"",
        ),
        (
            "kind = \"bedrock\"\nkeys = [{ access_key_id = { env = \"A\" }, secret_access_key = { env = \"B\" }, region = \"a\" }, \
             { access_key_id = { env = \"A\" }, secret_access_key = { env = \"B\" }, region = \"b\" }]",
            "its keys have different regions",
        ),
        (
            "kind = \"bedrock\"\nregion = \"a\"\nkeys = [{ access_key_id = { env = \"A\" }, secret_access_key = { env = \"B\" }, regoin = \"b\" }]",
            "keys[0].regoin: unknown key; did you mean `region`?",
        ),
    ] {
        let found = mistakes(table);
        assert!(found.contains(expected), "missing {expected:?} in\n{found}");
    }
}

#[test]
fn a_model_is_described_with_all_its_traits() {
    assert_eq!(model(""), Model::default(), "nothing said, nothing known");
    let model = model(
        r#"context_window = 200000
max_output = 64000
embedding_dimensions = 1536
capabilities = ["chat", "tools", "audio_in", "rerank"]
sampling_params = false
forced_tool_use = true
adaptive_thinking = true
thinking_always_on = false
responses_only = true
reasoning_efforts = ["high", "none"]"#,
    );
    assert_eq!(model.embedding_dimensions, Some(1536));
    assert_eq!((model.sampling_params, model.forced_tool_use), (Some(false), Some(true)));
    assert_eq!((model.adaptive_thinking, model.thinking_always_on), (Some(true), Some(false)));
    assert!(model.responses_only);
    assert_eq!(model.reasoning_efforts, ["none", "high"], "rising, however they were written");
    assert!(model.lacks("vision") && !model.lacks("rerank"), "a list in a config is whole");
}

#[test]
fn a_price_can_say_all_that_a_provider_can() {
    let text = r#"{ input = "2", output = "10", cached_input = "0.2", image = "0.04", audio_minute = "0.006",
  web_search = "0.01", million_characters = "15", search_unit = "0.002", request = "0.005", input_image = "0.0001",
  tiers = [ { above_input_tokens = 272000, input = "4", output = "15" } ],
  service_tiers = { batch = { input = "1", tiers = [ { above_input_tokens = 272000, input = "2" } ] }, flex = { input = "1.5" } },
  off_peak = { windows = [ { days = [6, 7], from = "00:00", until = "00:00" } ], input = "0.5" },
  multipliers = { us = "1.1" } }"#.replace('\n', " ");
    let price = price(&text);
    let cost = |usage: Usage, under: &Circumstances| price.cost_under(&usage, under).as_nanos();
    let standard = Circumstances::default();
    let input = |input_uncached| Usage { input_uncached, ..Usage::default() };
    assert_eq!(cost(input(272_000), &standard), 544_000_000);
    assert_eq!(cost(input(272_001), &standard), 1_088_004_000);
    let cached = Usage { cache_read: 272_001, ..Usage::default() };
    assert_eq!(cost(cached, &standard), 54_400_200, "what a tier leaves out is as before");
    let batch = Circumstances { service_tier: Some("batch"), ..standard };
    assert_eq!(cost(input(272_001), &batch), 544_002_000);
    let flex = Circumstances { service_tier: Some("flex"), ..standard };
    assert_eq!(cost(input(272_001), &flex), 1_088_004_000, "the dearer of both");
    let saturday = Circumstances { at: "2026-11-28T12:00:00Z".parse().ok(), ..standard };
    assert_eq!(cost(input(1_000), &saturday), 500_000);
    let us = Circumstances { modifiers: &["us"], ..standard };
    assert_eq!(cost(input(1_000), &us), 2_200_000);
    let by_number = Usage { images: 1, audio_ms: 60_000, requests: 1, ..Usage::default() };
    assert_eq!(cost(by_number, &standard), 40_000_000 + 6_000_000 + 5_000_000);
}

#[test]
fn a_price_with_mistakes_says_which() {
    for (text, expected) in [
        ("{}", "give at least `input`, `output` or one of"),
        ("\"cheap\"", "must be \"free\" or a table"),
        ("{ inptu = \"1\" }", "unknown key; did you mean `input`?"),
        ("{ input = \"1\", tiers = [ { input = \"2\" } ] }", "`above_input_tokens` is missing"),
        (
            "{ input = \"1\", tiers = [ { above_input_tokens = 5 }, { above_input_tokens = 5 } ] }",
            "must come in rising order",
        ),
        ("{ input = \"1\", service_tiers = { flex = { image = \"2\" } } }", "unknown key"),
        ("{ input = \"1\", off_peak = { input = \"2\" } }", "give `windows`"),
        (
            "{ input = \"1\", off_peak = { windows = [ { days = [0], from = \"1:00\", until = \"2:00\" } ] } }",
            "days from 1 (Monday) to 7",
        ),
        ("{ input = \"1\", multipliers = { us = \"a lot\" } }", "write a factor like"),
        (
            "{ input = \"1\", multipliers = { a = \"1\", b = \"1\", c = \"1\", d = \"1\", e = \"1\" } }",
            "has more than 4 entries",
        ),
    ] {
        let text = format!("[providers.p]\nkind = \"openai\"\n[models.\"p/m\"]\nprice = {text}\n");
        let found = problems(&text).join("\n");
        assert!(found.contains(expected), "missing {expected:?} in\n{found}");
    }
}

#[test]
fn the_catalog_fills_in_what_a_config_leaves_open() {
    let text = "[providers.p]\nkind = \"anthropic\"\n[models.\"p/claude-opus-5-5\"]\nmax_output = 5\n[tenants.t]\n";
    let document = read(text).unwrap();
    let mut none = |_: &SecretRef| Err("none".to_owned());
    let world = world_from(&document, text, 1, &mut none).unwrap();
    let upstreams = &world.tenants["t"].upstreams;
    let model = |name: &str| upstreams.model(&Target::parse(name).unwrap());
    let written = model("p/claude-opus-5-5");
    assert_eq!((written.max_output, written.context_window), (Some(5), Some(1_000_000)));
    assert_eq!((written.sampling_params, written.price.is_some()), (Some(false), true));
    assert!(!written.lacks("audio_in"));
    assert_eq!(model("p/claude-opus-5").max_output, Some(128_000), "also what nobody wrote down");
    assert_eq!(*model("p/unknown"), Model::default());
}
