//! One call of one target: from sending the request to an answer that is known to be one.

use super::{client::Client, error::UpstreamError, health::TargetState};
use crate::formats::{
    facts::Api,
    openai_chat::{
        answer::{self, Answer},
        stream::{self, Chunk},
    },
    sse::{self, Splitter},
};
use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A plain answer may have this many bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// This much of an error's body is read.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// A plain answer that brings less than this in a span of `first_byte` has timed out.
const MIN_PROGRESS_BYTES: usize = 64;

/// A call.
pub struct Call<'c> {
    /// The client to send it with.
    pub client: &'c Client,
    /// The target.
    pub state: &'c TargetState,
    /// Which provider key.
    pub slot: usize,
    /// Which API.
    pub api: Api,
    /// The body, inspected and rewritten for the target.
    pub body: Bytes,
    /// Whether the answer streams.
    pub stream: bool,
    /// Our id of the request.
    pub request_id: &'c str,
    /// Time to the first byte.
    pub first_byte: Option<Duration>,
    /// Time between two pieces.
    pub idle: Duration,
    /// When all must be over (a stream: its first byte).
    pub deadline: Instant,
}

/// An answer that can go to the app.
#[derive(Debug)]
pub struct Answered {
    /// When its first byte came.
    pub first_byte_at: Instant,
    /// Its content type.
    pub content_type: Option<http::HeaderValue>,
    /// The answer.
    pub body: AnswerBody,
}

/// The two forms of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// Whole, with what it says of itself.
    Plain(Bytes, Answer),
    /// A stream, after its first whole events.
    Stream {
        /// What came so far: at least one event with data.
        first: Bytes,
        /// What follows.
        rest: Incoming,
        /// The bytes of an event that has just begun.
        splitter: Splitter,
    },
}

