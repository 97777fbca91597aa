//! Deletes what is over: answers to repeated requests, sessions, links and tokens.

use super::{Stop, consumer::forget_consumers};
use crate::{state::State, store::StoreError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(3600);

/// Cleans up at the start and each hour.
pub async fn run(state: State, mut stop: Stop) {
    loop {
        match clean(&state).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "Deleted {rows} rows that were over"),
            Err(error) => {
                tracing::warn!(%error, "What is over could not be deleted: it is tried again in an hour")
            }
        }
        if let Err(error) = forget_consumers(&state).await {
            tracing::debug!(%error, "Consumers that have ended could not be forgotten");
        }
        if !stop.sleep(EVERY).await {
            return;
        }
    }
}

/// What has an end stays a day longer, for those who ask what happened.
async fn clean(state: &State) -> Result<u64, StoreError> {
    let mut tx = state.db.system().await?;
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
