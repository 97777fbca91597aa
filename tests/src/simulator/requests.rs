//! What was asked lately, word for word, and what is in progress now.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};

use super::bill::Outcome;

const RECORDS_MAX: usize = 1_000;
/// Bodies may be tens of megabytes each: the ring forgets the oldest before they fill the memory.
const BODY_BYTES_MAX: usize = 256 << 20;

/// The last requests, and a count of those in progress.
#[derive(Debug, Default)]
pub struct RequestLog {
    ring: Mutex<Ring>,
    open: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Arc<Record>>,
    body_bytes: usize,
}

/// One request as it arrived.
#[derive(Debug)]
pub struct Record {
    /// The provider that was played.
    pub provider: String,
    /// Method of the request.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// All headers but the key.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The requested model without directives.
    pub model: OnceLock<String>,
    /// Unix time in milliseconds.
    pub started_ms: u64,
    key: OnceLock<usize>,
    ended: OnceLock<(u64, Outcome)>,
}

/// A record as the control endpoint shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordReading {
    /// The provider that was played.
    pub provider: String,
    /// Method of the request.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Which of the `--key`s was presented, counted from 0.
    pub key: Option<usize>,
    /// The requested model without directives.
    pub model: Option<String>,
    /// All headers but the key.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Unix time in milliseconds.
    pub started_ms: u64,
    /// Unix time in milliseconds; nothing while in progress.
    pub ended_ms: Option<u64>,
    /// `open`, `answered`, `failed` or `cancelled`.
    pub outcome: String,
}

/// The requests in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenReading {
    /// All of them.
    pub open: u64,
    /// By model without directives.
    pub by_model: BTreeMap<String, u64>,
}

impl RequestLog {
    /// Remembers a request.
    pub fn push(&self, record: Arc<Record>) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.body_bytes += record.body.len();
        ring.records.push_back(record);
        while RECORDS_MAX < ring.records.len()
            || (BODY_BYTES_MAX < ring.body_bytes && 1 < ring.records.len())
        {
            if let Some(oldest) = ring.records.pop_front() {
                ring.body_bytes -= oldest.body.len();
            }
        }
    }

    /// The last `limit` requests, oldest first.
    pub fn last(&self, limit: usize) -> Vec<RecordReading> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = ring.records.len().saturating_sub(limit);
        ring.records.iter().skip(skipped).map(|record| record.read()).collect()
    }

    /// A request for `model` is in progress.
    pub fn open(&self, model: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open.entry(model.to_owned()).or_default() += 1;
    }

    /// A request for `model` is over.
    pub fn close(&self, model: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(model) {
            *count -= 1;
            if *count == 0 {
                open.remove(model);
            }
        }
    }

    /// The requests in progress.
    pub fn read_open(&self) -> OpenReading {
        let by_model = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        OpenReading { open: by_model.values().sum(), by_model }
    }
}

impl Record {
    /// A request that has just arrived.
    pub fn new(provider: &str, head: &Parts, body: &[u8]) -> Self {
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let headers = head.headers.iter().map(|(name, value)| {
            let secret = matches!(
                name.as_str(),
                "authorization"
                    | "api-key"
                    | "x-api-key"
                    | "x-goog-api-key"
                    | "x-amz-security-token"
            );
            let shown =
                if secret { "(hidden)".into() } else { String::from_utf8_lossy(value.as_bytes()) };
            (name.as_str().to_owned(), shown.into_owned())
        });
        Self {
            provider: provider.to_owned(),
            method: head.method.as_str().to_owned(),
            path: path.to_owned(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            model: OnceLock::new(),
            started_ms: unix_ms(),
            key: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// Notes which of the `--key`s was presented.
    pub fn presented(&self, key: usize) {
        let _ = self.key.set(key);
    }

    /// Notes the end; only the first one counts.
    pub fn end(&self, outcome: Outcome) {
        let _ = self.ended.set((unix_ms(), outcome));
    }

    fn read(&self) -> RecordReading {
        let ended = self.ended.get();
        RecordReading {
            provider: self.provider.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            key: self.key.get().copied(),
            model: self.model.get().cloned(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            started_ms: self.started_ms,
            ended_ms: ended.map(|&(at, _)| at),
            outcome: ended.map_or("open", |&(_, outcome)| outcome.as_str()).to_owned(),
        }
    }
}

/// Now, as Unix time in milliseconds.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
