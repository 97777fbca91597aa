//! Google's Gemini API (AI Studio): path, key and body are checked here, in this order.

pub mod errors;

pub mod answer;
pub mod contents;
pub mod embeddings;
pub mod models;
pub mod request;
pub mod schema;
pub mod stream;
pub mod usage;

use hyper::{Method, Response};
use serde_json::{Map, Value};

use self::errors::GeminiError;
use super::body::{Body, Cut};
use super::call::Call;
use super::provider_error::ProviderError;
use super::state::State;
use super::tokens;
use super::visit::Visit;

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `generateContent`.
    Generate,
    /// `streamGenerateContent` as server-sent events.
    StreamEvents,
    /// `streamGenerateContent` as one JSON array.
    StreamArray,
    /// `countTokens`.
    Count,
    /// `embedContent`.
    Embed,
    /// `batchEmbedContents`.
    BatchEmbed,
}

/// Whether a request is for Gemini.
pub fn knows(visit: &Visit<'_>) -> bool {
    visit.path.starts_with("v1beta/models")
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match begin(state, visit) {
        Ok(Begun::Models(response)) => Ok(response),
        Ok(Begun::Call(Verb::Embed | Verb::BatchEmbed, call)) => {
            Ok(embeddings::answer(*call).await?)
        }
        Ok(Begun::Call(verb, call)) => Ok(answer::answer(*call, verb).await?),
        Err(error) => Err(error),
    };
    Ok(answered.unwrap_or_else(|error| error.response(visit.number)))
}

enum Begun {
    Models(Response<Body>),
    Call(Verb, Box<Call>),
}

fn begin(state: &State, visit: &Visit<'_>) -> Result<Begun, GeminiError> {
    authenticate(state, visit)?;
    let rest = visit.path.strip_prefix("v1beta/models").unwrap_or_default();
    if visit.head.method == Method::GET {
        return models::answer(state, visit, rest.trim_start_matches('/')).map(Begun::Models);
    }
    let not_found = || GeminiError::of_status(404, visit.path);
    let (model, verb) =
        rest.strip_prefix('/').and_then(|rest| rest.rsplit_once(':')).ok_or_else(not_found)?;
    let verb = match (verb, visit.query("alt")) {
        ("generateContent", _) => Verb::Generate,
        ("streamGenerateContent", Some("sse")) => Verb::StreamEvents,
        ("streamGenerateContent", _) => Verb::StreamArray,
        ("countTokens", _) => Verb::Count,
        ("embedContent", _) => Verb::Embed,
        ("batchEmbedContents", _) => Verb::BatchEmbed,
        _ => return Err(not_found()),
    };
    if visit.head.method != Method::POST {
        return Err(not_found());
    }
    let body = body(visit)?;
    let model = unescaped(model);
    Ok(Begun::Call(verb, Box::new(Call::begin::<GeminiError>(state, visit, model, body)?)))
}

/// The key comes in its header. In the address it would be in everybody's logs.
fn authenticate(state: &State, visit: &Visit<'_>) -> Result<(), GeminiError> {
    if visit.query("key").is_some() {
        return Err(GeminiError::invalid("The API key must not be in the address."));
    }
    match visit.header("x-goog-api-key").and_then(|key| state.key(key)) {
        Some(key) => {
            visit.record.presented(key);
            Ok(())
        }
        None => Err(GeminiError::bad_key()),
    }
}

fn body(visit: &Visit<'_>) -> Result<Map<String, Value>, GeminiError> {
    match visit.body.as_deref().map(serde_json::from_slice) {
        Some(Ok(Value::Object(body))) if visit.content_type().1 => Ok(camel(body)),
        _ => Err(GeminiError::invalid("Invalid JSON payload received.")),
    }
}

/// A segment of a path without its percent signs.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Tokens of a text, by the simulator's count.
fn of_text(text: &str) -> u64 {
    tokens::of_bytes(text.len())
}

/// The same with names as Google prints them: it takes them with underscores too. What is an app's own stays as it is.
fn camel(members: Map<String, Value>) -> Map<String, Value> {
    const OWN: [&str; 6] =
        ["args", "response", "labels", "properties", "parametersJsonSchema", "responseJsonSchema"];
    let named = members.into_iter().map(|(name, value)| {
        let mut words = name.split('_');
        let mut name = words.next().unwrap_or_default().to_owned();
        for word in words {
            let mut letters = word.chars();
            name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
            name.push_str(letters.as_str());
        }
        let value = if OWN.contains(&name.as_str()) { value } else { camel_value(value) };
        (name, value)
    });
    named.collect()
}

fn camel_value(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(camel(members)),
        Value::Array(entries) => entries.into_iter().map(camel_value).collect(),
        other => other,
    }
}
