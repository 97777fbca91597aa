//! `/api/v1/providers`.

use super::{Body, IfMatch, with_etag};
use crate::{
    access::permission::{Permit, of},
    domain::providers,
    error::{ApiError, Problem},
    ids::ProviderId,
    state::State,
    store::providers::ProviderRow,
};
use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A provider: `[providers.NAME]`, less `keys`, of the config document under its name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Provider {
    id: ProviderId,
    name: String,
    /// `[providers.NAME]`, less `keys`, of the config document as JSON.
    spec: Value,
    created_at: DateTime<Utc>,
}

/// What to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    /// 1 to 64 characters, unique in the tenant.
    pub name: String,
    /// `[providers.NAME]`, less `keys`, of the config document as JSON.
    pub spec: Value,
}

/// What to change it to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedProvider {
    /// `[providers.NAME]`, less `keys`, of the config document as JSON.
    pub spec: Value,
}

/// The id of what was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProviderCreated {
    id: ProviderId,
}

/// All of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Providers {
    data: Vec<Provider>,
}

impl From<ProviderRow> for Provider {
    fn from(row: ProviderRow) -> Self {
        Self { id: row.id.into(), name: row.name, spec: row.spec, created_at: row.created_at }
    }
}

/// Pointers of the domain are into the spec.
fn in_spec(error: ApiError) -> ApiError {
    let moved = |mut error: crate::error::FieldError| {
        if error.pointer != "/name" {
            error.pointer = format!("/spec{}", error.pointer);
        }
        error
    };
    match error {
        ApiError::Invalid(errors) => ApiError::Invalid(errors.into_iter().map(moved).collect()),
        ApiError::Malformed(error) => ApiError::Malformed(moved(error)),
        other => other,
    }
}

/// Lists them by name.
#[utoipa::path(tag = "Providers", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Providers)))]
#[get("/api/v1/providers")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let rows = providers::list(&state, &permit.actor).await?;
    Ok(HttpResponse::Ok().json(Providers { data: rows.into_iter().map(Provider::from).collect() }))
}

/// Makes a provider.
#[utoipa::path(tag = "Providers", request_body = NewProvider, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 201, body = ProviderCreated), (status = 422, body = Problem)))]
#[post("/api/v1/providers")]
pub async fn create(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    body: Body<NewProvider>,
) -> Result<HttpResponse, ApiError> {
    let id = providers::create(&state, &permit.actor, &body.0.name, body.0.spec)
        .await
        .map_err(in_spec)?;
    Ok(HttpResponse::Created().json(ProviderCreated { id }))
}

/// One provider.
#[utoipa::path(tag = "Providers", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Provider), (status = 404, body = Problem)))]
#[get("/api/v1/providers/{id}")]
pub async fn get(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<ProviderId>,
) -> Result<HttpResponse, ApiError> {
    let row = providers::get(&state, &permit.actor, *id).await?;
    let version = row.version;
    Ok(with_etag(&Provider::from(row), version))
}

/// Replaces the spec of a provider; send its ETag in If-Match.
#[utoipa::path(tag = "Providers", params(("id" = String, Path), ("if-match" = String, Header)),
    request_body = ChangedProvider, security(("bearer" = [])), extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 412, body = Problem), (status = 422, body = Problem)))]
#[put("/api/v1/providers/{id}")]
pub async fn change(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<ProviderId>,
    version: IfMatch,
    body: Body<ChangedProvider>,
) -> Result<HttpResponse, ApiError> {
    providers::change(&state, &permit.actor, *id, version.0, body.0.spec).await.map_err(in_spec)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a provider; refused while something refers to it.
#[utoipa::path(tag = "Providers", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/providers/{id}")]
pub async fn remove(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<ProviderId>,
) -> Result<HttpResponse, ApiError> {
    providers::delete(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, create, get, change, remove))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(create).service(get).service(change).service(remove);
}
