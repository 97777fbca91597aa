//! What is over: answers to repeated requests, sessions, links and tokens.

use super::{Db, StoreError};

/// Deletes what is over; the number of rows. What has an end stays a day longer, for those who ask what happened.
pub async fn delete(db: &Db) -> Result<u64, StoreError> {
    let mut tx = db.system().await?;
    let mut rows = 0;
    let mut add = |done: sqlx::postgres::PgQueryResult| rows += done.rows_affected();
    add(sqlx::query!(
        "delete from idempotency_keys where created_at < now() - interval '24 hours'"
    )
    .execute(&mut *tx)
    .await?);
    add(sqlx::query!("delete from sessions where ends_at < now() - interval '1 day'")
        .execute(&mut *tx)
        .await?);
    add(sqlx::query!("delete from links where ends_at < now() - interval '1 day'")
        .execute(&mut *tx)
        .await?);
    add(sqlx::query!("delete from refresh_tokens where ends_at < now() - interval '1 day'")
        .execute(&mut *tx)
        .await?);
    add(sqlx::query!("delete from sign_in_failures where until < now() - interval '1 day'")
        .execute(&mut *tx)
        .await?);
    add(sqlx::query!("delete from revoked_tokens where ends_at < now() - interval '1 day'")
        .execute(&mut *tx)
        .await?);
    tx.commit().await?;
    Ok(rows)
}
