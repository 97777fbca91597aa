//! `/api/v1/management-tokens`: what machines call this API with.

use super::{Body, Page, PageQuery};
use crate::{
    access::{
        Role,
        permission::{Permit, of},
    },
    domain::management_tokens,
    error::{ApiError, Problem},
    ids::ManagementTokenId,
    state::State,
    store::tokens::ManagementTokenRow,
};
use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A management token. The token itself is shown once, when it is made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ManagementToken {
    id: ManagementTokenId,
    name: String,
    /// Its last four characters.
    last4: String,
    /// What it may do.
    role: Role,
    expires_at: DateTime<Utc>,
    created_by: String,
    created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    last_used_at: Option<DateTime<Utc>>,
}

/// What to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagementTokenSettings {
    /// What it is for; 1 to 64 characters.
    pub name: String,
    /// At most the caller's own.
    pub role: Role,
    /// At most 3650 days from now.
    pub expires_at: DateTime<Utc>,
}

/// A new token, with the secret that is never shown again.
#[derive(Serialize, utoipa::ToSchema)]
pub struct NewManagementToken {
    id: ManagementTokenId,
    /// The token: `tgm_…`.
    token: String,
}

impl std::fmt::Debug for NewManagementToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewManagementToken").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TryFrom<ManagementTokenRow> for ManagementToken {
    type Error = ApiError;

    fn try_from(row: ManagementTokenRow) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            last4: row.last4,
            role: Role::from_name(&row.role)
                .ok_or_else(|| ApiError::internal("an unknown role"))?,
            expires_at: row.expires_at,
            created_by: row.created_by,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
    }
}

/// Lists the management tokens that are not revoked, newest first.
#[utoipa::path(tag = "Management tokens", params(PageQuery), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_tenant"))),
    responses((status = 200, body = Page<ManagementToken>), (status = 403, body = Problem)))]
#[get("/api/v1/management-tokens")]
pub async fn list(
    permit: Permit<of::ManageTenant>,
    state: web::Data<State>,
    page: web::Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit()?;
    let rows = management_tokens::list(&state, &permit.actor, page.after()?, limit).await?;
    let all = rows.into_iter().map(ManagementToken::try_from).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok()
        .json(Page::new(all, limit, |token: &ManagementToken| token.id.to_string())))
}

/// Makes a management token. It is shown in this answer and never again.
#[utoipa::path(tag = "Management tokens", request_body = ManagementTokenSettings, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_tenant"))),
    responses((status = 201, body = NewManagementToken), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
#[post("/api/v1/management-tokens")]
pub async fn create(
    permit: Permit<of::ManageTenant>,
    state: web::Data<State>,
    body: Body<ManagementTokenSettings>,
) -> Result<HttpResponse, ApiError> {
    let ManagementTokenSettings { name, role, expires_at } = body.0;
    let minted =
        management_tokens::create(&state.db, &permit.actor, &name, role, expires_at).await?;
    let answer = NewManagementToken { id: minted.id, token: minted.secret.expose().to_owned() };
    Ok(HttpResponse::Created().json(answer))
}

/// Revokes a management token at once.
#[utoipa::path(tag = "Management tokens", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_tenant"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/management-tokens/{id}")]
pub async fn revoke(
    permit: Permit<of::ManageTenant>,
    state: web::Data<State>,
    id: web::Path<ManagementTokenId>,
) -> Result<HttpResponse, ApiError> {
    management_tokens::revoke(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(list, create, revoke))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(create).service(revoke);
}
