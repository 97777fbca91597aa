//! What can go wrong with a request, and the only place that picks a status for it. Each API prints it in its own shape
//! (`formats/`).

use crate::{
    counters::{BudgetState, Denial, DeniedBy, RateKind, RateState},
    formats::mistake::Mistake,
};
use actix_web::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// A request that gets no answer from a provider, as the app is told.
#[derive(Debug)]
pub struct GatewayError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The class, in OpenAI's words.
    pub kind: &'static str,
    /// The stable code that programs branch on.
    pub code: Box<str>,
    /// The parameter at fault.
    pub param: Option<Box<str>>,
    /// What happened and what to do, for people.
    pub message: Box<str>,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// Whether an SDK should retry by itself; absent: as the status says.
    pub should_retry: Option<bool>,
    /// Further facts, printed beside the message.
    pub details: Option<Box<(&'static str, Value)>>,
    /// The state of the rate limits, printed as headers.
    pub rates: Box<[RateState]>,
    /// The provider's own body, where the app speaks the provider's format and shall see it as it is.
    pub verbatim: Option<Box<Bytes>>,
}

impl From<Mistake> for GatewayError {
    fn from(mistake: Mistake) -> Self {
        Self::invalid(mistake.code, mistake.param.as_deref(), mistake.message)
    }
}

impl GatewayError {
    /// An error with nothing but its essentials.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        code: impl Into<Box<str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code: code.into(),
            param: None,
            message: message.into().into_boxed_str(),
            retry_after: None,
            should_retry: None,
            details: None,
            rates: Box::default(),
            verbatim: None,
        }
    }

    /// 400: the request is wrong, in this parameter.
    pub fn invalid(code: &'static str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            param: param.map(Into::into),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message)
        }
    }

    /// 401: no key, or none that we know.
    pub fn unauthenticated(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            should_retry: Some(false),
            ..Self::new(StatusCode::UNAUTHORIZED, "authentication_error", code, message)
        }
    }

    /// 403: the key may not use this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        let code = "model_not_allowed";
        Self {
            param: Some("model".into()),
            ..Self::new(StatusCode::FORBIDDEN, "permission_error", code, message)
        }
    }

    /// A guard refuses what the request says. The app is told which rule, not what it found.
    pub fn content_blocked(guard: &str, found: &str) -> Self {
        let message = format!(
            "The guard \"{guard}\" refuses this request: it contains what its rule \"{found}\" looks for. Take it out, or ask whoever administers Tollgate."
        );
        Self::invalid("content_blocked", None, message)
    }

    /// 404: there is no such model.
    pub fn unknown_model(message: impl Into<String>) -> Self {
        Self {
            param: Some("model".into()),
            ..Self::new(StatusCode::NOT_FOUND, "invalid_request_error", "model_not_found", message)
        }
    }

    /// 413: the body is above `[server] max_body`.
    pub fn too_large(limit: usize) -> Self {
        let message =
            format!("The request body is larger than {limit} bytes, the most this gateway takes.");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            "request_too_large",
            message,
        )
    }

    /// 408: the body did not come.
    pub fn slow_body() -> Self {
        let message = "The request body did not arrive in time.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", "request_timeout", message)
    }

    /// 503: a budget applies and the counters are out of reach.
    pub fn budget_unavailable() -> Self {
        let message = "The budget of this request cannot be checked right now, and it denies meanwhile. Try again shortly.";
        Self {
            retry_after: Some(Duration::from_secs(2)),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "budget_unavailable",
                message,
            )
        }
    }

    /// 503: the node ends before the answer does.
    pub fn shutdown() -> Self {
        let message = "The gateway had to end before the answer did. Try again.";
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "gateway_shutdown",
                message,
            )
        }
    }

    /// 503: the node serves nothing at present, for a reason of its own.
    pub fn not_serving(code: &'static str, message: &'static str, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", code, message)
        }
    }

    /// 401: what was presented was revoked.
    pub fn revoked() -> Self {
        Self::unauthenticated("revoked_api_key", "This API key was revoked.")
    }

    /// 429 or 402: a limit or budget is used up.
    pub fn denied(denial: Denial) -> Self {
        let mut error = match denial.by {
            DeniedBy::Budget(state) => Self::budget_exceeded(&state),
            DeniedBy::Rate(rate) => {
                let what = match rate.kind {
                    RateKind::Requests => "requests",
                    RateKind::Tokens => "tokens",
                };
                let message =
                    format!("This API key's limit of {} {what} per minute is reached.", rate.limit);
                Self::new(StatusCode::TOO_MANY_REQUESTS, what, "rate_limit_exceeded", message)
            }
            DeniedBy::Concurrent(max) => {
                let message = format!("This API key's limit of {max} requests at once is reached.");
                Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "requests",
                    "concurrency_limit_exceeded",
                    message,
                )
            }
        };
        error.retry_after = denial.retry_after;
        error.rates = denial.rates.into();
        error
    }

    fn budget_exceeded(state: &BudgetState) -> Self {
        let resets_at =
            state.resets_at_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let (status, until) = match resets_at {
            Some(at) => (StatusCode::TOO_MANY_REQUESTS, format!("It resets at {at}.")),
            None => (StatusCode::PAYMENT_REQUIRED, "Its window never resets.".to_owned()),
        };
        let budget = &state.budget;
        let message = format!(
            "The budget \"{}\" ({} per {}) does not cover this request: {} USD used, {} USD held by requests under way, \
             of {} USD. {until}",
            budget.name,
            budget.limit,
            budget.window.name(),
            state.settled,
            state.held,
            budget.limit,
        );
        let details = json!({
            "name": budget.name,
            "window": budget.window.name(),
            "limit_usd": budget.limit.to_string(),
            "used_usd": state.settled.to_string(),
            "held_usd": state.held.to_string(),
            "resets_at": resets_at.map(|at| at.to_string()),
        });
        Self {
            should_retry: Some(false),
            details: Some(Box::new(("budget", details))),
            ..Self::new(status, "insufficient_quota", "budget_exceeded", message)
        }
    }
}
