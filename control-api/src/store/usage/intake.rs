//! Taking usage events in: each once, with the sums of exactly those that were new.

use crate::store::{StoreError, SystemTx};
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// An event as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// The day of its id.
    pub day: NaiveDate,
    /// Its id.
    pub id: String,
    /// The event that it corrects.
    pub adjusts: Option<String>,
    /// When the request came in.
    pub at: DateTime<Utc>,
    /// The API key's id.
    pub api_key: String,
    /// The team's id, or nothing.
    pub team: String,
    /// The member's id, or nothing.
    pub member: String,
    /// Which API was called.
    pub api: String,
    /// The `model` as sent.
    pub requested: String,
    /// The route that it named, or nothing.
    pub route: String,
    /// What served it, or nothing.
    pub target: String,
    /// The provider key that served it, or nothing.
    pub provider_key: String,
    /// The HTTP status.
    pub status: i16,
    /// The error code.
    pub error: Option<String>,
    /// Whether the answer streamed.
    pub stream: bool,
    /// The charge.
    pub cost_nano_usd: i64,
    /// The charge at list prices.
    pub list_cost_nano_usd: i64,
    /// To the end of the answer.
    pub latency_ms: i64,
    /// All tokens of the prompt.
    pub input_tokens: i64,
    /// All tokens of the answer.
    pub output_tokens: i64,
    /// `hit`, `miss` or `off`.
    pub cache: String,
    /// What a cache hit saved.
    pub saved_nano_usd: i64,
    /// Why the gateway made the request itself, or nothing.
    pub purpose: String,
    /// The request that it was made for, or nothing.
    pub beside_request: String,
    /// What ordered its targets, or nothing.
    pub strategy: String,
    /// The first target of its plan, or nothing.
    pub arm: String,
    /// The whole event, JSON.
    pub event: String,
}

/// What sums are kept by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollupKey {
    /// Whose.
    pub tenant_id: Uuid,
    /// The hour in which the requests came in.
    pub hour: DateTime<Utc>,
    /// The API key's id.
    pub api_key: String,
    /// The team's id, or nothing.
    pub team: String,
    /// The member's id, or nothing.
    pub member: String,
    /// The route, or nothing.
    pub route: String,
    /// The target, or nothing.
    pub target: String,
}

/// Sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests; corrections count none.
    pub requests: i64,
    /// Those of them that failed.
    pub errors: i64,
    /// Tokens of prompts.
    pub input_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// The charge.
    pub cost_nano_usd: i64,
    /// The charge at list prices.
    pub list_cost_nano_usd: i64,
    /// Requests that were answered from the cache.
    pub cache_hits: i64,
    /// What they saved.
    pub saved_nano_usd: i64,
}

/// The first and the last of an API key's events in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The first event's id.
    pub first: String,
    /// The last event's id.
    pub last: String,
    /// The last event's time.
    pub last_at: DateTime<Utc>,
}

/// Makes the partition of a day if it is not there.
pub async fn ensure_day(tx: &mut SystemTx, day: NaiveDate) -> Result<(), StoreError> {
    sqlx::query!("select usage_partition($1)", day).execute(&mut **tx).await?;
    Ok(())
}

