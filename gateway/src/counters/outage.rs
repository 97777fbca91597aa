//! Whether Redis is out of reach, and what is decided without it.

use super::{
    connection::{Trouble, open},
    limits::{BudgetWindow, Limit, Verdict},
    memory::{Memory, lock},
    types::{DeniedBy, HoldRequest, RateState, Refusal},
};
use redis::Client;
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tollgate_contract::budget::OnOutage;

const FAILURES_MAX: usize = 5;
const FAILURE_SPAN: Duration = Duration::from_secs(1);
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// Outages closer together than this share one allowance, or a flapping Redis would hand out many.
const OUTAGE_ENDS_AFTER: Duration = Duration::from_secs(60);
/// What a node may spend per budget and window in an outage: this, or a hundredth of the limit if that is less.
const LEASE_NANO_USD: i64 = 1_000_000_000;

/// The circuit breaker around Redis: open means that nobody asks it.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: VecDeque<Instant>,
    open: bool,
    closed_at: Option<Instant>,
    outage: u64,
}

impl Breaker {
    /// Notes a failure. True if this opens it.
    pub(super) fn failed(&mut self, now: Instant, refused: bool) -> bool {
        if self.open {
            return false;
        }
        self.failures.push_back(now);
        while self
            .failures
            .front()
            .is_some_and(|first| FAILURE_SPAN < now.saturating_duration_since(*first))
        {
            self.failures.pop_front();
        }
        if !refused && self.failures.len() < FAILURES_MAX {
            return false;
        }
        self.failures.clear();
        self.open = true;
        let calm = |closed: Instant| OUTAGE_ENDS_AFTER <= now.saturating_duration_since(closed);
        if self.closed_at.is_none_or(calm) {
            self.outage += 1;
        }
        true
    }

    pub(super) fn recovered(&mut self, now: Instant) {
        self.open = false;
        self.failures.clear();
        self.closed_at = Some(now);
    }
}

/// What the process knows of Redis.
#[derive(Debug, Default)]
pub(super) struct Health {
    breaker: Mutex<Breaker>,
    open: AtomicBool,
    silent: AtomicBool,
    life: AtomicU64,
    opened: Notify,
    /// Told when Redis is back.
    pub(super) recovered: Notify,
}

impl Health {
    pub(super) fn is_open(&self) -> bool {
        self.open.load(SeqCst)
    }

    pub(super) fn is_good(&self) -> bool {
        !self.is_open() && !self.silent.load(SeqCst)
    }

    /// Grows with each return of Redis.
    pub(super) fn life(&self) -> u64 {
        self.life.load(SeqCst)
    }

    pub(super) fn failed(&self, trouble: &Trouble) {
        if !trouble.is_outage() {
            return;
        }
        let mut breaker = lock(&self.breaker);
        if breaker.failed(Instant::now(), *trouble == Trouble::Refused) {
            self.open.store(true, SeqCst);
            drop(breaker);
            tracing::error!("Redis is out of reach ({trouble}): budgets follow their on_outage");
            self.opened.notify_one();
        }
    }

    /// The background's own contact, so that a node without traffic knows as well.
    pub(super) fn heard(&self, answered: bool) {
        self.silent.store(!answered, SeqCst);
    }

    fn recover(&self) {
        lock(&self.breaker).recovered(Instant::now());
        self.life.fetch_add(1, SeqCst);
        self.silent.store(false, SeqCst);
        self.open.store(false, SeqCst);
        tracing::info!("Redis is back");
        self.recovered.notify_waiters();
    }

    /// While the breaker is open, one probe at a time asks whether Redis is back.
    pub(super) async fn probe(&self, client: &Client, timeout: Duration) {
        loop {
            while self.is_open() {
                tokio::time::sleep(PROBE_EVERY).await;
                if answers(client, timeout).await {
                    self.recover();
                }
            }
            self.opened.notified().await;
        }
    }

