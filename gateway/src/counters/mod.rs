//! Limits and budgets: what a request reserves before the call, and what it is charged after. One interface, two
//! backends (memory, Redis) with the same rules.
//!
//! A hold reserves everything or nothing. The rules are in `core` (a plain value) and, for Redis, in `scripts/*.lua`;
//! the tests run the same operations against both. What ends a hold never waits: a settlement is counted at once in
//! memory, or queued and written to Redis in the background until it is written.

mod alerts;
mod answer;
mod bucket;
mod check;
mod connection;
mod core;
#[cfg(test)]
mod core_tests;
mod epochs;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod fixture_redis;
mod heartbeat;
mod limits;
mod memory;
mod outage;
#[cfg(test)]
mod outage_tests;
#[cfg(test)]
mod parity_tests;
mod queue;
#[cfg(test)]
mod redis_tests;
mod remote;
mod revocations;
mod scripts;
mod seldom;
mod settler;
mod sweep;
mod types;

pub use check::CountersError;
pub use types::{
    BudgetState, Denial, DeniedBy, Hold, HoldId, HoldRequest, LimitRequest, Progress, RateKind,
    RateState, Refusal, Settlement,
};

use connection::Line;
use jiff::Timestamp;
use limits::{Counter, LIMITS_MAX, Verdict, prepare};
use memory::Memory;
use queue::Job;
use remote::{Remote, Timing};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::secret::Secret;
use types::Sharing;

/// A probe may take at least this long, however short decisions must be.
const PROBE_PATIENCE: Duration = Duration::from_millis(50);

/// Where counters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In this process.
    Memory,
    /// In Redis, shared by all nodes.
    Redis,
}

/// How counters are kept.
#[derive(Debug, Clone)]
pub struct CountersConfig {
    /// Where they are.
    pub backend: Backend,
    /// Where Redis is, if it is used.
    pub redis_url: Option<Secret>,
    /// How long a decision may take.
    pub timeout: Duration,
    /// Whether usage events go to the stream in Redis.
    pub stream: bool,
}

/// The process's part of the counters.
pub struct Shared {
    backend: Backend,
    memory: Memory,
    /// Present if the counters or the stream are in Redis.
    remote: Option<Remote>,
}

impl Shared {
    /// Makes it ready; asks nobody yet.
    pub fn new(config: CountersConfig) -> Result<Arc<Self>, CountersError> {
        Self::with_timing(config, Timing::USUAL)
    }

    fn with_timing(config: CountersConfig, timing: Timing) -> Result<Arc<Self>, CountersError> {
        let CountersConfig { backend, redis_url, timeout, stream } = config;
        let remote = if backend == Backend::Redis || stream {
            let url = redis_url.ok_or(CountersError::NoUrl)?;
            let client = redis::Client::open(url.expose()).map_err(|_| CountersError::BadUrl)?;
            Some(Remote::new(client, timeout, stream, timing))
        } else {
            None
        };
        Ok(Arc::new(Self { backend, memory: Memory::new(), remote }))
    }

    /// Looks once, at the start, whether Redis can be reached and is fit for counters. The error says what to do.
    pub async fn check(&self) -> Result<(), CountersError> {
        match &self.remote {
            Some(remote) => check::check(remote).await,
            None => Ok(()),
        }
    }

    /// A client of the Redis that counts; `None` if this process does.
    pub fn redis_client(&self) -> Option<redis::Client> {
        let remote = self.remote.as_ref().filter(|_| self.backend == Backend::Redis);
        remote.map(|remote| remote.client.clone())
    }

    /// Whether the backend answers.
    pub fn is_healthy(&self) -> bool {
        match (self.backend, &self.remote) {
            (Backend::Redis, Some(remote)) => remote.health.is_good(),
            (Backend::Redis, None) | (Backend::Memory, _) => true,
        }
    }

    /// Waits until everything is written or the time is over. Returns how much is left.
    pub async fn drain(&self, limit: Duration) -> usize {
        let until = Instant::now() + limit;
        while self.pending_settlements() > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.pending_settlements()
    }

    /// Settlements that are not written yet.
    pub fn pending_settlements(&self) -> usize {
        self.remote.as_ref().map_or(0, |remote| remote.queue.pending())
    }

