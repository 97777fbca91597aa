//! `/api/v1/routes`.

use super::{Body, IfMatch, with_etag};
use crate::{
    access::permission::{Permit, of},
    domain::routes,
    error::{ApiError, Problem},
    ids::RouteId,
    state::State,
    store::routes::RouteRow,
};
use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A route: `[routes.NAME]` of the config document under its name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Route {
    id: RouteId,
    name: String,
    /// `[routes.NAME]` of the config document as JSON.
    spec: Value,
    created_at: DateTime<Utc>,
}

/// What to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoute {
    /// 1 to 64 characters, unique in the tenant.
    pub name: String,
    /// `[routes.NAME]` of the config document as JSON.
    pub spec: Value,
}

/// What to change it to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedRoute {
    /// `[routes.NAME]` of the config document as JSON.
    pub spec: Value,
}

/// The id of what was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RouteCreated {
    id: RouteId,
}

/// All of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Routes {
    data: Vec<Route>,
}

impl From<RouteRow> for Route {
    fn from(row: RouteRow) -> Self {
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
#[utoipa::path(tag = "Routes", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Routes)))]
#[get("/api/v1/routes")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let rows = routes::list(&state, &permit.actor).await?;
    Ok(HttpResponse::Ok().json(Routes { data: rows.into_iter().map(Route::from).collect() }))
}

/// Makes a route.
#[utoipa::path(tag = "Routes", request_body = NewRoute, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 201, body = RouteCreated), (status = 422, body = Problem)))]
#[post("/api/v1/routes")]
pub async fn create(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    body: Body<NewRoute>,
) -> Result<HttpResponse, ApiError> {
    let id =
        routes::create(&state, &permit.actor, &body.0.name, body.0.spec).await.map_err(in_spec)?;
    Ok(HttpResponse::Created().json(RouteCreated { id }))
}

/// One route.
#[utoipa::path(tag = "Routes", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Route), (status = 404, body = Problem)))]
#[get("/api/v1/routes/{id}")]
pub async fn get(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<RouteId>,
) -> Result<HttpResponse, ApiError> {
    let row = routes::get(&state, &permit.actor, *id).await?;
    let version = row.version;
    Ok(with_etag(&Route::from(row), version))
}

/// Replaces the spec of a route; send its ETag in If-Match.
#[utoipa::path(tag = "Routes", params(("id" = String, Path), ("if-match" = String, Header)),
    request_body = ChangedRoute, security(("bearer" = [])), extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 412, body = Problem), (status = 422, body = Problem)))]
#[put("/api/v1/routes/{id}")]
pub async fn change(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<RouteId>,
    version: IfMatch,
    body: Body<ChangedRoute>,
) -> Result<HttpResponse, ApiError> {
    routes::change(&state, &permit.actor, *id, version.0, body.0.spec).await.map_err(in_spec)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a route; refused while something refers to it.
#[utoipa::path(tag = "Routes", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/routes/{id}")]
pub async fn remove(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<RouteId>,
) -> Result<HttpResponse, ApiError> {
    routes::delete(&state, &permit.actor, *id).await?;
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
