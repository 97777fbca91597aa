use super::*;
use crate::{
    conversation::{FaultKind, Fit, TargetFacts},
    embeddings::{apps, calls},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

fn request(count: usize) -> EmbeddingRequest {
    let inputs: Vec<_> = (0..count).map(|number| format!("text {number}")).collect();
    apps::read_openai(json!({"model": "m", "input": inputs}).to_string().as_bytes()).unwrap()
}

fn read(wire: EmbeddingWire, bodies: &[Value], count: usize) -> Result<EmbeddingAnswer, Fault> {
    let bodies: Vec<Bytes> = bodies.iter().map(|body| body.to_string().into()).collect();
    read_answer(wire, &bodies, &vec![None; bodies.len()], &request(count))
}

fn input(answer: &EmbeddingAnswer) -> Option<u64> {
    answer.usage.billed.map(|usage| usage.input())
}

#[test]
fn two_hundred_texts_are_three_calls_of_cohere_and_one_answer_in_order() {
    let request = request(200);
    let fit = Fit::new(TargetFacts::new(ProviderKind::Cohere, "embed-v4.0"));
    let calls = calls(&request, EmbeddingWire::Cohere, fit).unwrap().calls;
    let mut number = 0;
    let mut bodies = Vec::new();
    for call in &calls {
        let floats: Vec<_> = (0..call.inputs).map(|at| [(number + at) as f32]).collect();
        number += call.inputs;
        bodies.push(json!({"embeddings": {"int8": [[1]], "float": floats}, "meta": {"billed_units": {"input_tokens": call.inputs}}}));
    }
    let answer = read(EmbeddingWire::Cohere, &bodies, 200).unwrap();
    let told: Vec<f32> = answer.vectors.iter().map(|vector| vector.0[0]).collect();
    assert_eq!(told, (0..200).map(|number| number as f32).collect::<Vec<_>>());
    let usage = answer.usage.billed.unwrap();
    assert_eq!((usage.input(), usage.requests), (200, 3));
    // One failing part fails all.
    bodies[1] = json!({"message": "no"});
    assert!(read(EmbeddingWire::Cohere, &bodies, 200).is_err());
}

#[test]
fn vectors_come_in_the_order_of_their_index_and_none_may_be_missing_or_double() {
    let entry = |index: usize, embedding: Value| json!({"index": index, "embedding": embedding});
    let body = |data: Vec<Value>| json!({"data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}, "model": "up"});
    let good = body(vec![entry(1, json!([2.0])), entry(0, json!("AACAPw=="))]);
    let answer = read(EmbeddingWire::Openai, std::slice::from_ref(&good), 2).unwrap();
    assert_eq!(answer.vectors, [Vector(vec![1.0]), Vector(vec![2.0])]);
    assert_eq!((input(&answer), answer.model.as_deref()), (Some(4), Some("up")));
    for (bad, count) in [
        (good, 3),
        (body(vec![entry(0, json!([1.0])), entry(0, json!([1.0]))]), 2),
        (body(vec![entry(0, json!([1.0])), entry(5, json!([1.0]))]), 2),
        (body(vec![entry(0, json!(["x"]))]), 1),
    ] {
        assert_eq!(read(EmbeddingWire::Openai, &[bad], count).unwrap_err(), Fault::garbage());
    }
    let plain = json!({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]});
    let answer = read(EmbeddingWire::Openai, &[plain], 2).unwrap();
    assert_eq!((answer.vectors[1].0[0], input(&answer)), (2.0, None));
}

#[test]
fn a_vector_too_few_in_one_call_is_not_made_up_for_by_the_next() {
    let body = |count: usize| json!({"embeddings": vec![[1.0]; count]});
    for (sizes, good) in [([2, 2, 1], true), ([1, 2, 2], false), ([2, 1, 2], false)] {
        let bodies = sizes.map(body);
        assert_eq!(read(EmbeddingWire::BedrockCohere, &bodies, 5).is_ok(), good, "{sizes:?}");
    }
}

#[test]
fn every_provider_is_understood() {
    let cases = [
        (
            EmbeddingWire::Gemini,
            json!({"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 3, "promptTokenDetails": []}}),
            Some(3),
        ),
        (EmbeddingWire::Gemini, json!({"embeddings": [{"values": [0.5]}]}), None),
        (
            EmbeddingWire::VertexEmbed,
            json!({"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 3}, "truncated": false}),
            Some(3),
        ),
        (
            EmbeddingWire::VertexPredict,
            json!({"predictions": [{"embeddings": {"values": [0.5], "statistics": {"token_count": 3.0, "truncated": false}}}]}),
            Some(3),
        ),
        (
            EmbeddingWire::VertexPredict,
            json!({"predictions": [{"embeddings": {"values": [0.5]}}]}),
            None,
        ),
        (
            EmbeddingWire::Cohere,
            json!({"id": "x", "embeddings": {"float": [[0.5]]}, "meta": {"billed_units": {"input_tokens": 3}}}),
            Some(3),
        ),
        (
            EmbeddingWire::BedrockCohere,
            json!({"embeddings": [[0.5]], "response_type": "embeddings_floats"}),
            None,
        ),
        (
            EmbeddingWire::BedrockTitan,
            json!({"embedding": [0.5], "inputTextTokenCount": 3}),
            Some(3),
        ),
    ];
    for (wire, body, expected) in cases {
        let answer = read(wire, &[body], 1).unwrap();
        assert_eq!(answer.vectors, [Vector(vec![0.5])], "{wire:?}");
        assert_eq!(input(&answer), expected, "{wire:?}");
    }
}

#[test]
fn tokens_that_only_the_heads_tell_are_summed() {
    let body = Bytes::from_static(br#"{"embeddings":[[0.5]]}"#);
    let bodies = [body.clone(), body];
    let wire = EmbeddingWire::BedrockCohere;
    let told = read_answer(wire, &bodies, &[Some(3), Some(4)], &request(2)).unwrap();
    assert_eq!(input(&told), Some(7));
    // What is told in part is not known.
    let part = read_answer(wire, &bodies, &[Some(3), None], &request(2)).unwrap();
    assert_eq!(part.usage, Reported::default());
}

#[test]
fn an_error_in_the_clothes_of_an_answer_keeps_its_words() {
    let error = json!({"error": {"message": "overloaded", "code": 503}});
    let fault = read(EmbeddingWire::Openai, &[error], 1).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Reported, "overloaded"));
    for garbage in [json!({"error": null}), json!([]), json!({"data": 5})] {
        assert_eq!(read(EmbeddingWire::Openai, &[garbage], 1).unwrap_err(), Fault::garbage());
    }
}

#[test]
fn shortened_vectors_of_google_have_length_one_for_openais_clients() {
    let mut request = request(1);
    request.dimensions = Some(2);
    let body = [Bytes::from_static(br#"{"embedding":{"values":[3.0,4.0]}}"#)];
    let answer = read_answer(EmbeddingWire::Gemini, &body, &[None], &request).unwrap();
    assert_eq!(answer.vectors, [Vector(vec![0.6, 0.8])]);
    request.origin = Format::Gemini;
    let answer = read_answer(EmbeddingWire::Gemini, &body, &[None], &request).unwrap();
    assert_eq!(answer.vectors, [Vector(vec![3.0, 4.0])]);
}

proptest! {
    #[test]
    fn numbers_are_exact_to_32_bits_whatever_the_way(numbers in proptest::collection::vec(proptest::num::f32::NORMAL, 1..20), base64: bool) {
        let vector = Vector(numbers);
        let told = if base64 { json!(vector.to_base64()) } else { serde_json::from_str(&serde_json::to_string(&vector.0).unwrap()).unwrap() };
        let body = Bytes::from(json!({"data": [{"index": 0, "embedding": told}]}).to_string());
        let answer = read_answer(EmbeddingWire::Openai, &[body], &[None], &request(1)).unwrap();
        prop_assert_eq!(&answer.vectors[0], &vector);
        let mut request = request(1);
        request.base64 = true;
        let written: Value = serde_json::from_slice(&apps::write_openai(&request, &answer)).unwrap();
        let text = written["data"][0]["embedding"].as_str().unwrap();
        prop_assert_eq!(Vector::from_base64(text), Some(vector));
    }

    #[test]
    fn no_body_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        for wire in [EmbeddingWire::Openai, EmbeddingWire::Gemini, EmbeddingWire::VertexPredict, EmbeddingWire::Cohere, EmbeddingWire::BedrockTitan] {
            prop_assert!(read_answer(wire, &[Bytes::copy_from_slice(&bytes)], &[None], &request(1)).is_err());
        }
    }
}
