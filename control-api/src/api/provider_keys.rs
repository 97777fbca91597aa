//! `/api/v1/provider-keys`. A secret comes in and never goes out.

use super::Body;
use crate::{
    access::permission::{Permit, of},
    domain::{
        apply::SecretText,
        provider_keys::{self, TestResult},
    },
    error::{ApiError, Problem},
    ids::{ProviderId, ProviderKeyId},
    state::State,
    store::provider_keys::ProviderKeyRow,
};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A provider key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProviderKey {
    id: ProviderKeyId,
    provider_id: ProviderId,
    /// Stands for the secret: the same for the same secret, and tells nothing of it.
    fingerprint: String,
    weight: i32,
    created_by: String,
    created_at: DateTime<Utc>,
    tested_at: Option<DateTime<Utc>>,
    test: Option<TestResult>,
}

/// What to add.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProviderKey {
    /// Which provider's.
    pub provider_id: ProviderId,
    /// The key as the provider gave it.
    #[schema(value_type = String, write_only)]
    pub secret: SecretText,
    /// Its share of the provider's traffic; 1 by default.
    #[serde(default = "one")]
    pub weight: i32,
}

/// What to change.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// 1 to 1000000.
    pub weight: i32,
}

/// The id of what was added.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProviderKeyCreated {
    id: ProviderKeyId,
}

/// All of them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProviderKeys {
    data: Vec<ProviderKey>,
}

const fn one() -> i32 {
    1
}

impl From<ProviderKeyRow> for ProviderKey {
    fn from(row: ProviderKeyRow) -> Self {
        Self {
            id: row.id.into(),
            provider_id: row.provider_id.into(),
            fingerprint: row.fingerprint,
            weight: row.weight,
            created_by: row.created_by,
            created_at: row.created_at,
            tested_at: row.tested_at,
            test: row.test.and_then(|result| serde_json::from_value(result).ok()),
        }
    }
}

/// Lists provider keys, without their secrets.
#[utoipa::path(tag = "Provider keys", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = ProviderKeys)))]
#[get("/api/v1/provider-keys")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let rows = provider_keys::list(&state, &permit.actor).await?;
    Ok(HttpResponse::Ok()
        .json(ProviderKeys { data: rows.into_iter().map(ProviderKey::from).collect() }))
}

/// Adds a provider key. It is sealed at once and never shown again.
#[utoipa::path(tag = "Provider keys", request_body = NewProviderKey, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 201, body = ProviderKeyCreated), (status = 422, body = Problem)))]
#[post("/api/v1/provider-keys")]
pub async fn create(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    body: Body<NewProviderKey>,
) -> Result<HttpResponse, ApiError> {
    let new = body.0;
    let id =
        provider_keys::create(&state, &permit.actor, new.provider_id, &new.secret.0, new.weight)
            .await?;
    Ok(HttpResponse::Created().json(ProviderKeyCreated { id }))
}

/// One provider key, without its secret.
#[utoipa::path(tag = "Provider keys", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = ProviderKey), (status = 404, body = Problem)))]
#[get("/api/v1/provider-keys/{id}")]
pub async fn get(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok()
        .json(ProviderKey::from(provider_keys::get(&state, &permit.actor, *id).await?)))
}

/// Changes a key's share of its provider's traffic.
#[utoipa::path(tag = "Provider keys", params(("id" = String, Path)), request_body = Weight, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 422, body = Problem)))]
#[patch("/api/v1/provider-keys/{id}")]
pub async fn change(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<ProviderKeyId>,
    body: Body<Weight>,
) -> Result<HttpResponse, ApiError> {
    provider_keys::set_weight(&state, &permit.actor, *id, body.0.weight).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Asks the provider for its models with the key, and tells what came of it.
#[utoipa::path(tag = "Provider keys", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 200, body = TestResult), (status = 404, body = Problem)))]
#[post("/api/v1/provider-keys/{id}/test")]
pub async fn test(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(provider_keys::test(&state, &permit.actor, *id).await?))
}

/// Destroys a provider key: the sealed secret is overwritten.
#[utoipa::path(tag = "Provider keys", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_routing"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/provider-keys/{id}")]
pub async fn destroy(
    permit: Permit<of::ManageRouting>,
    state: web::Data<State>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, ApiError> {
    provider_keys::destroy(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, create, get, change, test, destroy))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(create)
        .service(test)
        .service(get)
        .service(change)
        .service(destroy);
}
