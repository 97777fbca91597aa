//! Routes: a tenant's names for a choice among targets.

use crate::{
    ids::{ProviderId, RouteId},
    pricing::Rates,
    provider::Trust,
    rule::Rule,
};
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

/// One thing that can be called: `provider/upstream-model`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    name: Arc<str>,
    slash: usize,
}

impl Target {
    /// Reads `provider/upstream-model`; the model may contain further slashes. `None` if a part is missing.
    pub fn parse(name: &str) -> Option<Self> {
        let slash = name.find('/')?;
        (slash > 0 && slash + 1 < name.len()).then(|| Self { name: name.into(), slash })
    }

    /// The target of a provider's model.
    pub fn new(provider: &ProviderId, upstream_model: &str) -> Self {
        Self { slash: provider.as_str().len(), name: format!("{provider}/{upstream_model}").into() }
    }

    /// `provider/upstream-model`.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.name[..self.slash]
    }

    /// The provider's own name of the model.
    pub fn upstream_model(&self) -> &str {
        &self.name[self.slash + 1..]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A choice among targets.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name, which apps put in `model`.
    pub id: RouteId,
    /// How targets are ordered.
    pub strategy: Strategy,
    /// The targets as written.
    pub targets: Vec<RouteTarget>,
    /// Timeouts of each attempt.
    pub timeouts: Timeouts,
    /// Which failures go on to the next target.
    pub fallback_on: BTreeSet<FailureClass>,
    /// When a target is left alone for a while.
    pub breaker: BreakerSettings,
    /// Targets above these prices (nano-USD per million tokens) are out.
    pub max_price: Option<Rates>,
    /// Targets below this trust are out.
    pub require_trust: Option<Trust>,
    /// Targets that cannot honour a parameter of the request are passed over.
    pub require_parameters: bool,
    /// A parameter that a target cannot honour is left out and reported, instead of refused.
    pub drop_unsupported: bool,
    /// Whether a second target is started beside a slow first.
    pub hedge: Option<Hedge>,
    /// Who gets a copy of some requests.
    pub shadow: Option<Shadow>,
    /// Whether equal requests get the answer that is already there.
    pub cache: Option<Arc<CacheSettings>>,
}

/// Which requests get an answer that is already there.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheSettings {
    /// How long an answer is good.
    pub ttl: Duration,
    /// Who shares answers.
    pub scope: CacheScope,
    /// Whether requests are cached that do not ask for `temperature: 0`.
    pub any_temperature: bool,
    /// Whether prompts of the same meaning share answers; absent in the mode "exact".
    pub meaning: Option<CacheMeaning>,
}

/// When two prompts mean the same.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheMeaning {
    /// The least cosine similarity.
    pub threshold: f64,
    /// Who turns prompts into vectors; absent: the node's own model.
    pub embedder: Option<Target>,
    /// A request waits for its prompt's vector for so long, then it goes to a provider.
    pub embed_timeout: Duration,
}

impl CacheMeaning {
    /// The least similarity if a route says nothing.
    pub const THRESHOLD: f64 = 0.95;
}

/// Who shares answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// All API keys of the tenant.
    Tenant,
    /// The API keys of a team; a key without a team shares with nobody.
    Team,
    /// One API key.
    ApiKey,
}

impl CacheSettings {
    /// How long an answer is good if the route says nothing.
    pub const TTL: Duration = Duration::from_secs(600);
}

/// How a route orders its targets.
#[derive(Debug, Clone)]
pub enum Strategy {
    /// As written.
    Fallback,
    /// Drawn by weight without replacement.
    Weighted {
        /// What a draw sticks to.
        sticky: Sticky,
    },
    /// Least expected cost of the request first.
    Cheapest,
    /// Least time to the first byte of a stream, or per token of a plain answer, first.
    Fastest,
    /// Highest lower bound of the success rate first.
    Healthiest,
    /// Least weighted sum of normalised cost, latency and error rate first.
    Balanced(Weights),
    /// The intent nearest to the prompt, then the default. Entry `n` of [`Route::targets`] belongs to intent `n`; the
    /// default, if there is one, is the entry after the last intent.
    Semantic(Arc<Semantic>),
    /// The first rule that holds, then the default. Entry `n` of [`Route::targets`] belongs to rule `n`; the default,
    /// if there is one, is the entry after the last rule.
    Rules(Arc<[Rule]>),
}

