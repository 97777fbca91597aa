//! The audit log: append-only, hash-chained per tenant.

use super::{StoreError, SystemTx, TenantTx};
use chrono::{DateTime, SubsecRound as _, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

/// The chain of the platform itself.
pub const PLATFORM: Uuid = Uuid::nil();

/// What is written down.
#[derive(Debug, Clone)]
pub struct NewEntry<'e> {
    /// Who: a stable id.
    pub actor: &'e str,
    /// What people call them.
    pub actor_name: &'e str,
    /// What was done: `api_key.created`.
    pub action: &'e str,
    /// To what: an id, or a kind and a name.
    pub object: &'e str,
    /// `ok` or `refused`.
    pub outcome: &'e str,
    /// From where.
    pub ip: &'e str,
    /// In which request.
    pub request_id: &'e str,
    /// What changed, without secrets.
    pub detail: Value,
}

/// A row of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What people call them.
    pub actor_name: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// `ok` or `refused`.
    pub outcome: String,
    /// From where.
    pub ip: String,
    /// In which request.
    pub request_id: String,
    /// What changed, as JSON text: the hash is over these bytes.
    pub detail: String,
    /// The hash of the row before.
    pub prev_hash: Vec<u8>,
    /// The hash of this row.
    pub hash: Vec<u8>,
}

impl Entry {
    /// `SHA-256(chain ‖ fields ‖ prev_hash)`, each part with its length in front.
    pub fn computed_hash(&self, chain: Uuid) -> Vec<u8> {
        let mut hash = Sha256::new();
        let at = self.at.timestamp_micros().to_be_bytes();
        let parts: [&[u8]; 12] = [
            chain.as_bytes(),
            &self.seq.to_be_bytes(),
            &at,
            self.actor.as_bytes(),
            self.actor_name.as_bytes(),
            self.action.as_bytes(),
            self.object.as_bytes(),
            self.outcome.as_bytes(),
            self.ip.as_bytes(),
            self.request_id.as_bytes(),
            self.detail.as_bytes(),
            &self.prev_hash,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().to_vec()
    }
}

/// Appends to the tenant's chain; commits with the change or not at all.
pub async fn append(tx: &mut TenantTx, entry: NewEntry<'_>) -> Result<(), StoreError> {
    let chain = tx.tenant().0;
    append_to(tx, chain, entry).await
}

/// Appends to a chain from a transaction across tenants; [`PLATFORM`] for what is no tenant's.
pub async fn append_system(
    tx: &mut SystemTx,
    chain: Uuid,
    entry: NewEntry<'_>,
) -> Result<(), StoreError> {
    append_to(tx, chain, entry).await
}

async fn append_to(
    conn: &mut PgConnection,
    chain: Uuid,
    new: NewEntry<'_>,
) -> Result<(), StoreError> {
    // The head's lock makes the numbers gapless and the order that of commits.
    sqlx::query!("insert into audit_heads (tenant_id, seq, hash) values ($1, 0, ''::bytea) on conflict do nothing", chain)
        .execute(&mut *conn)
        .await?;
    let head =
        sqlx::query!("select seq, hash from audit_heads where tenant_id = $1 for update", chain)
            .fetch_one(&mut *conn)
            .await?;
    let mut entry = Entry {
        seq: head.seq + 1,
        // What Postgres keeps.
        at: Utc::now().trunc_subsecs(6),
        actor: new.actor.to_owned(),
        actor_name: new.actor_name.to_owned(),
        action: new.action.to_owned(),
        object: new.object.to_owned(),
        outcome: new.outcome.to_owned(),
        ip: new.ip.to_owned(),
        request_id: new.request_id.to_owned(),
        detail: new.detail.to_string(),
        prev_hash: head.hash,
        hash: Vec::new(),
    };
    entry.hash = entry.computed_hash(chain);
    sqlx::query!(
        "insert into audit_log (tenant_id, seq, at, actor, actor_name, action, object, outcome, ip, request_id, detail, \
         prev_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        chain,
        entry.seq,
        entry.at,
        entry.actor,
        entry.actor_name,
        entry.action,
        entry.object,
        entry.outcome,
        entry.ip,
        entry.request_id,
        entry.detail,
        entry.prev_hash,
        entry.hash,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update audit_heads set seq = $2, hash = $3 where tenant_id = $1",
        chain,
        entry.seq,
        entry.hash
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// A page of a tenant's log, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Rows before this number.
    pub before: Option<i64>,
    /// Actions that begin with this.
    pub action: Option<String>,
    /// Who, by name or id.
    pub actor: Option<String>,
    /// How many rows at most.
    pub limit: i64,
}

/// Reads a page.
pub async fn list(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<Entry>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        Entry,
        "select seq, at, actor, actor_name, action, object, outcome, ip, request_id, detail, prev_hash, hash \
         from audit_log where tenant_id = $1 and ($2::bigint is null or seq < $2) \
         and ($3::text is null or starts_with(action, $3)) and ($4::text is null or actor = $4 or actor_name = $4) \
         order by seq desc limit $5",
        tenant.0,
        filter.before,
        filter.action,
        filter.actor,
        filter.limit,
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// All chains.
pub async fn chains(tx: &mut SystemTx) -> Result<Vec<(Uuid, i64, Vec<u8>)>, StoreError> {
    let rows = sqlx::query!(
        "select coalesce(h.tenant_id, l.tenant_id) as \"chain!\", coalesce(h.seq, 0) as \"seq!\", \
         coalesce(h.hash, ''::bytea) as \"hash!\" from audit_heads h full join \
         (select distinct tenant_id from audit_log) l on l.tenant_id = h.tenant_id order by 1"
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.chain, row.seq, row.hash)).collect())
}

/// Rows of a chain after a number, in order; for verification.
pub async fn page_of_chain(
    tx: &mut SystemTx,
    chain: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    Ok(sqlx::query_as!(
        Entry,
        "select seq, at, actor, actor_name, action, object, outcome, ip, request_id, detail, prev_hash, hash \
         from audit_log where tenant_id = $1 and seq > $2 order by seq limit $3",
        chain,
        after,
        limit,
    )
    .fetch_all(&mut **tx)
    .await?)
}
