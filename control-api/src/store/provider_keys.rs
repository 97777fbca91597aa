//! Provider keys, sealed.

use super::{StoreError, TenantTx};
use crate::ids::{ProviderId, ProviderKeyId};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// A provider key.
#[derive(Debug, Clone)]
pub struct ProviderKeyRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Which provider's.
    pub provider_id: Uuid,
    /// Stands for the secret: the same for the same secret.
    pub fingerprint: String,
    /// The envelope.
    pub sealed: Vec<u8>,
    /// The version that the envelope is bound to.
    pub sealed_version: i32,
    /// Its share of the traffic.
    pub weight: i32,
    /// Who added it.
    pub created_by: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was tried last.
    pub tested_at: Option<DateTime<Utc>>,
    /// What came of it.
    pub test: Option<Value>,
}

/// The provider keys of several tenants.
pub async fn of(
    conn: &mut PgConnection,
    tenants: &[Uuid],
) -> Result<Vec<ProviderKeyRow>, StoreError> {
    Ok(sqlx::query_as!(
        ProviderKeyRow,
        "select tenant_id, id, provider_id, fingerprint, sealed, sealed_version, weight, created_by, created_at, \
         tested_at, test from provider_keys where tenant_id = any($1) and destroyed_at is null order by id",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// A new provider key.
#[derive(Debug)]
pub struct NewProviderKey<'k> {
    /// Its id.
    pub id: ProviderKeyId,
    /// Which provider's.
    pub provider: ProviderId,
    /// Stands for the secret.
    pub fingerprint: &'k str,
    /// The envelope, bound to version 1.
    pub sealed: &'k [u8],
    /// What sealed it.
    pub kek_id: u32,
    /// Its share of the traffic.
    pub weight: i32,
    /// Who adds it.
    pub created_by: &'k str,
}

/// Adds a key.
pub async fn create(tx: &mut TenantTx, new: &NewProviderKey<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into provider_keys (tenant_id, id, provider_id, fingerprint, sealed, kek_id, weight, created_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        new.id.0,
        new.provider.0,
        new.fingerprint,
        new.sealed,
        new.kek_id as i32,
        new.weight,
        new.created_by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A key's share of the traffic.
pub async fn set_weight(
    tx: &mut TenantTx,
    id: ProviderKeyId,
    weight: i32,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update provider_keys set weight = $3, version = version + 1 where tenant_id = $1 and id = $2 \
         and destroyed_at is null",
        tenant.0,
        id.0,
        weight
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Destroys a key: the envelope is overwritten, the row tells that there was one.
pub async fn destroy(tx: &mut TenantTx, id: ProviderKeyId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update provider_keys set sealed = ''::bytea, destroyed_at = now(), version = version + 1 \
         where tenant_id = $1 and id = $2 and destroyed_at is null",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Notes what came of trying a key.
pub async fn note_test(
    tx: &mut TenantTx,
    id: ProviderKeyId,
    result: &Value,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update provider_keys set tested_at = now(), test = $3 where tenant_id = $1 and id = $2",
        tenant.0,
        id.0,
        result
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
