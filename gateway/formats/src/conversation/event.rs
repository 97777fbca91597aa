//! A streamed answer, piece by piece.

use super::{Part, Reported, Signature, Stop};
use crate::json::Raw;

/// One piece of a streamed answer. A reader of a provider's stream makes them, a writer for an app's stream takes them.
///
/// Grammar, which readers keep to: `Start` first and once; then pieces, each with its choice (`0` unless several were
/// asked for); `Call` before the `Arguments` of the same call, with id and name known and `call` counting from 0 in
/// each choice; one `Stop` per choice; `Usage` any time, the last one counts; `End` last and once, or `Fault` instead.
/// Nothing follows `End` or `Fault`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id, if it gave one.
        id: Option<String>,
        /// The model that the provider says it uses.
        model: Option<String>,
    },
    /// More text.
    Text {
        /// Which choice.
        choice: u32,
        /// Not empty.
        text: String,
    },
    /// More reasoning in words.
    Reasoning {
        /// Which choice.
        choice: u32,
        /// May be empty where a block of omitted reasoning begins.
        text: String,
    },
    /// The signature of the reasoning so far; ends that block of reasoning.
    Signed {
        /// Which choice.
        choice: u32,
        /// The signature.
        signature: Signature,
    },
    /// A whole part: sealed reasoning, an image, or what only one format knows.
    Whole {
        /// Which choice.
        choice: u32,
        /// The part.
        part: Part,
    },
    /// More of a refusal.
    Refusal {
        /// Which choice.
        choice: u32,
        /// Not empty.
        text: String,
    },
    /// A tool call begins.
    Call {
        /// Which choice.
        choice: u32,
        /// Which call of the choice, from 0.
        call: u32,
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// Whether the tool is a custom one.
        custom: bool,
        /// The provider's signature of the call.
        signature: Option<Signature>,
    },
    /// More of a call's arguments. Pieces of several calls may be mixed.
    Arguments {
        /// Which choice.
        choice: u32,
        /// Which call.
        call: u32,
        /// A piece of the JSON text; not empty.
        json: String,
    },
    /// Log probabilities of the text just before, in OpenAI's shape.
    Logprobs {
        /// Which choice.
        choice: u32,
        /// `{"content":[…]}`.
        logprobs: Raw,
    },
    /// A choice ended.
    Stop {
        /// Which choice.
        choice: u32,
        /// Why. Already in line with the calls that were seen ([`Stop::given_calls`]).
        stop: Stop,
        /// The text that ended it.
        sequence: Option<String>,
    },
    /// What was used so far; the last one counts.
    Usage(Reported),
    /// The provider is silent and says so.
    Ping,
    /// The answer is complete.
    End,
    /// It broke off.
    Fault(Fault),
}

/// Why an answer broke off, or was never one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// The provider's words, or ours.
    pub message: String,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The provider reported an error in the clothes of a good answer.
    Reported,
    /// The same, and it is overloaded.
    Overloaded,
    /// The same, and it limits our rate.
    RateLimited,
    /// What came is no answer.
    Garbage,
    /// It ended before it was complete.
    Truncated,
}

impl Fault {
    /// An error that the provider reported.
    pub fn reported(message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Reported, message: message.into() }
    }

    /// Nonsense.
    pub fn garbage() -> Self {
        let message = "The provider sent something that is no answer.".to_owned();
        Self { kind: FaultKind::Garbage, message }
    }

    /// An early end.
    pub fn truncated() -> Self {
        let message = "The provider ended the answer before it was complete.".to_owned();
        Self { kind: FaultKind::Truncated, message }
    }

    /// The stable word for usage events and apps.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            FaultKind::Reported => "upstream_error",
            FaultKind::Overloaded => "upstream_overloaded",
            FaultKind::RateLimited => "upstream_rate_limited",
            FaultKind::Garbage => "upstream_garbage",
            FaultKind::Truncated => "upstream_truncated",
        }
    }
}
