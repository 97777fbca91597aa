//! What the app hears beside the answer's body: headers, and errors in the shape of its API.

use crate::{
    cache::Replayed,
    closing,
    counters::{RateKind, RateState},
    error::GatewayError,
    flight::Flight,
    formats::{anthropic, facts::Shape, gemini, openai_chat, stream::ErrorFacts},
    routing::Step,
    upstream::attempt::Answered,
};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{ContentType, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use futures_util::Stream;
use std::{collections::BTreeMap, convert::Infallible, time::Duration};
use tollgate_contract::money::NanoUsd;

/// What an app asks for in headers.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `x-tollgate-metadata`.
    pub metadata: BTreeMap<String, String>,
    /// `x-tollgate-timeout`.
    pub timeout: Option<Duration>,
    /// `x-tollgate-cache`.
    pub cache: CacheMode,
    /// `x-tollgate-trace`: the decision comes back in a header.
    pub trace: bool,
    /// `x-tollgate-usage`: a stream's last event tells usage and cost.
    pub usage: bool,
    /// `x-tollgate-dry-run`: the decision comes back instead of an answer, and nobody is called.
    pub dry_run: bool,
}

/// What an app wants of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// What its route says.
    #[default]
    AsRouted,
    /// No cached answer, and none to be cached.
    NoStore,
    /// A new answer, to be cached.
    Refresh,
}

impl Options {
    /// Reads the headers.
    pub fn read(http: &HttpRequest) -> Result<Self, GatewayError> {
        let mut options = Self::default();
        if let Some(text) = header(http, "x-tollgate-metadata") {
            options.metadata = metadata(text)?;
        }
        if let Some(text) = header(http, "x-tollgate-timeout") {
            options.timeout = Some(timeout(text)?);
        }
        options.cache = match header(http, "x-tollgate-cache") {
            None => CacheMode::AsRouted,
            Some("no-store") => CacheMode::NoStore,
            Some("refresh") => CacheMode::Refresh,
            Some(_) => {
                let message = "The header x-tollgate-cache must be \"no-store\" or \"refresh\".";
                return Err(GatewayError::invalid("invalid_header", None, message));
            }
        };
        options.trace = flag(http, "x-tollgate-trace")?;
        options.usage = flag(http, "x-tollgate-usage")?;
        options.dry_run = flag(http, "x-tollgate-dry-run")?;
        Ok(options)
    }
}

fn flag(http: &HttpRequest, name: &str) -> Result<bool, GatewayError> {
    match header(http, name) {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(_) => {
            let message = format!("The header {name} must be 1 or 0.");
            Err(GatewayError::invalid("invalid_header", None, message))
        }
    }
}

/// The decision and the attempts so far, as JSON.
fn trace(flight: &Flight) -> serde_json::Value {
    let event = &flight.event;
    serde_json::json!({
        "id": event.id,
        "route": event.route,
        "decision": event.decision,
        "attempts": event.attempts,
    })
}

/// Puts the decision into the head of an answer, if the app asked for it. One that is longer than heads may be is left
/// out: the decision log has it.
pub fn trace_of(flight: &Flight, headers: &mut HeaderMap) {
    const MOST_BYTES: usize = 6 << 10;
    if !flight.trace {
        return;
    }
    let text = trace(flight).to_string();
    let value = HeaderValue::from_bytes(text.as_bytes()).ok();
    if let Some(value) = value.filter(|value| value.len() <= MOST_BYTES) {
        headers.insert(HeaderName::from_static("x-tollgate-trace"), value);
    }
}

/// The answer to a dry run: what would have been done, and why.
pub fn decision(flight: &Flight) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("x-request-id", flight.event.id.as_str()))
        .insert_header(ContentType::json())
        .body(trace(flight).to_string())
}

/// Reads `x-tollgate-metadata`.
pub fn metadata(text: &str) -> Result<BTreeMap<String, String>, GatewayError> {
    let wrong = || {
        let message = "The header x-tollgate-metadata must be a JSON object of strings, with at most 16 entries of 512 bytes.";
        GatewayError::invalid("invalid_header", Some("x-tollgate-metadata"), message)
    };
    let map: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| wrong())?;
    let fits =
        map.len() <= 16 && map.iter().all(|(name, value)| name.len() <= 64 && value.len() <= 512);
    if fits { Ok(map) } else { Err(wrong()) }
}

fn timeout(text: &str) -> Result<Duration, GatewayError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: Option<u64> = text[..digits].parse().ok();
    let milliseconds = match (number, &text[digits..]) {
        (Some(number), "ms") => Some(number),
        (Some(number), "s" | "") => number.checked_mul(1000),
        (Some(number), "m") => number.checked_mul(60_000),
        _ => None,
    };
    milliseconds.filter(|ms| (1..=86_400_000).contains(ms)).map(Duration::from_millis).ok_or_else(
        || {
            let message =
                "The header x-tollgate-timeout must be a duration like \"20s\" or \"500ms\".";
            GatewayError::invalid("invalid_header", Some("x-tollgate-timeout"), message)
        },
    )
}

/// A header's text.
pub fn header<'r>(http: &'r HttpRequest, name: &str) -> Option<&'r str> {
    http.headers().get(name)?.to_str().ok()
}

