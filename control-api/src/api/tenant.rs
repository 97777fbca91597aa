//! `/api/v1/tenant`: the caller's tenant, and `/api/v1/operator`: all of them, for operators.

use super::{Body, IfMatch, with_etag};
use crate::{
    access::permission::{Permit, of},
    domain::{nodes, tenants},
    error::{ApiError, Problem},
    ids::{NodeId, TenantId},
    state::State,
    store::tenants::TenantRow,
};
use actix_web::{HttpResponse, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tenant {
    id: TenantId,
    name: String,
    /// The zone of its calendar windows.
    time_zone: String,
    /// `deny` or `allow`: targets without a price while a budget applies.
    unpriced: String,
    created_at: DateTime<Utc>,
    suspended_at: Option<DateTime<Utc>>,
}

/// What can be changed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// As in `Europe/Berlin`; counts from the next window.
    pub time_zone: String,
    /// `deny` or `allow`.
    pub unpriced: String,
}

/// What to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// 1 to 64 characters, unique.
    pub name: String,
    /// The owner's e-mail address.
    pub owner: String,
    /// As in `Europe/Berlin`; UTC by default.
    pub time_zone: Option<String>,
}

/// Whether a tenant is suspended.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// True: its API keys are refused and nobody of it gets in.
    pub suspended: bool,
}

/// Tenants.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tenants {
    data: Vec<Tenant>,
}

/// A gateway node.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Node {
    id: NodeId,
    name: String,
    version: String,
    /// The revision of the world that it was sent last.
    revision: i64,
    connected_at: Option<DateTime<Utc>>,
    last_seen_at: Option<DateTime<Utc>>,
}

/// Nodes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Nodes {
    data: Vec<Node>,
}

/// A search.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Part of the name.
    search: Option<String>,
    /// Names after this one.
    after: Option<String>,
}

impl From<TenantRow> for Tenant {
    fn from(row: TenantRow) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            time_zone: row.time_zone,
            unpriced: row.unpriced,
            created_at: row.created_at,
            suspended_at: row.suspended_at,
        }
    }
}

/// The caller's tenant.
#[utoipa::path(tag = "Tenant", security(("bearer" = [])), extensions(("x-permission" = json!("see_self"))),
    responses((status = 200, body = Tenant)))]
#[get("/api/v1/tenant")]
pub async fn get(
    permit: Permit<of::SeeSelf>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let row = tenants::own(&state, &permit.actor).await?;
    let version = row.version;
    Ok(with_etag(&Tenant::from(row), version))
}

/// Changes the tenant's settings; send its ETag in If-Match.
#[utoipa::path(tag = "Tenant", request_body = TenantSettings, params(("if-match" = String, Header)),
    security(("bearer" = [])), extensions(("x-permission" = json!("manage_tenant"))),
    responses((status = 204), (status = 412, body = Problem), (status = 422, body = Problem)))]
#[patch("/api/v1/tenant")]
pub async fn change(
    permit: Permit<of::ManageTenant>,
    state: web::Data<State>,
    version: IfMatch,
    body: Body<TenantSettings>,
) -> Result<HttpResponse, ApiError> {
    tenants::change(&state, &permit.actor, version.0, &body.0.time_zone, &body.0.unpriced).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// All tenants, by name.
#[utoipa::path(tag = "Operator", params(Search), security(("bearer" = [])),
    extensions(("x-permission" = json!("operate"))), responses((status = 200, body = Tenants)))]
#[get("/api/v1/operator/tenants")]
pub async fn list(
    _permit: Permit<of::Operate>,
    state: web::Data<State>,
    query: web::Query<Search>,
) -> Result<HttpResponse, ApiError> {
    let search = query.search.clone().unwrap_or_default();
    let rows = tenants::search(&state, &search, query.after.as_deref(), 200).await?;
    Ok(HttpResponse::Ok().json(Tenants { data: rows.into_iter().map(Tenant::from).collect() }))
}

/// Makes a tenant and its owner.
#[utoipa::path(tag = "Operator", request_body = NewTenant, security(("bearer" = [])),
    extensions(("x-permission" = json!("operate"))),
    responses((status = 201, body = Tenant), (status = 422, body = Problem)))]
#[post("/api/v1/operator/tenants")]
pub async fn create(
    permit: Permit<of::Operate>,
    state: web::Data<State>,
    body: Body<NewTenant>,
) -> Result<HttpResponse, ApiError> {
    let new = body.0;
    let zone = new.time_zone.as_deref().unwrap_or("UTC");
    let (id, _) =
        tenants::create(&state.db, &permit.actor.who, &new.name, zone, &new.owner).await?;
    let actor = crate::access::Actor { tenant: id, ..permit.actor };
    Ok(HttpResponse::Created().json(Tenant::from(tenants::own(&state, &actor).await?)))
}

/// Suspends a tenant, or lets it go on.
#[utoipa::path(tag = "Operator", params(("id" = String, Path)), request_body = Suspension, security(("bearer" = [])),
    extensions(("x-permission" = json!("operate"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[post("/api/v1/operator/tenants/{id}/suspension")]
pub async fn suspend(
    permit: Permit<of::Operate>,
    state: web::Data<State>,
    id: web::Path<TenantId>,
    body: Body<Suspension>,
) -> Result<HttpResponse, ApiError> {
    tenants::suspend(&state, &permit.actor, *id, body.0.suspended).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The gateway nodes.
#[utoipa::path(tag = "Operator", security(("bearer" = [])), extensions(("x-permission" = json!("operate"))),
    responses((status = 200, body = Nodes)))]
#[get("/api/v1/operator/nodes")]
pub async fn list_nodes(
    _permit: Permit<of::Operate>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let data = nodes::list(&state.db).await?.into_iter().map(|row| Node {
        id: row.id.into(),
        name: row.name,
        version: row.version,
        revision: row.revision,
        connected_at: row.connected_at,
        last_seen_at: row.last_seen_at,
    });
    Ok(HttpResponse::Ok().json(Nodes { data: data.collect() }))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(get, change, list, create, suspend, list_nodes))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(get)
        .service(change)
        .service(list)
        .service(create)
        .service(suspend)
        .service(list_nodes);
}
