//! What is still to be written to Redis. Filled from anywhere, `Drop` among it; emptied by the settler.

use super::{limits::Counter, memory::lock, seldom::Seldom, types::HoldId};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::sync::Notify;
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{event::UsageEvent, ids::TenantId};

const CAPACITY: usize = 100_000;

/// One thing to write. All can be written twice without harm.
#[derive(Debug)]
pub(super) enum Job {
    /// How a request with a hold ended.
    Settle(Box<Ended>),
    /// A hold that may have been granted and that nobody wants.
    Release { id: HoldId, tenant: TenantId, stub: Arc<UsageEvent> },
    /// The event of a request that held nothing.
    Event { partition: Partition, event: Box<UsageEvent> },
}

/// How a request with a hold ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) id: HoldId,
    pub(super) tenant: TenantId,
    pub(super) counters: Vec<Counter>,
    pub(super) cost: i64,
    pub(super) tokens: u64,
    pub(super) event: UsageEvent,
}

/// A bounded queue. Jobs that cannot be written now wait apart, so that they hold up no others.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ready: Mutex<VecDeque<Job>>,
    later: Mutex<VecDeque<Job>>,
    pending: AtomicUsize,
    arrived: Notify,
    full: Seldom,
}

impl Queue {
    pub(super) fn push(&self, job: Job) {
        if CAPACITY <= self.pending.load(SeqCst) {
            if self.full.now() {
                tracing::error!(
                    capacity = CAPACITY,
                    "The queue of settlements is full: further ones are lost until Redis is back"
                );
            }
            return;
        }
        self.pending.fetch_add(1, SeqCst);
        lock(&self.ready).push_back(job);
        self.arrived.notify_one();
    }

    /// How many are not written yet, those under way among them.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(SeqCst)
    }

    pub(super) fn take(&self, most: usize) -> Vec<Job> {
        let mut ready = lock(&self.ready);
        let count = ready.len().min(most);
        ready.drain(..count).collect()
    }

    pub(super) fn written(&self) {
        self.pending.fetch_sub(1, SeqCst);
    }

    pub(super) fn again(&self, job: Job) {
        lock(&self.ready).push_front(job);
    }

    pub(super) fn later(&self, job: Job) {
        lock(&self.later).push_back(job);
    }

    /// Those that waited are tried again.
    pub(super) fn retry_later_ones(&self) {
        let waited = std::mem::take(&mut *lock(&self.later));
        lock(&self.ready).extend(waited);
    }

    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