/// An error in the shape of an API.
pub fn error(error: &GatewayError, shape: Shape, request_id: Option<&str>) -> HttpResponse {
    let mut response = HttpResponse::build(error.status);
    if let Some(id) = request_id {
        response.insert_header(("x-request-id", id));
    }
    if let Some(wait) = error.retry_after {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        response.insert_header(("retry-after", seconds.to_string()));
    }
    if let Some(should) = error.should_retry {
        response.insert_header(("x-should-retry", if should { "true" } else { "false" }));
    }
    rate_headers(&mut response, &error.rates);
    // A connection with unread bytes of a refused body cannot be used again.
    if matches!(error.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        response.force_close();
    }
    response.insert_header(ContentType::json());
    if let Some(body) = &error.verbatim {
        return response.body(Bytes::clone(body));
    }
    let facts = ErrorFacts {
        status: error.status.as_u16(),
        kind: error.kind,
        code: &error.code,
        param: error.param.as_deref(),
        message: &error.message,
        details: error.details.as_deref().map(|(name, details)| (*name, details)),
        request_id,
    };
    response.body(match shape {
        Shape::Openai => openai_chat::write_error(&facts),
        Shape::Anthropic => anthropic::write_error(&facts),
        Shape::Gemini => gemini::write_error(&facts),
    })
}

fn rate_headers(response: &mut HttpResponseBuilder, rates: &[RateState]) {
    for rate in rates {
        let names = match rate.kind {
            RateKind::Requests => [
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-requests",
                "x-ratelimit-reset-requests",
            ],
            RateKind::Tokens => [
                "x-ratelimit-limit-tokens",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-tokens",
            ],
        };
        response.insert_header((names[0], rate.limit.to_string()));
        response.insert_header((names[1], rate.remaining.to_string()));
        response.insert_header((names[2], go_duration(rate.reset)));
    }
}

/// A duration as OpenAI writes it in these headers: `20ms`, `1.5s`, `6m0s`.
fn go_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        1000..60_000 => format!("{}.{:03}s", ms / 1000, ms % 1000),
        _ => format!("{}m{}s", ms / 60_000, ms / 1000 % 60),
    }
}

/// An answer out of the cache.
pub fn cached(flight: &Flight, target: &str, answer: Replayed) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header(("content-type", answer.content_type))
        .insert_header(("x-request-id", flight.event.id.as_str()))
        .insert_header(("x-tollgate-attempts", "0"))
        .insert_header(("x-tollgate-cache", "hit"))
        .insert_header(("x-tollgate-cost-usd", NanoUsd::ZERO.to_string()))
        .insert_header(("x-tollgate-overhead-us", flight.overhead_us().to_string()));
    if let Some(similarity) = flight.event.cache_similarity {
        response.insert_header(("x-tollgate-cache-similarity", format!("{similarity:.4}")));
    }
    if let Ok(value) = HeaderValue::from_str(target) {
        response.insert_header((HeaderName::from_static("x-tollgate-model"), value));
    }
    let provider = target.split('/').next().unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(provider) {
        response.insert_header((HeaderName::from_static("x-tollgate-provider"), value));
    }
    if !flight.event.stream {
        return response.body(answer.body);
    }
    response.insert_header(("cache-control", "no-cache"));
    response.body(closing::close(flight, target, Some(NanoUsd::ZERO), answer.body.into()))
}

/// The head of an answer.
pub struct Head(HttpResponseBuilder);

impl Head {
    /// The headers that every answer has.
    pub fn new(flight: &Flight, step: &Step, answered: &Answered, clamped: Option<u64>) -> Self {
        let mut response = HttpResponse::Ok();
        let fallback = if flight.event.stream { "text/event-stream" } else { "application/json" };
        let content_type = answered.content_type.as_ref();
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or(fallback);
        response
            .insert_header(("content-type", content_type))
            .insert_header(("x-request-id", flight.event.id.as_str()))
            .insert_header(("x-tollgate-attempts", flight.event.attempts.len()))
            .insert_header(("x-tollgate-cache", flight.event.cache.as_str()));
        // Names of models come from apps and configs; what is no header value is left out.
        let mut named = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.insert_header((HeaderName::from_static(name), value));
            }
        };
        named("x-tollgate-model", step.target.as_str());
        named("x-tollgate-provider", step.target.provider());
        let mut changed = answered.clamped.clone();
        changed.extend(clamped.map(|max_output| format!("max_tokens={max_output}")));
        if !changed.is_empty() {
            named("x-tollgate-clamped", &changed.join(", "));
        }
        if !answered.dropped.is_empty() {
            named("x-tollgate-dropped", &answered.dropped.join(", "));
        }
        if let Some(hold) = &flight.hold {
            rate_headers(&mut response, &hold.rates);
        }
        let mut traced = HeaderMap::new();
        trace_of(flight, &mut traced);
        if let Some(value) = traced.get("x-tollgate-trace") {
            response.insert_header(("x-tollgate-trace", value.clone()));
        }
        Self(response)
    }

    /// The cost; absent for a target without a price, because that is not free.
    pub fn cost(&mut self, cost: Option<NanoUsd>) {
        if let Some(cost) = cost {
            self.0.insert_header(("x-tollgate-cost-usd", cost.to_string()));
        }
    }

    /// The gateway's share of the time, in microseconds.
    pub fn overhead(&mut self, overhead_us: u64) {
        self.0.insert_header(("x-tollgate-overhead-us", overhead_us.to_string()));
    }

    /// With a whole body.
    pub fn whole(mut self, body: Bytes) -> HttpResponse {
        self.0.body(body)
    }

    /// With a stream.
    pub fn stream(
        mut self,
        stream: impl Stream<Item = Result<Bytes, Infallible>> + 'static,
    ) -> HttpResponse {
        self.0
            .insert_header(("cache-control", "no-cache"))
            .insert_header(("x-accel-buffering", "no"))
            .streaming(Box::pin(stream))
    }
}