impl Strategy {
    /// The name in the config document.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::Weighted { .. } => "weighted",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::Healthiest => "healthiest",
            Self::Balanced(_) => "balanced",
            Self::Semantic(_) => "semantic",
            Self::Rules(_) => "rules",
        }
    }
}

/// The weights of the strategy "balanced"; only their ratios matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of the cost.
    pub cost: f64,
    /// Of the latency.
    pub latency: f64,
    /// Of the error rate.
    pub errors: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { cost: 1.0, latency: 1.0, errors: 1.0 }
    }
}

/// What the strategy "semantic" depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Semantic {
    /// Who turns texts into vectors; absent: the node's own model.
    pub embedder: Option<Target>,
    /// After this the route takes its default.
    pub embed_timeout: Duration,
    /// The least cosine similarity of an intent.
    pub threshold: f64,
    /// The intents in the order of the route's targets.
    pub intents: Vec<Intent>,
}

impl Semantic {
    /// How long a route waits for a vector if it says nothing.
    pub const EMBED_TIMEOUT: Duration = Duration::from_millis(300);
    /// The least similarity if a route says nothing.
    pub const THRESHOLD: f64 = 0.45;
}

/// A meaning that prompts may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its name.
    pub name: String,
    /// Prompts that have it.
    pub examples: Vec<String>,
}

/// A second target beside a slow first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hedge {
    /// How long the first has alone.
    pub after: HedgeAfter,
    /// At most this share of a target's traffic is hedged.
    pub budget: f64,
}

impl Hedge {
    /// The share if a route says nothing.
    pub const BUDGET: f64 = 0.05;
}

/// How long the first target has alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgeAfter {
    /// As long as 95 of 100 of its latest answers took.
    P95,
    /// A fixed time.
    Delay(Duration),
}

/// A copy of some requests to another target, for comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// Who gets the copy.
    pub target: Target,
    /// Of how many requests in a hundred.
    pub percent: f64,
}

/// What a weighted draw sticks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// Nothing: each request is drawn anew.
    None,
    /// The user that the request names, else the API key.
    User,
    /// The API key.
    ApiKey,
    /// The value of a metadata entry, else the API key.
    Metadata(String),
}

/// An entry of a route.
#[derive(Debug, Clone)]
pub struct RouteTarget {
    /// What it stands for.
    pub to: Hop,
    /// Its share in a weighted route.
    pub weight: u32,
    /// Retries on this target before the next.
    pub retries: u32,
    /// Time to the first byte of an answer; overrides the route's.
    pub first_byte: Option<Duration>,
}

/// What an entry of a route stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// A target.
    Target(Target),
    /// Another route.
    Route(RouteId),
}

/// How long an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To a connection.
    pub connect: Duration,
    /// To the first byte of an answer that streams; absent as long as the route does not write one.
    pub first_byte: Option<Duration>,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// For everything.
    pub total: Duration,
}

impl Timeouts {
    /// Time to the first byte of a stream where a route says nothing.
    pub const STREAM_FIRST_BYTE: Duration = Duration::from_secs(20);
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: None,
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}

/// A class of failures, as a route's `fallback_on` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// No connection, or one that broke before an answer was complete.
    Connect,
    /// Too slow.
    Timeout,
    /// A 5xx, or nonsense instead of an answer.
    Server,
    /// Rate limited.
    RateLimited,
    /// The provider key was refused (401 or 403).
    Auth,
    /// The provider does not have the model.
    ModelNotFound,
    /// The prompt is too long for the model.
    ContextWindow,
    /// The provider's content filter refused the prompt.
    ContentFilter,
}

impl FailureClass {
    /// All classes: the default of `fallback_on`.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Timeout,
        Self::Server,
        Self::RateLimited,
        Self::Auth,
        Self::ModelNotFound,
        Self::ContextWindow,
        Self::ContentFilter,
    ];

    /// The name in the config document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Server => "5xx",
            Self::RateLimited => "429",
            Self::Auth => "auth",
            Self::ModelNotFound => "model_not_found",
            Self::ContextWindow => "context_window",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row.
    pub failures: u32,
    /// Share of failures in the window, once there are enough requests.
    pub ratio: f64,
    /// How many requests are enough.
    pub min_requests: u32,
    /// The window.
    pub window: Duration,
    /// How long it stays open the first time.
    pub cooldown: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            ratio: 0.5,
            min_requests: 20,
            window: Duration::from_secs(10),
            cooldown: Duration::from_secs(30),
        }
    }
}
