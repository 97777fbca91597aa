//! The log of requests: which there were, and what was reported of each.

use crate::store::{StoreError, TenantTx};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use std::collections::HashMap;

/// The partitions to look into: an event's day is that of its id, which may be a little off its time.
pub(super) fn day_before(at: DateTime<Utc>) -> NaiveDate {
    at.date_naive().pred_opt().unwrap_or(NaiveDate::MIN)
}

pub(super) fn day_after(at: DateTime<Utc>) -> NaiveDate {
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
    /// `hit`, `miss` or `off`.
    pub cache: String,
    /// What a cache hit saved.
    pub saved_nano_usd: i64,
    /// Why the gateway made it itself, or nothing.
    pub purpose: String,
    /// What ordered its targets, or nothing.
    pub strategy: String,
    /// The first target of its plan, or nothing.
    pub arm: String,
}

/// Which requests are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `Some(true)`: those that failed; `Some(false)`: the others.
    pub failed: Option<bool>,
    /// Asked for, named or served by this.
    pub model: Option<String>,
    /// With this API key.
    pub api_key: Option<String>,
    /// Of this team.
    pub team: Option<String>,
    /// Of this member.
    pub member: Option<String>,
    /// Over this route.
    pub route: Option<String>,
    /// Served by this target.
    pub target: Option<String>,
    /// This target was called, whatever served them in the end.
    pub tried: Option<String>,
    /// The strategy that ordered their targets.
    pub strategy: Option<String>,
    /// `hit`, `miss` or `off`.
    pub cache: Option<String>,
    /// With this error code.
    pub error: Option<String>,
    /// What the gateway made them for; empty: those of apps.
    pub purpose: Option<String>,
    /// Whether another target than the first of the plan served them.
    pub failed_over: Option<bool>,
    /// They took at least so many milliseconds.
    pub min_latency_ms: Option<i64>,
    /// Came in at or after this …
    pub from: DateTime<Utc>,
    /// … and before this.
    pub to: DateTime<Utc>,
    /// Older than this one.
    pub before: Option<(DateTime<Utc>, String)>,
    /// How many at most, the newest.
    pub limit: i64,
}

/// A statement on the newest requests that a [`Filter`] lets pass: `$head from usage_events where … limit … $tail`. The
/// filter takes the parameters up to `$22`; `$more` begin at `$23`.
macro_rules! select_matching {
    ($row:ident, $tx:expr, $filter:expr, $head:tt, $tail:tt $(, $more:expr)* $(,)?) => {{
        let (filter, tx) = ($filter, $tx);
        let tenant = tx.tenant();
        let (before_at, before_id) = filter.before.clone().unzip();
        sqlx::query_as!(
            $row,
            $head + " from usage_events where tenant_id = $1 and day >= $2 and day <= $3 and at >= $4 and at < $5 \
             and adjusts is null and ($6::boolean is null or (status >= 400) = $6) \
             and ($7::text is null or requested = $7 or route = $7 or target = $7) \
             and ($8::text is null or api_key = $8) and ($9::text is null or team = $9) \
             and ($10::text is null or member = $10) and ($11::text is null or route = $11) \
             and ($12::text is null or target = $12) \
             and ($13::text is null or event -> 'attempts' @> jsonb_build_array(jsonb_build_object('target', $13::text))) \
             and ($14::text is null or strategy = $14) and ($15::text is null or cache = $15) \
             and ($16::text is null or error = $16) and ($17::text is null or purpose = $17) \
             and ($18::boolean is null or (target <> '' and arm <> '' and target <> arm) = $18) \
             and ($19::bigint is null or latency_ms >= $19) \
             and ($20::timestamptz is null or (at, id) < ($20, $21)) order by at desc, id desc limit $22" + $tail,
            tenant.0,
            crate::store::usage::requests::day_before(filter.from),
            crate::store::usage::requests::day_after(filter.to),
            filter.from,
            filter.to,
            filter.failed,
            filter.model,
            filter.api_key,
            filter.team,
            filter.member,
            filter.route,
            filter.target,
            filter.tried,
            filter.strategy,
            filter.cache,
            filter.error,
            filter.purpose,
            filter.failed_over,
            filter.min_latency_ms,
            before_at,
            before_id,
            filter.limit,
            $($more),*
        )
        .fetch_all(&mut **tx)
    }};
}
pub(super) use select_matching;

/// A page of requests, newest first.
pub async fn requests(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<RequestRow>, StoreError> {
    let mut rows = select_matching!(
        RequestRow,
        &mut *tx,
        filter,
        "select id, at, api_key, team, member, api, requested, route, target, status, error, stream, cost_nano_usd, \
         latency_ms, input_tokens, output_tokens, cache, saved_nano_usd, purpose, strategy, arm",
        ""
    )
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
         latency_ms, input_tokens, output_tokens, cache, saved_nano_usd, purpose, strategy, arm, received_at, event from usage_events \
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
            cache: row.cache,
            saved_nano_usd: row.saved_nano_usd,
            purpose: row.purpose,
            strategy: row.strategy,
            arm: row.arm,
        },
        received_at: row.received_at,
        event: row.event,
    });
    Ok(event.collect())
}
