//! Reads usage events from the streams in Redis and has them stored. Any number of control planes do it at once: an
//! entry is delivered to one of them, and to another if that one does not finish. An event that is delivered twice is
//! stored once. An entry leaves its stream when it is committed, never before.

use super::{
    Stop,
    ingest::{self, Dead, blames_an_event},
};
use crate::{
    domain::ledger::read_event,
    state::State,
    store::{StoreError, usage::intake::EventRow},
};
use chrono::NaiveDate;
use redis::{
    AsyncConnectionConfig, Client, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
    streams::{
        StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamPendingCountReply,
        StreamReadReply,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};
use tollgate_contract::counter_keys::{Partition, USAGE_FIELD, USAGE_GROUP};

/// Entries of one stream per read.
const READ_COUNT: usize = 500;
/// How long a read waits for the first entry.
const READ_WAIT_MS: usize = 500;
/// Entries of one transaction.
const BATCH: usize = 1000;
const CLAIM_EVERY: Duration = Duration::from_secs(5);
/// Whoever read an entry has this long to store it.
const CLAIM_AFTER_MS: usize = 10_000;
/// An event that the database refuses this often is put aside.
const DELIVERIES_MAX: usize = 5;
const WAIT_FIRST: Duration = Duration::from_millis(200);
const WAIT_LONGEST: Duration = Duration::from_secs(5);
/// A consumer that was silent this long has ended.
const CONSUMER_GONE_MS: usize = 86_400_000;

/// Reads until it is told to stop; survives outages of Redis and Postgres.
pub async fn run(state: State, mut stop: Stop) {
    let client = match Client::open(state.settings.redis_url.as_str()) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "Usage is not taken in: REDIS_URL cannot be used");
            return;
        }
    };
    let mut consumer = Consumer::new(state, client);
    let mut outage: Option<Instant> = None;
    let mut wait = WAIT_FIRST;
    while !stop.is_told() {
        match consumer.round(&stop).await {
            Ok(()) => {
                if let Some(since) = outage.take() {
                    let seconds = since.elapsed().as_secs();
                    tracing::info!(seconds, "Usage is taken in again");
                }
                wait = WAIT_FIRST;
            }
            Err(trouble) => {
                if matches!(trouble, Trouble::Redis(_)) {
                    consumer.connection = None;
                }
                if outage.is_none() {
                    tracing::warn!(error = %trouble, "Usage cannot be taken in ({trouble}): it waits in Redis, and is tried again");
                    outage = Some(Instant::now());
                }
                stop.sleep(wait).await;
                wait = WAIT_LONGEST.min(wait * 2);
            }
        }
    }
}

/// What keeps usage from being taken in.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    #[error("Postgres: {0}")]
    Store(#[from] StoreError),
}

/// An entry of a stream.
#[derive(Debug)]
struct Entry {
    partition: Partition,
    id: String,
    payload: Result<String, String>,
}

struct Consumer {
    state: State,
    client: Client,
    /// Of its own: reads wait in it.
    connection: Option<MultiplexedConnection>,
    name: String,
    partitions: HashMap<String, Partition>,
    /// Read and not yet stored.
    backlog: Vec<Entry>,
    /// Where claiming goes on in each partition.
    cursors: Vec<String>,
    claim_at: Instant,
    days: BTreeSet<NaiveDate>,
}

impl Consumer {
    fn new(state: State, client: Client) -> Self {
        Self {
            state,
            client,
            connection: None,
            name: uuid::Uuid::now_v7().to_string(),
            partitions: Partition::all().map(|partition| (partition.stream(), partition)).collect(),
            backlog: Vec::new(),
            cursors: vec!["0-0".to_owned(); usize::from(Partition::COUNT)],
            claim_at: Instant::now(),
            days: BTreeSet::new(),
        }
    }

