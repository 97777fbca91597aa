//! Cohere's errors: `{"message":"…","id":"…"}`. There is no code, so that statuses and words tell what is meant; among the
//! statuses are two that no standard knows (498: a text that is not allowed; 499: the request was cancelled).

use crate::{
    json::Members,
    stream::{Meaning, ProviderSaid},
};

/// The most characters of a provider's words.
const MOST_CHARACTERS: usize = 500;

/// Reads an answer with an error status.
pub fn read_error(status: u16, body: &[u8]) -> ProviderSaid {
    let text = String::from_utf8_lossy(body);
    let members = Members::of_text(&text);
    let look = |name: &str| members.as_ref().and_then(|members| members.peek_str(name));
    let message = look("message").or_else(|| look("error")).unwrap_or_default();
    ProviderSaid {
        meaning: meaning(status, &message),
        message: short(&message),
        ..ProviderSaid::default()
    }
}

/// At most so many characters as are told.
pub(super) fn short(message: &str) -> String {
    message.trim().chars().take(MOST_CHARACTERS).collect()
}

fn meaning(status: u16, message: &str) -> Option<Meaning> {
    let message = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    if status >= 500 || status == 499 {
        return Some(Meaning::Server);
    }
    if status == 401 || says(&["invalid api token", "no api key", "invalid api key"]) {
        return Some(Meaning::BadKey);
    }
    // A limit of the answer that is too high is told in the same words as a prompt that is too long.
    if says(&["too many tokens"]) && !says(&["max tokens must", "max_tokens"]) && status != 429 {
        return Some(Meaning::ContextWindow);
    }
    if status == 498 || says(&["blocked output", "blocked input"]) {
        return Some(Meaning::ContentFilter);
    }
    // A trial key has so many calls a month.
    let spent = says(&["/ month", "per month", "of this month", "payment method", "billing"]);
    if status == 402 || (matches!(status, 403 | 429) && spent) {
        return Some(Meaning::OutOfCredit);
    }
    if status == 404
        || (says(&["model '", "model \u{2018}"]) && says(&["not found", "not supported"]))
    {
        return Some(Meaning::ModelNotFound);
    }
    match status {
        403 => Some(Meaning::Forbidden),
        429 => Some(Meaning::RateLimited),
        408 => Some(Meaning::Server),
        400..=499 => Some(Meaning::Caller),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_status_and_its_words_say_what_is_meant() {
        let cases = [
            (400, "invalid request: list of documents must not be empty", Meaning::Caller),
            (
                400,
                "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.",
                Meaning::ContextWindow,
            ),
            (
                400,
                "too many tokens: max tokens must be less than or equal to 4096, the maximum output for this model - received 8192.",
                Meaning::Caller,
            ),
            (
                400,
                "blocked output: please adjust your prompt and try again",
                Meaning::ContentFilter,
            ),
            (
                400,
                "invalid request: model 'x' is not supported by the chat API",
                Meaning::ModelNotFound,
            ),
            (401, "invalid api token", Meaning::BadKey),
            (401, "no api key supplied", Meaning::BadKey),
            (402, "please add or update your payment method", Meaning::OutOfCredit),
            (403, "your organization does not have access to this resource", Meaning::Forbidden),
            (404, "model 'command-x' not found", Meaning::ModelNotFound),
            (422, "the request could not be processed", Meaning::Caller),
            (429, "you have exceeded the rate limit", Meaning::RateLimited),
            (
                429,
                "You are using a Trial key, which is limited to 1000 API calls / month.",
                Meaning::OutOfCredit,
            ),
            (429, "you have used up the API calls of this month", Meaning::OutOfCredit),
            (498, "the token of your request is blocked", Meaning::ContentFilter),
            (499, "request cancelled", Meaning::Server),
            (500, "internal server error", Meaning::Server),
            (501, "not implemented", Meaning::Server),
            (503, "service unavailable", Meaning::Server),
            (504, "gateway timeout", Meaning::Server),
        ];
        for (status, message, meaning) in cases {
            let body = serde_json::json!({ "id": "e1", "message": message }).to_string();
            let said = read_error(status, body.as_bytes());
            assert_eq!((said.meaning, said.message.as_str()), (Some(meaning), message), "{status}");
        }
    }

    #[test]
    fn bodies_that_are_no_error_say_nothing() {
        for body in ["", "<html>", "[]", r#"{"message":7}"#] {
            assert_eq!(read_error(429, body.as_bytes()).message, "", "{body}");
        }
        let long = serde_json::json!({ "message": "ä".repeat(900) }).to_string();
        assert_eq!(read_error(400, long.as_bytes()).message.chars().count(), 500);
    }

    proptest! {
        #[test]
        fn no_status_and_no_body_make_it_panic(status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(read_error(status, &body).message.chars().count() <= 500);
        }
    }
}
