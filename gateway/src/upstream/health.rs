//! What is remembered of targets between requests: circuits, provider keys that are out, calls under way. Shared by
//! all workers and kept over reloads of the world.

use super::circuit_breaker::{Circuit, Outcome};
use http::{HeaderValue, Uri};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tollgate_contract::{
    ids::{ProviderId, ProviderKeyId},
    provider::Provider,
    route::{BreakerSettings, Target},
    world::Upstreams,
};

/// Why a target is out whose provider does not know our keys.
pub const KEYS_REFUSED: &str = "all its provider keys were refused";

/// Why a target is out whose provider limits the rate of our keys.
pub const RATE_LIMITED: &str = "its provider limits our rate for now";

/// The memory of a process.
#[derive(Debug)]
pub struct Health {
    since: Instant,
    circuits: Mutex<HashMap<String, Arc<Mutex<Circuit>>>>,
    keys: Mutex<HashMap<ProviderKeyId, Arc<KeyHealth>>>,
    under_way: Mutex<HashMap<ProviderId, Arc<AtomicUsize>>>,
}

/// A target ready to be called: addresses, headers and health, looked up once per world.
#[derive(Debug)]
pub struct TargetState {
    /// Which.
    pub target: Target,
    /// Its provider.
    pub provider: Arc<Provider>,
    /// What precedes the API's path.
    base: String,
    uris: [Option<Uri>; 2],
    /// One per provider key; one without a key where the provider has none.
    pub slots: Vec<Slot>,
    under_way: Arc<AtomicUsize>,
    retries: RetryBudget,
}

/// A provider key at a target.
#[derive(Debug)]
pub struct Slot {
    /// The key's name.
    pub key: Option<ProviderKeyId>,
    /// The header that carries it.
    pub authorization: Option<HeaderValue>,
    weight: u32,
    health: Arc<KeyHealth>,
    circuit: Arc<Mutex<Circuit>>,
}

/// Whether a provider key is out.
#[derive(Debug, Default)]
struct KeyHealth {
    refused: AtomicBool,
    /// Milliseconds after `Health::since`.
    cooling_until: AtomicU64,
}

/// Retries are at most a fifth of a target's traffic, and three at a time at least.
#[derive(Debug)]
struct RetryBudget(Mutex<f64>);

/// A call under way at a provider; gives its place back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The targets of one world, made ready when they are first called.
#[derive(Debug, Default)]
pub struct Targets(RwLock<HashMap<Target, Arc<TargetState>>>);

impl Targets {
    /// The state of a target; `None` if its provider does not exist.
    pub fn get(
        &self,
        health: &Health,
        upstreams: &Upstreams,
        target: &Target,
    ) -> Option<Arc<TargetState>> {
        /// Apps may invent model names; what is above this is made ready each time.
        const MOST: usize = 10_000;
        if let Some(state) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return Some(state.clone());
        }
        let state = Arc::new(health.ready(upstreams, target)?);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST {
            all.insert(target.clone(), state.clone());
        }
        Some(state)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            circuits: Mutex::default(),
            keys: Mutex::default(),
            under_way: Mutex::default(),
        }
    }
}

impl Health {
    /// A new world may bring new secrets: keys that were refused get another chance.
    pub fn forgive_keys(&self) {
        for key in lock(&self.keys).values() {
            key.refused.store(false, Relaxed);
        }
    }

    fn ready(&self, upstreams: &Upstreams, target: &Target) -> Option<TargetState> {
        let provider = upstreams.providers.get(target.provider())?.clone();
        let slot = |key: Option<ProviderKeyId>, secret: Option<&str>, weight| Slot {
            authorization: secret.and_then(bearer),
            health: match &key {
                Some(id) => lock(&self.keys).entry(id.clone()).or_default().clone(),
                None => Arc::default(),
            },
            circuit: self.circuit(
                key.as_ref().map_or(provider.id.as_str(), ProviderKeyId::as_str),
                target.upstream_model(),
            ),
            key,
            weight,
        };
        let mut slots: Vec<_> = provider
            .keys
            .iter()
            .map(|key| slot(Some(key.id.clone()), Some(key.secret.expose()), key.weight))
            .collect();
        if slots.is_empty() {
            slots.push(slot(None, None, 1));
        }
        let uri = |path: &str| format!("{}{path}", provider.base_url).parse().ok();
        Some(TargetState {
            target: target.clone(),
            uris: [
                uri(crate::formats::facts::Api::Chat.path()),
                uri(crate::formats::facts::Api::Embeddings.path()),
            ],
            base: provider.base_url.clone(),
            slots,
            under_way: lock(&self.under_way).entry(provider.id.clone()).or_default().clone(),
            retries: RetryBudget(Mutex::new(RetryBudget::START)),
            provider,
        })
    }