    /// What was read is stored before more is read, so that no more than one read's entries are ever in memory.
    async fn round(&mut self, stop: &Stop) -> Result<(), Trouble> {
        let mut redis = self.connect().await?;
        if self.backlog.is_empty() {
            let entries = if self.claim_at <= Instant::now() {
                self.claim(&mut redis).await
            } else {
                self.read(&mut redis).await
            };
            self.backlog = match entries {
                Err(error) if is_no_group(&error) => {
                    make_groups(&mut redis).await?;
                    Vec::new()
                }
                entries => entries?,
            };
        }
        while !self.backlog.is_empty() {
            let count = self.backlog.len().min(BATCH);
            let done = self.take_in(&mut redis, count).await?;
            self.backlog.drain(..count);
            acknowledge(&mut redis, &done).await?;
            if stop.is_told() {
                // The rest is delivered to another control plane, or to this one when it starts again.
                self.backlog.clear();
            }
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<MultiplexedConnection, RedisError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(10)));
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await?;
        make_groups(&mut connection).await?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    async fn read(&self, redis: &mut MultiplexedConnection) -> Result<Vec<Entry>, RedisError> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP")
            .arg(USAGE_GROUP)
            .arg(&self.name)
            .arg("COUNT")
            .arg(READ_COUNT)
            .arg("BLOCK")
            .arg(READ_WAIT_MS);
        read.arg("STREAMS");
        for partition in Partition::all() {
            read.arg(partition.stream());
        }
        for _ in Partition::all() {
            read.arg(">");
        }
        let reply: Option<StreamReadReply> = read.query_async(redis).await?;
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        let entries = keys.into_iter().filter_map(|key| {
            let partition = *self.partitions.get(&key.key)?;
            Some(key.ids.into_iter().map(move |id| Entry::of(partition, id)))
        });
        Ok(entries.flatten().collect())
    }

    /// Takes over what others read and did not store, ourselves before a restart among them.
    async fn claim(&mut self, redis: &mut MultiplexedConnection) -> Result<Vec<Entry>, RedisError> {
        let mut claim = redis::pipe();
        for (partition, cursor) in Partition::all().zip(&self.cursors) {
            claim
                .cmd("XAUTOCLAIM")
                .arg(partition.stream())
                .arg(USAGE_GROUP)
                .arg(&self.name)
                .arg(CLAIM_AFTER_MS);
            claim.arg(cursor).arg("COUNT").arg(READ_COUNT);
        }
        let replies: Vec<StreamAutoClaimReply> = claim.query_async(redis).await?;
        let mut entries = Vec::new();
        let mut more = false;
        for ((partition, cursor), reply) in Partition::all().zip(&mut self.cursors).zip(replies) {
            more |= reply.next_stream_id != "0-0";
            *cursor = reply.next_stream_id;
            entries.extend(reply.claimed.into_iter().map(|id| Entry::of(partition, id)));
        }
        self.claim_at = Instant::now() + if more { Duration::ZERO } else { CLAIM_EVERY };
        Ok(entries)
    }

    /// Stores the first entries of the backlog. Tells which are done.
    async fn take_in(
        &mut self,
        redis: &mut MultiplexedConnection,
        count: usize,
    ) -> Result<Vec<(Partition, String)>, Trouble> {
        let (mut rows, mut places, mut dead, mut done) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for entry in self.backlog.iter().take(count) {
            match entry.payload.as_deref().map_err(String::clone).and_then(read_event) {
                Ok(row) => {
                    rows.push(row);
                    places.push(entry);
                }
                Err(error) => {
                    dead.push(entry.dead(error));
                    done.push((entry.partition, entry.id.clone()));
                }
            }
        }
        let stored = match ingest::ensure_days(&self.state.db, &mut self.days, &rows).await {
            Ok(()) => ingest::store(&self.state.db, &rows, &dead).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(()) => {
                done.extend(places.iter().map(|entry| (entry.partition, entry.id.clone())));
                dead.iter().for_each(tell);
                Ok(done)
            }
            Err(error) if blames_an_event(&error) => {
                // A partition may have been dropped meanwhile.
                self.days.clear();
                ingest::store(&self.state.db, &[], &dead).await?;
                dead.iter().for_each(tell);
                for (row, entry) in rows.iter().zip(places) {
                    if self.take_in_alone(redis, row, entry).await? {
                        done.push((entry.partition, entry.id.clone()));
                    }
                }
                Ok(done)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One event by itself. `false`: it is refused, and stays to be delivered again.
    async fn take_in_alone(
        &self,
        redis: &mut MultiplexedConnection,
        row: &EventRow,
        entry: &Entry,
    ) -> Result<bool, Trouble> {
        let rows = std::slice::from_ref(row);
        let db = &self.state.db;
        let stored = match ingest::ensure_days(db, &mut BTreeSet::new(), rows).await {
            Ok(()) => ingest::store(db, rows, &[]).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(()) => Ok(true),
            Err(error) if blames_an_event(&error) => {
                if deliveries(redis, entry).await? < DELIVERIES_MAX {
                    return Ok(false);
                }
                let dead = entry.dead(error.to_string());
                ingest::store(db, &[], std::slice::from_ref(&dead)).await?;
                tell(&dead);
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn tell(dead: &Dead) {
    tracing::warn!(
        partition = dead.partition,
        stream_id = dead.stream_id,
        error = dead.error,
        "A usage event cannot be taken in: it is kept in usage_dead"
    );
}

impl Entry {
    fn of(partition: Partition, id: StreamId) -> Self {
        let payload = match id.map.get(USAGE_FIELD) {
            Some(Value::BulkString(bytes)) => {
                String::from_utf8(bytes.clone()).map_err(|_| "no UTF-8".to_owned())
            }
            Some(Value::SimpleString(text)) => Ok(text.clone()),
            _ => Err(format!("no field \"{USAGE_FIELD}\"")),
        };
        Self { partition, id: id.id, payload }
    }

    fn dead(&self, error: String) -> Dead {
        Dead {
            partition: i16::try_from(self.partition.index()).unwrap_or(i16::MAX),
            stream_id: self.id.clone(),
            payload: self.payload.clone().unwrap_or_default().replace('\0', "\u{fffd}"),
            error: error.replace('\0', "\u{fffd}"),
        }
    }
}

/// How often an entry was delivered.
async fn deliveries(redis: &mut MultiplexedConnection, entry: &Entry) -> Result<usize, RedisError> {
    let mut pending = redis::cmd("XPENDING");
    pending.arg(entry.partition.stream()).arg(USAGE_GROUP).arg(&entry.id).arg(&entry.id).arg(1);
    let reply: StreamPendingCountReply = pending.query_async(redis).await?;
    Ok(reply.ids.first().map_or(0, |pending| pending.times_delivered))
}

/// Takes entries out of their streams and notes how far each stream is committed. If this fails, they are delivered
/// again and found to be stored.
async fn acknowledge(
    redis: &mut MultiplexedConnection,
    done: &[(Partition, String)],
) -> Result<(), RedisError> {
    let mut by_partition: BTreeMap<Partition, Vec<&str>> = BTreeMap::new();
    for (partition, id) in done {
        by_partition.entry(*partition).or_default().push(id);
    }
    if by_partition.is_empty() {
        return Ok(());
    }
    let mut pipe = redis::pipe();
    for (partition, ids) in by_partition {
        let stream = partition.stream();
        pipe.cmd("XACK").arg(&stream).arg(USAGE_GROUP).arg(&ids).ignore();
        pipe.cmd("XDEL").arg(&stream).arg(&ids).ignore();
        if let Some(last) = ids.iter().max_by_key(|id| stream_order(id)) {
            pipe.cmd("SET").arg(format!("{partition}wm")).arg(*last).ignore();
        }
    }
    pipe.exec_async(redis).await
}

/// Ids of entries are numbers, `milliseconds-sequence`.
fn stream_order(id: &str) -> (u64, u64) {
    let (ms, sequence) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), sequence.parse().unwrap_or(0))
}

fn is_no_group(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.to_string().contains("NOGROUP")
}

/// Makes the group in every stream, and the streams. It begins at the first entry.
async fn make_groups(redis: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut pipe = redis::pipe();
    pipe.ignore_errors();
    for partition in Partition::all() {
        pipe.cmd("XGROUP")
            .arg("CREATE")
            .arg(partition.stream())
            .arg(USAGE_GROUP)
            .arg("0")
            .arg("MKSTREAM");
    }
    let made: Vec<RedisResult<Value>> = pipe.query_async(redis).await?;
    for result in made {
        match result {
            Err(error) if error.code() != Some("BUSYGROUP") => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Forgets the consumers of control planes that have ended. Those with entries are kept: their entries are still
/// claimed.
pub async fn forget_consumers(state: &State) -> Result<(), RedisError> {
    let mut redis = state.redis.clone();
    for partition in Partition::all() {
        let stream = partition.stream();
        let mut info = redis::cmd("XINFO");
        info.arg("CONSUMERS").arg(&stream).arg(USAGE_GROUP);
        let reply: StreamInfoConsumersReply = info.query_async(&mut redis).await?;
        for consumer in reply.consumers {
            if consumer.pending == 0 && consumer.idle > CONSUMER_GONE_MS {
                let mut forget = redis::cmd("XGROUP");
                forget.arg("DELCONSUMER").arg(&stream).arg(USAGE_GROUP).arg(&consumer.name);
                forget.exec_async(&mut redis).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_ordered_as_numbers() {
        let mut ids = ["10-2", "9-11", "10-10", "9-9"];
        ids.sort_by_key(|id| stream_order(id));
        assert_eq!(ids, ["9-9", "9-11", "10-2", "10-10"]);
    }
}
