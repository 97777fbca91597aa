//! `GET /v1/models`: a few models, and those that this provider has been asked for.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::answers;
use super::body::Body;
use super::errors::ApiError;
use super::state::State;

const MODELS: [&str; 3] = ["sim-embed", "sim-large", "sim-small"];

/// All models.
pub fn list(state: &State, provider: &str) -> Response<Body> {
    let data: Vec<Value> = names(state, provider).iter().map(|name| model(name)).collect();
    answers::json(StatusCode::OK, &json!({ "object": "list", "data": data }))
}

/// One model; `id` may carry directives.
pub fn one(state: &State, provider: &str, id: &str) -> Response<Body> {
    let id = percent_decoded(id);
    let plain = id.split("--").next().unwrap_or_default();
    if names(state, provider).iter().any(|name| name == plain) {
        return answers::json(StatusCode::OK, &model(&id));
    }
    let message = format!("The model '{id}' does not exist");
    let error = ApiError::new(
        StatusCode::NOT_FOUND,
        "invalid_request_error",
        Some("model_not_found"),
        message,
    );
    answers::error(&ApiError { param: Some("model".to_owned()), ..error })
}

/// The plain names of all models of a provider.
pub fn names(state: &State, provider: &str) -> Vec<String> {
    let mut names = state.bill.models(provider);
    names.extend(MODELS.map(str::to_owned));
    names.sort();
    names.dedup();
    names
}

fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_686_935_002, "owned_by": "simulator" })
}

/// `%2F` and the like; what is no such thing stays as it is.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (text, expected) in
            [("a%2Fb", "a/b"), ("a%", "a%"), ("a%zz", "a%zz"), ("%C3%A9", "é"), ("ab12", "ab12")]
        {
            assert_eq!(percent_decoded(text), expected);
        }
    }
}