    fn circuit(&self, key: &str, model: &str) -> Arc<Mutex<Circuit>> {
        const MOST: usize = 20_000;
        let mut circuits = lock(&self.circuits);
        if circuits.len() >= MOST {
            circuits.retain(|_, circuit| lock(circuit).state() != "closed");
        }
        circuits.entry(format!("{key}\n{model}")).or_default().clone()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A bearer token as a header that is never printed.
fn bearer(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl TargetState {
    /// Where an API of the target is.
    pub fn uri(&self, api: crate::formats::facts::Api) -> Option<Uri> {
        self.uris[api as usize].clone()
    }

    /// Whether it is called by https.
    pub fn uses_tls(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// Why it cannot be called now; `None` if it can.
    pub fn unavailable(&self, health: &Health, now: Instant) -> Option<&'static str> {
        let mut reason = KEYS_REFUSED;
        for slot in &self.slots {
            match slot.unavailable(health, now) {
                None => return None,
                Some(why) => reason = why,
            }
        }
        Some(reason)
    }

    /// How long its provider still limits the rate of the key that is free first.
    pub fn limited_for(&self, health: &Health) -> Duration {
        let until = self.slots.iter().map(|slot| slot.health.cooling_until.load(Relaxed)).min();
        Duration::from_millis(until.unwrap_or(0).saturating_sub(health.now_ms()))
    }

    /// Whether a slot can be used now.
    pub fn usable(&self, health: &Health, slot: usize) -> bool {
        self.slots[slot].unavailable(health, Instant::now()).is_none()
    }

    /// Picks a provider key by weight among those that can be used, and takes the permission of its circuit. `random`
    /// is a number in 0..1; `tried` are slots of this request that failed.
    pub fn pick(
        &self,
        health: &Health,
        now: Instant,
        tried: &[usize],
        random: f64,
    ) -> Option<usize> {
        let usable = |index: &usize| {
            !tried.contains(index) && self.slots[*index].unavailable(health, now).is_none()
        };
        let candidates: Vec<usize> = (0..self.slots.len()).filter(usable).collect();
        let total: u32 = candidates.iter().map(|index| self.slots[*index].weight).sum();
        let mut left = random * f64::from(total);
        let drawn = candidates.iter().copied().find(|index| {
            left -= f64::from(self.slots[*index].weight);
            left < 0.0
        });
        let index = drawn.or_else(|| candidates.last().copied())?;
        lock(&self.slots[index].circuit).admit(now).then_some(index)
    }

    /// A place among the calls under way; `None` if the provider's `max_concurrency` is reached.
    pub fn place(&self) -> Option<Place> {
        let before = self.under_way.fetch_add(1, Relaxed);
        let place = Place(self.under_way.clone());
        self.provider.max_concurrency.is_none_or(|most| before < most).then_some(place)
    }

    /// Notes how a call ended.
    pub fn record(
        &self,
        health: &Health,
        slot: usize,
        outcome: Outcome,
        now: Instant,
        settings: BreakerSettings,
    ) {
        let jitter = rand::random::<f64>() * 2.0 - 1.0;
        let mut circuit = lock(&self.slots[slot].circuit);
        let before = circuit.state();
        circuit.record(outcome, now, health.since, settings, jitter);
        let after = circuit.state();
        drop(circuit);
        if before != after {
            tracing::warn!(target_name = %self.target, from = before, to = after, "Circuit of {} is now {after}", self.target);
        }
    }

    /// The provider does not know the key: out until the world changes, and somebody has to act.
    pub fn key_refused(&self, slot: usize) {
        let slot = &self.slots[slot];
        if !slot.health.refused.swap(true, Relaxed) {
            let key = slot.key.as_ref().map_or("none", ProviderKeyId::as_str);
            tracing::error!(provider = %self.provider.id, provider_key = key, "Provider {} refuses provider key {key}: replace it", self.provider.id);
        }
    }

    /// The provider limits the key for a while.
    pub fn key_limited(&self, health: &Health, slot: usize, wait: Duration) {
        let until =
            health.now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self.slots[slot].health.cooling_until.fetch_max(until, Relaxed);
    }

    /// Counts a request for the retry budget.
    pub fn earn_retry(&self) {
        let mut tokens = lock(&self.retries.0);
        *tokens = (*tokens + RetryBudget::PER_REQUEST).min(RetryBudget::MOST);
    }

    /// Takes a retry from the budget, if there is one.
    pub fn spend_retry(&self) -> bool {
        let mut tokens = lock(&self.retries.0);
        let enough = *tokens >= 1.0;
        if enough {
            *tokens -= 1.0;
        }
        enough
    }
}

impl RetryBudget {
    const PER_REQUEST: f64 = 0.2;
    const START: f64 = 3.0;
    const MOST: f64 = 20.0;
}

impl Slot {
    fn unavailable(&self, health: &Health, now: Instant) -> Option<&'static str> {
        if self.health.refused.load(Relaxed) {
            return Some(KEYS_REFUSED);
        }
        if self.health.cooling_until.load(Relaxed) > health.now_ms() {
            return Some(RATE_LIMITED);
        }
        (!lock(&self.circuit).admits(now)).then_some("its circuit is open after failures")
    }
}

/// A poisoned lock only means that another request panicked; the values are always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
