//! What lists and charts show of usage.

use crate::{
    ids::{ApiKeyId, MemberId, TeamId},
    store::{StoreError, TenantTx},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// Sums of one hour, or of one thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests.
    pub requests: i64,
    /// Those that failed.
    pub errors: i64,
    /// Tokens of prompts.
    pub input_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// The charge.
    pub cost_nano_usd: i64,
}

/// The tenant's sums by hour, oldest first; hours without requests are left out.
pub async fn hours(
    tx: &mut TenantTx,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, Sums)>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select hour, sum(requests)::bigint as "requests!", sum(errors)::bigint as "errors!",
           sum(input_tokens)::bigint as "input!", sum(output_tokens)::bigint as "output!",
           sum(cost_nano_usd)::bigint as "cost!"
           from usage_rollup where tenant_id = $1 and hour >= $2 and hour < $3 group by hour order by hour"#,
        tenant.0,
        from,
        to
    )
    .fetch_all(&mut **tx)
    .await?;
    let sums = rows.into_iter().map(|row| {
        let sums = Sums {
            requests: row.requests,
            errors: row.errors,
            input_tokens: row.input,
            output_tokens: row.output,
            cost_nano_usd: row.cost,
        };
        (row.hour, sums)
    });
    Ok(sums.collect())
}

/// Which sums are wanted.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// From this hour …
    pub from: DateTime<Utc>,
    /// … to before this one.
    pub to: DateTime<Utc>,
    /// The zone of days.
    pub zone: String,
    /// `hour`, `day`, `api_key`, `team`, `member`, `route`, `target`, or nothing.
    pub by: [&'static str; 2],
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
    /// The most expensive first, not in the order of what they are grouped by.
    pub by_cost: bool,
    /// How many rows at most.
    pub limit: i64,
}

/// Sums grouped by up to two things.
pub async fn sums(
    tx: &mut TenantTx,
    question: &Question,
) -> Result<Vec<([String; 2], Sums)>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select
           case $5 when 'hour' then to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
             when 'day' then to_char(hour at time zone $4, 'YYYY-MM-DD') when 'api_key' then api_key when 'team' then team
             when 'member' then member when 'route' then route when 'target' then target else '' end as "first!",
           case $6 when 'hour' then to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
             when 'day' then to_char(hour at time zone $4, 'YYYY-MM-DD') when 'api_key' then api_key when 'team' then team
             when 'member' then member when 'route' then route when 'target' then target else '' end as "second!",
           sum(requests)::bigint as "requests!", sum(errors)::bigint as "errors!",
           sum(input_tokens)::bigint as "input!", sum(output_tokens)::bigint as "output!",
           sum(cost_nano_usd)::bigint as "cost!"
           from usage_rollup where tenant_id = $1 and hour >= $2 and hour < $3
           and ($7::text is null or api_key = $7) and ($8::text is null or team = $8)
           and ($9::text is null or member = $9) and ($10::text is null or route = $10)
           and ($11::text is null or target = $11)
           group by 1, 2 order by case when $12 then -sum(cost_nano_usd) end, 1, 2 limit $13"#,
        tenant.0,
        question.from,
        question.to,
        question.zone,
        question.by[0],
        question.by[1],
        question.api_key,
        question.team,
        question.member,
        question.route,
        question.target,
        question.by_cost,
        question.limit,
    )
    .fetch_all(&mut **tx)
    .await?;
    let sums = rows.into_iter().map(|row| {
        let sums = Sums {
            requests: row.requests,
            errors: row.errors,
            input_tokens: row.input,
            output_tokens: row.output,
            cost_nano_usd: row.cost,
        };
        ([row.first, row.second], sums)
    });
    Ok(sums.collect())
}

/// The median and the 95th percentile of the newest served requests since a time, in milliseconds.
pub async fn latencies(
    tx: &mut TenantTx,
    since: DateTime<Utc>,
    most: i64,
) -> Result<(Option<i64>, Option<i64>), StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select percentile_disc(0.5) within group (order by latency_ms) as p50,
           percentile_disc(0.95) within group (order by latency_ms) as p95
           from (select latency_ms from usage_events where tenant_id = $1 and day >= $4 and at >= $2
             and adjusts is null and target <> '' order by at desc limit $3) newest"#,
        tenant.0,
        since,
        most,
        day_before(since),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok((row.p50, row.p95))
}

