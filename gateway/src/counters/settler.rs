//! Writes settlements to Redis in the background, each until it is written. The client's last byte waits for none.

use super::{
    alerts,
    answer::{exact, texts},
    connection::Trouble,
    keys::Partition,
    limits::{Counter, Kind},
    queue::{Ended, Job},
    remote::Remote,
    types::HoldId,
};
use futures_util::future::join_all;
use redis::{Value, aio::MultiplexedConnection};
use std::time::{Duration, Instant};
use tollgate_contract::{event::UsageEvent, ids::TenantId, money::NanoUsd, usage::Usage};

/// Written at once over one connection.
const BATCH: usize = 128;
const LATER: Duration = Duration::from_secs(1);
const WAIT_FIRST: Duration = Duration::from_millis(50);
const WAIT_LONGEST: Duration = Duration::from_secs(1);
/// A settle hears at most: another epoch, that the hold expired, and how the adjustment went.
const QUESTIONS_MAX: usize = 4;

/// Runs until it is dropped.
pub(super) async fn run(remote: &Remote) {
    let mut wait = WAIT_FIRST;
    let mut retried = Instant::now();
    loop {
        if LATER <= retried.elapsed() {
            retried = Instant::now();
            remote.queue.retry_later_ones();
        }
        let batch = if remote.health.is_open() { Vec::new() } else { remote.queue.take(BATCH) };
        if batch.is_empty() {
            if remote.health.is_open() {
                tokio::time::sleep(WAIT_FIRST).await;
            } else {
                // Woken in any case now and then, for those that wait apart.
                let _ = tokio::time::timeout(LATER, remote.queue.arrived()).await;
            }
            continue;
        }
        let results = join_all(batch.iter().map(|job| write(remote, job))).await;
        match put_back(remote, batch.into_iter().zip(results)) {
            None => wait = WAIT_FIRST,
            Some(trouble) => {
                remote.line.broke();
                remote.health.failed(&trouble);
                tokio::time::sleep(wait).await;
                wait = WAIT_LONGEST.min(wait * 2);
            }
        }
    }
}

/// Keeps what was not written. Returns the trouble if Redis cannot be reached.
fn put_back(
    remote: &Remote,
    results: impl DoubleEndedIterator<Item = (Job, Result<(), Trouble>)>,
) -> Option<Trouble> {
    let mut outage = None;
    for (job, result) in results.rev() {
        match result {
            Ok(()) => remote.queue.written(),
            Err(trouble) if trouble.is_outage() => {
                remote.queue.again(job);
                outage = Some(trouble);
            }
            Err(trouble) => {
                if trouble != Trouble::Lost && remote.server_errors.now() {
                    tracing::error!(
                        "A settlement cannot be written ({trouble}): it is tried again"
                    );
                }
                remote.queue.later(job);
            }
        }
    }
    outage
}

async fn write(remote: &Remote, job: &Job) -> Result<(), Trouble> {
    let mut connection = remote.line.connection(&remote.client, &remote.health).await?;
    match job {
        Job::Settle(ended) => settle(remote, &mut connection, ended).await,
        Job::Release { id, tenant, stub } => {
            release(remote, &mut connection, *id, tenant, stub).await
        }
        Job::Event { partition, event } => {
            let mut add = redis::cmd("XADD");
            add.arg(partition.stream()).arg("*").arg("event").arg(json(event)?);
            Ok(add.exec_async(&mut connection).await?)
        }
    }
}

async fn settle(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    ended: &Ended,
) -> Result<(), Trouble> {
    let costs = |less: i64| -> Vec<(&Counter, i64)> {
        let budgets = ended.counters.iter().filter(|counter| counter.kind == Kind::Budget);
        budgets
            .map(|counter| (counter, counter.charge(ended.cost, &ended.event).saturating_sub(less)))
            .collect()
    };
    let tokens = i64::try_from(ended.tokens).unwrap_or(i64::MAX);
    let write = Write {
        mode: "settle",
        tokens,
        cost: ended.cost,
        costs: costs(0),
        event: Some(&ended.event),
        expired_cost: 0,
    };
    let correct = |expired: &Expired| Write {
        mode: "adjust",
        tokens: tokens.saturating_sub(expired.tokens()),
        cost: ended.cost.saturating_sub(expired.cost),
        costs: costs(expired.cost),
        event: None,
        expired_cost: expired.cost,
    };
    end(remote, connection, ended.id, &ended.tenant, write, &ended.event, correct).await
}

async fn release(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    id: HoldId,
    tenant: &TenantId,
    stub: &UsageEvent,
) -> Result<(), Trouble> {
    let write = Write {
        mode: "release",
        tokens: 0,
        cost: 0,
        costs: Vec::new(),
        event: None,
        expired_cost: 0,
    };
    let correct = |expired: &Expired| Write {
        mode: "adjust",
        tokens: expired.tokens().saturating_neg(),
        cost: expired.cost.saturating_neg(),
        costs: Vec::new(),
        event: None,
        expired_cost: expired.cost,
    };
    match end(remote, connection, id, tenant, write, stub, correct).await {
        // With the counters, the hold is gone too.
        Err(Trouble::Lost) => Ok(()),
        result => result,
    }
}

