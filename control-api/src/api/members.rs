//! `/api/v1/members`.

use super::{Body, IfMatch, Page, PageQuery, with_etag};
use crate::{
    access::{
        Role,
        permission::{Permit, of},
    },
    domain::{members, sign_in::link_url},
    error::{ApiError, Problem},
    ids::{MemberId, PersonId, TeamId},
    state::State,
    store::members::MemberRow,
};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A member of the tenant, or somebody who is invited.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Member {
    id: MemberId,
    person_id: PersonId,
    email: String,
    name: String,
    role: Role,
    team_id: Option<TeamId>,
    /// `active` or `invited`.
    status: &'static str,
    /// When they joined, or were invited.
    created_at: DateTime<Utc>,
    /// When they were here last, to the minute.
    last_seen_at: Option<DateTime<Utc>>,
}

/// Whom to invite.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// The e-mail address.
    pub email: String,
    /// At most the caller's own.
    pub role: Role,
    /// The team.
    pub team_id: Option<TeamId>,
}

/// What to change a member to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberSettings {
    /// At most the caller's own.
    pub role: Role,
    /// The team; without it, none.
    pub team_id: Option<TeamId>,
}

/// An invitation, with the link that is never shown again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Invited {
    id: MemberId,
    /// Works once. Hand it to the person: who is new chooses a password there, who is not signs in.
    link: String,
    /// When the link ends.
    link_ends_at: DateTime<Utc>,
}

impl TryFrom<MemberRow> for Member {
    type Error = ApiError;

    fn try_from(row: MemberRow) -> Result<Self, ApiError> {
        Ok(Self {
            id: row.id.into(),
            person_id: row.person_id.into(),
            email: row.email,
            name: row.name,
            role: Role::from_name(&row.role)
                .ok_or_else(|| ApiError::internal("an unknown role"))?,
            team_id: row.team_id.map(Into::into),
            status: if row.invited { "invited" } else { "active" },
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
        })
    }
}

/// Lists members and open invitations.
#[utoipa::path(tag = "Members", params(PageQuery), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Page<Member>), (status = 401, body = Problem)))]
#[get("/api/v1/members")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
    page: web::Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit()?;
    let rows = members::list(&state, &permit.actor, page.after()?, limit).await?;
    let all = rows.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(Page::new(all, limit, |member: &Member| member.id.to_string())))
}

/// Invites a person. The link is shown in this answer and never again; inviting once more makes another.
#[utoipa::path(tag = "Members", request_body = Invitation, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_members"))),
    responses((status = 201, body = Invited), (status = 409, body = Problem), (status = 422, body = Problem)))]
#[post("/api/v1/members")]
pub async fn invite(
    permit: Permit<of::ManageMembers>,
    state: web::Data<State>,
    body: Body<Invitation>,
) -> Result<HttpResponse, ApiError> {
    let Invitation { email, role, team_id } = body.0;
    let invited = members::invite(&state, &permit.actor, &email, role, team_id).await?;
    Ok(HttpResponse::Created().json(Invited {
        id: invited.id,
        link: link_url(&state.settings.public_url, &invited.link),
        link_ends_at: invited.ends_at,
    }))
}

/// One member.
#[utoipa::path(tag = "Members", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Member), (status = 404, body = Problem)))]
#[get("/api/v1/members/{id}")]
pub async fn get(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<MemberId>,
) -> Result<HttpResponse, ApiError> {
    let row = members::get(&state, &permit.actor, *id).await?;
    let version = row.version;
    Ok(with_etag(&Member::try_from(row)?, version))
}

/// Changes a member's role and team; send its ETag in If-Match. Nobody reaches above their own role, and the last owner
/// stays one.
#[utoipa::path(tag = "Members", params(("id" = String, Path), ("if-match" = String, Header)),
    request_body = MemberSettings, security(("bearer" = [])), extensions(("x-permission" = json!("manage_members"))),
    responses((status = 204), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 412, body = Problem), (status = 422, body = Problem)))]
#[patch("/api/v1/members/{id}")]
pub async fn change(
    permit: Permit<of::ManageMembers>,
    state: web::Data<State>,
    id: web::Path<MemberId>,
    version: IfMatch,
    body: Body<MemberSettings>,
) -> Result<HttpResponse, ApiError> {
    members::change(&state, &permit.actor, *id, version.0, body.0.role, body.0.team_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a member, or withdraws an invitation. The member's API keys are revoked: gateways refuse them within 2
/// seconds.
#[utoipa::path(tag = "Members", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_members"))),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
#[delete("/api/v1/members/{id}")]
pub async fn remove(
    permit: Permit<of::ManageMembers>,
    state: web::Data<State>,
    id: web::Path<MemberId>,
) -> Result<HttpResponse, ApiError> {
    members::remove(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(list, invite, get, change, remove))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(invite).service(get).service(change).service(remove);
}
