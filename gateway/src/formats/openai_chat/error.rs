//! OpenAI's error object: ours as apps see it, and a provider's as we understand it.

use crate::error::GatewayError;
use serde_json::{Map, Value, json};

/// The body of an error.
pub fn body(error: &GatewayError) -> Value {
    let mut object = Map::new();
    object.insert("message".into(), error.message.clone().into());
    object.insert("type".into(), error.kind.into());
    object.insert("param".into(), error.param.as_deref().into());
    object.insert("code".into(), (*error.code).into());
    if let Some((name, details)) = error.details.as_deref() {
        object.insert((*name).into(), details.clone());
    }
    json!({ "error": object })
}

/// The event that ends a stream which broke after its first byte went out. No `[DONE]` follows: a failure never looks
/// like an end.
pub fn event(code: &str, message: &str) -> String {
    let error = json!({"error": {"message": message, "type": "upstream_error", "param": null, "code": code}});
    format!("data: {error}\n\n")
}

/// A provider's words, from the shapes that clones use; at most 500 characters.
pub fn message_of(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return "the provider gave no readable reason".to_owned();
    };
    let places = [
        &value["error"]["message"],
        &value["error"],
        &value["message"],
        &value["detail"],
        &value["msg"],
        &value["error_message"],
    ];
    let text =
        places.into_iter().find_map(Value::as_str).map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(500).collect()
}

/// A provider's `code` and `type`, if they are words.
pub fn code_and_type_of(body: &[u8]) -> (Option<String>, Option<String>) {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name: &str| value["error"][name].as_str().map(str::to_owned);
    (word("code"), word("type"))
}

/// A provider's `param`.
pub fn param_of(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    value["error"]["param"].as_str().map(str::to_owned)
}
