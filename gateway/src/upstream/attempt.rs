//! One call of one target: from sending the request to an answer that is known to be one.

use super::{
    client::Client,
    credential::Credential,
    error::{Refused, UpstreamError},
    health::TargetState,
};
use crate::{
    dispatch::{Dispatch, Reading, Received, Whole},
    formats::bedrock::sigv4,
    meter::Meter,
    passage::{Flow, Passage, Taken},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tollgate_contract::provider::Wire;

/// A plain answer may have this many bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// This much of an error's body is read.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// A plain answer that brings less than this in a span of `first_byte` has timed out.
const MIN_PROGRESS_BYTES: usize = 64;

/// Events without content are held back for so long at most: a model that thinks in silence shall not keep the app
/// without a sign of life.
const HOLD_BACK: Duration = Duration::from_secs(1);

/// A call.
pub struct Call<'c> {
    /// The client to send it with.
    pub client: &'c Client,
    /// The target.
    pub state: &'c TargetState,
    /// Which provider key.
    pub slot: usize,
    /// What to send; it was inspected and made for the target.
    pub dispatch: Dispatch,
    /// Whether the answer streams.
    pub stream: bool,
    /// Whether the app wants the usage at the end of a stream.
    pub include_usage: bool,
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
pub struct Answered {
    /// When its first byte came.
    pub first_byte_at: Instant,
    /// Its content type.
    pub content_type: Option<HeaderValue>,
    /// The answer.
    pub body: AnswerBody,
    /// Parameters that were left out.
    pub dropped: Vec<String>,
    /// Parameters that were brought into range.
    pub clamped: Vec<String>,
    /// Whether the bytes are the provider's own.
    pub native: bool,
}

/// The two forms of an answer.
pub enum AnswerBody {
    /// Whole, as the app gets it.
    Plain(Box<Whole>),
    /// A stream, after its first whole events.
    Stream {
        /// What the app gets of it so far.
        first: Taken,
        /// What follows.
        rest: Incoming,
        /// Where it goes through.
        passage: Passage,
    },
}

impl Call<'_> {
    /// Makes the call. Dropping the future cancels it: the connection is closed.
    pub async fn run(mut self, meter: &mut Meter) -> Result<Answered, UpstreamError> {
        let first_byte_by = self
            .first_byte
            .map_or(self.deadline, |limit| self.deadline.min(Instant::now() + limit));
        let dropped = std::mem::take(&mut self.dispatch.dropped);
        let clamped = std::mem::take(&mut self.dispatch.clamped);
        let reading = std::mem::replace(&mut self.dispatch.reading, Reading::Openai);
        let native = matches!(reading, Reading::Same(_));
        if self.stream {
            let response = self.send(0, first_byte_by).await?;
            let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
            let passage = Passage::new(reading, self.include_usage);
            let own_type = passage.content_type().map(HeaderValue::from_static);
            let (first_byte_at, body) =
                self.first_events(response.into_body(), passage, first_byte_by, meter).await?;
            let content_type = own_type.or(content_type);
            return Ok(Answered { first_byte_at, content_type, body, dropped, clamped, native });
        }
        let mut received = Vec::with_capacity(self.dispatch.bodies.len());
        let mut first_byte_at = Instant::now();
        let mut content_type = None;
        for index in 0..self.dispatch.bodies.len() {
            let response = self.send(index, first_byte_by).await?;
            content_type = response.headers().get(header::CONTENT_TYPE).cloned();
            let head_tokens = number(response.headers(), "x-amzn-bedrock-input-token-count");
            let (at, body) = self.whole(response.into_body(), first_byte_by).await?;
            if index == 0 {
                first_byte_at = at;
            }
            received.push(Received { body, head_tokens });
        }
        let whole = reading.whole(received)?;
        let content_type = whole.content_type.map(HeaderValue::from_static).or(content_type);
        let body = AnswerBody::Plain(Box::new(whole));
        Ok(Answered { first_byte_at, content_type, body, dropped, clamped, native })
    }

    /// Sends one of the bodies; comes back with an answer of status 200.
    async fn send(&self, index: usize, by: Instant) -> Result<Response<Incoming>, UpstreamError> {
        let mut again = matches!(self.credential(), Credential::Google(_));
        loop {
            let request = self.request(index, by).await?;
            let response = match timeout_at(by, self.client.request(request)).await {
                Err(_) => return Err(self.too_slow("first byte", by)),
                Ok(Ok(response)) => response,
                Ok(Err(error)) if error.is_connect() => {
                    return Err(UpstreamError::Connect(root_cause(&error)));
                }
                Ok(Err(error)) => return Err(UpstreamError::Broken(root_cause(&error))),
            };
            if response.status() == StatusCode::OK {
                self.state.note_headroom(self.slot, response.headers());
                return Ok(response);
            }
            // A token may have been withdrawn before its time: one new one is tried.
            if let (StatusCode::UNAUTHORIZED, Credential::Google(source), true) =
                (response.status(), self.credential(), again)
            {
                again = false;
                source.forget().await;
                continue;
            }
            return Err(self.failed(response).await);
        }
    }

    fn credential(&self) -> &Credential {
        &self.state.slots[self.slot].credential
    }

    async fn request(
        &self,
        index: usize,
        by: Instant,
    ) -> Result<http::Request<Full<Bytes>>, UpstreamError> {
        let Dispatch { operation, bodies, content_type, headers, .. } = &self.dispatch;
        let unmade = |error: http::Error| UpstreamError::Connect(error.to_string());
        let uri = self.state.uri(*operation, self.slot).ok_or(UpstreamError::NoOperation)?;
        let body = bodies.get(index).cloned().unwrap_or_default();
        let accept = match (self.stream, self.state.provider.kind.wire()) {
            (true, Wire::Bedrock) => "application/vnd.amazon.eventstream",
            (true, _) => "text/event-stream",
            (false, _) => "application/json",
        };
        let mut request = http::Request::post(uri.clone())
            .header(header::CONTENT_TYPE, content_type)
            .header(header::ACCEPT, accept)
            .header(header::USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .header("x-request-id", self.request_id);
        for (name, value) in headers.iter().chain(&self.state.provider.headers) {
            request = request.header(name.as_str(), value.as_str());
        }
        let mut request = request.body(Full::new(body.clone())).map_err(unmade)?;
        self.authenticate(&mut request, &uri, &body, by).await?;
        Ok(request)
    }

    async fn authenticate(
        &self,
        request: &mut http::Request<Full<Bytes>>,
        uri: &Uri,
        body: &Bytes,
        by: Instant,
    ) -> Result<(), UpstreamError> {
        let headers = request.headers_mut();
        match self.credential() {
            Credential::None => {}
            Credential::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Credential::Google(source) => {
                headers.insert(header::AUTHORIZATION, source.header(self.client, by).await?);
            }
            Credential::Aws { credentials, region } => {
                let content_type = self.dispatch.content_type.as_str();
                let signed = sigv4::sign(
                    credentials,
                    &sigv4::ToSign {
                        region,
                        service: "bedrock",
                        method: "POST",
                        host: uri.authority().map_or("", |authority| authority.as_str()),
                        path: uri.path(),
                        query: uri.query().unwrap_or_default(),
                        content_type,
                        body,
                    },
                    jiff::Timestamp::now(),
                );
                for (name, value) in signed {
                    let named =
                        HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
                    let Some((name, mut value)) = named else { return Err(UpstreamError::NoKey) };
                    value.set_sensitive(true);
                    headers.insert(name, value);
                }
            }
        }
        Ok(())
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
        UpstreamError::from_status(Refused {
            status,
            wire: self.dispatch.operation.format(self.state.provider.kind.wire()),
            body: bytes.freeze(),
            error_type: head.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()),
            retry_after: retry_after(&head.headers),
        })
    }

    /// Reads a plain answer to its end.
    async fn whole(
        &self,
        mut body: Incoming,
        first_byte_by: Instant,
    ) -> Result<(Instant, Bytes), UpstreamError> {
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
        Ok((first_byte_at.unwrap_or_else(Instant::now), bytes.freeze()))
    }

    /// Reads a stream up to its first content. Comments and blank lines are no answer, so they do not count as a first
    /// byte; events that bring nothing to show are held back for a while, because an error or nonsense in their place or
    /// after them can still go on to another target.
    async fn first_events(
        &self,
        mut body: Incoming,
        mut passage: Passage,
        by: Instant,
        meter: &mut Meter,
    ) -> Result<(Instant, AnswerBody), UpstreamError> {
        let mut held = BytesMut::new();
        let mut first_byte_at = None;
        let mut by = by;
        let flow = loop {
            let frame = match timeout_at(by, body.frame()).await {
                Err(_) if first_byte_at.is_some() => break Flow::Opening,
                Err(_) => return Err(self.too_slow("first byte", by)),
                Ok(None) => {
                    let taken = passage.finish(meter);
                    return Err(nothing_came(taken.flow));
                }
                Ok(Some(Err(error))) => return Err(UpstreamError::Broken(root_cause(&error))),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            let taken = passage.take(data, meter);
            held.extend_from_slice(&taken.out);
            match taken.flow {
                Flow::Broken { code: "upstream_garbage", .. } => {
                    return Err(UpstreamError::Garbage);
                }
                Flow::Broken { message, .. } => return Err(UpstreamError::InBand(message)),
                // A body that is no event stream never has a blank line or only lines without data.
                Flow::Waiting if held.len() > MAX_ERROR_BYTES => {
                    return Err(UpstreamError::Garbage);
                }
                Flow::Waiting => {}
                Flow::Opening if held.len() > MAX_ERROR_BYTES => break Flow::Going,
                Flow::Opening => {
                    if first_byte_at.is_none() {
                        let now = Instant::now();
                        first_byte_at = Some(now);
                        by = self.deadline.min(now + HOLD_BACK);
                    }
                }
                flow @ (Flow::Going | Flow::Done) => break flow,
            }
        };
        let first = Taken { out: held.freeze(), flow };
        let at = first_byte_at.unwrap_or_else(Instant::now);
        Ok((at, AnswerBody::Stream { first, rest: body, passage }))
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
fn nothing_came(flow: Flow) -> UpstreamError {
    match flow {
        Flow::Broken { code: "upstream_garbage", .. } => UpstreamError::Garbage,
        Flow::Broken { message, reported: true, .. } => UpstreamError::InBand(message),
        _ => UpstreamError::Broken("the stream ended before it began".to_owned()),
    }
}

fn body_size_hint(body: &Incoming) -> usize {
    use hyper::body::Body;
    usize::try_from(body.size_hint().lower()).unwrap_or(0).min(1 << 20)
}

fn number<T: std::str::FromStr>(headers: &http::HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `retry-after-ms`, else `retry-after` in seconds; dates are rare enough to be ignored.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = number::<f64>(headers, "retry-after-ms")
        .map(|ms| ms / 1000.0)
        .or_else(|| number(headers, "retry-after"))?;
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
