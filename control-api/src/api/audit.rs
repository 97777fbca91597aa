//! `/api/v1/audit`.

use super::{Page, PageQuery};
use crate::{
    access::permission::{Permit, of},
    domain::audit,
    error::{ApiError, Problem},
    state::State,
    store::audit_log::{Entry, Filter},
};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A row of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// Its place in the tenant's chain, from 1.
    seq: i64,
    at: DateTime<Utc>,
    actor: String,
    actor_name: String,
    action: String,
    object: String,
    outcome: String,
    ip: String,
    request_id: String,
    detail: Value,
    /// SHA-256 over this row and the hash before it, hexadecimal.
    hash: String,
}

/// Whether the chain holds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChainState {
    /// Rows that hold.
    rows: i64,
    /// The first row that does not.
    broken_at: Option<i64>,
    /// What is wrong with it.
    why: Option<String>,
}

/// Filters.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// 1 to 200; 50 by default.
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Actions that begin with this, as in `api_key.`.
    action: Option<String>,
    /// Who: an id or a name.
    actor: Option<String>,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            actor_name: entry.actor_name,
            action: entry.action,
            object: entry.object,
            outcome: entry.outcome,
            ip: entry.ip,
            request_id: entry.request_id,
            detail: serde_json::from_str(&entry.detail).unwrap_or_default(),
            hash: tollgate_contract::feed::to_hex(&entry.hash),
        }
    }
}

/// Lists the audit log, newest first.
#[utoipa::path(tag = "Audit", params(Search), security(("bearer" = [])),
    extensions(("x-permission" = json!("see_audit"))),
    responses((status = 200, body = Page<AuditEntry>), (status = 403, body = Problem)))]
#[get("/api/v1/audit")]
pub async fn list(
    permit: Permit<of::SeeAudit>,
    state: web::Data<State>,
    query: web::Query<Search>,
) -> Result<HttpResponse, ApiError> {
    let query = query.into_inner();
    let page = PageQuery { limit: query.limit, after: query.after };
    let limit = page.limit()?;
    let filter = Filter {
        before: page.after()?,
        action: query.action,
        actor: query.actor,
        limit: limit + 1,
    };
    let rows = audit::list(&state, &permit.actor, &filter).await?;
    let entries = rows.into_iter().map(AuditEntry::from).collect();
    Ok(HttpResponse::Ok()
        .json(Page::new(entries, limit, |entry: &AuditEntry| entry.seq.to_string())))
}

/// Recomputes the tenant's chain.
#[utoipa::path(tag = "Audit", security(("bearer" = [])), extensions(("x-permission" = json!("see_audit"))),
    responses((status = 200, body = ChainState)))]
#[get("/api/v1/audit/verification")]
pub async fn verify(
    permit: Permit<of::SeeAudit>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let chain = audit::verify_own(&state, &permit.actor).await?;
    let (broken_at, why) = chain.broken.map(|broken| (broken.seq, broken.why.to_owned())).unzip();
    Ok(HttpResponse::Ok().json(ChainState { rows: chain.rows, broken_at, why }))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, verify))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(verify).service(list);
}
