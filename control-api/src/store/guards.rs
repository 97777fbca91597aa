//! Tenants' guards: `[guards.NAME]`.

use super::{StoreError, TenantTx};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A guard.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its name, unique in the tenant.
    pub name: String,
    /// The table of the config document.
    pub spec: Value,
    /// Its place among those that inspect requests; absent: it inspects none.
    pub position: Option<i16>,
}

/// The guards of several tenants, in the order in which they inspect.
pub async fn of(conn: &mut PgConnection, tenants: &[Uuid]) -> Result<Vec<GuardRow>, StoreError> {
    Ok(sqlx::query_as!(
        GuardRow,
        "select tenant_id, name, spec, position from guards where tenant_id = any($1) order by position, name",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// Writes a guard down.
pub async fn set(
    tx: &mut TenantTx,
    name: &str,
    spec: &Value,
    position: Option<i16>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into guards (tenant_id, name, spec, position) values ($1, $2, $3, $4) \
         on conflict (tenant_id, name) do update set spec = excluded.spec, position = excluded.position",
        tenant.0,
        name,
        spec,
        position
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets a guard.
pub async fn delete(tx: &mut TenantTx, name: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("delete from guards where tenant_id = $1 and name = $2", tenant.0, name)
            .execute(&mut **tx)
            .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
