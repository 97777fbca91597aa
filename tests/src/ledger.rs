//! Reads what gateways keep in Redis: counters, holds and usage events.

use crate::redis_server::RedisServer;
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tollgate_contract::{counter_keys::Partition, ids::TenantId};

/// A look into a gateway's Redis.
#[derive(Debug)]
pub struct Ledger {
    redis: MultiplexedConnection,
}

/// The state of one budget's window, in nano-USD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetReading {
    /// Charged.
    pub settled: i64,
    /// Reserved.
    pub held: i64,
}

impl Ledger {
    /// Connects.
    pub async fn open(server: &RedisServer) -> Self {
        let client = redis::Client::open(server.url()).expect("the server has a valid URL");
        Self { redis: client.get_multiplexed_async_connection().await.expect("redis answers") }
    }

    /// The sums over all windows of the budget with this name.
    pub async fn budget(&mut self, name: &str) -> BudgetReading {
        let mut sum = BudgetReading::default();
        for key in self.keys(&format!("tg1:*:b:*:bud:{name}:*")).await {
            let fields: HashMap<String, i64> =
                self.redis.hgetall(&key).await.expect("a budget is a hash of numbers");
            sum.settled += fields.get("s").copied().unwrap_or(0);
            sum.held += fields.get("h").copied().unwrap_or(0);
        }
        sum
    }

    /// How many holds are open.
    pub async fn open_holds(&mut self) -> usize {
        let mut open = 0;
        for key in self.keys("tg1:*:hx").await {
            open +=
                self.redis.zcard::<_, usize>(&key).await.expect("the deadlines are a sorted set");
        }
        open
    }

    /// All usage events, oldest first in each partition.
    pub async fn events(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        for key in self.keys("tg1:*:u").await {
            let entries: redis::streams::StreamRangeReply =
                self.redis.xrange_all(&key).await.expect("the events are a stream");
            for entry in entries.ids {
                let text: String = entry.get("event").expect("an entry has an event");
                events.push(serde_json::from_str(&text).expect("an event is JSON"));
            }
        }
        events
    }

    /// Puts a usage event into its tenant's stream, as a settle does.
    pub async fn append_event(&mut self, event: &str) {
        let value: Value = serde_json::from_str(event).expect("an event is JSON");
        let tenant = value["tenant"].as_str().expect("an event has a tenant");
        let partition = Partition::of(&TenantId::new(tenant));
        self.append_raw(&partition.stream(), event).await;
    }

    /// Puts any text into a stream of events.
    pub async fn append_raw(&mut self, stream: &str, text: &str) {
        let _: String =
            self.redis.xadd(stream, "*", &[("event", text)]).await.expect("a stream takes entries");
    }

    /// Every key with its value.
    pub async fn dump(&mut self) -> String {
        let mut all = String::new();
        for key in self.keys("*").await {
            let kind: String = redis::cmd("TYPE")
                .arg(&key)
                .query_async(&mut self.redis)
                .await
                .expect("a key has a type");
            let read = match kind.as_str() {
                "hash" => redis::cmd("HGETALL").arg(&key).to_owned(),
                "zset" => redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).to_owned(),
                "stream" => redis::cmd("XRANGE").arg(&key).arg("-").arg("+").to_owned(),
                _ => redis::cmd("GET").arg(&key).to_owned(),
            };
            let value: redis::Value =
                read.query_async(&mut self.redis).await.expect("a key has a value");
            all.push_str(&format!("{key} {value:?}\n"));
        }
        all
    }

    /// Waits until no hold is open and `count` events are there; panics after `limit`.
    pub async fn until_settled(&mut self, count: usize, limit: Duration) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let (events, open) = (self.events().await, self.open_holds().await);
            if open == 0 && events.len() >= count {
                return events;
            }
            let now = tokio::time::Instant::now();
            assert!(
                now < deadline,
                "after {limit:?}: {} of {count} events, {open} open holds",
                events.len()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn keys(&mut self, pattern: &str) -> Vec<String> {
        let mut keys: Vec<String> = self.redis.keys(pattern).await.expect("redis lists its keys");
        keys.sort();
        keys
    }
}
