//! `POST /v1/rerank` beside OpenAI's paths, as vLLM and others have it.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::chat_request::{field, wrong_type};
use super::super::directives::Fault;
use super::super::errors::ApiError;
use super::super::tokens::{self, PromptTokens};
use super::super::usage::report;
use super::super::{answers, vectors};

/// A request that makes sense.
#[derive(Debug)]
struct RerankRequest<'a> {
    query: &'a str,
    documents: Vec<&'a str>,
    top: usize,
}

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match RerankRequest::parse(&body) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(false).await? {
        return Ok(response);
    }
    let tokens = request.tokens();
    call.progress.bill().charge_prompt(PromptTokens::uncached(tokens));
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let mut document = json!({
        "id": format!("rerank-{:016x}", call.number),
        "model": call.requested,
        "results": request.results(),
    });
    if let Some(total) = report(tokens, &call.directives) {
        document["usage"] = json!({ "prompt_tokens": total, "total_tokens": total });
    }
    Ok(answers::document(call, &document))
}

impl<'a> RerankRequest<'a> {
    fn parse(body: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let missing = |name: &str| {
            let message = format!("Missing required parameter: '{name}'.");
            ApiError::invalid(name, Some("missing_required_parameter"), message)
        };
        let query = field(body, "query").ok_or_else(|| missing("query"))?;
        let query = query.as_str().ok_or_else(|| wrong_type("query", "a string"))?;
        let expected = || wrong_type("documents", "an array of strings");
        let documents = field(body, "documents").ok_or_else(|| missing("documents"))?;
        let documents = documents.as_array().filter(|all| !all.is_empty()).ok_or_else(expected)?;
        let texts: Option<Vec<&str>> = documents.iter().map(Value::as_str).collect();
        let top = match field(body, "top_n").map(Value::as_u64) {
            None => usize::MAX,
            Some(Some(top @ 1..)) => usize::try_from(top).unwrap_or(usize::MAX),
            Some(_) => return Err(wrong_type("top_n", "a positive integer")),
        };
        Ok(Self { query, documents: texts.ok_or_else(expected)?, top })
    }

    fn tokens(&self) -> u64 {
        let query = tokens::of_embedding_input(&json!(self.query));
        let pair = |text: &&str| query + tokens::of_embedding_input(&json!(text));
        self.documents.iter().map(pair).sum()
    }

    fn results(&self) -> Vec<Value> {
        let mut scored: Vec<(usize, &str, f64)> = self
            .documents
            .iter()
            .enumerate()
            .map(|(index, text)| (index, *text, vectors::relevance(self.query, text)))
            .collect();
        scored.sort_by(|(_, _, one), (_, _, other)| other.total_cmp(one));
        let result = |(index, text, score): (usize, &str, f64)| json!({ "index": index, "document": { "text": text }, "relevance_score": score });
        scored.into_iter().take(self.top).map(result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_relevant_come_first_and_nonsense_is_refused() {
        let parsed = |body: Value| {
            let map = body.as_object().cloned().unwrap();
            RerankRequest::parse(&map).ok().map(|request| request.results()[0]["index"].clone())
        };
        let documents = json!(["water", "a red house"]);
        assert_eq!(parsed(json!({ "query": "red house", "documents": documents })), Some(json!(1)));
        for wrong in [
            json!({ "documents": documents }),
            json!({ "query": "q", "documents": [] }),
            json!({ "query": "q", "documents": [{ "text": "a" }] }),
            json!({ "query": "q", "documents": ["a"], "top_n": 0 }),
        ] {
            assert_eq!(parsed(wrong.clone()), None, "{wrong}");
        }
    }
}
