//! Provider keys at a target, and whether they can be used.

use super::{CircuitName, Health, KEYS_REFUSED, RATE_LIMITED, lock};
use crate::upstream::{circuit_breaker::Circuit, credential::Credential, headroom::Headroom};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use tollgate_contract::ids::ProviderKeyId;

/// A provider key at a target.
#[derive(Debug)]
pub struct Slot {
    /// The key's name.
    pub key: Option<ProviderKeyId>,
    /// What a call carries of it.
    pub credential: Credential,
    /// There is a key and no credential could be made of it: a call would go out without one.
    pub(super) useless: bool,
    pub(super) weight: u32,
    pub(super) headroom: Mutex<Headroom>,
    pub(super) health: Arc<KeyHealth>,
    pub(super) circuit: Arc<Mutex<Circuit>>,
    pub(super) circuit_name: CircuitName,
}

/// Whether a provider key is out.
#[derive(Debug, Default)]
pub(super) struct KeyHealth {
    pub(super) refused: AtomicBool,
    /// Milliseconds after `Health::since`.
    pub(super) cooling_until: AtomicU64,
}

impl KeyHealth {
    /// After a rate limit one request a second goes first, until one has found the way free.
    pub(super) fn try_after_limit(&self, now_ms: u64) -> bool {
        let until = self.cooling_until.load(Relaxed);
        until == 0
            || (until <= now_ms
                && self
                    .cooling_until
                    .compare_exchange(until, now_ms + 1_000, Relaxed, Relaxed)
                    .is_ok())
    }
}

impl Slot {
    pub(super) fn unavailable(&self, health: &Health, now: Instant) -> Option<&'static str> {
        if self.useless || self.health.refused.load(Relaxed) {
            return Some(KEYS_REFUSED);
        }
        if self.health.cooling_until.load(Relaxed) > health.now_ms() {
            return Some(RATE_LIMITED);
        }
        (!lock(&self.circuit).admits(now)).then_some("its circuit is open after failures")
    }
}
