//! Keeps this node's holds alive: every few seconds their deadlines move on, and what was used so far is noted for
//! whoever would have to sweep them.

use super::{
    answer::{exact, millis, texts},
    connection::Trouble,
    keys::Partition,
    memory::lock,
    remote::Remote,
    types::{Hold, HoldId, Progress},
};
use redis::{Value, aio::MultiplexedConnection};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Holds in one call.
const BATCH: usize = 100;

/// The holds of this node that Redis knows.
#[derive(Debug, Default)]
pub(super) struct Beats(Mutex<HashMap<HoldId, Beat>>);

#[derive(Debug, Clone)]
struct Beat {
    partition: Partition,
    /// When Redis last heard of it: when it was granted, or touched.
    heard: Instant,
    step: u64,
    progress: Arc<Progress>,
}

impl Beats {
    pub(super) fn add(&self, hold: &Hold) {
        let beat = Beat {
            partition: Partition::of(&hold.tenant),
            heard: Instant::now(),
            step: 0,
            progress: hold.progress.clone(),
        };
        lock(&self.0).insert(hold.id, beat);
    }

    pub(super) fn remove(&self, id: HoldId) {
        lock(&self.0).remove(&id);
    }

    /// Those that Redis has not heard of for that long; most requests end before.
    fn due(&self, age: Duration) -> HashMap<Partition, Vec<(HoldId, Beat)>> {
        let mut due: HashMap<Partition, Vec<(HoldId, Beat)>> = HashMap::new();
        for (id, beat) in lock(&self.0).iter_mut() {
            if age <= beat.heard.elapsed() {
                beat.heard = Instant::now();
                beat.step += 1;
                due.entry(beat.partition).or_default().push((*id, beat.clone()));
            }
        }
        due
    }
}

/// Runs until it is dropped.
pub(super) async fn run(remote: &Remote) {
    loop {
        // Looks more often than it beats, so that no hold waits for nearly two heartbeats.
        tokio::time::sleep(remote.timing.heartbeat / 5).await;
        if !remote.health.is_open()
            && let Err(trouble) = beat(remote).await
        {
            if trouble.is_outage() {
                remote.line.broke();
            }
            remote.health.failed(&trouble);
        }
    }
}

async fn beat(remote: &Remote) -> Result<(), Trouble> {
    let due = remote.beats.due(remote.timing.heartbeat);
    if due.is_empty() {
        return Ok(());
    }
    let mut connection = remote.line.connection(&remote.client, &remote.health).await?;
    for (partition, holds) in due {
        for batch in holds.chunks(BATCH) {
            touch(remote, &mut connection, partition, batch).await?;
        }
    }
    Ok(())
}

async fn touch(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    partition: Partition,
    holds: &[(HoldId, Beat)],
) -> Result<(), Trouble> {
    let epoch = remote.epochs.get(connection, partition).await?;
    let mut call = remote.scripts.touch.prepare_invoke();
    call.key(partition.epoch()).key(partition.deadlines());
    call.arg(&*epoch).arg(millis(remote.timing.hold_ttl));
    for (id, beat) in holds {
        call.key(partition.hold(id.0));
        call.arg(beat.step)
            .arg(exact(beat.progress.cost_nano_usd.load(Relaxed)))
            .arg(beat.progress.input_tokens.load(Relaxed))
            .arg(beat.progress.output_tokens.load(Relaxed));
    }
    let answer: Value = call.invoke_async(connection).await?;
    let words = texts(answer).ok_or(Trouble::Nonsense)?;
    match words.first().map(String::as_str) {
        Some("EPOCH") => remote.epochs.changed(partition, words.get(1).map_or("", String::as_str)),
        _ => {
            // A hold that is gone was swept; its settlement will be an adjustment.
            for ((id, _), word) in holds.iter().zip(words.iter().skip(1)) {
                if word == "GONE" {
                    remote.beats.remove(*id);
                }
            }
            Ok(())
        }
    }
}
