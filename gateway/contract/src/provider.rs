//! Providers: whom we can call, and with what.

use crate::{
    ids::{ProviderId, ProviderKeyId, TenantId},
    pricing::Price,
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A kind of provider: decides the wire format, the default base URL and the quirks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// api.openai.com.
    Openai,
    /// Any server that speaks OpenAI's format.
    OpenaiCompatible,
    /// A vLLM server.
    Vllm,
    /// An Ollama server, by its OpenAI-compatible endpoint.
    Ollama,
}

impl ProviderKind {
    /// All kinds that this version can call.
    pub const ALL: [Self; 4] = [Self::Openai, Self::OpenaiCompatible, Self::Vllm, Self::Ollama];

    /// Kinds of the config format that are not available yet.
    pub const PLANNED: [&str; 29] = [
        "azure_openai",
        "anthropic",
        "gemini",
        "vertex",
        "bedrock",
        "mistral",
        "cohere",
        "deepseek",
        "qwen",
        "groq",
        "xai",
        "together",
        "fireworks",
        "cerebras",
        "perplexity",
        "moonshot",
        "zai",
        "openrouter",
        "nvidia_nim",
        "huggingface",
        "deepinfra",
        "sambanova",
        "nebius",
        "novita",
        "github_models",
        "llama_cpp",
        "lm_studio",
        "tgi",
        "sglang",
    ];

    /// The name in the config document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::OpenaiCompatible => "openai_compatible",
            Self::Vllm => "vllm",
            Self::Ollama => "ollama",
        }
    }

    /// The kind with that name in the config document.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Where the kind is found unless the config says otherwise.
    pub const fn default_base_url(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Ollama => Some("http://localhost:11434/v1"),
            Self::OpenaiCompatible | Self::Vllm => None,
        }
    }

    /// Whether a provider of this kind refuses calls without a key.
    pub const fn needs_key(self) -> bool {
        matches!(self, Self::Openai)
    }
}

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

/// A provider as the gateway calls it.
#[derive(Debug)]
pub struct Provider {
    /// Its name.
    pub id: ProviderId,
    /// Its kind.
    pub kind: ProviderKind,
    /// What precedes `/chat/completions`, without a trailing slash; a valid http or https URL.
    pub base_url: String,
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

/// What is known of a model at a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// Its price; absent: unpriced.
    pub price: Option<Price>,
    /// Tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// The most tokens of an answer.
    pub max_output: Option<u64>,
    /// What it can do; absent: not known, so nothing is ruled out.
    pub capabilities: Option<BTreeSet<String>>,
}
