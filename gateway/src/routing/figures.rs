//! How a target did of late, as plans see it, and what that says of its next answer.

use std::time::Duration;
use tollgate_contract::interval::Interval;

/// How a target did of late.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Milliseconds to the first byte of a stream: rises at once, sinks slowly.
    pub first_byte_ms: Option<f64>,
    /// Milliseconds per token of a plain answer, likewise.
    pub ms_per_token: Option<f64>,
    /// Good answers in the window.
    pub good: u32,
    /// Failures in the window.
    pub bad: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// Since its last call ended; absent: it was never called.
    pub idle_for: Option<Duration>,
}

/// An untried target is taken for one that did well this often: it beats one that fails two times in five, and loses to
/// one that is known to be good.
const ASSUMED_GOOD: f64 = 5.0;

impl Figures {
    /// The lower end of the 95% interval of the success rate (Wilson), from the window and a few assumed successes.
    pub fn success_rate(&self) -> f64 {
        let good = f64::from(self.good) + ASSUMED_GOOD;
        Interval::share(good, good + f64::from(self.bad)).map_or(0.0, |rate| rate.low)
    }

    /// The share of failures, with the same assumption.
    pub fn error_rate(&self) -> f64 {
        let bad = f64::from(self.bad);
        bad / (f64::from(self.good) + ASSUMED_GOOD + bad)
    }

    /// What the next answer may take: the latency that counts for the request, once more for each call under way.
    /// `None` if nothing is known.
    pub fn expected_ms(&self, stream: bool) -> Option<f64> {
        let known = if stream { self.first_byte_ms } else { self.ms_per_token };
        known.map(|ms| ms * (f64::from(self.in_flight) + 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(good: u32, bad: u32) -> Figures {
        Figures { good, bad, ..Figures::default() }
    }

    #[test]
    fn more_evidence_is_better_and_an_untried_target_lies_between_good_and_bad() {
        let untried = figures(0, 0).success_rate();
        assert!(figures(100, 0).success_rate() > figures(10, 0).success_rate());
        assert!(figures(10, 0).success_rate() > untried);
        assert!(figures(60, 40).success_rate() < untried);
        assert!(figures(0, 50).success_rate() < 0.2);
    }

    #[test]
    fn calls_under_way_make_a_target_slower() {
        let figures = Figures { first_byte_ms: Some(100.0), in_flight: 2, ..Figures::default() };
        assert_eq!(figures.expected_ms(true), Some(300.0));
        assert_eq!(figures.expected_ms(false), None);
    }
}
