//! Tenants.

use super::{StoreError, SystemTx, TenantTx};
use crate::ids::TenantId;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A tenant.
#[derive(Debug, Clone)]
pub struct TenantRow {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique.
    pub name: String,
    /// The zone of its calendar windows.
    pub time_zone: String,
    /// `deny` or `allow`: targets without a price while a budget applies.
    pub unpriced: String,
    /// Rises with each change.
    pub version: i32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Since when it is suspended.
    pub suspended_at: Option<DateTime<Utc>>,
}

/// Creates a tenant.
pub async fn create(
    tx: &mut SystemTx,
    id: TenantId,
    name: &str,
    time_zone: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into tenants (id, name, time_zone) values ($1, $2, $3)",
        id.0,
        name,
        time_zone
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The tenant of a transaction.
pub async fn own(tx: &mut TenantTx) -> Result<TenantRow, StoreError> {
    let tenant = tx.tenant();
    let mut rows = of(tx, &[tenant.0]).await?;
    rows.pop().ok_or(StoreError::NotFound)
}

/// Several tenants.
pub async fn of(conn: &mut PgConnection, tenants: &[Uuid]) -> Result<Vec<TenantRow>, StoreError> {
    Ok(sqlx::query_as!(
        TenantRow,
        "select id, name, time_zone, unpriced, version, created_at, suspended_at from tenants where id = any($1)",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// The tenant of a name.
pub async fn by_name(tx: &mut SystemTx, name: &str) -> Result<TenantRow, StoreError> {
    Ok(sqlx::query_as!(
        TenantRow,
        "select id, name, time_zone, unpriced, version, created_at, suspended_at from tenants where name = $1",
        name
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// All tenants whose name contains a text, by name, after a name.
pub async fn search(
    tx: &mut SystemTx,
    contains: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<TenantRow>, StoreError> {
    Ok(sqlx::query_as!(
        TenantRow,
        "select id, name, time_zone, unpriced, version, created_at, suspended_at from tenants \
         where strpos(lower(name), lower($1)) > 0 and ($2::text is null or name > $2) order by name limit $3",
        contains,
        after,
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// All tenants that are not suspended, by id.
pub async fn ids_of_all(tx: &mut SystemTx) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar!("select id from tenants where suspended_at is null order by id")
        .fetch_all(&mut **tx)
        .await?)
}

/// Changes the settings of the transaction's tenant, if it is still at a version.
pub async fn change(
    tx: &mut TenantTx,
    version: i32,
    time_zone: &str,
    unpriced: &str,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update tenants set time_zone = $3, unpriced = $4, version = version + 1 where id = $1 and version = $2",
        tenant.0,
        version,
        time_zone,
        unpriced
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Gives the transaction's tenant another name, if it is still at a version. The new version.
pub async fn rename(tx: &mut TenantTx, version: i32, name: &str) -> Result<i32, StoreError> {
    let tenant = tx.tenant();
    let version = sqlx::query_scalar!(
        "update tenants set name = $3, version = version + 1 where id = $1 and version = $2 returning version",
        tenant.0,
        version,
        name
    )
    .fetch_optional(&mut **tx)
    .await?;
    version.ok_or(StoreError::Stale)
}

/// Suspends the transaction's tenant, or lets it go on.
pub async fn suspend(tx: &mut TenantTx, suspended: bool) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update tenants set suspended_at = case when $2 then now() end, version = version + 1 where id = $1",
        tenant.0,
        suspended
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
