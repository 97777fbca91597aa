//! Cohere's API, version 2: path, key and body are checked here, in this order.

pub mod errors;

pub mod chat;
pub mod embeddings;
pub mod rerank;

pub mod conversation;
pub mod request;

pub mod stream;
pub mod usage;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Response};
use serde_json::Value;

use self::errors::CohereError;
use super::body::{Body, Cut};
use super::call::Call;
use super::provider_error::ProviderError;
use super::state::State;
use super::visit::Visit;

const TRACE: HeaderName = HeaderName::from_static("x-debug-trace-id");

#[derive(Clone, Copy)]
enum Endpoint {
    Chat,
    Embed,
    Rerank,
}

/// Whether a request is for Cohere.
pub fn knows(visit: &Visit<'_>) -> bool {
    visit.path.starts_with("v2/")
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match begin(state, visit) {
        Ok((Endpoint::Chat, call)) => Ok(chat::answer(call).await?),
        Ok((Endpoint::Embed, call)) => Ok(embeddings::answer(call).await?),
        Ok((Endpoint::Rerank, call)) => Ok(rerank::answer(call).await?),
        Err(error) => Err(error),
    };
    let mut response = answered.unwrap_or_else(|error| error.response(visit.number));
    if let Ok(trace) = HeaderValue::from_str(&format!("{:032x}", visit.number)) {
        response.headers_mut().insert(TRACE, trace);
    }
    Ok(response)
}

/// The id of an answer.
pub fn answer_id(number: u64) -> String {
    format!("00000000-0000-4000-{:04x}-{:012x}", number >> 48, number & 0xffff_ffff_ffff)
}

fn begin(state: &State, visit: &Visit<'_>) -> Result<(Endpoint, Call), CohereError> {
    let endpoint = match visit.path {
        "v2/chat" => Endpoint::Chat,
        "v2/embed" => Endpoint::Embed,
        "v2/rerank" => Endpoint::Rerank,
        _ => return Err(CohereError::new(404, "page not found")),
    };
    if visit.head.method != Method::POST {
        return Err(CohereError::new(405, "method not allowed"));
    }
    match visit.bearer().and_then(|key| state.key(key)) {
        Some(key) => visit.record.presented(key),
        None => return Err(CohereError::of_status(401, "")),
    }
    let Some(bytes) = visit.body.as_deref() else {
        return Err(CohereError::new(413, "the request is too large"));
    };
    let Ok(Value::Object(body)) = serde_json::from_slice(bytes) else {
        return Err(CohereError::invalid("invalid json syntax"));
    };
    let requested = match body.get("model").and_then(Value::as_str) {
        Some(model) if !model.is_empty() => model.to_owned(),
        _ => return Err(CohereError::invalid("invalid request: model is required")),
    };
    Ok((endpoint, Call::begin::<CohereError>(state, visit, requested, body)?))
}
