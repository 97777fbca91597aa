//! The whole configuration of tenants, several at a time: what the world is made of.

use super::{
    StoreError,
    api_keys::{self, ApiKeyRow},
    budgets::{self, BudgetRow},
    guards::{self, GuardRow},
    models::{self, ModelRow},
    provider_keys::{self, ProviderKeyRow},
    providers::{self, ProviderRow},
    routes::{self, RouteRow},
    tenants::{self, TenantRow},
};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A tenant's configuration.
#[derive(Debug, Clone)]
pub struct TenantConfig {
    /// The tenant.
    pub tenant: TenantRow,
    /// Names by id.
    pub teams: BTreeMap<Uuid, String>,
    /// E-mail addresses by id, of those that are not removed.
    pub members: BTreeMap<Uuid, String>,
    /// The living keys.
    pub api_keys: Vec<ApiKeyRow>,
    /// Providers.
    pub providers: Vec<ProviderRow>,
    /// Provider keys.
    pub provider_keys: Vec<ProviderKeyRow>,
    /// Models.
    pub models: Vec<ModelRow>,
    /// Routes.
    pub routes: Vec<RouteRow>,
    /// Guards.
    pub guards: Vec<GuardRow>,
    /// Budgets.
    pub budgets: Vec<BudgetRow>,
}

/// Reads the configuration of several tenants, in the order of their ids.
pub async fn load(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<TenantConfig>, StoreError> {
    let mut all: BTreeMap<Uuid, TenantConfig> = BTreeMap::new();
    for tenant in tenants::of(conn, ids).await? {
        let config = TenantConfig {
            tenant: tenant.clone(),
            teams: BTreeMap::new(),
            members: BTreeMap::new(),
            api_keys: Vec::new(),
            providers: Vec::new(),
            provider_keys: Vec::new(),
            models: Vec::new(),
            routes: Vec::new(),
            guards: Vec::new(),
            budgets: Vec::new(),
        };
        all.insert(tenant.id, config);
    }
    let teams =
        sqlx::query!("select tenant_id, id, name from teams where tenant_id = any($1)", ids)
            .fetch_all(&mut *conn)
            .await?;
    for row in teams {
        all.entry(row.tenant_id).and_modify(|config| drop(config.teams.insert(row.id, row.name)));
    }
    let members = sqlx::query!(
        "select m.tenant_id, m.id, p.email from members m join people p on p.id = m.person_id \
         where m.tenant_id = any($1) and m.removed_at is null",
        ids
    )
    .fetch_all(&mut *conn)
    .await?;
    for row in members {
        all.entry(row.tenant_id)
            .and_modify(|config| drop(config.members.insert(row.id, row.email)));
    }
    for row in api_keys::living(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.api_keys.push(row));
    }
    for row in providers::of(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.providers.push(row));
    }
    for row in provider_keys::of(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.provider_keys.push(row));
    }
    for row in models::of(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.models.push(row));
    }
    for row in routes::of(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.routes.push(row));
    }
    for row in guards::of(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.guards.push(row));
    }
    for row in budgets::of(conn, ids).await? {
        all.entry(row.tenant_id).and_modify(|config| config.budgets.push(row));
    }
    Ok(all.into_values().collect())
}
