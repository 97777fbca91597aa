//! The node's own tables: `[server]`, `[counters]`, `[usage]`, `[telemetry]`, `[control]`.

use super::{
    InlineSecret, SecretRef,
    reader::Section,
    values::{DocDuration, DocSize},
};
use crate::budget::OnOutage;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What apps call.
    pub listen: SocketAddr,
    /// Health and metrics; never public.
    pub admin_listen: SocketAddr,
    /// The largest body of a request in bytes.
    pub max_body: usize,
    /// How long streams may go on after SIGTERM.
    pub shutdown_grace: Duration,
    /// Worker threads; 0: one per core.
    pub workers: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9090)),
            max_body: 32 << 20,
            shutdown_grace: Duration::from_secs(300),
            workers: 0,
        }
    }
}

/// `[counters]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Where limits and budgets are counted.
    pub backend: CountersBackend,
    /// Where Redis is.
    pub url: Option<SecretRef>,
    /// How long a decision waits for Redis.
    pub timeout: Duration,
    /// What a budget does while Redis is out of reach, unless it says otherwise.
    pub on_outage: OnOutage,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            backend: CountersBackend::Memory,
            url: None,
            timeout: Duration::from_millis(50),
            on_outage: OnOutage::Deny,
        }
    }
}

/// Where limits and budgets are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountersBackend {
    /// In this process; a restart starts at zero.
    Memory,
    /// In Redis, for all nodes together.
    Redis,
}

/// `[usage]`: where usage events go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UsageSink {
    /// Nowhere.
    #[default]
    None,
    /// One JSON object per line.
    File(PathBuf),
    /// The Redis Stream of the tenant's partition.
    Redis,
}

/// `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The base URL of an OTLP/HTTP collector; absent: traces are off.
    pub otlp_endpoint: Option<String>,
    /// What is logged, as in `info` or `info,gateway=debug`.
    pub log: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, log: "info".to_owned() }
    }
}

/// `[control]`: the connected mode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// Where the control API is.
    pub url: Option<String>,
    /// The node token.
    pub token: Option<SecretRef>,
    /// Where the last good world is kept.
    pub snapshot: Option<PathBuf>,
}

/// `[embedder]`: the node's own model for routes by meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedder {
    /// The folder with model.safetensors, tokenizer.json and config.json.
    pub path: PathBuf,
    /// How many prompts are turned into vectors at once; each takes a core.
    pub max_concurrent: usize,
}

pub(super) fn embedder(table: Section) -> Option<Embedder> {
    let max_concurrent = table.number("max_concurrent", 1, 512).map_or(1, |number| number as usize);
    let path = table.required("path")?.string()?;
    Some(Embedder { path: path.into(), max_concurrent })
}

pub(super) fn server(table: Section) -> Server {
    let default = Server::default();
    Server {
        listen: address(&table, "listen").unwrap_or(default.listen),
        admin_listen: address(&table, "admin_listen").unwrap_or(default.admin_listen),
        max_body: table.parsed::<DocSize>("max_body").map_or(default.max_body, |size| size.0),
        shutdown_grace: table
            .parsed::<DocDuration>("shutdown_grace")
            .map_or(default.shutdown_grace, |d| d.0),
        workers: table.number("workers", 0, 512).map_or(default.workers, |n| n as usize),
    }
}

fn address(table: &Section, key: &str) -> Option<SocketAddr> {
    let item = table.item(key)?;
    let parsed = item.string()?.parse().ok();
    if parsed.is_none() {
        item.complain("must be an address and a port, like \"127.0.0.1:8080\" or \"[::]:8080\"");
    }
    parsed
}

pub(super) fn counters(table: Section) -> Counters {
    let default = Counters::default();
    let backend = table
        .word("backend", &[("memory", CountersBackend::Memory), ("redis", CountersBackend::Redis)])
        .unwrap_or(default.backend);
    let url = table.item("url").and_then(|item| {
        match item.as_plain_string().filter(|url| !url.contains('@')) {
            // A URL without a password is no secret.
            Some(url) => Some(SecretRef::Inline(InlineSecret(url))),
            None => item.secret(|_| ()),
        }
    });
    if table.bool("cluster") == Some(true) {
        table.complain("`cluster` is not available in this version: use a single Redis");
    }
    Counters {
        backend,
        url,
        timeout: table.parsed::<DocDuration>("timeout").map_or(default.timeout, |d| d.0),
        on_outage: on_outage(&table).unwrap_or(default.on_outage),
    }
}

pub(super) fn on_outage(table: &Section) -> Option<OnOutage> {
    table.word(
        "on_outage",
        &[("deny", OnOutage::Deny), ("lease", OnOutage::Lease), ("allow", OnOutage::Allow)],
    )
}

pub(super) fn usage(table: Section) -> UsageSink {
    let Some(item) = table.item("sink") else { return UsageSink::None };
    match item.string().as_deref() {
        Some("none") | None => UsageSink::None,
        Some("redis") => UsageSink::Redis,
        Some(text) => match text.strip_prefix("file:") {
            Some(path) if !path.is_empty() => UsageSink::File(path.into()),
            _ => {
                item.complain("must be \"none\", \"redis\" or \"file:PATH\"");
                UsageSink::None
            }
        },
    }
}

pub(super) fn telemetry(table: Section) -> Telemetry {
    let endpoint = table.string_at("otlp_endpoint").filter(|at| !at.value.is_empty());
    if let Some(at) = &endpoint
        && !at.value.starts_with("http://")
        && !at.value.starts_with("https://")
    {
        table.complain(
            "`otlp_endpoint` must be an http or https URL, like \"http://127.0.0.1:4318\"",
        );
    }
    Telemetry {
        otlp_endpoint: endpoint.map(|at| at.value),
        log: table.string("log").unwrap_or_else(|| Telemetry::default().log),
    }
}

pub(super) fn control(table: Section) -> Control {
    Control {
        url: table.string("url"),
        token: table.item("token").and_then(|item| item.secret(|_| ())),
        snapshot: table.string("snapshot").map(PathBuf::from),
    }
}
