//! `/api/v1/auth`: how people's API clients get their tokens. Machines have management tokens instead.

use super::Body;
use crate::{
    access::{
        client::Client,
        permission::{Permit, of},
        session::SignIn,
        token::LIFE_SECONDS,
    },
    domain::sign_in::{self as door, Tokens},
    error::{ApiError, Problem},
    ids::TenantId,
    state::State,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use std::fmt;
use tollgate_contract::secret::Secret;

/// Who signs in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The e-mail address.
    pub email: String,
    /// The password.
    #[schema(format = Password)]
    pub password: String,
    /// The tenant in which to act; by default the one that the person joined first.
    pub tenant: Option<TenantId>,
}

/// What is exchanged for the next tokens.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token (`tgr_…`), which is used up.
    pub refresh_token: String,
}

/// An access token, and what it can be renewed with.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TokenAnswer {
    /// Goes into `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token ends.
    expires_in: u64,
    /// Can be exchanged once, within 30 days of the sign-in; null for an operator who acts in no tenant.
    refresh_token: Option<String>,
    /// The tenant in which the person acts; null for an operator who acts in none.
    tenant: Option<TenantId>,
}

// None of them shows its secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer").finish_non_exhaustive()
    }
}

fn answer(tokens: &Tokens) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(TokenAnswer {
        access_token: tokens.access.expose().to_owned(),
        token_type: "Bearer",
        expires_in: LIFE_SECONDS,
        refresh_token: tokens.refresh.as_ref().map(|token| token.expose().to_owned()),
        tenant: tokens.tenant,
    })
}

/// Signs a person in.
#[utoipa::path(tag = "Sign-in", request_body = Credentials, security(()), extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = TokenAnswer), (status = 401, body = Problem), (status = 429, body = Problem)))]
#[post("/api/v1/auth/sign-in")]
pub async fn sign_in(
    request: HttpRequest,
    state: web::Data<State>,
    body: Body<Credentials>,
) -> Result<HttpResponse, ApiError> {
    let Credentials { email, password, tenant } = body.0;
    let client = Client::of(&request);
    let person = door::sign_in(&state, &email, Secret::new(password), &client).await?;
    Ok(answer(&door::issue(&state, &person, tenant, &client).await?))
}

/// Exchanges a refresh token. One that was used before ends the whole sign-in.
#[utoipa::path(tag = "Sign-in", request_body = RefreshRequest, security(()),
    extensions(("x-permission" = json!("public"))),
    responses((status = 200, body = TokenAnswer), (status = 401, body = Problem)))]
#[post("/api/v1/auth/refresh")]
pub async fn refresh(
    request: HttpRequest,
    state: web::Data<State>,
    body: Body<RefreshRequest>,
) -> Result<HttpResponse, ApiError> {
    let token = Secret::new(body.0.refresh_token);
    Ok(answer(&door::refresh(&state, &token, &Client::of(&request)).await?))
}

/// Ends the sign-in that the access token came of: its refresh tokens and access tokens are dead.
#[utoipa::path(tag = "Sign-in", security(("bearer" = [])), extensions(("x-permission" = json!("see_self"))),
    responses((status = 204), (status = 401, body = Problem), (status = 422, body = Problem)))]
#[post("/api/v1/auth/sign-out")]
pub async fn sign_out(
    _permit: Permit<of::SeeSelf>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let known = request.extensions().get::<SignIn>().copied();
    let message = "a management token is not signed in: revoke it at /api/v1/management-tokens";
    door::sign_out(&state, known.ok_or_else(|| ApiError::invalid("", message))?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(sign_in, refresh, sign_out))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(sign_in).service(refresh).service(sign_out);
}
