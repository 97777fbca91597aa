//! How much a provider still lets through with a key, as the heads of its good answers say: targets without room for a
//! request go last, before a 429 says so.
//!
//! OpenAI and many others: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, resets as Go durations. Anthropic:
//! `anthropic-ratelimit-{requests,tokens,input-tokens}-{limit,remaining,reset}`, resets as RFC 3339, remaining tokens rounded
//! to thousands. Both fill up all the time, and are full at the reset.

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, Instant};

/// Nothing is believed for longer: limits are raised, and a key that goes last hears little.
const LONGEST: Duration = Duration::from_secs(600);
/// Where the reset is not told.
const SOON: Duration = Duration::from_secs(1);
/// What rounding to thousands may hide.
const ROUNDED: f64 = 999.0;

/// What a key has left at a target.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Headroom {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// A limit that fills up again.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    limit: Option<f64>,
    left: f64,
    at: Instant,
    full_in: Duration,
}

impl Bucket {
    fn left(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        if passed >= self.full_in {
            return f64::INFINITY;
        }
        let missing = self.limit.map_or(0.0, |limit| (limit - self.left).max(0.0));
        (missing / self.full_in.as_secs_f64()).mul_add(passed.as_secs_f64(), self.left)
    }
}

impl Headroom {
    /// What the head of an answer says; `None` if it says nothing.
    pub fn read(headers: &HeaderMap, now: Instant, at: Timestamp) -> Option<Self> {
        let openai = |kind: &str| {
            let part = |part: &str| text(headers, &format!("x-ratelimit-{part}-{kind}"));
            let reset = part("reset").and_then(go_duration);
            bucket(part("limit"), part("remaining")?, reset, now)
        };
        let anthropic = |kind: &str| {
            let part = |part: &str| text(headers, &format!("anthropic-ratelimit-{kind}-{part}"));
            let reset = part("reset").and_then(|reset| reset.parse::<Timestamp>().ok());
            let reset = reset.and_then(|reset| Duration::try_from(reset.duration_since(at)).ok());
            bucket(part("limit"), part("remaining")?, reset, now)
        };
        if headers.contains_key("x-ratelimit-remaining-requests")
            || headers.contains_key("x-ratelimit-remaining-tokens")
        {
            return Some(Self { requests: openai("requests"), tokens: openai("tokens") });
        }
        if !headers.contains_key("anthropic-ratelimit-requests-remaining") {
            return None;
        }
        let tokens = anthropic("input-tokens").or_else(|| anthropic("tokens"));
        let tokens = tokens.map(|bucket| Bucket { left: bucket.left + ROUNDED, ..bucket });
        Some(Self { requests: anthropic("requests"), tokens })
    }

    /// Whether there is room for one more request with so many prompt tokens.
    pub fn fits(&self, tokens: u64, now: Instant) -> bool {
        let has = |bucket: &Option<Bucket>, needed: f64| {
            bucket.is_none_or(|bucket| bucket.left(now) >= needed)
        };
        has(&self.requests, 1.0) && has(&self.tokens, tokens.max(1) as f64)
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn bucket(
    limit: Option<&str>,
    left: &str,
    reset: Option<Duration>,
    now: Instant,
) -> Option<Bucket> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number >= 0.0);
    Some(Bucket {
        limit: limit.and_then(number),
        left: number(left)?,
        at: now,
        full_in: reset.unwrap_or(SOON).min(LONGEST),
    })
}

/// `1s`, `6m0s`, `20ms`; plain numbers are seconds.
fn go_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "2026-03-01T12:00:00Z";

    fn read(headers: &[(&'static str, &str)], now: Instant) -> Option<Headroom> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Headroom::read(&map, now, NOON.parse().unwrap())
    }

    #[test]
    fn what_is_used_up_fills_up_until_the_reset() {
        let now = Instant::now();
        let after = |seconds: f64| now + Duration::from_secs_f64(seconds);
        let openai = read(
            &[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "1m0s"),
                ("x-ratelimit-limit-tokens", "6000"),
                ("x-ratelimit-remaining-tokens", "3000"),
                ("x-ratelimit-reset-tokens", "30s"),
            ],
            now,
        )
        .unwrap();
        assert!(!openai.fits(0, now) && !openai.fits(0, after(0.9)));
        assert!(openai.fits(3_000, after(1.1)), "one request came back");
        assert!(!openai.fits(4_000, after(9.0)) && openai.fits(4_000, after(11.0)));
        assert!(openai.fits(1_000_000, after(61.0)), "nothing is known any more");
    }

    #[test]
    fn anthropic_counts_in_thousands_and_by_the_calendar() {
        let now = Instant::now();
        let told = |requests: &str, tokens: &str| {
            read(
                &[
                    ("anthropic-ratelimit-requests-limit", "50"),
                    ("anthropic-ratelimit-requests-remaining", requests),
                    ("anthropic-ratelimit-requests-reset", "2026-03-01T12:00:10Z"),
                    ("anthropic-ratelimit-input-tokens-limit", "40000"),
                    ("anthropic-ratelimit-input-tokens-remaining", tokens),
                    ("anthropic-ratelimit-input-tokens-reset", "2026-03-01T12:01:00Z"),
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                ],
                now,
            )
            .unwrap()
        };
        assert!(told("1", "2000").fits(2_500, now) && !told("1", "2000").fits(4_000, now));
        assert!(!told("0", "2000").fits(1, now), "no requests");
        assert!(told("0", "2000").fits(1, now + Duration::from_secs(1)));
    }

    #[test]
    fn what_says_nothing_forbids_nothing() {
        let now = Instant::now();
        assert_eq!(read(&[], now), None);
        assert_eq!(read(&[("x-ratelimit-limit-requests", "60")], now), None);
        assert!(Headroom::default().fits(u64::MAX, now));
        let odd = [
            ("x-ratelimit-remaining-requests", "many"),
            ("x-ratelimit-remaining-tokens", "-5"),
            ("x-ratelimit-reset-tokens", "next week"),
        ];
        assert!(read(&odd, now).unwrap().fits(u64::MAX, now));
        let no_reset = read(&[("x-ratelimit-remaining-requests", "0")], now).unwrap();
        assert!(!no_reset.fits(1, now) && no_reset.fits(1, now + SOON));
        for (text, seconds) in
            [("20ms", 0.02), ("1.5s", 1.5), ("6m0s", 360.0), ("1h2m3s", 3_723.0), ("7", 7.0)]
        {
            assert_eq!(go_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for wrong in ["", "soon", "-1", "-5s"] {
            assert_eq!(go_duration(wrong), None, "{wrong}");
        }
    }
}
