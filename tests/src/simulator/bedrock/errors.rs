//! Errors in Amazon's shape: a name in a header, a sentence in the body.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::directives::{Directives, Refusal, UnknownDirective};
use super::super::fields::Mistake;
use super::super::provider_error::ProviderError;

/// Where the name of an error is.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// What follows the name there.
const NAMESPACE: &str = ":http://internal.amazon.com/coral/com.amazon.bedrock/";

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedrockError {
    /// HTTP status.
    pub status: StatusCode,
    /// The name of the exception, in upper camel case.
    pub name: String,
    /// A sentence for people.
    pub message: String,
}

impl BedrockError {
    /// An error of the given status.
    pub fn new(status: u16, name: &str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, name: name.to_owned(), message: message.into() }
    }

    /// A request that is wrong.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// A request that the model behind Bedrock finds wrong.
    pub fn of_model(message: &str) -> Self {
        Self::validation(format!("The model returned the following errors: {message}"))
    }

    /// The name as it is written in the frame of a stream.
    pub fn name_in_stream(&self) -> String {
        let mut letters = self.name.chars();
        letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
    }

    /// The body.
    pub fn document(&self) -> Value {
        let mut document = json!({ "message": self.message });
        if self.name == "ModelStreamErrorException" {
            document["originalStatusCode"] = json!(500);
            document["originalMessage"] = json!("Internal server error");
        }
        document
    }

    fn of_status(code: u16) -> Self {
        let (name, message) = match code {
            401 => (
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            403 => (
                "AccessDeniedException",
                "You don't have access to the model with the specified model ID.",
            ),
            404 => (
                "ResourceNotFoundException",
                "Could not resolve the foundation model from the provided model identifier.",
            ),
            408 => ("ModelTimeoutException", "Model has timed out in processing the request."),
            424 => (
                "ModelErrorException",
                "The system encountered an unexpected error during processing.",
            ),
            429 => ("ThrottlingException", "Too many requests, please wait before trying again."),
            503 => ("ServiceUnavailableException", "Bedrock is unable to process your request."),
            500.. => (
                "InternalServerException",
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
            _ => ("ValidationException", "The provided request is not valid."),
        };
        Self::new(code, name, message)
    }
}

impl From<Mistake> for BedrockError {
    fn from(Mistake { path, message }: Mistake) -> Self {
        if path.is_empty() {
            Self::validation(message)
        } else {
            Self::validation(format!("{path}: {message}"))
        }
    }
}

impl ProviderError for BedrockError {
    fn refusal(refusal: Refusal, _: &str) -> Self {
        match refusal {
            Refusal::Status(code) => Self::of_status(code),
            Refusal::ContextLength => Self::validation("Input is too long for requested model."),
            Refusal::ContentFilter => Self::of_model("Output blocked by content filtering policy"),
            // Bedrock does not say how long to wait.
            Refusal::RateLimit(_) => Self::of_status(429),
            Refusal::Quota => {
                let message = "Your request exceeds the service quota for your account.";
                Self::new(400, "ServiceQuotaExceededException", message)
            }
        }
    }

    fn failure(directives: &Directives) -> Self {
        let name = directives.error_type.as_deref().unwrap_or("modelStreamErrorException");
        let status = match name {
            "internalServerException" => 500,
            "serviceUnavailableException" => 503,
            "throttlingException" => 429,
            "validationException" => 400,
            _ => 424,
        };
        let mut letters = name.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let name: String = first.into_iter().chain(letters).collect();
        Self { name, ..Self::of_status(status) }
    }

    fn unknown_directive(unknown: &UnknownDirective) -> Self {
        Self::validation(unknown.to_string())
    }

    fn response(&self, _: u64) -> Response<Body> {
        let mut response = answers::json(self.status, &self.document());
        if let Ok(name) = HeaderValue::from_str(&format!("{}{NAMESPACE}", self.name)) {
            response.headers_mut().insert(ERROR_TYPE, name);
        }
        response
    }
}
