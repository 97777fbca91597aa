//! A Redis of a test's own, and nodes that use it. The server ends with the test.

use super::{
    Backend, Counters, CountersConfig, Shared,
    fixture::{event, request},
    remote::Timing,
    types::{Hold, HoldId, LimitRequest, Refusal, Settlement},
};
use redis::{FromRedisValue, aio::MultiplexedConnection};
use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{event::UsageEvent, ids::TenantId, money::NanoUsd, secret::Secret};
use uuid::Uuid;

/// Holds fall silent soon, and everything looks often.
pub(super) const HASTY: Timing = Timing {
    hold_ttl: Duration::from_millis(600),
    heartbeat: Duration::from_millis(100),
    sweep: Duration::from_millis(50),
};

/// A `redis-server` in a directory of its own, reached through a socket there.
pub(super) struct Server {
    directory: PathBuf,
    process: Option<Child>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("tollgate-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&directory).expect("a directory");
        let mut server = Self { directory, process: None };
        server.run().await;
        server
    }

    /// Starts it, again perhaps: what its append-only file says is there.
    pub(super) async fn run(&mut self) {
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--maxmemory-policy", "noeviction", "--unixsocket", "redis.sock"])
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(process);
        until("Redis answers", || async { self.ask::<String>(&["PING"]).await.is_ok() }).await;
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// `STOP` or `CONT`.
    pub(super) fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(status.success());
    }

    pub(super) fn url(&self) -> String {
        format!("unix://{}", self.directory.join("redis.sock").display())
    }

    async fn connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = self.connection().await?;
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        command.query_async(&mut connection).await
    }

    pub(super) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.ask(words).await.expect("Redis answers")
    }

    /// Settled and held of a budget of `tenant` in its window that never ends.
    pub(super) async fn spent(&self, tenant: &TenantId, budget: &str) -> (i64, i64) {
        let key = format!("{}b:{tenant}:bud:{budget}:t", Partition::of(tenant));
        let (settled, held): (Option<i64>, Option<i64>) =
            self.command(&["HMGET", &key, "s", "h"]).await;
        (settled.unwrap_or(0), held.unwrap_or(0))
    }

    pub(super) async fn under_way(&self, tenant: &TenantId) -> i64 {
        let key = format!("{}c:{tenant}:k:ci", Partition::of(tenant));
        self.command::<Option<i64>>(&["GET", &key]).await.unwrap_or(0)
    }

    /// The usage events in the stream of a tenant.
    pub(super) async fn events(&self, tenant: &TenantId) -> Vec<UsageEvent> {
        let stream = Partition::of(tenant).stream();
        type Entry = (String, Vec<(String, String)>);
        let entries: Vec<Entry> = self.command(&["XRANGE", &stream, "-", "+"]).await;
        let event = |(_, fields): Entry| {
            assert_eq!((fields.len(), fields[0].0.as_str()), (1, "event"));
            serde_json::from_str(&fields[0].1).expect("an event")
        };
        entries.into_iter().map(event).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A gateway's counters.
pub(super) struct Node {
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Counters,
    background: Option<tokio::task::JoinHandle<()>>,
}

impl Node {
    /// One that decides, and whose background runs.
    pub(super) fn new(server: &Server, timing: Timing) -> Self {
        let mut node = Self::without_background(server, timing);
        node.start_background();
        node
    }

    /// One whose heartbeats, sweeps and settlements wait.
    pub(super) fn without_background(server: &Server, timing: Timing) -> Self {
        Self::with_timeout(server, timing, Duration::from_secs(2))
    }

    pub(super) fn with_timeout(server: &Server, timing: Timing, timeout: Duration) -> Self {
        let config = CountersConfig {
            backend: Backend::Redis,
            redis_url: Some(Secret::new(server.url())),
            timeout,
            stream: true,
        };
        let shared = Shared::with_timing(config, timing).expect("a URL");
        Self { counters: Counters::new(shared.clone()), shared, background: None }
    }

    pub(super) fn start_background(&mut self) {
        self.background = Some(tokio::spawn(self.shared.clone().run_background()));
    }

    pub(super) async fn hold(&self, limits: Vec<LimitRequest>) -> Result<Hold, Refusal> {
        self.hold_as(super::fixture::id(), limits).await
    }

    pub(super) async fn hold_as(
        &self,
        id: HoldId,
        limits: Vec<LimitRequest>,
    ) -> Result<Hold, Refusal> {
        self.counters.hold(request(id, limits)).await
    }

    /// Settles, and does not wait until it is written.
    pub(super) fn settle_soon(&self, hold: Hold, cost: i64, tokens: u64) {
        let mut event = event(hold.id, cost);
        event.usage.input_uncached = 5;
        event.usage.output = tokens;
        event.usage.requests = 1;
        let cost = NanoUsd::new(cost);
        self.counters.settle(Settlement { hold: Some(hold), cost, tokens, event });
    }

    pub(super) fn settle_soon_for(&self, tenant: &TenantId, hold: Hold, cost: i64) {
        let event = UsageEvent { tenant: tenant.clone(), ..event(hold.id, cost) };
        let cost = NanoUsd::new(cost);
        self.counters.settle(Settlement { hold: Some(hold), cost, tokens: 0, event });
    }

    pub(super) async fn settle(&self, hold: Hold, cost: i64, tokens: u64) {
        self.settle_soon(hold, cost, tokens);
        self.written().await;
    }

    pub(super) async fn written(&self) {
        assert_eq!(self.shared.drain(Duration::from_secs(10)).await, 0, "settlements are left");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(background) = self.background.take() {
            background.abort();
        }
    }
}

/// Waits until something is so.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}: not within 10 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
