//! What one may do. JSON and HTML handlers call the same functions; each decides what happens together, in one
//! transaction with its row in the audit log.

pub mod api_keys;
pub mod apply;
pub mod audit;
pub mod budgets;
pub mod document;
pub mod ledger;
pub mod litellm;
pub mod management_tokens;
pub mod members;
pub mod models;
pub mod nodes;
pub mod people;
pub mod price_book;
pub mod probe;
pub mod provider_keys;
pub mod providers;
pub mod routes;
pub mod sign_in;
pub mod target_health;
pub mod teams;
pub mod tenants;
pub mod usage;

use crate::{
    access::Actor,
    error::ApiError,
    store::{self, StoreError, TenantTx, audit_log::NewEntry},
};
use serde_json::Value;

/// Writes down what the actor did; commits with the change or not at all.
pub async fn audited(
    tx: &mut TenantTx,
    actor: &Actor,
    action: &str,
    object: &str,
    detail: Value,
) -> Result<(), StoreError> {
    let entry = NewEntry {
        actor: &actor.id(),
        actor_name: &actor.name(),
        action,
        object,
        outcome: "ok",
        ip: &actor.ip,
        request_id: &actor.request_id,
        detail,
    };
    store::audit_log::append(tx, entry).await
}

/// Checks the tenant's configuration as it is after the change, gives it a revision and commits. `place` is where in the
/// config document the caller's input stands. The revision reaches the gateways from here.
pub async fn publish(mut tx: TenantTx, place: &str) -> Result<i64, ApiError> {
    let tenant = tx.tenant().0;
    for config in store::config::load(&mut tx, &[tenant]).await? {
        document::check(&config, place)?;
    }
    let revision = store::world::advance(&mut tx).await?;
    tx.commit().await?;
    Ok(revision)
}

/// A name that has been checked: 1 to 64 characters, without a line end or control character.
pub fn name(raw: &str, pointer: &str) -> Result<String, ApiError> {
    let name = raw.trim();
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(ApiError::invalid(pointer, "must have 1 to 64 characters"));
    }
    Ok(name.to_owned())
}
