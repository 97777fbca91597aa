//! Errors in Anthropic's shape.

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::directives::{Directives, Refusal, UnknownDirective};
use super::super::fields::Mistake;
use super::super::provider_error::ProviderError;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagesError {
    /// HTTP status.
    pub status: StatusCode,
    /// Anthropic's class of the error.
    pub kind: String,
    /// A sentence for people.
    pub message: String,
    /// A word for programs, where there is one.
    pub code: Option<&'static str>,
    /// Seconds for the `retry-after` header.
    pub retry_after: Option<u64>,
}

impl MessagesError {
    /// An error of the given status.
    pub fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> Self {
        let (kind, message) = (kind.to_owned(), message.into());
        Self { status, kind, message, code: None, retry_after: None }
    }

    /// A request that is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A request that is wrong at a path, such as `messages.0.content`.
    pub fn at(path: &str, message: &str) -> Self {
        Self::invalid(format!("{path}: {message}"))
    }

    /// The error of a status.
    pub fn of_status(code: u16, model: &str) -> Self {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (kind, message) = match status.as_u16() {
            401 => ("authentication_error", "invalid x-api-key".to_owned()),
            402 => ("billing_error", "There is a problem with your billing.".to_owned()),
            403 => {
                let message =
                    "Your API key does not have permission to use the specified resource.";
                ("permission_error", message.to_owned())
            }
            404 => ("not_found_error", format!("model: {model}")),
            409 => ("conflict_error", "The request conflicts with another one.".to_owned()),
            413 => ("request_too_large", "Request exceeds the maximum size".to_owned()),
            429 => {
                let message = "This request would exceed your organization's rate limit.";
                ("rate_limit_error", message.to_owned())
            }
            504 => ("timeout_error", "Request timed out".to_owned()),
            529 => ("overloaded_error", "Overloaded".to_owned()),
            500.. => ("api_error", "Internal server error".to_owned()),
            _ => ("invalid_request_error", "The request is not valid.".to_owned()),
        };
        Self::new(status, kind, message)
    }

    /// The error as a document, without the id of the request.
    pub fn document(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["details"] = json!({ "error_code": code });
        }
        json!({ "type": "error", "error": error })
    }
}

impl From<Mistake> for MessagesError {
    fn from(mistake: Mistake) -> Self {
        Self::at(&mistake.path, &mistake.message)
    }
}

impl ProviderError for MessagesError {
    fn refusal(refusal: Refusal, model: &str) -> Self {
        match refusal {
            Refusal::Status(code) => Self::of_status(code, model),
            Refusal::ContextLength => {
                Self::invalid("prompt is too long: 212345 tokens > 200000 maximum")
            }
            Refusal::ContentFilter => Self::invalid("Output blocked by content filtering policy"),
            Refusal::RateLimit(seconds) => {
                Self { retry_after: Some(seconds), ..Self::of_status(429, model) }
            }
            Refusal::Quota => Self {
                code: Some("enforced_spend_limit_reached"),
                message: "You have reached your monthly spend limit.".to_owned(),
                ..Self::of_status(429, model)
            },
        }
    }

    fn failure(directives: &Directives) -> Self {
        let error = Self::of_status(529, "");
        match &directives.error_type {
            Some(kind) => Self { kind: kind.clone(), ..error },
            None => error,
        }
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self::at("model", &unknown.to_string())
    }

    fn response(&self, number: u64) -> Response<Body> {
        let mut document = self.document();
        document["request_id"] = json!(super::request_id(number));
        let mut response = answers::json(self.status, &document);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
