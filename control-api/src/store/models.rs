//! What tenants know of models beyond the catalog: `[models."provider/model"]`.

use super::{StoreError, TenantTx};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A model's facts.
#[derive(Debug, Clone)]
pub struct ModelRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// The target.
    pub name: String,
    /// The table of the config document.
    pub spec: Value,
}

/// The models of several tenants.
pub async fn of(conn: &mut PgConnection, tenants: &[Uuid]) -> Result<Vec<ModelRow>, StoreError> {
    Ok(sqlx::query_as!(
        ModelRow,
        "select tenant_id, name, spec from models where tenant_id = any($1) order by name",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// Sets a model's facts.
pub async fn set(tx: &mut TenantTx, name: &str, spec: &Value) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into models (tenant_id, name, spec) values ($1, $2, $3) \
         on conflict (tenant_id, name) do update set spec = excluded.spec",
        tenant.0,
        name,
        spec
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets a model's facts.
pub async fn delete(tx: &mut TenantTx, name: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("delete from models where tenant_id = $1 and name = $2", tenant.0, name)
            .execute(&mut **tx)
            .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
