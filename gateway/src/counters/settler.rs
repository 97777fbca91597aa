//! Writes settlements to Redis in the background, each until it is written. The client's last byte waits for none.

use super::{
    alerts,
    answer::{exact, texts},
    connection::Trouble,
    limits::{Counter, Kind},
    queue::{Ended, Job},
    remote::Remote,
    types::HoldId,
};
use futures_util::future::join_all;
use redis::{Value, aio::MultiplexedConnection};
use std::time::{Duration, Instant};
use tollgate_contract::counter_keys::Partition;
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
        Job::Settle(ended) => {
            let Ended { id, tenant, counters, cost, tokens, event } = &**ended;
            let tokens = i64::try_from(*tokens).unwrap_or(i64::MAX);
            let ending =
                Ending { id: *id, tenant, counters, cost: *cost, tokens, event, release: false };
            end(remote, &mut connection, &ending).await
        }
        Job::Release { id, tenant, stub } => {
            let ending = Ending {
                id: *id,
                tenant,
                counters: &[],
                cost: 0,
                tokens: 0,
                event: stub,
                release: true,
            };
            match end(remote, &mut connection, &ending).await {
                // With the counters, the hold is gone too.
                Err(Trouble::Lost) => Ok(()),
                result => result,
            }
        }
        Job::Event { partition, event } => {
            let mut add = redis::cmd("XADD");
            add.arg(partition.stream()).arg("*").arg("event").arg(json(event)?);
            Ok(add.exec_async(&mut connection).await?)
        }
    }
}

/// How a hold ends.
struct Ending<'a> {
    id: HoldId,
    tenant: &'a TenantId,
    counters: &'a [Counter],
    cost: i64,
    tokens: i64,
    event: &'a UsageEvent,
    /// Without event: the request went on under no hold.
    release: bool,
}

/// What a sweep charged for a hold whose settlement comes late.
#[derive(Debug, Default)]
struct Expired {
    cost: i64,
    input: u64,
    output: u64,
}

async fn end(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    ending: &Ending<'_>,
) -> Result<(), Trouble> {
    let partition = Partition::of(ending.tenant);
    let mut expired = None;
    for _ in 0..QUESTIONS_MAX {
        let epoch = remote.epochs.get(connection, partition).await?;
        let answer = ask(remote, connection, &epoch, ending, expired.as_ref()).await?;
        let mut words = answer.iter().map(String::as_str);
        match words.next() {
            Some("OK") => {
                tell(ending, &answer);
                return Ok(());
            }
            Some("DUP") => return Ok(()),
            Some("EPOCH") => remote.epochs.changed(partition, words.next().unwrap_or_default())?,
            Some("EXPIRED") => {
                expired = Some(read_expired(words.next(), words.next()).ok_or(Trouble::Nonsense)?)
            }
            _ => return Err(Trouble::Nonsense),
        }
    }
    Err(Trouble::Nonsense)
}

/// Calls the settle script; after an expiry with the differences to what was charged then.
async fn ask(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    epoch: &str,
    ending: &Ending<'_>,
    expired: Option<&Expired>,
) -> Result<Vec<String>, Trouble> {
    let (mode, event) = match (expired, ending.release) {
        (Some(expired), _) => ("adjust", Some(json(&adjustment(ending, expired))?)),
        (None, false) => ("settle", Some(json(ending.event)?)),
        (None, true) => ("release", None),
    };
    let none = Expired::default();
    let before = expired.unwrap_or(&none);
    let tokens_before =
        i64::try_from(before.input.saturating_add(before.output)).unwrap_or(i64::MAX);
    let difference = |cost: i64| exact(cost.saturating_sub(before.cost));
    let partition = Partition::of(ending.tenant);
    let mut call = remote.scripts.settle.prepare_invoke();
    call.key(partition.epoch())
        .key(partition.hold(ending.id.0))
        .key(partition.deadlines())
        .key(partition.stream());
    call.arg(epoch)
        .arg(mode)
        .arg(exact(ending.tokens.saturating_sub(tokens_before)))
        .arg(difference(ending.cost));
    call.arg(event.filter(|_| remote.stream).unwrap_or_default()).arg(before.cost);
    for counter in ending.counters.iter().filter(|counter| counter.kind == Kind::Budget) {
        call.key(counter.key.as_str());
        call.arg(counter.expires_ms.unwrap_or(0))
            .arg(difference(counter.charge(ending.cost, ending.event)));
    }
    let answer: Value = call.invoke_async(connection).await?;
    texts(answer).ok_or(Trouble::Nonsense)
}

fn read_expired(cost: Option<&str>, usage: Option<&str>) -> Option<Expired> {
    let (input, output) = usage?.split_once(',')?;
    Some(Expired {
        cost: cost?.parse().ok()?,
        input: input.parse().ok()?,
        output: output.parse().ok()?,
    })
}

/// The correction of an event that a sweep wrote: amounts are differences.
fn adjustment(ending: &Ending<'_>, expired: &Expired) -> UsageEvent {
    let event = ending.event;
    let charged = NanoUsd::new(expired.cost);
    // A released hold used nothing; its stub carries the prompt's estimate.
    let used = if ending.release { Usage::default() } else { event.usage };
    // Counts of tokens cannot be negative in an event: where the sweep charged more of one kind, it stays.
    let usage = Usage {
        input_uncached: used.input_uncached.saturating_sub(expired.input),
        output: used.output.saturating_sub(expired.output),
        requests: used.requests.saturating_sub(1),
        ..used
    };
    UsageEvent {
        id: format!("{}:1", event.id),
        adjusts: Some(event.id.clone()),
        usage,
        cost_nano_usd: event.cost_nano_usd.saturating_sub(charged),
        list_cost_nano_usd: event.list_cost_nano_usd.saturating_sub(charged),
        ..event.clone()
    }
}

/// Raises the alerts of budgets: the answer names each with what was seen before and what it stands at now.
fn tell(ending: &Ending<'_>, answer: &[String]) {
    for budget in answer.get(1..).unwrap_or_default().chunks_exact(3) {
        let [key, before, after] = budget else { continue };
        let counter = ending.counters.iter().find(|counter| counter.key == *key);
        let budget = counter.and_then(|counter| counter.budget.as_ref());
        if let (Some(budget), Ok(before), Ok(after)) = (budget, before.parse(), after.parse()) {
            alerts::report(ending.tenant, budget, before, after);
        }
    }
}

fn json(event: &UsageEvent) -> Result<String, Trouble> {
    serde_json::to_string(event).map_err(|_| Trouble::Nonsense)
}
