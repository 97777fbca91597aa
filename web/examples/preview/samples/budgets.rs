//! Budgets.

use super::{Named, Samples, ago, nanos, page, usd};
use tollgate_web::{
    layout::Nav,
    list::{Pager, Query},
    pages::budgets::*,
};

impl Samples {
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

    pub(super) fn budgets(&self) -> Vec<Named> {
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
}
