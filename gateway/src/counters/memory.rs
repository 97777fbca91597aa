//! The memory backend: the rules of `core` behind locks, one per partition of tenants, on the process's clock.

use super::{
    alerts,
    core::Core,
    limits::{Counter, Limit, Verdict},
    types::HoldId,
};
use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{event::UsageEvent, ids::TenantId};

/// Counters in this process's memory.
#[derive(Debug)]
pub(super) struct Memory {
    shards: Vec<Mutex<Core>>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { shards: Partition::all().map(|_| Mutex::default()).collect() }
    }

    pub(super) fn hold(&self, tenant: &TenantId, id: HoldId, limits: &[Limit]) -> Verdict {
        self.shard(tenant).hold(now_ms(), id, limits)
    }

    /// Ends a hold, and tells when a budget reached an alert.
    pub(super) fn settle(
        &self,
        tenant: &TenantId,
        id: HoldId,
        counters: &[Counter],
        cost: i64,
        tokens: u64,
        event: &UsageEvent,
    ) {
        let charged = self.shard(tenant).settle(
            now_ms(),
            id,
            counters,
            |counter| counter.charge(cost, event),
            tokens,
        );
        for charged in charged {
            if let Some(budget) = &charged.counter.budget {
                alerts::report(tenant, budget, charged.before, charged.after);
            }
        }
    }

    pub(super) fn forget_budgets(&self, wanted: impl Fn(&str) -> bool) {
        for shard in &self.shards {
            lock(shard).forget_budgets(&wanted);
        }
    }

    fn shard(&self, tenant: &TenantId) -> MutexGuard<'_, Core> {
        lock(&self.shards[Partition::of(tenant).index()])
    }
}

/// Counters stay usable after a panic elsewhere: each write is complete in itself.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