impl Call<'_> {
    /// Makes the call. Dropping the future cancels it: the connection is closed.
    pub async fn run(self) -> Result<Answered, UpstreamError> {
        let first_byte_by = self
            .first_byte
            .map_or(self.deadline, |limit| self.deadline.min(Instant::now() + limit));
        let response = self.send(first_byte_by).await?;
        if response.status() != StatusCode::OK {
            return Err(self.failed(response).await);
        }
        let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
        let (first_byte_at, body) = if self.stream {
            self.first_events(response.into_body(), first_byte_by).await?
        } else {
            self.whole(response.into_body(), first_byte_by).await?
        };
        Ok(Answered { first_byte_at, content_type, body })
    }

    async fn send(&self, by: Instant) -> Result<Response<Incoming>, UpstreamError> {
        let request = self.request().map_err(|error| UpstreamError::Connect(error.to_string()))?;
        match timeout_at(by, self.client.request(request)).await {
            Err(_) => Err(self.too_slow("first byte", by)),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(UpstreamError::Connect(root_cause(&error))),
            Ok(Err(error)) => Err(UpstreamError::Broken(root_cause(&error))),
        }
    }

    fn request(&self) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let accept = if self.stream { "text/event-stream" } else { "application/json" };
        let mut request = http::Request::post(self.state.uri(self.api).unwrap_or_default())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept)
            .header(header::USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .header("x-request-id", self.request_id);
        if let Some(value) = &self.state.slots[self.slot].authorization {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        for (name, value) in &self.state.provider.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        request.body(Full::new(self.body.clone()))
    }

    async fn failed(&self, response: Response<Incoming>) -> UpstreamError {
        let (head, mut body) = response.into_parts();
        let by = self.deadline.min(Instant::now() + Duration::from_secs(5));
        let mut bytes = BytesMut::new();
        while let Ok(Some(Ok(frame))) = timeout_at(by, body.frame()).await {
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
            if bytes.len() > MAX_ERROR_BYTES {
                bytes.truncate(MAX_ERROR_BYTES);
                break;
            }
        }
        // Redirects are never followed, and 2xx other than 200 is no answer to these calls.
        let status = if head.status.as_u16() < 400 { 502 } else { head.status.as_u16() };
        UpstreamError::from_status(status, bytes.freeze(), retry_after(&head.headers))
    }

    /// Reads a plain answer to its end.
    async fn whole(
        &self,
        mut body: Incoming,
        first_byte_by: Instant,
    ) -> Result<(Instant, AnswerBody), UpstreamError> {
        let mut bytes = BytesMut::with_capacity(body_size_hint(&body));
        let mut first_byte_at = None;
        let mut by = first_byte_by;
        let mut checkpoint = self.first_byte.map(|span| (Instant::now() + span, 0));
        loop {
            let frame = match timeout_at(by, body.frame()).await {
                Err(_) if first_byte_at.is_none() => return Err(self.too_slow("first byte", by)),
                Err(_) => {
                    return Err(UpstreamError::Timeout { what: "further data", after: self.idle });
                }
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(UpstreamError::Broken(root_cause(&error))),
                Ok(Some(Ok(frame))) => frame,
            };
            let now = Instant::now();
            let Ok(data) = frame.into_data() else { continue };
            first_byte_at.get_or_insert(now);
            if bytes.len() + data.len() > MAX_ANSWER_BYTES {
                return Err(UpstreamError::TooLarge);
            }
            bytes.extend_from_slice(&data);
            by = self.deadline.min(now + self.idle);
            if let (Some(span), Some((at, before))) = (self.first_byte, checkpoint)
                && now >= at
            {
                if bytes.len() - before < MIN_PROGRESS_BYTES {
                    return Err(UpstreamError::Timeout { what: "progress", after: span });
                }
                checkpoint = Some((now + span, bytes.len()));
            }
        }
        let bytes = bytes.freeze();
        match answer::read(&bytes) {
            Answer::Error(message) => Err(UpstreamError::InBand(message)),
            Answer::Garbage => Err(UpstreamError::Garbage),
            good => {
                Ok((first_byte_at.unwrap_or_else(Instant::now), AnswerBody::Plain(bytes, good)))
            }
        }
    }

    /// Reads a stream up to its first event with data. Comments and blank lines are no answer, so they do not count as
    /// a first byte; an error or nonsense in that place can still go on to another target.
    async fn first_events(
        &self,
        mut body: Incoming,
        by: Instant,
    ) -> Result<(Instant, AnswerBody), UpstreamError> {
        let mut splitter = Splitter::default();
        let mut held = BytesMut::new();
        loop {
            let frame = match timeout_at(by, body.frame()).await {
                Err(_) => return Err(self.too_slow("first byte", by)),
                Ok(None) => return Err(nothing_came(&mut splitter)),
                Ok(Some(Err(error))) => return Err(UpstreamError::Broken(root_cause(&error))),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let piece = splitter.push(data).map_err(|sse::TooLong| UpstreamError::TooLarge)?;
            let first = sse::events(&piece).find_map(|event| event.data());
            let Some(first) = first else {
                // A body that is no event stream never has a blank line or only lines without data.
                if held.len() + piece.len() > MAX_ERROR_BYTES {
                    return Err(UpstreamError::Garbage);
                }
                held.extend_from_slice(&piece);
                continue;
            };
            match stream::read(&first) {
                Chunk::Error(message) => return Err(UpstreamError::InBand(message)),
                Chunk::Garbage => return Err(UpstreamError::Garbage),
                Chunk::Piece(_) | Chunk::Done => {}
            }
            let first = if held.is_empty() {
                piece
            } else {
                held.extend_from_slice(&piece);
                held.freeze()
            };
            return Ok((Instant::now(), AnswerBody::Stream { first, rest: body, splitter }));
        }
    }

    fn too_slow(&self, what: &'static str, by: Instant) -> UpstreamError {
        match self.first_byte {
            Some(after) if by < self.deadline => UpstreamError::Timeout { what, after },
            _ => UpstreamError::Timeout {
                what: "answer in the time for the whole request",
                after: Duration::ZERO,
            },
        }
    }
}

/// The stream ended before it began: with bytes that are no event it is nonsense, without any it broke.
fn nothing_came(splitter: &mut Splitter) -> UpstreamError {
    if splitter.finish().is_empty() {
        UpstreamError::Broken("the stream ended before it began".to_owned())
    } else {
        UpstreamError::Garbage
    }
}

fn body_size_hint(body: &Incoming) -> usize {
    use hyper::body::Body;
    usize::try_from(body.size_hint().lower()).unwrap_or(0).min(1 << 20)
}

/// `retry-after-ms`, else `retry-after` in seconds; dates are rare enough to be ignored.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds =
        number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// The innermost cause says what happened; the outer ones only where.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
