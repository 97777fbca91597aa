//! The config document: a TOML file with the node's own settings, providers, models, routes and tenants. Its shape is
//! a contract with outside tools, so reading it is strict (unknown keys are errors) and tolerant at once: every mistake
//! is reported, with line and key, in one go.

mod check;
mod guards;
mod keys;
mod node;
mod price_book;
mod prices;
mod problem;
mod providers;
mod reader;
mod routes;
mod strategies;
mod tenants;
mod values;
mod world;

pub use guards::GuardEntry;
pub use keys::{AwsKeyRef, KeyRef, ProviderKeyEntry};
pub use node::{Control, Counters, CountersBackend, Embedder, Server, Telemetry, UsageSink};
pub use price_book::read_price_book;
pub use prices::price_to_json;
pub use problem::Problem;
pub use providers::{ModelEntry, ProviderEntry};
pub use routes::RouteEntry;
pub use tenants::{ApiKeyEntry, ApiKeySecret, BudgetEntry, TenantEntry};
pub use world::{Resolve, world_from};

use problem::Problems;
use reader::Section;
use std::{collections::BTreeMap, path::PathBuf};

/// A document that was read without a mistake. References to secrets are still references.
#[derive(Debug, Default)]
pub struct Document {
    /// `[server]`.
    pub server: Server,
    /// `[counters]`.
    pub counters: Counters,
    /// `[usage]`.
    pub usage: UsageSink,
    /// `[telemetry]`.
    pub telemetry: Telemetry,
    /// `[embedder]`.
    pub embedder: Option<Embedder>,
    /// `[control]`.
    pub control: Option<Control>,
    /// `[providers.NAME]`.
    pub providers: BTreeMap<String, ProviderEntry>,
    /// `[models."provider/model"]`.
    pub models: BTreeMap<String, ModelEntry>,
    /// `[routes.NAME]`.
    pub routes: BTreeMap<String, RouteEntry>,
    /// `[guards.NAME]`.
    pub guards: BTreeMap<String, GuardEntry>,
    /// `[tenants.NAME]`.
    pub tenants: BTreeMap<String, TenantEntry>,
}

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; its content without the line end is the secret.
    File(PathBuf),
    /// A provider key that the control plane holds sealed, by its id.
    ProviderKey(String),
    /// The secret itself, where `allow_inline_secrets` is set.
    Inline(InlineSecret),
}

/// A secret that stands in the document.
#[derive(Clone, PartialEq, Eq)]
pub struct InlineSecret(pub String);

impl std::fmt::Debug for InlineSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InlineSecret(…)")
    }
}

/// A value and where it stands, for messages about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// The byte offset of the value in the document.
    pub offset: usize,
    /// Its key, as in `routes.support.targets[0].use`.
    pub key: String,
}

/// Reads a document. On failure the list has every mistake in the order of lines: syntax, unknown keys, wrong values
/// and dangling references together.
pub fn read(text: &str) -> Result<Document, Vec<Problem>> {
    let problems = Problems::new(text);
    let (table, syntax) = toml::de::DeTable::parse_recoverable(text);
    for error in syntax {
        problems.add(error.span().map_or(0, |span| span.start), "", error.message());
    }
    let document = Document::read(&Section::new(table.get_ref(), String::new(), 0, &problems));
    check::references(&document, &problems);
    let list = problems.into_list();
    if list.is_empty() { Ok(document) } else { Err(list) }
}

impl Document {
    fn read(root: &Section) -> Self {
        let inline = root.bool("allow_inline_secrets").unwrap_or(false);
        root.allow_inline_secrets(inline);
        root.not_yet("label_routes");
        let document = Self {
            server: root.section("server").map(node::server).unwrap_or_default(),
            counters: root.section("counters").map(node::counters).unwrap_or_default(),
            usage: root.section("usage").map(node::usage).unwrap_or_default(),
            telemetry: root.section("telemetry").map(node::telemetry).unwrap_or_default(),
            embedder: root.section("embedder").and_then(node::embedder),
            control: root.section("control").map(node::control),
            providers: root.named("providers", providers::provider),
            models: root.named("models", providers::model),
            routes: root.named("routes", routes::route),
            guards: root.named("guards", guards::guard),
            tenants: root.named("tenants", tenants::tenant),
        };
        if document.control.is_some() {
            for table in ["providers", "models", "routes", "guards", "tenants"] {
                root.refuse(
                    table,
                    "with [control] the world comes from the control plane: remove this table",
                );
            }
        }
        document
    }
}

#[cfg(test)]
mod tests;
