//! Teams of a tenant.

use super::{audited, name};
use crate::{
    access::Actor,
    error::ApiError,
    ids::TeamId,
    state::State,
    store::{
        StoreError,
        teams::{self as store, TeamRow},
    },
};
use serde_json::json;

/// A page of teams; one more than `limit` if there are more.
pub async fn list(
    state: &State,
    actor: &Actor,
    after: Option<TeamId>,
    limit: i64,
) -> Result<Vec<TeamRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::list(&mut tx, after, limit + 1).await?)
}

/// Makes a team.
pub async fn create(state: &State, actor: &Actor, raw_name: &str) -> Result<TeamId, ApiError> {
    let name = name(raw_name, "/name")?;
    let id = TeamId::new();
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::create(&mut tx, id, &name).await?;
    audited(&mut tx, actor, "team.created", &id.to_string(), json!({ "name": name })).await?;
    tx.commit().await?;
    Ok(id)
}

/// Gives a team another name.
pub async fn rename(
    state: &State,
    actor: &Actor,
    id: TeamId,
    raw_name: &str,
) -> Result<(), ApiError> {
    let name = name(raw_name, "/name")?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let before = store::rename(&mut tx, id, &name).await?;
    audited(
        &mut tx,
        actor,
        "team.renamed",
        &id.to_string(),
        json!({ "before": before, "after": name }),
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Deletes a team that has no members, API keys and budgets any more.
pub async fn delete(state: &State, actor: &Actor, id: TeamId) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let name = store::delete(&mut tx, id).await.map_err(|error| match error {
        StoreError::Reference(_) => ApiError::Conflict(
            "The team still has members, API keys or budgets: move or delete them first."
                .to_owned(),
        ),
        other => other.into(),
    })?;
    audited(&mut tx, actor, "team.deleted", &id.to_string(), json!({ "name": name })).await?;
    Ok(tx.commit().await?)
}
