//! Where requests come in: path, method, key, content type and body are checked here, in this order.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::bill::Outcome;
use super::body::{Body, Cut};
use super::call::{Arrival, Call};
use super::errors::ApiError;
use super::requests::Record;
use super::state::State;
use super::wire::ResetSwitch;
use super::{answers, chat, control, embeddings, models};

const BODY_BYTES_MAX: usize = 64 << 20;

enum Endpoint<'a> {
    Chat,
    Embeddings,
    Models,
    Model(&'a str),
}

/// Answers one request. An error ends the connection without an answer.
pub async fn handle(
    state: Arc<State>,
    switch: ResetSwitch,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (started, number) = (Instant::now(), state.identities.number());
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if let Some(path) = path.strip_prefix("/simulator/") {
        return Ok(control::answer(
            &state,
            &head.method,
            path,
            head.uri.query().unwrap_or_default(),
        ));
    }
    let collected = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => return Err(Cut),
    };
    let body = collected.as_deref().unwrap_or_default();
    let (provider, endpoint) = split(path);
    let whole_path = head.uri.path_and_query().map_or(path, |path| path.as_str());
    let presented = bearer(&head.headers).and_then(|key| state.key(key));
    let mut record = Record::new(provider, head.method.as_str(), whole_path, &head.headers, body);
    record.key = presented;
    let record = Arc::new(record);
    state.requests.push(Arc::clone(&record));

    let checked = check(&head.method, path, endpoint, presented).and_then(|endpoint| {
        collected.as_ref().map_err(ApiError::clone)?;
        Ok(endpoint)
    });
    let simulate = head.headers.get("x-simulate").and_then(|value| value.to_str().ok());
    let arrival = Arrival { record: &record, body, simulate, switch, number };
    let answered = match checked {
        Ok(Endpoint::Models) => Ok(models::list(&state, provider)),
        Ok(Endpoint::Model(id)) => Ok(models::one(&state, provider, id)),
        Ok(Endpoint::Chat) => match begin(&state, &head.headers, arrival) {
            Ok(call) => Ok(chat::answer(call).await?),
            Err(error) => Err(error),
        },
        Ok(Endpoint::Embeddings) => match begin(&state, &head.headers, arrival) {
            Ok(call) => Ok(embeddings::answer(call).await?),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    // Calls note their own end. Everything else is over here.
    if record.model.get().is_none() {
        record.end(if answered.is_ok() { Outcome::Answered } else { Outcome::Failed });
    }
    let mut response = answered.unwrap_or_else(|error| answers::error(&error));
    answers::dress(&mut response, number, started);
    Ok(response)
}

/// `/{provider}/v1/…` or `/v1/…`.
fn split(path: &str) -> (&str, Option<Endpoint<'_>>) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (provider, rest) = match path.strip_prefix("v1/") {
        Some(rest) => ("default", Some(rest)),
        None => path
            .split_once('/')
            .map_or((path, None), |(provider, rest)| (provider, rest.strip_prefix("v1/"))),
    };
    let endpoint = match rest {
        Some("chat/completions") => Some(Endpoint::Chat),
        Some("embeddings") => Some(Endpoint::Embeddings),
        Some("models") => Some(Endpoint::Models),
        Some(rest) => rest.strip_prefix("models/").filter(|id| !id.is_empty()).map(Endpoint::Model),
        None => None,
    };
    (provider, endpoint)
}

fn check<'a>(
    method: &Method,
    path: &str,
    endpoint: Option<Endpoint<'a>>,
    key: Option<usize>,
) -> Result<Endpoint<'a>, ApiError> {
    let endpoint = endpoint.ok_or_else(|| control::not_found(method, path))?;
    let expected = match endpoint {
        Endpoint::Chat | Endpoint::Embeddings => Method::POST,
        Endpoint::Models | Endpoint::Model(_) => Method::GET,
    };
    if *method != expected {
        return Err(control::wrong_method(method));
    }
    if key.is_none() {
        let message = "Incorrect API key provided, or none at all.";
        let code = Some("invalid_api_key");
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            code,
            message,
        ));
    }
    Ok(endpoint)
}

fn begin(state: &State, headers: &HeaderMap, arrival: Arrival<'_>) -> Result<Call, ApiError> {
    let content_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!(
            "Unsupported content type: '{content_type}'. Only 'application/json' is accepted."
        );
        let code = Some("unsupported_content_type");
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request_error",
            code,
            message,
        ));
    }
    Call::begin(state, arrival)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

fn too_large() -> ApiError {
    let message = format!("The request is larger than {BODY_BYTES_MAX} bytes.");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", None, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_in_the_path() {
        let cases = [
            ("/v1/chat/completions", "default", true),
            ("/alpha/v1/embeddings", "alpha", true),
            ("/alpha/v1/models/org/name", "alpha", true),
            ("/alpha/v1/models/", "alpha", false),
            ("/alpha/v2/embeddings", "alpha", false),
            ("/alpha", "alpha", false),
            ("/", "", false),
        ];
        for (path, provider, exists) in cases {
            let (found, endpoint) = split(path);
            assert_eq!((found, endpoint.is_some()), (provider, exists), "{path}");
        }
    }
}
