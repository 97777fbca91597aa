mod providers;

use super::*;
use crate::{money::NanoUsd, route::FailureClass, route::Strategy};

const WHOLE: &str = r#"
allow_inline_secrets = true

[server]
listen = "127.0.0.1:8081"
max_body = "1MiB"

[counters]
backend = "redis"
url = "redis://127.0.0.1:6379"
on_outage = "lease"

[usage]
sink = "file:/tmp/usage.jsonl"

[providers.alpha]
kind = "openai_compatible"
base_url = "http://127.0.0.1:9000/alpha/v1/"
keys = ["sk-alpha", { env = "ALPHA_2", weight = 3 }]
allow_private_network = true
headers = { "X-Team" = "search" }

[providers.local]
kind = "vllm"
base_url = "http://10.0.0.5:8000/v1"
trust = "self_hosted"
allow_private_network = true
price = "free"

[models."alpha/large"]
price = { input = "2.50", cached_input = "1.25", output = "10.00" }
context_window = 128000
max_output = 16384
capabilities = ["chat", "tools"]

[routes.support]
targets = [
  { use = "alpha/large", first_byte = "2s", retries = 1 },
  { use = "spread" },
]
fallback_on = ["connect", "5xx"]

[routes.spread]
strategy = "weighted"
sticky = "user"
targets = [ { use = "alpha/large", weight = 95 }, { use = "local/llama", weight = 5 } ]

[tenants.acme]
timezone = "Europe/Berlin"

[tenants.acme.api_keys.ci]
secret = "tgk_0123456789abcdef"
team = "search"
models = ["support", "alpha/*"]
limits = { requests_per_minute = 600 }
expires = 2027-01-01T00:00:00Z

[[tenants.acme.budgets]]
name = "daily"
team = "search"
models = ["alpha/*"]
limit = "50.00"
window = "day"
"#;

