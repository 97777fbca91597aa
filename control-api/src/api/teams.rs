//! `/api/v1/teams`.

use super::{Body, Page, PageQuery};
use crate::{
    access::permission::{Permit, of},
    domain::teams,
    error::{ApiError, Problem},
    ids::TeamId,
    state::State,
    store::teams::TeamRow,
};
use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A team.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Team {
    id: TeamId,
    name: String,
    /// How many members it has.
    members: i64,
    created_at: DateTime<Utc>,
}

/// What to make, or how to call it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamName {
    /// 1 to 64 characters, unique in the tenant.
    pub name: String,
}

/// A new team.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NewTeam {
    id: TeamId,
}

impl From<TeamRow> for Team {
    fn from(row: TeamRow) -> Self {
        Self { id: row.id.into(), name: row.name, members: row.members, created_at: row.created_at }
    }
}

/// Lists teams.
#[utoipa::path(tag = "Teams", params(PageQuery), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Page<Team>), (status = 401, body = Problem)))]
#[get("/api/v1/teams")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
    page: web::Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit()?;
    let rows = teams::list(&state, &permit.actor, page.after()?, limit).await?;
    let all = rows.into_iter().map(Team::from).collect();
    Ok(HttpResponse::Ok().json(Page::new(all, limit, |team: &Team| team.id.to_string())))
}

/// Makes a team.
#[utoipa::path(tag = "Teams", request_body = TeamName, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_members"))),
    responses((status = 201, body = NewTeam), (status = 409, body = Problem), (status = 422, body = Problem)))]
#[post("/api/v1/teams")]
pub async fn create(
    permit: Permit<of::ManageMembers>,
    state: web::Data<State>,
    body: Body<TeamName>,
) -> Result<HttpResponse, ApiError> {
    let id = teams::create(&state, &permit.actor, &body.0.name).await?;
    Ok(HttpResponse::Created().json(NewTeam { id }))
}

/// Gives a team another name.
#[utoipa::path(tag = "Teams", params(("id" = String, Path)), request_body = TeamName, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_members"))),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
#[patch("/api/v1/teams/{id}")]
pub async fn rename(
    permit: Permit<of::ManageMembers>,
    state: web::Data<State>,
    id: web::Path<TeamId>,
    body: Body<TeamName>,
) -> Result<HttpResponse, ApiError> {
    teams::rename(&state, &permit.actor, *id, &body.0.name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a team that has no members, API keys and budgets any more.
#[utoipa::path(tag = "Teams", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_members"))),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
#[delete("/api/v1/teams/{id}")]
pub async fn delete(
    permit: Permit<of::ManageMembers>,
    state: web::Data<State>,
    id: web::Path<TeamId>,
) -> Result<HttpResponse, ApiError> {
    teams::delete(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(paths(list, create, rename, delete))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(create).service(rename).service(delete);
}
