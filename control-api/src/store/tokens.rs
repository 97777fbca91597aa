//! Tokens of API clients: management tokens, refresh tokens, and access tokens that were revoked. Hashes only.

use super::{StoreError, SystemTx, TenantTx};
use crate::ids::{ManagementTokenId, PersonId, TenantId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A management token.
#[derive(Debug, Clone)]
pub struct ManagementTokenRow {
    /// Its id.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// The token's last four characters.
    pub last4: String,
    /// What it may do.
    pub role: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was used last.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A management token to be.
#[derive(Debug, Clone)]
pub struct NewManagementToken<'t> {
    /// Its id.
    pub id: ManagementTokenId,
    /// What it is for.
    pub name: &'t str,
    /// The SHA-256 of the token.
    pub hash: &'t [u8; 32],
    /// The token's last four characters.
    pub last4: &'t str,
    /// What it may do.
    pub role: &'t str,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// Who makes it.
    pub created_by: &'t str,
}

/// Adds a management token.
pub async fn create(tx: &mut TenantTx, new: &NewManagementToken<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into management_tokens (tenant_id, id, name, hash, last4, role, expires_at, created_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        new.id.0,
        new.name,
        new.hash.as_slice(),
        new.last4,
        new.role,
        new.expires_at,
        new.created_by
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A page of the tokens that are not revoked, newest first.
pub async fn list(
    tx: &mut TenantTx,
    before: Option<ManagementTokenId>,
    limit: i64,
) -> Result<Vec<ManagementTokenRow>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        ManagementTokenRow,
        "select id, name, last4, role, expires_at, created_by, created_at, last_used_at from management_tokens \
         where tenant_id = $1 and revoked_at is null and ($2::uuid is null or id < $2) order by id desc limit $3",
        tenant.0,
        before.map(|id| id.0),
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Revokes a token. Its name.
pub async fn revoke(tx: &mut TenantTx, id: ManagementTokenId) -> Result<String, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!(
        "update management_tokens set revoked_at = now() where tenant_id = $1 and id = $2 and revoked_at is null \
         returning name",
        tenant.0,
        id.0
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// A living management token of a tenant that is not suspended.
#[derive(Debug, Clone)]
pub struct LivingToken {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// When it was used last.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The management token of a hash.
pub async fn by_hash(tx: &mut SystemTx, hash: &[u8; 32]) -> Result<LivingToken, StoreError> {
    Ok(sqlx::query_as!(
        LivingToken,
        "select k.tenant_id, k.id, k.name, k.role, k.last_used_at from management_tokens k \
         join tenants t on t.id = k.tenant_id and t.suspended_at is null \
         where k.hash = $1 and k.revoked_at is null and k.expires_at > now()",
        hash.as_slice()
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Notes that a management token was used.
pub async fn used(
    tx: &mut SystemTx,
    tenant: TenantId,
    id: ManagementTokenId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update management_tokens set last_used_at = now() where tenant_id = $1 and id = $2",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub struct RefreshRow {
    /// The sign-in that it came of.
    pub family: Uuid,
    /// Whose.
    pub person: PersonId,
    /// In which tenant they act.
    pub tenant: TenantId,
    /// When the sign-in ends.
    pub ends_at: DateTime<Utc>,
}

/// Adds a refresh token.
pub async fn add_refresh(
    tx: &mut SystemTx,
    hash: &[u8; 32],
    refresh: &RefreshRow,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into refresh_tokens (hash, family, person_id, tenant_id, ends_at) values ($1, $2, $3, $4, $5)",
        hash.as_slice(),
        refresh.family,
        refresh.person.0,
        refresh.tenant.0,
        refresh.ends_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A refresh token that is not over, and whether it was used before; locked until the transaction ends.
pub async fn lock_refresh(
    tx: &mut SystemTx,
    hash: &[u8; 32],
) -> Result<(RefreshRow, bool), StoreError> {
    let row = sqlx::query!(
        "select family, person_id, tenant_id, ends_at, used_at from refresh_tokens \
         where hash = $1 and ends_at > now() for update",
        hash.as_slice()
    )
    .fetch_one(&mut **tx)
    .await?;
    let refresh = RefreshRow {
        family: row.family,
        person: PersonId(row.person_id),
        tenant: TenantId(row.tenant_id),
        ends_at: row.ends_at,
    };
    Ok((refresh, row.used_at.is_some()))
}

/// Uses a refresh token up.
pub async fn use_refresh(tx: &mut SystemTx, hash: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query!("update refresh_tokens set used_at = now() where hash = $1", hash.as_slice())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends a sign-in: its refresh tokens, and the access tokens that came of it.
pub async fn end_family(tx: &mut SystemTx, family: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from refresh_tokens where family = $1", family).execute(&mut **tx).await?;
    revoke_access(tx, family).await
}

/// Ends all sign-ins of a person's API clients.
pub async fn end_families_of(tx: &mut SystemTx, person: PersonId) -> Result<(), StoreError> {
    let families = sqlx::query_scalar!(
        "select distinct family from refresh_tokens where person_id = $1",
        person.0
    )
    .fetch_all(&mut **tx)
    .await?;
    for family in families {
        end_family(tx, family).await?;
    }
    Ok(())
}

/// Revokes an access token by its id, or all of one sign-in. It lives for ten minutes at most, so that is how long it
/// is remembered.
pub async fn revoke_access(tx: &mut SystemTx, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into revoked_tokens (jti, ends_at) values ($1, now() + interval '15 minutes') \
         on conflict (jti) do update set ends_at = excluded.ends_at",
        id
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether an access token or its sign-in was revoked.
pub async fn is_revoked(tx: &mut SystemTx, jti: Uuid, family: Uuid) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        "select exists (select 1 from revoked_tokens where jti in ($1, $2)) as \"revoked!\"",
        jti,
        family
    )
    .fetch_one(&mut **tx)
    .await?)
}
