//! Decisions through Redis.

use super::{
    answer::{Answer, hold_call, read},
    connection::{Line, Trouble},
    epochs::Epochs,
    heartbeat::Beats,
    limits::{Counter, Limit, prepare},
    memory::Memory,
    outage::{self, Health},
    queue::{Ended, Job, Queue},
    scripts::Scripts,
    seldom::Seldom,
    types::{Hold, HoldRequest, RateState, Refusal, Sharing},
};
use jiff::Timestamp;
use redis::{Client, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::event::UsageEvent;

/// A decision waits at most this long for a Redis that is busy.
const RUSH_MAX: Duration = Duration::from_secs(2);

/// A timer that is this late was not looked at in time.
const STARVED: Duration = Duration::from_millis(10);

/// The process's part of the Redis backend.
pub(super) struct Remote {
    pub(super) client: Client,
    pub(super) timeout: Duration,
    /// Whether usage events go to the stream.
    pub(super) stream: bool,
    pub(super) timing: Timing,
    pub(super) scripts: Scripts,
    pub(super) epochs: Epochs,
    pub(super) health: Health,
    pub(super) queue: Queue,
    pub(super) beats: Beats,
    /// What this node counts for itself during an outage.
    pub(super) local: Memory,
    /// The background's connection.
    pub(super) line: Line,
    /// Keeps errors that come with every request to a few lines.
    pub(super) server_errors: Seldom,
}

/// How long things take; tests are less patient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// A hold without heartbeat is swept after this.
    pub(super) hold_ttl: Duration,
    pub(super) heartbeat: Duration,
    pub(super) sweep: Duration,
}

impl Timing {
    pub(super) const USUAL: Self = Self {
        hold_ttl: Duration::from_secs(30),
        heartbeat: Duration::from_secs(5),
        sweep: Duration::from_secs(1),
    };
}

impl Remote {
    pub(super) fn new(client: Client, timeout: Duration, stream: bool, timing: Timing) -> Self {
        Self {
            client,
            timeout,
            stream,
            timing,
            scripts: Scripts::new(),
            epochs: Epochs::new(),
            health: Health::default(),
            queue: Queue::default(),
            beats: Beats::default(),
            local: Memory::new(),
            line: Line::default(),
            server_errors: Seldom::default(),
        }
    }

    /// Reserves everything or nothing, within the timeout.
    pub(super) async fn hold(&self, line: &Line, request: &HoldRequest) -> Result<Hold, Refusal> {
        let mut limits = prepare(request, request.now);
        let turn = line.turn(RUSH_MAX).await;
        if turn.is_none() || self.health.is_open() {
            return self.hold_locally(request, &limits, Sharing::Unshared);
        }
        let mut asked = Asked { remote: self, request, unsure: false };
        let asking = self.ask(line, request, &mut limits, &mut asked);
        let result = self.patiently(line, asking).await;
        let trouble = match result {
            Ok(verdict) => {
                line.answered();
                asked.unsure = false;
                return verdict.map(|(counters, rates)| self.shared(request, counters, rates));
            }
            Err(trouble) => trouble,
        };
        match &trouble {
            Trouble::TimedOut => line.was_silent(),
            Trouble::Refused | Trouble::Broken => line.broke(),
            Trouble::Loading | Trouble::Lost => {}
            Trouble::Server(_) | Trouble::Nonsense => {
                if self.server_errors.now() {
                    tracing::error!(
                        "Redis decides nothing ({trouble}): budgets follow their on_outage"
                    );
                }
            }
        }
        self.health.failed(&trouble);
        let sharing = if asked.unsure { Sharing::Unknown } else { Sharing::Unshared };
        let hold = self.hold_locally(request, &limits, sharing)?;
        // Its settlement ends it in Redis too, if it is there.
        asked.unsure = false;
        Ok(hold)
    }

    /// Waits for the timeout. A Redis that answers others meanwhile is busy with a rush, not out of reach: then it gets
    /// more time.
    async fn patiently<T>(
        &self,
        line: &Line,
        asking: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let mut asking = std::pin::pin!(asking);
        let asked = Instant::now();
        // The last tenth is for what has arrived while this thread was busy: it must be looked at before giving up.
        let (first, last) = (self.timeout - self.timeout / 10, self.timeout / 10);
        let mut patience = first;
        loop {
            let due = Instant::now() + patience;
            if let Ok(result) = tokio::time::timeout(patience, &mut asking).await {
                return result;
            }
            // A timer that fires late says that this thread had no time itself.
            let starved = due.elapsed() > STARVED;
            let rush = (starved || line.heard_within(self.timeout)) && asked.elapsed() < RUSH_MAX;
            if std::mem::replace(&mut patience, last) == last && !rush {
                return Err(Trouble::TimedOut);
            }
        }
    }

