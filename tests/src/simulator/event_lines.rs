//! Server-sent events with names, as Anthropic and Cohere write them.

use serde_json::Value;

use super::directives::Directives;

/// Writes events with the line ends that were asked for.
#[derive(Debug, Clone, Copy)]
pub struct EventLines(&'static str);

impl EventLines {
    /// Lines that end as the directives say.
    pub const fn new(directives: &Directives) -> Self {
        Self(if directives.crlf { "\r\n" } else { "\n" })
    }

    /// An event with a JSON document, which names the event too.
    pub fn event(self, document: &Value) -> Vec<u8> {
        let name = document["type"].as_str().unwrap_or_default();
        self.raw(name, document.to_string().as_bytes())
    }

    /// An event of other content.
    pub fn raw(self, name: &str, data: &[u8]) -> Vec<u8> {
        let end = self.0.as_bytes();
        [b"event: ", name.as_bytes(), end, b"data: ", data, end, end].concat()
    }

    /// A comment, which clients skip.
    pub fn comment(self) -> Vec<u8> {
        format!(": waiting{0}{0}", self.0).into_bytes()
    }
}
