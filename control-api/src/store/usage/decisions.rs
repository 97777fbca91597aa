//! What the decision log says in sums: by what was decided, by the arms of a route, and by its shadows.

use super::requests::{Filter, day_before, select_matching};
use crate::store::{StoreError, TenantTx};
use chrono::{DateTime, NaiveDate, Utc};

/// What requests are counted by, and whether that takes their attempts or what was left out of their plans apart.
#[derive(Debug, Clone, Copy)]
pub struct Grouping {
    /// Names of what is grouped by, the second maybe empty.
    pub by: [&'static str; 2],
    /// A line for each attempt.
    pub attempts: bool,
    /// A line for each target that was left out.
    pub left_out: bool,
}

/// Requests that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they have in common, by the first name.
    pub first: String,
    /// The same by the second.
    pub second: String,
    /// How many requests.
    pub requests: i64,
    /// Those that failed.
    pub errors: i64,
    /// Those that another target served than the first of the plan.
    pub failed_over: i64,
    /// The charge; of attempts: theirs.
    pub cost_nano_usd: i64,
    /// What the cache saved.
    pub saved_nano_usd: i64,
    /// The median, the 95th and the 99th percentile; of attempts: theirs.
    pub latency_ms: Vec<i64>,
    /// How many requests were looked at for all groups together.
    pub seen: i64,
}

/// The requests that a filter lets pass, by group, most requests first.
pub async fn groups(
    tx: &mut TenantTx,
    filter: &Filter,
    grouping: Grouping,
    most: i64,
) -> Result<Vec<Group>, StoreError> {
    Ok(select_matching!(
        Group,
        &mut *tx,
        filter,
        "with newest as materialized (select id, at, api_key, team, member, api, requested, route, target, status, \
         error, stream, cost_nano_usd, latency_ms, cache, saved_nano_usd, purpose, strategy, arm, event",
        r#"), lines as (
             select n.*, attempt.value as attempt, jsonb_build_object('api_key', n.api_key, 'team', n.team,
               'member', n.member, 'api', n.api, 'requested', n.requested, 'route', n.route, 'target', n.target,
               'status', n.status, 'error', n.error, 'cache', n.cache, 'purpose', n.purpose, 'strategy', n.strategy,
               'arm', n.arm, 'attempt_target', attempt.value -> 'target',
               'attempt_error', coalesce(attempt.value ->> 'error', ''), 'left_out', gone.value -> 'target',
               'reason', gone.value -> 'reason') as names
             from newest n left join lateral jsonb_array_elements(case when $23
                 and jsonb_typeof(n.event -> 'attempts') = 'array' then n.event -> 'attempts' else '[]' end) attempt on true
               left join lateral jsonb_array_elements(case when $24 and jsonb_typeof(n.event #> '{decision,out}') = 'array'
                 then n.event #> '{decision,out}' else '[]' end) gone on true
             where (not $23 or attempt.value is not null) and (not $24 or gone.value is not null)
           ) select coalesce(names ->> $25, '') as "first!", coalesce(names ->> $26, '') as "second!",
             count(distinct id) as "requests!", count(distinct id) filter (where status >= 400) as "errors!",
             count(distinct id) filter (where target <> '' and arm <> '' and target <> arm) as "failed_over!",
             sum(coalesce((attempt ->> 'cost_nano_usd')::bigint, cost_nano_usd))::bigint as "cost_nano_usd!",
             sum(saved_nano_usd)::bigint as "saved_nano_usd!",
             percentile_disc(array[0.5, 0.95, 0.99]) within group (order by coalesce((attempt ->> 'ended_ms')::bigint
               - (attempt ->> 'started_ms')::bigint, latency_ms)) as "latency_ms!",
             (select count(*) from newest) as "seen!"
           from lines group by 1, 2 order by 3 desc, 1, 2 limit $27"#,
        grouping.attempts,
        grouping.left_out,
        grouping.by[0],
        grouping.by[1],
        most
    )
    .await?)
}

/// Which requests of a route are looked at: the newest in a range.
#[derive(Debug, Clone, Copy)]
pub struct OfRoute<'r> {
    /// The route's name.
    pub route: &'r str,
    /// Came in at or after this …
    pub from: DateTime<Utc>,
    /// … and before this.
    pub to: DateTime<Utc>,
    /// How many at most.
    pub most: i64,
}

impl OfRoute<'_> {
    fn last_day(&self) -> NaiveDate {
        super::requests::day_after(self.to)
    }
}

/// A number over some requests.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The sample's standard deviation.
    pub deviation: f64,
}

/// Requests whose plan begins with the same target, whatever served them in the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The target.
    pub target: String,
    /// How many requests.
    pub requests: i64,
    /// Those that failed.
    pub errors: i64,
    /// Those that another target served.
    pub failed_over: i64,
    /// The charge.
    pub cost_nano_usd: i64,
    /// The same per request.
    pub cost: Spread,
    /// To the end of the answer, in milliseconds.
    pub latency_ms: Spread,
    /// Its median and 95th percentile.
    pub percentiles_ms: Vec<i64>,
    /// The mean length of the answers, in tokens.
    pub output_tokens: f64,
}

