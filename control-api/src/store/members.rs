//! Members of a tenant. One who is invited and has not come yet is a row that ended as it began
//! (`removed_at = created_at`): whatever asks for members that are not removed does not see it.

use super::{StoreError, SystemTx, TenantTx};
use crate::ids::{MemberId, PersonId, TeamId, TenantId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A member, or one who is invited.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Its id.
    pub id: Uuid,
    /// Who it is.
    pub person_id: Uuid,
    /// Their address.
    pub email: String,
    /// How they are called.
    pub name: String,
    /// Their role.
    pub role: String,
    /// Their team.
    pub team_id: Option<Uuid>,
    /// Whether they are invited and have not come yet.
    pub invited: bool,
    /// Rises with each change.
    pub version: i32,
    /// Since when they are a member, or invited.
    pub created_at: DateTime<Utc>,
    /// When they were here last.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// A page of members and of those whose invitation is open, in the order of their ids.
pub async fn list(
    tx: &mut TenantTx,
    after: Option<MemberId>,
    limit: i64,
) -> Result<Vec<MemberRow>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        MemberRow,
        "select m.id, m.person_id, p.email, p.name, m.role, m.team_id, m.removed_at is not null as \"invited!\", \
         m.version, m.created_at, m.last_seen_at from members m join people p on p.id = m.person_id \
         where m.tenant_id = $1 and (m.removed_at is null \
         or (m.removed_at = m.created_at and m.created_at > now() - interval '7 days')) \
         and ($2::uuid is null or m.id > $2) order by m.id limit $3",
        tenant.0,
        after.map(|id| id.0),
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A member or an open invitation.
pub async fn get(tx: &mut TenantTx, id: MemberId) -> Result<MemberRow, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        MemberRow,
        "select m.id, m.person_id, p.email, p.name, m.role, m.team_id, m.removed_at is not null as \"invited!\", \
         m.version, m.created_at, m.last_seen_at from members m join people p on p.id = m.person_id \
         where m.tenant_id = $1 and m.id = $2 and (m.removed_at is null \
         or (m.removed_at = m.created_at and m.created_at > now() - interval '7 days'))",
        tenant.0,
        id.0
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// The owners of the transaction's tenant, locked until it ends: two cannot leave at once.
pub async fn lock_owners(tx: &mut TenantTx) -> Result<Vec<MemberId>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_scalar!(
        "select id from members where tenant_id = $1 and role = 'owner' and removed_at is null order by id for update",
        tenant.0
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(MemberId).collect())
}

/// Changes a member that is still at a version.
pub async fn change(
    tx: &mut TenantTx,
    id: MemberId,
    version: i32,
    role: &str,
    team: Option<TeamId>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update members set role = $4, team_id = $5, version = version + 1 where tenant_id = $1 and id = $2 \
         and version = $3 and (removed_at is null or removed_at = created_at)",
        tenant.0,
        id.0,
        version,
        role,
        team.map(|id| id.0)
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Removes a member or withdraws an invitation, and revokes the member's API keys: should they come back, the keys do
/// not. How many keys that were.
pub async fn remove(tx: &mut TenantTx, id: MemberId) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update members set removed_at = greatest(now(), created_at + interval '1 microsecond'), \
         version = version + 1 where tenant_id = $1 and id = $2 and (removed_at is null or removed_at = created_at)",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::NotFound);
    }
    let keys = sqlx::query!(
        "update api_keys set revoked_at = now(), version = version + 1 \
         where tenant_id = $1 and member_id = $2 and revoked_at is null",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(keys.rows_affected())
}

/// What a tenant knows of a person, locked until the transaction ends: the member's role, and whether it is active.
pub async fn of_person(
    tx: &mut SystemTx,
    tenant: TenantId,
    person: PersonId,
) -> Result<Option<(String, bool)>, StoreError> {
    let row = sqlx::query!(
        "select role, removed_at is null as \"active!\" from members where tenant_id = $1 and person_id = $2 for update",
        tenant.0,
        person.0
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (row.role, row.active)))
}

/// The first owner of a new tenant.
pub async fn add_owner(
    tx: &mut SystemTx,
    tenant: TenantId,
    person: PersonId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into members (tenant_id, id, person_id, role) values ($1, $2, $3, 'owner')",
        tenant.0,
        MemberId::new().0,
        person.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Invites a person who is no active member. Who was one before keeps the id.
pub async fn invite(
    tx: &mut SystemTx,
    tenant: TenantId,
    person: PersonId,
    role: &str,
    team: Option<TeamId>,
) -> Result<MemberId, StoreError> {
    let id = sqlx::query_scalar!(
        "insert into members (tenant_id, id, person_id, role, team_id, created_at, removed_at) \
         values ($1, $2, $3, $4, $5, now(), now()) on conflict (tenant_id, person_id) do update \
         set role = excluded.role, team_id = excluded.team_id, created_at = now(), removed_at = now(), \
         last_seen_at = null, version = members.version + 1 where members.removed_at is not null returning id",
        tenant.0,
        MemberId::new().0,
        person.0,
        role,
        team.map(|id| id.0)
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(MemberId(id))
}

/// The invited person comes.
pub async fn join(
    tx: &mut SystemTx,
    tenant: TenantId,
    person: PersonId,
) -> Result<MemberId, StoreError> {
    let id = sqlx::query_scalar!(
        "update members set created_at = now(), removed_at = null, version = version + 1 \
         where tenant_id = $1 and person_id = $2 and removed_at = created_at returning id",
        tenant.0,
        person.0
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(MemberId(id))
}
