//! `/api/v1/requests`.

use super::{Page, PageQuery, Params};
use crate::{
    access::permission::{Permit, of},
    domain::usage::{self, Cursor, NamedRequest, RequestDetail, Search, SummaryGroup},
    error::{ApiError, Problem},
    ids::ApiKeyId,
    state::State,
};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use tollgate_contract::money::NanoUsd;

/// Which requests.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Matching {
    /// `ok` (below 400) or `errors`.
    status: Option<String>,
    /// Asked for this model, named this route or was served by this target.
    model: Option<String>,
    /// With this API key.
    api_key: Option<ApiKeyId>,
    /// Of this team, by id.
    team: Option<String>,
    /// Of this member, by id.
    member: Option<String>,
    /// Over this route, by name.
    route: Option<String>,
    /// Served by this target.
    target: Option<String>,
    /// This target was called, whatever served the request in the end.
    tried: Option<String>,
    /// The strategy that ordered the targets.
    strategy: Option<String>,
    /// `hit`, `miss` or `off`.
    cache: Option<String>,
    /// With this error code.
    error: Option<String>,
    /// `app`: requests of apps; `shadow` or `embedding`: those that the gateway made itself.
    purpose: Option<String>,
    /// Whether another target than the first of the plan served it.
    failed_over: Option<bool>,
    /// Took at least so many milliseconds.
    min_latency_ms: Option<i64>,
    /// Came in at or after this; 30 days ago by default.
    from: Option<DateTime<Utc>>,
    /// Came in before this. A range has at most 366 days.
    to: Option<DateTime<Utc>>,
}

/// Which page of them.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// 1 to 200; 50 by default.
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Exactly this request.
    id: Option<String>,
}

/// What they are counted by.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Grouped {
    /// One or two of route, requested, target, arm (the first target of the plan), strategy, cache, status, error,
    /// purpose, api, api_key, team, separated by a comma; attempt_target, attempt_error: once for each target that was
    /// called; left_out, reason: once for each target that was out of the plan. `target` if absent.
    by: Option<String>,
}

impl From<Matching> for Search {
    fn from(asked: Matching) -> Self {
        Self {
            status: asked.status,
            model: asked.model,
            api_key: asked.api_key,
            team: asked.team,
            member: asked.member,
            route: asked.route,
            target: asked.target,
            tried: asked.tried,
            strategy: asked.strategy,
            cache: asked.cache,
            error: asked.error,
            purpose: asked.purpose,
            failed_over: asked.failed_over,
            min_latency_ms: asked.min_latency_ms,
            from: asked.from,
            to: asked.to,
            ..Self::default()
        }
    }
}

/// A request.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestSummary {
    /// Its id, as apps get it in `x-request-id`.
    id: String,
    /// When it came in.
    at: DateTime<Utc>,
    /// The API key's id.
    api_key: String,
    /// The API key's name.
    api_key_name: String,
    /// The API key's team.
    team: Option<String>,
    /// Whose API key.
    member: Option<String>,
    /// Which API was called.
    api: String,
    /// The `model` as sent.
    requested: String,
    /// The route that it named.
    route: Option<String>,
    /// What served it.
    target: Option<String>,
    /// The HTTP status; 499 if the app left before.
    status: i16,
    /// The error code.
    error: Option<String>,
    /// Whether the answer streamed.
    stream: bool,
    /// To the end of the answer.
    latency_ms: i64,
    /// Tokens of the prompt.
    input_tokens: i64,
    /// Tokens of the answer.
    output_tokens: i64,
    /// The charge as a decimal string, corrections included.
    cost: String,
    /// `USD`.
    currency: String,
    /// `hit`, `miss` or `off`.
    cache: String,
    /// What a cache hit saved, as a decimal string.
    saved: String,
    /// `shadow` or `embedding` if the gateway made it itself.
    purpose: Option<String>,
    /// The strategy that ordered the targets.
    strategy: Option<String>,
    /// The first target of the plan.
    arm: Option<String>,
}

/// A request with all that was reported of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestFull {
    /// In short.
    #[serde(flatten)]
    summary: RequestSummary,
    /// When it was taken in.
    received_at: DateTime<Utc>,
    /// The usage event: attempts, decision, usage, timing.
    event: Value,
    /// Corrections, oldest first: their amounts are differences.
    corrections: Vec<Value>,
}

/// Requests by what they have in common.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestGroups {
    /// What they are grouped by.
    by: Vec<String>,
    /// How many requests were looked at: all that match, or the newest 100,000.
    seen: i64,
    /// At most 1,000 groups, most requests first.
    data: Vec<RequestGroup>,
}

