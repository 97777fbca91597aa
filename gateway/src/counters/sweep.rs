//! Ends the holds of gateways that fell silent. Every gateway sweeps every partition: races are harmless.

use super::{
    answer::{exact, texts},
    connection::Trouble,
    remote::Remote,
};
use redis::{Value, aio::MultiplexedConnection};
use std::time::{Duration, Instant};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{event::UsageEvent, money::NanoUsd, usage::Usage};

/// Holds per partition and sweep.
const BATCH: usize = 100;
/// The status of a request whose end nobody saw.
const STATUS: u16 = 499;

/// Runs until it is dropped.
pub(super) async fn run(remote: &Remote) {
    let mut sweeper =
        Sweeper { offset_ms: None, life: remote.health.life(), since: Instant::now() };
    loop {
        // Jitter: the nodes' sweeps spread.
        tokio::time::sleep(remote.timing.sweep.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
        if remote.health.is_open() {
            continue;
        }
        let result = sweeper.sweep(remote).await;
        if let Err(trouble) = &result {
            if trouble.is_outage() {
                remote.line.broke();
                remote.health.failed(trouble);
            } else if remote.server_errors.now() {
                tracing::error!("Abandoned holds cannot be swept ({trouble})");
            }
        }
        remote.health.heard(!result.is_err_and(|trouble| trouble.is_outage()));
    }
}

struct Sweeper {
    /// Redis's clock less ours.
    offset_ms: Option<i64>,
    life: u64,
    since: Instant,
}

/// A hold beyond its deadline.
struct Silent {
    partition: Partition,
    key: String,
}

impl Sweeper {
    async fn sweep(&mut self, remote: &Remote) -> Result<(), Trouble> {
        let mut connection = remote.line.connection(&remote.client, &remote.health).await?;
        let silent = self.find(&mut connection).await?;
        if self.just_recovered(remote) {
            return Ok(());
        }
        let mut result = Ok(());
        for hold in silent {
            match expire(remote, &mut connection, &hold).await {
                Ok(()) => {}
                Err(trouble) if trouble.is_outage() => return Err(trouble),
                // One hold that cannot be ended keeps no other open.
                Err(trouble) => result = Err(trouble),
            }
        }
        result
    }

    /// After an outage, holds look abandoned whose heartbeats could not arrive: those come first.
    fn just_recovered(&mut self, remote: &Remote) -> bool {
        if self.life != remote.health.life() {
            self.life = remote.health.life();
            self.since = Instant::now();
        }
        self.life != 0 && self.since.elapsed() < 2 * remote.timing.heartbeat
    }

    /// Asks all partitions at once, for Redis's time too: the next sweep asks with it.
    async fn find(
        &mut self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Vec<Silent>, Trouble> {
        let mut pipe = redis::pipe();
        pipe.cmd("TIME");
        if let Some(offset) = self.offset_ms {
            let now = own_ms().saturating_add(offset);
            for partition in Partition::all() {
                pipe.cmd("ZRANGEBYSCORE").arg(partition.deadlines()).arg("-inf").arg(now);
                pipe.arg("LIMIT").arg(0).arg(BATCH);
            }
        }
        let answer: Vec<Value> = pipe.query_async(connection).await?;
        let mut answer = answer.into_iter();
        let time = answer.next().and_then(texts).ok_or(Trouble::Nonsense)?;
        let time = time
            .iter()
            .map(|part| part.parse().ok())
            .collect::<Option<Vec<i64>>>()
            .ok_or(Trouble::Nonsense)?;
        let [seconds, micros] = time[..] else { return Err(Trouble::Nonsense) };
        self.offset_ms = Some((seconds * 1000 + micros / 1000).saturating_sub(own_ms()));
        let keys = |(partition, keys): (Partition, Value)| {
            let keys = texts(keys).unwrap_or_default();
            keys.into_iter().map(move |key| Silent { partition, key })
        };
        Ok(Partition::all().zip(answer).flat_map(keys).collect())
    }
}

/// Milliseconds of a clock that nobody sets.
fn own_ms() -> i64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let elapsed: Duration = START.elapsed();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

async fn expire(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    hold: &Silent,
) -> Result<(), Trouble> {
    let partition = hold.partition;
    let epoch = match remote.epochs.existing(connection, partition).await {
        // Deadlines without counters: nothing to give back.
        Err(Trouble::Lost) => return Ok(()),
        other => other?,
    };
    let mut fields = redis::cmd("HMGET");
    fields.arg(&hold.key).arg(&["sp", "pr", "ic", "pu", "ev"]);
    let [step, progress, input_cost, usage, stub]: [Option<String>; 5] =
        fields.query_async(connection).await?;
    let reported = usage.as_deref().and_then(read_usage).filter(|usage| *usage != (0, 0));
    // Without progress, what the prompt alone costs.
    let cost = progress.or(input_cost).and_then(|cost| cost.parse().ok()).unwrap_or(0);
    let event = stub
        .filter(|stub| remote.stream && !stub.is_empty())
        .and_then(|stub| event(&stub, cost, reported));
    // What the event says, so that a late settlement corrects just that.
    let (input, output) = match &event {
        Some(event) => (event.usage.input(), event.usage.total_output()),
        None => reported.unwrap_or_default(),
    };
    let event = event.map(|event| serde_json::to_string(&event)).transpose();
    let event = event.map_err(|_| Trouble::Nonsense)?;
    let mut call = remote.scripts.expire.prepare_invoke();
    call.key(partition.epoch()).key(&hold.key).key(partition.deadlines()).key(partition.stream());
    call.arg(&*epoch).arg(step.as_deref().unwrap_or("0")).arg(exact(cost)).arg(input).arg(output);
    call.arg(input.saturating_add(output)).arg(event.unwrap_or_default());
    let answer: Value = call.invoke_async(connection).await?;
    let words = texts(answer).ok_or(Trouble::Nonsense)?;
    match words.first().map(String::as_str) {
        Some("OK") => {
            tracing::warn!(hold = %hold.key, cost_nano_usd = cost, "A hold was abandoned: it was charged what it had reported")
        }
        Some("EPOCH") => {
            // A loss is told there, and concerns no other partition.
            let _ = remote.epochs.changed(partition, words.get(1).map_or("", String::as_str));
        }
        Some("ALIVE" | "GONE") => {}
        _ => return Err(Trouble::Nonsense),
    }
    Ok(())
}

fn read_usage(text: &str) -> Option<(u64, u64)> {
    let (input, output) = text.split_once(',')?;
    Some((input.parse().ok()?, output.parse().ok()?))
}

/// The event of a request whose end nobody saw.
fn event(stub: &str, cost: i64, reported: Option<(u64, u64)>) -> Option<UsageEvent> {
    let stub: UsageEvent = serde_json::from_str(stub)
        .inspect_err(|_| {
            tracing::error!(
                "The event of an abandoned hold cannot be read: only its charge is counted"
            )
        })
        .ok()?;
    // Without any report, the stub's own estimate of the prompt stands.
    let usage = match reported {
        None => stub.usage,
        Some((input_uncached, output)) => {
            Usage { input_uncached, output, requests: 1, ..Usage::default() }
        }
    };
    Some(UsageEvent {
        status: STATUS,
        error: Some("expired".to_owned()),
        usage,
        cost_nano_usd: NanoUsd::new(cost),
        list_cost_nano_usd: NanoUsd::new(cost),
        estimated: true,
        ..stub
    })
}
