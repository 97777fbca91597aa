//! How numbers, money and times read. Every page prints through here, so one thing looks the same everywhere.
//!
//! Arguments are [`Printable`] because a template passes a value or a reference, depending on where it comes from.

use askama::filters::HtmlSafe;
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;
use tollgate_contract::money::NanoUsd;

const NANOS_PER_USD: u64 = 1_000_000_000;

/// A `T`, however a template passes it.
pub trait Printable<T> {
    /// The value.
    fn value(&self) -> T;
}

impl<T: Copy> Printable<T> for T {
    fn value(&self) -> T {
        *self
    }
}

impl<T: Copy> Printable<T> for &T {
    fn value(&self) -> T {
        **self
    }
}

impl<T: Copy> Printable<T> for &&T {
    fn value(&self) -> T {
        ***self
    }
}

/// An amount for people: `$1,234.50`, `$0.0412`, `$0.00011204`. Two decimals from one dollar on, four from one cent
/// on, five significant digits below.
pub fn usd(amount: impl Printable<NanoUsd>) -> String {
    let nanos = amount.value().as_nanos();
    let sign = if nanos < 0 { "−" } else { "" };
    let nanos = nanos.unsigned_abs();
    let decimals = if NANOS_PER_USD <= nanos || nanos == 0 {
        2
    } else if NANOS_PER_USD / 100 <= nanos {
        4
    } else {
        let leading_zeros = 9 - nanos.ilog10() - 1;
        (leading_zeros + 5).min(9)
    };
    let step = 10u64.pow(9 - decimals);
    let rounded = nanos.saturating_add(step / 2) / step * step;
    let fraction = format!("{:09}", rounded % NANOS_PER_USD);
    let fraction = fraction[..decimals as usize].trim_end_matches('0');
    format!("{sign}${}.{fraction:0<2}", grouped(rounded / NANOS_PER_USD))
}

/// An amount at an axis or in a tile: `$0.00`, `$12.3K`; at most two decimals above one cent.
pub fn usd_short(amount: impl Printable<NanoUsd>) -> String {
    let amount = amount.value();
    let whole = amount.as_nanos().unsigned_abs() / NANOS_PER_USD;
    if 10_000 <= whole {
        let sign = if amount.as_nanos() < 0 { "−" } else { "" };
        return format!("{sign}${}", compact(whole));
    }
    usd(amount)
}

