//! Providers, as tables of the config document without their keys.

use super::{StoreError, TenantTx};
use crate::ids::ProviderId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A provider.
#[derive(Debug, Clone)]
pub struct ProviderRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// `[providers.NAME]` without `keys`.
    pub spec: Value,
    /// Rises with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The providers of several tenants.
pub async fn of(conn: &mut PgConnection, tenants: &[Uuid]) -> Result<Vec<ProviderRow>, StoreError> {
    Ok(sqlx::query_as!(
        ProviderRow,
        "select tenant_id, id, name, spec, version, created_at from providers where tenant_id = any($1) order by name",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// Adds a provider.
pub async fn create(
    tx: &mut TenantTx,
    id: ProviderId,
    name: &str,
    spec: &Value,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into providers (tenant_id, id, name, spec) values ($1, $2, $3, $4)",
        tenant.0,
        id.0,
        name,
        spec
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Changes a provider; with a version only if it is still at it.
pub async fn change(
    tx: &mut TenantTx,
    id: ProviderId,
    version: Option<i32>,
    spec: &Value,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update providers set spec = $4, version = version + 1 \
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

/// Deletes a provider with its keys.
pub async fn delete(tx: &mut TenantTx, id: ProviderId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("delete from providers where tenant_id = $1 and id = $2", tenant.0, id.0)
            .execute(&mut **tx)
            .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
