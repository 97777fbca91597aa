//! Counting a prompt's tokens.

use super::{outgoing::Writing, request};
use crate::{
    conversation::{Conversation, Fault, Fit, Outgoing},
    json::{Members, object},
    mistake::Mistake,
};
use serde::Deserialize;
use tollgate_contract::provider::ProviderKind;

/// Reads a question for the number of tokens: a prompt, or a whole request for an answer.
pub fn read_count_request(body: &[u8], model: &str) -> Result<Conversation, Mistake> {
    let mut members = Members::of_body(body)?;
    let name = super::spelling::spelled(&members, "generateContentRequest");
    match members.object(&name)? {
        Some(inner) => request::conversation(inner, model),
        None => request::conversation(members, model),
    }
}

/// Writes the question for a provider. AI Studio counts a whole request, Vertex a prompt with its tools.
pub fn write_count_request(conversation: &Conversation, fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let (kind, model) = (fit.target.kind, fit.target.upstream_model);
    let mut writing = Writing::new(conversation, fit);
    let body = writing.body()?;
    let mut out = Vec::new();
    object(&mut out, |members| {
        if kind == ProviderKind::Vertex {
            body.prompt_only().write(members);
            return;
        }
        let name = model.strip_prefix("models/").unwrap_or(model);
        members.object("generateContentRequest", |members| {
            members.put("model", format!("models/{name}"));
            body.write(members);
        });
    });
    writing.fit.finish(out)
}

/// Reads the number of tokens.
pub fn read_count_answer(body: &[u8]) -> Result<u64, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        /// Left out where it is zero.
        #[serde(default)]
        total_tokens: u64,
    }
    let wire: Wire = serde_json::from_slice(body).map_err(|_| Fault::garbage())?;
    Ok(wire.total_tokens)
}

/// Writes the number of tokens for an app.
pub fn write_count_answer(tokens: u64) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |members| {
        members.put("totalTokens", tokens);
        members.list("promptTokensDetails", |list| {
            list.object(|entry| {
                entry.put("modality", "TEXT").put("tokenCount", tokens);
            });
        });
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::TargetFacts;

    const WHOLE: &[u8] = br#"{"generateContentRequest":{"model":"models/x","contents":[{"role":"user","parts":[{"text":"hi"}]}],"systemInstruction":{"parts":[{"text":"s"}]},"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"generationConfig":{"temperature":0.5}}}"#;

    fn written(kind: ProviderKind, body: &[u8]) -> String {
        let conversation = read_count_request(body, "alias").unwrap();
        let facts = TargetFacts::new(kind, "gemini-3-flash");
        let outgoing = write_count_request(&conversation, Fit::new(facts)).unwrap();
        String::from_utf8(outgoing.body.to_vec()).unwrap()
    }

    #[test]
    fn ai_studio_counts_a_whole_request_and_vertex_a_prompt() {
        assert_eq!(
            written(ProviderKind::Gemini, WHOLE),
            r#"{"generateContentRequest":{"model":"models/gemini-3-flash","systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"generationConfig":{"temperature":0.5}}}"#
        );
        assert_eq!(
            written(ProviderKind::Vertex, WHOLE),
            r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"hi"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"temperature":0.5}}"#
        );
        assert_eq!(
            written(ProviderKind::Vertex, br#"{"contents":[{"parts":[{"text":"hi"}]}]}"#),
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#
        );
    }

    #[test]
    fn the_number_goes_both_ways() {
        assert_eq!(read_count_answer(&write_count_answer(31)), Ok(31));
        assert_eq!(read_count_answer(br#"{"totalTokens":7,"totalBillableCharacters":20}"#), Ok(7));
        assert_eq!(read_count_answer(b"{}"), Ok(0));
        assert!(read_count_answer(br#"{"totalTokens":-1}"#).is_err());
        assert!(read_count_answer(b"<html>").is_err());
    }
}
