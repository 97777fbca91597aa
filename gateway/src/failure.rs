//! From what went wrong on the way to a provider to what the app is told.

use crate::{
    counters::Refusal,
    error::GatewayError,
    formats::{conversation::Format, facts::Shape, stream::ProviderSaid},
    routing::Plan,
    upstream::{
        error::{Meaning, UpstreamError},
        executor::Failures,
        health::{KEYS_REFUSED, RATE_LIMITED},
    },
};
use actix_web::http::StatusCode;
use std::time::Duration;

/// Counters that refuse for another reason than a limit.
pub fn refused(refusal: Refusal) -> GatewayError {
    match refusal {
        Refusal::Denied(denial) => GatewayError::denied(denial),
        Refusal::Unavailable => GatewayError::budget_unavailable(),
        Refusal::Revoked => GatewayError::revoked(),
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
pub fn all_failed(failures: &Failures, plan: &Plan, shape: Shape) -> GatewayError {
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
        UpstreamError::Unsupported(mistake) => mistake.clone().into(),
        UpstreamError::NoOperation => GatewayError::invalid(
            "no_eligible_target",
            Some("model"),
            format!("No target of this model serves this API. {story}."),
        ),
        UpstreamError::Busy | UpstreamError::NoKey => GatewayError {
            retry_after: Some(Duration::from_secs(1)),
            ..gateway(StatusCode::SERVICE_UNAVAILABLE, "upstream_busy")
        },
        UpstreamError::Status { status, meaning, wire, said, body, retry_after } => {
            let mut error =
                provider_said(*status, *meaning, said, *retry_after, &story, failures.0.len());
            // Programs that speak the provider's format know its words and branch on them.
            let own = error.status.is_client_error() && failures.0.len() == 1;
            error.verbatim = (own && is_own(*wire, shape)).then(|| Box::new(body.clone()));
            error
        }
    }
}

/// Whether an app of this shape knows the provider's errors. OpenAI's is written anew: its clones differ too much.
const fn is_own(wire: Format, shape: Shape) -> bool {
    matches!((wire, shape), (Format::Anthropic, Shape::Anthropic) | (Format::Gemini, Shape::Gemini))
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
    said: &ProviderSaid,
    retry_after: Option<Duration>,
    story: &str,
    attempts: usize,
) -> GatewayError {
    let (code, words) = (said.code.clone(), said.message.clone());
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
        Meaning::RateLimited | Meaning::OutOfCredit => GatewayError {
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
                param: said.param.as_deref().map(Into::into),
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
