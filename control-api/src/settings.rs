//! Flags and environment. The only place that reads the environment.

#![allow(rustdoc::bare_urls, reason = "these texts are read in a terminal")]

use clap::{Args, Parser, Subcommand};
use sqlx::postgres::PgConnectOptions;
use std::{net::SocketAddr, path::PathBuf, str::FromStr};

/// The control plane of Tollgate: tenants, keys, budgets, the ledger and the console, on Postgres.
#[derive(Debug, Parser)]
#[command(
    name = "tollgate-control",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the console, the control API and the gateways
    Serve(Serve),
    /// Create the database's roles and tables, or bring them up to date
    Migrate(Migrate),
    /// The key-encryption key, which seals provider keys and is never in the database
    #[command(subcommand)]
    Kek(Kek),
    /// Tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Operators of the platform
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Management tokens, for machines that call the control API
    #[command(subcommand)]
    Token(TokenCommand),
    /// Gateway nodes
    #[command(subcommand)]
    Node(NodeCommand),
    /// The ledger: what gateways counted against what is stored
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// The platform's price book: list prices of models, by the day from which they hold
    #[command(subcommand)]
    Prices(PricesCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check a config document and print every mistake; nothing is changed
    Validate(DocumentFile),
    /// Make a tenant's configuration what a config document says, through the control API
    Apply(Apply),
    /// Print a tenant's configuration as a config document, through the control API
    Export(Remote),
}

/// Where the database is.
#[derive(Debug, Clone, Args)]
pub struct Database {
    /// The database under the role tg_app, as in postgres://tg_app:PASSWORD@HOST/tollgate
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The same database under the role tg_system; by default like --database-url with that user
    #[arg(long, value_name = "URL", env = "DATABASE_SYSTEM_URL", hide_env_values = true)]
    pub database_system_url: Option<String>,
}

/// What opens sealed secrets.
#[derive(Debug, Clone, Args)]
pub struct KekFile {
    /// The file with the key-encryption key (`kek new FILE` makes one)
    #[arg(long, value_name = "FILE", env = "TOLLGATE_KEK_FILE")]
    pub kek_file: PathBuf,
}

/// `serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where the database is.
    #[command(flatten)]
    pub database: Database,
    /// What opens sealed secrets.
    #[command(flatten)]
    pub kek: KekFile,
    /// Redis, which the gateways use too: redis://, rediss:// or unix://
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: String,
    /// What people and gateways call
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// How people reach it, as in https://console.example; cookies are Secure where it is https
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8081",
        env = "TOLLGATE_PUBLIC_URL"
    )]
    pub public_url: String,
    /// How apps reach the gateways, for the snippets in the console
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        env = "TOLLGATE_GATEWAY_URL"
    )]
    pub gateway_url: String,
    /// Let tenants use providers at private addresses
    #[arg(long, env = "TOLLGATE_ALLOW_PRIVATE_NETWORKS")]
    pub allow_private_networks: bool,
    /// Connections to the database, for each of its two roles
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=500))]
    pub database_connections: u32,
    /// What is logged, as in info or control_api=debug
    #[arg(long, value_name = "FILTER", default_value = "info", env = "TOLLGATE_LOG")]
    pub log: String,
}

/// `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// The database under a role that owns it and may create roles
    #[arg(long, value_name = "URL", env = "DATABASE_OWNER_URL", hide_env_values = true)]
    pub database_owner_url: String,
    /// Where the application will find it; its passwords are given to the roles
    #[command(flatten)]
    pub database: Database,
}

/// `kek`.
#[derive(Debug, Subcommand)]
pub enum Kek {
    /// Write a new key to a file that does not exist yet
    New {
        /// The file
        file: PathBuf,
    },
}

/// `tenant`.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Create a tenant and its owner, and print its id
    Add {
        /// Its name
        name: String,
        /// The owner's e-mail address
        #[arg(long, value_name = "EMAIL")]
        owner: String,
        /// The time zone of its budgets
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        time_zone: String,
        /// Print the id of the one that is there instead of failing
        #[arg(long)]
        if_missing: bool,
        /// Where the database is.
        #[command(flatten)]
        database: Database,
    },
}

