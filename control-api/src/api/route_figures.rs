//! `/api/v1/routes/{id}/arms` and `/shadows`: how the choices of a route did, with what the numbers are worth.

use crate::{
    access::permission::{Permit, of},
    domain::usage::{self, RouteFigures},
    error::{ApiError, Problem},
    ids::RouteId,
    state::State,
    store::usage::decisions::{Arm, Shadow, Side, Spread},
};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tollgate_contract::{interval::Interval, money::NanoUsd};

/// Over which time.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Range {
    /// Came in at or after this; 24 hours before `to` by default.
    from: Option<DateTime<Utc>>,
    /// Came in before this; now by default. A range has at most 366 days.
    to: Option<DateTime<Utc>>,
}

/// A share or a mean with its 95% interval.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Estimate {
    /// What was seen.
    value: f64,
    /// The interval's lower end; null where there are too few requests to tell.
    low: Option<f64>,
    /// Its upper end.
    high: Option<f64>,
}

/// An amount of money with its 95% interval, as decimal strings in USD.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MoneyEstimate {
    /// The mean.
    value: String,
    /// The interval's lower end; null where there are too few requests to tell.
    low: Option<String>,
    /// Its upper end.
    high: Option<String>,
}

/// How the arms of a route did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Arms {
    /// From here …
    from: DateTime<Utc>,
    /// … to here.
    to: DateTime<Utc>,
    /// Requests of all arms: those of the range, or its newest 100,000. Without what the cache answered.
    requests: i64,
    /// Most requests first.
    data: Vec<RouteArm>,
}

/// The requests of a route whose plan began with the same target. What it failed at and others served counts here, so
/// arms compare as they were drawn.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RouteArm {
    /// The target.
    target: String,
    /// How many.
    requests: i64,
    /// Their share of the route's requests (Wilson's interval).
    share: Estimate,
    /// Those that failed.
    errors: i64,
    /// Their share of the arm's requests (Wilson's interval).
    error_rate: Estimate,
    /// Those that another target served.
    failed_over: i64,
    /// Their share of the arm's requests (Wilson's interval).
    failover_rate: Estimate,
    /// The charge as a decimal string, without later corrections.
    cost: String,
    /// The same per request.
    cost_per_request: MoneyEstimate,
    /// `USD`.
    currency: String,
    /// The mean time to the end of the answer, in milliseconds.
    latency_ms: Estimate,
    /// Half of the requests took at most so many milliseconds.
    p50_ms: i64,
    /// 95 of 100.
    p95_ms: i64,
    /// The mean length of the answers, in tokens.
    output_tokens: f64,
}

/// How copies of a route's requests did beside them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Shadows {
    /// From here …
    from: DateTime<Utc>,
    /// … to here.
    to: DateTime<Utc>,
    /// By the target of the copies, most pairs first.
    data: Vec<RouteShadow>,
}

/// Requests beside their copies at one target.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RouteShadow {
    /// Where the copies went.
    target: String,
    /// How many pairs: those of the range, or its newest 100,000.
    pairs: i64,
    /// The requests.
    requests: ComparedSide,
    /// The copies.
    copies: ComparedSide,
    /// The copy less the request, on average, where both were answered.
    difference: Difference,
}

/// One side of a comparison.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ComparedSide {
    /// Those that failed.
    errors: i64,
    /// Their share (Wilson's interval).
    error_rate: Estimate,
    /// The mean time to the end of the answer, in milliseconds.
    latency_ms: f64,
    /// The mean charge as a decimal string, in USD.
    cost: String,
    /// The mean length of the answers, in tokens.
    output_tokens: f64,
}

/// Copies less requests. An interval that has no zero in it is a difference that chance does not explain.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Difference {
    /// Pairs of which both were answered.
    pairs: i64,
    /// In milliseconds.
    latency_ms: Estimate,
    /// In USD.
    cost: MoneyEstimate,
    /// In tokens.
    output_tokens: Estimate,
}

impl Estimate {
    fn share(hits: i64, of: i64) -> Self {
        match Interval::share(hits as f64, of as f64) {
            Some(Interval { value, low, high }) => Self { value, low: Some(low), high: Some(high) },
            None => Self { value: 0.0, low: None, high: None },
        }
    }

