//! Errors in Google's shape.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::directives::{Directives, Refusal, UnknownDirective};
use super::super::provider_error::ProviderError;

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub struct GoogleError {
    /// HTTP status.
    pub status: StatusCode,
    /// The word for it.
    pub word: String,
    /// A sentence for people.
    pub message: String,
    /// What programs can read of it.
    pub details: Vec<Value>,
}

/// The same error where a stream is one JSON array.
#[derive(Debug)]
pub struct InArray(pub GoogleError);

/// Words of errors, and their HTTP statuses.
const WORDS: [(u16, &str); 9] = [
    (400, "INVALID_ARGUMENT"),
    (401, "UNAUTHENTICATED"),
    (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"),
    (409, "ABORTED"),
    (429, "RESOURCE_EXHAUSTED"),
    (500, "INTERNAL"),
    (503, "UNAVAILABLE"),
    (504, "DEADLINE_EXCEEDED"),
];

impl GoogleError {
    /// A request that is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of_status(400, "") }
    }

    /// A request with a field that does not exist.
    pub fn unknown_name(name: &str, path: &str) -> Self {
        let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
        Self::payload(path, format!("Unknown name \"{name}\"{place}: Cannot find field."))
    }

    /// A field that holds what it cannot hold.
    pub fn bad_value(path: &str, expected: &str, value: &Value) -> Self {
        Self::payload(path, format!("Invalid value at '{path}' ({expected}), {value}"))
    }

    fn payload(path: &str, what: String) -> Self {
        let description = format!("Invalid JSON payload received. {what}");
        let violation = json!({ "field": path, "description": description });
        let details = json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [violation],
        });
        // Values are told without the words about the payload.
        let message = if what.starts_with("Invalid value") { what } else { description };
        Self { details: vec![details], ..Self::invalid(message) }
    }

    /// A key that nobody knows: a wrong argument, in Google's eyes.
    pub fn bad_key() -> Self {
        let error = Self::invalid("API key not valid. Please pass a valid API key.");
        Self { details: vec![info("API_KEY_INVALID")], ..error }
    }

    /// A token that is none, or none any more.
    pub fn bad_token() -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
        let error = Self { message: message.to_owned(), ..Self::of_status(401, "") };
        Self { details: vec![info("ACCESS_TOKEN_TYPE_UNSUPPORTED")], ..error }
    }

    /// The error of a status; `name` is what is missing with a 404.
    pub fn of_status(code: u16, name: &str) -> Self {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let known = WORDS.iter().find(|(status, _)| *status == code);
        let word =
            known.map_or(if code < 500 { "FAILED_PRECONDITION" } else { "INTERNAL" }, |k| k.1);
        let message = match code {
            401 => "Request had invalid authentication credentials.".to_owned(),
            403 => "The caller does not have permission".to_owned(),
            404 => format!(
                "{name} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods."
            ),
            429 => "Resource has been exhausted (e.g. check quota).".to_owned(),
            503 => "The model is overloaded. Please try again later.".to_owned(),
            504 => "The request timed out. Please try again.".to_owned(),
            500.. => "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting".to_owned(),
            _ => "Request contains an invalid argument.".to_owned(),
        };
        Self { status, word: word.to_owned(), message, details: Vec::new() }
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

fn info(reason: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": { "service": "generativelanguage.googleapis.com" },
    })
}

impl ProviderError for GoogleError {
    fn refusal(refusal: Refusal, model: &str) -> Self {
        let rate_limit = |message: &str, details| Self {
            message: message.to_owned(),
            details,
            ..Self::of_status(429, model)
        };
        match refusal {
            Refusal::Status(code) => Self::of_status(code, &format!("models/{model}")),
            Refusal::ContextLength => Self::invalid(
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            Refusal::ContentFilter => Self::invalid("The prompt was blocked due to safety."),
            // There is no `retry-after`: the delay is in the details.
            Refusal::RateLimit(seconds) => {
                let retry = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s") });
                rate_limit("Resource has been exhausted (e.g. check quota).", vec![retry])
            }
            Refusal::Quota => {
                let violation = json!({
                    "quotaMetric": "generativelanguage.googleapis.com/generate_requests_per_model_per_day",
                    "quotaId": "GenerateRequestsPerDayPerProjectPerModel",
                    "quotaDimensions": { "model": model, "location": "global" },
                    "quotaValue": "250",
                });
                let failure = json!({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation] });
                let message =
                    "You exceeded your current quota, please check your plan and billing details.";
                rate_limit(message, vec![failure])
            }
        }
    }

    fn failure(directives: &Directives) -> Self {
        let Some(word) = directives.error_type.as_deref() else { return Self::of_status(500, "") };
        let code = WORDS.iter().find(|(_, known)| *known == word).map_or(500, |(code, _)| *code);
        Self { word: word.to_owned(), ..Self::of_status(code, "") }
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self::invalid(unknown.to_string())
    }

    fn response(&self, _: u64) -> Response<Body> {
        answers::json(self.status, &self.document())
    }
}

impl ProviderError for InArray {
    fn refusal(refusal: Refusal, model: &str) -> Self {
        Self(GoogleError::refusal(refusal, model))
    }

    fn failure(directives: &Directives) -> Self {
        Self(GoogleError::failure(directives))
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self(GoogleError::unknown_directive(unknown))
    }

    fn response(&self, _: u64) -> Response<Body> {
        answers::json(self.0.status, &json!([self.0.document()]))
    }
}