/// The partitions to look into: an event's day is that of its id, which may be a little off its time.
fn day_before(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive().pred_opt().unwrap_or(NaiveDate::MIN)
}

fn day_after(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive().succ_opt().unwrap_or(NaiveDate::MAX)
}

/// A request in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its id.
    pub id: String,
    /// When it came in.
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
    /// The HTTP status.
    pub status: i16,
    /// The error code.
    pub error: Option<String>,
    /// Whether the answer streamed.
    pub stream: bool,
    /// The charge; in lists with its corrections.
    pub cost_nano_usd: i64,
    /// To the end of the answer.
    pub latency_ms: i64,
    /// Tokens of the prompt.
    pub input_tokens: i64,
    /// Tokens of the answer.
    pub output_tokens: i64,
}

/// Which requests a list has.
#[derive(Debug, Clone)]
pub struct Filter {
    /// `Some(true)`: those that failed; `Some(false)`: the others.
    pub failed: Option<bool>,
    /// Asked for, named or served by this.
    pub model: Option<String>,
    /// With this API key.
    pub api_key: Option<String>,
    /// Came in at or after this …
    pub from: DateTime<Utc>,
    /// … and before this.
    pub to: DateTime<Utc>,
    /// Older than this one.
    pub before: Option<(DateTime<Utc>, String)>,
    /// How many at most.
    pub limit: i64,
}

/// A page of requests, newest first.
pub async fn requests(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<RequestRow>, StoreError> {
    let tenant = tx.tenant();
    let (before_at, before_id) = filter.before.clone().unzip();
    let mut rows = sqlx::query_as!(
        RequestRow,
        "select id, at, api_key, team, member, api, requested, route, target, status, error, stream, cost_nano_usd, \
         latency_ms, input_tokens, output_tokens from usage_events where tenant_id = $1 and day >= $2 and day <= $3 \
         and at >= $4 and at < $5 and adjusts is null and ($6::boolean is null or (status >= 400) = $6) \
         and ($7::text is null or requested = $7 or route = $7 or target = $7) and ($8::text is null or api_key = $8) \
         and ($9::timestamptz is null or (at, id) < ($9, $10)) order by at desc, id desc limit $11",
        tenant.0,
        day_before(filter.from),
        day_after(filter.to),
        filter.from,
        filter.to,
        filter.failed,
        filter.model,
        filter.api_key,
        before_at,
        before_id,
        filter.limit,
    )
    .fetch_all(&mut **tx)
    .await?;
    let corrections = corrections(tx, &rows).await?;
    for row in &mut rows {
        let correction = corrections.get(&row.id).copied().unwrap_or(0);
        row.cost_nano_usd = row.cost_nano_usd.saturating_add(correction);
    }
    Ok(rows)
}

/// A request is corrected this often at most; gateways do it once.
const CORRECTIONS_MAX: usize = 3;

/// Ids of a request's corrections. They are in the request's partition, so they are found by the primary key.
fn corrections_of(id: &str) -> impl Iterator<Item = String> + '_ {
    (1..=CORRECTIONS_MAX).map(move |number| format!("{id}:{number}"))
}

async fn corrections(
    tx: &mut TenantTx,
    rows: &[RequestRow],
) -> Result<HashMap<String, i64>, StoreError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(HashMap::new()) };
    let tenant = tx.tenant();
    let ids: Vec<String> = rows.iter().flat_map(|row| corrections_of(&row.id)).collect();
    let sums = sqlx::query!(
        r#"select adjusts as "adjusts!", sum(cost_nano_usd)::bigint as "cost!" from usage_events
           where tenant_id = $1 and day >= $2 and day <= $3 and id = any($4) and adjusts is not null group by adjusts"#,
        tenant.0,
        day_before(last.at),
        day_after(first.at),
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(sums.into_iter().map(|row| (row.adjusts, row.cost)).collect())
}

/// An event as it was reported.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its columns.
    pub row: RequestRow,
    /// When it was taken in.
    pub received_at: DateTime<Utc>,
    /// The whole of it.
    pub event: Value,
}