/// A whole number with separators: `1,234,567`.
pub fn grouped(number: impl Printable<u64>) -> String {
    let digits = number.value().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if 0 < index && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count in three digits: `9,999`, `12.3K`, `4.56M`.
pub fn compact(number: impl Printable<u64>) -> String {
    let number = number.value();
    let (unit, suffix) = match number {
        0..10_000 => return grouped(number),
        10_000..1_000_000 => (1_000, "K"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, "B"),
        _ => (1_000_000_000_000, "T"),
    };
    let whole = number / unit;
    let hundredths = number % unit * 100 / unit;
    match whole {
        0..10 => format!("{whole}.{hundredths:02}{suffix}"),
        10..100 => format!("{whole}.{}{suffix}", hundredths / 10),
        _ => format!("{}{suffix}", grouped(whole)),
    }
}

/// A share: `0%`, `0.4%`, `62%`. What is not nothing never reads as nothing.
pub fn percent(part: impl Printable<u64>, whole: impl Printable<u64>) -> String {
    let (part, whole) = (u128::from(part.value()), u128::from(whole.value()));
    if part == 0 || whole == 0 {
        return "0%".to_owned();
    }
    let tenths = (part * 1000 + whole / 2) / whole;
    match tenths {
        0 => "<0.1%".to_owned(),
        1..100 if !tenths.is_multiple_of(10) => format!("{}.{}%", tenths / 10, tenths % 10),
        _ => format!("{}%", (tenths + 5) / 10),
    }
}

/// A span of time: `340 ms`, `1.24 s`, `2 min 5 s`.
pub fn milliseconds(span: impl Printable<u64>) -> String {
    let span = span.value();
    match span {
        0..1_000 => format!("{span} ms"),
        1_000..10_000 => format!("{}.{:02} s", span / 1_000, span % 1_000 / 10),
        10_000..60_000 => format!("{}.{} s", span / 1_000, span % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", span / 60_000, span % 60_000 / 1_000),
        _ => format!("{} h {} min", span / 3_600_000, span % 3_600_000 / 60_000),
    }
}

/// A short span of time: `87 µs`, `1.24 ms`, and on as [`milliseconds`].
pub fn microseconds(span: impl Printable<u64>) -> String {
    let span = span.value();
    match span {
        0..1_000 => format!("{span} µs"),
        1_000..10_000 => format!("{}.{:02} ms", span / 1_000, span % 1_000 / 10),
        _ => milliseconds(span / 1_000),
    }
}

/// How long ago or ahead: `just now`, `3 min ago`, `in 5 days`; a date when it is more than 30 days.
pub fn relative(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let seconds = now.as_second() - at.as_second();
    let span = match seconds.unsigned_abs() {
        0..10 => return "just now".to_owned(),
        distance @ 10..60 => format!("{distance} s"),
        distance @ 60..3_600 => format!("{} min", distance / 60),
        distance @ 3_600..86_400 => format!("{} h", distance / 3_600),
        distance @ 86_400..172_800 => format!("{} day", distance / 86_400),
        distance @ 172_800..2_592_000 => format!("{} days", distance / 86_400),
        _ => return at.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string(),
    };
    if seconds < 0 { format!("in {span}") } else { format!("{span} ago") }
}

/// A moment in the viewer's zone: `2026-11-24 14:03:05 CET`.
pub fn exact(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// A moment on a page: relative, with the exact one on hover. Scripts keep it up to date.
#[derive(Debug, Clone)]
pub struct Time {
    at: Timestamp,
    text: String,
    exact: String,
}

impl Time {
    /// The moment `at`, seen at `now` from `zone`.
    pub fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        Self { at, text: relative(at, now, zone), exact: exact(at, zone) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, text, exact } = self;
        // A zone's abbreviation comes from the zone database, which nobody else writes; still, no markup passes.
        let exact = exact.replace(['<', '>', '"', '&'], "");
        write!(f, r#"<time datetime="{at}" title="{exact}" data-relative>{text}</time>"#)
    }
}

impl HtmlSafe for Time {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_a_currency_and_sensible_digits() {
        let cases = [
            (0, "$0.00"),
            (1_230_000_000, "$1.23"),
            (1_234_567_890_000, "$1,234.57"),
            (999_999_999, "$1.00"),
            (450_000_000, "$0.45"),
            (41_234_567, "$0.0412"),
            (112_040, "$0.00011204"),
            (112_046, "$0.00011205"),
            (1, "$0.000000001"),
            (9_999_999, "$0.01"),
            (-2_500_000_000, "−$2.50"),
            (i64::MIN, "−$9,223,372,036.85"),
        ];
        for (nanos, text) in cases {
            assert_eq!(usd(NanoUsd::new(nanos)), text, "{nanos}");
        }
        assert_eq!(usd_short(NanoUsd::new(12_345_000_000_000)), "$12.3K");
    }

    #[test]
    fn counts_are_grouped_or_compact() {
        for (number, all, short) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (9_999, "9,999", "9,999"),
            (12_345, "12,345", "12.3K"),
            (999_999, "999,999", "999K"),
            (4_567_890, "4,567,890", "4.56M"),
            (u64::MAX, "18,446,744,073,709,551,615", "18,446,744T"),
        ] {
            assert_eq!((grouped(number).as_str(), compact(number).as_str()), (all, short));
        }
    }

    #[test]
    fn a_share_that_is_not_nothing_never_reads_as_nothing() {
        for (part, whole, text) in [
            (0, 10, "0%"),
            (1, 0, "0%"),
            (1, 100_000, "<0.1%"),
            (4, 1_000, "0.4%"),
            (1, 100, "1%"),
            (62, 100, "62%"),
            (3, 2, "150%"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn spans_read_in_their_unit() {
        for (span, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_240, "1.24 s"),
            (31_200, "31.2 s"),
            (125_000, "2 min 5 s"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(milliseconds(span), text);
        }
        assert_eq!(microseconds(87), "87 µs");
        assert_eq!(microseconds(1_240), "1.24 ms");
        assert_eq!(microseconds(2_000_000), "2.00 s");
    }

    #[test]
    fn times_are_relative_with_the_exact_one_beside() {
        let now: Timestamp = "2026-11-24T13:00:00Z".parse().unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (at, text) in [
            ("2026-11-24T12:59:58Z", "just now"),
            ("2026-11-24T12:59:30Z", "30 s ago"),
            ("2026-11-24T12:57:00Z", "3 min ago"),
            ("2026-11-24T10:00:00Z", "3 h ago"),
            ("2026-11-23T10:00:00Z", "1 day ago"),
            ("2026-11-29T13:00:00Z", "in 5 days"),
            ("2026-01-31T23:30:00Z", "2026-02-01"),
        ] {
            assert_eq!(relative(at.parse().unwrap(), now, &berlin), text);
        }
        let at: Timestamp = "2026-11-24T12:57:00Z".parse().unwrap();
        assert_eq!(
            Time::new(at, now, &berlin).to_string(),
            r#"<time datetime="2026-11-24T12:57:00Z" title="2026-11-24 13:57:00 CET" data-relative>3 min ago</time>"#
        );
    }
}
