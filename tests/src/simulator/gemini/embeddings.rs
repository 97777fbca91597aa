//! `embedContent` and `batchEmbedContents`: unit vectors of the texts.

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::answers;
use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::tokens::PromptTokens;
use super::super::usage::report;
use super::super::vectors;
use super::errors::GeminiError;

const FIELDS: [&str; 5] = ["model", "content", "taskType", "title", "outputDimensionality"];
const DIMENSIONS: usize = 768;
const BATCH_MAX: usize = 100;

struct Wanted {
    text: String,
    dimensions: usize,
}

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let batch = body.contains_key("requests");
    let wanted = match wanted(&body, &call.name) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<GeminiError>(false).await? {
        return Ok(response);
    }
    let count: u64 = wanted.iter().map(|one| super::of_text(&one.text)).sum();
    call.progress.bill().charge_prompt(PromptTokens::uncached(count));
    call.wait().await;
    let values: Vec<Value> = wanted
        .iter()
        .map(|one| json!({ "values": vectors::unit(&one.text, one.dimensions) }))
        .collect();
    let mut document = if batch {
        json!({ "embeddings": values })
    } else {
        json!({ "embedding": values.into_iter().next() })
    };
    if let Some(told) = report(count, &call.directives) {
        document["usageMetadata"] = json!({ "promptTokenCount": told });
    }
    Ok(answers::document(call, &document))
}

fn wanted(body: &Map<String, Value>, model: &str) -> Result<Vec<Wanted>, GeminiError> {
    match body.get("requests").and_then(Value::as_array) {
        Some(requests) if requests.len() <= BATCH_MAX && !requests.is_empty() => {
            requests.iter().map(|request| one(request.as_object(), model)).collect()
        }
        Some(_) => Err(GeminiError::invalid("at most 100 requests can be in one batch")),
        None => Ok(vec![one(Some(body), model)?]),
    }
}

fn one(request: Option<&Map<String, Value>>, model: &str) -> Result<Wanted, GeminiError> {
    let request = request.ok_or_else(|| GeminiError::invalid("Invalid value at 'requests'"))?;
    if let Some(unknown) = request.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(GeminiError::invalid(format!(
            "Unknown name \"{unknown}\": Cannot find field."
        )));
    }
    let named = request.get("model").and_then(Value::as_str);
    if named
        .is_some_and(|named| named.trim_start_matches("models/").split("--").next() != Some(model))
    {
        return Err(GeminiError::invalid("The model of the request is not the one in the path."));
    }
    let parts = request.get("content").and_then(|content| content["parts"].as_array());
    let text: String =
        parts.into_iter().flatten().filter_map(|part| part["text"].as_str()).collect();
    if text.is_empty() {
        return Err(GeminiError::invalid("content is empty."));
    }
    let dimensions = request.get("outputDimensionality").and_then(Value::as_u64);
    let dimensions = dimensions.map_or(DIMENSIONS, |number| number.clamp(1, 3072) as usize);
    Ok(Wanted { text, dimensions })
}
