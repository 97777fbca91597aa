//! Answers that an app may come back to: what `previous_response_id` and `GET /v1/responses/{id}` speak of where no
//! provider keeps them; and cached answers. In Redis if the node counts there, so that every node finds them, else in this
//! process.
//!
//! What is kept is sealed with a key derived from the API key that the app presented. No node and no control plane
//! holds that key (they know hashes only), so a copy of Redis tells nothing, and one app never reads another's.

use crate::counters::Shared;
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tollgate_contract::{
    sealed::{Binding, WrappingKey},
    signing,
    world::ApiKey,
};

/// An answer is kept this long.
pub const TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// A larger one is not kept.
pub const MAX_BYTES: usize = 4 << 20;
/// In memory all of them together have at most this many bytes; the oldest go first.
const MAX_MEMORY: usize = 64 << 20;
/// Memory in front of Redis holds what Redis has for so long: another node may have put something newer there.
const IN_FRONT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_millis(500);
const PURPOSE: &str = "kept_response";

/// Where answers are kept.
pub struct Kept {
    memory: Mutex<Memory>,
    redis: Option<Redis>,
    /// Whether memory stands in front of Redis.
    in_front: bool,
}

struct Redis {
    client: redis::Client,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

struct Memory {
    /// How long an entry is good.
    life: Duration,
    entries: HashMap<String, (Instant, Vec<u8>)>,
    order: VecDeque<(Instant, String)>,
    bytes: usize,
}

/// The store is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("kept responses are out of reach")]
pub struct OutOfReach;

/// Whose answers: one API key's.
#[derive(Clone)]
pub struct Owner {
    tenant: String,
    api_key: String,
    seal: Arc<WrappingKey>,
}

impl Owner {
    /// The owner who presented this text as their API key.
    pub fn of(key: &ApiKey, presented: &str) -> Self {
        let seal = signing::derive(presented.as_bytes(), PURPOSE);
        Self {
            tenant: key.tenant.id.to_string(),
            api_key: key.id.to_string(),
            seal: Arc::new(WrappingKey::new(0, seal)),
        }
    }

    /// The owner of a cached answer: whoever of this tenant and scope sends the very same request. The seal's key is made
    /// of the request, so that a copy of the store tells nothing to who does not know it.
    pub fn of_request(tenant: &str, scope: &str, canonical: &[u8]) -> Self {
        let seal = signing::derive(canonical, "cached_answer");
        Self {
            tenant: tenant.to_owned(),
            api_key: scope.to_owned(),
            seal: Arc::new(WrappingKey::new(0, seal)),
        }
    }

    fn binding<'b>(&'b self, id: &'b str) -> Binding<'b> {
        Binding { purpose: PURPOSE, tenant: &self.tenant, record: id, version: 1 }
    }

    fn key(&self, id: &str) -> String {
        let mut hash = Sha256::new();
        for part in [&self.tenant, &self.api_key, id] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("tg1:kept:{hex}")
    }
}

impl Kept {
    /// Keeps where the counters count.
    pub fn new(counters: &Shared) -> Self {
        let redis = counters
            .redis_client()
            .map(|client| Redis { client, connection: tokio::sync::Mutex::default() });
        Self { memory: Mutex::new(Memory::new(TTL)), redis, in_front: false }
    }

    /// The same with this process's memory in front of Redis, for what may be a few seconds old.
    pub fn in_two_levels(counters: &Shared) -> Self {
        let kept = Self::new(counters);
        let in_front = kept.redis.is_some();
        let life = if in_front { IN_FRONT } else { TTL };
        Self { memory: Mutex::new(Memory::new(life)), in_front, ..kept }
    }

    /// Keeps a text under an id for a day; what is too large is not kept.
    pub async fn put(&self, owner: &Owner, id: &str, text: &[u8]) -> Result<bool, OutOfReach> {
        self.put_for(owner, id, text, TTL).await
    }

    /// The same for a time of at most a day. In memory all is kept for a day.
    pub async fn put_for(
        &self,
        owner: &Owner,
        id: &str,
        text: &[u8],
        ttl: Duration,
    ) -> Result<bool, OutOfReach> {
        if text.len() > MAX_BYTES {
            return Ok(false);
        }
        let mut fresh = [0u8; 32 + 24];
        rand::fill(&mut fresh);
        let sealed = owner.seal.seal(&owner.binding(id), text, &fresh).map_err(|_| OutOfReach)?;
        if self.in_front {
            self.lock().put(owner.key(id), sealed.clone());
        }
        match &self.redis {
            Some(redis) => {
                let mut set = redis::cmd("SET");
                set.arg(owner.key(id)).arg(sealed).arg("EX").arg(ttl.min(TTL).as_secs().max(1));
                redis.ask::<()>(&set).await?;
            }
            None => self.lock().put(owner.key(id), sealed),
        }
        Ok(true)
    }

