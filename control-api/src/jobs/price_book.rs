//! Brings rows of the price book to the gateways when they come into force.

use super::Stop;
use crate::{state::State, store};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(5);

/// Looks every few seconds.
pub async fn run(state: State, mut stop: Stop) {
    loop {
        match publish_due(&state).await {
            Ok(None) => {}
            Ok(Some(revision)) => tracing::info!(revision, "New prices are in force"),
            Err(error) => {
                tracing::warn!(%error, "Whether new prices are in force cannot be seen: it is tried again");
            }
        }
        if !stop.sleep(EVERY).await {
            return;
        }
    }
}

async fn publish_due(state: &State) -> Result<Option<i64>, store::StoreError> {
    let mut tx = state.db.system().await?;
    if !store::price_book::is_due(&mut tx).await? {
        return Ok(None);
    }
    let revision = store::price_book::advance(&mut tx).await?;
    tx.commit().await?;
    Ok(Some(revision))
}
