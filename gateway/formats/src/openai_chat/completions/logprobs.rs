//! Log probabilities in the older shape: lists side by side instead of a list of tokens.

use crate::json::{Raw, object};
use serde::Deserialize;

/// Probabilities in the older shape.
pub(super) struct Older {
    /// `{"tokens","token_logprobs","top_logprobs","text_offset"}`.
    pub(super) json: Raw,
    /// Characters up to the end of the last token.
    pub(super) end: usize,
}

#[derive(Deserialize)]
struct Newer {
    content: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    logprob: Raw,
    #[serde(default)]
    top_logprobs: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    token: String,
    logprob: Raw,
}

/// `{"content":[{"token","logprob","top_logprobs"}]}` in the older shape; the first token begins at `offset`.
pub(super) fn older(raw: &Raw, offset: usize) -> Option<Older> {
    let tokens = serde_json::from_str::<Newer>(raw.get()).ok()?.content?;
    let mut end = offset;
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put("tokens", tokens.iter().map(|token| &token.token).collect::<Vec<_>>());
        o.put("token_logprobs", tokens.iter().map(|token| &token.logprob).collect::<Vec<_>>());
        o.list("top_logprobs", |l| {
            for token in &tokens {
                l.object(|o| {
                    for candidate in &token.top_logprobs {
                        o.put(&candidate.token, &candidate.logprob);
                    }
                });
            }
        });
        o.list("text_offset", |l| {
            for token in &tokens {
                l.put(end);
                end += token.token.chars().count();
            }
        });
    });
    let json = Raw::parse(std::str::from_utf8(&out).ok()?)?;
    Some(Older { json, end })
}
