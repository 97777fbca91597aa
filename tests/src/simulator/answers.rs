//! From what is to be said to HTTP: documents, errors, pages, and the headers that every answer has.

use std::time::Instant;

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::{self, Body, CutBy, Frames, PlainAnswer};
use super::call::Call;
use super::directives::Fault;
use super::errors::{ApiError, ErrorBody};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n";

/// A JSON document.
pub fn json(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(document).unwrap_or_default();
    with_type(status, JSON, body::whole(bytes))
}

/// JSON as it is laid out.
pub fn json_text(text: String) -> Response<Body> {
    with_type(StatusCode::OK, JSON, body::whole(text))
}

/// An error in OpenAI's shape.
pub fn error(error: &ApiError) -> Response<Body> {
    let mut response = json(error.status, &ErrorBody { error });
    if let Some(seconds) = error.retry_after {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        set(headers, "x-ratelimit-remaining-requests", "0");
        set(headers, "x-ratelimit-reset-requests", &go_duration(seconds));
    }
    response
}

/// An HTML page where JSON was expected.
pub fn page() -> Response<Body> {
    with_type(StatusCode::OK, HeaderValue::from_static("text/html"), body::whole(PAGE))
}

/// The head of a stream of events.
pub fn events(body: Body) -> Response<Body> {
    let mut response = with_type(StatusCode::OK, EVENTS, body);
    set(response.headers_mut(), "cache-control", "no-cache");
    response
}

/// The head of a stream of Amazon's binary frames.
pub fn frames(body: Body) -> Response<Body> {
    let content_type = HeaderValue::from_static("application/vnd.amazon.eventstream");
    with_type(StatusCode::OK, content_type, body)
}

/// The head of an array that comes in pieces.
pub fn array(body: Body) -> Response<Body> {
    with_type(StatusCode::OK, JSON, body)
}

/// The answer to a call as one document, cut short if its directives say so.
pub fn document(call: Call, document: &impl Serialize) -> Response<Body> {
    bytes(call, "application/json", serde_json::to_vec(document).unwrap_or_default())
}

/// The same of other content.
pub fn bytes(call: Call, content_type: &'static str, content: impl Into<Bytes>) -> Response<Body> {
    let mut bytes: Bytes = content.into();
    let promised = bytes.len();
    let half = promised / 2;
    let (cut, length) = match call.directives.fault {
        Some(Fault::Reset(_)) => (Some(CutBy::Reset(call.switch)), promised),
        Some(Fault::Truncate(_)) => (Some(CutBy::Close), promised),
        // The message is whole, but what it says is not.
        Some(Fault::Garbage(_) | Fault::End(_) | Fault::Half(_)) => (None, half),
        _ => (None, promised),
    };
    let good = cut.is_none() && length == promised;
    if !good {
        bytes.truncate(half);
    }
    let content_type = HeaderValue::from_static(content_type);
    let plain = PlainAnswer { bytes, cut, progress: call.progress, good };
    let mut response = with_type(
        StatusCode::OK,
        content_type,
        body::paced(Frames::Plain(plain), &call.directives),
    );
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Tells how many requests the rate limit still has room for.
pub fn tell_room(response: &mut Response<Body>, room: Option<u64>) {
    if let Some(room) = room {
        set(response.headers_mut(), "x-ratelimit-remaining-requests", &room.to_string());
        set(response.headers_mut(), "x-ratelimit-reset-requests", "1m0s");
    }
}

/// Adds the headers that each of OpenAI's answers carries.
pub fn dress(response: &mut Response<Body>, number: u64, started: Instant) {
    let headers = response.headers_mut();
    set(headers, "x-request-id", &format!("req_{number:032x}"));
    set(headers, "openai-organization", "org-simulator");
    set(headers, "openai-processing-ms", &started.elapsed().as_millis().to_string());
    set(headers, "openai-version", "2020-10-01");
    let limits = [
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "1999000"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "30ms"),
    ];
    for (name, value) in limits {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn set(headers: &mut hyper::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Seconds as Go prints a duration: `6m0s`.
fn go_duration(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_look_like_gos() {
        for (seconds, expected) in [(0, "0s"), (59, "59s"), (360, "6m0s"), (3_601, "1h0m1s")] {
            assert_eq!(go_duration(seconds), expected);
        }
    }
}
