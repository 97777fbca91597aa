//! The log of requests.

use crate::{
    chart::scaled,
    form::Choice,
    format,
    layout::Shell,
    list::{Pager, Query},
};
use askama::Template;
use jiff::Timestamp;
use tollgate_contract::money::NanoUsd;

/// `GET /console/requests?status=ok|errors&model=…&api_key=…&range=1h|24h|7d|30d&q=<id>&cursor=…`; `as_live()` is what
/// refreshes (`fragment=live`).
#[derive(Debug, Clone, Template)]
#[template(path = "requests/list.html", blocks = ["live"])]
pub struct RequestsPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The address of the list.
    pub query: Query,
    /// What `model` can be.
    pub models: Vec<Choice>,
    /// What `api_key` can be.
    pub api_keys: Vec<Choice>,
    /// The rows, newest first.
    pub rows: Vec<RequestRow>,
    /// The next page.
    pub pager: Pager,
    /// Whether this is the first page, which refreshes.
    pub live: bool,
}

impl RequestsPage {
    /// What `range` can be.
    pub fn ranges(&self) -> Vec<Choice> {
        [
            ("1h", "Last hour"),
            ("24h", "Last 24 hours"),
            ("7d", "Last 7 days"),
            ("30d", "Last 30 days"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .to_vec()
    }

    /// What `status` can be.
    pub fn statuses(&self) -> Vec<Choice> {
        [("ok", "Succeeded"), ("errors", "Failed")]
            .map(|(value, label)| Choice::new(value, label))
            .to_vec()
    }
}

/// A request in the list.
#[derive(Debug, Clone)]
pub struct RequestRow {
    /// Its id.
    pub id: String,
    /// When it came in.
    pub at: Timestamp,
    /// The HTTP status that the app got.
    pub status: u16,
    /// The error code, if it failed.
    pub error: Option<String>,
    /// Which API was called.
    pub api: String,
    /// The `model` as sent.
    pub requested: String,
    /// What served it, if anything did.
    pub target: Option<String>,
    /// The API key's name.
    pub api_key: String,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Answer tokens.
    pub output_tokens: u64,
    /// The charge.
    pub cost: NanoUsd,
    /// To the end of the answer.
    pub latency_ms: u64,
    /// How many targets were called.
    pub attempts: u64,
    /// Whether the answer was cached.
    pub cached: bool,
    /// What the gateway made it for itself; empty for an app's own.
    pub purpose: String,
}

impl RequestRow {
    /// The colour of its status.
    pub const fn tone(&self) -> &'static str {
        status_tone(self.status)
    }
}

/// The colour of an HTTP status.
pub(crate) const fn status_tone(status: u16) -> &'static str {
    match status {
        0..400 => "ok",
        400..500 => "warn",
        _ => "bad",
    }
}

/// `GET /console/requests/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "requests/detail.html")]
pub struct RequestPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The request as in the list.
    pub request: RequestRow,
    /// Whether the answer streamed.
    pub stream: bool,
    /// To the first byte of the answer.
    pub first_byte_ms: Option<u64>,
    /// The route that the model named.
    pub route: Option<String>,
    /// The API key's team.
    pub team: Option<String>,
    /// The API key's member.
    pub member: Option<String>,
    /// Whom the app's request was for.
    pub user: Option<String>,
    /// `hit`, `miss` or `off`.
    pub cache: String,
    /// How near the nearest prompt was whose answer was cached, as a cosine.
    pub cache_similarity: Option<String>,
    /// What a cached answer saved.
    pub saved: Option<NanoUsd>,
    /// What guards found in it.
    pub guards: Vec<Finding>,
    /// What the gateway made it for itself, and the id of the app's request.
    pub beside: Option<(String, String)>,
    /// What went wrong, in words.
    pub error_text: Option<String>,
    /// The attempts in order.
    pub attempts: Vec<Attempt>,
    /// Why it went where it went.
    pub decision: Option<Decision>,
    /// Tokens and cost per bucket; empty buckets left out.
    pub buckets: Vec<Bucket>,
    /// The charge at list prices, if it differs.
    pub list_cost: Option<NanoUsd>,
    /// Whether the usage is our own count.
    pub estimated: bool,
    /// Whether the provider's usage was out of bounds and clipped.
    pub disputed: bool,
    /// Stages of the gateway in order, with microseconds.
    pub stages: Vec<Stage>,
    /// The app's own key-values.
    pub metadata: Vec<(String, String)>,
    /// What was corrected afterwards.
    pub corrections: Vec<Correction>,
}

