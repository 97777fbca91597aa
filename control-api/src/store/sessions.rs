//! How people get in: browsers' sessions, one-time links, and tries that failed. Secrets are here as hashes only.

use super::{StoreError, SystemTx};
use crate::ids::{PersonId, SessionId, TenantId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A session to be.
#[derive(Debug, Clone)]
pub struct NewSession<'s> {
    /// Its id.
    pub id: SessionId,
    /// The SHA-256 of the cookie.
    pub hash: &'s [u8; 32],
    /// Whose.
    pub person: PersonId,
    /// In which tenant they act.
    pub tenant: Option<TenantId>,
    /// What forms carry.
    pub csrf: &'s str,
    /// From where.
    pub ip: &'s str,
    /// With which browser.
    pub user_agent: &'s str,
    /// When it ends at the latest.
    pub ends_at: DateTime<Utc>,
}

/// A session that lives, with whom it is of.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: Uuid,
    /// What forms carry.
    pub csrf: String,
    /// When it was used last.
    pub last_seen_at: DateTime<Utc>,
    /// When the password was given last.
    pub authenticated_at: DateTime<Utc>,
    /// Whose.
    pub person_id: Uuid,
    /// How they sign in.
    pub email: String,
    /// How they are called.
    pub name: String,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whether they run the platform.
    pub is_operator: bool,
    /// The tenant in which they act, if it is there and serves them.
    pub tenant_id: Option<Uuid>,
    /// Its name.
    pub tenant_name: Option<String>,
    /// As which member.
    pub member_id: Option<Uuid>,
    /// With which role.
    pub role: Option<String>,
}

/// A session in a list.
#[derive(Debug, Clone)]
pub struct ListedSession {
    /// Its id.
    pub id: Uuid,
    /// From where it was begun.
    pub ip: String,
    /// With which browser.
    pub user_agent: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When it was used last.
    pub last_seen_at: DateTime<Utc>,
}

