//! `/api/v1/requests`.

use super::{Page, PageQuery};
use crate::{
    access::permission::{Permit, of},
    domain::usage::{self, Cursor, NamedRequest, RequestDetail, Search},
    error::{ApiError, Problem},
    ids::ApiKeyId,
    state::State,
};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_contract::money::NanoUsd;

/// Filters.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ask {
    /// 1 to 200; 50 by default.
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Exactly this request.
    id: Option<String>,
    /// `ok` (below 400) or `errors`.
    status: Option<String>,
    /// Asked for this model, named this route or was served by this target.
    model: Option<String>,
    /// With this API key.
    api_key: Option<ApiKeyId>,
    /// Came in at or after this; 30 days ago by default.
    from: Option<DateTime<Utc>>,
    /// Came in before this. A range has at most 366 days.
    to: Option<DateTime<Utc>>,
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
#[utoipa::path(tag = "Requests", params(Ask), security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Page<RequestSummary>), (status = 422, body = Problem)))]
#[get("/api/v1/requests")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
    ask: web::Query<Ask>,
) -> Result<HttpResponse, ApiError> {
    let ask = ask.into_inner();
    let page = PageQuery { limit: ask.limit, after: ask.after };
    let limit = page.limit()?;
    let search = Search {
        id: ask.id,
        status: ask.status,
        model: ask.model,
        api_key: ask.api_key,
        from: ask.from,
        to: ask.to,
        after: page.after::<Cursor>()?,
        limit: limit + 1,
    };
    let rows = usage::requests(&state, &permit.actor, search).await?;
    let Page { data, next } = Page::new(rows, limit, |request| Cursor::of(request).to_string());
    let summary = |request: NamedRequest| {
        let cost = NanoUsd::new(request.row.cost_nano_usd);
        RequestSummary::of(request, cost)
    };
    Ok(HttpResponse::Ok().json(Page { data: data.into_iter().map(summary).collect(), next }))
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
#[openapi(paths(list, get_one))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(get_one);
}
