//! The requests of providers and their answers.

use super::{RerankAnswer, RerankRequest, RerankWire};
use crate::{
    conversation::{Fault, Fit, Outgoing, Reported},
    json,
    mistake::Mistake,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_contract::usage::Usage;

impl RerankWire {
    /// What the provider calls the number of results.
    const fn limit(self) -> &'static str {
        match self {
            Self::Cohere | Self::Common => "top_n",
            Self::Voyage => "top_k",
        }
    }

    /// Whether a member that is not ours to understand goes along.
    fn carries(self, name: &str) -> bool {
        match self {
            Self::Common => true,
            Self::Cohere => matches!(name, "max_tokens_per_doc" | "priority"),
            Self::Voyage => name == "truncation",
        }
    }
}

/// The request for a provider. Documents are not asked back for: the app gets its own.
pub fn write_request(
    request: &RerankRequest,
    wire: RerankWire,
    mut fit: Fit,
) -> Result<Outgoing, Mistake> {
    let texts_only = wire != RerankWire::Common;
    if texts_only && let Some(at) = request.documents.iter().position(|one| one.text.is_none()) {
        let message = "This target takes documents with a `text` only.";
        let param = format!("documents[{at}].text");
        return Err(Mistake::new("unsupported_parameter", Some(&param), message));
    }
    let mut body = Vec::new();
    json::object(&mut body, |o| {
        o.put("model", fit.target.upstream_model).put("query", &request.query);
        o.list("documents", |list| {
            for document in &request.documents {
                match &document.text {
                    Some(text) if texts_only => list.put(text),
                    _ => list.put_text(document.raw.get()),
                };
            }
        });
        o.put_some(wire.limit(), request.top_n);
        o.put_all(request.extra.iter().filter(|(name, _)| wire.carries(name)));
    });
    for (name, value) in &request.extra {
        if !wire.carries(name) && value.get() != "null" {
            fit.hint(name);
        }
    }
    fit.finish(body)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(alias = "data")]
    results: Option<Vec<Scored>>,
    meta: Option<Meta>,
    usage: Option<Counted>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Scored {
    index: usize,
    #[serde(alias = "score")]
    relevance_score: f64,
}

#[derive(Deserialize)]
struct Meta {
    billed_units: Option<Units>,
    /// Jina's and older Cohere's count of tokens.
    tokens: Option<Tokens>,
}

#[derive(Deserialize)]
struct Units {
    search_units: Option<f64>,
}

#[derive(Deserialize)]
struct Tokens {
    input_tokens: Option<f64>,
}

#[derive(Deserialize)]
struct Counted {
    total_tokens: Option<f64>,
    prompt_tokens: Option<f64>,
}

/// Reads a provider's answer, whichever of the shapes it has.
pub fn read_answer(body: &[u8], request: &RerankRequest) -> Result<RerankAnswer, Fault> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| Fault::garbage())?;
    if let Some(error) = answer.error.filter(|error| error.get() != "null") {
        return Err(Fault::reported(words(error)));
    }
    let scored = answer.results.as_ref().ok_or_else(Fault::garbage)?;
    let mut results: Vec<_> =
        scored.iter().map(|scored| (scored.index, scored.relevance_score)).collect();
    if results.iter().any(|(index, _)| *index >= request.documents.len()) {
        return Err(Fault::garbage());
    }
    results.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(RerankAnswer { results, usage: Reported::of(usage(&answer, request)) })
}

fn usage(answer: &Answer, request: &RerankRequest) -> Usage {
    /// Documents of one search unit (Cohere's pricing).
    const DOCUMENTS_PER_UNIT: u64 = 100;
    let whole = |count: f64| count.max(0.0).ceil() as u64;
    let meta = answer.meta.as_ref();
    let units = meta.and_then(|meta| meta.billed_units.as_ref()?.search_units).map(whole);
    let counted = answer.usage.as_ref();
    let tokens = counted
        .and_then(|usage| usage.total_tokens.or(usage.prompt_tokens))
        .or_else(|| meta?.tokens.as_ref()?.input_tokens)
        .map_or(0, whole);
    Usage {
        input_uncached: tokens,
        search_units: units
            .unwrap_or_else(|| (request.documents.len() as u64).div_ceil(DOCUMENTS_PER_UNIT)),
        requests: 1,
        ..Usage::default()
    }
}

