//! Routes, providers and how they do.

use super::{Named, Samples, ago, nanos, page};
use tollgate_web::{
    layout::Nav,
    list::Query,
    pages::{health::*, providers::*, routes::*},
};

impl Samples {
    pub(super) fn routes(&self) -> Vec<Named> {
        let target = |name: &str, weight, first: Option<&str>| RouteTarget {
            name: self.t(name),
            when: None,
            weight,
            retries: 1,
            first_byte: first.map(|first| self.t(first)),
        };
        let row = |name: &str, strategy: &str, weight: Option<u32>| RouteRow {
            name: self.t(name),
            strategy: self.t(strategy),
            targets: vec![
                target("openai/gpt-4o", weight.map(|w| w * 9), Some("600 ms")),
                target("azure/gpt-4o", weight, None),
                target("vllm-eu/llama-3.3-70b-instruct", weight, None),
            ],
            requests_24h: 18_204,
            errors_24h: 12,
            cost_24h: nanos(31_425_000_000),
        };
        let split = |name: &str, requests| SplitLine {
            target: self.t(name),
            requests,
            of: 18_204,
            errors: requests / 60,
            p50_ms: Some(780),
            cost: nanos(requests as i64 * 1_700_000),
        };
        let query = self.query("/console/routes", &[("q", "s")]);
        let list = RoutesPage {
            shell: self.shell(Nav::Routes),
            query,
            rows: vec![row("smart", "fallback", None), row("fast", "weighted", Some(1))],
        };
        let empty =
            RoutesPage { rows: vec![], query: Query::new("/console/routes", []), ..list.clone() };
        let toml = "[[routes]]\nname = \"smart\"\nstrategy = \"fallback\"\ntargets = [\n  { to = \"openai/gpt-4o\", first_byte = \"600ms\" },\n  { to = \"azure/gpt-4o\" },\n  { to = \"vllm-eu/llama-3.3-70b-instruct\" },\n]\nfallback_on = [\"connect\", \"timeout\", \"5xx\", \"429\"]\n";
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (self.t(a), self.t(b))).collect();
        vec![
            page("routes", &list),
            page("routes-empty", &empty),
            page(
                "route",
                &RoutePage {
                    shell: self.shell(Nav::Routes),
                    route: row("smart", "fallback", None),
                    updated_at: Some(ago(3 * 86_400)),
                    timeouts: pairs(&[("Connect", "2 s"), ("Idle", "60 s"), ("Total", "10 min")]),
                    fallback_on: vec![
                        self.t("connect"),
                        self.t("timeout"),
                        self.t("5xx"),
                        self.t("429"),
                    ],
                    breaker: pairs(&[
                        ("Opens after", "5 failures in a row, or half of 20 in 10 s"),
                        ("Stays open", "30 s at first"),
                    ]),
                    toml: self.t(toml),
                    split: vec![
                        split("openai/gpt-4o", 16_100),
                        split("azure/gpt-4o", 1_804),
                        split("vllm-eu/llama-3.3-70b-instruct", 300),
                    ],
                },
            ),
        ]
    }

    pub(super) fn providers(&self) -> Vec<Named> {
        let key = |id: &str, fingerprint: &str, test| ProviderKeyRow {
            id: self.t(id),
            fingerprint: self.t(fingerprint),
            created_at: ago(63 * 86_400),
            created_by: self.t("mira@nordlicht.example"),
            weight: 2,
            test,
        };
        let test = |ok, message: &str| {
            Some(ProviderKeyTest { at: ago(420), ok, latency_ms: 312, message: self.t(message) })
        };
        let provider =
            |name: &str, kind: &str, url: &str, trust: &str, keys: Vec<ProviderKeyRow>| {
                ProviderRow {
                    name: self.t(name),
                    kind: self.t(kind),
                    base_url: self.t(url),
                    trust: self.t(trust),
                    allow_private_network: kind == "vllm",
                    needs_key: kind == "openai",
                    keys,
                }
            };
        let list = ProvidersPage {
            shell: self.shell(Nav::Providers),
            providers: vec![
                provider(
                    "openai",
                    "openai",
                    "https://api.openai.com/v1",
                    "external",
                    vec![
                        key("p1", "sk-…9f3c", test(true, "42 models")),
                        key("p2", "sk-…71ab", test(false, "401: incorrect API key provided")),
                        key("p3", "sk-…0c2e", None),
                    ],
                ),
                provider("vllm-eu", "vllm", "http://10.20.0.4:8000/v1", "self_hosted", vec![]),
            ],
        };
        let empty = ProvidersPage { providers: vec![], ..list.clone() };
        let form = ProviderForm {
            name: self.wrong("", "A new provider needs a name."),
            secret_error: self.some("This kind of provider needs a key."),
            base_url: self.field("https://api.openai.com/v1"),
            error: self.some("The provider refused the key."),
            ..ProviderForm::blank()
        };
        vec![
            page("providers", &list),
            page("providers-empty", &empty),
            page(
                "provider-key-test",
                &ProviderKeyTestFragment {
                    shell: self.shell(Nav::Providers),
                    key: key("p1", "sk-…9f3c", test(true, "42 models")),
                },
            ),
            page(
                "provider-new",
                &NewProviderPage {
                    shell: self.shell(Nav::Providers),
                    once: self.t("once"),
                    form,
                    providers: self.choices(&[("openai", "openai"), ("vllm-eu", "vllm-eu")]),
                    kinds: self.choices(&[("openai", "OpenAI"), ("vllm", "vLLM")]),
                },
            ),
            page(
                "provider-key-remove",
                &RemoveProviderKeyPage {
                    shell: self.shell(Nav::Providers),
                    provider: self.t("openai"),
                    key: key("p1", "sk-…9f3c", None),
                    keys_left: 1,
                    routes: vec![self.t("smart"), self.t("fast")],
                    requests_24h: 16_100,
                    typed: self.wrong("open", "That is not the name."),
                },
            ),
        ]
    }

    pub(super) fn health(&self) -> Vec<Named> {
        let row = |target: &str, condition, failures: u64, keys: Vec<KeyTrouble>| HealthRow {
            target: self.t(target),
            condition,
            calls: 1_482,
            failures,
            by_class: (failures > 0).then(|| (self.t("5xx"), failures)).into_iter().collect(),
            percentiles_ms: [Some(412), Some(1_900), None],
            in_flight: 7,
            keys,
            per_second: (0..60)
                .map(|second| (second % 7 * 9, failures * (second % 3) / 60))
                .collect(),
        };
        let trouble =
            |key: &str, what: &str, tone| KeyTrouble { key: self.t(key), what: self.t(what), tone };
        let health = HealthPage {
            shell: self.shell(Nav::Health),
            nodes: 3,
            seconds: 60,
            rows: vec![
                row(
                    "azure/gpt-4o",
                    Condition::Down,
                    640,
                    vec![
                        trouble("pky_019a", "Refused: replace the key", "bad"),
                        trouble("pky_019b", "Circuit open at 2 of 3 nodes", "bad"),
                    ],
                ),
                row(
                    "openai/gpt-4o-mini",
                    Condition::Degraded,
                    90,
                    vec![trouble("pky_019c", "Rate limited for 3.2 s", "warn")],
                ),
                row("vllm-eu/llama-3.3-70b-instruct", Condition::Up, 0, Vec::new()),
            ],
            further: 12,
        };
        let empty = HealthPage { rows: Vec::new(), nodes: 0, further: 0, ..health.clone() };
        vec![
            page("health", &health),
            page("health-live", &health.as_live()),
            page("health-empty", &empty),
        ]
    }
}