    /// Writes settlements, sweeps abandoned holds and keeps our own alive, until it is dropped. Run it once.
    pub async fn run_background(self: Arc<Self>) {
        let Some(remote) = &self.remote else { return };
        let settler = Box::pin(settler::run(remote));
        let probe =
            Box::pin(remote.health.probe(&remote.client, remote.timeout.max(PROBE_PATIENCE)));
        if self.backend == Backend::Redis {
            let forget = Box::pin(outage::forget_old_leases(&remote.local, &remote.health));
            tokio::join!(
                settler,
                probe,
                forget,
                Box::pin(heartbeat::run(remote)),
                Box::pin(sweep::run(remote))
            );
        } else {
            tokio::join!(settler, probe);
        }
    }
}

/// A worker thread's part of the counters: a connection of its own.
#[derive(Clone)]
pub struct Counters {
    shared: Arc<Shared>,
    line: Arc<Line>,
}

impl Counters {
    /// Makes one, on the thread whose runtime will ask; it begins to connect.
    pub fn new(shared: Arc<Shared>) -> Self {
        let line: Arc<Line> = Arc::default();
        if let (Backend::Redis, Some(remote)) = (shared.backend, &shared.remote)
            && tokio::runtime::Handle::try_current().is_ok()
        {
            line.warm_up(&remote.client);
        }
        Self { shared, line }
    }

    /// Reserves all that a request counts against, or nothing.
    pub async fn hold(&self, request: HoldRequest) -> Result<Hold, Refusal> {
        if LIMITS_MAX < request.limits.len() {
            tracing::error!(
                tenant.id = %request.tenant, limits = request.limits.len(),
                "A request counts against more than {LIMITS_MAX} limits, so it is refused: tenant {} has too many budgets",
                request.tenant,
            );
            return Err(Refusal::Unavailable);
        }
        match (self.shared.backend, &self.shared.remote) {
            (Backend::Redis, Some(remote)) => Box::pin(remote.hold(&self.line, &request)).await,
            (Backend::Redis, None) | (Backend::Memory, _) => self.hold_in_memory(&request),
        }
    }

    fn hold_in_memory(&self, request: &HoldRequest) -> Result<Hold, Refusal> {
        let decide =
            |now| self.shared.memory.hold(&request.tenant, request.id, &prepare(request, now));
        let mut verdict = decide(request.now);
        // The request waited over the end of a window and the next: the counters' clock decides.
        if let Verdict::Window(now_ms) = verdict {
            verdict = decide(Timestamp::from_millisecond(now_ms).unwrap_or(request.now));
        }
        match verdict {
            Verdict::Granted { counters, rates } => Ok(Hold {
                id: request.id,
                tenant: request.tenant.clone(),
                progress: Arc::default(),
                rates,
                counters,
                local: Vec::new(),
                sharing: Sharing::Unshared,
            }),
            Verdict::Denied(denial) => Err(Refusal::Denied(denial)),
            Verdict::Duplicate => Err(Refusal::Duplicate),
            Verdict::Window(_) => Err(Refusal::Unavailable),
        }
    }

    /// Ends a request: charges it, frees what it held and writes its event to the stream. Never waits and never fails.
    pub fn settle(&self, settlement: Settlement) {
        let Settlement { hold, cost, tokens, event } = settlement;
        let cost = answer::exact(cost.as_nanos());
        let Some(hold) = hold else { return self.report(event) };
        match (self.shared.backend, &self.shared.remote) {
            (Backend::Redis, Some(remote)) => remote.settle(hold, cost, tokens, event),
            (Backend::Redis, None) | (Backend::Memory, _) => {
                self.shared.memory.settle(
                    &hold.tenant,
                    hold.id,
                    &hold.counters,
                    cost,
                    tokens,
                    &event,
                );
                self.report(event);
            }
        }
    }

    fn report(&self, event: tollgate_contract::event::UsageEvent) {
        if let Some(remote) = self.shared.remote.as_ref().filter(|remote| remote.stream) {
            let partition = Partition::of(&event.tenant);
            remote.queue.push(Job::Event { partition, event: Box::new(event) });
        }
    }
}
