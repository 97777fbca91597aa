//! What people see of usage: sums, requests, and what budgets stand at.
//!
//! Sums come from full hours (UTC). In a zone that is off by half an hour, the hour around midnight belongs to the day in
//! which it begins.

use super::ledger::{Counter, counter_key, day_of, spent, window_of};
use crate::{
    access::Actor,
    error::ApiError,
    ids::{ApiKeyId, BudgetId, TenantId},
    state::State,
    store::{
        TenantTx,
        budgets::BudgetRow,
        usage::report::{self, Filter, KeyActivity, Question, RequestRow, StoredEvent, Sums},
    },
};
use chrono::{DateTime, Datelike as _, Duration, DurationRound as _, NaiveDate, Utc};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use redis::Value;
use std::collections::{BTreeMap, HashMap};
use tollgate_contract::{
    budget::{Span, Window},
    money::NanoUsd,
};

/// Percentiles are those of at most this many requests.
const LATENCIES_MAX: i64 = 10_000;
/// Rows in a list of the overview.
const TOP: i64 = 5;
/// Hours in the overview.
const HOURS: i64 = 24;
/// Days in the overview.
const DAYS: i64 = 30;
/// The longest range of a question.
const RANGE_MAX: Duration = Duration::days(366);
/// The most rows of an answer.
pub const ROWS_MAX: i64 = 10_000;
/// How long a page waits for the counters.
const COUNTERS_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

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
    /// The most expensive of this month.
    pub targets: Vec<Share>,
    /// The most expensive of this month.
    pub teams: Vec<Share>,
    /// The most expensive of this month.
    pub api_keys: Vec<Share>,
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

/// A part of the spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Of what; nothing for requests without any.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its sums.
    pub sums: Sums,
}

/// A request with the names of what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRequest {
    /// The request.
    pub row: RequestRow,
    /// The API key's name, or its id.
    pub api_key_name: String,
    /// The team's name, or its id.
    pub team_name: String,
    /// The member's e-mail address, or their id.
    pub member_name: String,
}

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
    let targets = top(&mut tx, "target", month, now).await?;
    let teams = top(&mut tx, "team", month, now).await?;
    let api_keys = top(&mut tx, "api_key", month, now).await?;
    let filter = Filter {
        failed: Some(true),
        model: None,
        api_key: None,
        from: now - Duration::days(DAYS),
        to: now + Duration::hours(1),
        before: None,
        limit: TOP,
    };
    let failures = report::requests(&mut tx, &filter).await?;
    let failures = named(&mut tx, failures).await?;
    Ok(Overview {
        today: sum_from(&hours, today),
        month: sum_from(&hours, month),
        p50_ms,
        p95_ms,
        hours: series(&hours, &last_hours(now, HOURS)),
        days: series(&hours, &days),
        targets,
        teams,
        api_keys,
        failures,
    })
}

async fn top(
    tx: &mut TenantTx,
    by: &'static str,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Share>, ApiError> {
    let question = Question {
        from: full_hour(from),
        to: now + Duration::hours(1),
        zone: "UTC".to_owned(),
        by: [by, ""],
        by_cost: true,
        limit: TOP,
        ..Question::default()
    };
    let rows = report::sums(tx, &question).await?;
    let names = report::names(tx, rows.iter().map(|([id, _], _)| id.as_str())).await?;
    let share = |([id, _], sums): ([String; 2], Sums)| {
        let name = names.get(&id).unwrap_or(&id).clone();
        Share { id, name, sums }
    };
    Ok(rows.into_iter().map(share).collect())
}

fn full_hour(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(Duration::hours(1)).unwrap_or(at)
}

fn last_hours(now: DateTime<Utc>, count: i64) -> Vec<DateTime<Utc>> {
    (0..count).rev().map(|back| full_hour(now) - Duration::hours(back)).collect()
}