    fn outage(&self) -> u64 {
        lock(&self.breaker).outage
    }
}

/// A new connection, and an answer as quick as a decision must be.
async fn answers(client: &Client, timeout: Duration) -> bool {
    let Ok(mut connection) = open(client).await else { return false };
    let ping = redis::cmd("PING");
    matches!(tokio::time::timeout(timeout, ping.exec_async(&mut connection)).await, Ok(Ok(())))
}

/// What is decided without Redis: rates and concurrency are this node's, budgets do as their `on_outage` says.
pub(super) fn decide(
    memory: &Memory,
    health: &Health,
    request: &HoldRequest,
    limits: &[Limit],
) -> Result<Local, Refusal> {
    let mut local = Vec::new();
    for limit in limits {
        match limit {
            Limit::Rate { .. } | Limit::Concurrent { .. } => local.push(limit.clone()),
            Limit::Budget { most: None, .. } => {}
            Limit::Budget { on_outage, .. } => match on_outage {
                OnOutage::Deny => return Err(Refusal::Unavailable),
                OnOutage::Allow => {}
                OnOutage::Lease => local.extend(lease(limit, request, health.outage())),
            },
        }
    }
    if local.is_empty() {
        return Ok(Local::default());
    }
    match memory.hold(&request.tenant, request.id, &local) {
        Verdict::Granted { mut counters, rates } => {
            // A lease is nobody's budget: it raises no alerts.
            counters.iter_mut().for_each(|counter| counter.budget = None);
            Ok(Local { counters, rates })
        }
        Verdict::Denied(denial) => match denial.by {
            DeniedBy::Budget(_) => Err(Refusal::Unavailable),
            DeniedBy::Rate(_) | DeniedBy::Concurrent(_) => Err(Refusal::Denied(denial)),
        },
        Verdict::Duplicate => Err(Refusal::Duplicate),
        Verdict::Window(_) => Err(Refusal::Unavailable),
    }
}

/// A hold's counters on this node.
#[derive(Debug, Default)]
pub(super) struct Local {
    pub(super) counters: Vec<super::Counter>,
    pub(super) rates: Vec<RateState>,
}

/// The allowance of a budget's window in one outage, as a limit of its own.
fn lease(limit: &Limit, request: &HoldRequest, outage: u64) -> Option<Limit> {
    let Limit::Budget { budget, amount, most, on_outage, windows } = limit else { return None };
    let now_ms = request.now.as_millisecond();
    let window = windows.iter().find(|window| window.contains(now_ms)).or(windows.first())?;
    let key = format!("{}{}", lease_prefix(outage), window.key);
    // Any time: which window it is was settled by the node's clock above.
    let window = BudgetWindow { key, start_ms: i64::MIN, end_ms: i64::MAX, expires_ms: None };
    Some(Limit::Budget {
        budget: budget.clone(),
        amount: *amount,
        most: most.map(|most| LEASE_NANO_USD.min(most / 100)),
        on_outage: *on_outage,
        windows: vec![window],
    })
}

fn lease_prefix(outage: u64) -> String {
    format!("lease{outage}:")
}

/// Forgets the leases of earlier outages, whenever one ends.
pub(super) async fn forget_old_leases(memory: &Memory, health: &Health) {
    loop {
        health.recovered.notified().await;
        let current = lease_prefix(health.outage());
        memory.forget_budgets(|key| key.starts_with(&current));
    }
}

/// The budgets' counters by the node's clock, for a hold that Redis may never have seen.
pub(super) fn presumed(request: &HoldRequest, limits: &[Limit]) -> Vec<super::Counter> {
    let now_ms = request.now.as_millisecond();
    let counter = |limit: &Limit| match limit {
        Limit::Budget { windows, .. } => {
            limit.counter(windows.iter().position(|window| window.contains(now_ms)).unwrap_or(0))
        }
        Limit::Rate { .. } | Limit::Concurrent { .. } => None,
    };
    limits.iter().filter_map(counter).collect()
}
