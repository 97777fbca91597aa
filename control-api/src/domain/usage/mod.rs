//! What people see of usage: sums, requests, and what budgets stand at.
//!
//! Sums come from full hours (UTC). In a zone that is off by half an hour, the hour around midnight belongs to the day in
//! which it begins.

mod budgets;
mod decisions;
mod overview;
mod question;
mod requests;

pub use budgets::{BudgetState, budget_state};
pub use decisions::{
    GROUPS as DECISION_GROUPS, RouteFigures, Summary, SummaryGroup, arms, shadows, summary,
};
pub use overview::{Overview, Point, overview};
pub use question::{GROUPS, ROWS_MAX, UsageAnswer, UsageQuery, UsageRow, csv, csv_cell, usage};
pub use requests::{
    Cursor, NamedRequest, RequestDetail, Search, first_request, key_activity, request, requests,
};

use overview::full_hour;
use requests::named;

use crate::{error::ApiError, store::usage::report::Sums};
use chrono::{DateTime, Datelike as _, Duration, Utc};
use jiff::{Timestamp, tz::TimeZone};
use tollgate_contract::{
    budget::{Span, Window},
    money::NanoUsd,
};

/// The longest range of a question.
const RANGE_MAX: Duration = Duration::days(366);

/// A tenant's zone.
pub fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// When the running window began.
pub fn start_of(window: Window, now: DateTime<Utc>, zone: &TimeZone) -> DateTime<Utc> {
    let span = span_of(window, now, zone);
    DateTime::from_timestamp_millis(span.start_ms).unwrap_or(DateTime::UNIX_EPOCH)
}

fn span_of(window: Window, now: DateTime<Utc>, zone: &TimeZone) -> Span {
    let now = Timestamp::from_millisecond(now.timestamp_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    window.current_and_next(now, zone).0
}

impl Sums {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(other.cost_nano_usd);
        self.cache_hits = self.cache_hits.saturating_add(other.cache_hits);
        self.saved_nano_usd = self.saved_nano_usd.saturating_add(other.saved_nano_usd);
    }

    /// The charge.
    pub const fn cost(&self) -> NanoUsd {
        NanoUsd::new(self.cost_nano_usd)
    }

    /// What the cache saved.
    pub const fn saved(&self) -> NanoUsd {
        NanoUsd::new(self.saved_nano_usd)
    }
}

/// A time that can be computed with, and stored.
fn plausible(at: DateTime<Utc>, pointer: &str) -> Result<DateTime<Utc>, ApiError> {
    if (2000..2200).contains(&at.year()) {
        Ok(at)
    } else {
        Err(ApiError::invalid(pointer, "must be in the years 2000 to 2199"))
    }
}

fn range(
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), ApiError> {
    if to <= from {
        return Err(ApiError::invalid("/to", "must be after `from`"));
    }
    if to - from > RANGE_MAX + Duration::hours(1) {
        return Err(ApiError::invalid("/from", "a range has at most 366 days"));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::{
        overview::{last_days, last_hours, series, sum_from},
        question::groups,
        *,
    };
    use std::collections::HashMap;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn cost(cost_nano_usd: i64) -> Sums {
        Sums { requests: 1, cost_nano_usd, ..Sums::default() }
    }

    #[test]
    fn hours_fall_into_the_days_of_the_zone() {
        let berlin = zone_of("Europe/Berlin");
        let now = at("2026-11-25T10:30:00Z");
        let days = last_days(now, &berlin, 3);
        assert_eq!(
            days,
            [at("2026-11-22T23:00:00Z"), at("2026-11-23T23:00:00Z"), at("2026-11-24T23:00:00Z")]
        );
        let hours = [
            (at("2026-11-22T22:00:00Z"), cost(1)),
            (at("2026-11-22T23:00:00Z"), cost(2)),
            (at("2026-11-24T22:00:00Z"), cost(4)),
            (at("2026-11-24T23:00:00Z"), cost(8)),
            (at("2026-11-25T10:00:00Z"), cost(16)),
        ];
        let costs: Vec<_> =
            series(&hours, &days).iter().map(|point| point.sums.cost_nano_usd).collect();
        assert_eq!(costs, [2, 4, 24]);
        assert_eq!(sum_from(&hours, start_of(Window::Day, now, &berlin)).cost_nano_usd, 24);
        assert_eq!(sum_from(&hours, start_of(Window::Month, now, &berlin)).requests, 5);
    }

    #[test]
    fn hours_have_no_gaps() {
        let hours = last_hours(at("2026-11-25T01:30:00Z"), 3);
        assert_eq!(
            hours,
            [at("2026-11-24T23:00:00Z"), at("2026-11-25T00:00:00Z"), at("2026-11-25T01:00:00Z")]
        );
        assert_eq!(series(&[], &hours).len(), 3);
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(csv_cell(text), expected);
        }
        let answer = UsageAnswer {
            from: at("2026-11-25T00:00:00Z"),
            to: at("2026-11-26T00:00:00Z"),
            group_by: vec!["day", "target"],
            rows: vec![UsageRow {
                group: vec!["2026-11-25".to_owned(), "a/b,c".to_owned()],
                sums: cost(-1),
            }],
            names: HashMap::new(),
        };
        assert_eq!(
            csv(&answer),
            "day,target,requests,errors,input_tokens,output_tokens,cache_hits,cost,saved,currency\r\n\
             2026-11-25,\"a/b,c\",1,0,0,0,0,-0.000000001,0.00,USD\r\n"
        );
    }

    #[test]
    fn up_to_two_different_groups_are_known() {
        let ask = |names: &[&str]| {
            groups(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(ask(&[]), Some(vec![]));
        assert_eq!(ask(&["day"]), Some(vec!["day"]));
        assert_eq!(ask(&["day", "target"]), Some(vec!["day", "target"]));
        for wrong in [&["day", "day"][..], &["x"], &["day", "team", "target"]] {
            assert_eq!(ask(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn cursors_read_back() {
        let cursor = Cursor(
            at("2026-11-25T10:00:00.123456Z"),
            "01a21000-8800-7000-8000-000000000000".to_owned(),
        );
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert!("x".parse::<Cursor>().is_err());
    }

    #[test]
    fn ranges_are_bounded() {
        let (from, year) = (at("2026-01-01T00:00:00Z"), Duration::days(366));
        assert!(range(from, from + year).is_ok());
        assert!(range(from, from).is_err());
        assert!(range(from, from + year + Duration::days(1)).is_err());
    }
}
