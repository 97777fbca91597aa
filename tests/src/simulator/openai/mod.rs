//! OpenAI's format at the door: path, method, key, content type and body are checked here, in this
//! order.

pub mod operation;

mod completions;
mod images;
mod moderations;
mod rerank;
mod speech;
mod transcriptions;

use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value};

use self::operation::Operation;
use super::body::{Body, Cut};
use super::call::Call;
use super::errors::ApiError;
use super::state::State;
use super::visit::{BODY_BYTES_MAX, Visit};
use super::{answers, control, form, models};

enum Endpoint<'a> {
    Operation(Operation),
    Models,
    Model(&'a str),
}

/// Answers a request in OpenAI's format, or says in its words that there is no such path.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match check(state, visit) {
        Ok(Endpoint::Models) => Ok(models::list(state, visit.provider)),
        Ok(Endpoint::Model(id)) => Ok(models::one(state, visit.provider, id)),
        Ok(Endpoint::Operation(operation)) => match begin(state, visit, operation, None).await {
            Ok(call) => {
                let room = call.directives.room;
                let mut response = operation.answer(call).await?;
                answers::tell_room(&mut response, room);
                Ok(response)
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let mut response = answered.unwrap_or_else(|error| answers::error(&error));
    answers::dress(&mut response, visit.number, visit.started);
    Ok(response)
}

/// Checks the key: a bearer token, and one that this simulator accepts.
pub fn authenticate(state: &State, visit: &Visit<'_>) -> Result<(), ApiError> {
    match visit.bearer().and_then(|key| state.key(key)) {
        Some(key) => {
            visit.record.presented(key);
            Ok(())
        }
        None => Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided, or none at all.",
        )),
    }
}

/// Reads a body and its field `model`, which a model that the path names goes before; from here on the request is on
/// the bill.
pub async fn begin(
    state: &State,
    visit: &Visit<'_>,
    operation: Operation,
    named: Option<String>,
) -> Result<Call, ApiError> {
    let body = fields(visit, operation).await?;
    let in_body = || body.get("model").and_then(Value::as_str).map(str::to_owned);
    let Some(requested) = named.or_else(in_body).filter(|model| !model.is_empty()) else {
        let message = "you must provide a model parameter";
        return Err(ApiError::invalid("model", Some("missing_required_parameter"), message));
    };
    Call::begin(state, visit, requested, body)
}

async fn fields(visit: &Visit<'_>, operation: Operation) -> Result<Map<String, Value>, ApiError> {
    let (content_type, json) = visit.content_type();
    let is_form = content_type.to_ascii_lowercase().starts_with("multipart/form-data");
    let (expected, right) = match operation.takes_form() {
        true => ("multipart/form-data", is_form),
        // Pictures to change may be named by address too, which is not played.
        false => ("application/json", json),
    };
    if !right {
        let message =
            format!("Unsupported content type: '{content_type}'. Only '{expected}' is accepted.");
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request_error",
            Some("unsupported_content_type"),
            message,
        ));
    }
    let bytes = visit.body.clone().unwrap_or_default();
    if operation.takes_form() {
        return form::read(content_type, bytes).await;
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(ApiError::not_json()),
    }
}

fn check<'a>(state: &State, visit: &Visit<'a>) -> Result<Endpoint<'a>, ApiError> {
    let (method, whole_path) = (&visit.head.method, visit.head.uri.path());
    let endpoint = endpoint(visit.path).ok_or_else(|| control::not_found(method, whole_path))?;
    let expected = match endpoint {
        Endpoint::Operation(_) => Method::POST,
        Endpoint::Models | Endpoint::Model(_) => Method::GET,
    };
    if *method != expected {
        return Err(control::wrong_method(method));
    }
    authenticate(state, visit)?;
    if visit.body.is_none() {
        return Err(too_large());
    }
    Ok(endpoint)
}

fn endpoint(path: &str) -> Option<Endpoint<'_>> {
    let path = path.strip_prefix("v1/")?;
    if path == "models" {
        return Some(Endpoint::Models);
    }
    match path.strip_prefix("models/").filter(|id| !id.is_empty()) {
        Some(id) => Some(Endpoint::Model(id)),
        None => Operation::at(path).map(Endpoint::Operation),
    }
}

fn too_large() -> ApiError {
    let message = format!("The request is larger than {BODY_BYTES_MAX} bytes.");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", None, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_openai_exist() {
        let cases = [
            ("v1/chat/completions", true),
            ("v1/embeddings", true),
            ("v1/models/org/name", true),
            ("v1/audio/speech", true),
            ("v1/models/", false),
            ("v2/embeddings", false),
            ("", false),
        ];
        for (path, exists) in cases {
            assert_eq!(endpoint(path).is_some(), exists, "{path}");
        }
    }
}
