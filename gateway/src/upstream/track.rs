//! How a target did of late: latencies, outcomes, and what may be spent on hedges. A plain value; the clock is an
//! argument, so every rule is a line in a test.

use crate::routing::Figures;
use std::time::{Duration, Instant};

/// A slow answer is half forgotten after about this long.
const DECAY: Duration = Duration::from_secs(10);
/// The window of outcomes.
const WINDOW: Duration = Duration::from_secs(60);
const BUCKETS: usize = 6;
/// So many latencies are remembered for the percentile.
const SAMPLES: usize = 256;
/// With fewer the percentile is not known.
const ENOUGH: usize = 20;
/// Hedges that may be saved up.
const MOST_HEDGES: f64 = 10.0;

/// What is remembered of one target.
#[derive(Debug, Clone)]
pub struct Track {
    since: Instant,
    first_byte: Peak,
    per_token: Peak,
    buckets: [Bucket; BUCKETS],
    /// Milliseconds of the latest answers, to the first byte of streams and to the end of plain ones.
    stream: Ring,
    plain: Ring,
    last_call: Option<Instant>,
    hedges: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    slot: u64,
    good: u32,
    bad: u32,
}

/// How an answer came, for its target's latencies.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Whether it streamed.
    pub stream: bool,
    /// To the first byte of a stream, to the end of a plain answer.
    pub took: Duration,
    /// The tokens of a plain answer.
    pub output_tokens: u64,
}

impl Track {
    /// Nothing is known.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            first_byte: Peak::default(),
            per_token: Peak::default(),
            buckets: [Bucket::default(); BUCKETS],
            stream: Ring::default(),
            plain: Ring::default(),
            last_call: None,
            hedges: 1.0,
        }
    }

    /// An answer came.
    pub fn answered(&mut self, timing: Timing, now: Instant) {
        let ms = timing.took.as_secs_f64() * 1e3;
        if timing.stream {
            self.first_byte.note(ms, now);
            self.stream.push(ms);
        } else {
            // Short answers are mostly overhead: they count as a few tokens.
            self.per_token.note(ms / timing.output_tokens.max(16) as f64, now);
            self.plain.push(ms);
        }
        self.bucket(now).good += 1;
        self.last_call = Some(now);
    }

    /// A call failed.
    pub fn failed(&mut self, now: Instant) {
        self.bucket(now).bad += 1;
        self.last_call = Some(now);
    }

    /// A call was given up after so long because another target was faster. It is no failure, but it was slow.
    pub fn given_up(&mut self, stream: bool, after: Duration, now: Instant) {
        let ms = after.as_secs_f64() * 1e3;
        if stream {
            self.first_byte.note(ms, now);
        }
        self.last_call = Some(now);
    }

    /// The time that 95 of 100 of the latest answers took; `None` if too few are known.
    pub fn p95(&self, stream: bool) -> Option<Duration> {
        let ring = if stream { &self.stream } else { &self.plain };
        ring.percentile(0.95).map(|ms| Duration::from_secs_f64(ms / 1e3))
    }

    /// Counts a request for the hedge budget, a share of the traffic.
    pub fn earn_hedge(&mut self, share: f64) {
        self.hedges = (self.hedges + share).min(MOST_HEDGES);
    }

    /// Takes a hedge from the budget, if there is one.
    pub fn spend_hedge(&mut self) -> bool {
        let enough = self.hedges >= 1.0;
        if enough {
            self.hedges -= 1.0;
        }
        enough
    }

    /// What plans see.
    pub fn figures(&self, now: Instant, in_flight: usize) -> Figures {
        let slot = self.slot(now);
        let recent = self.buckets.iter().filter(|bucket| bucket.slot + BUCKETS as u64 > slot);
        let (good, bad) =
            recent.fold((0, 0), |(good, bad), bucket| (good + bucket.good, bad + bucket.bad));
        Figures {
            first_byte_ms: self.first_byte.ms(),
            ms_per_token: self.per_token.ms(),
            good,
            bad,
            in_flight: u32::try_from(in_flight).unwrap_or(u32::MAX),
            idle_for: self.last_call.map(|at| now.saturating_duration_since(at)),
        }
    }

    fn slot(&self, now: Instant) -> u64 {
        let width = WINDOW / BUCKETS as u32;
        let passed = now.saturating_duration_since(self.since).as_millis() / width.as_millis();
        // The first slot is above that of empty buckets.
        u64::try_from(passed).unwrap_or(u64::MAX / 2) + BUCKETS as u64
    }

    fn bucket(&mut self, now: Instant) -> &mut Bucket {
        let slot = self.slot(now);
        let bucket = &mut self.buckets[slot as usize % BUCKETS];
        if bucket.slot != slot {
            *bucket = Bucket { slot, ..Bucket::default() };
        }
        bucket
    }
}