/// The midnights of the last days; days may have 23 or 25 hours.
fn last_days(now: DateTime<Utc>, zone: &TimeZone, count: i64) -> Vec<DateTime<Utc>> {
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
fn series(hours: &[(DateTime<Utc>, Sums)], starts: &[DateTime<Utc>]) -> Vec<Point> {
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

fn sum_from(hours: &[(DateTime<Utc>, Sums)], from: DateTime<Utc>) -> Sums {
    let mut all = Sums::default();
    for (_, sums) in hours.iter().filter(|(hour, _)| from <= *hour) {
        all.add(sums);
    }
    all
}

impl Sums {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(other.cost_nano_usd);
    }

    /// The charge.
    pub const fn cost(&self) -> NanoUsd {
        NanoUsd::new(self.cost_nano_usd)
    }
}

async fn named(tx: &mut TenantTx, rows: Vec<RequestRow>) -> Result<Vec<NamedRequest>, ApiError> {
    let ids = rows.iter().flat_map(|row| [&*row.api_key, &*row.team, &*row.member]);
    let names = report::names(tx, ids).await?;
    let name = |id: &String| names.get(id).unwrap_or(id).clone();
    let named = |row: RequestRow| NamedRequest {
        api_key_name: name(&row.api_key),
        team_name: name(&row.team),
        member_name: name(&row.member),
        row,
    };
    Ok(rows.into_iter().map(named).collect())
}

/// Which requests are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Exactly this one.
    pub id: Option<String>,
    /// `ok` or `errors`.
    pub status: Option<String>,
    /// Asked for, named or served by this.
    pub model: Option<String>,
    /// With this API key.
    pub api_key: Option<ApiKeyId>,
    /// Since; 30 days ago if absent.
    pub from: Option<DateTime<Utc>>,
    /// Until; now if absent.
    pub to: Option<DateTime<Utc>>,
    /// After this one in the list.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: i64,
}

/// A place in the list of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(DateTime<Utc>, String);

impl Cursor {
    /// The place of a request.
    pub fn of(request: &NamedRequest) -> Self {
        Self(request.row.at, request.row.id.clone())
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0.timestamp_micros(), self.1)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('.').ok_or(())?;
        let at = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(())?;
        let at = plausible(at, "").map_err(drop)?;
        day_of(id).map(|_| Self(at, id.to_owned())).ok_or(())
    }
}

