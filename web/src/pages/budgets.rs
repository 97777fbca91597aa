//! Budgets: money per window for a scope.

use crate::{
    chart::Meter,
    form::{Choice, Field, FieldError, field_errors},
    layout::Shell,
    list::{Pager, Query},
};
use askama::Template;
use jiff::Timestamp;
use tollgate_contract::money::NanoUsd;

/// `GET /console/budgets?q=…&sort=name|used|limit`.
#[derive(Debug, Clone, Template)]
#[template(path = "budgets/list.html")]
pub struct BudgetsPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The address of the list.
    pub query: Query,
    /// The rows.
    pub rows: Vec<BudgetRow>,
    /// The next page.
    pub pager: Pager,
    /// Whether the counters could be read; without them only limits are known.
    pub counters_known: bool,
}

/// A budget in the list.
#[derive(Debug, Clone)]
pub struct BudgetRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its scope in words.
    pub scope: String,
    /// `hour`, `day`, `week`, `month` or `total`.
    pub window: String,
    /// What a window allows.
    pub limit: NanoUsd,
    /// Used in this window.
    pub used: NanoUsd,
    /// Held for requests under way.
    pub held: NanoUsd,
    /// When the window ends; absent for `total`.
    pub resets_at: Option<Timestamp>,
    /// `block` or `alert`.
    pub on_exceed: String,
    /// Whether it only counts and reports.
    pub shadow: bool,
}

impl BudgetRow {
    /// Its bar.
    pub fn meter(&self) -> Meter {
        Meter::new(self.used, self.held, self.limit)
    }

    /// What is left; never negative.
    pub fn remaining(&self) -> NanoUsd {
        self.limit.saturating_sub(self.used).saturating_sub(self.held).max(NanoUsd::ZERO)
    }
}

/// What is asked about a budget.
#[derive(Debug, Clone, Default)]
pub struct BudgetForm {
    /// `name`.
    pub name: Field,
    /// `limit` in USD, as a decimal.
    pub limit: Field,
    /// `window`.
    pub window: Field,
    /// `team`: an id, or empty.
    pub team: Field,
    /// `member`: an id, or empty.
    pub member: Field,
    /// `api_key`: an id, or empty.
    pub api_key: Field,
    /// `provider`: a name, or empty.
    pub provider: Field,
    /// `models`: patterns, one a line, or empty.
    pub models: Field,
    /// `on_exceed`.
    pub on_exceed: Field,
    /// `on_outage`; empty: as the node says.
    pub on_outage: Field,
    /// `alert_at`: percentages, `50, 80, 100`.
    pub alert_at: Field,
    /// `mode`.
    pub mode: Field,
    /// What is wrong with the whole.
    pub error: Option<String>,
}

impl BudgetForm {
    /// An empty form, for a new budget.
    pub fn blank() -> Self {
        Self {
            window: "month".into(),
            on_exceed: "block".into(),
            alert_at: "50, 80, 100".into(),
            mode: "enforce".into(),
            ..Self::default()
        }
    }

    /// All errors at fields.
    pub fn errors(&self) -> Vec<FieldError> {
        field_errors(&[
            ("name", &self.name),
            ("limit", &self.limit),
            ("window", &self.window),
            ("team", &self.team),
            ("member", &self.member),
            ("api_key", &self.api_key),
            ("provider", &self.provider),
            ("models", &self.models),
            ("on_exceed", &self.on_exceed),
            ("on_outage", &self.on_outage),
            ("alert_at", &self.alert_at),
            ("mode", &self.mode),
        ])
    }
}

/// What the selects of a budget's scope offer.
#[derive(Debug, Clone, Default)]
pub struct ScopeChoices {
    /// Teams by id.
    pub teams: Vec<Choice>,
    /// Members by id.
    pub members: Vec<Choice>,
    /// API keys by id.
    pub api_keys: Vec<Choice>,
    /// Providers by name.
    pub providers: Vec<Choice>,
}

/// `GET /console/budgets/new` and `GET /console/budgets/{id}`; posts [`BudgetForm`], `csrf` and either `once` to
/// `/console/budgets` or `etag` to `/console/budgets/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "budgets/edit.html")]
pub struct BudgetPage {
    /// What surrounds it.
    pub shell: Shell,
    /// Names this submission, so that a second one creates nothing; for a new budget.
    pub once: String,
    /// The budget that is edited; `None` for a new one.
    pub budget: Option<BudgetRow>,
    /// The version that was read; empty for a new one.
    pub etag: String,
    /// The form.
    pub form: BudgetForm,
    /// What its selects offer.
    pub scope: ScopeChoices,
}

impl BudgetPage {
    /// What `window` can be.
    pub fn windows(&self) -> Vec<Choice> {
        windows()
    }

    /// What `on_exceed` can be.
    pub fn on_exceeds(&self) -> Vec<Choice> {
        choices(&[
            ("block", "Block: refuse requests that do not fit"),
            ("alert", "Alert: let them pass and raise an alert"),
        ])
    }

    /// What `on_outage` can be.
    pub fn on_outages(&self) -> Vec<Choice> {
        choices(&[
            ("", "As the node is configured"),
            ("deny", "Deny: refuse until counters are back"),
            ("lease", "Lease: a small allowance per node"),
            ("allow", "Allow: serve uncounted"),
        ])
    }

    /// What `mode` can be.
    pub fn modes(&self) -> Vec<Choice> {
        choices(&[("enforce", "Enforce"), ("shadow", "Shadow: count and report, refuse nothing")])
    }
}

/// `GET /console/budgets/{id}/delete`; posts `name`, `csrf` to the same address.
#[derive(Debug, Clone, Template)]
#[template(path = "budgets/delete.html")]
pub struct DeleteBudgetPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The budget.
    pub budget: BudgetRow,
    /// The name as typed.
    pub typed: Field,
}

pub(crate) fn windows() -> Vec<Choice> {
    choices(&[
        ("hour", "per hour"),
        ("day", "per day"),
        ("week", "per week"),
        ("month", "per month"),
        ("total", "in total"),
    ])
}

fn choices(pairs: &[(&str, &str)]) -> Vec<Choice> {
    pairs.iter().map(|(value, label)| Choice::new(*value, *label)).collect()
}