/// A moving average that rises to a peak at once and sinks slowly (peak-EWMA, as in Finagle).
#[derive(Debug, Clone, Copy, Default)]
struct Peak(Option<(f64, Instant)>);

impl Peak {
    fn note(&mut self, ms: f64, now: Instant) {
        let value = match self.0 {
            Some((old, at)) if ms < old => {
                let passed = now.saturating_duration_since(at).as_secs_f64();
                let weight = (-passed / DECAY.as_secs_f64()).exp();
                // Answers at the same moment count too.
                old.mul_add(weight.min(0.98), ms * (1.0 - weight.min(0.98)))
            }
            _ => ms,
        };
        self.0 = Some((value, now));
    }

    fn ms(&self) -> Option<f64> {
        self.0.map(|(ms, _)| ms)
    }
}

/// The latest latencies.
#[derive(Debug, Clone, Default)]
struct Ring {
    values: Vec<f32>,
    next: usize,
}

impl Ring {
    fn push(&mut self, ms: f64) {
        if self.values.len() < SAMPLES {
            self.values.push(ms as f32);
        } else if let Some(oldest) = self.values.get_mut(self.next) {
            *oldest = ms as f32;
            self.next = (self.next + 1) % SAMPLES;
        }
    }

    fn percentile(&self, share: f64) -> Option<f64> {
        if self.values.len() < ENOUGH {
            return None;
        }
        let mut sorted = self.values.clone();
        let index = ((sorted.len() - 1) as f64 * share).ceil() as usize;
        let (_, value, _) = sorted.select_nth_unstable_by(index, f32::total_cmp);
        Some(f64::from(*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(ms: u64) -> Timing {
        Timing { stream: false, took: Duration::from_millis(ms), output_tokens: 100 }
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let start = Instant::now();
        let mut track = Track::new(start);
        let stream =
            |ms| Timing { stream: true, took: Duration::from_millis(ms), output_tokens: 0 };
        track.answered(stream(100), start);
        track.answered(stream(1_000), start);
        assert_eq!(track.figures(start, 0).first_byte_ms, Some(1_000.0));
        let later = start + Duration::from_secs(10);
        track.answered(stream(100), later);
        let ms = track.figures(later, 0).first_byte_ms.unwrap();
        assert!((420.0..440.0).contains(&ms), "{ms}");
    }

    #[test]
    fn outcomes_are_forgotten_after_the_window() {
        let start = Instant::now();
        let mut track = Track::new(start);
        track.answered(plain(100), start);
        track.failed(start + Duration::from_secs(30));
        let at = |seconds| {
            let figures = track.figures(start + Duration::from_secs(seconds), 3);
            (figures.good, figures.bad, figures.in_flight)
        };
        assert_eq!(at(31), (1, 1, 3));
        assert_eq!(at(65), (0, 1, 3));
        assert_eq!(at(200), (0, 0, 3));
        assert_eq!(
            track.figures(start + Duration::from_secs(40), 0).idle_for,
            Some(Duration::from_secs(10))
        );
    }

    #[test]
    fn the_percentile_needs_some_answers_and_follows_the_latest() {
        let start = Instant::now();
        let mut track = Track::new(start);
        for ms in 1..20 {
            track.answered(plain(ms), start);
        }
        assert_eq!(track.p95(false), None);
        for ms in 20..=100 {
            track.answered(plain(ms), start);
        }
        assert_eq!(track.p95(false), Some(Duration::from_millis(96)));
        assert_eq!(track.p95(true), None);
        for _ in 0..SAMPLES {
            track.answered(plain(7), start);
        }
        assert_eq!(track.p95(false), Some(Duration::from_millis(7)));
    }

    #[test]
    fn hedges_are_a_share_of_the_traffic() {
        let mut track = Track::new(Instant::now());
        let mut spent = 0;
        for _ in 0..1_000 {
            track.earn_hedge(0.05);
            spent += u32::from(track.spend_hedge());
        }
        assert!((50..=51).contains(&spent), "{spent}");
    }

    #[test]
    fn a_call_that_was_given_up_was_slow_but_did_not_fail() {
        let start = Instant::now();
        let mut track = Track::new(start);
        track.given_up(true, Duration::from_secs(2), start);
        let figures = track.figures(start, 0);
        assert_eq!((figures.bad, figures.first_byte_ms), (0, Some(2_000.0)));
    }
}
