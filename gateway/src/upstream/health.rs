//! What is remembered of targets between requests: circuits, provider keys that are out, calls under way. Shared by
//! all workers and kept over reloads of the world.
//!
//! Everything is remembered per owner of the providers: two tenants that both have a provider "openai" share nothing.

mod pulse;
mod slot;

pub use self::slot::Slot;
use self::{pulse::Tally, slot::KeyHealth};
use super::{
    bulkhead::{Bulkhead, Place},
    circuit_breaker::{Circuit, Outcome},
    credential::Credential,
    headroom::Headroom,
    operation::Operation,
    track::{Timing, Track},
};
use crate::routing::Figures;
use http::Uri;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tollgate_contract::{
    ids::{ProviderId, ProviderKeyId, RouteId, TenantId},
    node::PROVIDER_KEY_PURPOSE,
    provider::{KeySecret, Provider, ProviderKey},
    route::{BreakerSettings, Hedge, HedgeAfter, Target},
    sealed::{Binding, WrappingKey},
    world::Upstreams,
};

/// Why a target is out whose provider does not know our keys.
pub const KEYS_REFUSED: &str = "all its provider keys were refused";

/// Why a target is out whose provider limits the rate of our keys.
pub const RATE_LIMITED: &str = "its provider limits our rate for now";

/// What nodes call a circuit among themselves: a hash of whose it is, where, with which key, and the upstream model.
pub type CircuitName = [u8; 16];

