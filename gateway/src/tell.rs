//! What the app hears beside the answer's body: headers, and errors in the shape of its API.

use crate::{
    counters::{RateKind, RateState, Refusal},
    error::GatewayError,
    flight::Flight,
    formats::openai_chat::error as wire,
    routing::{Plan, Step},
    upstream::{
        error::{Meaning, UpstreamError},
        executor::Failures,
        health::{KEYS_REFUSED, RATE_LIMITED},
    },
};
use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{ContentType, HeaderName, HeaderValue},
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
        Ok(options)
    }
}

fn metadata(text: &str) -> Result<BTreeMap<String, String>, GatewayError> {
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

/// An error in OpenAI's shape.
pub fn error(error: &GatewayError, request_id: Option<&str>) -> HttpResponse {
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
    response.insert_header(ContentType::json()).body(wire::body(error).to_string())
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

/// The head of an answer.
pub struct Head(HttpResponseBuilder);

impl Head {
    /// The headers that every answer has.
    pub fn new(
        flight: &Flight,
        step: &Step,
        content_type: Option<&http::HeaderValue>,
        clamped: Option<u64>,
    ) -> Self {
        let mut response = HttpResponse::Ok();
        let fallback = if flight.event.stream { "text/event-stream" } else { "application/json" };
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or(fallback);
        response
            .insert_header(("content-type", content_type))
            .insert_header(("x-request-id", flight.event.id.as_str()))
            .insert_header(("x-tollgate-attempts", flight.event.attempts.len()))
            .insert_header(("x-tollgate-cache", "off"));
        // Names of models come from apps and configs; what is no header value is left out.
        let mut named = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.insert_header((HeaderName::from_static(name), value));
            }
        };
        named("x-tollgate-model", step.target.as_str());
        named("x-tollgate-provider", step.target.provider());
        if let Some(max_output) = clamped {
            named("x-tollgate-clamped", &format!("max_tokens={max_output}"));
        }
        if let Some(hold) = &flight.hold {
            rate_headers(&mut response, &hold.rates);
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

/// Counters that refuse for another reason than a limit.
pub fn refused(refusal: Refusal) -> GatewayError {
    match refusal {
        Refusal::Denied(denial) => GatewayError::denied(denial),
        Refusal::Unavailable => GatewayError::budget_unavailable(),
        Refusal::Revoked => {
            GatewayError::unauthenticated("revoked_api_key", "This API key was revoked.")
        }
        Refusal::Duplicate => GatewayError::new(
            StatusCode::CONFLICT,
            "invalid_request_error",
            "duplicate_request",
            "The same request is already under way.",
        ),
    }
}

/// No target can serve the request.
pub fn nowhere_to_go(plan: &Plan) -> GatewayError {
    let reasons: Vec<_> =
        plan.out.iter().map(|out| format!("{}: {}", out.target, out.reason)).collect();
    let message = format!("No target can serve this request. {}.", reasons.join("; "));
    if !plan.out.is_empty() && plan.out.iter().all(|out| out.reason == KEYS_REFUSED) {
        return credentials_exhausted(&reasons.join("; "));
    }
    if !plan.out.is_empty() && plan.out.iter().all(|out| out.reason == RATE_LIMITED) {
        return GatewayError {
            retry_after: plan.limited_for,
            ..GatewayError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_exceeded",
                message,
            )
        };
    }
    if plan.temporarily {
        return GatewayError {
            retry_after: Some(Duration::from_secs(1)),
            ..GatewayError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "no_target_available",
                message,
            )
        };
    }
    GatewayError::invalid("no_eligible_target", Some("model"), message)
}

/// Targets were called and all failed: the last one's answer decides.
pub fn all_failed(failures: &Failures, plan: &Plan) -> GatewayError {
    let Some(last) = failures.last() else { return nowhere_to_go(plan) };
    let story = failures.story();
    if failures.only_credentials() {
        return credentials_exhausted(&story);
    }
    let gateway = |status, code: &str| {
        GatewayError::new(
            status,
            "upstream_error",
            code,
            format!("No target gave an answer. {story}."),
        )
    };
    match last {
        UpstreamError::Connect(_) => gateway(StatusCode::BAD_GATEWAY, "upstream_unreachable"),
        UpstreamError::Broken(_) => gateway(StatusCode::BAD_GATEWAY, "upstream_broken"),
        UpstreamError::InBand(_) => gateway(StatusCode::BAD_GATEWAY, "upstream_error"),
        UpstreamError::Garbage | UpstreamError::TooLarge => {
            gateway(StatusCode::BAD_GATEWAY, "upstream_garbage")
        }
        UpstreamError::Timeout { .. } => gateway(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
        UpstreamError::Busy | UpstreamError::NoKey => GatewayError {
            retry_after: Some(Duration::from_secs(1)),
            ..gateway(StatusCode::SERVICE_UNAVAILABLE, "upstream_busy")
        },
        UpstreamError::Status { status, meaning, body, retry_after, .. } => {
            provider_said(*status, *meaning, body, *retry_after, &story, failures.0.len())
        }
    }
}

fn credentials_exhausted(story: &str) -> GatewayError {
    let message = format!("The gateway's own provider keys were refused; yours is fine. {story}.");
    GatewayError::new(
        StatusCode::BAD_GATEWAY,
        "upstream_error",
        "upstream_credentials_exhausted",
        message,
    )
}

/// A provider's own error: its 4xx as it is, its 5xx as ours.
fn provider_said(
    status: u16,
    meaning: Meaning,
    body: &[u8],
    retry_after: Option<Duration>,
    story: &str,
    attempts: usize,
) -> GatewayError {
    let (code, _) = wire::code_and_type_of(body);
    let words = wire::message_of(body);
    // One attempt needs no story: the provider's words are enough, and SDK users know them.
    let message = if attempts == 1 { words } else { format!("{words} (attempts: {story})") };
    let upstream = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    match meaning {
        Meaning::Server | Meaning::BadKey => {
            let status = if matches!(status, 503 | 529) {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::BAD_GATEWAY
            };
            let message = format!("No target gave an answer. {story}.");
            GatewayError {
                retry_after,
                ..GatewayError::new(status, "upstream_error", "upstream_error", message)
            }
        }
        Meaning::RateLimited => GatewayError {
            retry_after: retry_after.or(Some(Duration::from_secs(1))),
            ..GatewayError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                code.unwrap_or_else(|| "rate_limit_exceeded".to_owned()),
                message,
            )
        },
        Meaning::Forbidden
        | Meaning::ModelNotFound
        | Meaning::ContextWindow
        | Meaning::ContentFilter
        | Meaning::Caller => {
            let fallback = match meaning {
                Meaning::Forbidden => "upstream_forbidden",
                Meaning::ModelNotFound => "model_not_found",
                Meaning::ContextWindow => "context_length_exceeded",
                Meaning::ContentFilter => "content_filter",
                _ => "upstream_rejected",
            };
            GatewayError {
                param: wire::param_of(body).map(Into::into),
                ..GatewayError::new(
                    upstream,
                    "invalid_request_error",
                    code.unwrap_or_else(|| fallback.to_owned()),
                    message,
                )
            }
        }
    }
}