/// Requests, newest first.
pub async fn requests(
    state: &State,
    actor: &Actor,
    search: Search,
) -> Result<Vec<NamedRequest>, ApiError> {
    let failed = match search.status.as_deref() {
        None | Some("") => None,
        Some("ok") => Some(false),
        Some("errors") => Some(true),
        Some(_) => return Err(ApiError::invalid("/status", "must be one of: ok, errors")),
    };
    let now = Utc::now();
    let to = plausible(search.to.unwrap_or(now + Duration::hours(1)), "/to")?;
    let from = plausible(search.from.unwrap_or(to.min(now) - Duration::days(30)), "/from")?;
    let (from, to) = range(from, to)?;
    let text = |text: Option<String>| text.filter(|text| !text.is_empty() && !text.contains('\0'));
    let mut tx = state.db.tenant(actor.tenant).await?;
    let rows = match text(search.id) {
        Some(id) => {
            let Some(day) = day_of(&id) else { return Ok(Vec::new()) };
            let found = report::request(&mut tx, &id, day).await?;
            found.into_iter().take(1).map(|event| event.row).filter(|row| row.id == id).collect()
        }
        None => {
            let filter = Filter {
                failed,
                model: text(search.model),
                api_key: search.api_key.map(|id| id.to_string()),
                from,
                to,
                before: search.after.map(|Cursor(at, id)| (at, id)),
                limit: search.limit,
            };
            report::requests(&mut tx, &filter).await?
        }
    };
    named(&mut tx, rows).await
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

/// A request with all that was reported of it.
#[derive(Debug, Clone)]
pub struct RequestDetail {
    /// The request.
    pub request: NamedRequest,
    /// Its event.
    pub event: serde_json::Value,
    /// Corrections, oldest first: their amounts are differences.
    pub corrections: Vec<serde_json::Value>,
    /// The charge, corrections included.
    pub cost: NanoUsd,
    /// When it was taken in.
    pub received_at: DateTime<Utc>,
}

/// One request.
pub async fn request(state: &State, actor: &Actor, id: &str) -> Result<RequestDetail, ApiError> {
    let day = day_of(id).ok_or(ApiError::NotFound)?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let events = report::request(&mut tx, id, day).await?;
    let cost = events.iter().fold(0, |sum: i64, event| sum.saturating_add(event.row.cost_nano_usd));
    let mut events = events.into_iter();
    let StoredEvent { row, received_at, event } = events.next().ok_or(ApiError::NotFound)?;
    let corrections = events.map(|event| event.event).collect();
    let request = named(&mut tx, vec![row]).await?.pop().ok_or(ApiError::NotFound)?;
    Ok(RequestDetail { request, event, corrections, cost: NanoUsd::new(cost), received_at })
}

/// What sums can be grouped by.
pub const GROUPS: [&str; 7] = ["hour", "day", "api_key", "team", "member", "route", "target"];

/// Which sums are asked for.
#[derive(Debug, Clone, Default)]
pub struct UsageQuery {
    /// Since, in full hours; 30 days before `to` if absent.
    pub from: Option<DateTime<Utc>>,
    /// Until, in full hours; now if absent.
    pub to: Option<DateTime<Utc>>,
    /// Up to two of [`GROUPS`].
    pub group_by: Vec<String>,
    /// Only of this API key.
    pub api_key: Option<String>,
    /// Only of this team.
    pub team: Option<String>,
    /// Only of this member.
    pub member: Option<String>,
    /// Only through this route.
    pub route: Option<String>,
    /// Only served by this target.
    pub target: Option<String>,
}

/// Sums by what was asked for.
#[derive(Debug, Clone)]
pub struct UsageAnswer {
    /// From the beginning of this hour …
    pub from: DateTime<Utc>,
    /// … to the beginning of this one.
    pub to: DateTime<Utc>,
    /// What the rows are grouped by.
    pub group_by: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<UsageRow>,
    /// What people call the API keys, teams and members in the rows, by id.
    pub names: HashMap<String, String>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// What it is about, in the order of the grouping.
    pub group: Vec<String>,
    /// Its sums.
    pub sums: Sums,
}

/// Sums by up to two things.
pub async fn usage(
    state: &State,
    actor: &Actor,
    query: UsageQuery,
) -> Result<UsageAnswer, ApiError> {
    let group_by = groups(&query.group_by)?;
    let now = Utc::now();
    let to = plausible(query.to.unwrap_or(full_hour(now) + Duration::hours(1)), "/to")?;
    let from = plausible(query.from.unwrap_or(to - Duration::days(30)), "/from")?;
    let (from, to) = range(full_hour(from), full_hour(to))?;
    let text = |text: Option<String>| text.filter(|text| !text.is_empty() && !text.contains('\0'));
    let mut tx = state.db.tenant(actor.tenant).await?;
    let tenant = crate::store::tenants::own(&mut tx).await?;
    let question = Question {
        from,
        to,
        zone: tenant.time_zone,
        by: [group_by.first().copied().unwrap_or(""), group_by.get(1).copied().unwrap_or("")],
        api_key: text(query.api_key),
        team: text(query.team),
        member: text(query.member),
        route: text(query.route),
        target: text(query.target),
        by_cost: false,
        limit: ROWS_MAX + 1,
    };
    let rows = report::sums(&mut tx, &question).await?;
    if usize::try_from(ROWS_MAX).is_ok_and(|most| most < rows.len()) {
        let message = format!(
            "the answer would have more than {ROWS_MAX} rows: take a shorter range, or group by less"
        );
        return Err(ApiError::invalid("/group_by", message));
    }
    let count = group_by.len();
    let row = |(group, sums): ([String; 2], Sums)| UsageRow {
        group: group.into_iter().take(count).collect(),
        sums,
    };
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    let names =
        report::names(&mut tx, rows.iter().flat_map(|row| &row.group).map(String::as_str)).await?;
    Ok(UsageAnswer { from, to, group_by, rows, names })
}

fn groups(wanted: &[String]) -> Result<Vec<&'static str>, ApiError> {
    let known = |name: &String| GROUPS.into_iter().find(|known| known == name);
    let groups: Option<Vec<&'static str>> = wanted.iter().map(known).collect();
    match groups {
        Some(groups) if groups.len() <= 2 && groups.first() != groups.get(1).or(Some(&"")) => {
            Ok(groups)
        }
        Some(groups) if groups.is_empty() => Ok(groups),
        _ => Err(ApiError::invalid(
            "/group_by",
            format!("must be one or two of: {}", GROUPS.join(", ")),
        )),
    }
}

/// The rows as CSV, with a line of headings.
pub fn csv(answer: &UsageAnswer) -> String {
    let heads = ["requests", "errors", "input_tokens", "output_tokens", "cost", "currency"];
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    };
    line(&mut answer.group_by.iter().chain(&heads).map(|head| (*head).to_owned()));
    for UsageRow { group, sums } in &answer.rows {
        let numbers = [sums.requests, sums.errors, sums.input_tokens, sums.output_tokens]
            .map(|sum| sum.to_string());
        let money = [sums.cost().to_string(), "USD".to_owned()];
        line(&mut group.iter().map(|cell| csv_cell(cell)).chain(numbers).chain(money));
    }
    out
}

