//! `POST /v1/embeddings`: unit vectors that depend on nothing but the input.

use std::future;

use hyper::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answers;
use super::body::{Body, Cut};
use super::call::Call;
use super::chat_request::{field, wrong_type};
use super::directives::Fault;
use super::errors::ApiError;
use super::tokens::{self, PromptTokens};
use super::usage::{self, EmbeddingUsage};
use super::{base64, vectors};

const DIMENSIONS: usize = 1_536;
const DIMENSIONS_MAX: u64 = 4_096;
const INPUTS_MAX: usize = 2_048;
const TOKENS_PER_INPUT_MAX: u64 = 8_192;
const TOKENS_MAX: u64 = 300_000;
const FIELDS: [&str; 5] = ["input", "model", "dimensions", "encoding_format", "user"];

#[derive(Serialize)]
struct Document {
    object: &'static str,
    data: Vec<Row>,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<EmbeddingUsage>,
}

#[derive(Serialize)]
struct Row {
    object: &'static str,
    index: usize,
    embedding: Embedding,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Embedding {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Debug)]
struct EmbeddingRequest {
    inputs: Vec<Value>,
    dimensions: usize,
    base64: bool,
    prompt_tokens: u64,
}

/// Answers an embedding request.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let request = match EmbeddingRequest::parse(&call.body, call.directives.strict) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(false).await? {
        return Ok(response);
    }
    call.progress.bill().charge_prompt(PromptTokens::uncached(request.prompt_tokens));
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let data = request.inputs.iter().enumerate().map(|(index, input)| {
        let vector = vectors::unit(&input.to_string(), request.dimensions);
        let embedding = if request.base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            Embedding::Base64(base64::encode(&bytes))
        } else {
            Embedding::Floats(vector)
        };
        Row { object: "embedding", index, embedding }
    });
    let document = Document {
        object: "list",
        data: data.collect(),
        model: call.requested.clone(),
        usage: usage::of_embedding(request.prompt_tokens, &call.directives),
    };
    Ok(answers::document(call, &document))
}

impl EmbeddingRequest {
    fn parse(body: &Map<String, Value>, strict: bool) -> Result<Self, ApiError> {
        if strict && let Some(unknown) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let message = format!("Unknown parameter: '{unknown}'.");
            return Err(ApiError::invalid(unknown, Some("unknown_parameter"), message));
        }
        let inputs = inputs(body)?;
        let base64 = match field(body, "encoding_format").map(Value::as_str) {
            None | Some(Some("float")) => false,
            Some(Some("base64")) => true,
            Some(_) => {
                let message = "Invalid value for 'encoding_format'. Supported values are: 'float' and 'base64'.";
                return Err(ApiError::invalid("encoding_format", Some("invalid_value"), message));
            }
        };
        let dimensions = match field(body, "dimensions").map(Value::as_u64) {
            None => DIMENSIONS,
            Some(Some(wanted @ 1..=DIMENSIONS_MAX)) => wanted as usize,
            Some(_) => {
                let message = format!(
                    "Invalid 'dimensions': expected an integer from 1 to {DIMENSIONS_MAX}."
                );
                return Err(ApiError::invalid("dimensions", Some("invalid_value"), message));
            }
        };
        let prompt_tokens = inputs.iter().map(tokens::of_embedding_input).sum();
        if TOKENS_MAX < prompt_tokens {
            let message =
                format!("Requested {prompt_tokens} tokens, max {TOKENS_MAX} tokens per request.");
            return Err(ApiError::invalid("input", Some("max_tokens_per_request"), message));
        }
        Ok(Self { inputs, dimensions, base64, prompt_tokens })
    }
}

/// The inputs one by one, whichever of the four shapes they came in.
fn inputs(body: &Map<String, Value>) -> Result<Vec<Value>, ApiError> {
    let expected = "a string, an array of strings, or arrays of token ids";
    let inputs = match field(body, "input") {
        None => {
            let message = "Missing required parameter: 'input'.";
            return Err(ApiError::invalid("input", Some("missing_required_parameter"), message));
        }
        Some(text @ Value::String(_)) => vec![text.clone()],
        Some(Value::Array(ids)) if ids.first().is_some_and(Value::is_u64) => vec![json!(ids)],
        Some(Value::Array(inputs)) => inputs.clone(),
        Some(_) => return Err(wrong_type("input", expected)),
    };
    if inputs.is_empty() || INPUTS_MAX < inputs.len() {
        let message = format!("Invalid 'input': expected 1 to {INPUTS_MAX} inputs.");
        return Err(ApiError::invalid("input", Some("invalid_value"), message));
    }
    for input in &inputs {
        let well_formed = match input {
            Value::String(_) => true,
            Value::Array(ids) => ids.iter().all(Value::is_u64),
            _ => false,
        };
        if !well_formed {
            return Err(wrong_type("input", expected));
        }
        match tokens::of_embedding_input(input) {
            0 => {
                let message = "Invalid 'input': input cannot be an empty string.";
                return Err(ApiError::invalid("input", Some("invalid_value"), message));
            }
            1..=TOKENS_PER_INPUT_MAX => {}
            count => {
                let message = format!(
                    "This model's maximum context length is {TOKENS_PER_INPUT_MAX} tokens, however you requested {count}."
                );
                return Err(ApiError::invalid("input", Some("context_length_exceeded"), message));
            }
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: Value) -> Result<EmbeddingRequest, ApiError> {
        EmbeddingRequest::parse(body.as_object().unwrap(), true)
    }

    #[test]
    fn the_four_shapes_of_input_are_understood() {
        let cases = [
            (json!("abcde"), 1, 2),
            (json!(["abcd", "abcde"]), 2, 3),
            (json!([1, 2, 3]), 1, 3),
            (json!([[1, 2], [3]]), 2, 3),
        ];
        for (input, inputs, tokens) in cases {
            let request = parse(json!({ "input": input })).unwrap();
            assert_eq!((request.inputs.len(), request.prompt_tokens), (inputs, tokens), "{input}");
        }
    }

    #[test]
    fn other_inputs_are_refused() {
        for input in
            [json!(null), json!(""), json!([]), json!([""]), json!([1, "a"]), json!(5), json!([[]])]
        {
            assert!(parse(json!({ "input": input })).is_err(), "{input}");
        }
    }
}
