//! How targets do now, from the pulses of all nodes. In memory and of the last minute only.

use crate::ids::TenantId;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};
use tollgate_contract::pulse::{
    KeyPulse, LATENCY_BUCKETS, NodePulse, PULSES_KEPT_MS, TargetPulse, percentile,
};

/// A node that was silent this long is not asked what it sees now.
const FRESH_MS: u64 = 5_000;
/// Seconds that are shown.
pub const SECONDS: usize = (PULSES_KEPT_MS / 1_000) as usize;
/// With fewer calls a small share of failures says nothing.
const CALLS_ENOUGH: u64 = 20;
/// From this share of failures on a target is degraded.
const DEGRADED_RATE: f64 = 0.05;
/// So many failures say something if they are half of the calls.
const FAILURES_ENOUGH: u64 = 3;

/// The pulses of the last minute, by node.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<HashMap<String, VecDeque<NodePulse>>>);

/// Whether a target can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It can, and does well.
    Up,
    /// Some calls fail, or some of its provider keys cannot be used everywhere.
    Degraded,
    /// No node calls it now.
    Down,
}

impl Condition {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// How a target did in the last minute, and what nodes say of it now.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetHealth {
    /// `provider/model`.
    pub target: String,
    /// Whether it can be called.
    pub condition: Condition,
    /// Calls that ended.
    pub calls: u64,
    /// Those that failed, by class.
    pub errors: BTreeMap<String, u64>,
    /// The median, the 95th and the 99th percentile of good calls in milliseconds, as bounds of buckets.
    pub percentiles_ms: [Option<u32>; 3],
    /// The moving average of the time to the first byte of streams, at the slowest node.
    pub first_byte_ms: Option<f64>,
    /// Calls under way at its provider.
    pub in_flight: u64,
    /// Its provider keys.
    pub keys: Vec<KeyHealth>,
    /// Calls and failures of each of the last 60 seconds, oldest first.
    pub seconds: Vec<(u64, u64)>,
}

/// A provider key at a target, over all nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHealth {
    /// Which; absent where the provider needs none.
    pub key: Option<String>,
    /// Nodes that know it.
    pub nodes: usize,
    /// Nodes where its circuit is open.
    pub open: usize,
    /// Nodes where its circuit is half open.
    pub half_open: usize,
    /// Nodes where the provider did not accept it.
    pub refused: usize,
    /// How long its provider limits its rate, at the node where that is longest, in milliseconds.
    pub limited_ms: u64,
}

impl Pulses {
    /// Takes a pulse in, and forgets what is older than a minute.
    pub fn note(&self, pulse: NodePulse, now_ms: u64) {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now_ms.saturating_sub(PULSES_KEPT_MS);
        let of_node = nodes.entry(pulse.node.clone()).or_default();
        if of_node.back().is_none_or(|last| last.at_ms < pulse.at_ms) {
            of_node.push_back(pulse);
        }
        nodes.retain(|_, pulses| {
            while pulses.front().is_some_and(|first| first.at_ms < oldest) {
                pulses.pop_front();
            }
            !pulses.is_empty()
        });
    }

    /// Nodes that were heard of lately.
    pub fn nodes(&self, now: DateTime<Utc>) -> usize {
        let fresh = millis(now).saturating_sub(FRESH_MS);
        let nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.values().filter_map(VecDeque::back).filter(|last| last.at_ms >= fresh).count()
    }

    /// A tenant's targets by name.
    pub fn of(&self, tenant: TenantId, now: DateTime<Utc>) -> Vec<TargetHealth> {
        let owner = tenant.to_string();
        let now = millis(now);
        let nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: BTreeMap<&str, Gathered> = BTreeMap::new();
        for pulses in nodes.values() {
            for (index, pulse) in pulses.iter().rev().enumerate() {
                let own = pulse
                    .targets
                    .iter()
                    .filter(|target| target.owner.as_ref().is_some_and(|of| of.as_str() == owner));
                let latest = index == 0 && pulse.at_ms + FRESH_MS >= now;
                for target in own {
                    let gathered = found.entry(&target.target).or_default();
                    gathered.add(target, now.saturating_sub(pulse.at_ms) / 1_000, latest);
                }
            }
        }
        found.into_iter().map(|(target, gathered)| gathered.health(target)).collect()
    }
}