fn problems(text: &str) -> Vec<String> {
    read(text).expect_err("has mistakes").iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_document_becomes_a_world() {
    let document = read(WHOLE).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut resolve = |reference: &SecretRef| match reference {
        SecretRef::Inline(InlineSecret(text)) => Ok(crate::secret::Secret::new(text.clone())),
        other => Ok(crate::secret::Secret::new(format!("{other:?}"))),
    };
    let world = world_from(&document, WHOLE, 1, &mut resolve)
        .unwrap_or_else(|problems| panic!("{problems:?}"));

    let hash = crate::api_key::ApiKeyHash::of("tgk_0123456789abcdef");
    let key = world.api_keys.get(&hash).unwrap();
    assert_eq!(key.tenant.id.as_str(), "acme");
    assert_eq!(key.tenant.budgets[0].limit, NanoUsd::new(50_000_000_000));
    let upstreams = &key.tenant.upstreams;
    assert_eq!(upstreams.providers["alpha"].base_url, "http://127.0.0.1:9000/alpha/v1");
    assert_eq!(upstreams.providers["alpha"].keys[1].weight, 3);
    assert!(matches!(upstreams.routes["spread"].strategy, Strategy::Weighted { .. }));
    assert!(!upstreams.routes["support"].fallback_on.contains(&FailureClass::Timeout));
}

#[test]
fn all_mistakes_are_reported_at_once_with_line_and_key() {
    let text = r#"
[server]
lisen = "127.0.0.1:1"
max_body = "32MB"

[providers.alpha]
kind = "opanai"
keys = ["sk-secret"]

[routes.main]
targets = [ { use = "beta/large" }, { use = "nowhere" } ]

[tenants.acme.api_keys.ci]
team = "search"

[[tenants.acme.budgets]]
limit = "-5"
window = "fortnight"
team = "nobody"
"#;
    let found = problems(text).join("\n");
    for expected in [
        "3:1: server.lisen: unknown key; did you mean `listen`?",
        "4:12: server.max_body: write a size",
        "7:8: providers.alpha.kind: must be one of: openai, anthropic, gemini",
        "8:9: providers.alpha.keys[0]: a secret must be a reference",
        "11:21: routes.main.targets[0].use: there is no provider \"beta\"; there are: alpha",
        "11:45: routes.main.targets[1].use: \"nowhere\" is neither a target",
        "tenants.acme.api_keys.ci: give either `secret` or `sha256`",
        "17:9: tenants.acme.budgets[0].limit: write an amount",
        "18:10: tenants.acme.budgets[0].window: must be one of: hour",
        "19:8: tenants.acme.budgets[0].team: no API key of this tenant has the team \"nobody\"",
    ] {
        assert!(found.contains(expected), "missing {expected:?} in\n{found}");
    }
    assert!(!found.contains("sk-secret"), "a secret is never repeated");
}

#[test]
fn syntax_errors_have_a_place_and_do_not_hide_other_mistakes() {
    let found = problems("[server]\nlisten = = 1\nunknwon = 2\n").join("\n");
    assert!(found.contains("2:"), "{found}");
    assert!(found.contains("server.unknwon: unknown key"), "{found}");
}

#[test]
fn routes_that_lead_back_to_themselves_are_refused() {
    let found = problems("[routes.a]\ntargets=[{use=\"b\"}]\n[routes.b]\ntargets=[{use=\"a\"}]\n")
        .join("\n");
    assert!(found.contains("routes.a: this route leads back to itself"), "{found}");
}

#[test]
fn what_this_version_cannot_do_is_refused_and_not_ignored() {
    let text = "[guards.pii]\npatterns={a=\"x\"}\ndetect=[\"email\"]\naction=\"redact\"\n";
    let found = problems(text).join("\n");
    assert!(found.contains("guards.pii.detect: not available in this version"), "{found}");
    assert!(found.contains("guards.pii.action: "), "{found}");
}

const ROUTES: &str = r#"
[providers.p]
kind = "openai"
[routes.support]
targets = [{ use = "p/a", first_byte = "2s" }, { use = "p/b", retries = 1 }]
hedge = { after = "p95", budget = 0.05 }
shadow = { use = "p/c", percent = 2 }
cache = { mode = "exact", ttl = "10m", scope = "team", any_temperature = false }
[routes.near]
targets = [{ use = "p/a" }]
cache = { mode = "semantic", threshold = 0.9, embedder = "p/embed" }
[routes.balanced]
strategy = "balanced"
weights = { cost = 1.0, latency = 0, errors = 2 }
targets = [{ use = "p/a" }, { use = "support" }]
[routes.smart]
strategy = "semantic"
embedder = "p/embed"
embed_timeout = "200ms"
default = "support"
[[routes.smart.intents]]
name = "legal"
examples = ["review this NDA", "is this clause enforceable"]
use = "p/legal"
[routes.regulated]
strategy = "rules"
rules = [
  { when = "request.labels.exists(l, l == 'pii')", use = "p/own" },
  { when = "metadata.tier == 'free'", use = "smart" },
]
default = "support"
[embedder]
path = "/var/lib/tollgate/minilm-l6"
max_concurrent = 2
"#;

#[test]
fn every_strategy_can_be_written() {
    let document = read(ROUTES).unwrap();
    let names = document.routes.values().map(|route| route.strategy.name());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["balanced", "fallback", "rules", "semantic", "fallback"]
    );
    let crate::route::Strategy::Semantic(smart) = &document.routes["smart"].strategy else {
        panic!("{:?}", document.routes["smart"].strategy)
    };
    assert_eq!((smart.threshold, smart.embed_timeout.as_millis()), (0.45, 200));
    assert_eq!(document.routes["smart"].targets[1].to.value, "support");
    assert_eq!(document.embedder.as_ref().unwrap().max_concurrent, 2);
    let cache = |route: &str| document.routes[route].cache.clone().unwrap();
    assert_eq!(cache("support").meaning, None);
    let meaning = cache("near").meaning.clone().unwrap();
    assert_eq!((meaning.threshold, meaning.embedder.unwrap().as_str()), (0.9, "p/embed"));
}

