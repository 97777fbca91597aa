//! What is told of a target every second.

use super::{Health, Owner, TargetState, lock};
use std::{
    collections::BTreeMap,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};
use tollgate_contract::{
    pulse::{KeyPulse, LATENCY_BUCKETS, PULSES_KEPT_MS, TargetPulse, latency_bucket},
    route::FailureClass,
};

/// How calls ended since this was last told.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    calls: u32,
    errors: BTreeMap<&'static str, u32>,
    latency: [u32; LATENCY_BUCKETS],
}

impl Tally {
    fn answered(&mut self, took: Duration) {
        self.calls += 1;
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.latency[latency_bucket(ms)] += 1;
    }

    fn failed(&mut self, class: Option<FailureClass>) {
        self.calls += 1;
        if let Some(class) = class {
            *self.errors.entry(class.name()).or_default() += 1;
        }
    }
}

impl TargetState {
    /// Counts a call that was answered after so long; see [`TargetPulse::latency`].
    pub fn count_answer(&self, took: Duration) {
        lock(&self.tally).answered(took);
    }

    /// Counts a call that failed. Without a class it is the caller's own mistake.
    pub fn count_failure(&self, class: Option<FailureClass>) {
        lock(&self.tally).failed(class);
    }

    /// Counts that an answer broke off; as a call it is counted already.
    pub fn count_broken(&self) {
        *lock(&self.tally).errors.entry(FailureClass::Connect.name()).or_default() += 1;
    }

    /// Whether there is something to tell of the target: it was called in the last minute, or cannot be.
    pub fn is_told(&self, health: &Health, now: Instant) -> bool {
        let lately = |idle: Duration| idle < Duration::from_millis(PULSES_KEPT_MS);
        lock(&self.tally).calls > 0
            || self.figures(now).idle_for.is_some_and(lately)
            || !self.slots.iter().all(|slot| slot.pulse(health).is_well())
    }

    /// What there is to tell of the target, and its counts begin anew.
    pub fn pulse(&self, owner: &Owner, health: &Health, now: Instant) -> Option<TargetPulse> {
        if !self.is_told(health, now) {
            return None;
        }
        let tally = std::mem::take(&mut *lock(&self.tally));
        let figures = self.figures(now);
        let keys = self.slots.iter().map(|slot| slot.pulse(health)).collect();
        let any = tally.latency.iter().any(|count| *count > 0);
        Some(TargetPulse {
            owner: owner.clone(),
            target: self.target.to_string(),
            calls: tally.calls,
            errors: tally.errors.into_iter().map(|(class, n)| (class.to_owned(), n)).collect(),
            latency: if any { tally.latency.to_vec() } else { Vec::new() },
            first_byte_ms: figures.first_byte_ms,
            ms_per_token: figures.ms_per_token,
            in_flight: figures.in_flight,
            keys,
        })
    }
}

impl super::Slot {
    fn pulse(&self, health: &Health) -> KeyPulse {
        KeyPulse {
            key: self.key.clone(),
            circuit: lock(&self.circuit).state().to_owned(),
            refused: self.useless || self.health.refused.load(Relaxed),
            limited_ms: self.health.cooling_until.load(Relaxed).saturating_sub(health.now_ms()),
        }
    }
}