/// Requests that have something in common.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestGroup {
    /// What, by the names in `by`. An empty text: requests without any.
    group: BTreeMap<String, String>,
    /// How many.
    requests: i64,
    /// Those that failed.
    errors: i64,
    /// Those that another target served than the first of the plan.
    failed_over: i64,
    /// The charge as a decimal string, without later corrections; by attempts: theirs.
    cost: String,
    /// What the cache saved, as a decimal string.
    saved: String,
    /// `USD`.
    currency: String,
    /// Half of the requests took at most so many milliseconds; by attempts: half of these.
    p50_ms: i64,
    /// 95 of 100.
    p95_ms: i64,
    /// 99 of 100.
    p99_ms: i64,
}

impl RequestGroup {
    fn of(by: &[&str], SummaryGroup { names, sums }: SummaryGroup) -> Self {
        let latency = |index: usize| sums.latency_ms.get(index).copied().unwrap_or(0);
        Self {
            group: by.iter().map(|name| (*name).to_owned()).zip(names).collect(),
            requests: sums.requests,
            errors: sums.errors,
            failed_over: sums.failed_over,
            cost: NanoUsd::new(sums.cost_nano_usd).to_string(),
            saved: NanoUsd::new(sums.saved_nano_usd).to_string(),
            currency: "USD".to_owned(),
            p50_ms: latency(0),
            p95_ms: latency(1),
            p99_ms: latency(2),
        }
    }
}

impl RequestSummary {
    fn of(request: NamedRequest, cost: NanoUsd) -> Self {
        let NamedRequest { row, api_key_name, .. } = request;
        let some = |text: String| (!text.is_empty()).then_some(text);
        Self {
            id: row.id,
            at: row.at,
            api_key: row.api_key,
            api_key_name,
            team: some(row.team),
            member: some(row.member),
            api: row.api,
            requested: row.requested,
            route: some(row.route),
            target: some(row.target),
            status: row.status,
            error: row.error,
            stream: row.stream,
            latency_ms: row.latency_ms,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            cost: cost.to_string(),
            currency: "USD".to_owned(),
            cache: row.cache,
            saved: NanoUsd::new(row.saved_nano_usd).to_string(),
            purpose: some(row.purpose),
            strategy: some(row.strategy),
            arm: some(row.arm),
        }
    }
}

impl From<RequestDetail> for RequestFull {
    fn from(detail: RequestDetail) -> Self {
        Self {
            summary: RequestSummary::of(detail.request, detail.cost),
            received_at: detail.received_at,
            event: detail.event,
            corrections: detail.corrections,
        }
    }
}

/// Lists requests, newest first.
#[utoipa::path(tag = "Requests", params(Matching, Paging), security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Page<RequestSummary>), (status = 422, body = Problem)))]
#[get("/api/v1/requests")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
    Params(matching, paging): Params<Matching, Paging>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: paging.limit, after: paging.after };
    let limit = page.limit()?;
    let search = Search {
        id: paging.id,
        after: page.after::<Cursor>()?,
        limit: limit + 1,
        ..Search::from(matching)
    };
    let rows = usage::requests(&state, &permit.actor, search).await?;
    let Page { data, next } = Page::new(rows, limit, |request| Cursor::of(request).to_string());
    let summary = |request: NamedRequest| {
        let cost = NanoUsd::new(request.row.cost_nano_usd);
        RequestSummary::of(request, cost)
    };
    Ok(HttpResponse::Ok().json(Page { data: data.into_iter().map(summary).collect(), next }))
}

/// Counts requests by what was decided and what became of it. Only the newest 100,000 that match are looked at.
#[utoipa::path(tag = "Requests", params(Matching, Grouped), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = RequestGroups), (status = 422, body = Problem)))]
#[get("/api/v1/requests/summary")]
pub async fn grouped(
    permit: Permit<of::See>,
    state: web::Data<State>,
    Params(matching, grouped): Params<Matching, Grouped>,
) -> Result<HttpResponse, ApiError> {
    let by = grouped.by.unwrap_or_else(|| "target".to_owned());
    let by: Vec<String> = by.split(',').map(|name| name.trim().to_owned()).collect();
    let found = usage::summary(&state, &permit.actor, &by, matching.into()).await?;
    let data = found.groups.into_iter().map(|group| RequestGroup::of(&found.by, group)).collect();
    let by = found.by.iter().map(|name| (*name).to_owned()).collect();
    Ok(HttpResponse::Ok().json(RequestGroups { by, seen: found.seen, data }))
}

/// One request with its attempts, its decision and its corrections.
#[utoipa::path(tag = "Requests", params(("id" = String, Path, description = "The request's id")),
    security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = RequestFull), (status = 404, body = Problem)))]
#[get("/api/v1/requests/{id}")]
pub async fn get_one(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let detail = usage::request(&state, &permit.actor, &id).await?;
    Ok(HttpResponse::Ok().json(RequestFull::from(detail)))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, grouped, get_one))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(grouped).service(get_one);
}
