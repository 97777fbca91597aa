//! The operator area: all tenants, and the gateway nodes.

use crate::{
    form::{Field, FieldError, field_errors},
    layout::Shell,
    list::{Pager, Query},
};
use askama::Template;
use jiff::Timestamp;
use tollgate_contract::money::NanoUsd;

/// `GET /operator/tenants?q=…`. Posts:
/// `name`, `owner_email`, `csrf`, `once` to `/operator/tenants`;
/// `csrf` to `/operator/tenants/{id}/resume`;
/// `tenant`, `csrf` to `/console/tenant` (to look at it).
#[derive(Debug, Clone, Template)]
#[template(path = "operator/tenants.html")]
pub struct TenantsPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The address of the list.
    pub query: Query,
    /// The rows.
    pub rows: Vec<TenantRow>,
    /// The next page.
    pub pager: Pager,
    /// The form for a new one.
    pub form: TenantForm,
    /// Names the submission.
    pub once: String,
    /// The first owner's link of the tenant that was just created: shown once.
    pub link: Option<OwnerLink>,
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct TenantRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was suspended.
    pub suspended_at: Option<Timestamp>,
    /// How many members it has.
    pub members: u64,
    /// How many API keys work.
    pub api_keys: u64,
    /// Charged since the first of the month.
    pub spend_month: NanoUsd,
}

/// What is asked about a new tenant.
#[derive(Debug, Clone, Default)]
pub struct TenantForm {
    /// `name`.
    pub name: Field,
    /// `owner_email`.
    pub owner_email: Field,
    /// What is wrong with the whole.
    pub error: Option<String>,
}

impl TenantForm {
    /// All errors at fields.
    pub fn errors(&self) -> Vec<FieldError> {
        field_errors(&[("name", &self.name), ("owner_email", &self.owner_email)])
    }
}

/// The first owner's link, shown once.
#[derive(Debug, Clone)]
pub struct OwnerLink {
    /// The tenant's name.
    pub tenant: String,
    /// Whom it is for.
    pub email: String,
    /// The whole address.
    pub url: String,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// `GET /operator/tenants/{id}/suspend`; posts `name`, `csrf` to the same address.
#[derive(Debug, Clone, Template)]
#[template(path = "operator/suspend.html")]
pub struct SuspendTenantPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The tenant.
    pub tenant: TenantRow,
    /// Requests in the last 24 hours.
    pub requests_24h: u64,
    /// The name as typed.
    pub typed: Field,
}

/// `GET /operator/nodes`; `as_live()` is what refreshes (`fragment=live`).
#[derive(Debug, Clone, Template)]
#[template(path = "operator/nodes.html", blocks = ["live"])]
pub struct NodesPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The world's revision.
    pub revision: u64,
    /// The nodes.
    pub rows: Vec<NodeRow>,
}

/// A gateway node.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Its name.
    pub name: String,
    /// The version of its binary; empty before it first connected.
    pub version: String,
    /// The revision that it serves.
    pub revision: u64,
    /// How many revisions it is behind.
    pub lag: u64,
    /// Whether it is connected.
    pub connected: bool,
    /// When it was last heard of.
    pub last_seen_at: Option<Timestamp>,
}

impl NodeRow {
    /// Its status in a word.
    pub const fn status(&self) -> &'static str {
        match (self.connected, self.last_seen_at.is_some(), self.lag) {
            (true, _, 0) => "Current",
            (true, _, _) => "Behind",
            (false, true, _) => "Disconnected",
            (false, false, _) => "Never connected",
        }
    }

    /// Its colour.
    pub const fn tone(&self) -> &'static str {
        match (self.connected, self.last_seen_at.is_some(), self.lag) {
            (true, _, 0) => "ok",
            (true, _, _) => "warn",
            (false, true, _) => "bad",
            (false, false, _) => "muted",
        }
    }
}
