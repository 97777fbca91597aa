//! The world of a file: read, checked whole, and read again when the file changes. A file with mistakes changes
//! nothing.

use super::secrets;
use crate::state::State;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tollgate_contract::{
    document::{self, Document, Problem},
    world::World,
};

/// A document and the world that it describes.
pub struct Loaded {
    /// The document, for the node's own settings.
    pub document: Document,
    /// The world.
    pub world: World,
    /// The text, to tell whether it changed.
    pub text: String,
}

/// Reads a file. The errors are ready to be shown, one per mistake.
pub fn load(path: &Path, revision: u64) -> Result<Loaded, Vec<String>> {
    accepted(text_of(path)?, revision, &path.display().to_string())
}

/// Reads a file's document and text only: no secret in it is fetched.
pub fn read(path: &Path) -> Result<(Document, String), Vec<String>> {
    let text = text_of(path)?;
    let document =
        document::read(&text).map_err(|problems| show(&path.display().to_string(), &problems))?;
    Ok((document, text))
}

fn text_of(path: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(path).map_err(|error| {
        vec![format!(
            "{}: cannot be read: {error}. Give the right file with --config.",
            path.display()
        )]
    })
}

fn show(name: &str, problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{name}:{problem}")).collect()
}

/// Reads a document's text; `name` is what messages call it.
pub fn accepted(text: String, revision: u64, name: &str) -> Result<Loaded, Vec<String>> {
    let show = |problems: Vec<Problem>| show(name, &problems);
    let document = document::read(&text).map_err(show)?;
    let world =
        document::world_from(&document, &text, revision, &mut secrets::resolve).map_err(show)?;
    let private = private_addresses(&world);
    if private.is_empty() {
        Ok(Loaded { document, world, text })
    } else {
        Err(private.into_iter().map(|line| format!("{name}: {line}")).collect())
    }
}

/// Base URLs that are private addresses without leave. Names are checked when they are connected to.
pub(super) fn private_addresses(world: &World) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    for tenant in world.tenants.values() {
        for provider in
            tenant.upstreams.providers.values().filter(|provider| !provider.allow_private_network)
        {
            let Ok(uri) = provider.base_url.parse::<http::Uri>() else { continue };
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
            let private = host
                .parse::<IpAddr>()
                .is_ok_and(|address| !tollgate_contract::network::is_public(address))
                || host == "localhost";
            if private {
                found.insert(format!(
                    "providers.{}.base_url: {host} is a private address: set allow_private_network = true if it is meant",
                    provider.id
                ));
            }
        }
    }
    found.into_iter().collect()
}

/// Looks at the file every second, and takes a changed one if it is valid. Polling works on every file system and with
/// files that are replaced by rename.
pub async fn watch(path: PathBuf, mut text: String, state: Arc<State>) {
    let mut revision = state.current.load().world.revision;
    let mut rejected = None;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Ok(now) = tokio::fs::read_to_string(&path).await else { continue };
        if now == text || rejected.as_ref() == Some(&now) {
            continue;
        }
        let reloads = &state.telemetry.metrics;
        match accepted(now.clone(), revision + 1, &path.display().to_string()) {
            Ok(loaded) => {
                revision += 1;
                text = now;
                rejected = None;
                state.accept(loaded.world);
                reloads.config_reloaded(true);
                tracing::info!(
                    revision,
                    "The config file changed and was taken (settings of the node itself need a restart)"
                );
            }
            Err(mistakes) => {
                rejected = Some(now);
                reloads.config_reloaded(false);
                for mistake in mistakes {
                    tracing::error!("The changed config file is not taken: {mistake}");
                }
            }
        }
    }
}