/// Begins a session.
pub async fn create(tx: &mut SystemTx, new: &NewSession<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into sessions (hash, id, person_id, tenant_id, csrf, ip, user_agent, ends_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.hash.as_slice(),
        new.id.0,
        new.person.0,
        new.tenant.map(|id| id.0),
        new.csrf,
        new.ip,
        new.user_agent,
        new.ends_at,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The living session of a cookie.
pub async fn find(tx: &mut SystemTx, hash: &[u8; 32]) -> Result<SessionRow, StoreError> {
    Ok(sqlx::query_as!(
        SessionRow,
        "select s.id, s.csrf, s.last_seen_at, s.authenticated_at, s.person_id, p.email, p.name, \
         p.password_hash is not null as \"has_password!\", p.is_operator, t.id as \"tenant_id?\", \
         t.name as \"tenant_name?\", m.id as \"member_id?\", m.role as \"role?\" \
         from sessions s join people p on p.id = s.person_id and p.disabled_at is null \
         left join tenants t on t.id = s.tenant_id and (t.suspended_at is null or p.is_operator) \
         left join members m on m.tenant_id = t.id and m.person_id = p.id and m.removed_at is null \
         where s.hash = $1 and s.ends_at > now() and s.last_seen_at > now() - interval '30 minutes'",
        hash.as_slice()
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Notes that a session was used.
pub async fn seen(tx: &mut SystemTx, id: SessionId) -> Result<(), StoreError> {
    sqlx::query!("update sessions set last_seen_at = now() where id = $1", id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Gives a session another cookie; the old one is dead.
pub async fn rotate(
    tx: &mut SystemTx,
    id: SessionId,
    hash: &[u8; 32],
    csrf: &str,
    authenticated: bool,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update sessions set hash = $2, csrf = $3, last_seen_at = now(), \
         authenticated_at = case when $4 then now() else authenticated_at end where id = $1",
        id.0,
        hash.as_slice(),
        csrf,
        authenticated
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// The tenant in which the person acts from now on.
pub async fn choose_tenant(
    tx: &mut SystemTx,
    id: SessionId,
    tenant: TenantId,
) -> Result<(), StoreError> {
    sqlx::query!("update sessions set tenant_id = $2 where id = $1", id.0, tenant.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends a session of a person. Whether there was one.
pub async fn end(tx: &mut SystemTx, person: PersonId, id: SessionId) -> Result<bool, StoreError> {
    let done =
        sqlx::query!("delete from sessions where id = $1 and person_id = $2", id.0, person.0)
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a person but one.
pub async fn end_all_of(
    tx: &mut SystemTx,
    person: PersonId,
    keep: Option<SessionId>,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "delete from sessions where person_id = $1 and ($2::uuid is null or id <> $2)",
        person.0,
        keep.map(|id| id.0)
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// The living sessions of a person, the last used one first.
pub async fn of(tx: &mut SystemTx, person: PersonId) -> Result<Vec<ListedSession>, StoreError> {
    Ok(sqlx::query_as!(
        ListedSession,
        "select id, ip, user_agent, created_at, last_seen_at from sessions \
         where person_id = $1 and ends_at > now() and last_seen_at > now() - interval '30 minutes' \
         order by last_seen_at desc",
        person.0
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A one-time link that can still be used.
#[derive(Debug, Clone)]
pub struct LinkRow {
    /// `sign_in` or `invitation`.
    pub kind: String,
    /// Whom it is for.
    pub person_id: Uuid,
    /// Their address.
    pub email: String,
    /// The tenant to which it invites.
    pub tenant_id: Option<Uuid>,
    /// Its name.
    pub tenant_name: Option<String>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

/// Adds a link; earlier ones of the same kind for the same person and tenant are dead.
pub async fn add_link(
    tx: &mut SystemTx,
    hash: &[u8; 32],
    kind: &str,
    person: PersonId,
    tenant: Option<TenantId>,
    ends_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from links where kind = $1 and person_id = $2 and tenant_id is not distinct from $3 and used_at is null",
        kind,
        person.0,
        tenant.map(|id| id.0)
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "insert into links (hash, kind, person_id, tenant_id, ends_at) values ($1, $2, $3, $4, $5)",
        hash.as_slice(),
        kind,
        person.0,
        tenant.map(|id| id.0),
        ends_at
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A link that can still be used, locked until the transaction ends.
pub async fn link(tx: &mut SystemTx, hash: &[u8; 32]) -> Result<LinkRow, StoreError> {
    Ok(sqlx::query_as!(
        LinkRow,
        "select l.kind, l.person_id, p.email, l.tenant_id, t.name as \"tenant_name?\", l.ends_at from links l \
         join people p on p.id = l.person_id and p.disabled_at is null left join tenants t on t.id = l.tenant_id \
         where l.hash = $1 and l.used_at is null and l.ends_at > now() for update of l",
        hash.as_slice()
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Uses a link up.
pub async fn use_link(tx: &mut SystemTx, hash: &[u8; 32]) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update links set used_at = now() where hash = $1 and used_at is null",
        hash.as_slice()
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Ends the unused sign-in links of a person.
pub async fn end_sign_in_links(tx: &mut SystemTx, person: PersonId) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from links where person_id = $1 and kind = 'sign_in' and used_at is null",
        person.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Failures of an account from a network, and until when it has to wait; locked until the transaction ends.
pub async fn failures(
    tx: &mut SystemTx,
    account: &[u8; 32],
    network: &str,
) -> Result<(i32, DateTime<Utc>), StoreError> {
    sqlx::query!(
        "insert into sign_in_failures (account, network, failures, until) values ($1, $2, 0, 'epoch') \
         on conflict do nothing",
        account.as_slice(),
        network
    )
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query!(
        "select failures, until from sign_in_failures \
         where account = $1 and network = $2 for update",
        account.as_slice(),
        network
    )
    .fetch_optional(&mut **tx)
    .await?;
    // A success in between may have taken the row away.
    Ok(row.map_or((0, DateTime::<Utc>::UNIX_EPOCH), |row| (row.failures, row.until)))
}

/// Sets the failures of an account from a network.
pub async fn set_failures(
    tx: &mut SystemTx,
    account: &[u8; 32],
    network: &str,
    failures: i32,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into sign_in_failures (account, network, failures, until) values ($1, $2, $3, $4) \
         on conflict (account, network) do update set failures = $3, until = $4",
        account.as_slice(),
        network,
        failures,
        until
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets the failures of an account from a network.
pub async fn forget_failures(
    tx: &mut SystemTx,
    account: &[u8; 32],
    network: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from sign_in_failures where account = $1 and network = $2",
        account.as_slice(),
        network
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
