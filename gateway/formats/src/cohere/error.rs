//! Cohere's errors: a message and an id.

use crate::stream::{Meaning, ProviderSaid};
use serde::Deserialize;

#[derive(Deserialize, Default)]
struct Wire {
    message: Option<String>,
}

/// Reads an answer with an error status.
pub fn read_error(status: u16, body: &[u8]) -> ProviderSaid {
    let wire: Wire = serde_json::from_slice(body).unwrap_or_default();
    let message = wire.message.unwrap_or_else(|| "the provider gave no readable reason".to_owned());
    let lower = message.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let meaning = match status {
        400 | 413 | 422
            if has(&["too many tokens", "too long", "maximum context", "context length"]) =>
        {
            Some(Meaning::ContextWindow)
        }
        400 if has(&["invalid api token", "invalid api key"]) => Some(Meaning::BadKey),
        402 => Some(Meaning::OutOfCredit),
        404 if has(&["model"]) => Some(Meaning::ModelNotFound),
        // Of a kind that others do not use: a blocked token, and a client that left.
        498 => Some(Meaning::BadKey),
        499 => Some(Meaning::Server),
        _ => None,
    };
    ProviderSaid {
        message: message.chars().take(500).collect(),
        meaning,
        ..ProviderSaid::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_its_own_and_words_say_what_it_means() {
        let cases = [
            (400, "too many tokens: total number of tokens exceeds", Some(Meaning::ContextWindow)),
            (401, "invalid api token", None),
            (404, "model 'x' not found", Some(Meaning::ModelNotFound)),
            (498, "blocked", Some(Meaning::BadKey)),
            (422, "bad value", None),
        ];
        for (status, message, meaning) in cases {
            let body = serde_json::json!({"message": message, "id": "1"}).to_string();
            let said = read_error(status, body.as_bytes());
            assert_eq!((said.meaning, said.message.as_str()), (meaning, message));
        }
        assert!(read_error(500, b"<html>").message.contains("no readable reason"));
    }
}
