//! What a tenant knows of models beyond the catalog.

use super::{audited, document::key, publish};
use crate::{
    access::Actor,
    error::ApiError,
    state::State,
    store::models::{self as store, ModelRow},
};
use serde_json::{Value, json};

/// The tenant's models, by name.
pub async fn list(state: &State, actor: &Actor) -> Result<Vec<ModelRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::of(&mut tx, &[actor.tenant.0]).await?)
}

/// Sets the facts of `provider/model`. `spec` is `[models."provider/model"]` of the config document.
pub async fn set(state: &State, actor: &Actor, name: &str, spec: Value) -> Result<(), ApiError> {
    if !(3..=256).contains(&name.len()) {
        return Err(ApiError::invalid(
            "/name",
            "must be \"provider/model\" of at most 256 characters",
        ));
    }
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::set(&mut tx, name, &spec).await?;
    audited(&mut tx, actor, "model.set", name, json!({ "spec": spec })).await?;
    publish(tx, &format!("models.{}", key(name))).await?;
    Ok(())
}

/// Forgets a model's facts: the catalog's count again.
pub async fn delete(state: &State, actor: &Actor, name: &str) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::delete(&mut tx, name).await?;
    audited(&mut tx, actor, "model.deleted", name, json!({})).await?;
    publish(tx, "").await?;
    Ok(())
}