#[test]
fn mistakes_in_strategies_are_named() {
    let head = "[providers.p]\nkind=\"openai\"\n[routes.a]\n";
    let cases = [
        (
            "strategy=\"best\"\ntargets=[{use=\"p/m\"}]",
            "must be one of: fallback, weighted, cheapest",
        ),
        (
            "targets=[{use=\"p/m\"}]\nsticky=\"user\"",
            "only a route with strategy = \"weighted\" has this",
        ),
        (
            "targets=[{use=\"p/m\"}]\ndefault=\"p/m\"",
            "strategy = \"semantic\" or \"rules\" has this",
        ),
        ("strategy=\"rules\"\ndefault=\"p/m\"", "`rules` is missing"),
        (
            "strategy=\"rules\"\nrules=[{when=\"reqest.stream\",use=\"p/m\"}]",
            "there is no \"reqest\" here",
        ),
        ("strategy=\"rules\"\nrules=[{when=\"1 +\",use=\"p/m\"}]", "this is no CEL expression"),
        ("strategy=\"rules\"\nrules=[{when=\"true\",use=\"x/m\"}]", "there is no provider \"x\""),
        (
            "strategy=\"rules\"\nrules=[{when=\"true\",use=\"a\"}]",
            "this route leads back to itself",
        ),
        ("strategy=\"rules\"\ntargets=[{use=\"p/m\"}]\nrules=[]", "names its targets in `rules`"),
        ("strategy=\"semantic\"\nintents=[{name=\"x\",use=\"p/m\"}]", "`examples` is missing"),
        (
            "strategy=\"semantic\"\nintents=[{name=\"x\",examples=[\"e\"],use=\"p/m\"}]",
            "`default` is missing",
        ),
        ("strategy=\"semantic\"\nembedder=\"x/e\"\ndefault=\"p/m\"", "there is no provider \"x\""),
        (
            "targets=[{use=\"p/m\"}]\ncache={threshold=0.9}",
            "only a cache with mode = \"semantic\" has this",
        ),
        ("targets=[{use=\"p/m\"}]\ncache={mode=\"vague\"}", "must be one of: exact, semantic"),
        (
            "targets=[{use=\"p/m\"}]\ncache={mode=\"semantic\",embedder=\"x/e\"}",
            "there is no provider \"x\"",
        ),
        ("targets=[{use=\"p/m\"}]\nhedge={after=\"soon\"}", "hedge.after"),
        ("targets=[{use=\"p/m\"}]\nshadow={percent=2}", "shadow"),
        (
            "strategy=\"balanced\"\nweights={cost=0,latency=0,errors=0}\ntargets=[{use=\"p/m\"}]",
            "at least one weight",
        ),
    ];
    for (text, expected) in cases {
        let found = problems(&format!("{head}{text}\n")).join("\n");
        assert!(found.contains(expected), "{text}: missing {expected:?} in\n{found}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[[a-z.\"]{0,12}\\]|[a-z_]{1,10} ?= ?([0-9\"{}\\[\\],a-z.=]{0,20})|\n|.){0,40}") {
        let _ = read(&text);
    }
}

#[test]
fn guards_are_read_with_their_mistakes() {
    let text = "[guards.a]\npatterns={x=\"(\"}\n[guards.b]\n[guards.c]\napply=[\"response\"]\npatterns={y=\"ok\"}\n\
                [tenants.t]\nguards=[\"c\",\"nobody\"]\n";
    let found = problems(text).join("\n");
    for part in [
        "guards.a.patterns.x: no regular expression: ",
        "guards.b: a guard needs `patterns`",
        "guards.c.apply[0]: ",
        "tenants.t.guards[1]: there is no guard \"nobody\"; there are: a, b, c",
    ] {
        assert!(found.contains(part), "{part}\n{found}");
    }
}
