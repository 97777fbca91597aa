//! Routes, as tables of the config document.

use super::{StoreError, TenantTx};
use crate::ids::RouteId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A route.
#[derive(Debug, Clone)]
pub struct RouteRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `[routes.NAME]`.
    pub spec: Value,
    /// Rises with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The routes of several tenants.
pub async fn of(conn: &mut PgConnection, tenants: &[Uuid]) -> Result<Vec<RouteRow>, StoreError> {
    Ok(sqlx::query_as!(
        RouteRow,
        "select tenant_id, id, name, spec, version, created_at from routes where tenant_id = any($1) order by name",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// Adds a route.
pub async fn create(
    tx: &mut TenantTx,
    id: RouteId,
    name: &str,
    spec: &Value,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into routes (tenant_id, id, name, spec) values ($1, $2, $3, $4)",
        tenant.0,
        id.0,
        name,
        spec
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Changes a route; with a version only if it is still at it.
pub async fn change(
    tx: &mut TenantTx,
    id: RouteId,
    version: Option<i32>,
    spec: &Value,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update routes set spec = $4, version = version + 1, updated_at = now() \
         where tenant_id = $1 and id = $2 and ($3::int is null or version = $3)",
        tenant.0,
        id.0,
        version,
        spec
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Deletes a route.
pub async fn delete(tx: &mut TenantTx, id: RouteId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from routes where tenant_id = $1 and id = $2", tenant.0, id.0)
        .execute(&mut **tx)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