/// `operator`.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Print a link that signs an operator in once within 15 minutes; creates the operator if need be
    Link {
        /// The operator's e-mail address
        #[arg(long, value_name = "EMAIL")]
        email: String,
        /// How people reach the console
        #[arg(
            long,
            value_name = "URL",
            default_value = "http://127.0.0.1:8081",
            env = "TOLLGATE_PUBLIC_URL"
        )]
        public_url: String,
        /// Where the database is.
        #[command(flatten)]
        database: Database,
    },
}

/// `token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a management token and print it once
    New {
        /// The tenant's name
        #[arg(long)]
        tenant: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// owner, admin, billing, member or viewer
        #[arg(long, default_value = "admin")]
        role: String,
        /// Days until it expires
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
        /// Where the database is.
        #[command(flatten)]
        database: Database,
    },
}

/// `node`.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Register a gateway and print its node token once
    Add {
        /// Its name
        name: String,
        /// Do nothing if it is there
        #[arg(long)]
        if_missing: bool,
        /// Where the database is.
        #[command(flatten)]
        database: Database,
        /// What opens sealed secrets.
        #[command(flatten)]
        kek: KekFile,
    },
}

/// `ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Compare every running budget window in Redis with the stored events; status 1 if they differ
    Verify {
        /// Where the database is.
        #[command(flatten)]
        database: Database,
        /// Redis
        #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
        redis_url: String,
        /// Seconds to wait for what is still on its way
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Recompute the hash chains; prints the first wrong row and ends with status 1 if there is one
    Verify {
        /// Where the database is.
        #[command(flatten)]
        database: Database,
    },
}

/// `prices`.
#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// Take over what is new in a price map of LiteLLM (model_prices_and_context_window.json)
    Import(ImportPrices),
    /// Print the rows in force: kind, model, region, since when, input and output in USD per million tokens, source
    List {
        /// Only of this kind of provider
        #[arg(long)]
        kind: Option<String>,
        /// Only of this model
        #[arg(long)]
        model: Option<String>,
        /// Where the database is.
        #[command(flatten)]
        database: Database,
    },
    /// Print all rows of a model and what the built-in catalog has; status 1 if nobody knows it
    Show {
        /// The kind of provider
        kind: String,
        /// The provider's own name of the model
        model: String,
        /// Where the database is.
        #[command(flatten)]
        database: Database,
    },
}

/// `prices import`.
#[derive(Debug, Args)]
pub struct ImportPrices {
    /// The price map
    pub file: PathBuf,
    /// From when on the prices hold: a day (from its beginning, UTC) or a moment; now by default
    #[arg(long, value_name = "DATE")]
    pub effective_from: Option<String>,
    /// Where the prices are from; the file's name and digest by default
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Where the database is.
    #[command(flatten)]
    pub database: Database,
}

/// A config document.
#[derive(Debug, Args)]
pub struct DocumentFile {
    /// The config document
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
}

/// A control API and what it is called with.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// The control API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081", env = "TOLLGATE_URL")]
    pub url: String,
    /// A management token (tgm_…)
    #[arg(long, value_name = "TOKEN", env = "TOLLGATE_TOKEN", hide_env_values = true)]
    pub token: String,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The document.
    #[command(flatten)]
    pub document: DocumentFile,
    /// The control API.
    #[command(flatten)]
    pub remote: Remote,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// A database URL that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no database URL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
pub struct WrongUrl(&'static str);

impl Database {
    /// The application's and the jobs' connections.
    pub fn options(&self) -> Result<(PgConnectOptions, PgConnectOptions), WrongUrl> {
        let app = connect_options(&self.database_url, "DATABASE_URL")?;
        let system = match &self.database_system_url {
            Some(url) => connect_options(url, "DATABASE_SYSTEM_URL")?,
            None => app.clone().username("tg_system"),
        };
        Ok((app, system))
    }
}

/// Reads a database URL. The message never shows it: it has a password.
pub fn connect_options(url: &str, name: &'static str) -> Result<PgConnectOptions, WrongUrl> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(WrongUrl(name));
    }
    Ok(PgConnectOptions::from_str(url)
        .map_err(|_| WrongUrl(name))?
        .application_name("tollgate-control"))
}

/// An environment variable, if it is set and is text.
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the place for it")]
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_broken_database_url_is_told_without_its_password() {
        for wrong in ["", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d"] {
            let message = connect_options(wrong, "DATABASE_URL").unwrap_err().to_string();
            assert!(message.contains("DATABASE_URL") && !message.contains("hunter2"), "{message}");
        }
    }
}
