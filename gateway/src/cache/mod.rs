//! Answers that equal requests get again: looked for after rights and guards, before anything is planned or reserved. One
//! of several equal requests at once goes to a provider, the others wait for its answer. Where the route wants it, a prompt
//! of the same meaning gets the answer too.

mod key;
mod near;
mod packed;
mod record;
mod replay;

pub use record::Recorder;
pub use replay::Replayed;

use crate::{
    kept::{Kept, Owner},
    pipeline::Asked,
    routing::Requested,
    state::Worker,
    tell::CacheMode,
};
use actix_web::web;
use near::{Near, Wanted};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tollgate_contract::{
    money::NanoUsd,
    route::{CacheScope, CacheSettings},
};

/// Equal requests wait for the first one's answer for so long, then they go on their own.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many requests wait for one answer.
const MOST_WAITING: usize = 1_000;
/// A larger answer is not cached.
const MOST_BYTES: usize = 1 << 20;
/// What an answer of that size may have grown to by being told as a JSON string, at six bytes for one.
const MOST_KEPT_BYTES: usize = 7 * MOST_BYTES;

/// The cache of a process.
pub struct Cache {
    kept: Kept,
    near: Near,
    /// The answers that somebody is waiting for, by name.
    coming: Mutex<HashMap<String, watch::Receiver<()>>>,
}

/// An answer as it is cached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cached {
    /// The whole answer in the format of the API that was called.
    pub body: String,
    /// Who gave it.
    pub target: String,
    /// What it cost.
    pub cost_nano_usd: NanoUsd,
    /// Milliseconds since 1970 after which it is not good any more.
    expires_ms: i64,
}

/// What the cache has for a request.
pub enum Found {
    /// Nothing, and it keeps nothing: the route has no cache, or the app wants none.
    Off,
    /// An answer.
    Hit(Box<Cached>),
    /// Nothing yet; the answer is recorded.
    Miss(Box<Recorder>),
}

impl Cache {
    /// A cache that keeps its answers there.
    pub fn new(kept: Kept) -> Self {
        Self { kept, near: Near::default(), coming: Mutex::default() }
    }

    /// Looks for the answer to a request, waiting for one that is on its way.
    pub async fn find(
        worker: &web::Data<Worker>,
        asked: &Asked<'_>,
        mode: CacheMode,
        id: &str,
    ) -> Looked {
        let Some((settings, scope)) = settings_of(asked) else { return Looked::off() };
        if mode == CacheMode::NoStore {
            return Looked::off();
        }
        let request = asked.inspected.request();
        let Some(canonical) = key::canonical(request, settings.any_temperature) else {
            return Looked::off();
        };
        let tenant = asked.key.tenant.id.as_str();
        let bytes = canonical.bytes();
        let place = Place {
            name: key::name(tenant, &scope, &bytes),
            owner: Owner::of_request(tenant, &scope, &bytes),
            ttl: settings.ttl,
        };
        let state = &worker.state;
        if mode == CacheMode::AsRouted
            && let Some(cached) = state.cache.get(&place).await
        {
            return Looked::hit(cached);
        }
        let mut looked = Looked::off();
        let mut wanted = None;
        if let Some(meaning) = &settings.meaning
            && let Some(question) = near::Question::of(tenant, &scope, canonical, meaning)
        {
            match question.vector(worker, asked.key, meaning, id).await {
                Ok(found) => wanted = Some(found),
                Err(why) => looked.note = Some(format!("the cache compares no meaning: {why}")),
            }
        }
        if mode == CacheMode::AsRouted
            && let (Some(wanted), Some(meaning)) = (&wanted, &settings.meaning)
        {
            let nearest = state.cache.nearest(wanted, meaning.threshold).await;
            looked.similarity = nearest.similarity;
            if let Some(cached) = nearest.cached {
                return Looked { found: Found::Hit(Box::new(cached)), ..looked };
            }
        }
        let recorder = |turn| Recorder::new(state, request, place.clone(), turn, wanted.clone());
        looked.found = match mode {
            CacheMode::AsRouted => state.cache.coming(&place, recorder).await,
            _ => Found::Miss(Box::new(recorder(None))),
        };
        looked
    }

