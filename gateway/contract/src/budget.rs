//! Budgets and limits: what may be spent, by whom, in which window.

use crate::{
    ids::{ApiKeyId, BudgetId, MemberId, ProviderId, TeamId},
    money::NanoUsd,
    pattern::Patterns,
};
use jiff::{Timestamp, ToSpan, Zoned, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Money per window for a scope.
#[derive(Debug, Clone)]
pub struct Budget {
    /// What it is counted under, unique within the tenant.
    pub id: BudgetId,
    /// What people call it.
    pub name: String,
    /// Which requests count.
    pub scope: Scope,
    /// How much a window allows.
    pub limit: NanoUsd,
    /// The window.
    pub window: Window,
    /// What happens to a request that does not fit.
    pub on_exceed: OnExceed,
    /// What happens while the counters are out of reach; absent: as the node's `[counters]` say.
    pub on_outage: Option<OnOutage>,
    /// Percentages of the limit at which an alert is raised, ascending.
    pub alert_at: Vec<u8>,
    /// Whether it refuses anything.
    pub mode: Mode,
}

/// The requests that a budget counts: those that match every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Of this team.
    pub team: Option<TeamId>,
    /// Of this member.
    pub member: Option<MemberId>,
    /// With this API key.
    pub api_key: Option<ApiKeyId>,
    /// Served by this provider.
    pub provider: Option<ProviderId>,
    /// Served by a target (`provider/upstream-model`) that matches.
    pub models: Option<Patterns>,
}

impl Scope {
    /// Whether a request of this caller may count at all, whatever serves it.
    pub fn covers_caller(
        &self,
        team: Option<&TeamId>,
        member: Option<&MemberId>,
        api_key: &ApiKeyId,
    ) -> bool {
        self.team.as_ref().is_none_or(|wanted| Some(wanted) == team)
            && self.member.as_ref().is_none_or(|wanted| Some(wanted) == member)
            && self.api_key.as_ref().is_none_or(|wanted| wanted == api_key)
    }

    /// Whether a request counts when this target serves it.
    pub fn covers_target(&self, provider: &ProviderId, target: &str) -> bool {
        self.provider.as_ref().is_none_or(|wanted| wanted == provider)
            && self.models.as_ref().is_none_or(|wanted| wanted.matches(target))
    }

    /// Whether the scope depends on what serves the request.
    pub const fn names_targets(&self) -> bool {
        self.provider.is_some() || self.models.is_some()
    }
}

/// What a budget does to a request that does not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnExceed {
    /// Refuses it.
    #[default]
    Block,
    /// Lets it pass and raises an alert.
    Alert,
}

/// Whether a rule acts or only reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It acts.
    #[default]
    Enforce,
    /// It counts and reports, and refuses nothing.
    Shadow,
}

/// What a budget does while the counters are out of reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOutage {
    /// Refuses (503 `budget_unavailable`).
    #[default]
    Deny,
    /// Serves from an allowance per node: 1 USD or 1 % of the limit, the smaller.
    Lease,
    /// Serves.
    Allow,
}

/// Limits of an API key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Requests per minute, as a token bucket.
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute, as a token bucket.
    pub tokens_per_minute: Option<u64>,
    /// Requests under way at once.
    pub concurrent: Option<u64>,
}

/// A calendar window in the tenant's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight; 23 or 25 hours long where the clocks change.
    Day,
    /// From Monday to Monday.
    Week,
    /// A calendar month.
    Month,
    /// Never ends.
    Total,
}

/// One window on the time line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Names the window in a counter's key: `d20261122`, `m202611`.
    pub id: String,
    /// Its first millisecond since 1970.
    pub start_ms: i64,
    /// The first millisecond after it; `i64::MAX` for a window that never ends.
    pub end_ms: i64,
}

impl Window {
    /// The name in the config document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// The window that contains `now` and the one after it. Counters that run on another clock choose between the
    /// two, so no node's clock matters at midnight. A window that never ends comes alone.
    pub fn current_and_next(self, now: Timestamp, zone: &TimeZone) -> (Span, Option<Span>) {
        let Some(start) = self.start_of(&now.to_zoned(zone.clone())) else {
            return (Span { id: "t".to_owned(), start_ms: 0, end_ms: i64::MAX }, None);
        };
        let middle = self.after(&start);
        let end = self.after(&middle);
        (self.span(&start, &middle), Some(self.span(&middle, &end)))
    }

    fn start_of(self, now: &Zoned) -> Option<Zoned> {
        let date = now.date();
        let midnight = |date: jiff::civil::Date| date.to_zoned(now.time_zone().clone()).ok();
        match self {
            Self::Hour => now
                .round(
                    jiff::ZonedRound::new().smallest(jiff::Unit::Hour).mode(jiff::RoundMode::Trunc),
                )
                .ok(),
            Self::Day => midnight(date),
            Self::Week => {
                let days = date.weekday().since(Weekday::Monday);
                midnight(date.checked_sub(i64::from(days).days()).ok()?)
            }
            Self::Month => midnight(date.first_of_month()),
            Self::Total => None,
        }
    }

    /// Calendar arithmetic in the zone; at the end of representable time the window just stays.
    fn after(self, start: &Zoned) -> Zoned {
        let step = match self {
            Self::Hour => 1.hour(),
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month | Self::Total => 1.month(),
        };
        start.checked_add(step).unwrap_or_else(|_| start.clone())
    }

    fn span(self, start: &Zoned, end: &Zoned) -> Span {
        let id = match self {
            // Unix hours: the local hour between two and three comes twice a year.
            Self::Hour => format!("h{}", start.timestamp().as_second().div_euclid(3600)),
            Self::Day => start.strftime("d%Y%m%d").to_string(),
            Self::Week => start.strftime("w%Y%m%d").to_string(),
            Self::Month => start.strftime("m%Y%m").to_string(),
            Self::Total => "t".to_owned(),
        };
        Span {
            id,
            start_ms: start.timestamp().as_millisecond(),
            end_ms: end.timestamp().as_millisecond(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_calendar_of_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let cases = [
            (Window::Day, "2026-11-22T22:59:59Z", "d20261122", 24, "d20261123"),
            (Window::Day, "2026-11-22T23:00:00Z", "d20261123", 24, "d20261124"),
            (Window::Day, "2026-03-29T10:00:00Z", "d20260329", 23, "d20260330"),
            (Window::Day, "2026-10-25T10:00:00Z", "d20261025", 25, "d20261026"),
            (Window::Week, "2026-11-22T12:00:00Z", "w20261116", 168, "w20261123"),
            (Window::Month, "2026-11-30T23:30:00Z", "m202612", 31 * 24, "m202701"),
        ];
        for (window, now, id, hours, next) in cases {
            let (current, following) = window.current_and_next(now.parse().unwrap(), &berlin);
            assert_eq!(current.id, id, "{now}");
            assert_eq!((current.end_ms - current.start_ms) / 3_600_000, hours, "{now}");
            let following = following.unwrap();
            assert_eq!(following.id, next);
            assert_eq!(following.start_ms, current.end_ms, "no gap between windows");
        }
    }

    #[test]
    fn the_repeated_hour_is_two_windows() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let id = |now: &str| Window::Hour.current_and_next(now.parse().unwrap(), &berlin).0.id;
        assert_ne!(id("2026-10-25T00:30:00Z"), id("2026-10-25T01:30:00Z"));
    }
}
