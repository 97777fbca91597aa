//! A request's limits made ready for a backend, and what a backend says to them.

use super::{
    bucket::{Rate, remaining},
    types::{BudgetState, Denial, DeniedBy, HoldRequest, LimitRequest, RateKind, RateState},
};
use jiff::{Timestamp, tz::TimeZone};
use std::{sync::Arc, time::Duration};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{
    budget::{Budget, Mode, OnExceed, OnOutage, Span, Window},
    event::UsageEvent,
    ids::{ProviderId, TenantId},
    money::NanoUsd,
};

/// A request counts against at most this many limits, so that no script takes long.
pub(super) const LIMITS_MAX: usize = 32;
/// The largest number that Redis scripts compute with.
pub(super) const EXACT_MAX: i64 = 1 << 53;

const HOUR_MS: i64 = 3_600_000;

/// A limit with its counters' keys.
#[derive(Debug, Clone)]
pub(super) enum Limit {
    Budget {
        budget: Arc<Budget>,
        amount: i64,
        /// Absent: it counts and refuses nobody.
        most: Option<i64>,
        on_outage: OnOutage,
        /// The windows of which one contains now.
        windows: Vec<BudgetWindow>,
    },
    Rate {
        kind: RateKind,
        key: String,
        per_minute: u64,
        amount: u64,
    },
    Concurrent {
        key: String,
        max: u64,
    },
}

/// A budget's counter for one window.
#[derive(Debug, Clone)]
pub(super) struct BudgetWindow {
    pub(super) key: String,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// When the counter may be forgotten: late settlements still land before.
    pub(super) expires_ms: Option<i64>,
}

impl BudgetWindow {
    pub(super) fn contains(&self, now_ms: i64) -> bool {
        self.start_ms <= now_ms && now_ms < self.end_ms
    }

    fn resets_at_ms(&self) -> Option<i64> {
        (self.end_ms < EXACT_MAX).then_some(self.end_ms)
    }
}

/// A counter that a hold chose, and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    pub(super) kind: Kind,
    pub(super) key: String,
    pub(super) held: i64,
    /// Of a budget's counter: when it may be forgotten.
    pub(super) expires_ms: Option<i64>,
    /// Of a bucket: its limit.
    pub(super) per_minute: u64,
    /// Of a budget's counter: the budget, for alerts. A lease has none.
    pub(super) budget: Option<Arc<Budget>>,
}

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Budget,
    Requests,
    Tokens,
    Concurrent,
}

/// What a backend decided.
#[derive(Debug)]
pub(super) enum Verdict {
    Granted {
        counters: Vec<Counter>,
        rates: Vec<RateState>,
    },
    Denied(Denial),
    /// The id is taken.
    Duplicate,
    /// No candidate window contains the backend's time, which is told.
    Window(i64),
}

/// The limits with the windows around `now`.
pub(super) fn prepare(request: &HoldRequest, now: Timestamp) -> Vec<Limit> {
    let tenant = &request.tenant;
    let partition = Partition::of(tenant);
    let limit = |limit: &LimitRequest| match limit {
        LimitRequest::Budget { budget, amount, on_outage } => Limit::Budget {
            budget: budget.clone(),
            amount: amount.as_nanos().clamp(0, EXACT_MAX),
            most: refuses(budget).then(|| budget.limit.as_nanos().clamp(0, EXACT_MAX)),
            on_outage: *on_outage,
            windows: windows(tenant, budget, now, &request.zone),
        },
        LimitRequest::Rate { kind, scope, per_minute, amount } => Limit::Rate {
            kind: *kind,
            key: match kind {
                RateKind::Requests => partition.requests(tenant, scope),
                RateKind::Tokens => partition.tokens(tenant, scope),
            },
            per_minute: (*per_minute).min(EXACT_MAX as u64),
            amount: (*amount).min(EXACT_MAX as u64),
        },
        LimitRequest::Concurrent { scope, max } => Limit::Concurrent {
            key: partition.concurrent(tenant, scope),
            max: (*max).min(EXACT_MAX as u64),
        },
    };
    request.limits.iter().map(limit).collect()
}

