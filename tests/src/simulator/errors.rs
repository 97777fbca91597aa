//! Errors in OpenAI's shape, with the types and codes that OpenAI uses.

use std::borrow::Cow;

use hyper::{Response, StatusCode};
use serde::Serialize;

use super::answers;
use super::body::Body;
use super::directives::{Directives, Refusal, UnknownDirective};
use super::provider_error::ProviderError;

/// An error answer: its status and what stands in its `error` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiError {
    /// HTTP status.
    #[serde(skip)]
    pub status: StatusCode,
    /// Seconds for the `retry-after` header.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    /// A sentence for people.
    pub message: String,
    /// OpenAI's class of the error.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The request field at fault.
    pub param: Option<String>,
    /// A word for programs.
    pub code: Option<&'static str>,
}

/// The JSON document around an error.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// The error.
    pub error: &'a ApiError,
}

impl ApiError {
    /// An error of the given status.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            retry_after: None,
            message: message.into(),
            kind: kind.into(),
            param: None,
            code,
        }
    }

    /// A request that is wrong at `param`.
    pub fn invalid(param: &str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", code, message);
        Self { param: Some(param.to_owned()), ..error }
    }

    /// A body that is not a JSON object.
    pub fn not_json() -> Self {
        let message = "We could not parse the JSON body of your request.";
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
    }

    /// A failure in the middle of an answer.
    pub fn server_error() -> Self {
        let message = "The server had an error while processing your request. Sorry about that!";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", None, message)
    }

    fn of_status(code: u16, model: &str) -> Self {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (kind, code, message) = match status.as_u16() {
            401 => (
                "invalid_request_error",
                Some("invalid_api_key"),
                "Incorrect API key provided.".to_owned(),
            ),
            403 => (
                "request_forbidden",
                Some("unsupported_country_region_territory"),
                "Country, region, or territory not supported".to_owned(),
            ),
            404 => (
                "invalid_request_error",
                Some("model_not_found"),
                format!("The model `{model}` does not exist or you do not have access to it."),
            ),
            429 => (
                "requests",
                Some("rate_limit_exceeded"),
                format!("Rate limit reached for {model} on requests per min (RPM)."),
            ),
            503 | 529 => (
                "server_error",
                None,
                "The engine is currently overloaded, please try again later".to_owned(),
            ),
            500.. => return Self { status, ..Self::server_error() },
            _ => (
                "invalid_request_error",
                Some("invalid_value"),
                "The request is not valid.".to_owned(),
            ),
        };
        Self::new(status, kind, code, message)
    }
}

impl ProviderError for ApiError {
    fn refusal(refusal: Refusal, model: &str) -> Self {
        match refusal {
            Refusal::Status(code) => Self::of_status(code, model),
            Refusal::ContextLength => Self::invalid(
                "messages",
                Some("context_length_exceeded"),
                "This model's maximum context length is 8192 tokens. Please reduce the length of the messages.",
            ),
            Refusal::ContentFilter => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                Some("content_policy_violation"),
                "Your request was rejected as a result of our safety system.",
            ),
            Refusal::RateLimit(seconds) => {
                Self { retry_after: Some(seconds), ..Self::of_status(429, model) }
            }
            Refusal::Quota => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "insufficient_quota",
                Some("insufficient_quota"),
                "You exceeded your current quota, please check your plan and billing details.",
            ),
        }
    }

    fn failure(directives: &Directives) -> Self {
        let error = Self::server_error();
        match &directives.error_type {
            Some(kind) => Self { kind: kind.clone().into(), ..error },
            None => error,
        }
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self::invalid("model", Some("unknown_directive"), unknown.to_string())
    }

    fn response(&self, _: u64) -> Response<Body> {
        answers::error(self)
    }
}
