//! Where a route's requests went.

use super::{StoreError, TenantTx};
use chrono::{DateTime, NaiveDate, Utc};

/// A target's part of a route's traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The target; empty: nothing served these requests.
    pub target: String,
    /// Requests that ended there.
    pub requests: i64,
    /// Attempts there that failed, whatever served the request in the end.
    pub errors: i64,
    /// Half of the requests took at most this many milliseconds.
    pub p50_ms: Option<i64>,
    /// What they cost.
    pub cost_nano_usd: i64,
}

/// Where the newest requests of a route since a time went, at most `most` of them.
pub async fn split(
    tx: &mut TenantTx,
    route: &str,
    since: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Served>, StoreError> {
    let tenant = tx.tenant();
    // An event's day is that of its id, which may be a little off its time.
    let day = since.date_naive().pred_opt().unwrap_or(NaiveDate::MIN);
    Ok(sqlx::query_as!(
        Served,
        r#"with newest as materialized (
             select target, latency_ms, cost_nano_usd, event from usage_events
             where tenant_id = $1 and day >= $2 and at >= $3 and route = $4 and adjusts is null
             order by at desc limit $5
           ), served as (
             select target, count(*) as requests, sum(cost_nano_usd)::bigint as cost,
               percentile_disc(0.5) within group (order by latency_ms) as p50 from newest group by target
           ), failed as (
             select attempt ->> 'target' as target, count(*) as errors from newest
             cross join lateral jsonb_array_elements(
               case jsonb_typeof(event -> 'attempts') when 'array' then event -> 'attempts' else '[]'::jsonb end
             ) as attempt
             where attempt ->> 'error' is not null or (attempt ->> 'status')::int >= 400 group by 1
           )
           select target as "target!", coalesce(requests, 0) as "requests!", coalesce(errors, 0) as "errors!",
             p50 as "p50_ms?", coalesce(cost, 0) as "cost_nano_usd!"
           from served full join failed using (target) where target <> '' order by 2 desc, 1"#,
        tenant.0,
        day,
        since,
        route,
        most,
    )
    .fetch_all(&mut **tx)
    .await?)
}
