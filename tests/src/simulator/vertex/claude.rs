//! Claude at Vertex: Anthropic's messages, with the model in the path and the version in the body.

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::anthropic::errors::MessagesError;
use super::super::anthropic::messages;
use super::super::anthropic::request::Purpose;
use super::super::anthropic::{Caller, Version};
use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::gemini;
use super::super::models::percent_decoded;
use super::super::provider_error::ProviderError;
use super::super::state::State;
use super::super::visit::Visit;

const VERSION: &str = "vertex-2023-10-16";
/// What a count is asked of instead of a model, which is in the body then.
const COUNTER: &str = "count-tokens";

/// Answers a request to a model by its escaped name.
pub async fn answer(
    state: &State,
    visit: &Visit<'_>,
    model: &str,
    stream: bool,
) -> Result<Response<Body>, Cut> {
    let model = percent_decoded(model);
    let purpose = if model == COUNTER { Purpose::Count } else { Purpose::Message };
    let mut body = match gemini::json(visit) {
        Ok(body) => body,
        Err(error) => return Ok(error.response(visit.number)),
    };
    let requested = match check(&mut body, model, purpose, stream) {
        Ok(requested) => requested,
        Err(error) => return Ok(error.response(visit.number)),
    };
    let betas = betas(visit, &body);
    let caller = Caller {
        version: Version::V2023,
        betas: betas.iter().map(String::as_str).collect(),
        body_fields: &["anthropic_version", "anthropic_beta"],
    };
    match Call::begin::<MessagesError>(state, visit, requested, body) {
        Ok(call) => messages::answer(call, &caller, purpose).await,
        Err(error) => Ok(error.response(visit.number)),
    }
}

/// Checks what is Vertex's own of a body, and says which model is asked.
fn check(
    body: &mut Map<String, Value>,
    model: String,
    purpose: Purpose,
    stream: bool,
) -> Result<String, MessagesError> {
    match body.get("anthropic_version") {
        Some(version) if version == VERSION => {}
        Some(_) => {
            let message = format!("Input should be '{VERSION}'");
            return Err(MessagesError::at("anthropic_version", &message));
        }
        None => return Err(MessagesError::at("anthropic_version", "Field required")),
    }
    if purpose == Purpose::Count {
        let named = body.get("model").and_then(Value::as_str).map(str::to_owned);
        return named.ok_or_else(|| MessagesError::at("model", "Field required"));
    }
    if body.contains_key("model") {
        return Err(MessagesError::at("model", "Extra inputs are not permitted"));
    }
    let asked = body.get("stream") == Some(&Value::Bool(true));
    if asked && !stream {
        let message = "streaming is only available with streamRawPredict";
        return Err(MessagesError::at("stream", message));
    }
    body.insert("stream".to_owned(), json!(stream));
    Ok(model)
}

/// Betas come in the header or in the body.
fn betas(visit: &Visit<'_>, body: &Map<String, Value>) -> Vec<String> {
    let header = visit.header("anthropic-beta").unwrap_or_default().split(',');
    let listed = body.get("anthropic_beta").and_then(Value::as_array).into_iter().flatten();
    let all = header.chain(listed.filter_map(Value::as_str));
    all.map(|beta| beta.trim().to_owned()).filter(|beta| !beta.is_empty()).collect()
}
