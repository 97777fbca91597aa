//! Marks revocations in Redis again, should it have lost them.

use super::Stop;
use crate::{publish::mark, state::State, store};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);

/// Marks all revocations of the last days at the start and each minute.
pub async fn run(state: State, mut stop: Stop) {
    loop {
        if let Err(error) = mark_all(&state, &stop).await {
            tracing::warn!(%error, "Revocations could not be marked again: it is tried in a minute");
        }
        if !stop.sleep(EVERY).await {
            return;
        }
    }
}

async fn mark_all(state: &State, stop: &Stop) -> Result<(), store::StoreError> {
    let mut tx = state.db.system().await?;
    let revocations = store::world::revocations(&mut tx).await?;
    drop(tx);
    // One question instead of a failure for each.
    let mut redis = state.redis.clone();
    if let Err(error) = redis::cmd("PING").exec_async(&mut redis).await {
        tracing::debug!(%error, "Redis is out of reach: nothing is marked");
        return Ok(());
    }
    for (revision, marker) in revocations {
        if stop.is_told() {
            return Ok(());
        }
        mark(state, revision, &marker).await;
    }
    Ok(())
}
