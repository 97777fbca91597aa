//! Routes: a tenant's names for a choice among targets.

use super::{audited, document::key, name, publish};
use crate::{
    access::Actor,
    error::ApiError,
    ids::RouteId,
    state::State,
    store::routes::{self as store, RouteRow},
};
use serde_json::{Value, json};

/// The tenant's routes, by name.
pub async fn list(state: &State, actor: &Actor) -> Result<Vec<RouteRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::of(&mut tx, &[actor.tenant.0]).await?)
}

/// One route.
pub async fn get(state: &State, actor: &Actor, id: RouteId) -> Result<RouteRow, ApiError> {
    list(state, actor).await?.into_iter().find(|row| row.id == id.0).ok_or(ApiError::NotFound)
}

/// Makes a route. `spec` is `[routes.NAME]` of the config document.
pub async fn create(
    state: &State,
    actor: &Actor,
    raw_name: &str,
    spec: Value,
) -> Result<RouteId, ApiError> {
    let name = name(raw_name, "/name")?;
    if name.contains('/') {
        return Err(ApiError::invalid("/name", "must not contain `/`: that is a target"));
    }
    let id = RouteId::new();
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::create(&mut tx, id, &name, &spec).await?;
    audited(
        &mut tx,
        actor,
        "route.created",
        &id.to_string(),
        json!({ "name": name, "spec": spec }),
    )
    .await?;
    publish(tx, &format!("routes.{}", key(&name))).await?;
    Ok(id)
}

/// Changes a route that is still at a version.
pub async fn change(
    state: &State,
    actor: &Actor,
    id: RouteId,
    version: i32,
    spec: Value,
) -> Result<(), ApiError> {
    let before = get(state, actor, id).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::change(&mut tx, id, Some(version), &spec).await?;
    let detail = json!({ "name": before.name, "before": before.spec, "after": spec });
    audited(&mut tx, actor, "route.changed", &id.to_string(), detail).await?;
    publish(tx, &format!("routes.{}", key(&before.name))).await?;
    Ok(())
}

/// Deletes a route; refused while another route leads to it.
pub async fn delete(state: &State, actor: &Actor, id: RouteId) -> Result<(), ApiError> {
    let before = get(state, actor, id).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::delete(&mut tx, id).await?;
    audited(&mut tx, actor, "route.deleted", &id.to_string(), json!({ "name": before.name }))
        .await?;
    publish(tx, "").await?;
    Ok(())
}
