//! `POST /v2/rerank`: documents by their relevance, billed by the search.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Fault;
use super::super::fields::{Fields, Mistake};
use super::super::usage::report;
use super::super::{answers, vectors};
use super::errors::CohereError;

const FIELDS: [&str; 7] =
    ["model", "query", "documents", "top_n", "max_tokens_per_doc", "priority", "relevant_spans"];
const DOCUMENTS_MAX: usize = 10_000;
const DOCUMENTS_PER_UNIT: usize = 100;

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
        Err(mistake) => return Ok(call.refuse(&CohereError::from(mistake))),
    };
    if let Some(response) = call.fault_instead::<CohereError>(false).await? {
        return Ok(response);
    }
    let units = request.documents.len().div_ceil(DOCUMENTS_PER_UNIT) as u64;
    call.progress.bill().charge_searches(units);
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let mut meta = json!({ "api_version": { "version": "2" } });
    if let Some(units) = report(units, &call.directives) {
        meta["billed_units"] = json!({ "search_units": units as f64 });
    }
    let id = super::answer_id(call.number);
    let document = json!({ "id": id, "results": request.results(), "meta": meta });
    Ok(answers::document(call, &document))
}

impl<'a> RerankRequest<'a> {
    fn parse(body: &'a Map<String, Value>) -> Result<Self, Mistake> {
        let fields = Fields::at_top(body);
        fields.only(&FIELDS)?;
        let query = fields.required_text("query")?;
        if query.is_empty() {
            return Err(fields.wrong("query", "must be at least 1 token long"));
        }
        fields.required("documents")?;
        let documents = fields.texts("documents")?.unwrap_or_default();
        if documents.is_empty() || DOCUMENTS_MAX < documents.len() {
            return Err(fields.wrong("documents", format!("expected 1 to {DOCUMENTS_MAX}")));
        }
        fields.count("max_tokens_per_doc", 1..=u64::MAX)?;
        let top = fields.count("top_n", 1..=u64::MAX)?.unwrap_or(u64::MAX);
        Ok(Self { query, documents, top: usize::try_from(top).unwrap_or(usize::MAX) })
    }

    /// The best first; among equals the one that came first.
    fn results(&self) -> Vec<Value> {
        let score =
            |(index, document): (usize, &&str)| (index, vectors::relevance(self.query, document));
        let mut scored: Vec<(usize, f64)> = self.documents.iter().enumerate().map(score).collect();
        scored.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let result = |(index, score)| json!({ "index": index, "relevance_score": score });
        scored.into_iter().take(self.top).map(result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(body: Value) -> Option<Vec<u64>> {
        let request = RerankRequest::parse(body.as_object().unwrap()).ok()?;
        Some(request.results().iter().map(|result| result["index"].as_u64().unwrap()).collect())
    }

    #[test]
    fn the_most_relevant_documents_come_first() {
        let documents = json!(["water", "a red house", "a house"]);
        let cases = [
            (json!({ "query": "red house", "documents": documents }), Some(vec![1, 2, 0])),
            (json!({ "query": "red house", "documents": documents, "top_n": 2 }), Some(vec![1, 2])),
            (json!({ "query": "red house", "documents": documents, "top_n": 0 }), None),
            (json!({ "query": "q", "documents": [] }), None),
            (json!({ "query": "q", "documents": [{ "text": "a" }] }), None),
            (json!({ "query": "q", "documents": ["a"], "return_documents": true }), None),
            (json!({ "documents": ["a"] }), None),
        ];
        for (body, expected) in cases {
            assert_eq!(indices(body.clone()), expected, "{body}");
        }
    }
}
