//! Log probabilities: Google's `logprobsResult` and OpenAI's `{"content":[…]}`.

use crate::json::{List, Object, Raw, object};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Result<'a> {
    #[serde(borrow, default)]
    chosen_candidates: Vec<Candidate<'a>>,
    #[serde(borrow, default)]
    top_candidates: Vec<Top<'a>>,
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, default)]
    candidates: Vec<Candidate<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    token: Cow<'a, str>,
    #[serde(default)]
    log_probability: f64,
}

/// Google's object in OpenAI's shape; `None` if it says nothing.
pub(super) fn read(text: &str) -> Option<Raw> {
    let result: Result = serde_json::from_str(text).ok()?;
    if result.chosen_candidates.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    object(&mut out, |members| {
        members.list("content", |content| {
            for (place, chosen) in result.chosen_candidates.iter().enumerate() {
                let top = result.top_candidates.get(place).map(|top| top.candidates.as_slice());
                content.object(|entry| {
                    token(chosen, entry);
                    entry.list("top_logprobs", |list| {
                        for candidate in top.unwrap_or_default() {
                            list.object(|entry| token(candidate, entry));
                        }
                    });
                });
            }
        });
    });
    String::from_utf8(out).ok().and_then(|text| Raw::parse(&text))
}

fn token(candidate: &Candidate, entry: &mut Object) {
    entry
        .put("token", &candidate.token)
        .put("logprob", candidate.log_probability)
        .put("bytes", candidate.token.as_bytes());
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    content: Option<Vec<Token<'a>>>,
}

#[derive(Deserialize)]
struct Token<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(default)]
    logprob: f64,
    #[serde(borrow, default)]
    top_logprobs: Vec<Token<'a>>,
}

/// OpenAI's object as the members of a `logprobsResult`; false if it says nothing.
pub(super) fn write(logprobs: &Raw, members: &mut Object) -> bool {
    let content: Option<Content> = serde_json::from_str(logprobs.get()).ok();
    let Some(tokens) = content.and_then(|content| content.content) else { return false };
    let entry = |token: &Token, list: &mut List| {
        list.object(|entry| {
            entry.put("token", &token.token).put("logProbability", token.logprob);
        });
    };
    members.object("logprobsResult", |result| {
        result.list("chosenCandidates", |list| tokens.iter().for_each(|token| entry(token, list)));
        result.list("topCandidates", |list| {
            for token in &tokens {
                list.object(|top| {
                    top.list("candidates", |list| {
                        token.top_logprobs.iter().for_each(|token| entry(token, list));
                    });
                });
            }
        });
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_take_the_shape_of_the_other_side_and_back() {
        let google = r#"{"chosenCandidates":[{"token":"é","logProbability":-0.5}],"topCandidates":[{"candidates":[{"token":"é","logProbability":-0.5},{"token":"e","logProbability":-2.0}]}]}"#;
        let read = read(&google.replacen("\"é\"", "\"é\",\"tokenId\":7", 1)).unwrap();
        assert_eq!(
            read.get(),
            r#"{"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[{"token":"é","logprob":-0.5,"bytes":[195,169]},{"token":"e","logprob":-2.0,"bytes":[101]}]}]}"#
        );
        let mut out = Vec::new();
        object(&mut out, |members| {
            assert!(write(&read, members));
        });
        assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"logprobsResult":{google}}}"#));
        assert_eq!(super::read("{}"), None);
        let mut out = Vec::new();
        object(&mut out, |members| assert!(!write(&Raw::parse("{}").unwrap(), members)));
    }
}