/// One call of the settle script.
struct Write<'a> {
    mode: &'static str,
    tokens: i64,
    cost: i64,
    costs: Vec<(&'a Counter, i64)>,
    event: Option<&'a UsageEvent>,
    expired_cost: i64,
}

/// What a sweep charged.
struct Expired {
    cost: i64,
    input: u64,
    output: u64,
}

impl Expired {
    fn tokens(&self) -> i64 {
        i64::try_from(self.input.saturating_add(self.output)).unwrap_or(i64::MAX)
    }
}

async fn end<'a>(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    id: HoldId,
    tenant: &TenantId,
    mut write: Write<'a>,
    event: &'a UsageEvent,
    correct: impl Fn(&Expired) -> Write<'a>,
) -> Result<(), Trouble> {
    let partition = Partition::of(tenant);
    let mut adjustment = None;
    for _ in 0..QUESTIONS_MAX {
        let epoch = remote.epochs.get(connection, partition).await?;
        let event_text = match adjustment.as_ref().or(write.event) {
            Some(event) if remote.stream => json(event)?,
            _ => String::new(),
        };
        let answer = call(remote, connection, partition, &epoch, id, &write, event_text).await?;
        let mut words = answer.iter().map(String::as_str);
        match words.next() {
            Some("OK") => {
                tell(tenant, &write.costs, words);
                return Ok(());
            }
            Some("DUP") => return Ok(()),
            Some("EPOCH") => remote.epochs.changed(partition, words.next().unwrap_or_default())?,
            Some("EXPIRED") => {
                let expired = expired(words.next(), words.next()).ok_or(Trouble::Nonsense)?;
                write = correct(&expired);
                adjustment = Some(adjusting(event, &write, &expired));
            }
            _ => return Err(Trouble::Nonsense),
        }
    }
    Err(Trouble::Nonsense)
}

async fn call(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    partition: Partition,
    epoch: &str,
    id: HoldId,
    write: &Write<'_>,
    event: String,
) -> Result<Vec<String>, Trouble> {
    let mut call = remote.scripts.settle.prepare_invoke();
    call.key(partition.epoch())
        .key(partition.hold(id.0))
        .key(partition.deadlines())
        .key(partition.stream());
    call.arg(epoch)
        .arg(write.mode)
        .arg(exact(write.tokens))
        .arg(exact(write.cost))
        .arg(event)
        .arg(exact(write.expired_cost));
    for (counter, cost) in &write.costs {
        call.key(counter.key.as_str()).arg(counter.expires_ms.unwrap_or(0)).arg(exact(*cost));
    }
    let answer: Value = call.invoke_async(connection).await?;
    texts(answer).ok_or(Trouble::Nonsense)
}

/// Reports the budgets that reached an alert: the script names key, before and after.
fn tell<'w>(
    tenant: &TenantId,
    costs: &[(&Counter, i64)],
    mut words: impl Iterator<Item = &'w str>,
) {
    while let (Some(key), Some(before), Some(after)) = (words.next(), words.next(), words.next()) {
        let budget = costs
            .iter()
            .find(|(counter, _)| counter.key == key)
            .and_then(|(counter, _)| counter.budget.as_ref());
        if let (Some(budget), Ok(before), Ok(after)) = (budget, before.parse(), after.parse()) {
            alerts::report(tenant, budget, before, after);
        }
    }
}

fn expired(cost: Option<&str>, usage: Option<&str>) -> Option<Expired> {
    let (input, output) = usage?.split_once(',')?;
    Some(Expired {
        cost: cost?.parse().ok()?,
        input: input.parse().ok()?,
        output: output.parse().ok()?,
    })
}

/// The correction of an event that a sweep wrote: what is missing to the truth. Tokens that the sweep counted too many
/// cannot be taken back in a count that has no sign; money can.
fn adjusting(event: &UsageEvent, write: &Write, expired: &Expired) -> UsageEvent {
    let usage =
        if write.costs.is_empty() && write.cost <= 0 { Usage::default() } else { event.usage };
    UsageEvent {
        id: format!("{}:1", event.id),
        adjusts: Some(event.id.clone()),
        usage: Usage {
            input_uncached: usage.input_uncached.saturating_sub(expired.input),
            output: usage.output.saturating_sub(expired.output),
            requests: 0,
            ..usage
        },
        cost_nano_usd: NanoUsd::new(write.cost),
        list_cost_nano_usd: NanoUsd::new(write.cost),
        ..event.clone()
    }
}

fn json(event: &UsageEvent) -> Result<String, Trouble> {
    serde_json::to_string(event).map_err(|_| Trouble::Nonsense)
}
