//! `/api/v1/me`: who is calling.

use crate::{
    access::{
        Permission, Role, Who,
        permission::{Permit, of},
    },
    domain::tenants,
    error::{ApiError, Problem},
    ids::{MemberId, TenantId},
    state::State,
    store::audit_log::PLATFORM,
};
use actix_web::{HttpResponse, get, web};
use serde::Serialize;

/// Who is calling, and what they may do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Me {
    /// `per_…` or `mtk_…`.
    id: String,
    /// `person` or `management_token`.
    kind: &'static str,
    /// The e-mail address, or the token's name.
    name: String,
    /// As which member of the tenant.
    member_id: Option<MemberId>,
    role: Role,
    /// Whether they run the platform.
    is_operator: bool,
    /// The tenant; null for an operator who acts in none.
    tenant: Option<OwnTenant>,
    /// What the role allows.
    permissions: Vec<&'static str>,
}

/// The caller's tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OwnTenant {
    id: TenantId,
    name: String,
}

/// Who is calling, and what they may do.
#[utoipa::path(tag = "Sign-in", security(("bearer" = [])), extensions(("x-permission" = json!("see_self"))),
    responses((status = 200, body = Me), (status = 401, body = Problem)))]
#[get("/api/v1/me")]
pub async fn me(
    permit: Permit<of::SeeSelf>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let actor = permit.actor;
    let tenant = if actor.tenant.0 == PLATFORM {
        None
    } else {
        Some(OwnTenant { id: actor.tenant, name: tenants::own(&state, &actor).await?.name })
    };
    let (kind, name) = match &actor.who {
        Who::Person { email, .. } => ("person", email.clone()),
        Who::Token { name, .. } => ("management_token", name.clone()),
        Who::CommandLine | Who::Job(_) => ("control_plane", actor.name()),
    };
    let all = Permission::ALL.iter().filter(|permission| actor.may(**permission));
    Ok(HttpResponse::Ok().json(Me {
        id: actor.id(),
        kind,
        name,
        member_id: actor.member(),
        role: actor.role,
        is_operator: actor.is_operator(),
        tenant,
        permissions: all.map(|permission| permission.name()).collect(),
    }))
}

/// The description of this operation.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(me))]
pub struct Doc;

/// Mounts it.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(me);
}
