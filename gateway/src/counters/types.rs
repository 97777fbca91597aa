//! What callers of the counters say and hear.

use jiff::{Timestamp, tz::TimeZone};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Duration,
};
use tollgate_contract::{
    budget::{Budget, OnOutage},
    event::UsageEvent,
    ids::TenantId,
    money::NanoUsd,
};
use uuid::Uuid;

/// Names a hold; also the id of the request and of its usage event. Version 7: its time is the event's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HoldId(pub Uuid);

/// What a request wants to reserve: all of it or nothing.
#[derive(Debug, Clone)]
pub struct HoldRequest {
    /// The request.
    pub id: HoldId,
    /// Whose counters.
    pub tenant: TenantId,
    /// The revocations that the world knows of already; 0 in a file world, which knows none.
    pub generation: u64,
    /// The zone of the tenant's windows.
    pub zone: TimeZone,
    /// The node's clock, for the candidate windows only.
    pub now: Timestamp,
    /// Every limit that the request counts against; at most 32.
    pub limits: Vec<LimitRequest>,
    /// The event as it would be written if this node died: usage and cost are filled in by whoever sweeps the hold.
    pub stub: Arc<UsageEvent>,
    /// What the prompt alone costs: charged by a sweep when no progress was reported.
    pub input_cost: NanoUsd,
}

/// One limit that a request counts against.
#[derive(Debug, Clone)]
pub enum LimitRequest {
    /// Money in a calendar window.
    Budget {
        /// The budget.
        budget: Arc<Budget>,
        /// The most that the request can cost.
        amount: NanoUsd,
        /// What happens while the counters are out of reach, the node's default already applied.
        on_outage: OnOutage,
    },
    /// A token bucket per minute.
    Rate {
        /// What is counted.
        kind: RateKind,
        /// The scope, as in `k:search-ci`.
        scope: String,
        /// The limit.
        per_minute: u64,
        /// One, or the tokens expected.
        amount: u64,
    },
    /// Requests under way at once.
    Concurrent {
        /// The scope, as in `k:search-ci`.
        scope: String,
        /// The limit.
        max: u64,
    },
}

/// What a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKind {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

/// What was used of a request so far; written by the meter, read by the heartbeat.
#[derive(Debug, Default)]
pub struct Progress {
    /// The charge so far in nano-USD.
    pub cost_nano_usd: AtomicI64,
    /// Prompt tokens so far.
    pub input_tokens: AtomicU64,
    /// Answer tokens so far.
    pub output_tokens: AtomicU64,
}

/// A hold that was granted. It is ended by settling it, whatever became of the request.
#[derive(Debug)]
pub struct Hold {
    /// Its name.
    pub id: HoldId,
    /// Whose counters.
    pub tenant: TenantId,
    /// What was used so far.
    pub progress: Arc<Progress>,
    /// The state of the rate limits, for `x-ratelimit-*`.
    pub rates: Vec<RateState>,
    /// What the backend needs in order to end it.
    pub(super) counters: Vec<super::Counter>,
    /// What this node alone counts of it, if it was granted during an outage.
    pub(super) local: Vec<super::Counter>,
    pub(super) sharing: Sharing,
}

/// Whether Redis knows a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// It does.
    Shared,
    /// It was asked and did not answer.
    Unknown,
    /// It was not asked: an outage, or the memory backend.
    Unshared,
}

/// A rate limit after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// What is counted.
    pub kind: RateKind,
    /// The limit per minute.
    pub limit: u64,
    /// What is left in the bucket.
    pub remaining: u64,
    /// Until the bucket is full again.
    pub reset: Duration,
}

/// Why a hold was not granted.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// A limit is used up.
    Denied(Denial),
    /// The counters are out of reach, and a budget denies meanwhile.
    Unavailable,
    /// The API key, its member or the tenant was revoked.
    Revoked,
    /// The hold id is taken: the same request came twice.
    Duplicate,
}

/// Which limit refused, and its state.
#[derive(Debug, Clone)]
pub struct Denial {
    /// The limit.
    pub by: DeniedBy,
    /// When it is worth trying again; absent for a window that never ends.
    pub retry_after: Option<Duration>,
    /// The state of the rate limits, for `x-ratelimit-*`.
    pub rates: Vec<RateState>,
}

/// Which limit refused.
#[derive(Debug, Clone)]
pub enum DeniedBy {
    /// A budget.
    Budget(BudgetState),
    /// A rate limit.
    Rate(RateState),
    /// Too many requests under way; the limit.
    Concurrent(u64),
}

/// A budget's window at a moment.
#[derive(Debug, Clone)]
pub struct BudgetState {
    /// The budget.
    pub budget: Arc<Budget>,
    /// Charged in the window.
    pub settled: NanoUsd,
    /// Reserved in the window.
    pub held: NanoUsd,
    /// When the window ends, in milliseconds since 1970; absent if never.
    pub resets_at_ms: Option<i64>,
}

/// How a request ended, for its counters and its event.
#[derive(Debug)]
pub struct Settlement {
    /// The hold; absent where nothing limits the request.
    pub hold: Option<Hold>,
    /// The charge.
    pub cost: NanoUsd,
    /// Tokens as token limits count them.
    pub tokens: u64,
    /// The event.
    pub event: UsageEvent,
}
