//! Providers: whom we can call, and with what.

mod kinds;
mod model;

pub use kinds::{Auth, ProviderKind, Wire};
pub use model::{Mode, Model};

use crate::{
    ids::{ProviderId, ProviderKeyId, TenantId},
    pricing::Price,
    secret::Secret,
};
use serde::{Deserialize, Serialize};

/// How far a provider is trusted with data; rising.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// A company's public API.
    #[default]
    External,
    /// A contract that keeps the data apart.
    Private,
    /// Our own servers.
    SelfHosted,
}

impl Trust {
    /// The name in the config document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Private => "private",
            Self::SelfHosted => "self_hosted",
        }
    }
}

/// Where Bedrock is found in a region.
pub fn bedrock_url(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://bedrock-runtime.{region}.{domain}")
}

/// Where Vertex AI is found for a location.
pub fn vertex_url(location: &str) -> String {
    match location {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
        _ => format!("https://{location}-aiplatform.googleapis.com"),
    }
}

/// A provider as the gateway calls it.
#[derive(Debug)]
pub struct Provider {
    /// Its name.
    pub id: ProviderId,
    /// Its kind.
    pub kind: ProviderKind,
    /// What the provider's own client takes, without a trailing slash; a valid http or https URL.
    pub base_url: String,
    /// Azure OpenAI's dated API; absent: its first version, which has no dates.
    pub api_version: Option<String>,
    /// The region of AWS, or the data zone of Azure.
    pub region: Option<String>,
    /// The Google Cloud project; absent: the one of the service account.
    pub project: Option<String>,
    /// The Google Cloud location; absent: `global`.
    pub location: Option<String>,
    /// The secrets to call it with; none where the provider needs none.
    pub keys: Vec<ProviderKey>,
    /// How far it is trusted.
    pub trust: Trust,
    /// The most requests under way at once, per node.
    pub max_concurrency: Option<usize>,
    /// Headers sent with each call.
    pub headers: Vec<(String, String)>,
    /// Whether private and link-local addresses may be connected to.
    pub allow_private_network: bool,
    /// The price of its models that have none of their own.
    pub price: Option<Price>,
}

/// A provider's secret.
#[derive(Debug)]
pub struct ProviderKey {
    /// Its name, stable over reloads; says nothing about the secret.
    pub id: ProviderKeyId,
    /// What is sent to the provider.
    pub secret: KeySecret,
    /// Its share of the provider's traffic.
    pub weight: u32,
}

/// A provider key's secret, as a world has it.
#[derive(Debug)]
pub enum KeySecret {
    /// From a file world.
    Plain(Secret),
    /// From the control plane: it stays sealed until it is used.
    Sealed(SealedKey),
}

/// A secret that only one node can open, and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: ProviderKeyId,
    /// The version of the record.
    pub version: u32,
    /// See [`crate::sealed`].
    pub envelope: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bedrock_and_vertex_are_found_by_where_they_are() {
        for (location, url) in [
            ("global", "https://aiplatform.googleapis.com"),
            ("eu", "https://aiplatform.eu.rep.googleapis.com"),
            ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ] {
            assert_eq!(vertex_url(location), url);
        }
        assert_eq!(bedrock_url("us-east-1"), "https://bedrock-runtime.us-east-1.amazonaws.com");
        assert_eq!(
            bedrock_url("cn-north-1"),
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
        );
    }
}
