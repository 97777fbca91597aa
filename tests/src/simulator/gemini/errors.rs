//! Errors in Google's shape.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::directives::{Directives, Refusal, UnknownDirective};
use super::super::provider_error::ProviderError;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct GeminiError {
    status: StatusCode,
    word: &'static str,
    message: String,
    details: Vec<Value>,
}

impl GeminiError {
    /// A request that is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of_status(400, "") }
    }

    /// A key that nobody knows: a wrong argument, in Google's eyes.
    pub fn bad_key() -> Self {
        let reason = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com" });
        Self {
            details: vec![reason],
            ..Self::invalid("API key not valid. Please pass a valid API key.")
        }
    }

    /// The error of a status.
    pub fn of_status(code: u16, name: &str) -> Self {
        let (word, message) = match code {
            400 => ("INVALID_ARGUMENT", "Request contains an invalid argument.".to_owned()),
            401 => {
                ("UNAUTHENTICATED", "Request had invalid authentication credentials.".to_owned())
            }
            403 => ("PERMISSION_DENIED", "The caller does not have permission.".to_owned()),
            404 => ("NOT_FOUND", format!("{name} is not found for API version v1beta.")),
            429 => {
                ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).".to_owned())
            }
            503 => ("UNAVAILABLE", "The model is overloaded. Please try again later.".to_owned()),
            504 => ("DEADLINE_EXCEEDED", "The request timed out. Please try again.".to_owned()),
            _ => ("INTERNAL", "An internal error has occurred.".to_owned()),
        };
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, word, message, details: Vec::new() }
    }

    /// The error as a document.
    pub fn document(&self) -> Value {
        let mut error =
            json!({ "code": self.status.as_u16(), "message": self.message, "status": self.word });
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        json!({ "error": error })
    }
}

impl ProviderError for GeminiError {
    fn refusal(refusal: Refusal, model: &str) -> Self {
        match refusal {
            Refusal::Status(code) => Self::of_status(code, &format!("models/{model}")),
            Refusal::ContextLength => Self::invalid(
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            Refusal::ContentFilter => Self::invalid("The prompt was blocked due to safety."),
            Refusal::RateLimit(seconds) => {
                let retry = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s") });
                Self { details: vec![retry], ..Self::of_status(429, model) }
            }
            Refusal::Quota => {
                let quota = json!({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{ "quotaId": "GenerateRequestsPerDayPerProjectPerModel" }] });
                Self { details: vec![quota], ..Self::of_status(429, model) }
            }
        }
    }

    fn failure(directives: &Directives) -> Self {
        match directives.error_type.as_deref() {
            Some("UNAVAILABLE") => Self::of_status(503, ""),
            _ => Self::of_status(500, ""),
        }
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self::invalid(unknown.to_string())
    }

    fn response(&self, _: u64) -> Response<Body> {
        answers::json(self.status, &self.document())
    }
}
