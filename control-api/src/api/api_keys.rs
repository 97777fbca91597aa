//! `/api/v1/api-keys`.

use super::{Body, IfMatch, Page, PageQuery, with_etag};
use crate::{
    access::permission::{Permit, of},
    domain::api_keys::{self, Minted, Wishes},
    error::{ApiError, Problem},
    ids::{ApiKeyId, MemberId, TeamId},
    state::State,
    store::api_keys::{ApiKeyRow, Filter},
};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An API key. The key itself is shown once, when it is made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ApiKey {
    id: ApiKeyId,
    name: String,
    /// Its last four characters.
    last4: String,
    team_id: Option<TeamId>,
    member_id: Option<MemberId>,
    /// Names and targets that it may use, as globs.
    models: Vec<String>,
    limits: Limits,
    expires_at: Option<DateTime<Utc>>,
    /// The key that it replaces.
    rotated_from: Option<ApiKeyId>,
    created_by: String,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

/// Limits of a key; what is absent is unlimited.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests per minute.
    pub requests_per_minute: Option<i64>,
    /// Tokens per minute.
    pub tokens_per_minute: Option<i64>,
    /// Requests under way at once.
    pub concurrent: Option<i64>,
}

/// What to make, or what to change it to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeySettings {
    /// Unique among the living keys of the tenant; 1 to 64 characters.
    pub name: String,
    /// The team whose budgets count.
    pub team_id: Option<TeamId>,
    /// Routes, targets and globs that it may use; all by default.
    #[serde(default)]
    pub models: Vec<String>,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A new key, with the secret that is never shown again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NewApiKey {
    id: ApiKeyId,
    /// The key: `tgk_…`.
    key: String,
}

/// How long the old key lives on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// 0 to 2592000 (30 days); 86400 by default.
    #[serde(default = "a_day")]
    pub overlap_seconds: i64,
}

const fn a_day() -> i64 {
    86_400
}

impl From<ApiKeySettings> for Wishes {
    fn from(settings: ApiKeySettings) -> Self {
        Self {
            name: settings.name,
            team: settings.team_id,
            models: settings.models,
            requests_per_minute: settings.limits.requests_per_minute,
            tokens_per_minute: settings.limits.tokens_per_minute,
            concurrent: settings.limits.concurrent,
            expires_at: settings.expires_at,
        }
    }
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            last4: row.last4,
            team_id: row.team_id.map(Into::into),
            member_id: row.member_id.map(Into::into),
            models: row.models,
            limits: Limits {
                requests_per_minute: row.requests_per_minute,
                tokens_per_minute: row.tokens_per_minute,
                concurrent: row.concurrent,
            },
            expires_at: row.expires_at,
            rotated_from: row.rotated_from.map(Into::into),
            created_by: row.created_by,
            created_at: row.created_at,
            revoked_at: row.revoked_at,
        }
    }
}

fn minted(minted: &Minted) -> HttpResponse {
    HttpResponse::Created()
        .json(NewApiKey { id: minted.id, key: minted.secret.expose().to_owned() })
}

/// Filters of the list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub struct Search {
    /// 1 to 200; 50 by default.
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Part of the name, or the last four characters.
    search: Option<String>,
    /// `living` (default) or `all`.
    status: Option<String>,
}

/// Lists API keys, newest first: a member's own, an admin's all.
#[utoipa::path(tag = "API keys", params(Search), security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Page<ApiKey>), (status = 401, body = Problem)))]
#[get("/api/v1/api-keys")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
    query: web::Query<Search>,
) -> Result<HttpResponse, ApiError> {
    let page = PageQuery { limit: query.limit, after: query.after.clone() };
    let limit = page.limit()?;
    let filter = Filter {
        search: query.search.clone().unwrap_or_default(),
        member: None,
        with_dead: query.status.as_deref() == Some("all"),
        before: page.after()?,
        limit: limit + 1,
    };
    let rows = api_keys::list(&state, &permit.actor, filter).await?;
    let keys = rows.into_iter().map(ApiKey::from).collect();
    Ok(HttpResponse::Ok().json(Page::new(keys, limit, |key: &ApiKey| key.id.to_string())))
}

/// Makes an API key. It is shown in this answer and never again.
#[utoipa::path(tag = "API keys", request_body = ApiKeySettings, security(("bearer" = [])),
    extensions(("x-permission" = json!("use_keys"))),
    responses((status = 201, body = NewApiKey), (status = 422, body = Problem)))]
#[post("/api/v1/api-keys")]
pub async fn create(
    permit: Permit<of::UseKeys>,
    state: web::Data<State>,
    body: Body<ApiKeySettings>,
) -> Result<HttpResponse, ApiError> {
    Ok(minted(&api_keys::create(&state, &permit.actor, body.0.into()).await?))
}

/// One API key.
#[utoipa::path(tag = "API keys", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = ApiKey), (status = 404, body = Problem)))]
#[get("/api/v1/api-keys/{id}")]
pub async fn get(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let row = api_keys::get(&state, &permit.actor, *id).await?;
    let version = row.version;
    Ok(with_etag(&ApiKey::from(row), version))
}

/// Changes an API key; send its ETag in If-Match.
#[utoipa::path(tag = "API keys", params(("id" = String, Path), ("if-match" = String, Header)),
    request_body = ApiKeySettings, security(("bearer" = [])), extensions(("x-permission" = json!("use_keys"))),
    responses((status = 204), (status = 412, body = Problem), (status = 422, body = Problem)))]
#[patch("/api/v1/api-keys/{id}")]
pub async fn change(
    permit: Permit<of::UseKeys>,
    state: web::Data<State>,
    id: web::Path<ApiKeyId>,
    version: IfMatch,
    body: Body<ApiKeySettings>,
) -> Result<HttpResponse, ApiError> {
    api_keys::change(&state, &permit.actor, *id, version.0, body.0.into()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a successor with the same rights; the old key lives on for the overlap.
#[utoipa::path(tag = "API keys", params(("id" = String, Path)), request_body = Rotation, security(("bearer" = [])),
    extensions(("x-permission" = json!("use_keys"))),
    responses((status = 201, body = NewApiKey), (status = 404, body = Problem)))]
#[post("/api/v1/api-keys/{id}/rotate")]
pub async fn rotate(
    permit: Permit<of::UseKeys>,
    state: web::Data<State>,
    id: web::Path<ApiKeyId>,
    body: Body<Rotation>,
) -> Result<HttpResponse, ApiError> {
    let overlap = chrono::Duration::try_seconds(body.0.overlap_seconds)
        .ok_or_else(|| ApiError::invalid("/overlap_seconds", "must be 0 to 2592000 (30 days)"))?;
    Ok(minted(&api_keys::rotate(&state, &permit.actor, *id, overlap).await?))
}

/// Revokes an API key: gateways refuse it within 2 seconds.
#[utoipa::path(tag = "API keys", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("use_keys"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/api-keys/{id}")]
pub async fn revoke(
    permit: Permit<of::UseKeys>,
    state: web::Data<State>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    api_keys::revoke(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, create, get, change, rotate, revoke))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(create)
        .service(rotate)
        .service(get)
        .service(change)
        .service(revoke);
}