/// The arms of a route, most requests first. What the cache answered went to no arm, and what the gateway made itself
/// is nobody's request.
pub async fn arms(tx: &mut TenantTx, of: OfRoute<'_>) -> Result<Vec<Arm>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with newest as materialized (
             select arm, target, status, cost_nano_usd, latency_ms, output_tokens from usage_events
             where tenant_id = $1 and day >= $2 and day <= $3 and at >= $4 and at < $5 and route = $6
               and adjusts is null and purpose = '' and cache <> 'hit' and arm <> '' order by at desc limit $7
           ) select arm, count(*) as "requests!", count(*) filter (where status >= 400) as "errors!",
             count(*) filter (where target <> '' and target <> arm) as "failed_over!",
             sum(cost_nano_usd)::bigint as "total!", avg(cost_nano_usd)::float8 as "cost!",
             coalesce(stddev_samp(cost_nano_usd), 0)::float8 as "cost_deviation!", avg(latency_ms)::float8 as "latency!",
             coalesce(stddev_samp(latency_ms), 0)::float8 as "latency_deviation!",
             percentile_disc(array[0.5, 0.95]) within group (order by latency_ms) as "percentiles!",
             avg(output_tokens)::float8 as "output!"
           from newest group by arm order by 2 desc, 1"#,
        tenant.0,
        day_before(of.from),
        of.last_day(),
        of.from,
        of.to,
        of.route,
        of.most,
    )
    .fetch_all(&mut **tx)
    .await?;
    let arm = rows.into_iter().map(|row| Arm {
        target: row.arm,
        requests: row.requests,
        errors: row.errors,
        failed_over: row.failed_over,
        cost_nano_usd: row.total,
        cost: Spread { mean: row.cost, deviation: row.cost_deviation },
        latency_ms: Spread { mean: row.latency, deviation: row.latency_deviation },
        percentiles_ms: row.percentiles,
        output_tokens: row.output,
    });
    Ok(arm.collect())
}

/// A side of a comparison: the app's requests, or their copies.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Side {
    /// Those that failed.
    pub errors: i64,
    /// The mean time to the end of the answer, in milliseconds.
    pub latency_ms: f64,
    /// The mean charge.
    pub cost_nano_usd: f64,
    /// The mean length of the answers, in tokens.
    pub output_tokens: f64,
}

/// Requests beside their copies at one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// Where the copies went.
    pub target: String,
    /// How many pairs.
    pub pairs: i64,
    /// The requests.
    pub requests: Side,
    /// The copies.
    pub copies: Side,
    /// The copy less the request, in milliseconds, where both were answered.
    pub latency_ms: Spread,
    /// The same of the charges, in nano-USD.
    pub cost_nano_usd: Spread,
    /// The same of the lengths, in tokens.
    pub output_tokens: Spread,
    /// Pairs of which both were answered.
    pub answered: i64,
}

/// The shadows of a route, most pairs first.
pub async fn shadows(tx: &mut TenantTx, of: OfRoute<'_>) -> Result<Vec<Shadow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with pairs as materialized (
             select s.requested as target, s.status < 400 and o.status < 400 as answered, o.status >= 400 as o_failed,
               s.status >= 400 as s_failed, o.latency_ms as o_latency, s.latency_ms as s_latency,
               o.cost_nano_usd as o_cost, s.cost_nano_usd as s_cost, o.output_tokens as o_output,
               s.output_tokens as s_output
             from usage_events s join usage_events o
               on o.tenant_id = s.tenant_id and o.id = s.beside_request and o.day >= s.day - 1 and o.day <= s.day
             where s.tenant_id = $1 and s.day >= $2 and s.day <= $3 and s.at >= $4 and s.at < $5
               and s.purpose = 'shadow' and s.adjusts is null and o.day >= $2 and o.day <= $3 and o.route = $6
             order by s.at desc limit $7
           ) select target, count(*) as "pairs!", count(*) filter (where answered) as "answered!",
             count(*) filter (where o_failed) as "o_errors!", count(*) filter (where s_failed) as "s_errors!",
             avg(o_latency)::float8 as "o_latency!", avg(s_latency)::float8 as "s_latency!",
             avg(o_cost)::float8 as "o_cost!", avg(s_cost)::float8 as "s_cost!",
             avg(o_output)::float8 as "o_output!", avg(s_output)::float8 as "s_output!",
             coalesce(avg(s_latency - o_latency) filter (where answered), 0)::float8 as "latency!",
             coalesce(stddev_samp(s_latency - o_latency) filter (where answered), 0)::float8 as "latency_deviation!",
             coalesce(avg(s_cost - o_cost) filter (where answered), 0)::float8 as "cost!",
             coalesce(stddev_samp(s_cost - o_cost) filter (where answered), 0)::float8 as "cost_deviation!",
             coalesce(avg(s_output - o_output) filter (where answered), 0)::float8 as "output!",
             coalesce(stddev_samp(s_output - o_output) filter (where answered), 0)::float8 as "output_deviation!"
           from pairs group by target order by 2 desc, 1"#,
        tenant.0,
        day_before(of.from),
        of.last_day(),
        of.from,
        of.to,
        of.route,
        of.most,
    )
    .fetch_all(&mut **tx)
    .await?;
    let shadow = rows.into_iter().map(|row| Shadow {
        target: row.target,
        pairs: row.pairs,
        answered: row.answered,
        requests: Side {
            errors: row.o_errors,
            latency_ms: row.o_latency,
            cost_nano_usd: row.o_cost,
            output_tokens: row.o_output,
        },
        copies: Side {
            errors: row.s_errors,
            latency_ms: row.s_latency,
            cost_nano_usd: row.s_cost,
            output_tokens: row.s_output,
        },
        latency_ms: Spread { mean: row.latency, deviation: row.latency_deviation },
        cost_nano_usd: Spread { mean: row.cost, deviation: row.cost_deviation },
        output_tokens: Spread { mean: row.output, deviation: row.output_deviation },
    });
    Ok(shadow.collect())
}