    /// The text under an id of this owner.
    pub async fn get(&self, owner: &Owner, id: &str) -> Result<Option<Vec<u8>>, OutOfReach> {
        let key = owner.key(id);
        let sealed = match &self.redis {
            Some(redis) => self.in_redis(redis, key).await?,
            None => self.lock().get(&key),
        };
        let opened = sealed.and_then(|sealed| owner.seal.open(&owner.binding(id), &sealed).ok());
        Ok(opened.map(|text| text.to_vec()))
    }

    async fn in_redis(&self, redis: &Redis, key: String) -> Result<Option<Vec<u8>>, OutOfReach> {
        if self.in_front
            && let Some(sealed) = self.lock().get(&key)
        {
            return Ok(Some(sealed));
        }
        let sealed = redis.ask::<Option<Vec<u8>>>(redis::cmd("GET").arg(&key)).await?;
        if self.in_front
            && let Some(sealed) = &sealed
        {
            self.lock().put(key, sealed.clone());
        }
        Ok(sealed)
    }

    /// Forgets an id; whether it was there.
    pub async fn delete(&self, owner: &Owner, id: &str) -> Result<bool, OutOfReach> {
        match &self.redis {
            Some(redis) => Ok(redis.ask::<u64>(redis::cmd("DEL").arg(owner.key(id))).await? > 0),
            None => Ok(self.lock().remove(&owner.key(id))),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Redis {
    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, OutOfReach> {
        let asked = async {
            let mut connection = self.connection().await?;
            command.query_async::<T>(&mut connection).await
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::warn!(code = error.code(), "Redis does not keep responses");
                *self.connection.lock().await = None;
                Err(OutOfReach)
            }
            Err(_) => {
                *self.connection.lock().await = None;
                Err(OutOfReach)
            }
        }
    }

    async fn connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(slot.insert(connection).clone())
    }
}

impl Memory {
    fn new(life: Duration) -> Self {
        Self { life, entries: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    fn put(&mut self, key: String, sealed: Vec<u8>) {
        let now = Instant::now();
        self.remove(&key);
        self.bytes += sealed.len();
        self.order.push_back((now, key.clone()));
        self.entries.insert(key, (now, sealed));
        while let Some((at, key)) = self.order.front().cloned() {
            let current = self.entries.get(&key).is_some_and(|(since, _)| *since == at);
            if current && self.bytes <= MAX_MEMORY && at.elapsed() <= self.life {
                break;
            }
            self.order.pop_front();
            if current {
                self.remove(&key);
            }
        }
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let (at, sealed) = self.entries.get(key)?;
        (at.elapsed() <= self.life).then(|| sealed.clone())
    }

    fn remove(&mut self, key: &str) -> bool {
        match self.entries.remove(key) {
            Some((_, sealed)) => {
                self.bytes -= sealed.len();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_forgets_what_is_old_and_the_oldest_when_it_is_full() {
        let mut memory = Memory::new(TTL);
        memory.put("a".to_owned(), vec![0; MAX_MEMORY / 2]);
        memory.put("b".to_owned(), vec![0; MAX_MEMORY / 4]);
        memory.put("a".to_owned(), vec![1; 8]);
        assert_eq!((memory.bytes, memory.get("a")), (MAX_MEMORY / 4 + 8, Some(vec![1; 8])));
        memory.put("c".to_owned(), vec![0; MAX_MEMORY]);
        assert_eq!((memory.get("a"), memory.get("b")), (None, None), "the oldest make room");
        assert!(memory.remove("c") && !memory.remove("c"));
        assert_eq!(memory.bytes, 0);

        let mut memory = Memory::new(Duration::ZERO);
        memory.put("a".to_owned(), vec![0; 8]);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(memory.get("a"), None);
        memory.put("b".to_owned(), vec![0; 8]);
        assert!(memory.entries.len() <= 2 && memory.bytes <= 16, "old entries are let go");
    }
}