/// A text as a cell of CSV. Some programs take a text that begins like a formula for one, so it gets an apostrophe.
pub fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// What API keys did, and what they spent this month. Keys that were never used are left out.
pub async fn key_activity(
    tx: &mut TenantTx,
    keys: &[ApiKeyId],
    now: DateTime<Utc>,
    zone: &TimeZone,
) -> Result<HashMap<ApiKeyId, KeyActivity>, ApiError> {
    Ok(report::key_activity(tx, keys, full_hour(start_of(Window::Month, now, zone))).await?)
}

/// The first request with an API key, for a page that waits for it.
pub async fn first_request(
    state: &State,
    actor: &Actor,
    key: ApiKeyId,
) -> Result<Option<NamedRequest>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let activity = report::key_activity(&mut tx, &[key], Utc::now()).await?;
    let Some(id) = activity.get(&key).map(|activity| activity.first_event_id.as_str()) else {
        return Ok(None);
    };
    let day: Option<NaiveDate> = day_of(id);
    let Some(day) = day else { return Ok(None) };
    let rows = report::request(&mut tx, id, day).await?;
    let rows = rows.into_iter().take(1).map(|event| event.row).collect();
    Ok(named(&mut tx, rows).await?.pop())
}

/// What a budget's running window stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetState {
    /// Charged.
    pub settled: NanoUsd,
    /// Reserved for requests under way; absent while the counters are out of reach.
    pub held: Option<NanoUsd>,
    /// When the window began; absent for one that never ends.
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends; absent if never.
    pub ends_at: Option<DateTime<Utc>>,
}

/// What budgets of one tenant stand at, by id: as the counters say, or else as the stored events do.
pub async fn budget_state(
    state: &State,
    tenant: TenantId,
    budgets: &[BudgetRow],
    zone: &TimeZone,
) -> Result<BTreeMap<BudgetId, BudgetState>, ApiError> {
    let now = Utc::now();
    let spans: Vec<Span> =
        budgets.iter().map(|budget| span_of(window_of(budget), now, zone)).collect();
    let counters = counters(state, tenant, budgets, &spans).await;
    let mut states = BTreeMap::new();
    let mut tx = None;
    for (index, (budget, span)) in budgets.iter().zip(&spans).enumerate() {
        let counter = counters.as_ref().and_then(|counters| counters.get(index));
        let settled = match counter {
            Some(counter) => counter.settled,
            None => {
                let tx = match &mut tx {
                    Some(tx) => tx,
                    none => none.insert(state.db.tenant(tenant).await?),
                };
                spent(tx, budget, span).await?
            }
        };
        let ends = span.end_ms < i64::MAX;
        let time = |ms: i64| DateTime::from_timestamp_millis(ms).filter(|_| ends);
        let budget_state = BudgetState {
            settled: NanoUsd::new(settled),
            held: counter.map(|counter| NanoUsd::new(counter.held)),
            starts_at: time(span.start_ms),
            ends_at: time(span.end_ms),
        };
        states.insert(BudgetId(budget.id), budget_state);
    }
    Ok(states)
}

async fn counters(
    state: &State,
    tenant: TenantId,
    budgets: &[BudgetRow],
    spans: &[Span],
) -> Option<Vec<Counter>> {
    if budgets.is_empty() {
        return Some(Vec::new());
    }
    let mut pipe = redis::pipe();
    for (budget, span) in budgets.iter().zip(spans) {
        pipe.cmd("HMGET").arg(counter_key(tenant, BudgetId(budget.id), span)).arg(&Counter::FIELDS);
    }
    let mut redis = state.redis.clone();
    let asked = pipe.query_async::<Vec<Value>>(&mut redis);
    let answers = match tokio::time::timeout(COUNTERS_WAIT, asked).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => {
            tracing::warn!(%error, "The counters of budgets cannot be read: their stored events are summed instead");
            return None;
        }
        Err(_) => {
            tracing::warn!(
                "The counters of budgets do not answer: their stored events are summed instead"
            );
            return None;
        }
    };
    answers.into_iter().map(Counter::read).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "day,target,requests,errors,input_tokens,output_tokens,cost,currency\r\n\
             2026-11-25,\"a/b,c\",1,0,0,0,-0.000000001,USD\r\n"
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
