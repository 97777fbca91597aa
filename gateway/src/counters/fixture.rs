//! What the tests of the counters build requests from.

use super::{
    limits::Limit,
    types::{HoldId, HoldRequest, LimitRequest, RateKind},
};
use jiff::{Timestamp, tz::TimeZone};
use std::{collections::BTreeMap, sync::Arc};
use tollgate_contract::{
    budget::{Budget, Mode, OnExceed, OnOutage, Scope, Window},
    event::UsageEvent,
    ids::{ApiKeyId, BudgetId, TenantId},
    money::NanoUsd,
    usage::Usage,
};
use uuid::Uuid;

pub(super) fn tenant() -> TenantId {
    TenantId::new("acme")
}

pub(super) fn id() -> HoldId {
    HoldId(Uuid::now_v7())
}

/// A hard budget per day.
pub(super) fn budget(name: &str, limit: i64) -> Budget {
    Budget {
        name: "test".to_owned(),
        id: BudgetId::new(name),
        scope: Scope::default(),
        limit: NanoUsd::new(limit),
        window: Window::Day,
        on_exceed: OnExceed::Block,
        on_outage: None,
        alert_at: Vec::new(),
        mode: Mode::Enforce,
    }
}

pub(super) fn spend(budget: &Budget, amount: i64) -> LimitRequest {
    spend_or(budget, amount, OnOutage::Deny)
}

pub(super) fn spend_or(budget: &Budget, amount: i64, on_outage: OnOutage) -> LimitRequest {
    LimitRequest::Budget {
        budget: Arc::new(budget.clone()),
        amount: NanoUsd::new(amount),
        on_outage,
    }
}

pub(super) fn rate(kind: RateKind, per_minute: u64, amount: u64) -> LimitRequest {
    LimitRequest::Rate { kind, scope: "k:ci".to_owned(), per_minute, amount }
}

pub(super) fn concurrent(max: u64) -> LimitRequest {
    LimitRequest::Concurrent { scope: "k:ci".to_owned(), max }
}

pub(super) fn request(id: HoldId, limits: Vec<LimitRequest>) -> HoldRequest {
    HoldRequest {
        id,
        tenant: tenant(),
        generation: 0,
        zone: TimeZone::UTC,
        now: Timestamp::now(),
        limits,
        stub: Arc::new(stub(id)),
        input_cost: NanoUsd::new(7),
    }
}

/// The event for whoever sweeps the hold: the prompt's tokens are estimated.
fn stub(id: HoldId) -> UsageEvent {
    UsageEvent {
        usage: Usage { input_uncached: 3, requests: 1, ..Usage::default() },
        ..event(id, 0)
    }
}

pub(super) fn limits(now_ms: i64, limits: Vec<LimitRequest>) -> Vec<Limit> {
    super::limits::prepare(
        &request(id(), limits),
        Timestamp::from_millisecond(now_ms).expect("a time"),
    )
}

pub(super) fn event(id: HoldId, cost: i64) -> UsageEvent {
    UsageEvent {
        id: id.0.to_string(),
        adjusts: None,
        at: "2026-11-22T12:00:00.000Z".to_owned(),
        tenant: tenant(),
        team: None,
        member: None,
        api_key: ApiKeyId::new("ci"),
        user: None,
        metadata: BTreeMap::new(),
        api: "chat".to_owned(),
        requested: "model".to_owned(),
        route: None,
        target: None,
        provider_key: None,
        status: 200,
        error: None,
        stream: false,
        cache: "off".to_owned(),
        usage: Usage::default(),
        cost_nano_usd: NanoUsd::new(cost),
        list_cost_nano_usd: NanoUsd::new(cost),
        saved_nano_usd: None,
        cache_similarity: None,
        estimated: false,
        disputed: false,
        attempts: Vec::new(),
        timing_us: BTreeMap::new(),
        decision: None,
        guards: Vec::new(),
        beside: None,
    }
}
