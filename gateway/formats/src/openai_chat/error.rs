//! OpenAI's error object: ours as apps see it, and a provider's as we understand it.

mod meaning;
mod said;
mod wait;

pub use said::read_error;

use crate::{
    conversation::{Fault, FaultKind},
    stream::{ErrorFacts, Meaning},
};
use serde_json::{Map, Value, json};

/// The body of an error.
pub fn body(error: &ErrorFacts) -> Value {
    let mut object = Map::new();
    object.insert("message".into(), error.message.into());
    object.insert("type".into(), error.kind.into());
    object.insert("param".into(), error.param.into());
    object.insert("code".into(), error.code.into());
    if let Some((name, details)) = error.details {
        object.insert(name.into(), details.clone());
    }
    json!({ "error": object })
}

/// The body of an error, as bytes.
pub fn write_error(error: &ErrorFacts) -> Vec<u8> {
    body(error).to_string().into_bytes()
}

/// The event that ends a stream which broke after its first byte went out. No `[DONE]` follows: a failure never looks
/// like an end.
pub fn event(code: &str, message: &str) -> String {
    let error = json!({"error": {"message": message, "type": "upstream_error", "param": null, "code": code}});
    format!("data: {error}\n\n")
}

/// A provider's words, from the shapes that clones use; at most 500 characters.
pub fn message_of(body: &[u8]) -> String {
    said::message(&said::parsed(body))
}

/// The words of an error inside an array, which is how Google's OpenAI endpoint sends it.
pub(super) fn wrapped(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let first = value.as_array()?.first()?;
    first.get("error").filter(|error| !error.is_null())?;
    Some(said::message(first))
}

/// An error in the clothes of a good answer, as the fault that it is.
pub(super) fn fault_of(body: &[u8]) -> Fault {
    let said = read_error(200, body);
    let overloaded = said.message.to_ascii_lowercase().contains("overloaded")
        || said.code.as_deref().is_some_and(|code| matches!(code, "503" | "529"));
    let kind = match said.meaning {
        Some(Meaning::RateLimited) => FaultKind::RateLimited,
        _ if overloaded => FaultKind::Overloaded,
        _ => FaultKind::Reported,
    };
    Fault { kind, message: said.message }
}

/// A provider's `code` and `type`, if they are words.
pub fn code_and_type_of(body: &[u8]) -> (Option<String>, Option<String>) {
    let value = said::parsed(body);
    let word = |name: &str| value["error"][name].as_str().map(str::to_owned);
    (word("code"), word("type"))
}

/// A provider's `param`.
pub fn param_of(body: &[u8]) -> Option<String> {
    said::parsed(body)["error"]["param"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
