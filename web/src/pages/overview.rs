//! The overview of a tenant.

use crate::{
    chart::{BarChart, Meter, Point, Step},
    format,
    layout::Shell,
};
use askama::Template;
use jiff::Timestamp;
use tollgate_contract::money::NanoUsd;

/// `GET /console?range=24h|7d`; `as_live()` is what refreshes (`fragment=live`).
#[derive(Debug, Clone, Template)]
#[template(path = "overview.html", blocks = ["live"])]
pub struct OverviewPage {
    /// What surrounds it.
    pub shell: Shell,
    /// What a fresh tenant still has to do; `None` once the first request came.
    pub setup: Option<Setup>,
    /// What the chart and the tables cover.
    pub range: Range,
    /// The tiles.
    pub totals: Totals,
    /// What was spent over time, oldest first: an hour each for a day, a day each for a week.
    pub points: Vec<Point>,
    /// The budgets that are closest to their limit.
    pub budgets: Vec<BudgetLine>,
    /// Dearest models first, at most five.
    pub models: Vec<CostLine>,
    /// Dearest teams first, at most five.
    pub teams: Vec<CostLine>,
    /// Dearest API keys first, at most five.
    pub api_keys: Vec<CostLine>,
    /// The latest failed requests.
    pub failures: Vec<Failure>,
}

impl OverviewPage {
    /// The chart of spend.
    pub fn chart(&self) -> BarChart {
        BarChart::of_cost(&self.points, self.range.step(), &self.shell.zone)
    }
}

/// What the chart covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Range {
    /// The last 24 hours.
    #[default]
    Day,
    /// The last 7 days.
    Week,
}

impl Range {
    /// Both, shorter first.
    pub const ALL: [Self; 2] = [Self::Day, Self::Week];

    /// The value of `range` in the address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// The range of that name; a day for anything else.
    pub fn from_name(name: &str) -> Self {
        if name == Self::Week.name() { Self::Week } else { Self::Day }
    }

    /// In words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Day => "Last 24 hours",
            Self::Week => "Last 7 days",
        }
    }

    /// What one bar covers.
    pub const fn step(self) -> Step {
        match self {
            Self::Day => Step::Hour,
            Self::Week => Step::Day,
        }
    }
}

/// What a fresh tenant has done already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Setup {
    /// Whether there is a provider key.
    pub has_provider_key: bool,
    /// Whether there is an API key.
    pub has_api_key: bool,
}

/// The tiles.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Charged since midnight.
    pub spend_today: NanoUsd,
    /// Charged since the first of the month.
    pub spend_month: NanoUsd,
    /// Requests since midnight.
    pub requests_today: u64,
    /// Tokens since midnight.
    pub tokens_today: u64,
    /// Failed requests since midnight.
    pub errors_today: u64,
    /// Half of today's requests took at most this; absent without requests.
    pub p50_ms: Option<u64>,
    /// 95 of 100 took at most this.
    pub p95_ms: Option<u64>,
}

impl Totals {
    /// The share of failed requests.
    pub fn error_share(&self) -> String {
        format::percent(self.errors_today, self.requests_today)
    }
}

/// A budget and where it stands.
#[derive(Debug, Clone)]
pub struct BudgetLine {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its scope in words.
    pub scope: String,
    /// What a window allows.
    pub limit: NanoUsd,
    /// Used in this window.
    pub used: NanoUsd,
    /// Held for requests under way.
    pub held: NanoUsd,
    /// When the window ends; absent for `total`.
    pub resets_at: Option<Timestamp>,
}

impl BudgetLine {
    /// Its bar.
    pub fn meter(&self) -> Meter {
        Meter::new(self.used, self.held, self.limit)
    }

    /// What is left; never negative.
    pub fn remaining(&self) -> NanoUsd {
        self.limit.saturating_sub(self.used).saturating_sub(self.held).max(NanoUsd::ZERO)
    }
}

/// A row of a table of costs.
#[derive(Debug, Clone)]
pub struct CostLine {
    /// What it is.
    pub name: String,
    /// Where to see its requests.
    pub href: String,
    /// Requests in the range.
    pub requests: u64,
    /// Tokens in the range.
    pub tokens: u64,
    /// Charged in the range.
    pub cost: NanoUsd,
}

/// A failed request.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The request's id.
    pub id: String,
    /// When it came in.
    pub at: Timestamp,
    /// The HTTP status that the app got.
    pub status: u16,
    /// The error code.
    pub error: String,
    /// The `model` as sent.
    pub model: String,
    /// The API key's name.
    pub api_key: String,
}

impl Failure {
    /// The colour of its status.
    pub const fn tone(&self) -> &'static str {
        super::requests::status_tone(self.status)
    }
}