fn words(error: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Words {
        message: String,
    }
    let words = serde_json::from_str::<Words>(error.get()).map(|words| words.message);
    let words = words.or_else(|_| serde_json::from_str::<String>(error.get()));
    let words = words.unwrap_or_else(|_| "The provider reported an error.".to_owned());
    words.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::read_request, *};
    use crate::conversation::{FaultKind, TargetFacts};
    use proptest::prelude::*;
    use tollgate_contract::provider::ProviderKind;

    const BODY: &[u8] = br#"{"model":"alias","query":"q","documents":["a",{"text":"b","title":"t"}],"top_n":2,"return_documents":true,"max_tokens_per_doc":512,"truncation":true,"other":null}"#;

    fn request(documents: usize) -> RerankRequest {
        let documents: Vec<_> = (0..documents).map(|number| format!("d{number}")).collect();
        let body = serde_json::json!({"model": "m", "query": "q", "documents": documents});
        read_request(body.to_string().as_bytes()).unwrap()
    }

    fn sent(request: &RerankRequest, wire: RerankWire) -> Result<Outgoing, Mistake> {
        write_request(request, wire, Fit::new(TargetFacts::new(ProviderKind::Openai, "up")))
    }

    #[test]
    fn a_request_takes_the_shape_of_each_provider() {
        let request = read_request(BODY).unwrap();
        let cases: [(_, _, &[&str]); 3] = [
            (
                RerankWire::Cohere,
                r#"{"model":"up","query":"q","documents":["a","b"],"top_n":2,"max_tokens_per_doc":512}"#,
                &["truncation"],
            ),
            (
                RerankWire::Common,
                r#"{"model":"up","query":"q","documents":["a",{"text":"b","title":"t"}],"top_n":2,"max_tokens_per_doc":512,"truncation":true,"other":null}"#,
                &[],
            ),
            (
                RerankWire::Voyage,
                r#"{"model":"up","query":"q","documents":["a","b"],"top_k":2,"truncation":true}"#,
                &["max_tokens_per_doc"],
            ),
        ];
        for (wire, expected, dropped) in cases {
            let outgoing = sent(&request, wire).unwrap();
            assert_eq!(String::from_utf8(outgoing.body.to_vec()).unwrap(), expected);
            assert_eq!(outgoing.dropped, dropped, "{wire:?}");
        }
    }

    #[test]
    fn a_document_without_text_is_for_servers_that_may_understand_it() {
        let body = br#"{"model":"m","query":"q","documents":["a",{"image":"x"}]}"#;
        let request = read_request(body).unwrap();
        assert!(sent(&request, RerankWire::Common).is_ok());
        let mistake = sent(&request, RerankWire::Cohere).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("documents[1].text"));
    }

    #[test]
    fn answers_of_every_shape_are_read_and_sorted() {
        let cases = [
            (
                "Cohere",
                r#"{"id":"r","results":[{"index":0,"relevance_score":0.1},{"index":2,"relevance_score":0.9}],"meta":{"billed_units":{"search_units":3},"api_version":{}}}"#,
                (0, 3),
            ),
            (
                "Jina and vLLM",
                r#"{"id":"r","model":"m","usage":{"total_tokens":56},"results":[{"index":2,"document":{"text":"x"},"relevance_score":0.9},{"index":0,"relevance_score":0.1}]}"#,
                (56, 1),
            ),
            (
                "Voyage",
                r#"{"object":"list","data":[{"index":2,"relevance_score":0.9},{"index":0,"relevance_score":0.1}],"usage":{"total_tokens":7}}"#,
                (7, 1),
            ),
            (
                "another word for the score",
                r#"{"results":[{"index":0,"score":0.1},{"index":2,"score":0.9}],"meta":{"tokens":{"input_tokens":5}}}"#,
                (5, 1),
            ),
        ];
        for (name, body, (tokens, units)) in cases {
            let answer = read_answer(body.as_bytes(), &request(3)).unwrap();
            assert_eq!(answer.results, [(2, 0.9), (0, 0.1)], "{name}");
            let usage = answer.usage.billed.unwrap();
            assert_eq!((usage.input(), usage.search_units), (tokens, units), "{name}");
        }
    }

    #[test]
    fn a_hundred_and_one_documents_are_two_search_units() {
        for (documents, units) in [(1, 1), (100, 1), (101, 2)] {
            let answer = read_answer(br#"{"results":[]}"#, &request(documents)).unwrap();
            assert_eq!(answer.usage.billed.map(|usage| usage.search_units), Some(units));
        }
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        let error = br#"{"error":{"message":"overloaded"}}"#;
        let fault = read_answer(error, &request(1)).unwrap_err();
        assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Reported, "overloaded"));
        for body in [
            &b"{}"[..],
            b"<html>",
            br#"{"results":[{"index":1,"relevance_score":0.5}]}"#,
            br#"{"results":[{"index":-1,"relevance_score":0.5}]}"#,
            br#"{"results":[{"index":0}]}"#,
        ] {
            assert_eq!(read_answer(body, &request(1)).unwrap_err(), Fault::garbage());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_request(&bytes);
            let _ = read_answer(&bytes, &request(1));
        }
    }
}
