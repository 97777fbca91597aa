//! API keys: hashes, never the keys themselves.

use super::{StoreError, TenantTx};
use crate::ids::{ApiKeyId, MemberId, TeamId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// An API key.
#[derive(Debug, Clone)]
pub struct ApiKeyRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its name, unique among those that live.
    pub name: String,
    /// The SHA-256 of the key.
    pub hash: Vec<u8>,
    /// The key's last four characters.
    pub last4: String,
    /// Its team.
    pub team_id: Option<Uuid>,
    /// Whose key it is.
    pub member_id: Option<Uuid>,
    /// Names and targets that it may use.
    pub models: Vec<String>,
    /// A limit.
    pub requests_per_minute: Option<i64>,
    /// A limit.
    pub tokens_per_minute: Option<i64>,
    /// A limit.
    pub concurrent: Option<i64>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// The key that it replaces.
    pub rotated_from: Option<Uuid>,
    /// Who made it.
    pub created_by: String,
    /// Rises with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What people may change of an API key.
#[derive(Debug, Clone)]
pub struct Settings<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its team.
    pub team: Option<TeamId>,
    /// Names and targets that it may use.
    pub models: &'s [String],
    /// A limit.
    pub requests_per_minute: Option<i64>,
    /// A limit.
    pub tokens_per_minute: Option<i64>,
    /// A limit.
    pub concurrent: Option<i64>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who makes a key, and what it is known by.
#[derive(Debug, Clone)]
pub struct Origin<'o> {
    /// Its id.
    pub id: ApiKeyId,
    /// The SHA-256 of the key.
    pub hash: &'o [u8; 32],
    /// The key's last four characters.
    pub last4: &'o str,
    /// Whose key it is.
    pub member: Option<MemberId>,
    /// The key that it replaces.
    pub rotated_from: Option<ApiKeyId>,
    /// Who makes it.
    pub created_by: &'o str,
}

/// Adds a key.
pub async fn create(
    tx: &mut TenantTx,
    origin: &Origin<'_>,
    settings: &Settings<'_>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into api_keys (tenant_id, id, name, hash, last4, team_id, member_id, models, requests_per_minute, \
         tokens_per_minute, concurrent, expires_at, rotated_from, created_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.0,
        origin.id.0,
        settings.name,
        origin.hash.as_slice(),
        origin.last4,
        settings.team.map(|id| id.0),
        origin.member.map(|id| id.0),
        settings.models,
        settings.requests_per_minute,
        settings.tokens_per_minute,
        settings.concurrent,
        settings.expires_at,
        origin.rotated_from.map(|id| id.0),
        origin.created_by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Changes a key that is still at a version.
pub async fn change(
    tx: &mut TenantTx,
    id: ApiKeyId,
    version: i32,
    settings: &Settings<'_>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update api_keys set name = $4, team_id = $5, models = $6, requests_per_minute = $7, tokens_per_minute = $8, \
         concurrent = $9, expires_at = $10, version = version + 1 \
         where tenant_id = $1 and id = $2 and version = $3 and revoked_at is null",
        tenant.0,
        id.0,
        version,
        settings.name,
        settings.team.map(|id| id.0),
        settings.models,
        settings.requests_per_minute,
        settings.tokens_per_minute,
        settings.concurrent,
        settings.expires_at,
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Gives a key another secret's hash.
pub async fn set_hash(
    tx: &mut TenantTx,
    id: ApiKeyId,
    hash: &[u8; 32],
    last4: &str,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update api_keys set hash = $3, last4 = $4, version = version + 1 where tenant_id = $1 and id = $2",
        tenant.0,
        id.0,
        hash.as_slice(),
        last4
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Revokes a key. Whether it was still alive.
pub async fn revoke(tx: &mut TenantTx, id: ApiKeyId) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update api_keys set revoked_at = now(), version = version + 1 \
         where tenant_id = $1 and id = $2 and revoked_at is null",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A key, locked until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: ApiKeyId) -> Result<ApiKeyRow, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        ApiKeyRow,
        "select tenant_id, id, name, hash, last4, team_id, member_id, models, requests_per_minute, tokens_per_minute, \
         concurrent, expires_at, rotated_from, created_by, version, created_at, revoked_at \
         from api_keys where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Which keys a list has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name or last four characters contain this.
    pub search: String,
    /// Only this member's.
    pub member: Option<MemberId>,
    /// Whether revoked and expired ones are in.
    pub with_dead: bool,
    /// Older than this one.
    pub before: Option<ApiKeyId>,
    /// How many at most.
    pub limit: i64,
}

/// A page of a tenant's keys, newest first.
pub async fn list(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<ApiKeyRow>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        ApiKeyRow,
        "select tenant_id, id, name, hash, last4, team_id, member_id, models, requests_per_minute, tokens_per_minute, \
         concurrent, expires_at, rotated_from, created_by, version, created_at, revoked_at \
         from api_keys where tenant_id = $1 and ($2 = '' or strpos(lower(name), lower($2)) > 0 or last4 = $2) \
         and ($3::uuid is null or member_id = $3) \
         and ($4 or (revoked_at is null and (expires_at is null or expires_at > now()))) \
         and ($5::uuid is null or id < $5) order by id desc limit $6",
        tenant.0,
        filter.search,
        filter.member.map(|id| id.0),
        filter.with_dead,
        filter.before.map(|id| id.0),
        filter.limit,
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// The living keys of several tenants.
pub async fn living(
    conn: &mut PgConnection,
    tenants: &[Uuid],
) -> Result<Vec<ApiKeyRow>, StoreError> {
    Ok(sqlx::query_as!(
        ApiKeyRow,
        "select tenant_id, id, name, hash, last4, team_id, member_id, models, requests_per_minute, tokens_per_minute, \
         concurrent, expires_at, rotated_from, created_by, version, created_at, revoked_at \
         from api_keys k where tenant_id = any($1) and revoked_at is null and not exists (select 1 from members m \
         where m.tenant_id = k.tenant_id and m.id = k.member_id and m.removed_at is not null) order by id",
        tenants
    )
    .fetch_all(conn)
    .await?)
}
