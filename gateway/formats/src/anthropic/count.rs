//! Answers of `count_tokens`.

use crate::json::{Members, object};

/// Writes the number of a prompt's tokens for an app.
pub fn write_count_answer(tokens: u64) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |answer| {
        answer.put("input_tokens", tokens);
    });
    out
}

/// Reads a provider's number of a prompt's tokens.
pub fn read_count_answer(body: &[u8]) -> Option<u64> {
    Members::of_body(body).ok()?.integer("input_tokens").ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_written_is_read_again() {
        assert_eq!(write_count_answer(2095), br#"{"input_tokens":2095}"#);
        assert_eq!(read_count_answer(br#"{"input_tokens":2095,"more":1}"#), Some(2095));
        for broken in ["", "{}", "[]", r#"{"input_tokens":-1}"#, r#"{"input_tokens":"9"}"#] {
            assert_eq!(read_count_answer(broken.as_bytes()), None, "{broken}");
        }
    }
}