    async fn ask(
        &self,
        line: &Line,
        request: &HoldRequest,
        limits: &mut Vec<Limit>,
        asked: &mut Asked<'_>,
    ) -> Result<Result<(Vec<Counter>, Vec<RateState>), Refusal>, Trouble> {
        let partition = Partition::of(&request.tenant);
        let (mut adopted, mut moved, mut repeated) = (false, false, false);
        loop {
            let mut connection = line.connection(&self.client, &self.health).await?;
            let epoch = self.epochs.get(&mut connection, partition).await?;
            let invocation = hold_call(self, partition, &epoch, request, limits)?;
            asked.unsure = true;
            let answer: Value =
                match invocation.invoke_async(&mut connection).await.map_err(Trouble::from) {
                    Ok(answer) => answer,
                    // A connection that had been idle may turn out to be dead: the same question again, which is safe.
                    Err(Trouble::Broken) if !repeated => {
                        line.broke();
                        repeated = true;
                        continue;
                    }
                    Err(trouble) => return Err(trouble),
                };
            let answer = read(answer, limits).ok_or(Trouble::Nonsense)?;
            match answer {
                Answer::Granted(counters, rates) => return Ok(Ok((counters, rates))),
                Answer::Denied(denial) => return Ok(Err(Refusal::Denied(denial))),
                Answer::Revoked => return Ok(Err(Refusal::Revoked)),
                // Our own question, whose answer was lost.
                Answer::Duplicate { open: true, counters } if repeated => {
                    return Ok(Ok((counters, Vec::new())));
                }
                Answer::Duplicate { .. } => return Ok(Err(Refusal::Duplicate)),
                Answer::Epoch(current) => {
                    asked.unsure = false;
                    self.epochs.changed(partition, &current)?;
                    if std::mem::replace(&mut adopted, true) {
                        return Err(Trouble::Lost);
                    }
                }
                Answer::Window(now_ms) => {
                    asked.unsure = false;
                    let now = Timestamp::from_millisecond(now_ms).map_err(|_| Trouble::Nonsense)?;
                    if std::mem::replace(&mut moved, true) {
                        return Err(Trouble::Nonsense);
                    }
                    *limits = prepare(request, now);
                }
            }
        }
    }

    fn shared(&self, request: &HoldRequest, counters: Vec<Counter>, rates: Vec<RateState>) -> Hold {
        self.register(Hold {
            id: request.id,
            tenant: request.tenant.clone(),
            progress: Arc::default(),
            rates,
            counters,
            local: Vec::new(),
            sharing: Sharing::Shared,
        })
    }

    fn hold_locally(
        &self,
        request: &HoldRequest,
        limits: &[Limit],
        sharing: Sharing,
    ) -> Result<Hold, Refusal> {
        let local = outage::decide(&self.local, &self.health, request, limits)?;
        Ok(self.register(Hold {
            id: request.id,
            tenant: request.tenant.clone(),
            progress: Arc::default(),
            rates: local.rates,
            counters: outage::presumed(request, limits),
            local: local.counters,
            sharing,
        }))
    }

    fn register(&self, hold: Hold) -> Hold {
        match hold.sharing {
            Sharing::Shared | Sharing::Unknown => self.beats.add(&hold),
            Sharing::Unshared => {}
        }
        hold
    }
}

impl Remote {
    /// Ends a hold: here at once, in Redis in the background.
    pub(super) fn settle(&self, hold: Hold, cost: i64, tokens: u64, event: UsageEvent) {
        let Hold { id, tenant, counters, local, sharing, .. } = hold;
        self.beats.remove(id);
        if !local.is_empty() {
            self.local.settle(&tenant, id, &local, cost, tokens, &event);
        }
        // What Redis never heard of and has no budget leaves no trace there.
        if sharing != Sharing::Unshared || !counters.is_empty() || self.stream {
            self.queue.push(Job::Settle(Box::new(Ended {
                id,
                tenant,
                counters,
                cost,
                tokens,
                event,
            })));
        }
    }
}

/// A question under way. Dropped without an answer, whoever gave up, it takes the question back in the background.
struct Asked<'a> {
    remote: &'a Remote,
    request: &'a HoldRequest,
    /// Whether Redis may have granted it without our knowledge.
    unsure: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.unsure {
            let HoldRequest { id, tenant, stub, .. } = self.request;
            self.remote.queue.push(Job::Release {
                id: *id,
                tenant: tenant.clone(),
                stub: stub.clone(),
            });
        }
    }
}
