//! What charts and totals show of usage.

use super::requests::day_before;
use crate::{
    ids::{ApiKeyId, MemberId, TeamId},
    store::{StoreError, TenantTx},
};
use chrono::{DateTime, Utc};
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
    /// Requests that were answered from the cache.
    pub cache_hits: i64,
    /// What they would have cost otherwise.
    pub saved_nano_usd: i64,
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
           sum(cost_nano_usd)::bigint as "cost!", sum(cache_hits)::bigint as "hits!",
           sum(saved_nano_usd)::bigint as "saved!"
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
            cache_hits: row.hits,
            saved_nano_usd: row.saved,
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
           sum(cost_nano_usd)::bigint as "cost!", sum(cache_hits)::bigint as "hits!",
           sum(saved_nano_usd)::bigint as "saved!"
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
            cache_hits: row.hits,
            saved_nano_usd: row.saved,
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
