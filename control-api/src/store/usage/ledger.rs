//! What the counters are compared with.

use crate::store::{StoreError, SystemTx};
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// Events that do not differ in anything that a budget looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// When they were reserved, if that is near the beginning of the range.
    pub reserved_at: Option<DateTime<Utc>>,
    /// The team's id, or nothing.
    pub team: String,
    /// The member's id, or nothing.
    pub member: String,
    /// The API key's id.
    pub api_key: String,
    /// What served them, or nothing.
    pub target: String,
    /// The targets of their plan, a JSON array.
    pub plan: Option<serde_json::Value>,
    /// Whether their limits were asked and let them pass.
    pub passed: bool,
    /// Whether they are requests, not corrections.
    pub original: bool,
    /// Whether they cost something.
    pub charged: bool,
    /// How many.
    pub events: i64,
    /// Their cost.
    pub cost_nano_usd: i64,
    /// Of corrections: the cost of what they correct.
    pub corrected_nano_usd: i64,
}

/// Which of a tenant's events are wanted.
#[derive(Debug, Clone)]
pub struct Range {
    /// Reserved at or after this.
    pub from: DateTime<Utc>,
    /// Those reserved before this come with their time.
    pub exact_until: DateTime<Utc>,
    /// A request that came in before this was reserved before `from`.
    pub came_in_from: DateTime<Utc>,
    /// Whether a request counts from when it came in, not from when it was reserved.
    pub by_arrival: bool,
    /// Taken in at or before this …
    pub received_until: DateTime<Utc>,
    /// … or one of these.
    pub or_ids: Vec<String>,
}

/// A tenant's events in a range. A request is reserved when it has been understood and planned.
pub async fn groups(
    conn: &mut PgConnection,
    tenant: Uuid,
    range: &Range,
) -> Result<Vec<Group>, StoreError> {
    let day: NaiveDate = range.came_in_from.date_naive().pred_opt().unwrap_or(NaiveDate::MIN);
    Ok(sqlx::query_as!(
        Group,
        r#"select case when reserved_at < $3 then reserved_at end as "reserved_at?", team, member, api_key, target,
           plan as "plan?", passed as "passed!", adjusts is null as "original!", cost_nano_usd <> 0 as "charged!",
           count(*) as "events!", sum(cost_nano_usd)::bigint as "cost_nano_usd!",
           sum(corrected)::bigint as "corrected_nano_usd!"
           from (select team, member, api_key, target, adjusts, cost_nano_usd, event #> '{decision,plan}' as plan,
             case when adjusts is null then 0 else coalesce((select original.cost_nano_usd from usage_events original
               where original.tenant_id = $1 and original.day = u.day and original.id = u.adjusts), 0) end as corrected,
             event #> '{timing_us,hold}' is not null or coalesce(error = 'expired', false) as passed,
             at + case when $6 then interval '0' else make_interval(secs =>
               (coalesce((event #>> '{timing_us,understand}')::float8, 0)
               + coalesce((event #>> '{timing_us,plan}')::float8, 0)) / 1000000) end as reserved_at
             from usage_events u where tenant_id = $1 and day >= $4 and at >= $5 and (received_at <= $7 or id = any($8))
           ) e where reserved_at >= $2 group by 1, 2, 3, 4, 5, 6, 7, 8, 9"#,
        tenant,
        range.from,
        range.exact_until,
        day,
        range.came_in_from,
        range.by_arrival,
        range.received_until,
        &range.or_ids,
    )
    .fetch_all(conn)
    .await?)
}

/// Those of some events that have been taken in, with their cost.
pub async fn known(
    conn: &mut PgConnection,
    tenant: Uuid,
    days: &[NaiveDate],
    ids: &[String],
) -> Result<HashMap<String, i64>, StoreError> {
    let rows = sqlx::query!(
        "select id, cost_nano_usd from usage_events where tenant_id = $1 and day = any($2) and id = any($3)",
        tenant,
        days,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.cost_nano_usd)).collect())
}

/// The database's clock.
pub async fn clock(tx: &mut SystemTx) -> Result<DateTime<Utc>, StoreError> {
    Ok(sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(&mut **tx).await?)
}

/// Makes the transaction see one moment.
pub async fn freeze(tx: &mut SystemTx) -> Result<(), StoreError> {
    sqlx::query!("set transaction isolation level repeatable read, read only")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Every tenant's id and zone.
pub async fn zones(tx: &mut SystemTx) -> Result<Vec<(Uuid, String)>, StoreError> {
    let rows =
        sqlx::query!("select id, time_zone from tenants order by id").fetch_all(&mut **tx).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.time_zone)).collect())
}

/// A tenant's sums, once from the events and once from the hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Whose.
    pub tenant_id: Uuid,
    /// All events.
    pub events: i64,
    /// Those that are requests.
    pub requests: i64,
    /// Their cost.
    pub cost_nano_usd: i64,
    /// Requests by the hours.
    pub rollup_requests: i64,
    /// Cost by the hours.
    pub rollup_cost_nano_usd: i64,
}

/// The sums of all tenants.
pub async fn totals(tx: &mut SystemTx) -> Result<Vec<Totals>, StoreError> {
    Ok(sqlx::query_as!(
        Totals,
        r#"select tenant_id as "tenant_id!", coalesce(e.events, 0) as "events!", coalesce(e.requests, 0) as "requests!",
           coalesce(e.cost, 0) as "cost_nano_usd!", coalesce(r.requests, 0) as "rollup_requests!",
           coalesce(r.cost, 0) as "rollup_cost_nano_usd!"
           from (select tenant_id, count(*) as events, count(*) filter (where adjusts is null) as requests,
             sum(cost_nano_usd)::bigint as cost from usage_events group by 1) e
           full join (select tenant_id, sum(requests)::bigint as requests, sum(cost_nano_usd)::bigint as cost
             from usage_rollup group by 1) r using (tenant_id) order by 1"#
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// How many events could not be taken in.
pub async fn dead(tx: &mut SystemTx) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(r#"select count(*) as "dead!" from usage_dead"#)
        .fetch_one(&mut **tx)
        .await?)
}

/// What the audit log says of changes to a budget since a time: the details of each, as JSON text.
pub async fn changes_of_budget(
    tx: &mut SystemTx,
    tenant: Uuid,
    budget: &str,
    since: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select detail from audit_log where tenant_id = $1 and at >= $3 and \
         ((object = $2 and action = 'budget.changed') or action like 'config.%')",
        tenant,
        budget,
        since
    )
    .fetch_all(&mut **tx)
    .await?)
}
