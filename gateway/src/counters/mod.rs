//! Limits and budgets: what a request reserves before the call, and what it is charged after. One interface, two
//! backends (memory, Redis) with the same rules.

mod alerts;
mod answer;
mod bucket;
mod connection;
mod core;
mod epochs;
#[cfg(test)]
mod fixture;
mod heartbeat;
mod keys;
mod limits;
mod memory;
mod outage;
mod queue;
mod remote;
mod scripts;
mod seldom;
mod settler;
mod start;
mod sweep;
mod types;

use limits::Counter;
pub use start::CountersError;
pub use types::{
    BudgetState, Denial, DeniedBy, Hold, HoldId, HoldRequest, LimitRequest, Progress, RateKind,
    RateState, Refusal, Settlement,
};

use connection::Line;
use memory::Memory;
use queue::{Ended, Job};
use remote::Remote;
use std::{sync::Arc, time::Duration};
use tollgate_contract::secret::Secret;

/// Where limits and budgets are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In this process.
    Memory,
    /// In Redis.
    Redis,
}

/// How to count.
#[derive(Debug, Clone)]
pub struct CountersConfig {
    /// Where.
    pub backend: Backend,
    /// Where Redis is; needed for that backend and for the stream.
    pub redis_url: Option<Secret>,
    /// How long a decision waits for Redis.
    pub timeout: Duration,
    /// Whether usage events go to the stream in Redis.
    pub stream: bool,
}

/// The process's part of the counters.
pub struct Shared {
    backend: Backend,
    memory: Memory,
    remote: Option<Arc<Remote>>,
}

impl Shared {
    /// Makes it ready; connects to nothing yet.
    pub fn new(config: CountersConfig) -> Result<Arc<Self>, CountersError> {
        let remote = start::remote(&config)?;
        Ok(Arc::new(Self { backend: config.backend, memory: Memory::new(), remote }))
    }

    /// Asks Redis once whether it is there and set up as budgets need it.
    pub async fn check(&self) -> Result<(), CountersError> {
        match &self.remote {
            Some(remote) => start::check(remote).await,
            None => Ok(()),
        }
    }

    /// Whether the backend answers.
    pub fn is_healthy(&self) -> bool {
        self.remote.as_ref().is_none_or(|remote| remote.health.is_good())
    }

    /// Settlements that are not written yet.
    pub fn pending_settlements(&self) -> usize {
        self.remote.as_ref().map_or(0, |remote| remote.queue.pending())
    }

    /// Waits until all is written or the limit is over; gives back how many are left.
    pub async fn drain(&self, limit: Duration) -> usize {
        let deadline = tokio::time::Instant::now() + limit;
        while self.pending_settlements() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.pending_settlements()
    }

    /// Writes settlements, keeps holds alive, sweeps dead ones and probes Redis. Runs until it is dropped.
    pub async fn run_background(self: Arc<Self>) {
        let Some(remote) = &self.remote else { return };
        tokio::join!(
            settler::run(remote),
            heartbeat::run(remote),
            sweep::run(remote),
            remote.health.probe(&remote.client, remote.timeout.max(Duration::from_millis(50))),
            forget(remote),
        );
    }
}

async fn forget(remote: &Remote) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        outage::forget_leases(&remote.local, &remote.health);
    }
}

/// A worker's part: its own connection to Redis.
#[derive(Clone)]
pub struct Counters {
    shared: Arc<Shared>,
    line: Arc<Line>,
}

impl Counters {
    /// For one worker thread.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, line: Arc::default() }
    }

    /// Reserves everything that a request asks for, or nothing.
    pub async fn hold(&self, request: HoldRequest) -> Result<Hold, Refusal> {
        if request.limits.len() > limits::LIMITS_MAX {
            tracing::error!(tenant.id = %request.tenant, "More than {} limits count one request: it is refused", limits::LIMITS_MAX);
            return Err(Refusal::Unavailable);
        }
        match (&self.shared.remote, self.shared.backend) {
            (Some(remote), Backend::Redis) => remote.hold(&self.line, &request).await,
            _ => start::hold_in_memory(&self.shared.memory, &request),
        }
    }

    /// Ends a request's hold, charges it and writes its event where the stream is on. Never waits and never fails:
    /// what Redis has to know is written in the background until it is there.
    pub fn settle(&self, settlement: Settlement) {
        let Settlement { hold, cost, tokens, event } = settlement;
        let tenant = event.tenant.clone();
        let remote = self.shared.remote.as_ref();
        match (hold, remote, self.shared.backend) {
            (Some(hold), Some(remote), Backend::Redis) => {
                remote.beats.remove(hold.id);
                if !hold.local.is_empty() {
                    remote.local.settle(
                        &tenant,
                        hold.id,
                        &hold.local,
                        cost.as_nanos(),
                        tokens,
                        &event,
                    );
                }
                remote.queue.push(Job::Settle(Box::new(Ended {
                    id: hold.id,
                    tenant: hold.tenant,
                    counters: hold.counters,
                    cost: cost.as_nanos(),
                    tokens,
                    event,
                })));
            }
            (hold, remote, _) => {
                if let Some(hold) = hold {
                    self.shared.memory.settle(
                        &tenant,
                        hold.id,
                        &hold.counters,
                        cost.as_nanos(),
                        tokens,
                        &event,
                    );
                }
                if let Some(remote) = remote.filter(|remote| remote.stream) {
                    let partition = keys::Partition::of(&tenant);
                    remote.queue.push(Job::Event { partition, event: Box::new(event) });
                }
            }
        }
    }
}
