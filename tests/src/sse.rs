//! Server-sent events as they arrive.

use std::time::{Duration, Instant};

use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method};
use serde_json::Value;

use crate::http::{self, Error, JSON_TYPE, OpenAnswer};

/// No test waits longer than this for an event.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A streaming answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct EventStream {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// When the request was sent.
    pub sent: Instant,
    /// When the head had arrived.
    pub head_at: Instant,
    answer: OpenAnswer,
    buffer: Vec<u8>,
    arrived: Instant,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When its last byte arrived.
    pub at: Instant,
    /// The field `event`, if there is one.
    pub name: Option<String>,
    /// The field `data`, of several lines perhaps.
    pub data: String,
    /// The lines that are comments.
    pub comments: Vec<String>,
    /// The event as it was on the wire, with the blank line at its end.
    pub raw: Vec<u8>,
}

/// How a stream went on.
#[derive(Debug)]
pub enum Next {
    /// An event, or a block of comments.
    Event(Event),
    /// The HTTP message ended as it should.
    End,
    /// The connection broke.
    Broken(String),
    /// Nothing came in time.
    Silence,
}

/// Posts JSON for a stream and fails the test if there is no answer's head.
pub async fn post_stream(url: &str, key: &str, body: &Value) -> EventStream {
    post_stream_with(url, key, &[], body).await
}

/// The same with additional headers.
pub async fn post_stream_with(
    url: &str,
    key: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> EventStream {
    let stream = try_post_stream(url, key, headers, body).await;
    stream.unwrap_or_else(|error| panic!("{url} gives no answer: {error}"))
}

/// Posts JSON for a stream.
pub async fn try_post_stream(
    url: &str,
    key: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<EventStream, Error> {
    let bearer = format!("Bearer {key}");
    let all = [&[(AUTHORIZATION.as_str(), bearer.as_str()), JSON_TYPE], headers].concat();
    let sent = Instant::now();
    let opening = http::open(Method::POST, url, &all, body.to_string().into_bytes());
    let answer = tokio::time::timeout(TIMEOUT, opening).await??;
    let head_at = Instant::now();
    Ok(EventStream {
        status: answer.response.status().as_u16(),
        headers: answer.response.headers().clone(),
        sent,
        head_at,
        answer,
        buffer: Vec::new(),
        arrived: head_at,
    })
}

impl EventStream {
    /// The next event, or nothing at the end of the stream, whichever end that is.
    pub async fn next(&mut self) -> Option<Event> {
        match self.next_within(TIMEOUT).await {
            Next::Event(event) => Some(event),
            Next::End | Next::Broken(_) => None,
            Next::Silence => panic!("no event after {TIMEOUT:?}"),
        }
    }

    /// What comes next, if it comes in time.
    pub async fn next_within(&mut self, timeout: Duration) -> Next {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            if let Some(length) = event_length(&self.buffer) {
                let raw = self.buffer.drain(..length).collect();
                return Next::Event(parse(raw, self.arrived));
            }
            match tokio::time::timeout_at(deadline, self.answer.next_bytes()).await {
                Err(_) => return Next::Silence,
                Ok(Err(error)) => return Next::Broken(error.to_string()),
                Ok(Ok(None)) => return Next::End,
                Ok(Ok(Some(bytes))) => {
                    self.arrived = Instant::now();
                    self.buffer.extend_from_slice(&bytes);
                }
            }
        }
    }

    /// All events to the end, and how the stream ended.
    pub async fn rest(&mut self) -> (Vec<Event>, Next) {
        let mut events = Vec::new();
        loop {
            match self.next_within(TIMEOUT).await {
                Next::Event(event) => events.push(event),
                end => return (events, end),
            }
        }
    }

    /// What has arrived of an event that is not complete.
    pub fn unfinished(&self) -> &[u8] {
        &self.buffer
    }

    /// Closes the connection; gives the moment at which it was closed.
    pub async fn close(self) -> Instant {
        self.answer.close().await
    }
}

impl Event {
    /// The data as JSON; `null` if it is none, as with `[DONE]`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or(Value::Null)
    }

    /// Whether this is `[DONE]`.
    pub fn is_done(&self) -> bool {
        self.data == "[DONE]"
    }

    /// The text of the first choice, or nothing.
    pub fn content(&self) -> Option<String> {
        self.json()["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    }
}

/// The length of the first event with its blank line, if it is complete.
fn event_length(bytes: &[u8]) -> Option<usize> {
    let end = |mark: &[u8]| {
        bytes.windows(mark.len()).position(|window| window == mark).map(|at| at + mark.len())
    };
    [end(b"\n\n"), end(b"\r\n\r\n")].into_iter().flatten().min()
}

fn parse(raw: Vec<u8>, at: Instant) -> Event {
    let text = String::from_utf8_lossy(&raw).into_owned();
    let field = |name: &'static str| {
        let values = text.lines().filter_map(move |line| line.strip_prefix(name));
        values.map(|value| value.strip_prefix(' ').unwrap_or(value))
    };
    Event {
        at,
        name: field("event:").next().map(str::to_owned),
        data: field("data:").collect::<Vec<_>>().join("\n"),
        comments: field(":").map(str::to_owned).collect(),
        raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_at_a_blank_line_of_either_kind() {
        assert_eq!(event_length(b"data: a\n\ndata: b\n\n"), Some(9));
        assert_eq!(event_length(b"data: a\r\n\r\nx\n\n"), Some(11));
        assert_eq!(event_length(b"data: a\n"), None);
    }

    #[test]
    fn an_event_has_its_fields() {
        let event = parse(b": hm\nevent: e\ndata: a\ndata:b\n\n".to_vec(), Instant::now());
        assert_eq!((event.name.as_deref(), event.data.as_str()), (Some("e"), "a\nb"));
        assert_eq!(event.comments, ["hm"]);
    }
}
