//! `POST /v1/moderations`: what is violent by its words is flagged. Nothing is charged.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::answers;
use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::chat_request::{field, wrong_type};
use super::super::directives::Fault;
use super::super::errors::ApiError;

const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];
const EXPECTED: &str = "a string, an array of strings, or an array of text and image parts";

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let inputs = match inputs(&call.body) {
        Ok(inputs) => inputs,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(false).await? {
        return Ok(response);
    }
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let document = json!({
        "id": format!("modr-{:016x}", call.number),
        "model": call.requested,
        "results": inputs.iter().map(|input| result(input)).collect::<Vec<_>>(),
    });
    Ok(answers::document(call, &document))
}

/// What is to be judged: each string by itself, parts together.
fn inputs(body: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    match field(body, "input") {
        None => {
            let message = "Missing required parameter: 'input'.";
            Err(ApiError::invalid("input", Some("missing_required_parameter"), message))
        }
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) && !list.is_empty() => {
            Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let texts: Option<Vec<&str>> = parts.iter().map(part).collect();
            texts.map(|texts| vec![texts.join(" ")]).ok_or_else(|| wrong_type("input", EXPECTED))
        }
        Some(_) => Err(wrong_type("input", EXPECTED)),
    }
}

fn part(part: &Value) -> Option<&str> {
    match part["type"].as_str()? {
        "text" => part["text"].as_str(),
        "image_url" => part["image_url"]["url"].as_str().map(|_| ""),
        _ => None,
    }
}

fn result(input: &str) -> Value {
    let violent = input.to_lowercase().contains("kill");
    let is = |category: &str| violent && category == "violence";
    let map = |of: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        CATEGORIES.iter().map(|category| ((*category).to_owned(), of(category))).collect()
    };
    json!({
        "flagged": violent,
        "categories": map(&|category| json!(is(category))),
        "category_scores": map(&|category| json!(if is(category) { 0.98 } else { 0.001 })),
        "category_applied_input_types": map(&|_| json!(["text"])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_each_shape_are_judged() {
        let judged = |input: Value| {
            let body = json!({ "input": input });
            inputs(body.as_object().unwrap()).ok()
        };
        assert_eq!(judged(json!("a")), Some(vec!["a".to_owned()]));
        assert_eq!(judged(json!(["a", "b"])).map(|all| all.len()), Some(2));
        let image = json!({ "type": "image_url", "image_url": { "url": "https://x/y.png" } });
        let parts = json!([{ "type": "text", "text": "a" }, image]);
        assert_eq!(judged(parts), Some(vec!["a ".to_owned()]));
        for wrong in [json!(null), json!([]), json!(5), json!([{ "type": "audio" }])] {
            assert_eq!(judged(wrong.clone()), None, "{wrong}");
        }
        assert_eq!(result("I will kill it")["categories"]["violence"], true);
        assert_eq!(result("I like it")["flagged"], false);
    }
}
