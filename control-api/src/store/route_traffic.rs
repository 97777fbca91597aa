//! How the targets of a route fared.

use super::{StoreError, TenantTx};
use chrono::{DateTime, NaiveDate, Utc};

/// What became of a route's requests at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// The target; empty: nothing served these requests.
    pub target: String,
    /// Requests that it served.
    pub requests: i64,
    /// Attempts there that failed, whatever served the request in the end.
    pub errors: i64,
    /// Half of the requests took at most this many milliseconds.
    pub p50_ms: Option<i64>,
}

/// What became of the newest requests of a route since a time, at most `most` of them.
pub async fn newest(
    tx: &mut TenantTx,
    route: &str,
    since: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Attempts>, StoreError> {
    let tenant = tx.tenant();
    // An event's day is that of its id, which may be a little off its time.
    let day = since.date_naive().pred_opt().unwrap_or(NaiveDate::MIN);
    Ok(sqlx::query_as!(
        Attempts,
        r#"with newest as materialized (
             select target, latency_ms, event from usage_events
             where tenant_id = $1 and day >= $2 and at >= $3 and route = $4 and adjusts is null
             order by at desc limit $5
           ), served as (
             select target, count(*) as requests, percentile_disc(0.5) within group (order by latency_ms) as p50
             from newest group by target
           ), failed as (
             select coalesce(attempt ->> 'target', '') as target, count(*) as errors from newest
             cross join lateral jsonb_array_elements(
               case jsonb_typeof(event -> 'attempts') when 'array' then event -> 'attempts' else '[]'::jsonb end
             ) as attempt
             where attempt ->> 'error' is not null or (attempt ->> 'status')::int >= 400 group by 1
           )
           select target as "target!", coalesce(requests, 0) as "requests!", coalesce(errors, 0) as "errors!",
             p50 as "p50_ms?" from served full join failed using (target)"#,
        tenant.0,
        day,
        since,
        route,
        most,
    )
    .fetch_all(&mut **tx)
    .await?)
}
