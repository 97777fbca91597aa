//! Gateway nodes.

use crate::{
    access::{Actor, Who},
    error::ApiError,
    ids::{NodeId, TenantId},
    keys::Keys,
    store::{
        Db,
        audit_log::{self, NewEntry},
        nodes::{self as store, NodeRow},
    },
};
use serde_json::json;
use tollgate_contract::{
    node::NodeIdentity,
    sealed::{Binding, WrappingKey},
    secret::Secret,
    token,
};

/// Registers a node. The token is shown once.
pub async fn add(db: &Db, keys: &Keys, by: &Who, raw_name: &str) -> Result<Secret, ApiError> {
    let name = super::name(raw_name, "/name")?;
    let secret = Secret::new(token::mint(token::NODE, &rand::random()));
    let identity = NodeIdentity::from_token(&secret)
        .ok_or_else(|| ApiError::internal("a minted token is well formed"))?;
    let id = NodeId::new();
    let record = id.to_string();
    let sealed =
        keys.seal(&binding(&record), secret.expose().as_bytes()).map_err(ApiError::internal)?;
    let mut tx = db.system().await?;
    let public = identity.signing.public().0;
    store::add(&mut tx, id, &name, &identity.fingerprint(), &public, &sealed, keys.kek_id())
        .await?;
    let actor = Actor { who: by.clone(), ..Actor::command_line(TenantId(audit_log::PLATFORM)) };
    let entry = NewEntry {
        actor: &actor.id(),
        actor_name: &actor.name(),
        action: "node.added",
        object: &record,
        outcome: "ok",
        ip: "",
        request_id: &actor.request_id,
        detail: json!({ "name": name, "fingerprint": identity.fingerprint() }),
    };
    audit_log::append_system(&mut tx, audit_log::PLATFORM, entry).await?;
    tx.commit().await?;
    Ok(secret)
}

/// The key that wraps what is leased to a node.
pub fn wrapping_key(keys: &Keys, node: &NodeRow) -> Result<WrappingKey, ApiError> {
    let record = NodeId(node.id).to_string();
    let opened = keys.open(&binding(&record), &node.token_sealed).map_err(ApiError::internal)?;
    let secret = Secret::new(String::from_utf8_lossy(&opened).into_owned());
    let identity = NodeIdentity::from_token(&secret)
        .ok_or_else(|| ApiError::internal("a stored token is well formed"))?;
    Ok(identity.wrapping)
}

const fn binding(record: &str) -> Binding<'_> {
    Binding { purpose: "node_token", tenant: "", record, version: 1 }
}

/// All nodes.
pub async fn list(db: &Db) -> Result<Vec<NodeRow>, ApiError> {
    let mut tx = db.system().await?;
    Ok(store::list(&mut tx).await?)
}
