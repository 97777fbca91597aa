//! A connection to Redis that is made when it is needed and made again when it broke.

use super::{memory::lock, outage::Health};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind,
    aio::MultiplexedConnection,
};
use std::{
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, SemaphorePermit};

const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
/// Answers missing in a row after which a connection is given up: its packets may go nowhere.
const SILENT_MAX: u32 = 3;

/// Why Redis gave no decision. Holds no text of Redis, which could repeat arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody listens.
    Refused,
    /// No answer in time; whether it was carried out is unknown.
    TimedOut,
    /// The connection broke; whether it was carried out is unknown.
    Broken,
    /// Redis is starting.
    Loading,
    /// The counters of a partition are gone.
    Lost,
    /// Redis refused with this code.
    Server(String),
    /// An answer that no script gives.
    Nonsense,
}

impl Trouble {
    /// Whether Redis cannot be reached, as opposed to answering with an error.
    pub(super) const fn is_outage(&self) -> bool {
        match self {
            Self::Refused | Self::TimedOut | Self::Broken | Self::Loading => true,
            Self::Lost | Self::Server(_) | Self::Nonsense => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Broken => f.write_str("the connection broke"),
            Self::Loading => f.write_str("Redis is loading its data"),
            Self::Lost => f.write_str("the counters are gone"),
            Self::Server(code) => write!(f, "Redis answered {code}"),
            Self::Nonsense => f.write_str("an unexpected answer"),
        }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        if error.is_connection_refusal() {
            return Self::Refused;
        }
        if error.is_timeout() {
            return Self::TimedOut;
        }
        match error.kind() {
            ErrorKind::Io => Self::Broken,
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::Loading,
            ErrorKind::UnexpectedReturnType => Self::Nonsense,
            _ => match error.code() {
                Some(code) => Self::Server(code.to_owned()),
                // A protocol error: what comes next on this connection cannot be told.
                None => Self::Broken,
            },
        }
    }
}

type Connecting = Shared<BoxFuture<'static, Result<MultiplexedConnection, Trouble>>>;

/// Questions under way on one connection. The others of a rush wait here and not in Redis, so that no connection is
/// silent for as long as a whole rush takes.
const AT_ONCE: usize = 32;

/// One connection, shared by all that run on one runtime.
pub(super) struct Line {
    slot: Mutex<Slot>,
    turns: Semaphore,
}

impl Default for Line {
    fn default() -> Self {
        Self { slot: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

#[derive(Default)]
struct Slot {
    connection: Option<Connecting>,
    /// The life of Redis in which it was made: after an outage, old connections are not trusted.
    life: u64,
    silent: u32,
    last_answer: Option<Instant>,
}

impl Line {
    /// The connection. Making it goes on if the caller gives up, so the next one finds it made.
    pub(super) async fn connection(
        &self,
        client: &Client,
        health: &Health,
    ) -> Result<MultiplexedConnection, Trouble> {
        let connecting = {
            let mut slot = lock(&self.slot);
            if slot.life != health.life() {
                *slot = Slot { life: health.life(), ..Slot::default() };
            }
            slot.connection.get_or_insert_with(|| connect(client.clone())).clone()
        };
        let result = connecting.clone().await;
        if result.is_err() {
            self.forget(&connecting);
        }
        result
    }

    /// Begins to connect, so that the first question finds it done. To be called on the runtime that will ask.
    pub(super) fn warm_up(&self, client: &Client) {
        let connecting =
            lock(&self.slot).connection.get_or_insert_with(|| connect(client.clone())).clone();
        drop(connecting);
    }

    fn forget(&self, connecting: &Connecting) {
        let mut slot = lock(&self.slot);
        if slot.connection.as_ref().is_some_and(|current| current.ptr_eq(connecting)) {
            slot.connection = None;
        }
    }

    /// The connection broke: the next one to ask makes a new one.
    pub(super) fn broke(&self) {
        let mut slot = lock(&self.slot);
        slot.connection = None;
        slot.silent = 0;
    }

    /// A turn to ask; `None` if it does not come within `most`.
    pub(super) async fn turn(&self, most: Duration) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        tokio::time::timeout(most, self.turns.acquire()).await.ok()?.ok()
    }

    pub(super) fn answered(&self) {
        let mut slot = lock(&self.slot);
        slot.silent = 0;
        slot.last_answer = Some(Instant::now());
    }

    /// Whether an answer came within the last `span`: then Redis is busy, not gone.
    pub(super) fn heard_within(&self, span: Duration) -> bool {
        lock(&self.slot).last_answer.is_some_and(|at| at.elapsed() <= span)
    }

    pub(super) fn was_silent(&self) {
        let mut slot = lock(&self.slot);
        slot.silent += 1;
        if SILENT_MAX <= slot.silent {
            slot.connection = None;
            slot.silent = 0;
        }
    }
}

fn connect(client: Client) -> Connecting {
    let task = tokio::spawn(async move { open(&client).await });
    async move { task.await.unwrap_or(Err(Trouble::Broken)) }.boxed().shared()
}

/// Makes a connection.
pub(super) async fn open(client: &Client) -> Result<MultiplexedConnection, Trouble> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}