/// A request, followed by its corrections. `day` is that of the id.
pub async fn request(
    tx: &mut TenantTx,
    id: &str,
    day: NaiveDate,
) -> Result<Vec<StoredEvent>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<String> = std::iter::once(id.to_owned()).chain(corrections_of(id)).collect();
    let rows = sqlx::query!(
        "select id, at, api_key, team, member, api, requested, route, target, status, error, stream, cost_nano_usd, \
         latency_ms, input_tokens, output_tokens, received_at, event from usage_events \
         where tenant_id = $1 and day = $2 and id = any($3) order by length(id), id",
        tenant.0,
        day,
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    let event = rows.into_iter().map(|row| StoredEvent {
        row: RequestRow {
            id: row.id,
            at: row.at,
            api_key: row.api_key,
            team: row.team,
            member: row.member,
            api: row.api,
            requested: row.requested,
            route: row.route,
            target: row.target,
            status: row.status,
            error: row.error,
            stream: row.stream,
            cost_nano_usd: row.cost_nano_usd,
            latency_ms: row.latency_ms,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
        },
        received_at: row.received_at,
        event: row.event,
    });
    Ok(event.collect())
}

/// What an API key did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyActivity {
    /// Its first event's id.
    pub first_event_id: String,
    /// Its last event's id.
    pub last_event_id: String,
    /// When that came in.
    pub last_used_at: DateTime<Utc>,
    /// What it spent since the time that was asked for.
    pub cost_nano_usd: i64,
}

/// What API keys did, and what they spent since a time. Keys that were never used are left out.
pub async fn key_activity(
    tx: &mut TenantTx,
    keys: &[ApiKeyId],
    since: DateTime<Utc>,
) -> Result<HashMap<ApiKeyId, KeyActivity>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<String> = keys.iter().map(ApiKeyId::to_string).collect();
    let rows = sqlx::query!(
        r#"select api_key, first_event_id, last_event_id, last_used_at, coalesce((select sum(r.cost_nano_usd)
           from usage_rollup r where r.tenant_id = a.tenant_id and r.hour >= $3 and r.api_key = a.api_key), 0)::bigint
           as "cost!" from api_key_activity a where tenant_id = $1 and api_key = any($2)"#,
        tenant.0,
        &ids,
        since
    )
    .fetch_all(&mut **tx)
    .await?;
    let activity = rows.into_iter().filter_map(|row| {
        let activity = KeyActivity {
            first_event_id: row.first_event_id,
            last_event_id: row.last_event_id,
            last_used_at: row.last_used_at,
            cost_nano_usd: row.cost,
        };
        Some((row.api_key.parse().ok()?, activity))
    });
    Ok(activity.collect())
}

/// What people call API keys, teams and members, by id. What is unknown is left out.
pub async fn names(
    tx: &mut TenantTx,
    ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, String>, StoreError> {
    let tenant = tx.tenant();
    let (mut keys, mut teams, mut members) =
        (Vec::<Uuid>::new(), Vec::<Uuid>::new(), Vec::<Uuid>::new());
    for id in ids {
        if let Ok(id) = id.parse::<ApiKeyId>() {
            keys.push(id.0);
        } else if let Ok(id) = id.parse::<TeamId>() {
            teams.push(id.0);
        } else if let Ok(id) = id.parse::<MemberId>() {
            members.push(id.0);
        }
    }
    let rows = sqlx::query!(
        r#"select id as "id!", kind as "kind!", name as "name!" from (
             select id, 'key' as kind, name from api_keys where tenant_id = $1 and id = any($2)
             union all select id, 'team', name from teams where tenant_id = $1 and id = any($3)
             union all select m.id, 'member', p.email from members m join people p on p.id = m.person_id
               where m.tenant_id = $1 and m.id = any($4)) named"#,
        tenant.0,
        &keys,
        &teams,
        &members
    )
    .fetch_all(&mut **tx)
    .await?;
    let names = rows.into_iter().map(|row| {
        let id = match row.kind.as_str() {
            "key" => ApiKeyId(row.id).to_string(),
            "team" => TeamId(row.id).to_string(),
            _ => MemberId(row.id).to_string(),
        };
        (id, row.name)
    });
    Ok(names.collect())
}
