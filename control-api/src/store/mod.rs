//! Every SQL statement, one file per group of tables. Statements are static text, checked against the schema when they
//! are compiled; the tenant is in the `where` of each, and row-level security stands behind it.

pub mod api_key_list;
pub mod api_keys;
pub mod audit_log;
pub mod budgets;
pub mod config;
pub mod creators;
pub mod guards;
pub mod idempotency;
pub mod members;
pub mod models;
pub mod nodes;
pub mod over;
pub mod people;
pub mod price_book;
pub mod provider_keys;
pub mod providers;
pub mod route_traffic;
pub mod routes;
pub mod sessions;
pub mod teams;
pub mod tenant_activity;
pub mod tenants;
pub mod tokens;
pub mod usage;
pub mod world;

use crate::ids::TenantId;
use sqlx::{
    PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

/// What a statement can end with, as far as callers tell it apart.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row in this tenant.
    #[error("not found")]
    NotFound,
    /// The row is there in another version.
    #[error("stale")]
    Stale,
    /// A unique index refused; what it is about.
    #[error("{0} exists already")]
    Duplicate(&'static str),
    /// A foreign key refused; what it is about.
    #[error("{0} does not exist or is in use")]
    Reference(&'static str),
    /// No connection, or it broke.
    #[error("the database cannot be reached")]
    Unreachable,
    /// Anything else.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::WorkerCrashed => {
                tracing::warn!(%error, "The database cannot be reached");
                Self::Unreachable
            }
            sqlx::Error::Database(database) => {
                let code = database.code();
                let code = code.as_deref().unwrap_or_default();
                if database.is_unique_violation() {
                    Self::Duplicate(subject(database.constraint()))
                } else if database.is_foreign_key_violation() {
                    Self::Reference(subject(database.constraint()))
                } else if matches!(code, "57P01" | "57P02" | "57P03" | "53300") {
                    // Shutting down, starting up, or out of connections.
                    tracing::warn!(%error, "The database does not serve now");
                    Self::Unreachable
                } else {
                    Self::Database(error)
                }
            }
            _ => Self::Database(error),
        }
    }
}

/// What a constraint is about, for people.
fn subject(constraint: Option<&str>) -> &'static str {
    const SUBJECTS: [(&str, &str); 13] = [
        ("provider_id", "The provider"),
        ("team_id", "The team"),
        ("member_id", "The member"),
        ("api_key_id", "The API key"),
        ("people_email", "A person with this e-mail address"),
        ("tenants_name", "A tenant with this name"),
        ("teams_", "A team with this name"),
        ("members_", "This member"),
        ("api_keys_", "An API key with this name"),
        ("providers_", "A provider with this name"),
        ("routes_", "A route with this name"),
        ("budgets_", "A budget with this name"),
        ("nodes_", "A node with this name"),
    ];
    let name = constraint.unwrap_or_default();
    SUBJECTS.iter().find(|(part, _)| name.contains(part)).map_or("It", |(_, subject)| subject)
}

/// The database under its two roles.
#[derive(Debug, Clone)]
pub struct Db {
    app: PgPool,
    system: PgPool,
}

/// A transaction that sees one tenant. The only way to one is [`Db::tenant`].
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: TenantId,
}

/// A transaction across tenants: sign-in, publishing, usage, the operator's lists.
#[derive(Debug)]
pub struct SystemTx(Transaction<'static, Postgres>);

/// How long a request waits for a connection.
const POOL_WAIT: Duration = Duration::from_secs(2);

impl Db {
    /// Makes the pools; connections come as they are needed.
    pub fn new(app: PgConnectOptions, system: PgConnectOptions, connections: u32) -> Self {
        let pool = |options: PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(POOL_WAIT)
                .idle_timeout(Duration::from_secs(300))
                .connect_lazy_with(options)
        };
        Self { app: pool(app), system: pool(system) }
    }

    /// Begins a transaction that sees `tenant` only, whatever its statements say.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        let mut tx = self.app.begin().await?;
        sqlx::query_scalar!("select set_config('app.tenant', $1, true)", tenant.0.to_string())
            .fetch_one(&mut *tx)
            .await?;
        Ok(TenantTx { tx, tenant })
    }

    /// Begins a transaction across tenants.
    pub async fn system(&self) -> Result<SystemTx, StoreError> {
        Ok(SystemTx(self.system.begin().await?))
    }

    /// The application's pool, for checks of its role.
    pub const fn app_pool(&self) -> &PgPool {
        &self.app
    }

    /// The jobs' pool, for listening.
    pub const fn system_pool(&self) -> &PgPool {
        &self.system
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.app.close().await;
        self.system.close().await;
    }
}

impl TenantTx {
    /// Whose rows it sees.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Makes it durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

impl SystemTx {
    /// Makes it durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}

impl Deref for SystemTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for SystemTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
