//! `GET /v1beta/models`: what Google says of its models, in pages.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::Body;
use super::super::models;
use super::super::state::State;
use super::super::visit::Visit;
use super::errors::GoogleError;
use super::families::Family;

const GEMINIS: [&str; 4] =
    ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-pro-preview", "gemini-embedding-001"];
const PAGE: usize = 50;
const PAGE_MAX: usize = 1_000;

/// A page of models.
pub fn list(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, GoogleError> {
    let size = match visit.query("pageSize").map(str::parse) {
        None | Some(Ok(0)) => PAGE,
        Some(Ok(size)) => usize::min(size, PAGE_MAX),
        Some(Err(_)) => {
            return Err(GoogleError::bad_value("page_size", "TYPE_INT32", &Value::Null));
        }
    };
    let names = names(state, visit.provider);
    // A token is the number of models that the pages before had.
    let skipped = match visit.query("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| GoogleError::invalid("Invalid page token"))?,
    };
    let page: Vec<Value> = names.iter().skip(skipped).take(size).map(|name| model(name)).collect();
    let next = skipped + page.len();
    let mut document = json!({ "models": page });
    if next < names.len() {
        document["nextPageToken"] = json!(next.to_string());
    }
    Ok(answers::json(StatusCode::OK, &document))
}

/// One model; `id` may carry directives.
pub fn one(state: &State, visit: &Visit<'_>, id: &str) -> Result<Response<Body>, GoogleError> {
    let id = models::percent_decoded(id);
    let plain = id.split("--").next().unwrap_or_default();
    if names(state, visit.provider).iter().any(|name| name == plain) {
        return Ok(answers::json(StatusCode::OK, &model(&id)));
    }
    Err(GoogleError::of_status(404, &format!("models/{id}")))
}

fn names(state: &State, provider: &str) -> Vec<String> {
    let mut names = models::names(state, provider);
    names.extend(GEMINIS.map(str::to_owned));
    names.sort();
    names.dedup();
    names
}

fn model(id: &str) -> Value {
    let embeds = id.contains("embed");
    let methods: &[&str] = if embeds {
        &["embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent"]
    } else {
        &["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"]
    };
    let mut model = json!({
        "name": format!("models/{id}"),
        "version": "001",
        "displayName": id,
        "description": "A model of the simulator.",
        "inputTokenLimit": if embeds { 2_048 } else { 1_048_576 },
        "outputTokenLimit": if embeds { 1 } else { 65_536 },
        "supportedGenerationMethods": methods,
    });
    if !embeds {
        model["temperature"] = json!(1);
        model["topP"] = json!(0.95);
        model["topK"] = json!(64);
        model["maxTemperature"] = json!(2);
        model["thinking"] = json!(Family::of(id).thinks());
    }
    model
}
