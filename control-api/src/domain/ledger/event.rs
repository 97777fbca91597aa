//! From an event as a gateway wrote it to a row.

use crate::{ids::TenantId, store::usage::intake::EventRow};
use chrono::{DateTime, NaiveDate};
use std::borrow::Cow;
use tollgate_contract::{event::UsageEvent, money::NanoUsd};
use uuid::Uuid;

/// Reads an event as a gateway wrote it. The error says why it cannot be taken in.
pub fn read_event(payload: &str) -> Result<EventRow, String> {
    let payload = without_nul(payload)?;
    let event: UsageEvent = serde_json::from_str(&payload).map_err(|error| error.to_string())?;
    let tenant: TenantId = event
        .tenant
        .as_str()
        .parse()
        .map_err(|error| format!("tenant {:?}: {error}", event.tenant.as_str()))?;
    let at = DateTime::parse_from_rfc3339(&event.at)
        .map_err(|error| format!("at {:?}: {error}", event.at))?;
    let day =
        day_of(&event.id).ok_or_else(|| format!("id {:?}: no UUIDv7 of these days", event.id))?;
    let latency_ms = latency_ms(&event);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let decision = event.decision.unwrap_or_default();
    let (purpose, beside_request) = match event.beside {
        Some(beside) => (beside.purpose.name().to_owned(), beside.request),
        None => Default::default(),
    };
    Ok(EventRow {
        tenant_id: tenant.0,
        day,
        adjusts: event.adjusts,
        at: at.to_utc(),
        api_key: event.api_key.as_str().to_owned(),
        team: text(event.team.as_ref().map(|id| id.as_str())),
        member: text(event.member.as_ref().map(|id| id.as_str())),
        api: event.api,
        requested: event.requested,
        route: text(event.route.as_ref().map(|id| id.as_str())),
        target: event.target.unwrap_or_default(),
        provider_key: text(event.provider_key.as_ref().map(|id| id.as_str())),
        status: i16::try_from(event.status).unwrap_or(i16::MAX),
        error: event.error,
        stream: event.stream,
        cost_nano_usd: event.cost_nano_usd.as_nanos(),
        list_cost_nano_usd: event.list_cost_nano_usd.as_nanos(),
        latency_ms,
        input_tokens: whole(event.usage.input()),
        output_tokens: whole(event.usage.total_output()),
        cache: event.cache,
        saved_nano_usd: event.saved_nano_usd.map_or(0, NanoUsd::as_nanos),
        purpose,
        beside_request,
        strategy: decision.strategy,
        arm: decision.plan.into_iter().next().unwrap_or_default(),
        id: event.id,
        event: payload.into_owned(),
    })
}

/// The day of an event's id: that of its UUIDv7.
pub fn day_of(id: &str) -> Option<NaiveDate> {
    let uuid = Uuid::try_parse(id.split(':').next()?).ok()?;
    let (seconds, _) = uuid.get_timestamp().filter(|_| uuid.get_version_num() == 7)?.to_unix();
    let day = DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?.date_naive();
    // Each day is a table: a broken clock must not make tables for all eternity.
    let plausible = NaiveDate::from_ymd_opt(2025, 1, 1)?..NaiveDate::from_ymd_opt(2100, 1, 1)?;
    plausible.contains(&day).then_some(day)
}

pub(super) fn latency_ms(event: &UsageEvent) -> i64 {
    let total = event.timing_us.get("total").map(|us| us / 1000);
    let ended = event.attempts.iter().map(|attempt| attempt.ended_ms).max();
    whole(ended.filter(|ended| *ended > 0).or(total).unwrap_or(0))
}

pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Postgres stores no NUL in texts, and apps choose some of them.
pub(super) fn without_nul(payload: &str) -> Result<Cow<'_, str>, String> {
    fn clean(value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        let text = |text: String| text.replace('\0', "\u{fffd}");
        match value {
            Value::String(string) => Value::String(text(string)),
            Value::Array(list) => Value::Array(list.into_iter().map(clean).collect()),
            Value::Object(map) => Value::Object(
                map.into_iter().map(|(key, value)| (text(key), clean(value))).collect(),
            ),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        }
    }
    if !payload.contains(r"\u0000") {
        return Ok(Cow::Borrowed(payload));
    }
    let value = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    Ok(Cow::Owned(clean(value).to_string()))
}
