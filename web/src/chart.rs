//! The geometry of charts, in whole units of an SVG's view box, so that templates only print.

use crate::format;
use jiff::{Timestamp, tz::TimeZone};
use tollgate_contract::money::NanoUsd;

/// Spend and requests of one hour or day.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Its start.
    pub at: Timestamp,
    /// What was charged.
    pub cost: NanoUsd,
    /// How many requests.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
}

/// What one bar covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

/// Bars over time. The view box is [`Self::WIDTH`] by [`Self::HEIGHT`] and stretches to its place.
#[derive(Debug, Clone)]
pub struct BarChart {
    /// One bar per point.
    pub bars: Vec<Bar>,
    /// The value at the top line.
    pub top: String,
    /// The value at the middle line.
    pub middle: String,
    /// What all bars together are.
    pub total: String,
}

/// A bar, and what it stands for.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Left edge of its slot.
    pub slot_x: u64,
    /// Width of its slot.
    pub slot_width: u64,
    /// Left edge.
    pub x: u64,
    /// Upper edge.
    pub y: u64,
    /// Width.
    pub width: u64,
    /// Height.
    pub height: u64,
    /// When, in words.
    pub when: String,
    /// When, at the axis; empty for most bars.
    pub tick: String,
    /// What was charged.
    pub cost: String,
    /// How many requests.
    pub requests: String,
    /// How many of them failed.
    pub errors: String,
}

impl BarChart {
    /// Width of the view box.
    pub const WIDTH: u64 = 9600;
    /// Height of the view box.
    pub const HEIGHT: u64 = 1000;

    /// Bars of what was charged at each point.
    pub fn of_cost(points: &[Point], step: Step, zone: &TimeZone) -> Self {
        let nanos = |point: &Point| u64::try_from(point.cost.as_nanos()).unwrap_or(0);
        let top = match points.iter().map(nanos).max() {
            // Without spend the lines still need names.
            None | Some(0) => 1_000_000_000,
            Some(most) => nice_ceiling(most),
        };
        let count = points.len().max(1) as u64;
        let slot = Self::WIDTH / count;
        let (when, tick, every) = match step {
            Step::Hour => ("%a %d %b, %H:%M", "%H:%M", 6),
            Step::Day => ("%A, %d %B %Y", "%a %d", 1),
        };
        let bar = |(index, point): (usize, &Point)| {
            let at = point.at.to_zoned(zone.clone());
            let height = scaled(nanos(point), top, Self::HEIGHT);
            // What is not nothing is seen.
            let height = if nanos(point) == 0 { 0 } else { height.max(12) };
            let ticks = points.len() - 1 - index;
            let gap = slot / 6;
            Bar {
                slot_x: slot * index as u64,
                slot_width: slot,
                x: slot * index as u64 + gap,
                y: Self::HEIGHT - height,
                width: slot - 2 * gap,
                height,
                when: at.strftime(when).to_string(),
                tick: if ticks.is_multiple_of(every) {
                    at.strftime(tick).to_string()
                } else {
                    String::new()
                },
                cost: format::usd(point.cost),
                requests: format::grouped(point.requests),
                errors: format::grouped(point.errors),
            }
        };
        let total = points.iter().fold(NanoUsd::ZERO, |sum, point| sum.saturating_add(point.cost));
        let amount =
            |nanos: u64| format::usd_short(NanoUsd::new(i64::try_from(nanos).unwrap_or(i64::MAX)));
        Self {
            bars: points.iter().enumerate().map(bar).collect(),
            top: amount(top),
            middle: amount(top / 2),
            total: format::usd(total),
        }
    }

    /// The view box.
    pub fn view_box(&self) -> String {
        format!("0 0 {} {}", Self::WIDTH, Self::HEIGHT)
    }
}

/// A meter: how much of a limit is used and held, in thousandths of its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// The used part.
    pub used: u64,
    /// The part that is held for requests under way, right of the used one.
    pub held: u64,
    /// `ok`, `warn` from 80 % on, `bad` from 100 % on.
    pub tone: &'static str,
    /// The share in whole percents, which may exceed 100.
    pub percent: u64,
}

impl Meter {
    /// The meter of a limit.
    pub fn new(used: NanoUsd, held: NanoUsd, limit: NanoUsd) -> Self {
        let nanos = |amount: NanoUsd| u64::try_from(amount.as_nanos()).unwrap_or(0);
        let (used, held, limit) = (nanos(used), nanos(held), nanos(limit));
        let used_part = scaled(used, limit, 1000);
        let both = scaled(used.saturating_add(held), limit, 1000);
        let share = u128::from(used.saturating_add(held)) * 100 / u128::from(limit.max(1));
        let percent = u64::try_from(share).unwrap_or(u64::MAX);
        let tone = match percent {
            0..80 => "ok",
            80..100 => "warn",
            _ => "bad",
        };
        Self { used: used_part, held: both - used_part, tone, percent }
    }
}

/// `value` of `whole` on a scale of `length`; never beyond it.
pub(crate) fn scaled(value: u64, whole: u64, length: u64) -> u64 {
    if whole == 0 {
        return if value == 0 { 0 } else { length };
    }
    let scaled = u128::from(value) * u128::from(length) / u128::from(whole);
    u64::try_from(scaled).unwrap_or(length).min(length)
}

/// The next of 1, 2, 4, 5, 6, 8, 10 times a power of ten.
fn nice_ceiling(value: u64) -> u64 {
    let power = 10u64.pow(value.max(1).ilog10());
    [1, 2, 4, 5, 6, 8, 10]
        .into_iter()
        .map(|factor| power.saturating_mul(factor))
        .find(|nice| value <= *nice)
        .unwrap_or(value)
        .max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_never_leaves_its_frame_and_says_when_it_is_full() {
        let usd = |amount: i64| NanoUsd::new(amount * 1_000_000_000);
        for (used, held, limit, expected) in [
            (0, 0, 10, (0, 0, "ok", 0)),
            (5, 1, 10, (500, 100, "ok", 60)),
            (8, 1, 10, (800, 100, "warn", 90)),
            (10, 5, 10, (1000, 0, "bad", 150)),
            (1, 0, 0, (1000, 0, "bad", 100_000_000_000)),
        ] {
            let meter = Meter::new(usd(used), usd(held), usd(limit));
            assert_eq!((meter.used, meter.held, meter.tone, meter.percent), expected);
        }
    }

    #[test]
    fn the_top_line_is_a_round_number_above_all_bars() {
        for (value, nice) in
            [(0, 2), (3, 4), (41, 50), (99, 100), (100, 100), (101, 200), (730, 800)]
        {
            assert_eq!(nice_ceiling(value), nice);
        }
    }
}
