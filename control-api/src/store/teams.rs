//! Teams.

use super::{StoreError, TenantTx};
use crate::ids::TeamId;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A team.
#[derive(Debug, Clone)]
pub struct TeamRow {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique in the tenant.
    pub name: String,
    /// How many members it has.
    pub members: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A page of teams, in the order of their ids.
pub async fn list(
    tx: &mut TenantTx,
    after: Option<TeamId>,
    limit: i64,
) -> Result<Vec<TeamRow>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        TeamRow,
        "select t.id, t.name, t.created_at, (select count(*) from members m where m.tenant_id = t.tenant_id \
         and m.team_id = t.id and m.removed_at is null) as \"members!\" from teams t \
         where t.tenant_id = $1 and ($2::uuid is null or t.id > $2) order by t.id limit $3",
        tenant.0,
        after.map(|id| id.0),
        limit
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// Adds a team.
pub async fn create(tx: &mut TenantTx, id: TeamId, name: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into teams (tenant_id, id, name) values ($1, $2, $3)",
        tenant.0,
        id.0,
        name
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives a team another name. The old one.
pub async fn rename(tx: &mut TenantTx, id: TeamId, name: &str) -> Result<String, StoreError> {
    let tenant = tx.tenant();
    let before = sqlx::query_scalar!(
        "select name from teams where tenant_id = $1 and id = $2 for update",
        tenant.0,
        id.0
    )
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query!(
        "update teams set name = $3 where tenant_id = $1 and id = $2",
        tenant.0,
        id.0,
        name
    )
    .execute(&mut **tx)
    .await?;
    Ok(before)
}

/// Deletes a team that nothing living belongs to. Its name.
pub async fn delete(tx: &mut TenantTx, id: TeamId) -> Result<String, StoreError> {
    let tenant = tx.tenant();
    // What is gone does not hold the team.
    sqlx::query!(
        "update members set team_id = null where tenant_id = $1 and team_id = $2 and removed_at > created_at",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "update api_keys set team_id = null where tenant_id = $1 and team_id = $2 and revoked_at is not null",
        tenant.0,
        id.0
    )
    .execute(&mut **tx)
    .await?;
    Ok(sqlx::query_scalar!(
        "delete from teams where tenant_id = $1 and id = $2 returning name",
        tenant.0,
        id.0
    )
    .fetch_one(&mut **tx)
    .await?)
}
