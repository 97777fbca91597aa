//! Embeddings: `embedContent` and `batchEmbedContents`, and Vertex's `predict`.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Fault;
use super::super::tokens::PromptTokens;
use super::super::usage::report;
use super::super::{answers, vectors};
use super::contents::of_text;
use super::errors::GoogleError;
use super::messages;
use super::proto::Host;

const BATCH_MAX: usize = 100;
const INSTANCES_MAX: usize = 250;
const DIMENSIONS: i64 = 3_072;
/// Vectors of the newest models are of length one whatever their size.
const NORMALISED: &str = "gemini-embedding-2";

/// The ways to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `embedContent`.
    One,
    /// `batchEmbedContents`.
    Batch,
    /// `predict`.
    Predict,
}

/// A text to embed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Text {
    text: String,
    dimensions: Option<usize>,
}

/// Answers a call.
pub async fn answer(mut call: Call, host: Host, asked: Asked) -> Result<Response<Body>, Cut> {
    let texts = match read(&call.body, &call.name, host, asked) {
        Ok(texts) => texts,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<GoogleError>(false).await? {
        return Ok(response);
    }
    let tokens: u64 = texts.iter().map(|text| of_text(&text.text)).sum();
    call.progress.bill().charge_prompt(PromptTokens::uncached(tokens));
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let told = report(tokens, &call.directives);
    let values = |text: &Text| text.values(&call.name);
    let mut document = match asked {
        Asked::One => json!({ "embedding": { "values": texts.first().map(values) } }),
        Asked::Batch => {
            let all = texts.iter().map(|text| json!({ "values": values(text) }));
            json!({ "embeddings": all.collect::<Vec<_>>() })
        }
        Asked::Predict => predictions(&texts, &call),
    };
    if let (Some(told), true) = (told, asked != Asked::Predict) {
        document["usageMetadata"] = json!({ "promptTokenCount": told });
    }
    Ok(answers::document(call, &document))
}

fn predictions(texts: &[Text], call: &Call) -> Value {
    let predictions = texts.iter().map(|text| {
        let mut embeddings = json!({ "values": text.values(&call.name) });
        if let Some(told) = report(of_text(&text.text), &call.directives) {
            embeddings["statistics"] = json!({ "token_count": told, "truncated": false });
        }
        json!({ "embeddings": embeddings })
    });
    let characters: usize = texts.iter().map(|text| text.text.chars().count()).sum();
    json!({
        "predictions": predictions.collect::<Vec<_>>(),
        "metadata": { "billableCharacterCount": characters },
    })
}

impl Text {
    fn values(&self, model: &str) -> Vec<f32> {
        let vector = vectors::unit(&self.text, self.dimensions.unwrap_or(DIMENSIONS as usize));
        if self.dimensions.is_none() || model.contains(NORMALISED) {
            return vector;
        }
        // A vector that is cut short is not of length one any more.
        vector.into_iter().map(|number| number * 0.75).collect()
    }
}

fn read(
    body: &Map<String, Value>,
    model: &str,
    host: Host,
    asked: Asked,
) -> Result<Vec<Text>, GoogleError> {
    let body = Value::Object(body.clone());
    match asked {
        Asked::One => Ok(vec![content(&messages::EMBED.read(&body, "", host)?, model, false)?]),
        Asked::Batch => {
            let body = messages::BATCH_EMBED.read(&body, "", host)?;
            let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
            if requests.is_empty() || BATCH_MAX < requests.len() {
                return Err(GoogleError::invalid(format!(
                    "* BatchEmbedContentsRequest.requests: at least one and at most {BATCH_MAX} requests can be in one batch\n"
                )));
            }
            requests.iter().map(|request| content(request, model, true)).collect()
        }
        Asked::Predict => instances(&messages::PREDICT.read(&body, "", host)?, model),
    }
}

fn content(request: &Value, model: &str, named: bool) -> Result<Text, GoogleError> {
    match request["model"].as_str() {
        None if named => {
            let message = "* BatchEmbedContentsRequest.requests[0].model: model is not specified\n";
            return Err(GoogleError::invalid(message));
        }
        Some(given) if plain(given) != model => {
            return Err(GoogleError::invalid(format!(
                "The model {given} of the request is not the one of its address."
            )));
        }
        _ => {}
    }
    let parts = request["content"]["parts"].as_array().into_iter().flatten();
    let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
    let size = match &request["outputDimensionality"] {
        Value::Null => &request["embedContentConfig"]["outputDimensionality"],
        size => size,
    };
    Text::checked(text, size)
}

fn instances(request: &Value, model: &str) -> Result<Vec<Text>, GoogleError> {
    let instances = request["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
    let most = if model.contains("gemini-embedding") { 1 } else { INSTANCES_MAX };
    if instances.is_empty() || most < instances.len() {
        return Err(GoogleError::invalid(format!(
            "{} instance(s) is not allowed. Max allowed: {most}",
            instances.len()
        )));
    }
    let size = &request["parameters"]["outputDimensionality"];
    let text = |instance: &Value| {
        Text::checked(instance["content"].as_str().unwrap_or_default().to_owned(), size)
    };
    instances.iter().map(text).collect()
}

impl Text {
    fn checked(text: String, size: &Value) -> Result<Self, GoogleError> {
        if text.is_empty() {
            return Err(GoogleError::invalid("The text content is empty."));
        }
        let dimensions = match size.as_i64() {
            None => None,
            Some(size @ 1..=DIMENSIONS) => Some(size.unsigned_abs() as usize),
            Some(_) => {
                return Err(GoogleError::invalid(format!(
                    "output_dimensionality must be between 1 and {DIMENSIONS}."
                )));
            }
        };
        Ok(Self { text, dimensions })
    }
}

/// The name of a model as its address has it, without directives.
fn plain(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.split("--").next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(host: Host, asked: Asked, model: &str, body: Value) -> Option<usize> {
        read(body.as_object().unwrap(), model, host, asked).ok().map(|texts| texts.len())
    }

    #[test]
    fn texts_come_alone_or_in_a_batch() {
        let content = json!({ "parts": [{ "text": "a" }] });
        let one =
            json!({ "model": "models/e--slow=1", "content": content, "outputDimensionality": 8 });
        let unnamed = json!({ "content": content });
        let (studio, vertex) = (Host::Studio, Host::Vertex);
        let instance = json!({ "content": "a", "task_type": "RETRIEVAL_QUERY" });
        let cases = [
            (studio, Asked::One, "e", one.clone(), Some(1)),
            (studio, Asked::One, "e", unnamed.clone(), Some(1)),
            (studio, Asked::One, "f", one.clone(), None),
            (studio, Asked::One, "e", json!({ "content": {} }), None),
            (
                studio,
                Asked::One,
                "e",
                json!({ "content": content, "outputDimensionality": 0 }),
                None,
            ),
            (studio, Asked::Batch, "e", json!({ "requests": [one, one] }), Some(2)),
            (studio, Asked::Batch, "e", json!({ "requests": [unnamed] }), None),
            (studio, Asked::Batch, "e", json!({ "requests": [] }), None),
            (studio, Asked::Batch, "e", json!({ "requests": vec![one; 101] }), None),
            (
                vertex,
                Asked::Predict,
                "text-embedding-005",
                json!({ "instances": [instance, instance] }),
                Some(2),
            ),
            (
                vertex,
                Asked::Predict,
                "gemini-embedding-001",
                json!({ "instances": [instance, instance] }),
                None,
            ),
            (
                vertex,
                Asked::Predict,
                "gemini-embedding-001",
                json!({ "instances": [instance], "parameters": { "outputDimensionality": 8 } }),
                Some(1),
            ),
            (vertex, Asked::Predict, "m", json!({ "instances": [{ "text": "a" }] }), None),
        ];
        for (host, asked, model, body, expected) in cases {
            assert_eq!(texts(host, asked, model, body.clone()), expected, "{model} {body}");
        }
    }
}
