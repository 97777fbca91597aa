//! Days and months as people think of them: in their own zone.

use super::clock::{shown, stored};
use chrono::{DateTime, Utc};
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

/// The first moment of the month that `now` is in.
pub fn month_start(now: Timestamp, zone: &TimeZone) -> DateTime<Utc> {
    let first = now.to_zoned(zone.clone()).date().first_of_month();
    first.to_zoned(zone.clone()).map_or_else(|_| stored(now), |at| stored(at.timestamp()))
}

/// The moment when a day is over. `None` if the calendar ends there.
pub fn end_of(day: Date, zone: &TimeZone) -> Option<DateTime<Utc>> {
    let next = day.checked_add(1.day()).ok()?;
    Some(stored(next.to_zoned(zone.clone()).ok()?.timestamp()))
}

/// The last day of what ends at `at`.
pub fn last_day(at: DateTime<Utc>, zone: &TimeZone) -> Date {
    let before = at - chrono::Duration::milliseconds(1);
    shown(before).to_zoned(zone.clone()).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_of_the_zone_and_reads_back() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let day: Date = "2026-10-25".parse().unwrap();
        let end = end_of(day, &berlin).unwrap();
        assert_eq!(
            shown(end).to_string(),
            "2026-10-25T23:00:00Z",
            "the clocks changed on that day"
        );
        assert_eq!(last_day(end, &berlin), day);
        assert_eq!(end_of(Date::MAX, &berlin), None);
    }

    #[test]
    fn a_month_starts_in_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-11-30T23:30:00Z".parse().unwrap();
        assert_eq!(shown(month_start(now, &berlin)).to_string(), "2026-11-30T23:00:00Z");
        assert_eq!(shown(month_start(now, &TimeZone::UTC)).to_string(), "2026-11-01T00:00:00Z");
    }
}