fn millis(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

struct Gathered {
    calls: u64,
    errors: BTreeMap<String, u64>,
    latency: [u64; LATENCY_BUCKETS],
    first_byte_ms: Option<f64>,
    in_flight: u64,
    keys: BTreeMap<Option<String>, KeyHealth>,
    /// By seconds ago.
    seconds: [(u64, u64); SECONDS],
    /// Nodes that say of it now whether it can be called, and those where it can.
    asked: usize,
    callable: usize,
    all_well: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            calls: 0,
            errors: BTreeMap::new(),
            latency: [0; LATENCY_BUCKETS],
            first_byte_ms: None,
            in_flight: 0,
            keys: BTreeMap::new(),
            seconds: [(0, 0); SECONDS],
            asked: 0,
            callable: 0,
            all_well: true,
        }
    }
}

impl Gathered {
    fn add(&mut self, pulse: &TargetPulse, seconds_ago: u64, latest: bool) {
        self.calls += u64::from(pulse.calls);
        for (class, count) in &pulse.errors {
            *self.errors.entry(class.clone()).or_default() += u64::from(*count);
        }
        for (sum, count) in self.latency.iter_mut().zip(&pulse.latency) {
            *sum += u64::from(*count);
        }
        let second = usize::try_from(seconds_ago).ok().and_then(|ago| self.seconds.get_mut(ago));
        if let Some((calls, failures)) = second {
            *calls += u64::from(pulse.calls);
            *failures += pulse.errors.values().copied().map(u64::from).sum::<u64>();
        }
        if latest {
            self.now(pulse);
        }
    }

    fn now(&mut self, pulse: &TargetPulse) {
        self.in_flight += u64::from(pulse.in_flight);
        self.first_byte_ms = match (self.first_byte_ms, pulse.first_byte_ms) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        self.all_well &= pulse.keys.iter().all(KeyPulse::is_well);
        self.asked += 1;
        // A half open circuit lets some calls through.
        let goes = |key: &KeyPulse| key.circuit != "open" && !key.refused && key.limited_ms == 0;
        self.callable += usize::from(pulse.keys.iter().any(goes));
        for key in &pulse.keys {
            let name = key.key.as_ref().map(|key| key.as_str().to_owned());
            let health = self.keys.entry(name.clone()).or_default();
            health.key = name;
            health.nodes += 1;
            health.open += usize::from(key.circuit == "open");
            health.half_open += usize::from(key.circuit == "half_open");
            health.refused += usize::from(key.refused);
            health.limited_ms = health.limited_ms.max(key.limited_ms);
        }
    }

