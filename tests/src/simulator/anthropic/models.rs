//! `GET /v1/models`: what Anthropic says of its models, in pages.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::models;
use super::super::state::State;
use super::super::visit::Visit;
use super::errors::MessagesError;

const CLAUDES: [&str; 3] = ["claude-haiku-4-5", "claude-opus-4-8", "claude-sonnet-4-6"];
const PAGE: usize = 20;
const PAGE_MAX: usize = 1_000;

/// A page of models.
pub fn list(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, MessagesError> {
    let limit = match visit.query("limit").map(str::parse) {
        None => PAGE,
        Some(Ok(limit @ 1..=PAGE_MAX)) => limit,
        Some(_) => return Err(MessagesError::at("limit", "Input should be from 1 to 1000")),
    };
    let names = names(state, visit.provider);
    let after = visit.query("after_id");
    let skipped =
        after.and_then(|id| names.iter().position(|name| name == id)).map_or(0, |at| at + 1);
    let page: Vec<&String> = names.iter().skip(skipped).take(limit).collect();
    let document = json!({
        "data": page.iter().map(|name| model(name)).collect::<Vec<_>>(),
        "first_id": page.first(),
        "last_id": page.last(),
        "has_more": skipped + page.len() < names.len(),
    });
    Ok(answers::json(StatusCode::OK, &document))
}

/// One model; `id` may carry directives.
pub fn one(state: &State, visit: &Visit<'_>, id: &str) -> Result<Response<Body>, MessagesError> {
    let id = models::percent_decoded(id);
    let plain = id.split("--").next().unwrap_or_default();
    if names(state, visit.provider).iter().any(|name| name == plain) {
        return Ok(answers::json(StatusCode::OK, &model(&id)));
    }
    Err(MessagesError::of_status(404, &id))
}

fn names(state: &State, provider: &str) -> Vec<String> {
    let mut names = models::names(state, provider);
    names.extend(CLAUDES.map(str::to_owned));
    names.sort();
    names.dedup();
    names
}

fn model(id: &str) -> Value {
    json!({
        "type": "model",
        "id": id,
        "display_name": id,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "deprecated_at": null,
        "retires_at": null,
    })
}
