//! The request of apps and the answer to it.

use super::{Document, RerankAnswer, RerankRequest};
use crate::{
    json::{self, Members},
    mistake::Mistake,
};

/// Reads `POST /v1/rerank`.
pub fn read_request(body: &[u8]) -> Result<RerankRequest, Mistake> {
    let mut members = Members::of_body(body)?;
    let model = members.required_string("model")?;
    let query = members.required_string("query")?;
    let mut documents = Vec::new();
    for (path, entry) in members.list("documents")?.unwrap_or_default() {
        let text = match serde_json::from_str::<String>(entry.get()) {
            Ok(text) => Some(text),
            Err(_) if entry.get().starts_with('{') => Members::of(path, entry)?.string("text")?,
            Err(_) => return Err(Mistake::wrong_type(&path, "a string or an object")),
        };
        documents.push(Document { text, raw: entry.into() });
    }
    if documents.is_empty() {
        return Err(Mistake::missing("documents"));
    }
    let name = if members.has("top_n") { "top_n" } else { "top_k" };
    let top_n = members.integer(name)?;
    if top_n == Some(0) {
        return Err(Mistake::invalid(name, format!("`{name}` must be at least 1.")));
    }
    Ok(RerankRequest {
        model,
        query,
        documents,
        top_n,
        return_documents: members.bool("return_documents")?.unwrap_or(false),
        extra: members.rest(),
    })
}

/// Writes the answer. The documents are those of the request: not every provider gives them back.
pub fn write_answer(request: &RerankRequest, answer: &RerankAnswer, id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let most = request.top_n.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    json::object(&mut out, |o| {
        o.put("id", id).put("model", &request.model);
        o.list("results", |list| {
            for (index, score) in answer.results.iter().take(most) {
                list.object(|o| {
                    o.put("index", index).put("relevance_score", score);
                    let document = request.documents.get(*index);
                    match document.filter(|_| request.return_documents) {
                        Some(Document { raw, .. }) if raw.is_object() => {
                            o.put_text("document", raw.get());
                        }
                        Some(Document { text, .. }) => {
                            o.object("document", |o| {
                                o.put("text", text);
                            });
                        }
                        None => {}
                    }
                });
            }
        });
        let usage = answer.usage.shown().unwrap_or_default();
        o.object("meta", |o| {
            o.object("billed_units", |o| {
                o.put("search_units", usage.search_units);
            });
        });
        o.object("usage", |o| {
            o.put("total_tokens", usage.tokens());
        });
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Reported;
    use tollgate_contract::usage::Usage;

    #[test]
    fn documents_are_strings_or_objects() {
        let body = br#"{"model":"m","query":"q","documents":["a",{"text":"b","title":"t"},{"image":"x"}],"top_k":2,"rank_fields":["text"]}"#;
        let request = read_request(body).unwrap();
        let texts: Vec<_> = request.documents.iter().map(|one| one.text.as_deref()).collect();
        assert_eq!(texts, [Some("a"), Some("b"), None]);
        assert_eq!((request.top_n, request.return_documents), (Some(2), false));
        assert_eq!(request.extra[0].0, "rank_fields");
    }

    #[test]
    fn a_mistake_names_its_place() {
        let cases = [
            (r#"{"query":"q","documents":["a"]}"#, "model"),
            (r#"{"model":"m","documents":["a"]}"#, "query"),
            (r#"{"model":"m","query":"q"}"#, "documents"),
            (r#"{"model":"m","query":"q","documents":[]}"#, "documents"),
            (r#"{"model":"m","query":"q","documents":["a",5]}"#, "documents[1]"),
            (r#"{"model":"m","query":"q","documents":[{"text":5}]}"#, "documents[0].text"),
            (r#"{"model":"m","query":"q","documents":["a"],"top_n":0}"#, "top_n"),
            (r#"{"model":"m","query":"q","documents":["a"],"top_n":-1}"#, "top_n"),
        ];
        for (body, param) in cases {
            let mistake = read_request(body.as_bytes()).unwrap_err();
            assert_eq!(mistake.param.as_deref(), Some(param), "{body}");
        }
    }

    #[test]
    fn documents_come_back_by_their_index_if_asked_for() {
        let body = br#"{"model":"alias","query":"q","documents":["a",{"text":"b","n":1.0}],"top_n":2,"return_documents":true}"#;
        let mut request = read_request(body).unwrap();
        let usage = Usage { input_uncached: 7, search_units: 1, requests: 1, ..Usage::default() };
        let results = vec![(1, 0.9), (0, 0.1), (0, 0.05)];
        let answer = RerankAnswer { results, usage: Reported::of(usage) };
        let text = |request: &RerankRequest| {
            String::from_utf8(write_answer(request, &answer, "rr_1")).unwrap()
        };
        assert_eq!(
            text(&request),
            r#"{"id":"rr_1","model":"alias","results":[{"index":1,"relevance_score":0.9,"document":{"text":"b","n":1.0}},{"index":0,"relevance_score":0.1,"document":{"text":"a"}}],"meta":{"billed_units":{"search_units":1}},"usage":{"total_tokens":7}}"#
        );
        request.return_documents = false;
        assert!(!text(&request).contains("\"document\""));
    }
}
