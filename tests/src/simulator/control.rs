//! `/simulator/…`: what a test asks the simulator itself. No key: it listens on this machine only.

use hyper::{Method, Response, StatusCode};
use serde_json::json;

use super::answers;
use super::body::{self, Body};
use super::errors::ApiError;
use super::models::percent_decoded;
use super::state::State;
use super::vertex::account;

/// Answers a control request; `path` is what follows `/simulator/`.
pub fn answer(state: &State, method: &Method, path: &str, query: &str) -> Response<Body> {
    match (path, method) {
        ("health", &Method::GET) => answers::json(StatusCode::OK, &json!({ "status": "ok" })),
        ("open", &Method::GET) => answers::json(StatusCode::OK, &state.requests.read_open()),
        ("bill", &Method::GET) => answers::json(StatusCode::OK, &state.bill.read()),
        ("bill", &Method::DELETE) => {
            state.bill.clear();
            nothing()
        }
        ("requests", &Method::GET) => {
            let limit = query.split('&').find_map(|pair| pair.strip_prefix("limit="));
            let limit = limit.and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
            answers::json(StatusCode::OK, &state.requests.last(limit))
        }
        ("tokens", &Method::GET) => answers::json(StatusCode::OK, &state.tokens.counts()),
        ("tokens", &Method::DELETE) => {
            state.tokens.revoke();
            nothing()
        }
        ("service-account", &Method::GET) => {
            let token_uri = query.split('&').find_map(|pair| pair.strip_prefix("token_uri="));
            let file = account::file(&percent_decoded(token_uri.unwrap_or_default()));
            answers::json_text(file)
        }
        ("health" | "open" | "bill" | "requests" | "tokens" | "service-account", _) => {
            answers::error(&wrong_method(method))
        }
        _ => answers::error(&not_found(method, &format!("/simulator/{path}"))),
    }
}

fn nothing() -> Response<Body> {
    let mut response = Response::new(body::whole(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The error for a path that does not exist.
pub fn not_found(method: &Method, path: &str) -> ApiError {
    let message = format!("Invalid URL ({method} {path})");
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("unknown_url"), message)
}

/// The error for a method that a path does not have.
pub fn wrong_method(method: &Method) -> ApiError {
    let message = format!("Not allowed to {method} here.");
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        Some("method_not_supported"),
        message,
    )
}
