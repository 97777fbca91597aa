//! Errors in Cohere's shape: a sentence and an id.

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::super::answers;
use super::super::body::Body;
use super::super::directives::{Directives, Refusal, UnknownDirective};
use super::super::fields::Mistake;
use super::super::provider_error::ProviderError;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CohereError {
    /// HTTP status.
    pub status: StatusCode,
    /// A sentence for people.
    pub message: String,
    /// Seconds for the `retry-after` header.
    pub retry_after: Option<u64>,
}

impl CohereError {
    /// An error of the given status.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, message: message.into(), retry_after: None }
    }

    /// A request that is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// The error of a status.
    pub fn of_status(code: u16, model: &str) -> Self {
        let message = match code {
            401 => "invalid api token".to_owned(),
            402 => "please add or update your payment method".to_owned(),
            403 => "your organization does not have access to this resource".to_owned(),
            404 => format!("model '{model}' not found"),
            422 => "the request could not be processed".to_owned(),
            429 => "you have exceeded the rate limit, please wait and try again later".to_owned(),
            498 => "the token of your request is blocked".to_owned(),
            499 => "request cancelled".to_owned(),
            501 => "not implemented".to_owned(),
            503 => "service unavailable".to_owned(),
            504 => "gateway timeout".to_owned(),
            500.. => "internal server error, this has been reported to our developers".to_owned(),
            _ => "invalid request".to_owned(),
        };
        Self::new(code, message)
    }
}

impl From<Mistake> for CohereError {
    fn from(Mistake { path, message }: Mistake) -> Self {
        Self::invalid(format!("invalid request: {path}: {message}"))
    }
}

impl ProviderError for CohereError {
    fn refusal(refusal: Refusal, model: &str) -> Self {
        match refusal {
            Refusal::Status(code) => Self::of_status(code, model),
            Refusal::ContextLength => Self::invalid(
                "too many tokens: total number of tokens in the prompt cannot exceed 256000 - received 312345. Try using a shorter prompt, or a model with a larger context window.",
            ),
            Refusal::ContentFilter => {
                Self::invalid("blocked output: please adjust your prompt and try again")
            }
            Refusal::RateLimit(seconds) => {
                Self { retry_after: Some(seconds), ..Self::of_status(429, model) }
            }
            Refusal::Quota => {
                let message = "you have used up the API calls of this month";
                Self { message: message.to_owned(), ..Self::of_status(429, model) }
            }
        }
    }

    fn failure(_: &Directives) -> Self {
        Self::of_status(500, "")
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self::invalid(unknown.to_string())
    }

    fn response(&self, number: u64) -> Response<Body> {
        let document = json!({ "id": super::answer_id(number), "message": self.message });
        let mut response = answers::json(self.status, &document);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
