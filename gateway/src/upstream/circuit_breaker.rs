//! Stops sending to a target that keeps failing, and probes it after a cooldown. Closed: requests flow. Open: refused.
//! Half-open: one probe at a time.
//!
//! A plain value; the clock and the jitter are arguments, so every transition is a line in a test.

use std::time::{Duration, Instant};
use tollgate_contract::route::BreakerSettings;

const BUCKETS: usize = 10;
/// Good probes in a row that close the circuit.
const GOOD_PROBES: u32 = 3;
/// At most one probe in this time.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The circuit of one (provider key, upstream model).
#[derive(Debug, Clone)]
pub struct Circuit {
    state: State,
    in_a_row: u32,
    buckets: [Bucket; BUCKETS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant, openings: u32 },
    HalfOpen { good: u32, next_probe: Instant, openings: u32 },
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    slot: u64,
    good: u32,
    bad: u32,
}

/// How a call ended, as a circuit sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target is well.
    Good,
    /// The target is ill.
    Bad,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { state: State::Closed, in_a_row: 0, buckets: [Bucket::default(); BUCKETS] }
    }
}

impl Circuit {
    /// Whether a request could go out now. Changes nothing: planning asks for targets that are never called.
    pub fn admits(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until, .. } => until <= now,
            State::HalfOpen { next_probe, .. } => next_probe <= now,
        }
    }

    /// Takes the permission to send one request now. In a half-open circuit it is the probe.
    pub fn admit(&mut self, now: Instant) -> bool {
        let admitted = self.admits(now);
        match self.state {
            State::Open { openings, .. } if admitted => {
                self.state = State::HalfOpen { good: 0, next_probe: now + PROBE_EVERY, openings };
            }
            State::HalfOpen { good, openings, .. } if admitted => {
                self.state = State::HalfOpen { good, next_probe: now + PROBE_EVERY, openings };
            }
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => {}
        }
        admitted
    }

    /// Takes note of how a call ended. `since` is the start of the circuit's time; `jitter` a number in -1..1.
    pub fn record(
        &mut self,
        outcome: Outcome,
        now: Instant,
        since: Instant,
        settings: BreakerSettings,
        jitter: f64,
    ) {
        self.count(outcome, now, since, settings.window);
        match (self.state, outcome) {
            (State::Closed, Outcome::Good) => self.in_a_row = 0,
            (State::Closed, Outcome::Bad) => {
                self.in_a_row += 1;
                if self.in_a_row >= settings.failures || self.mostly_bad(now, since, settings) {
                    self.open(now, 1, settings, jitter);
                }
            }
            (State::HalfOpen { good, next_probe, openings }, Outcome::Good) => {
                if good + 1 >= GOOD_PROBES {
                    *self = Self::default();
                } else {
                    self.state = State::HalfOpen { good: good + 1, next_probe, openings };
                }
            }
            (State::HalfOpen { openings, .. }, Outcome::Bad) => {
                self.open(now, openings.saturating_add(1), settings, jitter)
            }
            // A request sent before the circuit opened may end after it: it says nothing new.
            (State::Open { .. }, _) => {}
        }
    }

    /// `closed`, `open` or `half_open`.
    pub const fn state(&self) -> &'static str {
        match self.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half_open",
        }
    }

    /// How long it stays open, if it is.
    pub fn open_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until, .. } => Some(until.saturating_duration_since(now)),
            State::Closed | State::HalfOpen { .. } => None,
        }
    }

    /// Somebody else found the target ill. It is probed, one request at a time, and three good answers clear it: a node
    /// whose own network is at fault must not take the target from all others.
    pub fn doubt(&mut self, now: Instant) {
        if self.state == State::Closed {
            self.state = State::HalfOpen { good: 0, next_probe: now, openings: 0 };
        }
    }

    fn open(&mut self, now: Instant, openings: u32, settings: BreakerSettings, jitter: f64) {
        let cooldown = settings.cooldown * openings.min(10);
        let cooldown = cooldown.mul_f64(0.2f64.mul_add(jitter.clamp(-1.0, 1.0), 1.0));
        self.in_a_row = 0;
        self.state = State::Open { until: now + cooldown, openings };
    }

    fn slot(now: Instant, since: Instant, window: Duration) -> u64 {
        let width = (window / BUCKETS as u32).max(Duration::from_millis(1));
        (now.saturating_duration_since(since).as_millis() / width.as_millis()) as u64
            + BUCKETS as u64
    }

    fn count(&mut self, outcome: Outcome, now: Instant, since: Instant, window: Duration) {
        let slot = Self::slot(now, since, window);
        let bucket = &mut self.buckets[slot as usize % BUCKETS];
        if bucket.slot != slot {
            *bucket = Bucket { slot, ..Bucket::default() };
        }
        match outcome {
            Outcome::Good => bucket.good += 1,
            Outcome::Bad => bucket.bad += 1,
        }
    }

    fn mostly_bad(&self, now: Instant, since: Instant, settings: BreakerSettings) -> bool {
        let slot = Self::slot(now, since, settings.window);
        let recent = self.buckets.iter().filter(|bucket| bucket.slot + BUCKETS as u64 > slot);
        let (good, bad) =
            recent.fold((0u32, 0u32), |(good, bad), bucket| (good + bucket.good, bad + bucket.bad));
        good + bad >= settings.min_requests
            && f64::from(bad) >= settings.ratio * f64::from(good + bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        failures: 3,
        ratio: 0.5,
        min_requests: 10,
        window: Duration::from_secs(10),
        cooldown: Duration::from_secs(30),
    };

    fn opened(start: Instant) -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 0..3 {
            assert!(circuit.admit(start));
            circuit.record(Outcome::Bad, start, start, SETTINGS, 0.0);
        }
        circuit
    }

    #[test]
    fn opens_after_failures_in_a_row_and_three_good_probes_close_it() {
        let start = Instant::now();
        let mut circuit = opened(start);
        assert_eq!(circuit.state(), "open");
        assert!(!circuit.admit(start + Duration::from_secs(29)));

        let mut now = start + Duration::from_secs(30);
        for _ in 0..3 {
            assert!(circuit.admit(now), "the probe");
            assert!(!circuit.admit(now), "one at a time");
            circuit.record(Outcome::Good, now, start, SETTINGS, 0.0);
            now += Duration::from_secs(1);
        }
        assert_eq!(circuit.state(), "closed");
    }

    #[test]
    fn a_bad_probe_opens_it_for_longer_and_a_lost_one_does_not_block_for_ever() {
        let start = Instant::now();
        let mut circuit = opened(start);
        let probe = start + Duration::from_secs(30);
        assert!(circuit.admit(probe));
        circuit.record(Outcome::Bad, probe, start, SETTINGS, 0.0);
        assert!(!circuit.admit(probe + Duration::from_secs(59)));
        assert!(circuit.admit(probe + Duration::from_secs(60)));
        assert!(circuit.admit(probe + Duration::from_secs(61)), "the first probe never reported");
    }

    #[test]
    fn anothers_word_makes_it_probe_and_three_good_answers_clear_it() {
        let start = Instant::now();
        let mut circuit = Circuit::default();
        circuit.doubt(start);
        assert!(circuit.admit(start) && !circuit.admit(start), "one at a time");
        circuit.record(Outcome::Bad, start, start, SETTINGS, 0.0);
        assert_eq!(circuit.open_for(start), Some(SETTINGS.cooldown), "it is ill indeed");

        let mut circuit = Circuit::default();
        circuit.doubt(start);
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert!(circuit.admit(now));
            circuit.record(Outcome::Good, now, start, SETTINGS, 0.0);
        }
        assert_eq!((circuit.state(), circuit.open_for(start)), ("closed", None));
    }

    #[test]
    fn a_ratio_of_failures_opens_it_too_but_old_ones_are_forgotten() {
        let settings = BreakerSettings { failures: 100, ..SETTINGS };
        let start = Instant::now();
        let mut circuit = Circuit::default();
        let mut record = |outcome, seconds: u64| {
            circuit.record(outcome, start + Duration::from_secs(seconds), start, settings, 0.0);
            circuit.state()
        };
        for _ in 0..9 {
            assert_eq!(record(Outcome::Bad, 0), "closed", "too few requests to tell");
        }
        for _ in 0..5 {
            record(Outcome::Good, 20);
        }
        for _ in 0..4 {
            assert_eq!(
                record(Outcome::Bad, 21),
                "closed",
                "the old failures are out of the window"
            );
        }
        assert_eq!(record(Outcome::Bad, 21), "open", "five of ten");
    }
}