impl RequestPage {
    /// The attempts on a common time line.
    pub fn waterfall(&self) -> Vec<WaterfallRow> {
        let ends = self.attempts.iter().map(|attempt| attempt.ended_ms);
        let whole = ends.max().unwrap_or(0).max(self.request.latency_ms).max(1);
        let place = |ms: u64| scaled(ms, whole, WaterfallRow::WIDTH);
        let row = |attempt: &Attempt| {
            let (start, end) = (place(attempt.started_ms), place(attempt.ended_ms));
            let first_byte = attempt.first_byte_ms.map_or(end, place).clamp(start, end.max(start));
            WaterfallRow {
                x: start.min(WaterfallRow::WIDTH - 4),
                wait: (first_byte - start).max(4),
                answer_x: first_byte,
                answer: end.saturating_sub(first_byte),
                attempt: attempt.clone(),
            }
        };
        self.attempts.iter().map(row).collect()
    }

    /// The length of the time line in words.
    pub fn whole(&self) -> String {
        format::milliseconds(self.request.latency_ms)
    }

    /// The cost of all buckets.
    pub fn bucket_tokens(&self) -> u64 {
        self.request.input_tokens.saturating_add(self.request.output_tokens)
    }
}

/// One call of one target.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// What was called.
    pub target: String,
    /// With which provider key.
    pub provider_key: Option<String>,
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
    /// Its part of the charge.
    pub cost: NanoUsd,
}

impl Attempt {
    /// `ok` or `bad`.
    pub const fn tone(&self) -> &'static str {
        if self.error.is_some() { "bad" } else { "ok" }
    }

    /// How long it took.
    pub fn took(&self) -> String {
        format::milliseconds(self.ended_ms.saturating_sub(self.started_ms))
    }
}

/// An attempt on the time line, in thousandths of its width.
#[derive(Debug, Clone)]
pub struct WaterfallRow {
    /// The attempt.
    pub attempt: Attempt,
    /// Where it starts.
    pub x: u64,
    /// How long it waits for the first byte.
    pub wait: u64,
    /// Where the answer starts.
    pub answer_x: u64,
    /// How long the answer takes.
    pub answer: u64,
}

impl WaterfallRow {
    /// The length of the time line.
    pub const WIDTH: u64 = 1000;
}

/// The plan and what was left out of it.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The strategy that ordered the targets.
    pub strategy: String,
    /// The routes on the way, outermost first.
    pub routes: Vec<String>,
    /// The order, each with what it was ordered by, in words; empty where that was no number.
    pub plan: Vec<(String, String)>,
    /// What decided a route by rules or by meaning, and what was put last.
    pub because: Vec<String>,
    /// How near the prompt is to each intent, as a cosine.
    pub similarities: Vec<(String, String)>,
    /// Targets that were out, each with the reason.
    pub out: Vec<(String, String)>,
}

/// What a guard found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The guard.
    pub guard: String,
    /// The name of its pattern.
    pub found: String,
    /// Whether the request was refused for it.
    pub blocked: bool,
}

/// Tokens of one bucket and what they cost.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The bucket in words: `Input, uncached`.
    pub name: String,
    /// How many.
    pub tokens: u64,
    /// The price per million; absent for a part that is only shown apart.
    pub price_per_million: Option<NanoUsd>,
    /// The cost; absent likewise.
    pub cost: Option<NanoUsd>,
}

/// A stage of the gateway.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub us: u64,
}

/// A correction of the charge.
#[derive(Debug, Clone)]
pub struct Correction {
    /// When.
    pub at: Timestamp,
    /// By how much; may be negative.
    pub cost: NanoUsd,
    /// Why.
    pub reason: String,
}
