//! The ledger: how an event becomes a row, and what a budget's counter must stand at.
//!
//! Events come through a stream and are stored once, by their id. What a gateway charges to a budget's counter, it says
//! in the event; so for every window that runs now, this must hold to the nano-dollar:
//!
//! > the counter's `s` = the cost of the stored events that count + the cost of those still in the stream
//!
//! An event counts for a budget if its team, member and API key are in the budget's scope, and if what served it is. A
//! request whose end nobody saw names no target: it was charged to each budget that it had reserved, that is, to those
//! that count one of the targets of its plan. Corrections add their differences to the window of the request;
//! where one tells that another target had served, the budgets that do not count that target get back what they were
//! charged.
//!
//! A request belongs to the window in which it was *reserved*, by the clock of Redis. The event has the gateway's clock:
//! when the request came in, and how long it was read and planned before it was reserved. The two clocks may differ a
//! little, so a window's first event is looked for up to 5 s around the window's start. A budget that was made in the
//! window counts requests that came in since a gateway learned of it, up to 15 s later. Wherever within that time the
//! sums agree from there on, the window begins.
//!
//! The counter's `n` is the number of requests that reserved and ended. An event does not tell for certain whether a
//! request that was free had reserved (a target may have no price, or have left the plan because another budget was used
//! up), so `n` must lie between the requests that were charged and those that passed their limits.
//!
//! What cannot be compared: a budget whose scope or window was changed in the window that runs. It is told, and left out.

mod event;
mod window;

pub use event::{day_of, read_event};

use crate::{
    error::ApiError,
    ids::{ApiKeyId, BudgetId, MemberId, TeamId, TenantId},
    store::{
        self, Db,
        budgets::BudgetRow,
        usage::{
            intake::EventRow,
            ledger::{Range, Totals},
        },
    },
};
use chrono::{NaiveDate, Utc};
use jiff::{Timestamp, tz::TimeZone};
use redis::{FromRedisValue, Value, aio::MultiplexedConnection, streams::StreamRangeReply};
use std::collections::{BTreeSet, HashMap};
use tollgate_contract::{
    budget::{Scope, Span, Window},
    counter_keys::{Partition, USAGE_FIELD},
    ids::ProviderId,
    pattern::Patterns,
};
use uuid::Uuid;
use window::{Begins, Part, difference, group_of};

/// A longer stream is waited for before it is read.
const STREAM_MAX: usize = 20_000;

/// A budget's counter beside the events that it should have counted.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whose.
    pub tenant: TenantId,
    /// Which budget.
    pub budget: BudgetId,
    /// Its name.
    pub name: String,
    /// The window, as in `d20261125`.
    pub window: String,
    /// What the counter was charged.
    pub settled: i64,
    /// What is reserved.
    pub held: i64,
    /// The cost of the events.
    pub stored: i64,
    /// The events that are missing or surplus.
    pub events_off: i64,
    /// What is missing (negative) or surplus in the counter.
    pub cost_off: i64,
    /// Why it is not compared.
    pub left_out: Option<String>,
}

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Budgets.
    pub lines: Vec<Line>,
    /// Tenants whose hours do not add up to their events.
    pub uneven: Vec<Totals>,
    /// All stored events.
    pub events: i64,
    /// Entries in the streams.
    pub under_way: usize,
    /// Events that could not be taken in.
    pub dead: i64,
    /// Whether a stream was too long to be read.
    pub too_many_under_way: bool,
}

impl Comparison {
    /// Events that are missing or surplus.
    pub fn events_off(&self) -> i64 {
        let budgets = self.lines.iter().map(|line| line.events_off.saturating_abs());
        let hours = self
            .uneven
            .iter()
            .map(|totals| (totals.requests - totals.rollup_requests).saturating_abs());
        budgets.chain(hours).fold(0, i64::saturating_add)
    }

    /// Nano-dollars that are missing or surplus.
    pub fn cost_off(&self) -> i64 {
        let budgets = self.lines.iter().map(|line| line.cost_off.saturating_abs());
        let hours = self
            .uneven
            .iter()
            .map(|totals| (totals.cost_nano_usd - totals.rollup_cost_nano_usd).saturating_abs());
        budgets.chain(hours).fold(0, i64::saturating_add)
    }

    /// Whether everything agrees.
    pub fn agrees(&self) -> bool {
        self.events_off() == 0 && self.cost_off() == 0 && self.dead == 0 && !self.too_many_under_way
    }
}

