//! What can go wrong for a caller, and how it is told: RFC 9457 problem details. The only place that picks a status.

use crate::store::StoreError;
use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde::Serialize;
use std::fmt;

/// A mistake at a field of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer: `/limits/concurrent`. Empty: the whole body.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl FieldError {
    /// A mistake at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// What a caller is told.
#[derive(Debug)]
pub enum ApiError {
    /// Nobody is signed in, or the session or token is over.
    Unauthenticated,
    /// The e-mail address or the password is wrong; which of them is not told.
    WrongCredentials,
    /// The caller's role does not allow it.
    Forbidden,
    /// The request forges a form, or comes from another site.
    CrossSite,
    /// What was signed in long ago has to be confirmed with the password.
    Reauthenticate,
    /// It does not exist, or belongs to somebody else.
    NotFound,
    /// The body cannot be read.
    Malformed(FieldError),
    /// Values break rules.
    Invalid(Vec<FieldError>),
    /// It exists already.
    Conflict(String),
    /// Somebody else changed it meanwhile.
    Stale,
    /// A change has to say which version it is of.
    VersionRequired,
    /// A request with the same idempotency key is under way.
    InProgress,
    /// The idempotency key was used for another request.
    KeyReused,
    /// Too many tries; seconds to wait.
    TooMany(u64),
    /// The body is too large.
    TooLarge,
    /// A dependency is out of reach.
    Unavailable(&'static str),
    /// Our mistake. The cause is for the log.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// RFC 9457.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `/problems/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable code that programs branch on.
    pub code: &'static str,
    /// The sentence that belongs to the code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, and what to do.
    pub detail: String,
    /// The mistakes by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl ApiError {
    /// A single field's mistake.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, message)])
    }

    /// An error that nobody expects.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The contract with clients: a status for machines that retry, a code for those that branch, and its sentence.
    pub const fn class(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unauthenticated => (401, "unauthenticated", "Sign in first"),
            Self::WrongCredentials => {
                (401, "wrong_credentials", "The e-mail address or the password is wrong")
            }
            Self::Forbidden => (403, "forbidden", "Your role does not allow this"),
            Self::CrossSite => (403, "cross_site", "The request does not come from this console"),
            Self::Reauthenticate => (403, "reauthenticate", "Confirm it with your password"),
            Self::NotFound => (404, "not_found", "There is no such thing here"),
            Self::Malformed(_) => (400, "malformed", "The request cannot be read"),
            Self::Invalid(_) => (422, "invalid", "Some values break a rule"),
            Self::Conflict(_) => (409, "conflict", "It does not go with what is there"),
            Self::Stale => (412, "stale", "Somebody changed it meanwhile"),
            Self::VersionRequired => (428, "version_required", "Say which version you change"),
            Self::InProgress => (409, "in_progress", "The same request is under way"),
            Self::KeyReused => (409, "idempotency_key_reused", "The idempotency key is taken"),
            Self::TooMany(_) => (429, "too_many", "Too many tries"),
            Self::TooLarge => (413, "too_large", "The request is too large"),
            Self::Unavailable(_) => (503, "unavailable", "Something we need is out of reach"),
            Self::Internal(_) => (500, "internal", "Something went wrong on our side"),
        }
    }

    /// What is wrong this time, and what to do.
    pub fn detail(&self) -> String {
        match self {
            Self::Unauthenticated => {
                "Sign in, or send `Authorization: Bearer` with an access token or a management token (tgm_…). API keys (tgk_…) are for gateways."
            }
            Self::WrongCredentials => {
                "The e-mail address or the password is wrong. Who has no password yet gets in by a link from an operator."
            }
            Self::Forbidden => "Ask an owner or admin of the tenant for a role that may do this.",
            Self::CrossSite => "Load the page again and repeat what you did.",
            Self::Reauthenticate => "It is some minutes since you gave your password. Sign in again to do this.",
            Self::NotFound => "Check the identifier. What belongs to another tenant does not exist here.",
            Self::Malformed(error) => return error.message.clone(),
            Self::Invalid(errors) => {
                return match errors.as_slice() {
                    [only] => only.message.clone(),
                    _ => "The list of errors names each field.".to_owned(),
                };
            }
            Self::Conflict(message) => return message.clone(),
            Self::Stale => "Load it again, and repeat your change with its new ETag in If-Match.",
            Self::VersionRequired => "Send the resource's ETag in If-Match.",
            Self::InProgress => "Wait for the first request to end; its answer is kept for 24 hours.",
            Self::KeyReused => "Another request was sent with this Idempotency-Key. Use a new one.",
            Self::TooMany(seconds) => return format!("Wait {seconds} seconds and try again."),
            Self::TooLarge => "A request to the control API has at most 1 MiB.",
            Self::Unavailable(what) => return format!("{what} cannot be reached. Nothing was changed. Try again in a moment."),
            Self::Internal(_) => "It was logged. The request id helps us to find it.",
        }
        .to_owned()
    }

    /// As the problem that callers get.
    pub fn problem(&self) -> Problem {
        let (status, code, title) = self.class();
        let errors = match self {
            Self::Malformed(error) => vec![error.clone()],
            Self::Invalid(errors) => errors.clone(),
            _ => Vec::new(),
        };
        Problem {
            kind: format!("/problems/{code}"),
            code,
            title,
            status,
            detail: self.detail(),
            errors,
        }
    }

    /// Notes our own mistakes, once, at the boundary.
    pub fn log(&self) {
        if let Self::Internal(cause) = self {
            tracing::error!(error = %cause, "A request failed by our mistake: {cause}");
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.class().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let mut response = HttpResponse::build(self.status_code());
        if let Self::TooMany(seconds) = self {
            response.insert_header(("retry-after", seconds.to_string()));
        }
        if matches!(self, Self::Unavailable(_)) {
            response.insert_header(("retry-after", "2"));
        }
        if matches!(self, Self::Unauthenticated) {
            response.insert_header(("www-authenticate", "Bearer"));
        }
        let problem = serde_json::to_vec(&self.problem()).unwrap_or_default();
        response.content_type("application/problem+json").body(problem)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Stale => Self::Stale,
            StoreError::Duplicate(what) => {
                Self::Conflict(format!("{what} exists already: choose another name."))
            }
            StoreError::Reference(what) => Self::invalid(
                "",
                format!("{what} does not exist in this tenant, or is still in use."),
            ),
            StoreError::Unreachable => Self::Unavailable("The database"),
            StoreError::Database(error) => Self::internal(error),
        }
    }
}
