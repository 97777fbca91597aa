//! Idempotency keys and the answers that belong to them.

use super::{StoreError, TenantTx};

/// What is known of an idempotency key.
#[derive(Debug, Clone)]
pub struct Known {
    /// The SHA-256 of the request.
    pub request_hash: Vec<u8>,
    /// The answer's status; absent while the first request is under way.
    pub status: Option<i16>,
    /// The answer, sealed.
    pub sealed: Option<Vec<u8>>,
}

/// Takes a key for a request. `None`: it is ours now.
pub async fn take(
    tx: &mut TenantTx,
    actor: &str,
    key: &str,
    request_hash: &[u8],
) -> Result<Option<Known>, StoreError> {
    let tenant = tx.tenant();
    let taken = sqlx::query!(
        "insert into idempotency_keys (tenant_id, actor, key, request_hash) values ($1, $2, $3, $4) \
         on conflict do nothing",
        tenant.0,
        actor,
        key,
        request_hash
    )
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    Ok(Some(
        sqlx::query_as!(
            Known,
            "select request_hash, status, sealed from idempotency_keys \
             where tenant_id = $1 and actor = $2 and key = $3",
            tenant.0,
            actor,
            key
        )
        .fetch_one(&mut **tx)
        .await?,
    ))
}

/// Keeps the answer.
pub async fn answer(
    tx: &mut TenantTx,
    actor: &str,
    key: &str,
    status: i16,
    sealed: &[u8],
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update idempotency_keys set status = $4, sealed = $5 where tenant_id = $1 and actor = $2 and key = $3",
        tenant.0,
        actor,
        key,
        status,
        sealed
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives the key back: the request failed by our mistake, and may be sent again.
pub async fn give_back(tx: &mut TenantTx, actor: &str, key: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from idempotency_keys where tenant_id = $1 and actor = $2 and key = $3 and status is null",
        tenant.0,
        actor,
        key
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