/// Compares every budget's window that runs now, and every tenant's hours with its events.
pub async fn compare(
    db: &Db,
    redis: &mut MultiplexedConnection,
) -> Result<Comparison, CompareError> {
    let mut comparison = Comparison { under_way: under_way(redis).await?, ..Comparison::default() };
    let mut tx = db.system().await?;
    let tenants = store::usage::ledger::zones(&mut tx).await?;
    let ids: Vec<Uuid> = tenants.iter().map(|(id, _)| *id).collect();
    let budgets = store::budgets::of(&mut tx, &ids).await?;
    drop(tx);
    for (id, zone) in tenants {
        let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
        let budgets: Vec<&BudgetRow> =
            budgets.iter().filter(|budget| budget.tenant_id == id).collect();
        if !budgets.is_empty() {
            compare_tenant(db, redis, TenantId(id), &zone, &budgets, &mut comparison).await?;
        }
    }
    let mut tx = db.system().await?;
    store::usage::ledger::freeze(&mut tx).await?;
    let totals = store::usage::ledger::totals(&mut tx).await?;
    comparison.events = totals.iter().map(|totals| totals.events).sum();
    comparison.dead = store::usage::ledger::dead(&mut tx).await?;
    let even = |totals: &Totals| {
        totals.requests == totals.rollup_requests
            && totals.cost_nano_usd == totals.rollup_cost_nano_usd
    };
    comparison.uneven = totals.into_iter().filter(|totals| !even(totals)).collect();
    Ok(comparison)
}

