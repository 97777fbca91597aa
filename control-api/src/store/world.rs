//! Revisions of the world.

use super::{StoreError, SystemTx, TenantTx};
use crate::ids::TenantId;

/// The channel on which a commit tells of its revision.
pub const CHANNEL: &str = "tollgate_world";

/// Gives the transaction's change its revision. The lock on the counter is held until the commit, so revisions are
/// gapless and in the order of commits: call it last.
pub async fn advance(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let revision =
        sqlx::query_scalar!("update world set revision = revision + 1 returning revision")
            .fetch_one(&mut **tx)
            .await?;
    sqlx::query!("insert into changes (revision, tenant_id) values ($1, $2)", revision, tenant.0)
        .execute(&mut **tx)
        .await?;
    sqlx::query!("select pg_notify('tollgate_world', $1::text)", revision.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(revision)
}

/// Notes what the revision revokes, so that its marker can be written to Redis again.
pub async fn note_revocation(
    tx: &mut TenantTx,
    revision: i64,
    marker: &str,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into revocations (tenant_id, revision, marker) values ($1, $2, $3)",
        tenant.0,
        revision,
        marker
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The revocations of the last days, with their revisions.
pub async fn revocations(tx: &mut SystemTx) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = sqlx::query!(
        "select revision, marker from revocations where at > now() - interval '14 days' order by revision"
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.revision, row.marker)).collect())
}

/// The world's revision.
pub async fn revision(tx: &mut SystemTx) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!("select revision from world").fetch_one(&mut **tx).await?)
}

/// The tenants that changed after a revision.
pub async fn changed_after(tx: &mut SystemTx, revision: i64) -> Result<Vec<TenantId>, StoreError> {
    let rows =
        sqlx::query_scalar!("select distinct tenant_id from changes where revision > $1", revision)
            .fetch_all(&mut **tx)
            .await?;
    Ok(rows.into_iter().map(TenantId).collect())
}

/// All that the transaction reads is as of one moment. To be called before anything is read.
pub async fn as_of_one_moment(tx: &mut SystemTx) -> Result<(), StoreError> {
    sqlx::query!("set transaction isolation level repeatable read, read only")
        .execute(&mut **tx)
        .await?;
    Ok(())
}
