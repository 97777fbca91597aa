//! Routes: a tenant's names for a choice among targets. They are changed by the config document.

use crate::{format, layout::Shell, list::Query};
use askama::Template;
use jiff::Timestamp;
use tollgate_contract::money::NanoUsd;

/// `GET /console/routes?q=…`.
#[derive(Debug, Clone, Template)]
#[template(path = "routes/list.html")]
pub struct RoutesPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The address of the list.
    pub query: Query,
    /// The rows.
    pub rows: Vec<RouteRow>,
}

/// A route in the list.
#[derive(Debug, Clone)]
pub struct RouteRow {
    /// Its name.
    pub name: String,
    /// `fallback` or `weighted`.
    pub strategy: String,
    /// Its targets in order.
    pub targets: Vec<RouteTarget>,
    /// Requests in the last 24 hours.
    pub requests_24h: u64,
    /// Failed ones among them.
    pub errors_24h: u64,
    /// Charged in the last 24 hours.
    pub cost_24h: NanoUsd,
}

/// An entry of a route.
#[derive(Debug, Clone)]
pub struct RouteTarget {
    /// A target, or another route.
    pub name: String,
    /// The rule or the intent that leads to it.
    pub when: Option<String>,
    /// Its share in a weighted route.
    pub weight: Option<u32>,
    /// Retries before the next.
    pub retries: u32,
    /// The time to the first byte that it has, in words.
    pub first_byte: Option<String>,
}

/// `GET /console/routes/{name}`.
#[derive(Debug, Clone, Template)]
#[template(path = "routes/detail.html")]
pub struct RoutePage {
    /// What surrounds it.
    pub shell: Shell,
    /// The route as in the list.
    pub route: RouteRow,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// Timeouts: name and value in words.
    pub timeouts: Vec<(String, String)>,
    /// The classes of failures that go on to the next target.
    pub fallback_on: Vec<String>,
    /// Settings of the circuit breaker: name and value in words.
    pub breaker: Vec<(String, String)>,
    /// Its part of the config document.
    pub toml: String,
    /// Where the last 24 hours' traffic went.
    pub split: Vec<SplitLine>,
}

/// A target's part of a route's traffic.
#[derive(Debug, Clone)]
pub struct SplitLine {
    /// The target.
    pub target: String,
    /// Requests that it served.
    pub requests: u64,
    /// Requests of the whole route.
    pub of: u64,
    /// Failed attempts.
    pub errors: u64,
    /// Half of them took at most this.
    pub p50_ms: Option<u64>,
    /// What was charged for it.
    pub cost: NanoUsd,
}

impl SplitLine {
    /// Its share in words.
    pub fn share(&self) -> String {
        format::percent(self.requests, self.of)
    }

    /// Its share in thousandths.
    pub fn width(&self) -> u64 {
        crate::chart::scaled(self.requests, self.of, 1000)
    }

    /// Its share of failures in words.
    pub fn error_share(&self) -> String {
        format::percent(self.errors, self.requests.saturating_add(self.errors))
    }
}
