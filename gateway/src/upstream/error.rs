//! Why a call of a target gave no usable answer.

use crate::formats::openai_chat::error as wire;
use std::time::Duration;
use tollgate_contract::route::FailureClass;

/// Why a call failed, with what the executor needs to decide.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpstreamError {
    /// No connection, or one that broke before the answer was complete.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke before the answer was complete: {0}")]
    Broken(String),
    /// Too slow.
    #[error("no {what} within {after:?}")]
    Timeout {
        /// What did not come.
        what: &'static str,
        /// Within which time.
        after: Duration,
    },
    /// An answer with an error status.
    #[error("{status}: {message}")]
    Status {
        /// The status.
        status: u16,
        /// What it means.
        meaning: Meaning,
        /// The provider's words.
        message: String,
        /// The provider's body, for a 4xx that comes back as it is.
        body: bytes::Bytes,
        /// When it is worth trying again.
        retry_after: Option<Duration>,
    },
    /// An error in the clothes of a 200.
    #[error("an error instead of an answer: {0}")]
    InBand(String),
    /// Nonsense instead of an answer.
    #[error("nonsense instead of an answer")]
    Garbage,
    /// More bytes than any answer has.
    #[error("an answer above the size limit")]
    TooLarge,
    /// The node has as many calls of this provider under way as it may.
    #[error("the provider's max_concurrency is reached")]
    Busy,
    /// All keys of the provider are out.
    #[error("no provider key is usable")]
    NoKey,
}

/// What an error status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The provider key is bad (401 or another word for it).
    BadKey,
    /// The provider forbids this, which says nothing about the key.
    Forbidden,
    /// Too many requests, or the account is out of money.
    RateLimited,
    /// No such model.
    ModelNotFound,
    /// The prompt is too long.
    ContextWindow,
    /// The content filter refused the prompt.
    ContentFilter,
    /// The request is wrong, whoever gets it.
    Caller,
    /// The provider is at fault.
    Server,
}

impl UpstreamError {
    /// Reads an answer with an error status.
    pub fn from_status(status: u16, body: bytes::Bytes, retry_after: Option<Duration>) -> Self {
        let message = wire::message_of(&body);
        let (code, kind) = wire::code_and_type_of(&body);
        let word = |text: &str| code.as_deref() == Some(text) || kind.as_deref() == Some(text);
        let meaning = match status {
            401 => Meaning::BadKey,
            403 => Meaning::Forbidden,
            402 | 429 => Meaning::RateLimited,
            404 => Meaning::ModelNotFound,
            400 | 413 | 422 if word("context_length_exceeded") => Meaning::ContextWindow,
            400 if word("content_policy_violation") || word("content_filter") => {
                Meaning::ContentFilter
            }
            400 if word("invalid_api_key") => Meaning::BadKey,
            408 | 500.. => Meaning::Server,
            _ => Meaning::Caller,
        };
        Self::Status { status, meaning, message, body, retry_after }
    }

    /// The class that `fallback_on` speaks of; `None` for what is the caller's own fault.
    pub const fn class(&self) -> Option<FailureClass> {
        Some(match self {
            Self::Connect(_) | Self::Broken(_) => FailureClass::Connect,
            Self::Timeout { .. } => FailureClass::Timeout,
            Self::InBand(_) | Self::Garbage | Self::TooLarge => FailureClass::Server,
            Self::Busy => FailureClass::RateLimited,
            Self::NoKey => FailureClass::Auth,
            Self::Status { meaning, .. } => match meaning {
                Meaning::BadKey | Meaning::Forbidden => FailureClass::Auth,
                Meaning::RateLimited => FailureClass::RateLimited,
                Meaning::ModelNotFound => FailureClass::ModelNotFound,
                Meaning::ContextWindow => FailureClass::ContextWindow,
                Meaning::ContentFilter => FailureClass::ContentFilter,
                Meaning::Server => FailureClass::Server,
                Meaning::Caller => return None,
            },
        })
    }

    /// Whether it says that the target is ill, so that its circuit should know.
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Broken(_)
            | Self::Timeout { .. }
            | Self::InBand(_)
            | Self::Garbage
            | Self::TooLarge => true,
            Self::Status { meaning, .. } => matches!(meaning, Meaning::Server),
            Self::Busy | Self::NoKey => false,
        }
    }

    /// Whether the same target may be tried again.
    pub const fn retries(&self) -> bool {
        self.is_fault() || matches!(self, Self::Status { meaning: Meaning::RateLimited, .. })
    }

    /// The stable word for usage events and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Broken(_) => "broken",
            Self::Timeout { .. } => "timeout",
            Self::InBand(_) => "in_band_error",
            Self::Garbage => "garbage",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::NoKey => "no_provider_key",
            Self::Status { meaning, .. } => match meaning {
                Meaning::BadKey => "bad_provider_key",
                Meaning::Forbidden => "forbidden",
                Meaning::RateLimited => "rate_limited",
                Meaning::ModelNotFound => "model_not_found",
                Meaning::ContextWindow => "context_window",
                Meaning::ContentFilter => "content_filter",
                Meaning::Caller => "rejected",
                Meaning::Server => "server_error",
            },
        }
    }

    /// The provider's status, if it answered.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}
