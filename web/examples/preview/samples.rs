//! Every page with something on it: what `preview` shows and what the tests render.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    Template,
    chart::Point,
    form::{Choice, Field},
    layout::{May, Nav, Notice, NoticeKind, Shell, TenantRef, Theme},
    list::{Pager, Query},
    pages::{
        api_keys::*, audit::*, budgets::*, members::*, operator, overview::*, problem::*,
        providers::*, requests, requests::*, routes::*, settings, settings::*, sign_in::*,
    },
};

/// A page under the name of its file.
pub type Named = (&'static str, String);

/// Makes pages. With `hostile` set, every text on them is that one.
pub struct Samples {
    pub hostile: Option<&'static str>,
    pub theme: Theme,
}

impl Samples {
    /// Every page.
    pub fn pages(&self) -> Vec<Named> {
        let mut pages = self.plain();
        pages.extend(self.overviews());
        pages.extend(self.requests());
        pages.extend(self.api_keys());
        pages.extend(self.budgets());
        pages.extend(self.routes());
        pages.extend(self.providers());
        pages.extend(self.people());
        pages.extend(self.settings());
        pages.extend(self.operator());
        pages
    }

    fn t(&self, text: &str) -> String {
        self.hostile.unwrap_or(text).to_owned()
    }

    fn some(&self, text: &str) -> Option<String> {
        Some(self.t(text))
    }

    fn field(&self, text: &str) -> Field {
        Field::new(self.t(text))
    }

    fn wrong(&self, text: &str, error: &str) -> Field {
        self.field(text).with_error(self.t(error))
    }

    fn choices(&self, pairs: &[(&str, &str)]) -> Vec<Choice> {
        pairs.iter().map(|(value, label)| Choice::new(self.t(value), self.t(label))).collect()
    }

    fn tenants(&self) -> Vec<TenantRef> {
        [("t1", "Nordlicht Robotics"), ("t2", "Acme Research")]
            .map(|(id, name)| TenantRef { id: self.t(id), name: self.t(name) })
            .to_vec()
    }

    fn shell(&self, active: Nav) -> Shell {
        Shell {
            tenant: self.tenants().into_iter().next(),
            tenants: self.tenants(),
            person: self.t("mira.lindqvist@nordlicht.example"),
            role: self.t("owner"),
            is_operator: true,
            active,
            csrf: self.t("c5rf"),
            theme: self.theme,
            notice: None,
            may: May::ALL,
            zone: TimeZone::get("Europe/Berlin").expect("the zone database is bundled"),
            now: now(),
            here: self.t("/console"),
        }
    }

    fn noticed(&self, active: Nav, kind: NoticeKind, text: &str) -> Shell {
        Shell { notice: Some(Notice { kind, text: self.t(text) }), ..self.shell(active) }
    }

    fn query(&self, path: &str, pairs: &[(&str, &str)]) -> Query {
        Query::new(path, pairs.iter().map(|(key, value)| ((*key).to_owned(), self.t(value))))
    }

    fn pager(&self, query: &Query) -> Pager {
        Pager { next: Some(query.after(&self.t("c2"))), first: Some(query.path().to_owned()) }
    }

    fn plain(&self) -> Vec<Named> {
        let problem = Problem {
            status: 404,
            title: self.t("There is no such page"),
            detail: self.t("The address leads nowhere, or to something of another tenant."),
            what_to_do: self.t("Check the address, or start from the overview."),
            request_id: self.some("01932f5e-8c1a-7e02-9d1c-0b6a54ce1f11"),
        };
        let link = |link| SignInLinkPage {
            theme: self.theme,
            csrf: self.t("c"),
            token: self.t("tok"),
            link,
        };
        vec![
            page(
                "sign-in",
                &SignInPage {
                    theme: self.theme,
                    csrf: self.t("c"),
                    next: self.t("/console"),
                    email: self.wrong("mira@nordlicht.example", "Write an e-mail address."),
                    error: self.some("This address and password do not belong together."),
                },
            ),
            page(
                "sign-in-link",
                &link(Link::Valid {
                    email: self.t("mira@nordlicht.example"),
                    tenant: self.some("Nordlicht Robotics"),
                }),
            ),
            page("sign-in-link-expired", &link(Link::Expired)),
            page(
                "set-password",
                &SetPasswordPage {
                    theme: self.theme,
                    csrf: self.t("c"),
                    email: self.t("mira@nordlicht.example"),
                    error: self.some("A password has 12 to 128 characters."),
                },
            ),
            page("problem", &ProblemPage { theme: self.theme, problem: problem.clone() }),
            page(
                "problem-in-shell",
                &ProblemInShellPage { shell: self.shell(Nav::Overview), problem },
            ),
        ]
    }

    fn points(&self) -> Vec<Point> {
        (0..24i64)
            .map(|hour| {
                let load = [
                    3, 2, 1, 0, 1, 2, 9, 20, 34, 41, 38, 30, 33, 45, 52, 47, 36, 24, 17, 12, 10, 8,
                    6, 4,
                ];
                let load = load[usize::try_from(hour).expect("positive")];
                Point {
                    at: ago((23 - hour) * 3600),
                    cost: nanos(load * 173_400_000),
                    requests: load.unsigned_abs() * 61,
                    errors: load.unsigned_abs() / 9,
                }
            })
            .collect()
    }

    fn costs(&self, names: &[&str]) -> Vec<CostLine> {
        let line = |(index, name): (usize, &&str)| CostLine {
            name: self.t(name),
            href: format!(
                "/console/requests?q={}",
                tollgate_web::list::percent_encoded(&self.t(name))
            ),
            requests: 18_204 / (index as u64 + 1),
            tokens: 42_118_000 / (index as u64 * 2 + 1),
            cost: nanos(31_425_000_000 / (index as i64 * 3 + 1)),
        };
        names.iter().enumerate().map(line).collect()
    }

    fn overview(&self) -> OverviewPage {
        let budget =
            |id: &str, name: &str, scope: &str, used: i64, held: i64, limit: i64| BudgetLine {
                id: self.t(id),
                name: self.t(name),
                scope: self.t(scope),
                limit: usd(limit),
                used: nanos(used * 10_000_000),
                held: nanos(held * 10_000_000),
                resets_at: Some(ago(-6 * 86_400)),
            };
        let failure = |seconds, status, error: &str, model: &str, key: &str| Failure {
            id: self.t("01932f5e"),
            at: ago(seconds),
            status,
            error: self.t(error),
            model: self.t(model),
            api_key: self.t(key),
        };
        OverviewPage {
            shell: self.noticed(
                Nav::Overview,
                NoticeKind::Success,
                "API key checkout-service was created.",
            ),
            setup: None,
            range: Range::Day,
            totals: Totals {
                spend_today: nanos(61_284_000_000),
                spend_month: nanos(1_482_190_000_000),
                requests_today: 28_411,
                tokens_today: 96_204_118,
                errors_today: 43,
                p50_ms: Some(842),
                p95_ms: Some(4_310),
            },
            points: self.points(),
            budgets: vec![
                budget("b1", "research per month", "Team research", 94_210, 1_240, 1_000),
                budget("b2", "checkout per day", "API key checkout-service", 1_820, 310, 25),
                budget("b3", "everything per month", "Whole tenant", 148_219, 2_100, 5_000),
            ],
            models: self.costs(&[
                "openai/gpt-4o",
                "openai/gpt-4o-mini",
                "vllm-eu/llama-3.3-70b-instruct",
            ]),
            teams: self.costs(&["research", "checkout", "support"]),
            api_keys: self.costs(&[
                "batch-labelling",
                "checkout-service",
                "support-bot",
                "mira-laptop",
            ]),
            failures: vec![
                failure(64, 429, "rate_limited", "fast", "batch-labelling"),
                failure(540, 502, "upstream_failed", "openai/gpt-4o", "checkout-service"),
                failure(7_300, 402, "budget_exceeded", "smart", "support-bot"),
            ],
        }
    }

    fn overviews(&self) -> Vec<Named> {
        let full = self.overview();
        let fresh = OverviewPage {
            shell: self.shell(Nav::Overview),
            setup: Some(Setup { has_provider_key: true, has_api_key: false }),
            totals: Totals::default(),
            points: full
                .points
                .iter()
                .map(|p| Point { cost: NanoUsd::ZERO, requests: 0, errors: 0, ..*p })
                .collect(),
            budgets: vec![],
            models: vec![],
            teams: vec![],
            api_keys: vec![],
            failures: vec![],
            ..full.clone()
        };
        vec![
            page("overview", &full),
            page("overview-live", &full.as_live()),
            page("overview-fresh", &fresh),
        ]
    }

    fn row(
        &self,
        seconds: i64,
        status: u16,
        model: &str,
        target: Option<&str>,
        error: Option<&str>,
    ) -> RequestRow {
        RequestRow {
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

    fn requests(&self) -> Vec<Named> {
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
                plan: vec![
                    self.t("openai/gpt-4o"),
                    self.t("azure/gpt-4o"),
                    self.t("vllm-eu/llama-3.3-70b-instruct"),
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

    fn key(&self, name: &str, status: ApiKeyStatus) -> ApiKeyRow {
        ApiKeyRow {
            id: self.t("k1"),
            name: self.t(name),
            last4: self.t("q7Zd"),
            team: self.some("checkout"),
            member: self.some("mira@nordlicht.example"),
            created_at: ago(41 * 86_400),
            last_used_at: (status != ApiKeyStatus::Expired).then(|| ago(95)),
            spend_month: nanos(184_230_000_000),
            expires_at: (status == ApiKeyStatus::Expiring).then(|| ago(-4 * 86_400)),
            status,
        }
    }

    fn key_form(&self) -> ApiKeyForm {
        ApiKeyForm {
            name: self
                .wrong("checkout service/prod", "A name has letters, digits, dots and dashes."),
            team: self.field("t1"),
            models: self.field("smart\nopenai/*"),
            requests_per_minute: self
                .wrong("many", "Write a whole number, or nothing for no limit."),
            tokens_per_minute: self.field("200000"),
            concurrent: self.field(""),
            expires: self.field("2027-06-30"),
            budget_limit: self.field("250.00"),
            budget_window: self.field("month"),
            error: None,
        }
    }

    fn api_keys(&self) -> Vec<Named> {
        let query = self.query("/console/api-keys", &[("sort", "-spend")]);
        let names =
            ["checkout-service", "batch-labelling", "support-bot", "mira-laptop", "old-prototype"];
        let rows = names
            .iter()
            .zip(ApiKeyStatus::ALL)
            .map(|(name, status)| self.key(name, status))
            .collect();
        let list =
            ApiKeysPage { shell: self.shell(Nav::ApiKeys), pager: self.pager(&query), query, rows };
        let empty = ApiKeysPage {
            rows: vec![],
            query: Query::new("/console/api-keys", []),
            pager: Pager::default(),
            ..list.clone()
        };
        let teams = self.choices(&[("t1", "checkout"), ("t2", "research")]);
        let usage = ApiKeyUsage {
            requests_24h: 18_204,
            errors_24h: 21,
            spend_24h: nanos(12_481_000_000),
            tokens_month: 318_204_000,
        };
        let first = FirstRequest {
            id: self.t("01932f5e"),
            at: ago(3),
            status: 200,
            model: self.t("openai/gpt-4o-mini"),
            tokens: 42,
            cost: nanos(11_204),
        };
        let secret = "tgk_4fJt0y2mB6Xw9sLr1QeHcVnUaKpZ8dGiO3q7Zd";
        let created = ApiKeyCreatedPage {
            shell: self.shell(Nav::ApiKeys),
            id: self.t("k1"),
            name: self.t("checkout-service"),
            secret: self.t(secret),
            overlap_until: None,
            snippets: snippets(
                &self.t("https://gateway.nordlicht.example"),
                &self.t(secret),
                &self.t("openai/gpt-4o-mini"),
            ),
            first_request: None,
        };
        let rotated = ApiKeyCreatedPage {
            overlap_until: Some(ago(-86_400)),
            first_request: Some(first.clone()),
            ..created.clone()
        };
        let waiting = FirstRequestPage {
            shell: self.shell(Nav::ApiKeys),
            id: self.t("k1"),
            name: self.t("checkout-service"),
            first_request: Some(FirstRequest { status: 402, ..first }),
        };
        let new = NewApiKeyPage {
            shell: self.shell(Nav::ApiKeys),
            once: self.t("once"),
            form: self.key_form(),
            teams: teams.clone(),
        };
        let blank = NewApiKeyPage { form: ApiKeyForm::blank(), ..new.clone() };
        vec![
            page("api-keys", &list),
            page("api-keys-empty", &empty),
            page("api-key-new", &blank),
            page("api-key-new-wrong", &new),
            page("api-key-created", &created),
            page("api-key-rotated", &rotated),
            page("api-key-first-request", &waiting),
            page("api-key-first-request-fragment", &waiting.as_first_request()),
            page(
                "api-key",
                &ApiKeyPage {
                    shell: self.shell(Nav::ApiKeys),
                    key: self.key("checkout-service", ApiKeyStatus::Active),
                    created_by: self.t("mira@nordlicht.example"),
                    etag: self.t("3"),
                    once: self.t("once"),
                    form: ApiKeyForm {
                        name: self.field("checkout-service"),
                        requests_per_minute: self.field("600"),
                        error: self.some(
                            "Somebody else changed this API key meanwhile. Look again, then save.",
                        ),
                        ..self.key_form()
                    },
                    teams,
                    usage: usage.clone(),
                },
            ),
            page(
                "api-key-revoke",
                &RevokeApiKeyPage {
                    shell: self.shell(Nav::ApiKeys),
                    key: self.key("checkout-service", ApiKeyStatus::Active),
                    usage,
                    typed: self.wrong("checkout", "That is not the name."),
                },
            ),
        ]
    }

    fn budget(
        &self,
        name: &str,
        scope: &str,
        used: i64,
        limit: i64,
        window: &str,
        shadow: bool,
    ) -> BudgetRow {
        BudgetRow {
            id: self.t("b1"),
            name: self.t(name),
            scope: self.t(scope),
            window: self.t(window),
            limit: usd(limit),
            used: nanos(used * 10_000_000),
            held: nanos(128_000_000),
            resets_at: (window != "total").then(|| ago(-6 * 86_400)),
            on_exceed: self.t(if limit == 25 { "alert" } else { "block" }),
            shadow,
        }
    }

    fn budgets(&self) -> Vec<Named> {
        let query = self.query("/console/budgets", &[("sort", "-used")]);
        let row = self.budget("research per month", "Team research", 94_210, 1_000, "month", false);
        let list = BudgetsPage {
            shell: self.shell(Nav::Budgets),
            pager: self.pager(&query),
            query,
            rows: vec![
                row.clone(),
                self.budget(
                    "checkout per day",
                    "API key checkout-service",
                    2_640,
                    25,
                    "day",
                    false,
                ),
                self.budget("everything per month", "Whole tenant", 148_219, 5_000, "month", false),
                self.budget(
                    "pilot",
                    "Member mira@nordlicht.example, models openai/*",
                    1_204,
                    200,
                    "total",
                    true,
                ),
            ],
            counters_known: true,
        };
        let empty = BudgetsPage {
            rows: vec![],
            counters_known: false,
            query: Query::new("/console/budgets", []),
            pager: Pager::default(),
            ..list.clone()
        };
        let edit = BudgetPage {
            shell: self.shell(Nav::Budgets),
            once: self.t("once"),
            budget: Some(row.clone()),
            etag: self.t("2"),
            form: BudgetForm {
                name: self.field("research per month"),
                limit: self
                    .wrong("1e3", "Write an amount in USD as a decimal string like \"2.50\"."),
                window: self.field("month"),
                team: self.field("t2"),
                alert_at: self.field("50, 80, 100"),
                error: self.some("The budget changed meanwhile."),
                ..BudgetForm::blank()
            },
            scope: ScopeChoices {
                teams: self.choices(&[("t2", "research")]),
                members: self.choices(&[("m1", "mira@nordlicht.example")]),
                api_keys: self.choices(&[("k1", "checkout-service")]),
                providers: self.choices(&[("openai", "openai")]),
            },
        };
        let new = BudgetPage { budget: None, form: BudgetForm::blank(), ..edit.clone() };
        vec![
            page("budgets", &list),
            page("budgets-empty", &empty),
            page("budget", &edit),
            page("budget-new", &new),
            page(
                "budget-delete",
                &DeleteBudgetPage {
                    shell: self.shell(Nav::Budgets),
                    budget: row,
                    typed: self.wrong("x", "That is not the name."),
                },
            ),
        ]
    }

    fn routes(&self) -> Vec<Named> {
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

    fn providers(&self) -> Vec<Named> {
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

    fn member(&self, email: &str, role: &str, is_you: bool) -> MemberRow {
        MemberRow {
            id: self.t("m1"),
            email: self.t(email),
            name: self.t("Mira Lindqvist"),
            role: self.t(role),
            team: self.some("research"),
            joined_at: ago(120 * 86_400),
            last_seen_at: Some(ago(180)),
            is_you,
            may_change: !is_you,
        }
    }

    fn roles(&self) -> Vec<Choice> {
        self.choices(&[
            ("owner", "Owner"),
            ("admin", "Admin"),
            ("billing", "Billing"),
            ("member", "Member"),
            ("viewer", "Viewer"),
        ])
    }

    fn people(&self) -> Vec<Named> {
        let query =
            self.query("/console/audit", &[("action", "api_key.created"), ("actor", "mira")]);
        let row = |seq, ok, action: &str, changes| AuditRow {
            seq,
            at: ago(500 + 4_000 * i64::try_from(200 - seq).expect("small")),
            actor: self.t("mira@nordlicht.example"),
            action: self.t(action),
            object: self.t("key_01932f5e8c1a7e029d1c"),
            outcome: self.t(if ok { "success" } else { "forbidden" }),
            ok,
            ip: self.t("192.0.2.17"),
            request_id: self.t("01932f5e-8c1a-7e02"),
            changes,
        };
        let change = Change {
            field: self.t("limit"),
            before: self.some("250.00"),
            after: self.some("1000.00"),
        };
        let audit = AuditPage {
            shell: self.shell(Nav::Audit),
            actions: self.choices(&[("api_key.created", "api_key.created")]),
            chain: Chain::Verified { seq: 198, at: ago(240) },
            rows: vec![
                row(199, true, "budget.changed", vec![change]),
                row(198, true, "api_key.created", vec![]),
                row(197, false, "provider_key.removed", vec![]),
            ],
            pager: self.pager(&query),
            query,
        };
        let broken = AuditPage {
            chain: Chain::Broken { seq: 171, at: ago(60) },
            rows: vec![],
            ..audit.clone()
        };
        vec![
            page(
                "members",
                &MembersPage {
                    shell: self.shell(Nav::Members),
                    members: vec![
                        self.member("mira.lindqvist@nordlicht.example", "owner", true),
                        self.member("jonas@nordlicht.example", "admin", false),
                        self.member("amara@nordlicht.example", "member", false),
                    ],
                    invitations: vec![InvitationRow {
                        id: self.t("i1"),
                        email: self.t("noor@nordlicht.example"),
                        role: self.t("viewer"),
                        created_at: ago(86_000),
                        ends_at: ago(-500_000),
                    }],
                    teams: [("t1", "checkout"), ("t2", "research")]
                        .map(|(id, name)| TeamRow { id: self.t(id), name: self.t(name), members: 4, api_keys: 7 })
                        .to_vec(),
                    roles: self.roles(),
                    invite: InviteForm {
                        email: self.wrong("noor@", "Write an e-mail address."),
                        role: self.field("member"),
                        team: self.field(""),
                    },
                    team_name: self.wrong("checkout", "There is a team of this name."),
                    once: self.t("once"),
                    link: Some(InvitationLink {
                        email: self.t("noor@nordlicht.example"),
                        url: self.t("https://console.nordlicht.example/sign-in/link?token=tgl_9sLr1QeHcVnUaKpZ8dGi"),
                        ends_at: ago(-604_800),
                    }),
                },
            ),
            page(
                "member-remove",
                &RemoveMemberPage {
                    shell: self.shell(Nav::Members),
                    member: self.member("jonas@nordlicht.example", "admin", false),
                    api_keys: 3,
                    typed: self.wrong("jonas", "That is not the address."),
                },
            ),
            page("audit", &audit),
            page("audit-broken", &broken),
        ]
    }

    fn settings(&self) -> Vec<Named> {
        let session = |agent: &str, is_this| SessionRow {
            id: self.t("s1"),
            created_at: ago(90_000),
            last_seen_at: ago(30),
            ip: self.t("192.0.2.17"),
            user_agent: self.t(agent),
            is_this,
        };
        let token = |name: &str, revoked| TokenRow {
            id: self.t("x1"),
            name: self.t(name),
            last4: self.t("8dGi"),
            role: self.t("admin"),
            created_at: ago(9 * 86_400),
            expires_at: ago(-81 * 86_400),
            last_used_at: Some(ago(4_000)),
            revoked,
            expired: false,
        };
        vec![
            page(
                "settings",
                &SettingsPage {
                    shell: self.noticed(
                        Nav::Settings,
                        NoticeKind::Warning,
                        "The time zone changes open windows.",
                    ),
                    tenant: settings::TenantForm {
                        name: self.field("Nordlicht Robotics"),
                        time_zone: self.wrong("Europe/Berln", "There is no such time zone."),
                    },
                    etag: self.t("4"),
                    time_zones: vec![self.t("Europe/Berlin"), self.t("UTC")],
                    password: PasswordForm {
                        has_password: true,
                        current_error: self.some("That is not your password."),
                        new_error: None,
                    },
                    sessions: vec![
                        session("Firefox on Linux", true),
                        session("Safari on iPhone", false),
                    ],
                    tokens: vec![token("deploy-pipeline", false), token("old-pipeline", true)],
                    token: TokenForm {
                        name: self.field(""),
                        role: self.field("admin"),
                        expires: self.wrong("2020-01-01", "Choose a day to come."),
                    },
                    roles: self.roles(),
                    once: self.t("once"),
                    created: Some(CreatedToken {
                        name: self.t("deploy-pipeline"),
                        secret: self.t("tgm_4fJt0y2mB6Xw9sLr1QeHcVnUaKpZ8dGi"),
                    }),
                },
            ),
            page(
                "token-revoke",
                &RevokeTokenPage {
                    shell: self.shell(Nav::Settings),
                    token: token("deploy-pipeline", false),
                    typed: Field::default(),
                },
            ),
        ]
    }

    fn operator(&self) -> Vec<Named> {
        let query = self.query("/operator/tenants", &[("q", "a")]);
        let tenant = |name: &str, suspended: bool| operator::TenantRow {
            id: self.t("t1"),
            name: self.t(name),
            created_at: ago(200 * 86_400),
            suspended_at: suspended.then(|| ago(7_200)),
            members: 14,
            api_keys: 31,
            spend_month: nanos(1_482_190_000_000),
        };
        let node = |name: &str, connected, lag, seen: Option<i64>| operator::NodeRow {
            name: self.t(name),
            version: self.t("0.1.0"),
            revision: 481 - lag,
            lag,
            connected,
            last_seen_at: seen.map(ago),
        };
        let nodes = operator::NodesPage {
            shell: Shell { tenant: None, ..self.shell(Nav::OperatorNodes) },
            revision: 481,
            rows: vec![
                node("fra-1", true, 0, Some(2)),
                node("fra-2", true, 3, Some(4)),
                node("ams-1", false, 40, Some(9_000)),
                node("lab", false, 481, None),
            ],
        };
        let no_nodes = operator::NodesPage { rows: vec![], ..nodes.clone() };
        vec![
            page(
                "operator-tenants",
                &operator::TenantsPage {
                    shell: self.noticed(Nav::OperatorTenants, NoticeKind::Error, "There is a tenant of this name."),
                    pager: self.pager(&query),
                    query,
                    rows: vec![tenant("Nordlicht Robotics", false), tenant("Acme Research", true)],
                    form: operator::TenantForm {
                        name: self.wrong("Acme Research", "There is a tenant of this name."),
                        owner_email: self.field("owner@acme.example"),
                        error: None,
                    },
                    once: self.t("once"),
                    link: Some(operator::OwnerLink {
                        tenant: self.t("Acme Research"),
                        email: self.t("owner@acme.example"),
                        url: self.t("https://console.nordlicht.example/sign-in/link?token=tgl_9sLr1QeHcVnUaKpZ8dGi"),
                        ends_at: ago(-604_800),
                    }),
                },
            ),
            page(
                "operator-suspend",
                &operator::SuspendTenantPage {
                    shell: self.shell(Nav::OperatorTenants),
                    tenant: tenant("Acme Research", false),
                    requests_24h: 9_102,
                    typed: Field::default(),
                },
            ),
            page("operator-nodes", &nodes),
            page("operator-nodes-live", &nodes.as_live()),
            page("operator-nodes-empty", &no_nodes),
        ]
    }
}

/// The moment at which the samples stand still.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_795_532_400).expect("in range")
}

fn ago(seconds: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_secs(seconds)).expect("in range")
}

fn nanos(amount: i64) -> NanoUsd {
    NanoUsd::new(amount)
}

fn usd(amount: i64) -> NanoUsd {
    NanoUsd::new(amount * 1_000_000_000)
}

fn page(name: &'static str, page: &impl Template) -> Named {
    (name, page.render().expect("pages render into memory"))
}
