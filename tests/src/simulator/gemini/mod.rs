//! Google's Gemini API (AI Studio): path, key and body are checked here, in this order. Vertex has
//! the same answers behind another door.

pub mod errors;
pub mod families;
pub mod messages;
pub mod proto;

pub mod answer;
pub mod embeddings;
pub mod models;
pub mod request;

pub mod config;
pub mod contents;
pub mod schemas;
pub mod tools;

pub mod stream;
pub mod usage;

use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value};

use self::answer::Sending;
use self::embeddings::Asked;
use self::errors::{GoogleError, InArray};
use self::proto::Host;
use super::body::{Body, Cut};
use super::call::Call;
use super::models::percent_decoded;
use super::provider_error::ProviderError;
use super::state::State;
use super::visit::Visit;

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Content, and how it is sent.
    Generate(Sending),
    /// A count of tokens.
    Count,
    /// Embeddings.
    Embed(Asked),
}

enum Endpoint<'a> {
    /// A model by its escaped name, and what is to be done with it.
    Call(&'a str, Verb),
    Models,
    Model(&'a str),
}

/// Whether a request is for AI Studio. OpenAI has models under the path of its stable version too:
/// there the verb tells, or the header of the key.
pub fn knows(visit: &Visit<'_>) -> bool {
    let own = ["v1beta/", "v1alpha/"].iter().any(|version| visit.path.starts_with(version));
    let shared = visit.path == "v1/models" || visit.path.starts_with("v1/models/");
    own || (shared
        && (visit.header("x-goog-api-key").is_some()
            || matches!(endpoint(visit), Some(Endpoint::Call(..)))))
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match check(state, visit) {
        Ok(Endpoint::Models) => models::list(state, visit),
        Ok(Endpoint::Model(id)) => models::one(state, visit, id),
        Ok(Endpoint::Call(model, verb)) => match begin(state, visit, model) {
            Ok(call) => Ok(carry_out(call, Host::Studio, verb).await?),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    Ok(answered.unwrap_or_else(|error| said(error, visit)))
}

/// Does what a model is asked for.
pub async fn carry_out(call: Call, host: Host, verb: Verb) -> Result<Response<Body>, Cut> {
    match verb {
        Verb::Generate(sending) => answer::generate_content(call, host, sending).await,
        Verb::Count => answer::count_tokens(call, host).await,
        Verb::Embed(asked) => embeddings::answer(call, host, asked).await,
    }
}

/// The verb behind the last colon of a path, and what stands before it.
pub fn verb<'a>(visit: &Visit<'_>, path: &'a str) -> Option<(&'a str, Verb)> {
    let (model, verb) = path.rsplit_once(':')?;
    let verb = match verb {
        "generateContent" => Verb::Generate(Sending::Plain),
        "streamGenerateContent" if visit.query("alt") == Some("sse") => {
            Verb::Generate(Sending::Events)
        }
        "streamGenerateContent" => Verb::Generate(Sending::Array),
        "countTokens" => Verb::Count,
        "embedContent" => Verb::Embed(Asked::One),
        "batchEmbedContents" => Verb::Embed(Asked::Batch),
        "predict" => Verb::Embed(Asked::Predict),
        _ => return None,
    };
    Some((model, verb))
}

/// Reads a JSON body; from here on the request to a model, by its escaped name, is on the bill.
pub fn begin(state: &State, visit: &Visit<'_>, model: &str) -> Result<Call, GoogleError> {
    Call::begin(state, visit, percent_decoded(model), json(visit)?)
}

/// The body of a request, which has to be a JSON object.
pub fn json(visit: &Visit<'_>) -> Result<Map<String, Value>, GoogleError> {
    let Some(bytes) = visit.body.as_deref() else {
        let message = "Request payload size exceeds the limit: 20971520 bytes.";
        return Err(GoogleError::invalid(message));
    };
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(body)) if visit.content_type().1 => Ok(body),
        _ => {
            Err(GoogleError::invalid("Invalid JSON payload received. Expected an object key or }."))
        }
    }
}

/// An error as the answer to a request: where a stream would be an array, an error is one too.
pub fn said(error: GoogleError, visit: &Visit<'_>) -> Response<Body> {
    let array = visit.path.ends_with(":streamGenerateContent") && visit.query("alt") != Some("sse");
    if array { InArray(error).response(visit.number) } else { error.response(visit.number) }
}

/// The key comes in its header. In the address it would be in everybody's logs, so a client that has
/// it there is told so, although Google itself would take it.
pub fn authenticate(state: &State, visit: &Visit<'_>) -> Result<(), GoogleError> {
    if visit.query("key").is_some() {
        let message = "The API key must not be in the address.";
        return Err(GoogleError { message: message.to_owned(), ..GoogleError::of_status(403, "") });
    }
    match visit.header("x-goog-api-key") {
        Some(key) => match state.key(key) {
            Some(key) => {
                visit.record.presented(key);
                Ok(())
            }
            None => Err(GoogleError::bad_key()),
        },
        None if visit.bearer().is_some() => Err(GoogleError::bad_token()),
        None => {
            let message = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
            Err(GoogleError { message: message.to_owned(), ..GoogleError::of_status(403, "") })
        }
    }
}

fn check<'a>(state: &State, visit: &Visit<'a>) -> Result<Endpoint<'a>, GoogleError> {
    let Some(endpoint) = endpoint(visit) else {
        let message = "The requested URL was not found on this server.";
        return Err(GoogleError { message: message.to_owned(), ..GoogleError::of_status(404, "") });
    };
    let expected = match endpoint {
        Endpoint::Call(..) => Method::POST,
        Endpoint::Models | Endpoint::Model(_) => Method::GET,
    };
    if visit.head.method != expected {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let message = "The request method is inappropriate for the URL.".to_owned();
        return Err(GoogleError { status, message, ..GoogleError::of_status(400, "") });
    }
    authenticate(state, visit)?;
    Ok(endpoint)
}

fn endpoint<'a>(visit: &Visit<'a>) -> Option<Endpoint<'a>> {
    let (_, path) = visit.path.split_once('/')?;
    if path == "models" {
        return Some(Endpoint::Models);
    }
    let name = path.strip_prefix("models/").filter(|name| !name.is_empty())?;
    match verb(visit, name) {
        Some((_, Verb::Embed(Asked::Predict))) => None,
        Some((model, verb)) if !model.is_empty() => Some(Endpoint::Call(model, verb)),
        _ if name.contains(':') => None,
        _ => Some(Endpoint::Model(name)),
    }
}
