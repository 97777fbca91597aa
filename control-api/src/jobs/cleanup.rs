//! Deletes what is over: answers to repeated requests, sessions, links and tokens.

use super::{Stop, consumer::forget_consumers};
use crate::{state::State, store};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(3600);

/// Cleans up at the start and each hour.
pub async fn run(state: State, mut stop: Stop) {
    loop {
        match store::over::delete(&state.db).await {
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
