//! What a provider's error body says, in all the shapes that clones of OpenAI's API use:
//! `{"error":{"message",…}}`, `{"error":"text"}`, `{"message":…}`, `{"detail":"text"|[{"loc","msg"}]}`,
//! `{"code","msg"}`, `{"error_message"}`, an array around one of these, or a proxy's HTML.

use super::{meaning, wait};
use crate::stream::ProviderSaid;
use serde_json::Value;

/// Longer words than these are cut: they go into logs and to apps.
const LONGEST: usize = 500;

/// Reads the body of an answer with an error status. `status` is 200 for an error in the clothes of a good answer.
pub fn read_error(status: u16, body: &[u8]) -> ProviderSaid {
    let value = parsed(body);
    let words = message(&value);
    let error = object(&value);
    let codes = codes(&value);
    let said = meaning::Said { status, codes: &codes, words: &words, error };
    ProviderSaid {
        meaning: meaning::of(&said),
        retry_after_ms: wait::asked_ms(&words).or_else(|| wait::member_ms(error)),
        code: word(&error["code"]).or_else(|| word(&value["code"])),
        kind: word(&error["type"])
            .or_else(|| word(&error["status"]))
            .or_else(|| word(&value["type"])),
        param: error["param"].as_str().map(str::to_owned),
        message: words,
    }
}

/// The body as JSON, without an array around it; null if it is none.
pub(super) fn parsed(body: &[u8]) -> Value {
    match serde_json::from_slice(body).unwrap_or_default() {
        Value::Array(mut entries) if !entries.is_empty() => entries.swap_remove(0),
        other => other,
    }
}

/// The error object, or the body itself where it has none.
fn object(value: &Value) -> &Value {
    let error = &value["error"];
    if error.is_object() { error } else { value }
}

/// The words in the first place that has any.
pub(super) fn message(value: &Value) -> String {
    if !value.is_object() {
        return match value.as_str() {
            Some(text) if !text.trim().is_empty() => cut(text),
            _ => "the provider gave no readable reason".to_owned(),
        };
    }
    let error = &value["error"];
    let places = [
        &error["message"],
        error,
        &value["message"],
        &value["detail"],
        &value["msg"],
        &value["error_message"],
        &value["errors"],
    ];
    let found = places.into_iter().find_map(text);
    let words = found.unwrap_or_else(|| value.to_string());
    // OpenRouter hides what its provider said one level deeper.
    match text(&error["metadata"]["raw"]) {
        Some(raw) if !words.contains(&raw) => cut(&format!("{words}: {}", inner_words(&raw))),
        _ => cut(&words),
    }
}

/// A provider's words inside a text that may be JSON itself.
fn inner_words(raw: &str) -> String {
    match serde_json::from_str::<Value>(raw) {
        Ok(value) if value.is_object() => {
            let places = [&value["error"]["message"], &value["error"], &value["message"]];
            places.into_iter().find_map(text).unwrap_or_else(|| raw.to_owned())
        }
        _ => raw.to_owned(),
    }
}

/// A text, also if it is wrapped: FastAPI's list of `{loc, msg}`, Mistral's object as `message`.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(entries) => {
            let texts: Vec<String> = entries.iter().filter_map(located).collect();
            Some(texts.join("; ")).filter(|text| !text.is_empty())
        }
        Value::Object(members) => {
            let inner = ["message", "detail", "msg"].into_iter().find_map(|name| members.get(name));
            inner.and_then(text)
        }
        _ => None,
    }
}

/// `messages.0.role: Input should be …` of FastAPI's entries.
fn located(entry: &Value) -> Option<String> {
    let message = text(entry)?;
    let path: Vec<String> = entry["loc"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
        .filter(|step| step != "body")
        .collect();
    if path.is_empty() { Some(message) } else { Some(format!("{}: {message}", path.join("."))) }
}

/// All words and numbers that classify the error, in lower case, the most telling first.
fn codes(value: &Value) -> Vec<String> {
    let error = object(value);
    let inner =
        |holder: &Value| [&holder["innererror"]["code"], &holder["inner_error"]["code"]].map(word);
    let [a, b] = inner(error);
    let [c, d] = inner(value);
    let plain = [
        &error["code"],
        &error["type"],
        &error["status"],
        &value["code"],
        &value["type"],
        &value["error_code"],
        &value["statusCode"],
    ]
    .map(word);
    let all = [a, b, c, d].into_iter().chain(plain).flatten();
    all.map(|code| code.to_ascii_lowercase()).collect()
}

/// A word or a number.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= 100 => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
