//! People: who they are, and where they may act. Only across tenants: a person can be a member of several.

use super::{StoreError, SystemTx};
use crate::ids::{PersonId, TenantId};
use chrono::{DateTime, Utc};
use tollgate_contract::secret::Secret;
use uuid::Uuid;

/// A person that is not disabled.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// Their id.
    pub id: Uuid,
    /// How they sign in, in lower case.
    pub email: String,
    /// How they are called.
    pub name: String,
    /// The hash of their password; absent: they get in by links only.
    pub password_hash: Option<Secret>,
    /// Whether they run the platform.
    pub is_operator: bool,
}

/// The person of an address.
pub async fn by_email(tx: &mut SystemTx, email: &str) -> Result<Option<PersonRow>, StoreError> {
    let row = sqlx::query!(
        "select id, email, name, password_hash, is_operator from people where email = $1 and disabled_at is null",
        email
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| PersonRow {
        id: row.id,
        email: row.email,
        name: row.name,
        password_hash: row.password_hash.map(Secret::new),
        is_operator: row.is_operator,
    }))
}

/// The person of an id.
pub async fn by_id(tx: &mut SystemTx, id: PersonId) -> Result<PersonRow, StoreError> {
    let row = sqlx::query!(
        "select id, email, name, password_hash, is_operator from people where id = $1 and disabled_at is null",
        id.0
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(PersonRow {
        id: row.id,
        email: row.email,
        name: row.name,
        password_hash: row.password_hash.map(Secret::new),
        is_operator: row.is_operator,
    })
}

/// The person of an address, made if there is none.
pub async fn ensure(tx: &mut SystemTx, email: &str) -> Result<PersonId, StoreError> {
    let id = sqlx::query_scalar!(
        "insert into people (id, email) values ($1, $2) on conflict (email) do update set email = excluded.email \
         returning id",
        PersonId::new().0,
        email
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(PersonId(id))
}

/// Lets a person run the platform.
pub async fn make_operator(tx: &mut SystemTx, id: PersonId) -> Result<(), StoreError> {
    sqlx::query!("update people set is_operator = true where id = $1", id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Sets the hash of a password.
pub async fn set_password(tx: &mut SystemTx, id: PersonId, hash: &str) -> Result<(), StoreError> {
    sqlx::query!("update people set password_hash = $2 where id = $1", id.0, hash)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Sets how a person is called.
pub async fn rename(tx: &mut SystemTx, id: PersonId, name: &str) -> Result<(), StoreError> {
    sqlx::query!("update people set name = $2 where id = $1", id.0, name)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether nobody has ever got in as this person: no password, no membership that was accepted, no operator.
pub async fn is_new(tx: &mut SystemTx, id: PersonId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        "select p.password_hash is null and not p.is_operator and not exists (select 1 from members m \
         where m.person_id = p.id and m.removed_at is null) as \"new!\" from people p where p.id = $1",
        id.0
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// A tenant that a person is a member of.
#[derive(Debug, Clone)]
pub struct MembershipRow {
    /// Which.
    pub tenant_id: Uuid,
    /// Its name.
    pub tenant_name: String,
    /// As which member.
    pub member_id: Uuid,
    /// With which role.
    pub role: String,
}

/// The tenants that a person is a member of, the oldest membership first; without suspended ones.
pub async fn memberships(
    tx: &mut SystemTx,
    id: PersonId,
) -> Result<Vec<MembershipRow>, StoreError> {
    Ok(sqlx::query_as!(
        MembershipRow,
        "select m.tenant_id, t.name as tenant_name, m.id as member_id, m.role from members m \
         join tenants t on t.id = m.tenant_id \
         where m.person_id = $1 and m.removed_at is null and t.suspended_at is null order by m.created_at, m.id",
        id.0
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A person as they stand in a tenant.
#[derive(Debug, Clone)]
pub struct StandingRow {
    /// How they sign in.
    pub email: String,
    /// Whether they run the platform.
    pub is_operator: bool,
    /// The tenant, if it is there and serves them: operators see suspended ones too.
    pub tenant_id: Option<Uuid>,
    /// As which member.
    pub member_id: Option<Uuid>,
    /// With which role.
    pub role: Option<String>,
    /// When the member was seen last.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// How a person stands in a tenant.
pub async fn standing(
    tx: &mut SystemTx,
    id: PersonId,
    tenant: TenantId,
) -> Result<StandingRow, StoreError> {
    Ok(sqlx::query_as!(
        StandingRow,
        "select p.email, p.is_operator, t.id as \"tenant_id?\", m.id as \"member_id?\", m.role as \"role?\", \
         m.last_seen_at as \"last_seen_at?\" from people p \
         left join tenants t on t.id = $2 and (t.suspended_at is null or p.is_operator) \
         left join members m on m.tenant_id = t.id and m.person_id = p.id and m.removed_at is null \
         where p.id = $1 and p.disabled_at is null",
        id.0,
        tenant.0
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Notes that a member was seen.
pub async fn seen(tx: &mut SystemTx, id: PersonId, tenant: TenantId) -> Result<(), StoreError> {
    sqlx::query!(
        "update members set last_seen_at = now() where tenant_id = $2 and person_id = $1 and removed_at is null",
        id.0,
        tenant.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