    /// Takes the turn to ask a provider, or waits for the answer of whoever has it.
    async fn coming(
        &self,
        place: &Place,
        recorder: impl Fn(Option<watch::Sender<()>>) -> Recorder,
    ) -> Found {
        loop {
            match self.turn(&place.name) {
                Turn::First(turn) => return Found::Miss(Box::new(recorder(Some(turn)))),
                Turn::Wait(mut coming) => {
                    // An error is the first one's end, with or without an answer.
                    let ended = tokio::time::timeout(PATIENCE, coming.changed()).await;
                    if let Some(cached) = self.get(place).await {
                        return Found::Hit(Box::new(cached));
                    }
                    if ended.is_err() {
                        return Found::Miss(Box::new(recorder(None)));
                    }
                }
                Turn::Crowded => return Found::Miss(Box::new(recorder(None))),
            }
        }
    }

    /// The answer to the nearest prompt, if it is near enough and still there.
    async fn nearest(&self, wanted: &Wanted, threshold: f64) -> Nearest {
        loop {
            let Some((similarity, place)) = self.near.nearest(wanted) else {
                return Nearest { similarity: None, cached: None };
            };
            // Directions are of length one up to rounding only.
            let similarity = Some((similarity.min(1.0) * 1e4).round() / 1e4);
            if similarity < Some(threshold) {
                return Nearest { similarity, cached: None };
            }
            if let Some(cached) = self.get(&place).await {
                return Nearest { similarity, cached: Some(cached) };
            }
            self.near.forget(&place.name);
        }
    }

    async fn get(&self, place: &Place) -> Option<Cached> {
        let packed = self.kept.get(&place.owner, &place.name).await.ok()??;
        let text = packed::unpack(&packed, MOST_KEPT_BYTES)?;
        let cached: Cached = serde_json::from_slice(&text).ok()?;
        let now = jiff::Timestamp::now().as_millisecond();
        (cached.expires_ms > now).then_some(cached)
    }

    async fn put(&self, place: &Place, mut cached: Cached) {
        let ttl = i64::try_from(place.ttl.as_millis()).unwrap_or(i64::MAX);
        cached.expires_ms = jiff::Timestamp::now().as_millisecond().saturating_add(ttl);
        let Ok(text) = serde_json::to_vec(&cached) else { return };
        let Some(packed) = packed::pack(&text) else { return };
        // What cannot be cached is no error of the request.
        let _ = self.kept.put_for(&place.owner, &place.name, &packed, place.ttl).await;
    }

    fn turn(&self, name: &str) -> Turn {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = coming.get(name) {
            // Whoever was first may have ended without taking its name away yet.
            if first.has_changed().is_ok() {
                return Turn::Wait(first.clone());
            }
        }
        if coming.len() >= MOST_WAITING {
            return Turn::Crowded;
        }
        let (told, heard) = watch::channel(());
        coming.insert(name.to_owned(), heard);
        Turn::First(told)
    }

    fn done(&self, name: &str) {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// What a look into the cache brought.
pub struct Looked {
    /// The answer, or what to do with the next one.
    pub found: Found,
    /// How near the nearest prompt is whose answer is cached.
    pub similarity: Option<f64>,
    /// Why no meaning could be compared.
    pub note: Option<String>,
}

impl Looked {
    fn off() -> Self {
        Self { found: Found::Off, similarity: None, note: None }
    }

    fn hit(cached: Cached) -> Self {
        Self { found: Found::Hit(Box::new(cached)), ..Self::off() }
    }
}

struct Nearest {
    similarity: Option<f64>,
    cached: Option<Cached>,
}

/// Where an answer is kept.
#[derive(Clone)]
pub struct Place {
    name: String,
    owner: Owner,
    ttl: Duration,
}

enum Turn {
    /// Nobody is asking: dropping the sender tells those who wait.
    First(watch::Sender<()>),
    /// Somebody is.
    Wait(watch::Receiver<()>),
    /// Too many are.
    Crowded,
}

/// The settings of the route that was named, and who shares with whom.
fn settings_of(asked: &Asked<'_>) -> Option<(Arc<CacheSettings>, String)> {
    let Requested::Route(route) = &asked.requested else { return None };
    let settings = route.cache.clone()?;
    let key = asked.key;
    let of_key = || format!("k:{}", key.id);
    let scope = match settings.scope {
        CacheScope::Tenant => "t".to_owned(),
        CacheScope::Team => key.team.as_ref().map_or_else(of_key, |team| format!("m:{team}")),
        CacheScope::ApiKey => of_key(),
    };
    Some((settings, scope))
}