/// Inserts events. Tells which were not there before, by tenant and id.
pub async fn insert(
    tx: &mut SystemTx,
    rows: &[EventRow],
) -> Result<HashSet<(Uuid, String)>, StoreError> {
    fn column<T>(rows: &[EventRow], of: impl Fn(&EventRow) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let inserted = sqlx::query!(
        "insert into usage_events (tenant_id, day, id, adjusts, at, api_key, team, member, api, requested, route, \
         target, provider_key, status, error, stream, cost_nano_usd, latency_ms, input_tokens, output_tokens, cache, \
         saved_nano_usd, purpose, beside_request, strategy, arm, event) \
         select tenant_id, day, id, adjusts, at, api_key, team, member, api, requested, route, target, provider_key, \
         status, error, stream, cost, latency, input, output, cache, saved, purpose, beside, strategy, arm, \
         event::jsonb from unnest($1::uuid[], $2::date[], \
         $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], \
         $11::text[], $12::text[], $13::text[], $14::smallint[], $15::text[], $16::boolean[], $17::bigint[], \
         $18::bigint[], $19::bigint[], $20::bigint[], $21::text[], $22::bigint[], $23::text[], $24::text[], \
         $25::text[], $26::text[], $27::text[]) as e (tenant_id, day, id, adjusts, at, api_key, \
         team, member, api, requested, route, target, provider_key, status, error, stream, cost, latency, input, \
         output, cache, saved, purpose, beside, strategy, arm, event) on conflict do nothing returning tenant_id, id",
        &column(rows, |row| row.tenant_id),
        &column(rows, |row| row.day),
        &column(rows, |row| row.id.clone()),
        &column(rows, |row| row.adjusts.clone()) as &[Option<String>],
        &column(rows, |row| row.at),
        &column(rows, |row| row.api_key.clone()),
        &column(rows, |row| row.team.clone()),
        &column(rows, |row| row.member.clone()),
        &column(rows, |row| row.api.clone()),
        &column(rows, |row| row.requested.clone()),
        &column(rows, |row| row.route.clone()),
        &column(rows, |row| row.target.clone()),
        &column(rows, |row| row.provider_key.clone()),
        &column(rows, |row| row.status),
        &column(rows, |row| row.error.clone()) as &[Option<String>],
        &column(rows, |row| row.stream),
        &column(rows, |row| row.cost_nano_usd),
        &column(rows, |row| row.latency_ms),
        &column(rows, |row| row.input_tokens),
        &column(rows, |row| row.output_tokens),
        &column(rows, |row| row.cache.clone()),
        &column(rows, |row| row.saved_nano_usd),
        &column(rows, |row| row.purpose.clone()),
        &column(rows, |row| row.beside_request.clone()),
        &column(rows, |row| row.strategy.clone()),
        &column(rows, |row| row.arm.clone()),
        &column(rows, |row| row.event.clone()),
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(inserted.into_iter().map(|row| (row.tenant_id, row.id)).collect())
}

/// Adds to the sums. The map's order is the order of the locks, so that two control planes do not wait for each other.
pub async fn add_to_rollup(
    tx: &mut SystemTx,
    sums: &BTreeMap<RollupKey, Sums>,
) -> Result<(), StoreError> {
    fn key<T>(sums: &BTreeMap<RollupKey, Sums>, of: impl Fn(&RollupKey) -> T) -> Vec<T> {
        sums.keys().map(of).collect()
    }
    fn sum(sums: &BTreeMap<RollupKey, Sums>, of: impl Fn(&Sums) -> i64) -> Vec<i64> {
        sums.values().map(of).collect()
    }
    sqlx::query!(
        "insert into usage_rollup as r (tenant_id, hour, api_key, team, member, route, target, requests, errors, \
         input_tokens, output_tokens, cost_nano_usd, list_cost_nano_usd, cache_hits, saved_nano_usd) select * from unnest($1::uuid[], \
         $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], \
         $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[]) \
         on conflict (tenant_id, hour, api_key, team, member, route, target) do update set \
         requests = r.requests + excluded.requests, errors = r.errors + excluded.errors, \
         input_tokens = r.input_tokens + excluded.input_tokens, \
         output_tokens = r.output_tokens + excluded.output_tokens, \
         cost_nano_usd = r.cost_nano_usd + excluded.cost_nano_usd, \
         list_cost_nano_usd = r.list_cost_nano_usd + excluded.list_cost_nano_usd, \
         cache_hits = r.cache_hits + excluded.cache_hits, saved_nano_usd = r.saved_nano_usd + excluded.saved_nano_usd",
        &key(sums, |key| key.tenant_id),
        &key(sums, |key| key.hour),
        &key(sums, |key| key.api_key.clone()),
        &key(sums, |key| key.team.clone()),
        &key(sums, |key| key.member.clone()),
        &key(sums, |key| key.route.clone()),
        &key(sums, |key| key.target.clone()),
        &sum(sums, |sums| sums.requests),
        &sum(sums, |sums| sums.errors),
        &sum(sums, |sums| sums.input_tokens),
        &sum(sums, |sums| sums.output_tokens),
        &sum(sums, |sums| sums.cost_nano_usd),
        &sum(sums, |sums| sums.list_cost_nano_usd),
        &sum(sums, |sums| sums.cache_hits),
        &sum(sums, |sums| sums.saved_nano_usd),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes what API keys did. The map's order is the order of the locks.
pub async fn note_activity(
    tx: &mut SystemTx,
    activity: &BTreeMap<(Uuid, String), Activity>,
) -> Result<(), StoreError> {
    let tenants: Vec<Uuid> = activity.keys().map(|(tenant, _)| *tenant).collect();
    let keys: Vec<String> = activity.keys().map(|(_, key)| key.clone()).collect();
    let firsts: Vec<String> = activity.values().map(|activity| activity.first.clone()).collect();
    let lasts: Vec<String> = activity.values().map(|activity| activity.last.clone()).collect();
    let times: Vec<DateTime<Utc>> = activity.values().map(|activity| activity.last_at).collect();
    sqlx::query!(
        "insert into api_key_activity as a (tenant_id, api_key, first_event_id, last_event_id, last_used_at) \
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) \
         on conflict (tenant_id, api_key) do update set \
         first_event_id = least(a.first_event_id, excluded.first_event_id), \
         last_event_id = case when excluded.last_used_at >= a.last_used_at then excluded.last_event_id \
         else a.last_event_id end, last_used_at = greatest(a.last_used_at, excluded.last_used_at)",
        &tenants,
        &keys,
        &firsts,
        &lasts,
        &times,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps what cannot be taken in.
pub async fn bury(
    tx: &mut SystemTx,
    partition: i16,
    stream_id: &str,
    payload: &str,
    error: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into usage_dead (partition, stream_id, payload, error) values ($1, $2, $3, $4) on conflict do nothing",
        partition,
        stream_id,
        payload,
        error
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
