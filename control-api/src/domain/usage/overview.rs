//! A tenant at a glance.

use super::{NamedRequest, named, start_of};
use crate::{
    access::Actor,
    error::ApiError,
    state::State,
    store::usage::{
        report::{self, Sums},
        requests::{self, Filter},
    },
};
use chrono::{DateTime, Duration, DurationRound as _, Utc};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use tollgate_contract::budget::Window;

/// Percentiles are those of at most this many requests.
const LATENCIES_MAX: i64 = 10_000;
/// Failures in the overview.
const FAILURES: i64 = 5;
/// Hours in the overview.
const HOURS: i64 = 24;
/// Days in the overview.
const DAYS: i64 = 30;

/// The tenant at a glance.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Today, in the tenant's zone.
    pub today: Sums,
    /// This calendar month, in the tenant's zone.
    pub month: Sums,
    /// The median latency of the last 24 hours, in milliseconds; absent without requests.
    pub p50_ms: Option<i64>,
    /// The 95th percentile.
    pub p95_ms: Option<i64>,
    /// The last 24 hours, oldest first, without gaps.
    pub hours: Vec<Point>,
    /// The last 30 days, oldest first, without gaps.
    pub days: Vec<Point>,
    /// The last requests that failed.
    pub failures: Vec<NamedRequest>,
}

/// An hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// When it begins.
    pub start: DateTime<Utc>,
    /// Its sums.
    pub sums: Sums,
}

/// The tenant at a glance.
pub async fn overview(
    state: &State,
    actor: &Actor,
    now: DateTime<Utc>,
    zone: &TimeZone,
) -> Result<Overview, ApiError> {
    let (today, month) = (start_of(Window::Day, now, zone), start_of(Window::Month, now, zone));
    let days = last_days(now, zone, DAYS);
    let first = days.first().copied().unwrap_or(today).min(month);
    let mut tx = state.db.tenant(actor.tenant).await?;
    let hours = report::hours(&mut tx, full_hour(first), now + Duration::hours(1)).await?;
    let (p50_ms, p95_ms) =
        report::latencies(&mut tx, now - Duration::hours(24), LATENCIES_MAX).await?;
    let filter = Filter {
        failed: Some(true),
        from: now - Duration::days(DAYS),
        to: now + Duration::hours(1),
        limit: FAILURES,
        ..Filter::default()
    };
    let failures = requests::requests(&mut tx, &filter).await?;
    let failures = named(&mut tx, failures).await?;
    Ok(Overview {
        today: sum_from(&hours, today),
        month: sum_from(&hours, month),
        p50_ms,
        p95_ms,
        hours: series(&hours, &last_hours(now, HOURS)),
        days: series(&hours, &days),
        failures,
    })
}

pub(super) fn full_hour(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(Duration::hours(1)).unwrap_or(at)
}

pub(super) fn last_hours(now: DateTime<Utc>, count: i64) -> Vec<DateTime<Utc>> {
    (0..count).rev().map(|back| full_hour(now) - Duration::hours(back)).collect()
}

/// The midnights of the last days; days may have 23 or 25 hours.
pub(super) fn last_days(now: DateTime<Utc>, zone: &TimeZone, count: i64) -> Vec<DateTime<Utc>> {
    let today =
        Timestamp::from_millisecond(now.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    let today = today.to_zoned(zone.clone()).date();
    let midnight = |back: i64| {
        let day = today.checked_sub(back.days()).ok()?.to_zoned(zone.clone()).ok()?;
        DateTime::from_timestamp_millis(day.timestamp().as_millisecond())
    };
    (0..count).rev().filter_map(midnight).collect()
}

/// Puts hours into the points that begin at `starts`, ascending; what is before the first is left out.
pub(super) fn series(hours: &[(DateTime<Utc>, Sums)], starts: &[DateTime<Utc>]) -> Vec<Point> {
    let mut points: Vec<Point> =
        starts.iter().map(|start| Point { start: *start, sums: Sums::default() }).collect();
    for (hour, sums) in hours {
        let place = starts.partition_point(|start| start <= hour);
        if let Some(point) = place.checked_sub(1).and_then(|place| points.get_mut(place)) {
            point.sums.add(sums);
        }
    }
    points
}

pub(super) fn sum_from(hours: &[(DateTime<Utc>, Sums)], from: DateTime<Utc>) -> Sums {
    let mut all = Sums::default();
    for (_, sums) in hours.iter().filter(|(hour, _)| from <= *hour) {
        all.add(sums);
    }
    all
}
