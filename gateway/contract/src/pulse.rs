//! Pulses: what each node tells of its targets every second, for those who watch. They are hints and forgotten after a
//! minute; money is counted by usage events alone.

use crate::ids::{ProviderKeyId, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The Redis Stream of all nodes' pulses. An entry has a [`NodePulse`] as JSON in [`PULSE_FIELD`].
pub const PULSES: &str = "tg1:pulses";

/// The field of an entry.
pub const PULSE_FIELD: &str = "pulse";

/// Pulses older than this are forgotten, in milliseconds.
pub const PULSES_KEPT_MS: u64 = 60_000;

/// The most targets in a pulse: the busiest.
pub const TARGETS_MAX: usize = 500;

/// Upper bounds of the latency buckets, in milliseconds. What took longer is in one bucket more.
pub const LATENCY_BOUNDS_MS: [u32; 14] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000];

/// The number of latency buckets.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS_MS.len() + 1;

/// What a node did in one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodePulse {
    /// The process; a new one after a restart.
    pub node: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Targets that were called in the last minute, or that cannot be called now.
    pub targets: Vec<TargetPulse>,
}

/// What a node knows of one target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetPulse {
    /// Whose the provider is.
    pub owner: Option<TenantId>,
    /// `provider/model`.
    pub target: String,
    /// Calls that ended in this second; of a stream: whose first byte came.
    pub calls: u32,
    /// Those that failed, by class as in `fallback_on`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u32>,
    /// How long good ones took, by [`LATENCY_BOUNDS_MS`]: to the first byte of a stream, to the end of a plain answer.
    /// Empty: there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<u32>,
    /// The moving average of the time to the first byte of streams, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// The moving average of plain answers, in milliseconds per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms_per_token: Option<f64>,
    /// Calls under way at the provider, whatever the model.
    pub in_flight: u32,
    /// The provider's keys here.
    pub keys: Vec<KeyPulse>,
}

/// What a node knows of a provider key at one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPulse {
    /// Which; absent where the provider needs none.
    pub key: Option<ProviderKeyId>,
    /// `closed`, `open` or `half_open`.
    pub circuit: String,
    /// Whether the provider does not accept it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// How long its provider still limits its rate, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limited_ms: u64,
}

impl KeyPulse {
    /// Whether calls with it go out.
    pub fn is_well(&self) -> bool {
        self.circuit == "closed" && !self.refused && self.limited_ms == 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The bucket of a latency in milliseconds.
pub fn latency_bucket(ms: u64) -> usize {
    LATENCY_BOUNDS_MS.partition_point(|bound| u64::from(*bound) < ms)
}

/// A percentile (0 to 1) of bucketed latencies, in milliseconds: the upper bound of its bucket. `None` without any, or if
/// it is above all bounds.
pub fn percentile(latency: &[u64], share: f64) -> Option<u32> {
    let all: u64 = latency.iter().sum();
    let wanted = ((all as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    let bucket = latency.iter().position(|count| {
        seen += count;
        seen >= wanted
    })?;
    LATENCY_BOUNDS_MS.get(bucket).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_fall_into_buckets_and_come_out_as_their_bounds() {
        assert_eq!((latency_bucket(0), latency_bucket(5), latency_bucket(6)), (0, 0, 1));
        assert_eq!(latency_bucket(1_000_000), LATENCY_BUCKETS - 1);
        let mut latency = [0; LATENCY_BUCKETS];
        latency[latency_bucket(80)] = 98;
        latency[latency_bucket(700)] = 2;
        assert_eq!(percentile(&latency, 0.5), Some(100));
        assert_eq!(percentile(&latency, 0.99), Some(1_000));
        assert_eq!(percentile(&[0; LATENCY_BUCKETS], 0.5), None);
    }

    #[test]
    fn what_is_as_usual_is_not_said() {
        let key = KeyPulse { circuit: "closed".to_owned(), ..KeyPulse::default() };
        assert!(key.is_well());
        assert_eq!(serde_json::to_string(&key).unwrap(), r#"{"key":null,"circuit":"closed"}"#);
    }
}
