//! Why a call of a target gave no usable answer.

pub use crate::formats::stream::Meaning;
use crate::formats::{
    anthropic, bedrock, cohere, conversation::Format, gemini, mistake::Mistake, openai_chat,
    stream::ProviderSaid,
};
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
    #[error("{status}: {}", said.message)]
    Status {
        /// The status.
        status: u16,
        /// What it means.
        meaning: Meaning,
        /// The format that it was told in.
        wire: Format,
        /// What the provider said.
        said: Box<ProviderSaid>,
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
    /// The target cannot honour a parameter of the request.
    #[error("{0}")]
    Unsupported(Mistake),
    /// The provider has no such operation.
    #[error("the provider has no such API")]
    NoOperation,
    /// All keys of the provider are out.
    #[error("no provider key is usable")]
    NoKey,
}

/// An answer with an error status, before it is understood.
#[derive(Debug)]
pub struct Refused<'r> {
    /// The status.
    pub status: u16,
    /// The format that the provider tells errors in.
    pub wire: Format,
    /// The body.
    pub body: bytes::Bytes,
    /// The name of the error, where it stands in a header (AWS).
    pub error_type: Option<&'r str>,
    /// When it is worth trying again, as a header says.
    pub retry_after: Option<Duration>,
}

impl UpstreamError {
    /// Reads an answer with an error status.
    pub fn from_status(refused: Refused) -> Self {
        let Refused { status, wire, body, error_type, retry_after } = refused;
        let said = match wire {
            Format::OpenaiChat | Format::OpenaiResponses => openai_chat::read_error(status, &body),
            Format::Anthropic => anthropic::read_error(status, &body),
            Format::Gemini => gemini::read_error(status, &body),
            Format::Bedrock => bedrock::read_error(status, error_type, &body),
            Format::Cohere => cohere::read_error(status, &body),
        };
        let by_status = match status {
            401 => Meaning::BadKey,
            403 => Meaning::Forbidden,
            402 => Meaning::OutOfCredit,
            429 => Meaning::RateLimited,
            404 => Meaning::ModelNotFound,
            408 | 424 | 498 | 500.. => Meaning::Server,
            _ => Meaning::Caller,
        };
        let meaning = match (by_status, said.meaning) {
            // Words of a request that is wrong do not make a provider's fault the caller's.
            (Meaning::Server, None | Some(Meaning::Caller)) => Meaning::Server,
            (_, Some(meaning)) => meaning,
            (by_status, None) => by_status,
        };
        let retry_after = retry_after.or(said.retry_after_ms.map(Duration::from_millis));
        Self::Status { status, meaning, wire, said: Box::new(said), body, retry_after }
    }

    /// The class that `fallback_on` speaks of; `None` for what is the caller's own fault.
    pub const fn class(&self) -> Option<FailureClass> {
        Some(match self {
            Self::Connect(_) | Self::Broken(_) => FailureClass::Connect,
            Self::Timeout { .. } => FailureClass::Timeout,
            Self::InBand(_) | Self::Garbage | Self::TooLarge => FailureClass::Server,
            Self::Unsupported(_) | Self::NoOperation => return None,
            Self::Busy => FailureClass::RateLimited,
            Self::NoKey => FailureClass::Auth,
            Self::Status { meaning, .. } => match meaning {
                Meaning::BadKey | Meaning::Forbidden => FailureClass::Auth,
                Meaning::RateLimited | Meaning::OutOfCredit => FailureClass::RateLimited,
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
            Self::Busy | Self::NoKey | Self::Unsupported(_) | Self::NoOperation => false,
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
            Self::Unsupported(_) => "unsupported_parameter",
            Self::NoOperation => "no_such_api",
            Self::NoKey => "no_provider_key",
            Self::Status { meaning, .. } => match meaning {
                Meaning::BadKey => "bad_provider_key",
                Meaning::Forbidden => "forbidden",
                Meaning::RateLimited => "rate_limited",
                Meaning::OutOfCredit => "out_of_credit",
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
