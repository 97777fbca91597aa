//! InvokeModel with the embedding models of Amazon and Cohere, each in its own words. The counts are
//! in headers.

use std::future;

use hyper::Response;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::cohere::embeddings::{self, ByType};
use super::super::directives::Fault;
use super::super::fields::{Fields, Mistake};
use super::super::tokens::{self, PromptTokens};
use super::super::usage::report;
use super::super::{answers, vectors};
use super::errors::BedrockError;

const TOKENS: HeaderName = HeaderName::from_static("x-amzn-bedrock-input-token-count");
const TITAN_DIMENSIONS: [u64; 3] = [256, 512, 1_024];
const TITAN_TOKENS_MAX: u64 = 8_192;

/// An answer, and the tokens it costs.
struct Embedded {
    document: Value,
    tokens: u64,
}

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let embedded = match embed(&call.name, &call.body) {
        Ok(embedded) => embedded,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<BedrockError>(false).await? {
        return Ok(response);
    }
    call.progress.bill().charge_prompt(PromptTokens::uncached(embedded.tokens));
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let told = report(embedded.tokens, &call.directives);
    let mut document = embedded.document;
    if let Some(count) = document.get_mut("inputTextTokenCount") {
        *count = json!(told);
    }
    let mut response = answers::document(call, &document);
    if let Some(told) = told {
        response.headers_mut().insert(TOKENS, HeaderValue::from(told));
    }
    Ok(response)
}

fn embed(model: &str, body: &Map<String, Value>) -> Result<Embedded, BedrockError> {
    if model.contains("titan-embed") {
        Ok(titan(body)?)
    } else if model.contains("cohere.embed") {
        let wanted = embeddings::Wanted::of_bedrock(body)?;
        let vectors = embeddings::by_type(&wanted);
        let embeddings = match vectors {
            // Who names no types gets a bare list.
            ByType::Bare(list) => list,
            ByType::Named(map) => Value::Object(map),
        };
        let document = json!({
            "id": "embedding",
            "response_type": if wanted.types.is_empty() { "embeddings_floats" } else { "embeddings_by_type" },
            "embeddings": embeddings,
            "texts": wanted.texts,
        });
        Ok(Embedded { document, tokens: wanted.tokens })
    } else {
        let message = "The provided model identifier is invalid.";
        Err(BedrockError::validation(message))
    }
}

/// One text at a time.
fn titan(body: &Map<String, Value>) -> Result<Embedded, Mistake> {
    let fields = Fields::at_top(body);
    fields.only(&["inputText", "dimensions", "normalize", "embeddingTypes"])?;
    let text = fields.required_text("inputText")?;
    let tokens = tokens::of_bytes(text.len());
    if tokens == 0 || TITAN_TOKENS_MAX < tokens {
        return Err(fields.wrong("inputText", format!("expected 1 to {TITAN_TOKENS_MAX} tokens")));
    }
    let dimensions = fields.count("dimensions", 1..=u64::MAX)?.unwrap_or(1_024);
    if !TITAN_DIMENSIONS.contains(&dimensions) {
        return Err(fields.wrong("dimensions", format!("{dimensions} is not a valid enum value")));
    }
    fields.boolean("normalize")?;
    let types = fields.texts("embeddingTypes")?.unwrap_or_default();
    let vector = vectors::unit(text, usize::try_from(dimensions).unwrap_or(0));
    let mut by_type = Map::new();
    for kind in types {
        let vector = match kind {
            "float" => json!(vector),
            "binary" => vector.iter().map(|number| u8::from(0.0 < *number)).collect(),
            _ => return Err(fields.wrong("embeddingTypes", "expected 'float' or 'binary'")),
        };
        by_type.insert(kind.to_owned(), vector);
    }
    let mut document = json!({ "embedding": vector, "inputTextTokenCount": tokens });
    if !by_type.is_empty() {
        document["embeddingsByType"] = Value::Object(by_type);
    }
    Ok(Embedded { document, tokens })
}
