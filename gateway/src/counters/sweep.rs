//! Ends the holds of nodes that fell silent. Every node looks; whoever comes first ends a hold, the others find it gone.

use super::{answer::texts, connection::Trouble, keys::Partition, remote::Remote};
use redis::{Value, aio::MultiplexedConnection};
use std::{collections::HashMap, time::Duration};
use tollgate_contract::{event::UsageEvent, money::NanoUsd, usage::Usage};

/// Holds of a partition ended in one round.
const AT_ONCE: usize = 100;

/// Runs until it is dropped.
pub(super) async fn run(remote: &Remote) {
    loop {
        // Jitter keeps the nodes from looking all at once.
        tokio::time::sleep(remote.timing.sweep.mul_f64(0.75 + 0.5 * rand::random::<f64>())).await;
        if remote.health.is_open() {
            remote.health.heard(false);
            continue;
        }
        let result = tokio::time::timeout(Duration::from_secs(2), sweep(remote))
            .await
            .unwrap_or(Err(Trouble::TimedOut));
        remote.health.heard(!result.as_ref().is_err_and(Trouble::is_outage));
        if let Err(trouble) = result {
            if trouble.is_outage() {
                remote.line.broke();
            }
            remote.health.failed(&trouble);
        }
    }
}

async fn sweep(remote: &Remote) -> Result<(), Trouble> {
    let mut connection = remote.line.connection(&remote.client, &remote.health).await?;
    for (partition, hold) in overdue(&mut connection).await? {
        match expire(remote, &mut connection, partition, &hold).await {
            // Not ours to mend, and no reason to leave the others.
            Ok(()) | Err(Trouble::Lost) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

/// The holds whose deadline is over by the clock of Redis.
async fn overdue(
    connection: &mut MultiplexedConnection,
) -> Result<Vec<(Partition, String)>, Trouble> {
    let (seconds, _): (i64, i64) = redis::cmd("TIME").query_async(connection).await?;
    let mut look = redis::pipe();
    for partition in Partition::all() {
        look.cmd("ZRANGEBYSCORE")
            .arg(partition.deadlines())
            .arg("-inf")
            .arg(seconds * 1000)
            .arg("LIMIT")
            .arg(0)
            .arg(AT_ONCE);
    }
    let found: Vec<Vec<String>> = look.query_async(connection).await?;
    Ok(Partition::all()
        .zip(found)
        .flat_map(|(partition, holds)| holds.into_iter().map(move |hold| (partition, hold)))
        .collect())
}

async fn expire(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    partition: Partition,
    hold: &str,
) -> Result<(), Trouble> {
    let epoch = remote.epochs.existing(connection, partition).await?;
    let known: HashMap<String, String> =
        redis::cmd("HGETALL").arg(hold).query_async(connection).await?;
    let charged = Charged::of(&known);
    let event = match known.get("ev").filter(|text| !text.is_empty()) {
        Some(text) if remote.stream => charged.event(text).ok_or(Trouble::Nonsense)?,
        _ => String::new(),
    };
    let mut call = remote.scripts.expire.prepare_invoke();
    call.key(partition.epoch()).key(hold).key(partition.deadlines()).key(partition.stream());
    call.arg(&*epoch).arg(known.get("sp").map_or("0", String::as_str));
    call.arg(charged.cost)
        .arg(charged.input)
        .arg(charged.output)
        .arg(charged.input.saturating_add(charged.output))
        .arg(event);
    let answer: Value = call.invoke_async(connection).await?;
    let words = texts(answer).ok_or(Trouble::Nonsense)?;
    match words.first().map(String::as_str) {
        Some("OK") => {
            tracing::warn!(
                hold,
                cost_nano_usd = charged.cost,
                "A hold was swept: its gateway fell silent"
            );
            Ok(())
        }
        Some("EPOCH") => remote.epochs.changed(partition, words.get(1).map_or("", String::as_str)),
        _ => Ok(()),
    }
}

/// What a swept hold is charged: what its last heartbeat told, else its prompt.
struct Charged {
    /// Whether a heartbeat told anything.
    reported: bool,
    cost: i64,
    input: u64,
    output: u64,
}

impl Charged {
    fn of(known: &HashMap<String, String>) -> Self {
        let number = |name: &str| known.get(name).and_then(|text| text.parse::<i64>().ok());
        let usage = known.get("pu").and_then(|text| text.split_once(','));
        let (input, output) = usage.unwrap_or(("0", "0"));
        Self {
            reported: known.contains_key("pr"),
            cost: number("pr").or_else(|| number("ic")).unwrap_or(0),
            input: input.parse().unwrap_or(0),
            output: output.parse().unwrap_or(0),
        }
    }

    fn event(&self, stub: &str) -> Option<String> {
        let event: UsageEvent = serde_json::from_str(stub).ok()?;
        // Without any report the stub's own estimate of the prompt stands.
        let usage = if self.reported {
            Usage {
                input_uncached: self.input,
                output: self.output,
                requests: 1,
                ..Usage::default()
            }
        } else {
            event.usage
        };
        let event = UsageEvent {
            status: 499,
            error: Some("expired".to_owned()),
            usage,
            cost_nano_usd: NanoUsd::new(self.cost),
            list_cost_nano_usd: NanoUsd::new(self.cost),
            estimated: true,
            ..event
        };
        serde_json::to_string(&event).ok()
    }
}
