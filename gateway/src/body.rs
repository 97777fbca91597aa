//! Reads a request's body, bounded in size and time. actix itself has no timeout for bodies.

use crate::error::GatewayError;
use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    error::PayloadError,
    http::{StatusCode, header},
    web,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// A pause in a body may be this long.
const IDLE: Duration = Duration::from_secs(30);
/// After the first seconds a body must come at this many bytes per second.
const MIN_RATE: u64 = 1024;
const RATE_AFTER: Duration = Duration::from_secs(10);

/// The whole body.
pub async fn read(
    http: &HttpRequest,
    payload: &mut web::Payload,
    max: usize,
) -> Result<Bytes, GatewayError> {
    check_head(http, max)?;
    let started = Instant::now();
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    loop {
        let chunk = match timeout(IDLE, payload.next()).await {
            Err(_) => return Err(GatewayError::slow_body()),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(unreadable(&error)),
            Ok(Some(Ok(chunk))) => chunk,
        };
        let so_far = first.as_ref().map_or(0, Bytes::len) + all.len() + chunk.len();
        if so_far > max {
            return Err(GatewayError::too_large(max));
        }
        let elapsed = started.elapsed();
        if elapsed > RATE_AFTER && (so_far as u64) < elapsed.as_secs() * MIN_RATE {
            return Err(GatewayError::slow_body());
        }
        // The common body comes in one piece and is never copied.
        match &first {
            None if all.is_empty() => first = Some(chunk),
            _ => {
                if let Some(start) = first.take() {
                    all.reserve(expected(http).unwrap_or(so_far * 2).clamp(so_far, max));
                    all.extend_from_slice(&start);
                }
                all.extend_from_slice(&chunk);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

/// An answer to a request whose body may not have been read to its end. actix closes such a connection only if somebody
/// still holds the body when the answer goes out; otherwise it would wait for the rest for ever.
pub fn answered_early(response: HttpResponse, payload: web::Payload) -> HttpResponse {
    response.map_body(|_, body| Early { body, _payload: payload }).map_into_boxed_body()
}

struct Early {
    body: BoxBody,
    _payload: web::Payload,
}

impl MessageBody for Early {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

fn check_head(http: &HttpRequest, max: usize) -> Result<(), GatewayError> {
    if http.headers().contains_key(header::CONTENT_ENCODING) {
        let message =
            "Compressed request bodies are not taken: send the body without Content-Encoding.";
        return Err(GatewayError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request_error",
            "unsupported_content_encoding",
            message,
        ));
    }
    if expected(http).is_some_and(|length| length > max) {
        return Err(GatewayError::too_large(max));
    }
    Ok(())
}

fn expected(http: &HttpRequest) -> Option<usize> {
    http.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unreadable(error: &PayloadError) -> GatewayError {
    GatewayError::invalid(
        "unreadable_body",
        None,
        format!("The request body could not be read: {error}."),
    )
}
