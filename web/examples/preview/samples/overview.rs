//! The overview.

use super::{Named, Samples, ago, nanos, page, usd};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    chart::Point,
    layout::{Nav, NoticeKind},
    pages::overview::*,
};

impl Samples {
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

    pub(super) fn overviews(&self) -> Vec<Named> {
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
}