/// What keeps from comparing.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Postgres.
    #[error("the database cannot be asked: {0}")]
    Store(#[from] store::StoreError),
    /// Redis.
    #[error("Redis cannot be asked: {0}")]
    Redis(#[from] redis::RedisError),
    /// Redis has what nobody wrote there.
    #[error("Redis answers with what is no counter or stream: {0}")]
    Nonsense(#[from] redis::ParsingError),
}

async fn under_way(redis: &mut MultiplexedConnection) -> Result<usize, CompareError> {
    let mut pipe = redis::pipe();
    for partition in Partition::all() {
        pipe.cmd("XLEN").arg(partition.stream());
    }
    let lengths: Vec<usize> = pipe.query_async(redis).await?;
    Ok(lengths.into_iter().sum())
}

async fn compare_tenant(
    db: &Db,
    redis: &mut MultiplexedConnection,
    tenant: TenantId,
    zone: &TimeZone,
    budgets: &[&BudgetRow],
    comparison: &mut Comparison,
) -> Result<(), CompareError> {
    let mut tx = db.system().await?;
    // What was stored up to here was charged before the counters are read; what is stored later is in the stream then.
    let received_until = store::usage::ledger::clock(&mut tx).await?;
    drop(tx);
    let spans: Vec<Span> = budgets.iter().map(|budget| current(window_of(budget), zone)).collect();
    let Some(seen) = look(redis, tenant, budgets, &spans).await? else {
        comparison.too_many_under_way = true;
        return Ok(());
    };
    let pending: Vec<EventRow> =
        seen.events.into_iter().filter(|row| row.tenant_id == tenant.0).collect();
    let ids: Vec<String> = pending.iter().map(|row| row.id.clone()).collect();
    let days: BTreeSet<NaiveDate> = pending.iter().map(|row| row.day).collect();
    let days: Vec<NaiveDate> = days.into_iter().collect();
    let mut tx = db.system().await?;
    store::usage::ledger::freeze(&mut tx).await?;
    let corrected = pending.iter().filter_map(|row| row.adjusts.clone());
    let asked: Vec<String> = ids.iter().cloned().chain(corrected).collect();
    let known = store::usage::ledger::known(&mut tx, tenant.0, &days, &asked).await?;
    let cost_of = |id: &str| {
        let under_way = || pending.iter().find(|row| row.id == id).map(|row| row.cost_nano_usd);
        known.get(id).copied().or_else(under_way).unwrap_or(0)
    };
    let costs: HashMap<&str, i64> = pending
        .iter()
        .filter_map(|row| row.adjusts.as_deref())
        .map(|id| (id, cost_of(id)))
        .collect();
    let mut pending: Vec<&EventRow> =
        pending.iter().filter(|row| !known.contains_key(&row.id)).collect();
    pending.sort_by(|a, b| a.id.cmp(&b.id));
    pending.dedup_by(|a, b| a.id == b.id);
    for ((budget, span), counter) in budgets.iter().zip(&spans).zip(seen.counters) {
        let begins = Begins::of(budget, span);
        let range = begins.range(received_until, ids.clone());
        let mut groups = store::usage::ledger::groups(&mut tx, tenant.0, &range).await?;
        groups.extend(pending.iter().filter_map(|row| group_of(row, &range, &costs)));
        let scope = scope_of(budget);
        let parts = groups.iter().filter_map(|group| Part::of(&scope, group)).collect();
        let found = difference(parts, begins.usual, counter.settled, counter.requests);
        let mut line = Line {
            tenant,
            budget: BudgetId(budget.id),
            name: budget.name.clone(),
            window: span.id.clone(),
            settled: counter.settled,
            held: counter.held,
            stored: found.cost,
            events_off: found.events_off,
            cost_off: found.cost_off,
            left_out: None,
        };
        if (line.events_off, line.cost_off) != (0, 0) && budget.version > 1 {
            let id = line.budget.to_string();
            let changes =
                store::usage::ledger::changes_of_budget(&mut tx, tenant.0, &id, range.came_in_from)
                    .await?;
            if changes.iter().any(|detail| changes_scope(detail, &budget.name)) {
                line.left_out = Some("its scope or window was changed in this window".to_owned());
                (line.events_off, line.cost_off) = (0, 0);
            }
        }
        comparison.lines.push(line);
    }
    Ok(())
}

/// Whether a change, as the audit log has it, changed what a budget counts.
fn changes_scope(detail: &str, name: &str) -> bool {
    let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let (before, after) = (&detail["before"], &detail["after"]);
    if before.is_object() && after.is_object() {
        let counts = ["window", "team", "member", "api_key", "provider", "models"];
        return counts.iter().any(|field| before[field] != after[field]);
    }
    // A config document that was applied says only that it changed the budget.
    detail.to_string().contains(&format!("budget {name} changed"))
}

/// A counter as it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// Charged.
    pub settled: i64,
    /// Reserved.
    pub held: i64,
    /// Requests.
    pub requests: i64,
}

impl Counter {
    /// The fields to ask for.
    pub const FIELDS: [&str; 3] = ["s", "h", "n"];

    /// Reads an answer to them. A counter that is not there stands at nothing.
    pub fn read(answer: Value) -> Result<Self, redis::ParsingError> {
        let [settled, held, requests] =
            <[Option<i64>; 3]>::from_redis_value(answer)?.map(|field| field.unwrap_or(0));
        Ok(Self { settled, held, requests })
    }
}

struct Seen {
    counters: Vec<Counter>,
    events: Vec<EventRow>,
}

/// Counters and stream at one moment. `None`: the stream is too long.
async fn look(
    redis: &mut MultiplexedConnection,
    tenant: TenantId,
    budgets: &[&BudgetRow],
    spans: &[Span],
) -> Result<Option<Seen>, CompareError> {
    let contract = tenant.to_contract();
    let partition = Partition::of(&contract);
    let length: usize = redis::cmd("XLEN").arg(partition.stream()).query_async(redis).await?;
    if length > STREAM_MAX {
        return Ok(None);
    }
    let mut pipe = redis::pipe();
    pipe.atomic();
    for (budget, span) in budgets.iter().zip(spans) {
        let key = counter_key(tenant, BudgetId(budget.id), span);
        pipe.cmd("HMGET").arg(key).arg(&Counter::FIELDS);
    }
    pipe.cmd("XRANGE").arg(partition.stream()).arg("-").arg("+");
    let mut answers: Vec<Value> = pipe.query_async(redis).await?;
    let entries = answers.pop().unwrap_or(Value::Nil);
    let entries = StreamRangeReply::from_redis_value(entries)?;
    let counters = answers.into_iter().map(Counter::read).collect::<Result<_, _>>()?;
    let payload = |entry: redis::streams::StreamId| entry.get::<String>(USAGE_FIELD);
    let events = entries
        .ids
        .into_iter()
        .filter_map(payload)
        .filter_map(|text| read_event(&text).ok())
        .collect();
    Ok(Some(Seen { counters, events }))
}

/// The key of a budget's counter.
pub fn counter_key(tenant: TenantId, budget: BudgetId, span: &Span) -> String {
    let tenant = tenant.to_contract();
    let budget = tollgate_contract::ids::BudgetId::new(budget.to_string());
    Partition::of(&tenant).budget(&tenant, &budget, &span.id)
}

/// A budget's window.
pub fn window_of(budget: &BudgetRow) -> Window {
    let all = [Window::Hour, Window::Day, Window::Week, Window::Month, Window::Total];
    all.into_iter().find(|window| window.name() == budget.time_window).unwrap_or(Window::Total)
}

fn current(window: Window, zone: &TimeZone) -> Span {
    window.current_and_next(Timestamp::now(), zone).0
}

/// What a budget counts.
pub fn scope_of(budget: &BudgetRow) -> Scope {
    use tollgate_contract::ids;
    Scope {
        team: budget.team_id.map(|id| ids::TeamId::new(TeamId(id).to_string())),
        member: budget.member_id.map(|id| ids::MemberId::new(MemberId(id).to_string())),
        api_key: budget.api_key_id.map(|id| ids::ApiKeyId::new(ApiKeyId(id).to_string())),
        provider: budget.provider.as_deref().map(ProviderId::new),
        models: budget.models.clone().map(Patterns::new),
    }
}

/// What the stored events say that a budget's window spent, for when the counters are out of reach.
pub async fn spent(
    tx: &mut store::TenantTx,
    budget: &BudgetRow,
    span: &Span,
) -> Result<i64, ApiError> {
    let begins = Begins::of(budget, span);
    let range = Range {
        from: begins.usual,
        exact_until: begins.usual,
        ..begins.range(Utc::now(), Vec::new())
    };
    let tenant = tx.tenant().0;
    let groups = store::usage::ledger::groups(tx, tenant, &range).await?;
    let scope = scope_of(budget);
    Ok(groups
        .iter()
        .filter_map(|group| Part::of(&scope, group))
        .fold(0, |sum, part| sum.saturating_add(part.cost)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::usage::ledger::Group;
    use chrono::{DateTime, Duration};
    use serde_json::json;
    use tollgate_contract::event::UsageEvent;

    const TENANT: &str = "tnt_0193c5f0a1b27c3d8e4f5a6b7c8d9e0f";

    fn event(id: &str) -> serde_json::Value {
        let mut event = serde_json::to_value(UsageEvent {
            id: id.to_owned(),
            at: "2026-11-25T10:59:59.5Z".to_owned(),
            tenant: tollgate_contract::ids::TenantId::new(TENANT),
            api_key: tollgate_contract::ids::ApiKeyId::new("key_a"),
            status: 200,
            ..UsageEvent::default()
        })
        .unwrap();
        event["usage"] =
            json!({ "input_uncached": 3, "cache_read": 4, "output": 5, "audio_output": 6 });
        event["timing_us"] = json!({ "total": 12_345 });
        event
    }

    #[test]
    fn an_events_day_is_that_of_its_id() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
        let cases = [
            // 2026-11-25T00:00:00.000Z and the millisecond before.
            ("01a21000-8800-7000-8000-000000000000", Some(day("2026-11-25"))),
            ("01a21000-87ff-7000-8000-000000000000:1", Some(day("2026-11-24"))),
            ("01a21000-8800-4000-8000-000000000000", None),
            ("ffffffff-ffff-7000-8000-000000000000", None),
            ("x", None),
            ("", None),
        ];
        for (id, expected) in cases {
            assert_eq!(day_of(id), expected, "{id}");
        }
    }

    #[test]
    fn an_event_becomes_a_row() {
        let row = read_event(&event("01a21000-8800-7000-8000-000000000000").to_string()).unwrap();
        assert_eq!((row.input_tokens, row.output_tokens, row.latency_ms), (7, 11, 12));
        assert_eq!(TenantId(row.tenant_id).to_string(), TENANT);
        assert_eq!((row.team.as_str(), row.target.as_str(), row.adjusts), ("", "", None));
    }

    #[test]
    fn what_cannot_be_taken_in_says_why() {
        let good = event("01a21000-8800-7000-8000-000000000000");
        let with = |field: &str, value: serde_json::Value| {
            let mut event = good.clone();
            event[field] = value;
            event.to_string()
        };
        for (payload, why) in [
            ("{".to_owned(), "EOF"),
            (with("tenant", json!("acme")), "tenant \"acme\""),
            (with("id", json!("req-1")), "id \"req-1\""),
            (with("at", json!("yesterday")), "at \"yesterday\""),
        ] {
            let error = read_event(&payload).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_postgres_cannot_store_is_replaced() {
        let mut event = event("01a21000-8800-7000-8000-000000000000");
        event["requested"] = json!("gpt\0");
        event["metadata"] = json!({ "a\0": "b" });
        let row = read_event(&event.to_string()).unwrap();
        assert_eq!(row.requested, "gpt\u{fffd}");
        assert!(!row.event.contains(r"\u0000"), "{}", row.event);
    }

    fn group(target: &str, plan: &[&str], cost: i64) -> Group {
        Group {
            reserved_at: None,
            team: "team_a".to_owned(),
            member: String::new(),
            api_key: "key_a".to_owned(),
            target: target.to_owned(),
            plan: Some(json!(plan)),
            passed: true,
            original: true,
            charged: cost != 0,
            events: 1,
            cost_nano_usd: cost,
            corrected_nano_usd: 0,
        }
    }

    #[test]
    fn a_budget_is_charged_for_what_served_and_an_abandoned_request_for_its_plan() {
        let all = Scope::default();
        let openai = Scope { provider: Some(ProviderId::new("openai")), ..Scope::default() };
        let other_team =
            Scope { team: Some(tollgate_contract::ids::TeamId::new("team_b")), ..Scope::default() };
        let cases = [
            (&all, group("openai/a", &["openai/a"], 5), Some((5, 1, 1))),
            (&openai, group("openai/a", &["openai/a"], 5), Some((5, 1, 1))),
            // It had reserved, and another target stood in.
            (&openai, group("azure/a", &["openai/a", "azure/a"], 5), Some((0, 0, 1))),
            (&openai, group("azure/a", &["azure/a"], 5), Some((0, 0, 0))),
            (&openai, group("", &["openai/a", "azure/a"], 5), Some((5, 1, 1))),
            (&openai, group("", &["azure/a"], 5), Some((0, 0, 0))),
            (
                &all,
                Group { original: false, ..group("openai/a", &["openai/a"], -2) },
                Some((-2, 0, 0)),
            ),
            // It was charged when it was abandoned, and another target had served.
            (
                &openai,
                Group {
                    original: false,
                    corrected_nano_usd: 9,
                    ..group("azure/a", &["openai/a", "azure/a"], -4)
                },
                Some((-9, 0, 0)),
            ),
            (&all, Group { passed: false, ..group("", &["openai/a"], 0) }, Some((0, 0, 0))),
            (&all, group("openai/free", &["openai/free"], 0), Some((0, 0, 1))),
            (&other_team, group("openai/a", &["openai/a"], 5), None),
        ];
        for (scope, group, expected) in cases {
            let part = Part::of(scope, &group).map(|part| (part.cost, part.certain, part.possible));
            assert_eq!(part, expected, "{group:?}");
        }
    }

    #[test]
    fn a_window_begins_where_the_sums_agree() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let near = |ms: i64, cost| Part {
            reserved_at: Some(start + Duration::milliseconds(ms)),
            cost,
            certain: 1,
            possible: 1,
        };
        let sure = Part { reserved_at: None, cost: 100, certain: 10, possible: 12 };
        let parts = vec![near(-20, 1), near(-10, 2), near(5, 4), sure];
        let cases = [
            // (settled, n) and (cost off, events off)
            ((104, 11), (0, 0)),
            ((104, 13), (0, 0)),
            ((106, 12), (0, 0)),
            ((107, 13), (0, 0)),
            ((100, 10), (0, 0)),
            ((105, 11), (1, 0)),
            ((104, 14), (0, 1)),
            ((104, 10), (0, -1)),
            ((0, 0), (-104, -11)),
        ];
        for ((settled, requests), expected) in cases {
            let found = difference(parts.clone(), start, settled, requests);
            assert_eq!((found.cost_off, found.events_off), expected, "{settled} {requests}");
        }
    }

    #[test]
    fn a_changed_limit_leaves_a_budget_comparable() {
        let detail = |limit: i64, window: &str| json!({ "limit_nano_usd": limit, "window": window, "team": null });
        let changed = |after| json!({ "before": detail(1, "day"), "after": after }).to_string();
        assert!(!changes_scope(&changed(detail(2, "day")), "x"));
        assert!(changes_scope(&changed(detail(1, "month")), "x"));
        assert!(changes_scope(r#"{"changes":["budget x changed"]}"#, "x"));
        assert!(!changes_scope(r#"{"changes":["budget y changed"]}"#, "x"));
    }
}