fn refuses(budget: &Budget) -> bool {
    match (budget.mode, budget.on_exceed) {
        (Mode::Enforce, OnExceed::Block) => true,
        (Mode::Shadow, _) | (_, OnExceed::Alert) => false,
    }
}

fn windows(
    tenant: &TenantId,
    budget: &Budget,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<BudgetWindow> {
    let grace_ms = match budget.window {
        Window::Hour | Window::Day => Some(48 * HOUR_MS),
        Window::Week | Window::Month => Some(7 * 24 * HOUR_MS),
        Window::Total => None,
    };
    let window = |span: Span| BudgetWindow {
        key: Partition::of(tenant).budget(tenant, &budget.id, &span.id),
        start_ms: span.start_ms,
        end_ms: span.end_ms.min(EXACT_MAX),
        expires_ms: grace_ms.map(|grace| span.end_ms.saturating_add(grace)),
    };
    let (current, next) = budget.window.current_and_next(now, zone);
    std::iter::once(current).chain(next).map(window).collect()
}

impl Limit {
    /// The counter that a granted hold ends again. `window` is the chosen one of a budget.
    pub(super) fn counter(&self, window: usize) -> Option<Counter> {
        let counter = |kind, key: &str, held| Counter {
            kind,
            key: key.to_owned(),
            held,
            expires_ms: None,
            per_minute: 0,
            budget: None,
        };
        match self {
            Self::Budget { budget, amount, windows, .. } => {
                let window = windows.get(window)?;
                let counter = counter(Kind::Budget, &window.key, *amount);
                Some(Counter {
                    expires_ms: window.expires_ms,
                    budget: Some(budget.clone()),
                    ..counter
                })
            }
            Self::Rate { kind, key, per_minute, amount } => {
                let kind = match kind {
                    RateKind::Requests => Kind::Requests,
                    RateKind::Tokens => Kind::Tokens,
                };
                let held = i64::try_from(*amount).unwrap_or(EXACT_MAX);
                Some(Counter { per_minute: *per_minute, ..counter(kind, key, held) })
            }
            Self::Concurrent { key, .. } => Some(counter(Kind::Concurrent, key, 1)),
        }
    }

    /// What a hold that does not fit is told.
    pub(super) fn denial(&self, seen: Seen, rates: Vec<RateState>) -> Option<Denial> {
        let (by, retry_after) = match self {
            Self::Budget { budget, windows, .. } => {
                let resets_at_ms = windows.get(seen.window)?.resets_at_ms();
                let state = BudgetState {
                    budget: budget.clone(),
                    settled: NanoUsd::new(seen.settled),
                    held: NanoUsd::new(seen.held),
                    resets_at_ms,
                };
                let wait = resets_at_ms.map(|end| millis(end.saturating_sub(seen.now_ms)));
                (DeniedBy::Budget(state), wait)
            }
            Self::Rate { kind, per_minute, amount, .. } => {
                let wait = Rate::per_minute(*per_minute).until_admits(seen.level, *amount);
                (DeniedBy::Rate(rate_state(*kind, *per_minute, seen.level)), wait)
            }
            Self::Concurrent { max, .. } => {
                (DeniedBy::Concurrent(*max), Some(Duration::from_secs(1)))
            }
        };
        Some(Denial { by, retry_after, rates })
    }
}

/// What a backend saw of the limit that refused.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) now_ms: i64,
    pub(super) window: usize,
    pub(super) settled: i64,
    pub(super) held: i64,
    pub(super) level: f64,
}

pub(super) fn rate_state(kind: RateKind, per_minute: u64, level: f64) -> RateState {
    let reset = Rate::per_minute(per_minute).until_full(level);
    RateState { kind, limit: per_minute, remaining: remaining(level), reset }
}

impl Counter {
    /// What a budget is charged: a budget for certain targets is not charged for others that stood in.
    pub(super) fn charge(&self, cost: i64, event: &UsageEvent) -> i64 {
        let (Some(budget), Some(target)) = (&self.budget, &event.target) else { return cost };
        let provider = ProviderId::new(target.split('/').next().unwrap_or_default());
        if !budget.scope.names_targets() || budget.scope.covers_target(&provider, target) {
            cost
        } else {
            0
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