    fn health(self, target: &str) -> TargetHealth {
        let failures: u64 = self.errors.values().sum();
        let failing = failures >= FAILURES_ENOUGH && failures * 2 >= self.calls
            || self.calls >= CALLS_ENOUGH && failures as f64 >= self.calls as f64 * DEGRADED_RATE;
        let condition = match () {
            () if self.asked > 0 && self.callable == 0 => Condition::Down,
            () if failing || (self.asked > 0 && !self.all_well) => Condition::Degraded,
            () => Condition::Up,
        };
        TargetHealth {
            target: target.to_owned(),
            condition,
            calls: self.calls,
            percentiles_ms: [0.5, 0.95, 0.99].map(|share| percentile(&self.latency, share)),
            errors: self.errors,
            first_byte_ms: self.first_byte_ms,
            in_flight: self.in_flight,
            keys: self.keys.into_values().collect(),
            seconds: self.seconds.into_iter().rev().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::{
        ids::{ProviderKeyId, TenantId as Owner},
        pulse::latency_bucket,
    };

    const NOW: u64 = 1_800_000_000_000;

    fn tenant() -> TenantId {
        "tnt_0193c5f0a1b27c3d8e4f5a6b7c8d9e0f".parse().unwrap()
    }

    fn target(calls: u32, failures: u32, circuit: &str) -> TargetPulse {
        let mut latency = vec![0; LATENCY_BUCKETS];
        latency[latency_bucket(80)] = calls - failures;
        TargetPulse {
            owner: Some(Owner::new(tenant().to_string())),
            target: "openai/gpt-4o".to_owned(),
            calls,
            errors: BTreeMap::from([("5xx".to_owned(), failures)]),
            latency,
            keys: vec![KeyPulse {
                key: Some(ProviderKeyId::new("pky_1")),
                circuit: circuit.to_owned(),
                ..KeyPulse::default()
            }],
            ..TargetPulse::default()
        }
    }

    fn seen(pulses: &[(&str, u64, TargetPulse)]) -> Vec<TargetHealth> {
        let all = Pulses::default();
        for (node, seconds_ago, target) in pulses {
            let at_ms = NOW - seconds_ago * 1_000;
            let pulse =
                NodePulse { node: (*node).to_owned(), at_ms, targets: vec![target.clone()] };
            all.note(pulse, NOW);
        }
        all.of(tenant(), DateTime::from_timestamp_millis(NOW as i64).unwrap())
    }

    #[test]
    fn nodes_add_up_and_a_minute_is_forgotten() {
        let found = seen(&[
            ("a", 61, target(1_000, 0, "closed")),
            ("a", 1, target(10, 1, "closed")),
            ("b", 1, target(20, 0, "closed")),
            ("b", 0, target(1, 0, "closed")),
        ]);
        let health = &found[0];
        assert_eq!((health.calls, health.errors["5xx"]), (31, 1));
        assert_eq!(health.seconds[SECONDS - 2..], [(30, 1), (1, 0)]);
        assert_eq!(health.percentiles_ms, [Some(100); 3]);
        assert_eq!((health.keys[0].nodes, health.condition), (2, Condition::Up));
    }

    #[test]
    fn a_target_is_down_where_no_node_calls_it_and_degraded_where_some_do_not() {
        let condition = |pulses: &[(&str, u64, TargetPulse)]| seen(pulses)[0].condition;
        let (well, open) = (|| target(1, 0, "closed"), || target(1, 1, "open"));
        assert_eq!(condition(&[("a", 0, open()), ("b", 0, open())]), Condition::Down);
        assert_eq!(condition(&[("a", 0, open()), ("b", 0, well())]), Condition::Degraded);
        assert_eq!(condition(&[("a", 0, well()), ("b", 0, open())]), Condition::Degraded);
        assert_eq!(condition(&[("a", 0, target(30, 3, "closed"))]), Condition::Degraded);
        assert_eq!(condition(&[("a", 0, target(19, 3, "closed"))]), Condition::Up, "too few calls");
        assert_eq!(
            condition(&[("a", 0, target(6, 3, "closed"))]),
            Condition::Degraded,
            "half fail"
        );
        assert_eq!(condition(&[("a", 0, target(2, 2, "closed"))]), Condition::Up, "may be chance");
        assert_eq!(condition(&[("a", 2, open()), ("a", 0, well())]), Condition::Up);
        assert_eq!(condition(&[("a", 30, open())]), Condition::Up, "a silent node says nothing");
    }

    #[test]
    fn what_is_another_tenants_is_not_seen() {
        let mut other = target(1, 0, "closed");
        other.owner = Some(Owner::new("tnt_0193c5f0a1b27c3d8e4f5a6b7c8d9e10"));
        assert_eq!(seen(&[("a", 0, other)]), []);
    }
}
