//! The token bucket behind limits per minute. Pure: time is an argument.
//!
//! In any interval W it admits at most its capacity (ten seconds' worth) and the rate times W, and the last request
//! where one is larger than the capacity: that one takes a full bucket into debt, else it could never pass.

use std::time::Duration;

/// A limit per minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    per_ms: f64,
    capacity: f64,
}

impl Rate {
    pub(super) fn per_minute(limit: u64) -> Self {
        let limit = limit as f64;
        // A limit of nothing admits nothing, also not the first request.
        let capacity = if limit == 0.0 { 0.0 } else { (limit / 6.0).max(1.0) };
        Self { per_ms: limit / 60_000.0, capacity }
    }

    pub(super) fn admits(&self, level: f64, amount: u64) -> bool {
        0.0 < self.capacity && (amount as f64).min(self.capacity) <= level
    }

    /// How long until a bucket at this level admits the amount; `None` if it never does.
    pub(super) fn until_admits(&self, level: f64, amount: u64) -> Option<Duration> {
        (0.0 < self.per_ms).then(|| self.until(level, (amount as f64).min(self.capacity)))
    }

    pub(super) fn until_full(&self, level: f64) -> Duration {
        if self.per_ms > 0.0 { self.until(level, self.capacity) } else { Duration::ZERO }
    }

    fn until(&self, level: f64, wanted: f64) -> Duration {
        let ms = ((wanted - level) / self.per_ms).max(0.0).ceil();
        // A float's conversion stops at the largest integer.
        Duration::from_millis(ms as u64)
    }
}

/// What is left, and when it was counted. Debt is negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    level: f64,
    at_ms: i64,
}

impl Bucket {
    pub(super) fn full(rate: &Rate, now_ms: i64) -> Self {
        Self { level: rate.capacity, at_ms: now_ms }
    }

    /// The level now. A clock that was set back refills nothing.
    pub(super) fn level(&self, rate: &Rate, now_ms: i64) -> f64 {
        let elapsed = now_ms.saturating_sub(self.at_ms).max(0) as f64;
        (self.level + elapsed * rate.per_ms).min(rate.capacity)
    }

    /// Takes an amount out; a negative one is given back.
    pub(super) fn take(&mut self, rate: &Rate, now_ms: i64, amount: i64) {
        let level = (self.level(rate, now_ms) - amount as f64).min(rate.capacity);
        // As the scripts print it.
        *self = Self { level: (level * 1000.0).round() / 1000.0, at_ms: now_ms };
    }

    pub(super) fn is_full(&self, rate: &Rate, now_ms: i64) -> bool {
        rate.capacity <= self.level(rate, now_ms)
    }
}

/// Whole tokens left, as a header tells it.
pub(super) fn remaining(level: f64) -> u64 {
    level.max(0.0).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_bucket_holds_ten_seconds_worth_and_at_least_one() {
        for (limit, capacity) in [(600, 100.0), (60, 10.0), (6, 1.0), (1, 1.0), (0, 0.0)] {
            assert_eq!(Bucket::full(&Rate::per_minute(limit), 0).level, capacity, "{limit}");
        }
    }

    #[test]
    fn it_refills_with_time_and_never_runs_over() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::full(&rate, 0);
        bucket.take(&rate, 0, 10);
        for (now, level) in [(0, 0.0), (500, 0.5), (1_000, 1.0), (60_000, 10.0), (-5_000, 0.0)] {
            assert_eq!(bucket.level(&rate, now), level, "at {now} ms");
        }
    }

    #[test]
    fn a_request_larger_than_the_bucket_takes_a_full_one_into_debt() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::full(&rate, 0);
        assert!(rate.admits(bucket.level(&rate, 0), 1_000));
        bucket.take(&rate, 0, 1_000);
        assert_eq!(bucket.level(&rate, 0), -990.0);
        assert!(!rate.admits(bucket.level(&rate, 990_999), 2), "the debt is paid first");
        assert!(rate.admits(bucket.level(&rate, 992_000), 2));
        assert_eq!(rate.until_admits(-990.0, 1), Some(Duration::from_secs(991)));
        assert_eq!(rate.until_full(-990.0), Duration::from_secs(1_000));
    }

    #[test]
    fn what_was_not_used_is_given_back_up_to_the_capacity() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::full(&rate, 0);
        bucket.take(&rate, 0, 8);
        bucket.take(&rate, 0, -5);
        assert_eq!(bucket.level(&rate, 0), 7.0);
        bucket.take(&rate, 0, -5);
        assert!(bucket.is_full(&rate, 0));
        assert_eq!(remaining(bucket.level(&rate, 0)), 10);
    }

    #[test]
    fn a_limit_of_nothing_never_admits() {
        let rate = Rate::per_minute(0);
        assert!(!rate.admits(Bucket::full(&rate, 0).level(&rate, 1_000_000), 1));
        assert_eq!(rate.until_admits(0.0, 1), None);
    }

    #[test]
    fn a_minute_never_admits_more_than_seven_sixths_of_the_limit() {
        let rate = Rate::per_minute(60);
        let mut bucket = Bucket::full(&rate, 0);
        let mut admitted = 0;
        for now in (0..60_000).step_by(10) {
            if rate.admits(bucket.level(&rate, now), 1) {
                bucket.take(&rate, now, 1);
                admitted += 1;
            }
        }
        assert_eq!(admitted, 69, "10 at once and 59 as time goes by");
    }
}
