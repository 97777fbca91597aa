use super::*;
use crate::{conversation::TargetFacts, embeddings::apps};
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

fn openai(body: Value) -> EmbeddingRequest {
    let mut body = body;
    body["model"] = json!("alias");
    apps::read_openai(body.to_string().as_bytes()).unwrap()
}

fn many(count: usize) -> EmbeddingRequest {
    openai(json!({"input": (0..count).map(|number| format!("text {number}")).collect::<Vec<_>>()}))
}

fn made(request: &EmbeddingRequest, wire: EmbeddingWire, model: &str) -> EmbeddingCalls {
    calls(request, wire, Fit::new(TargetFacts::new(ProviderKind::Openai, model))).unwrap()
}

/// The first body.
fn body(request: &EmbeddingRequest, wire: EmbeddingWire, model: &str) -> Value {
    serde_json::from_slice(&made(request, wire, model).calls[0].body).unwrap()
}

const WIRES: [EmbeddingWire; 7] = [
    EmbeddingWire::Openai,
    EmbeddingWire::Gemini,
    EmbeddingWire::VertexPredict,
    EmbeddingWire::VertexEmbed,
    EmbeddingWire::Cohere,
    EmbeddingWire::BedrockTitan,
    EmbeddingWire::BedrockCohere,
];

#[test]
fn every_input_is_in_one_call_and_they_keep_their_order() {
    let request = many(300);
    for wire in WIRES {
        let calls = made(&request, wire, "m").calls;
        let texts: Vec<String> = calls
            .iter()
            .flat_map(|call| {
                let body = String::from_utf8(call.body.to_vec()).unwrap();
                let found: Vec<_> = body
                    .split("\"text ")
                    .skip(1)
                    .map(|rest| rest.split('"').next().unwrap().to_owned())
                    .collect();
                assert_eq!(found.len(), call.inputs, "{wire:?}");
                found
            })
            .collect();
        let expected: Vec<_> = (0..300).map(|number| number.to_string()).collect();
        assert_eq!(texts, expected, "{wire:?}");
    }
}

#[test]
fn each_provider_takes_as_many_inputs_as_it_can() {
    let cases = [
        (EmbeddingWire::Openai, "m", 1),
        (EmbeddingWire::Gemini, "m", 2),
        (EmbeddingWire::VertexPredict, "text-embedding-005", 1),
        (EmbeddingWire::VertexPredict, "gemini-embedding-001", 200),
        (EmbeddingWire::VertexEmbed, "gemini-embedding-2", 200),
        (EmbeddingWire::Cohere, "m", 3),
        (EmbeddingWire::BedrockTitan, "m", 200),
        (EmbeddingWire::BedrockCohere, "m", 3),
    ];
    for (wire, model, expected) in cases {
        assert_eq!(made(&many(200), wire, model).calls.len(), expected, "{wire:?} {model}");
    }
}

#[test]
fn a_request_takes_the_shape_of_each_provider() {
    let request =
        openai(json!({"input": ["a", "b"], "dimensions": 8, "input_type": "search_query"}));
    let cases = [
        (
            EmbeddingWire::Openai,
            json!({"model": "m", "input": ["a", "b"], "dimensions": 8, "encoding_format": "float"}),
        ),
        (
            EmbeddingWire::Gemini,
            json!({"requests": [
                {"model": "models/m", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8},
                {"model": "models/m", "content": {"parts": [{"text": "b"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8},
            ]}),
        ),
        (
            EmbeddingWire::VertexPredict,
            json!({"instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}, {"content": "b", "task_type": "RETRIEVAL_QUERY"}],
                "parameters": {"outputDimensionality": 8}}),
        ),
        (
            EmbeddingWire::VertexEmbed,
            json!({"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}}),
        ),
        (
            EmbeddingWire::Cohere,
            json!({"model": "m", "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 8}),
        ),
        (
            EmbeddingWire::BedrockCohere,
            json!({"texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 8}),
        ),
        (EmbeddingWire::BedrockTitan, json!({"inputText": "a", "dimensions": 8})),
    ];
    for (wire, expected) in cases {
        assert_eq!(body(&request, wire, "m"), expected, "{wire:?}");
    }
    let bare = openai(json!({"input": "a"}));
    assert_eq!(
        body(&bare, EmbeddingWire::Gemini, "models/m"),
        json!({"model": "models/m", "content": {"parts": [{"text": "a"}]}})
    );
    assert_eq!(
        body(&bare, EmbeddingWire::VertexEmbed, "m"),
        json!({"content": {"parts": [{"text": "a"}]}})
    );
    assert_eq!(body(&bare, EmbeddingWire::Cohere, "m")["input_type"], "search_document");
}

#[test]
fn token_ids_are_refused_where_nobody_could_read_them() {
    let request = openai(json!({"input": [[1, 2], [3]]}));
    for wire in WIRES.into_iter().filter(|wire| *wire != EmbeddingWire::Openai) {
        let fit = Fit::new(TargetFacts::new(ProviderKind::Openai, "m"));
        let mistake = calls(&request, wire, fit).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("input"), "{wire:?}");
    }
    assert_eq!(body(&request, EmbeddingWire::Openai, "m")["input"], json!([[1, 2], [3]]));
}

#[test]
fn what_geminis_format_has_beside_its_inputs_stays_beside_them() {
    let image = r#"{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}"#;
    let text = format!(
        r#"{{"requests":[{{"content":{image},"zz":1}},{{"content":{{"parts":[{{"text":"b"}}]}},"title":"T"}}]}}"#
    );
    let request = apps::read_gemini_batch(text.as_bytes(), "alias").unwrap();
    assert_eq!(
        body(&request, EmbeddingWire::Gemini, "m"),
        json!({"requests": [
            {"model": "models/m", "content": serde_json::from_str::<Value>(image).unwrap(), "zz": 1},
            {"model": "models/m", "content": {"parts": [{"text": "b"}]}, "title": "T"},
        ]})
    );
    assert!(made(&request, EmbeddingWire::Gemini, "m").dropped.is_empty());
    for wire in [EmbeddingWire::Openai, EmbeddingWire::Cohere, EmbeddingWire::VertexPredict] {
        let fit = Fit::new(TargetFacts::new(ProviderKind::Openai, "m"));
        let mistake = calls(&request, wire, fit).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("content"), "{wire:?}");
    }
}

#[test]
fn nothing_is_lost_silently() {
    let request = openai(
        json!({"input": "a", "user": "u", "input_type": "search_query", "truncate": "END", "other": 1, "none": null}),
    );
    let dropped = |wire| made(&request, wire, "m").dropped;
    assert_eq!(dropped(EmbeddingWire::Cohere), ["user", "other"]);
    assert_eq!(body(&request, EmbeddingWire::Cohere, "m")["truncate"], "END");
    assert_eq!(dropped(EmbeddingWire::BedrockTitan), ["user", "input_type", "other", "truncate"]);
    assert_eq!(dropped(EmbeddingWire::Gemini), ["user", "other", "truncate"]);
    let body = br#"{"content":"a","taskType":"RETRIEVAL_DOCUMENT","title":"T"}"#;
    let request = apps::read_gemini(body, "alias").unwrap();
    assert_eq!(made(&request, EmbeddingWire::Openai, "m").dropped, ["taskType", "title"]);
}
