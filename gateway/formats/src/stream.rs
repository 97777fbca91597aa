//! What streams of all formats have in common: readers on the provider's side, writers on the app's.

use crate::conversation::{Conversation, Event};
use std::sync::Arc;

/// Reads a provider's stream. Knows nothing of how its bytes are cut: it gets whole events.
pub trait StreamReader: Send {
    /// Takes one event: `name` is the SSE `event:` (empty if there is none) or the Bedrock frame's type, `data` the SSE
    /// data or the frame's payload. Adds what it says to `out`, by the grammar of [`Event`].
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>);

    /// The provider's stream is over. Adds `End` if every sign of a complete answer was there, else a `Fault`; nothing
    /// if either was told before.
    fn end(&mut self, out: &mut Vec<Event>);
}

/// Writes an app's stream.
pub trait StreamWriter: Send {
    /// Writes what the app sees of an event: whole SSE events with their blank line, or nothing.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);

    /// What the app gets while the provider is silent: a comment or a ping.
    fn keep_alive(&mut self, out: &mut Vec<u8>);
}

/// What the writers of answers and streams have to know of the request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request's id: the answer's where the provider gave none.
    pub id: String,
    /// Seconds since 1970 when the request came in.
    pub created: i64,
    /// The model as the app asked for it.
    pub model: String,
    /// Whether the app wants the usage at the end of a stream.
    pub include_usage: bool,
    /// The request, for formats that repeat parts of it in the answer.
    pub conversation: Arc<Conversation>,
}

impl Asked {
    /// An id in the style of a format: `prefix` and the letters and digits of the provider's id, else of the request's.
    pub fn id_with(&self, prefix: &str, given: Option<&str>) -> String {
        match given {
            Some(id) if id.starts_with(prefix) => id.to_owned(),
            other => {
                let source = other.filter(|id| !id.is_empty()).unwrap_or(&self.id);
                let plain: String = source.chars().filter(char::is_ascii_alphanumeric).collect();
                format!("{prefix}{plain}")
            }
        }
    }
}

/// What a provider said in an answer with an error status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderSaid {
    /// Its words, at most 500 characters.
    pub message: String,
    /// Its code, if it is a word or number.
    pub code: Option<String>,
    /// Its type or status word.
    pub kind: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// What the code, type or words mean, where they say more than the HTTP status.
    pub meaning: Option<Meaning>,
    /// How long to wait, in milliseconds, where the body says it.
    pub retry_after_ms: Option<u64>,
}

/// What an error of a provider means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The provider key is bad (401 or another word for it).
    BadKey,
    /// The provider forbids this, which says nothing about the key.
    Forbidden,
    /// Too many requests.
    RateLimited,
    /// The account is out of money or over its own spend limit: waiting does not help.
    OutOfCredit,
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

/// What an app is told of a failure, before it takes the shape of its API.
#[derive(Debug, Clone)]
pub struct ErrorFacts<'e> {
    /// The HTTP status.
    pub status: u16,
    /// The class, in OpenAI's words.
    pub kind: &'e str,
    /// The stable code.
    pub code: &'e str,
    /// The parameter at fault.
    pub param: Option<&'e str>,
    /// For people.
    pub message: &'e str,
    /// Further facts, printed beside the message.
    pub details: Option<(&'e str, &'e serde_json::Value)>,
    /// The request's id, for formats that print it.
    pub request_id: Option<&'e str>,
}
