//! The log of requests.

use super::{Named, Samples, ago, nanos, page};
use tollgate_web::{
    layout::Nav,
    list::{Pager, Query},
    pages::requests::{self, *},
};

impl Samples {
    fn row(
        &self,
        seconds: i64,
        status: u16,
        model: &str,
        target: Option<&str>,
        error: Option<&str>,
    ) -> RequestRow {
        RequestRow {
            cached: seconds % 2 == 0,
            purpose: if seconds % 4 == 0 { self.t("shadow") } else { String::new() },
            id: self.t("01932f5e-8c1a-7e02-9d1c-0b6a54ce1f11"),
            at: ago(seconds),
            status,
            error: error.map(|error| self.t(error)),
            api: self.t("chat"),
            requested: self.t(model),
            target: target.map(|target| self.t(target)),
            api_key: self.t("checkout-service"),
            input_tokens: 1_842,
            output_tokens: 316,
            cost: nanos(466_300 * i64::from(status / 100)),
            latency_ms: 1_384 + status as u64,
            attempts: 2,
        }
    }

    pub(super) fn requests(&self) -> Vec<Named> {
        let query = self.query("/console/requests", &[("status", "errors"), ("q", "01932f")]);
        let rows = (0..14)
            .map(|index| match index % 5 {
                1 => {
                    self.row(index * 9, 200, "openai/gpt-4o-mini", Some("openai/gpt-4o-mini"), None)
                }
                3 => self.row(index * 9, 429, "fast", None, Some("rate_limited")),
                4 => self.row(index * 9, 502, "smart", None, Some("upstream_failed")),
                _ => {
                    self.row(index * 9, 200, "smart", Some("vllm-eu/llama-3.3-70b-instruct"), None)
                }
            })
            .collect();
        let list = RequestsPage {
            shell: self.shell(Nav::Requests),
            pager: self.pager(&query),
            query,
            models: self.choices(&[("smart", "smart"), ("fast", "fast")]),
            api_keys: self.choices(&[("k1", "checkout-service")]),
            rows,
            live: true,
        };
        let empty = RequestsPage {
            rows: vec![],
            query: Query::new("/console/requests", []),
            pager: Pager::default(),
            ..list.clone()
        };
        let attempt =
            |target: &str, start, first, end, status, error: Option<&str>, cost| Attempt {
                target: self.t(target),
                provider_key: self.some("sk-…9f3c"),
                started_ms: start,
                first_byte_ms: first,
                ended_ms: end,
                status,
                error: error.map(|error| self.t(error)),
                cost: nanos(cost),
            };
        let bucket = |name: &str, tokens, price: i64, cost: i64| Bucket {
            name: self.t(name),
            tokens,
            price_per_million: Some(nanos(price)),
            cost: Some(nanos(cost)),
        };
        let detail = RequestPage {
            shell: self.shell(Nav::Requests),
            request: self.row(64, 200, "smart", Some("vllm-eu/llama-3.3-70b-instruct"), None),
            stream: true,
            first_byte_ms: Some(918),
            route: self.some("smart"),
            team: self.some("checkout"),
            member: self.some("mira@nordlicht.example"),
            user: self.some("customer-4711"),
            cache: self.t("miss"),
            cache_similarity: self.some("0.873"),
            saved: Some(nanos(120_000)),
            guards: vec![
                Finding { guard: self.t("secrets"), found: self.t("aws_key"), blocked: true },
                Finding { guard: self.t("pii"), found: self.t("iban"), blocked: false },
            ],
            beside: Some((self.t("shadow"), self.t("01932f6a"))),
            error_text: self.some("The first target did not answer in time, so the second served."),
            attempts: vec![
                attempt("openai/gpt-4o", 4, None, 604, None, Some("timeout"), 0),
                attempt("azure/gpt-4o", 606, Some(688), 702, Some(503), Some("5xx"), 0),
                attempt(
                    "vllm-eu/llama-3.3-70b-instruct",
                    704,
                    Some(918),
                    1_584,
                    Some(200),
                    None,
                    932_600,
                ),
            ],
            decision: Some(requests::Decision {
                strategy: self.t("fallback"),
                routes: vec![self.t("smart"), self.t("general")],
                plan: vec![
                    (self.t("openai/gpt-4o"), self.t("412 ms to the first byte")),
                    (self.t("azure/gpt-4o"), self.t("530 ms to the first byte")),
                    (self.t("vllm-eu/llama-3.3-70b-instruct"), String::new()),
                ],
                because: vec![self.t("smart: default, nothing is nearer than 0.45")],
                similarities: vec![
                    (self.t("legal"), self.t("0.312")),
                    (self.t("code"), self.t("0.105")),
                ],
                out: vec![(self.t("ollama/llama3"), self.t("context window too small: 8192"))],
            }),
            buckets: vec![
                bucket("Input, uncached", 818, 600_000_000, 490_800),
                bucket("Input, read from cache", 1_024, 60_000_000, 61_440),
                bucket("Output", 316, 1_200_000_000, 379_200),
                Bucket {
                    name: self.t("of it reasoning"),
                    tokens: 96,
                    price_per_million: None,
                    cost: None,
                },
            ],
            list_cost: Some(nanos(1_118_000)),
            estimated: true,
            disputed: true,
            stages: [("authenticate", 41), ("plan", 87), ("hold", 612), ("settle", 1_204)]
                .map(|(name, us)| Stage { name: self.t(name), us })
                .to_vec(),
            metadata: vec![(self.t("feature"), self.t("product-questions"))],
            corrections: vec![Correction {
                at: ago(20),
                cost: nanos(-12_000),
                reason: self.t("usage arrived late"),
            }],
        };
        vec![
            page("requests", &list),
            page("requests-live", &list.as_live()),
            page("requests-empty", &empty),
            page("request", &detail),
        ]
    }
}
