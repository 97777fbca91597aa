//! Flags, environment and the node's own tables. The only place that reads the environment.

use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf};

/// An AI gateway: apps call it with their unchanged SDKs; it checks limits and budgets, fails over between providers
/// and meters every token.
///
/// With --config FILE everything comes from that file. Without it, OPENAI_API_KEY alone is enough: a fresh API key is
/// printed once and served.
#[derive(Debug, Parser)]
#[command(name = "tollgate-gateway", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Serve,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Checks a config file, prints every mistake and ends with status 2 if there is one.
    Check {
        /// The config file.
        #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG")]
        config: PathBuf,
    },
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// The config file. A changed file is taken while running.
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Take the world from a control plane at this URL (not available in this version).
    #[arg(long, value_name = "URL")]
    pub control: Option<String>,
    /// What apps call, as in 127.0.0.1:8080; goes before the one in the config.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Health and metrics; goes before the one in the config.
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
    /// What is logged, as in info or gateway=debug; goes before the one in the config.
    #[arg(long, value_name = "FILTER", env = "TOLLGATE_LOG")]
    pub log: Option<String>,
}

/// An environment variable, if it is set and is text.
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the place for it")]
    std::env::var(name).ok()
}
