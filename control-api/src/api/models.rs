//! `/api/v1/models`: what a tenant knows of models beyond the catalog.

use super::Body;
use crate::{
    access::permission::{Permit, of},
    domain::models,
    error::{ApiError, Problem},
    state::State,
};
use actix_web::{HttpResponse, delete, get, put, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A model's facts where they differ from the catalog's.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The target: `provider/upstream-model`.
    pub name: String,
    /// `[models."provider/model"]` of the config document as JSON.
    pub spec: Value,
}

/// All of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Models {
    data: Vec<Model>,
}

/// Which model.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ModelQuery {
    /// The target: `provider/upstream-model`.
    name: String,
}

/// Lists models by name.
#[utoipa::path(tag = "Models", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Models)))]
#[get("/api/v1/models")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let rows = models::list(&state, &permit.actor).await?;
    let data = rows.into_iter().map(|row| Model { name: row.name, spec: row.spec }).collect();
    Ok(HttpResponse::Ok().json(Models { data }))
}

/// Sets a model's facts: price, context window, capabilities.
#[utoipa::path(tag = "Models", request_body = Model, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 422, body = Problem)))]
#[put("/api/v1/models")]
pub async fn set(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    body: Body<Model>,
) -> Result<HttpResponse, ApiError> {
    models::set(&state, &permit.actor, &body.0.name, body.0.spec).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Forgets a model's facts: the catalog's count again.
#[utoipa::path(tag = "Models", params(ModelQuery), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/models")]
pub async fn remove(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    query: web::Query<ModelQuery>,
) -> Result<HttpResponse, ApiError> {
    models::delete(&state, &permit.actor, &query.name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, set, remove))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(set).service(remove);
}
