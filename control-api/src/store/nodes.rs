//! Gateway nodes, and the keys that sign.

use super::{StoreError, SystemTx};
use crate::ids::NodeId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A gateway node.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Names its token.
    pub fingerprint: String,
    /// Verifies its JWTs.
    pub public_key: Vec<u8>,
    /// Its token, sealed.
    pub token_sealed: Vec<u8>,
    /// Its program's version.
    pub version: String,
    /// The revision that it was sent last.
    pub revision: i64,
    /// Since when its stream is open; absent: it is not.
    pub connected_at: Option<DateTime<Utc>>,
    /// When it was heard of last.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// Registers a node.
pub async fn add(
    tx: &mut SystemTx,
    id: NodeId,
    name: &str,
    fingerprint: &str,
    public_key: &[u8],
    token_sealed: &[u8],
    kek_id: u32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into nodes (id, name, fingerprint, public_key, token_sealed, kek_id) values ($1, $2, $3, $4, $5, $6)",
        id.0,
        name,
        fingerprint,
        public_key,
        token_sealed,
        kek_id as i32,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// All nodes that are not revoked.
pub async fn list(tx: &mut SystemTx) -> Result<Vec<NodeRow>, StoreError> {
    Ok(sqlx::query_as!(
        NodeRow,
        "select id, name, fingerprint, public_key, token_sealed, version, revision, connected_at, last_seen_at, \
         created_at from nodes where revoked_at is null order by name"
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The node of a fingerprint.
pub async fn by_fingerprint(tx: &mut SystemTx, fingerprint: &str) -> Result<NodeRow, StoreError> {
    Ok(sqlx::query_as!(
        NodeRow,
        "select id, name, fingerprint, public_key, token_sealed, version, revision, connected_at, last_seen_at, \
         created_at from nodes where fingerprint = $1 and revoked_at is null",
        fingerprint
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Notes what a node was sent.
pub async fn seen(
    tx: &mut SystemTx,
    id: NodeId,
    version: &str,
    revision: i64,
    connected: bool,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update nodes set version = $2, revision = $3, last_seen_at = now(), \
         connected_at = case when $4 then coalesce(connected_at, now()) end where id = $1",
        id.0,
        version,
        revision,
        connected,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The signing keys of a purpose, newest first, sealed.
pub async fn signing_keys(
    tx: &mut SystemTx,
    purpose: &str,
) -> Result<Vec<(Uuid, Vec<u8>)>, StoreError> {
    // Two control planes that start at once must not make a key each.
    sqlx::query!("select pg_advisory_xact_lock(hashtext('signing_keys'))")
        .execute(&mut **tx)
        .await?;
    let rows = sqlx::query!(
        "select id, sealed from signing_keys where purpose = $1 and retired_at is null order by created_at desc",
        purpose
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.sealed)).collect())
}

/// Adds a signing key.
pub async fn add_signing_key(
    tx: &mut SystemTx,
    purpose: &str,
    id: Uuid,
    sealed: &[u8],
    kek_id: u32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into signing_keys (purpose, id, sealed, kek_id) values ($1, $2, $3, $4)",
        purpose,
        id,
        sealed,
        kek_id as i32
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
