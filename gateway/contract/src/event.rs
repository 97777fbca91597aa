//! The usage event: what a gateway reports of each request. One JSON object; the same in a file, in the stream and in
//! the database. Never content, never a secret.

use crate::{
    ids::{ApiKeyId, MemberId, ProviderKeyId, RouteId, TeamId, TenantId},
    money::NanoUsd,
    usage::Usage,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request as it ended. Corrections are further events (`adjusts`).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UsageEvent {
    /// The request's id (UUIDv7), or `<id>:<n>` for a correction.
    pub id: String,
    /// The event that this one corrects; its cost and usage are then differences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusts: Option<String>,
    /// When the request came in, RFC 3339 in UTC.
    pub at: String,
    /// Whose request.
    pub tenant: TenantId,
    /// The API key's team.
    pub team: Option<TeamId>,
    /// Whose API key.
    pub member: Option<MemberId>,
    /// The API key's name.
    pub api_key: ApiKeyId,
    /// Whom the app's request was for, as the body says.
    pub user: Option<String>,
    /// The app's own key-values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Which API was called: `chat`, `embeddings`.
    pub api: String,
    /// The `model` as sent.
    pub requested: String,
    /// The route that it named.
    pub route: Option<RouteId>,
    /// What served it.
    pub target: Option<String>,
    /// The provider key that served it.
    pub provider_key: Option<ProviderKeyId>,
    /// The HTTP status that the app got; 499 if it left before.
    pub status: u16,
    /// The error code that the app got, or what broke the stream.
    pub error: Option<String>,
    /// Whether the answer streamed.
    pub stream: bool,
    /// `hit`, `miss` or `off`.
    pub cache: String,
    /// What was consumed and is charged.
    pub usage: Usage,
    /// The charge.
    pub cost_nano_usd: NanoUsd,
    /// The charge at list prices.
    pub list_cost_nano_usd: NanoUsd,
    /// What the answer cost that a cache hit saved; nothing was charged for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_nano_usd: Option<NanoUsd>,
    /// How near the prompt is to the nearest one whose answer is cached, as cosine similarity, where the route's cache
    /// compares meanings and has none for the very same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_similarity: Option<f64>,
    /// Whether the usage is our own count, because the provider gave none.
    pub estimated: bool,
    /// Whether the provider's usage was out of bounds and clipped.
    pub disputed: bool,
    /// The attempts in order.
    pub attempts: Vec<AttemptRecord>,
    /// Microseconds per stage of the gateway.
    pub timing_us: BTreeMap<String, u64>,
    /// Why it went where it went.
    pub decision: Option<Decision>,
    /// What guards found in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardFinding>,
    /// What it was made for, if the gateway made it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// What a guard found; never what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardFinding {
    /// The guard's name.
    pub guard: String,
    /// The name of its pattern.
    pub found: String,
    /// Whether the request was refused for it.
    pub blocked: bool,
}

/// The request that another one was made for by the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// The id of the app's request.
    pub request: String,
    /// Why.
    pub purpose: Purpose,
}

/// Why the gateway makes a request of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A copy to another target, for comparison.
    Shadow,
    /// The prompt's vector, for a route by meaning.
    Embedding,
}

impl Purpose {
    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Embedding => "embedding",
        }
    }
}

/// One call of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// What was called.
    pub target: String,
    /// With which provider key.
    pub provider_key: Option<ProviderKeyId>,
    /// Milliseconds since the request came in.
    pub started_ms: u64,
    /// The same, to the first byte of the answer.
    pub first_byte_ms: Option<u64>,
    /// The same, to its end.
    pub ended_ms: u64,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// The class of its failure.
    pub error: Option<String>,
    /// What it consumed, if it was charged.
    pub usage: Usage,
    /// Its part of the charge.
    pub cost_nano_usd: NanoUsd,
    /// Whether it was started beside a slow first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hedge: bool,
    /// What an abandoned call may have cost at the provider; charged to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed_nano_usd: Option<NanoUsd>,
}

/// The plan and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The strategy that ordered the targets.
    pub strategy: String,
    /// The order.
    pub plan: Vec<String>,
    /// Targets that were out, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub out: Vec<RuledOut>,
    /// The routes on the way, outermost first; empty for a target that was named itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteId>,
    /// What the targets were ordered by, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
    /// What decided a route by rules or by meaning, or why it took its default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// How near the prompt is to each intent, as cosine similarity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub similarities: BTreeMap<String, f64>,
    /// What the decision depended on; never content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<DecisionFacts>,
}

/// What is known of a request when it is decided where it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFacts {
    /// Prompt tokens by our own estimate.
    pub input_tokens: u64,
    /// The most answer tokens that the app asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// What a target must be able to do: `tools`, `vision`, `json_schema`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// What a target was ordered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Which.
    pub target: String,
    /// The number; less is better for costs, times and sums, more for weights and rates.
    pub value: f64,
    /// What it is: `nano_usd`, `ms`, `ms_per_token`, `success_rate`, `sum`, `weight`.
    pub unit: String,
}

/// A target that could not serve the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// Which.
    pub target: String,
    /// Why, in words.
    pub reason: String,
}
