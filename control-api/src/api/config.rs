//! `/api/v1/config`: a tenant's configuration as a config document.

use super::Body;
use crate::{
    access::permission::{Permit, of},
    domain::apply::{self, Application},
    error::{ApiError, Problem},
    state::State,
};
use actix_web::{HttpResponse, get, put, web};
use serde::Serialize;

/// What was changed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Changes {
    /// One line each; empty: nothing had to be done.
    changes: Vec<String>,
}

/// The tenant's configuration as a config document (TOML), with references to the sealed provider keys.
#[utoipa::path(tag = "Config", security(("bearer" = [])), extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 200, body = String, content_type = "application/toml")))]
#[get("/api/v1/config")]
pub async fn export(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let text = apply::export(&state, &permit.actor).await?;
    Ok(HttpResponse::Ok().content_type("application/toml").body(text))
}

/// Makes the tenant's configuration what a config document says, in one step or not at all.
#[utoipa::path(tag = "Config", request_body = Application, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 200, body = Changes), (status = 422, body = Problem)))]
#[put("/api/v1/config")]
pub async fn apply_document(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    body: Body<Application>,
) -> Result<HttpResponse, ApiError> {
    let changes = apply::apply(&state, &permit.actor, &body.0).await?;
    Ok(HttpResponse::Ok().json(Changes { changes }))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(export, apply_document))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(export).service(apply_document);
}
