//! The world of a gateway that was started with nothing but an SDK's variables: one tenant, one fresh API key, every
//! provider whose key is there.

use super::file::{Loaded, accepted};
use crate::settings::environment;
use tollgate_contract::{api_key, provider::ProviderKind};

/// A world, and the API key to print once.
pub struct EnvironmentWorld {
    /// The world.
    pub loaded: Loaded,
    /// The key; only its hash is in the world.
    pub api_key: String,
}

/// Builds a world from the environment. `None` if no known variable is set.
pub fn from_environment(random: &[u8; 32]) -> Option<Result<EnvironmentWorld, Vec<String>>> {
    environment("OPENAI_API_KEY").filter(|key| !key.is_empty())?;
    let api_key = api_key::mint(random);
    let hash = api_key::ApiKeyHash::of(&api_key);
    let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let kind = ProviderKind::Openai.name();
    let base_url = environment("OPENAI_BASE_URL").filter(|url| !url.is_empty());
    let base_url = base_url
        .map(|url| format!("base_url = {}\nallow_private_network = true\n", toml_string(&url)));
    let text = format!(
        "[providers.openai]\nkind = \"{kind}\"\nkeys = [{{ env = \"OPENAI_API_KEY\" }}]\n{}\
         [tenants.default.api_keys.default]\nsha256 = \"{hex}\"\n",
        base_url.unwrap_or_default()
    );
    Some(accepted(text, 1, "environment").map(|loaded| EnvironmentWorld { loaded, api_key }))
}

fn toml_string(text: &str) -> String {
    // JSON's escapes are TOML's too.
    serde_json::Value::from(text).to_string()
}