    fn mean(spread: Spread, count: i64) -> Self {
        let interval = Interval::mean(spread.mean, spread.deviation, count as f64);
        Self {
            value: spread.mean,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        }
    }
}

impl MoneyEstimate {
    fn mean(spread: Spread, count: i64) -> Self {
        let Estimate { value, low, high } = Estimate::mean(spread, count);
        Self { value: usd(value), low: low.map(usd), high: high.map(usd) }
    }
}

/// Nano-USD, rounded, as a decimal string.
fn usd(nanos: f64) -> String {
    NanoUsd::new(nanos.round() as i64).to_string()
}

impl RouteArm {
    fn of(arm: Arm, all: i64) -> Self {
        let percentile = |index: usize| arm.percentiles_ms.get(index).copied().unwrap_or(0);
        Self {
            requests: arm.requests,
            share: Estimate::share(arm.requests, all),
            errors: arm.errors,
            error_rate: Estimate::share(arm.errors, arm.requests),
            failed_over: arm.failed_over,
            failover_rate: Estimate::share(arm.failed_over, arm.requests),
            cost: NanoUsd::new(arm.cost_nano_usd).to_string(),
            cost_per_request: MoneyEstimate::mean(arm.cost, arm.requests),
            currency: "USD".to_owned(),
            latency_ms: Estimate::mean(arm.latency_ms, arm.requests),
            p50_ms: percentile(0),
            p95_ms: percentile(1),
            output_tokens: arm.output_tokens,
            target: arm.target,
        }
    }
}

impl ComparedSide {
    fn of(side: Side, pairs: i64) -> Self {
        Self {
            errors: side.errors,
            error_rate: Estimate::share(side.errors, pairs),
            latency_ms: side.latency_ms,
            cost: usd(side.cost_nano_usd),
            output_tokens: side.output_tokens,
        }
    }
}

impl From<Shadow> for RouteShadow {
    fn from(shadow: Shadow) -> Self {
        Self {
            target: shadow.target,
            pairs: shadow.pairs,
            requests: ComparedSide::of(shadow.requests, shadow.pairs),
            copies: ComparedSide::of(shadow.copies, shadow.pairs),
            difference: Difference {
                pairs: shadow.answered,
                latency_ms: Estimate::mean(shadow.latency_ms, shadow.answered),
                cost: MoneyEstimate::mean(shadow.cost_nano_usd, shadow.answered),
                output_tokens: Estimate::mean(shadow.output_tokens, shadow.answered),
            },
        }
    }
}

/// How the arms of a route did: volume, cost, latency and errors, with confidence intervals.
#[utoipa::path(tag = "Routes", params(("id" = String, Path), Range), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Arms), (status = 404, body = Problem), (status = 422, body = Problem)))]
#[get("/api/v1/routes/{id}/arms")]
pub async fn arms(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<RouteId>,
    range: web::Query<Range>,
) -> Result<HttpResponse, ApiError> {
    let RouteFigures { from, to, figures } =
        usage::arms(&state, &permit.actor, *id, (range.from, range.to)).await?;
    let requests = figures.iter().map(|arm| arm.requests).sum();
    let data = figures.into_iter().map(|arm| RouteArm::of(arm, requests)).collect();
    Ok(HttpResponse::Ok().json(Arms { from, to, requests, data }))
}

/// How copies of a route's requests (`shadow`) did beside them.
#[utoipa::path(tag = "Routes", params(("id" = String, Path), Range), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Shadows), (status = 404, body = Problem), (status = 422, body = Problem)))]
#[get("/api/v1/routes/{id}/shadows")]
pub async fn shadows(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<RouteId>,
    range: web::Query<Range>,
) -> Result<HttpResponse, ApiError> {
    let RouteFigures { from, to, figures } =
        usage::shadows(&state, &permit.actor, *id, (range.from, range.to)).await?;
    let data = figures.into_iter().map(RouteShadow::from).collect();
    Ok(HttpResponse::Ok().json(Shadows { from, to, data }))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(arms, shadows))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(arms).service(shadows);
}
