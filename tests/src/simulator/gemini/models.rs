//! `GET /v1beta/models`.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::state::State;
use super::super::visit::Visit;
use super::errors::GeminiError;

const MODELS: [&str; 3] = ["gemini-3-pro", "gemini-2.5-flash", "gemini-embedding-001"];

/// The list, or one of it.
pub fn answer(_: &State, visit: &Visit<'_>, id: &str) -> Result<Response<Body>, GeminiError> {
    let document = if id.is_empty() {
        json!({ "models": MODELS.map(entry) })
    } else if MODELS.contains(&id) {
        entry(id)
    } else {
        return Err(GeminiError::of_status(404, visit.path));
    };
    Ok(answers::json(StatusCode::OK, &document))
}

fn entry(id: &str) -> Value {
    let methods = if id.contains("embedding") {
        ["embedContent", "countTokens"]
    } else {
        ["generateContent", "countTokens"]
    };
    json!({
        "name": format!("models/{id}"),
        "displayName": id,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    })
}
