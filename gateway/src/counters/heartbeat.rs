//! Keeps the holds of this process alive, and tells Redis what their requests used so far.

use super::{
    answer::{exact, millis, texts},
    connection::Trouble,
    memory::lock,
    remote::Remote,
    types::{Hold, HoldId, Progress},
};
use redis::{Value, aio::MultiplexedConnection};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, Weak, atomic::Ordering::Relaxed},
    time::Instant,
};
use tollgate_contract::counter_keys::Partition;

/// Holds per call, so that no script takes long.
const BATCH: usize = 100;

/// The open holds of this process that Redis knows.
#[derive(Debug, Default)]
pub(super) struct Beats {
    holds: Mutex<HashMap<HoldId, Beat>>,
}

#[derive(Debug)]
struct Beat {
    partition: Partition,
    /// Weak: a hold that was dropped without a settlement falls silent and is swept.
    progress: Weak<Progress>,
    /// When Redis last heard of it: when it was granted, or touched.
    heard: Instant,
    step: u64,
}

/// What one hold reports.
struct Report {
    id: HoldId,
    step: u64,
    cost: i64,
    input: u64,
    output: u64,
}

impl Beats {
    pub(super) fn add(&self, hold: &Hold) {
        let beat = Beat {
            partition: Partition::of(&hold.tenant),
            progress: std::sync::Arc::downgrade(&hold.progress),
            heard: Instant::now(),
            step: 0,
        };
        lock(&self.holds).insert(hold.id, beat);
    }

    pub(super) fn remove(&self, id: HoldId) {
        lock(&self.holds).remove(&id);
    }

    /// What is due: holds that are older than a heartbeat. Most are settled before.
    fn reports(&self, remote: &Remote) -> BTreeMap<Partition, Vec<Report>> {
        let mut due: BTreeMap<Partition, Vec<Report>> = BTreeMap::new();
        lock(&self.holds).retain(|id, beat| {
            let Some(progress) = beat.progress.upgrade() else { return false };
            if remote.timing.heartbeat <= beat.heard.elapsed() {
                beat.heard = Instant::now();
                beat.step += 1;
                due.entry(beat.partition).or_default().push(Report {
                    id: *id,
                    step: beat.step,
                    cost: progress.cost_nano_usd.load(Relaxed),
                    input: progress.input_tokens.load(Relaxed),
                    output: progress.output_tokens.load(Relaxed),
                });
            }
            true
        });
        due
    }
}

/// Runs until it is dropped.
pub(super) async fn run(remote: &Remote) {
    loop {
        // After an outage at once: the sweepers of all nodes are waiting.
        let _ =
            tokio::time::timeout(remote.timing.heartbeat / 5, remote.health.recovered.notified())
                .await;
        if remote.health.is_open() {
            continue;
        }
        if let Err(trouble) = beat(remote).await {
            if trouble.is_outage() {
                remote.line.broke();
            }
            remote.health.failed(&trouble);
        }
    }
}

async fn beat(remote: &Remote) -> Result<(), Trouble> {
    let due = remote.beats.reports(remote);
    if due.is_empty() {
        return Ok(());
    }
    let mut connection = remote.line.connection(&remote.client, &remote.health).await?;
    for (partition, reports) in due {
        for reports in reports.chunks(BATCH) {
            touch(remote, &mut connection, partition, reports).await?;
        }
    }
    Ok(())
}

async fn touch(
    remote: &Remote,
    connection: &mut MultiplexedConnection,
    partition: Partition,
    reports: &[Report],
) -> Result<(), Trouble> {
    let epoch = match remote.epochs.existing(connection, partition).await {
        // Nothing to keep alive.
        Err(Trouble::Lost) => return Ok(()),
        other => other?,
    };
    let count = |tokens: u64| exact(i64::try_from(tokens).unwrap_or(i64::MAX));
    let mut call = remote.scripts.touch.prepare_invoke();
    call.key(partition.epoch()).key(partition.deadlines());
    call.arg(&*epoch).arg(millis(remote.timing.hold_ttl));
    for report in reports {
        call.key(partition.hold(report.id.0));
        call.arg(report.step)
            .arg(exact(report.cost))
            .arg(count(report.input))
            .arg(count(report.output));
    }
    let answer: Value = call.invoke_async(connection).await?;
    let words = texts(answer).ok_or(Trouble::Nonsense)?;
    match words.first().map(String::as_str) {
        Some("OK") => {
            // A hold that is gone was swept; its settlement will be an adjustment.
            for (report, word) in reports.iter().zip(words.iter().skip(1)) {
                if word == "GONE" {
                    remote.beats.remove(report.id);
                }
            }
            Ok(())
        }
        Some("EPOCH") => {
            // These holds are gone with their counters. A loss is told there, and concerns no other partition.
            let _ = remote.epochs.changed(partition, words.get(1).map_or("", String::as_str));
            Ok(())
        }
        _ => Err(Trouble::Nonsense),
    }
}
