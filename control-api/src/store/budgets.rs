//! Budgets.

use super::{StoreError, TenantTx};
use crate::ids::{ApiKeyId, BudgetId, MemberId, TeamId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A budget.
#[derive(Debug, Clone)]
pub struct BudgetRow {
    /// Whose.
    pub tenant_id: Uuid,
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How much a window allows.
    pub limit_nano_usd: i64,
    /// `hour`, `day`, `week`, `month` or `total`.
    pub time_window: String,
    /// Of this team.
    pub team_id: Option<Uuid>,
    /// Of this member.
    pub member_id: Option<Uuid>,
    /// With this API key.
    pub api_key_id: Option<Uuid>,
    /// Served by this provider.
    pub provider: Option<String>,
    /// Served by one of these targets.
    pub models: Option<Vec<String>>,
    /// `block` or `alert`.
    pub on_exceed: String,
    /// `deny`, `lease`, `allow`, or as the node says.
    pub on_outage: Option<String>,
    /// Percentages of the limit.
    pub alert_at: Vec<i16>,
    /// `enforce` or `shadow`.
    pub mode: String,
    /// Rises with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What people may change of a budget.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// How much a window allows.
    pub limit_nano_usd: i64,
    /// The window.
    pub time_window: String,
    /// Of this team.
    pub team: Option<TeamId>,
    /// Of this member.
    pub member: Option<MemberId>,
    /// With this API key.
    pub api_key: Option<ApiKeyId>,
    /// Served by this provider.
    pub provider: Option<String>,
    /// Served by one of these targets.
    pub models: Option<Vec<String>>,
    /// What happens to a request that does not fit.
    pub on_exceed: String,
    /// What happens while the counters are out of reach.
    pub on_outage: Option<String>,
    /// Percentages of the limit.
    pub alert_at: Vec<i16>,
    /// Whether it acts.
    pub mode: String,
}

/// The budgets of several tenants.
pub async fn of(conn: &mut PgConnection, tenants: &[Uuid]) -> Result<Vec<BudgetRow>, StoreError> {
    Ok(sqlx::query_as!(
        BudgetRow,
        "select tenant_id, id, name, limit_nano_usd, time_window, team_id, member_id, api_key_id, provider, models, \
         on_exceed, on_outage, alert_at, mode, version, created_at from budgets where tenant_id = any($1) order by name",
        tenants
    )
    .fetch_all(conn)
    .await?)
}

/// Adds a budget.
pub async fn create(tx: &mut TenantTx, id: BudgetId, new: &Settings) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into budgets (tenant_id, id, name, limit_nano_usd, time_window, team_id, member_id, api_key_id, \
         provider, models, on_exceed, on_outage, alert_at, mode) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.0,
        id.0,
        new.name,
        new.limit_nano_usd,
        new.time_window,
        new.team.map(|id| id.0),
        new.member.map(|id| id.0),
        new.api_key.map(|id| id.0),
        new.provider,
        new.models.as_deref(),
        new.on_exceed,
        new.on_outage,
        &new.alert_at,
        new.mode,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Changes a budget; with a version only if it is still at it.
pub async fn change(
    tx: &mut TenantTx,
    id: BudgetId,
    version: Option<i32>,
    new: &Settings,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update budgets set name = $4, limit_nano_usd = $5, time_window = $6, team_id = $7, member_id = $8, \
         api_key_id = $9, provider = $10, models = $11, on_exceed = $12, on_outage = $13, alert_at = $14, mode = $15, \
         version = version + 1 where tenant_id = $1 and id = $2 and ($3::int is null or version = $3)",
        tenant.0,
        id.0,
        version,
        new.name,
        new.limit_nano_usd,
        new.time_window,
        new.team.map(|id| id.0),
        new.member.map(|id| id.0),
        new.api_key.map(|id| id.0),
        new.provider,
        new.models.as_deref(),
        new.on_exceed,
        new.on_outage,
        &new.alert_at,
        new.mode,
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

/// Deletes a budget.
pub async fn delete(tx: &mut TenantTx, id: BudgetId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from budgets where tenant_id = $1 and id = $2", tenant.0, id.0)
        .execute(&mut **tx)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
