//! Flags, environment and the node's own tables. The only place that reads the environment.

use clap::{Args, Parser, Subcommand};
use std::{net::SocketAddr, path::PathBuf};

/// An AI gateway: apps call it with their unchanged SDKs; it checks limits and budgets, fails over between providers
/// and meters every token.
///
/// With --config FILE everything comes from that file. With --control URL the world streams in from a control plane, and
/// the file may hold this node's own tables only. Without either, OPENAI_API_KEY alone is enough: a fresh API key is
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
    /// Explains routes.
    Route {
        /// What is asked.
        #[command(subcommand)]
        command: RouteCommand,
    },
}

/// What can be asked of routes.
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Says where a request would go, and why: strategy, scores, rules, similarities, and who is out for which reason.
    ///
    /// Health is that of a node that has just started. A route by meaning asks its embedder; nobody else is called.
    Explain(Explain),
}

/// A request to explain.
#[derive(Debug, Args)]
pub struct Explain {
    /// The config file.
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG")]
    pub config: PathBuf,
    /// Whose request, by the API key's name; the first key of the file unless told.
    #[arg(long, value_name = "NAME")]
    pub api_key: Option<String>,
    /// The app's metadata: a JSON object of strings.
    #[arg(long, value_name = "JSON")]
    pub metadata: Option<String>,
    /// As if the answer were to stream.
    #[arg(long)]
    pub stream: bool,
    /// Print the decision as JSON.
    #[arg(long)]
    pub json: bool,
    /// A route, or a target.
    pub model: String,
    /// The prompt.
    pub prompt: String,
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// The config file. A changed file is taken while running.
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Take the world from the control plane at this URL; goes before the one in the config.
    #[arg(long, value_name = "URL")]
    pub control: Option<String>,
    /// The file with this node's token (tgn_…), with --control.
    #[arg(long, value_name = "FILE")]
    pub node_token_file: Option<PathBuf>,
    /// Where the last good world is kept, sealed for this node, with --control: enough to start from while the control
    /// plane is away.
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// What the control plane signs with, 64 hexadecimal digits, with --control. Without it, the key of the snapshot or
    /// of the first contact is believed.
    #[arg(long, value_name = "HEX")]
    pub control_public_key: Option<String>,
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
