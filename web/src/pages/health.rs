//! How targets do now.

use crate::{format, layout::Shell};
use askama::Template;

/// `GET /console/health`; `as_live()` is what refreshes (`fragment=live`).
#[derive(Debug, Clone, Template)]
#[template(path = "health.html", blocks = ["live"])]
pub struct HealthPage {
    /// What surrounds it.
    pub shell: Shell,
    /// Gateway nodes that were heard of in the last seconds.
    pub nodes: u64,
    /// Over how many seconds calls are counted.
    pub seconds: u64,
    /// The targets that were called in that time or cannot be called now: those in trouble first.
    pub rows: Vec<HealthRow>,
    /// How many more there are.
    pub further: u64,
}

/// Whether a target can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// No node calls it now.
    Down,
    /// Some calls fail, or some of its provider keys cannot be used everywhere.
    Degraded,
    /// It can, and does well.
    Up,
}

/// A target.
#[derive(Debug, Clone)]
pub struct HealthRow {
    /// `provider/model`.
    pub target: String,
    /// Whether it can be called.
    pub condition: Condition,
    /// Calls that ended.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// The same by class.
    pub by_class: Vec<(String, u64)>,
    /// The median, the 95th and the 99th percentile of good calls, in milliseconds.
    pub percentiles_ms: [Option<u64>; 3],
    /// Calls under way at its provider.
    pub in_flight: u64,
    /// Its provider keys that cannot be used everywhere.
    pub keys: Vec<KeyTrouble>,
    /// Calls and failures of each second, oldest first.
    pub per_second: Vec<(u64, u64)>,
}

/// What is the matter with a provider key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTrouble {
    /// The key's id; empty where the provider needs none.
    pub key: String,
    /// In words.
    pub what: String,
    /// How bad it is.
    pub tone: &'static str,
}

/// One second in the picture of the last minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Left edge.
    pub x: u64,
    /// Upper edge of all calls.
    pub y: u64,
    /// Height of all calls.
    pub height: u64,
    /// Upper edge of those that failed.
    pub failed_y: u64,
    /// Height of those that failed.
    pub failed: u64,
}

impl HealthPage {
    /// How many targets are in a condition.
    pub fn count(&self, condition: &Condition) -> usize {
        self.rows.iter().filter(|row| row.condition == *condition).count()
    }

    /// Calls of all targets.
    pub fn calls(&self) -> u64 {
        self.rows.iter().map(|row| row.calls).sum()
    }

    /// Calls that failed, of all targets.
    pub fn failures(&self) -> u64 {
        self.rows.iter().map(|row| row.failures).sum()
    }
}

impl Condition {
    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up => "Up",
            Self::Degraded => "Degraded",
            Self::Down => "Down",
        }
    }

    /// Its colour.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Up => "ok",
            Self::Degraded => "warn",
            Self::Down => "bad",
        }
    }
}

impl HealthRow {
    /// A percentile in words: a bound, as buckets have it.
    pub fn percentile(&self, which: usize) -> String {
        let ms = self.percentiles_ms.get(which).copied().flatten();
        ms.map_or_else(|| "–".to_owned(), |ms| format!("≤ {}", format::milliseconds(ms)))
    }

    /// The share that failed.
    pub fn failed_share(&self) -> String {
        format::percent(self.failures, self.calls)
    }

    /// The seconds as bars in a box of 600 by 100; the busiest second is as high as the box.
    pub fn bars(&self) -> Vec<Bar> {
        let most = self.per_second.iter().map(|(calls, _)| *calls).max().unwrap_or(0).max(1);
        let all = self.per_second.iter().zip(0u64..);
        all.filter(|((calls, _), _)| *calls > 0)
            .map(|((calls, failures), second)| {
                let height = (calls * 100 / most).max(4);
                let failed = if *failures > 0 { (failures * 100 / most).max(4) } else { 0 };
                let failed = failed.min(height);
                Bar { x: second * 10, y: 100 - height, height, failed_y: 100 - failed, failed }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(per_second: Vec<(u64, u64)>) -> HealthRow {
        HealthRow {
            target: "p/m".to_owned(),
            condition: Condition::Up,
            calls: 0,
            failures: 0,
            by_class: Vec::new(),
            percentiles_ms: [Some(1_500), None, None],
            in_flight: 0,
            keys: Vec::new(),
            per_second,
        }
    }

    #[test]
    fn the_busiest_second_fills_the_box_and_one_failure_is_seen() {
        let bars = row(vec![(0, 0), (1_000, 1), (250, 250)]).bars();
        let told: Vec<_> = bars.iter().map(|bar| (bar.x, bar.height, bar.failed)).collect();
        assert_eq!(told, [(10, 100, 4), (20, 25, 25)]);
        assert!(
            bars.iter().all(|bar| bar.y + bar.height == 100 && bar.failed_y + bar.failed == 100)
        );
        assert!(row(vec![(0, 0); 60]).bars().is_empty());
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        let row = row(Vec::new());
        assert_eq!((row.percentile(1).as_str(), row.percentile(9).as_str()), ("–", "–"));
        assert_eq!(row.percentile(0), format!("≤ {}", format::milliseconds(1_500)));
    }
}