fn circuit_name(owner: &Owner, provider: &Provider, key: &str, target: &Target) -> CircuitName {
    let mut hash = Sha256::new();
    let owner = owner.as_ref().map_or("", TenantId::as_str);
    for part in [owner, &provider.base_url, provider.id.as_str(), key, target.upstream_model()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut name = [0; 16];
    name.copy_from_slice(&hash.finalize()[..16]);
    name
}

/// What all worlds and workers note of one target.
type SharedTrack = Arc<Mutex<Track>>;

/// What all worlds and workers count of one target for the next pulse.
type SharedTally = Arc<Mutex<Tally>>;

/// Whose a provider is, as [`Upstreams::owner`] says.
pub type Owner = Option<TenantId>;

/// The memory of a process.
#[derive(Debug)]
pub struct Health {
    since: Instant,
    /// Opens provider keys that come sealed.
    opener: Option<WrappingKey>,
    circuits: Mutex<HashMap<CircuitName, Arc<Mutex<Circuit>>>>,
    /// Circuits that opened here since the last time that somebody asked, with how long they stay open.
    opened: Mutex<Vec<(CircuitName, Duration)>>,
    keys: Mutex<HashMap<(Owner, ProviderKeyId), Arc<KeyHealth>>>,
    bulkheads: Mutex<HashMap<(Owner, ProviderId), Arc<Bulkhead>>>,
    tracks: Mutex<HashMap<(Owner, Target), (SharedTrack, SharedTally)>>,
    /// The mean length of each route's answers, in tokens.
    outputs: Mutex<HashMap<(TenantId, RouteId), f64>>,
}

/// What is remembered of this many provider keys or providers is looked through for what nobody uses any more.
const REMEMBERED_MOST: usize = 20_000;

/// A target ready to be called: addresses, headers and health, looked up once per world.
#[derive(Debug)]
pub struct TargetState {
    /// Which.
    pub target: Target,
    /// Its provider.
    pub provider: Arc<Provider>,
    /// What precedes the API's path.
    base: String,
    uris: [OnceLock<Option<Uri>>; Operation::COUNT],
    /// One per provider key; one without a key where the provider has none.
    pub slots: Vec<Slot>,
    bulkhead: Arc<Bulkhead>,
    track: SharedTrack,
    tally: SharedTally,
    retries: RetryBudget,
}

/// Retries are at most a fifth of a target's traffic, and three at a time at least.
#[derive(Debug)]
struct RetryBudget(Mutex<f64>);

impl Default for Health {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Health {
    /// A memory of nothing. The key opens provider keys that come sealed.
    pub fn new(opener: Option<WrappingKey>) -> Self {
        Self {
            since: Instant::now(),
            opener,
            circuits: Mutex::default(),
            opened: Mutex::default(),
            keys: Mutex::default(),
            bulkheads: Mutex::default(),
            tracks: Mutex::default(),
            outputs: Mutex::default(),
        }
    }

    /// What changed of these owners may have been their secrets: keys that were refused get another chance.
    pub fn forgive_keys(&self, owners: &HashSet<Owner>) {
        for ((owner, _), key) in lock(&self.keys).iter() {
            if owners.contains(owner) {
                key.refused.store(false, Relaxed);
            }
        }
    }

    /// Makes a target ready; `None` if its provider does not exist.
    pub(super) fn ready(&self, upstreams: &Upstreams, target: &Target) -> Option<TargetState> {
        let provider = upstreams.providers.get(target.provider())?.clone();
        let owner = &upstreams.owner;
        let slot = |key: &ProviderKey| self.slot(owner, &provider, key, target);
        let mut slots: Vec<_> = provider.keys.iter().map(slot).collect();
        if slots.is_empty() {
            let name = circuit_name(owner, &provider, "", target);
            slots.push(Slot {
                key: None,
                credential: Credential::None,
                useless: false,
                weight: 1,
                headroom: Mutex::default(),
                health: Arc::default(),
                circuit: self.circuit(name),
                circuit_name: name,
            });
        }
        let (track, tally) = self.track(owner, target);
        Some(TargetState {
            target: target.clone(),
            uris: [const { OnceLock::new() }; Operation::COUNT],
            base: provider.base_url.clone(),
            slots,
            bulkhead: self.bulkhead(owner, &provider.id),
            track,
            tally,
            retries: RetryBudget(Mutex::new(RetryBudget::START)),
            provider,
        })
    }

    fn slot(&self, owner: &Owner, provider: &Provider, key: &ProviderKey, target: &Target) -> Slot {
        let credential = self.credential(provider, &key.secret);
        let name = circuit_name(owner, provider, key.id.as_str(), target);
        let health = self.key(owner, &key.id);
        if credential.is_none() && !health.refused.swap(true, Relaxed) {
            tracing::error!(
                provider = %provider.id, provider_key = %key.id,
                "Provider key {} of provider {} cannot be used: it does not open on this node, or is no key for a provider of kind {}",
                key.id, provider.id, provider.kind.name(),
            );
        }
        Slot {
            useless: credential.is_none(),
            credential: credential.unwrap_or_default(),
            headroom: Mutex::default(),
            health,
            circuit: self.circuit(name),
            circuit_name: name,
            key: Some(key.id.clone()),
            weight: key.weight,
        }
    }

    /// The only place where a sealed key is opened: from here on it is plain in the credential and nowhere else.
    fn credential(&self, provider: &Provider, secret: &KeySecret) -> Option<Credential> {
        match secret {
            KeySecret::Plain(secret) => Credential::of(provider, secret.expose()),
            KeySecret::Sealed(sealed) => {
                let binding = Binding {
                    purpose: PROVIDER_KEY_PURPOSE,
                    tenant: sealed.tenant.as_str(),
                    record: sealed.id.as_str(),
                    version: sealed.version,
                };
                let opened = self.opener.as_ref()?.open(&binding, &sealed.envelope).ok()?;
                Credential::of(provider, std::str::from_utf8(&opened).ok()?)
            }
        }
    }

    fn key(&self, owner: &Owner, id: &ProviderKeyId) -> Arc<KeyHealth> {
        let mut keys = lock(&self.keys);
        if keys.len() >= REMEMBERED_MOST {
            keys.retain(|_, key| Arc::strong_count(key) > 1);
        }
        keys.entry((owner.clone(), id.clone())).or_default().clone()
    }

    fn bulkhead(&self, owner: &Owner, provider: &ProviderId) -> Arc<Bulkhead> {
        let mut bulkheads = lock(&self.bulkheads);
        if bulkheads.len() >= REMEMBERED_MOST {
            // Whoever is under way holds it too, so what nobody else holds has nobody in it.
            bulkheads.retain(|_, bulkhead| Arc::strong_count(bulkhead) > 1);
        }
        bulkheads.entry((owner.clone(), provider.clone())).or_default().clone()
    }

    fn track(&self, owner: &Owner, target: &Target) -> (SharedTrack, SharedTally) {
        let mut tracks = lock(&self.tracks);
        if tracks.len() >= REMEMBERED_MOST {
            tracks.retain(|_, (track, _)| Arc::strong_count(track) > 1);
        }
        let fresh = || (Arc::new(Mutex::new(Track::new(Instant::now()))), Arc::default());
        tracks.entry((owner.clone(), target.clone())).or_insert_with(fresh).clone()
    }

    /// Notes the length of an answer over a route, in tokens.
    pub fn note_output(&self, tenant: &TenantId, route: &RouteId, tokens: u64) {
        let mut outputs = lock(&self.outputs);
        if outputs.len() >= REMEMBERED_MOST {
            outputs.clear();
        }
        let tokens = tokens as f64;
        let mean = outputs.entry((tenant.clone(), route.clone())).or_insert(tokens);
        *mean += (tokens - *mean) * 0.05;
    }

    /// The mean length of a route's answers of late, in tokens.
    pub fn mean_output(&self, tenant: &TenantId, route: &RouteId) -> Option<u64> {
        let outputs = lock(&self.outputs);
        outputs.get(&(tenant.clone(), route.clone())).map(|mean| mean.ceil() as u64)
    }

    fn circuit(&self, name: CircuitName) -> Arc<Mutex<Circuit>> {
        let mut circuits = lock(&self.circuits);
        if circuits.len() >= REMEMBERED_MOST {
            circuits.retain(|_, circuit| lock(circuit).state() != "closed");
        }
        circuits.entry(name).or_default().clone()
    }

    /// The circuits that opened here since the last call, with how long they stay open.
    pub fn take_opened(&self) -> Vec<(CircuitName, Duration)> {
        std::mem::take(&mut *lock(&self.opened))
    }

    /// Another node's circuit of this name is open: here it is probed before it is trusted again.
    pub fn hint(&self, name: CircuitName) {
        lock(&self.circuit(name)).doubt(Instant::now());
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl TargetState {
    /// Where an operation of the target is; `None` if its provider has none such.
    pub fn uri(&self, operation: Operation, slot: usize) -> Option<Uri> {
        let build = |project: Option<&str>| {
            let url = operation.url(&self.provider, self.target.upstream_model(), project);
            url.and_then(|url| Uri::try_from(url).ok())
        };
        // Where each key has a project of its own the address depends on the key.
        match self.slots.get(slot).and_then(|slot| slot.credential.project()) {
            Some(project) => build(Some(project)),
            None => self.uris[operation as usize].get_or_init(|| build(None)).clone(),
        }
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

    /// Whether a key that can be used now has room for a request with so many prompt tokens, as far as its provider says.
    pub fn has_room(&self, health: &Health, tokens: u64, now: Instant) -> bool {
        let fits = |slot: &Slot| lock(&slot.headroom).fits(tokens, now);
        self.slots.iter().any(|slot| fits(slot) && slot.unavailable(health, now).is_none())
    }

    /// Notes what the head of a good answer says of a key's rate limits.
    pub fn note_headroom(&self, slot: usize, headers: &http::HeaderMap) {
        let told = Headroom::read(headers, Instant::now(), jiff::Timestamp::now());
        if let Some(told) = told {
            *lock(&self.slots[slot].headroom) = told;
        }
    }

    /// Whether a slot can be used now.
    pub fn usable(&self, health: &Health, slot: usize) -> bool {
        self.slots[slot].unavailable(health, Instant::now()).is_none()
    }

    /// Picks a provider key by weight among those that can be used and have room, or else can be used, and takes the permission of its circuit. `random`
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
        let mut candidates: Vec<usize> = (0..self.slots.len()).filter(usable).collect();
        let fits = |index: &usize| lock(&self.slots[*index].headroom).fits(0, now);
        if candidates.len() > 1 && candidates.iter().any(fits) {
            candidates.retain(fits);
        }
        let total: u32 = candidates.iter().map(|index| self.slots[*index].weight).sum();
        let mut left = random * f64::from(total);
        let drawn = candidates.iter().copied().find(|index| {
            left -= f64::from(self.slots[*index].weight);
            left < 0.0
        });
        let index = drawn.or_else(|| candidates.last().copied())?;
        let slot = &self.slots[index];
        (slot.health.try_after_limit(health.now_ms()) && lock(&slot.circuit).admit(now))
            .then_some(index)
    }

    /// A place among the calls under way, waiting for one at most so long; `None` if the provider's `max_concurrency`
    /// is reached and the queue is full or too slow.
    pub async fn enter(&self, patience: Duration) -> Option<Place> {
        self.bulkhead.enter(self.provider.max_concurrency, patience).await
    }

    /// How it did of late.
    pub fn figures(&self, now: Instant) -> Figures {
        lock(&self.track).figures(now, self.bulkhead.taken())
    }

    /// Notes how fast an answer came.
    pub fn answered(&self, timing: Timing) {
        lock(&self.track).answered(timing, Instant::now());
    }

    /// Notes that a call was given up because another target was faster.
    pub fn given_up(&self, stream: bool, after: Duration) {
        lock(&self.track).given_up(stream, after, Instant::now());
    }

    /// How long the target has alone before a second is started beside it; `None`: for as long as it takes.
    pub fn hedge_delay(&self, hedge: Hedge, stream: bool) -> Option<Duration> {
        let mut track = lock(&self.track);
        track.earn_hedge(hedge.budget);
        match hedge.after {
            HedgeAfter::P95 => track.p95(stream),
            HedgeAfter::Delay(delay) => Some(delay),
        }
    }

    /// Takes a hedge from the budget, if there is one.
    pub fn spend_hedge(&self) -> bool {
        lock(&self.track).spend_hedge()
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
        if outcome == Outcome::Bad {
            lock(&self.track).failed(now);
        } else {
            // Whoever was let through after a rate limit found the way free; a longer limit is not from before it.
            let now_ms = health.now_ms();
            let passed = |until: u64| (until <= now_ms + 1_000).then_some(0);
            let _ = self.slots[slot].health.cooling_until.fetch_update(Relaxed, Relaxed, passed);
        }
        let mut circuit = lock(&self.slots[slot].circuit);
        let before = circuit.state();
        circuit.record(outcome, now, health.since, settings, jitter);
        let after = circuit.state();
        let open_for = circuit.open_for(now);
        drop(circuit);
        if let Some(open_for) = open_for.filter(|_| before != after) {
            lock(&health.opened).push((self.slots[slot].circuit_name, open_for));
        }
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

/// A poisoned lock only means that another request panicked; the values are always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
