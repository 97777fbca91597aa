use super::*;
use crate::conversation::{Answer, Choice, Stop};
use crate::{
    conversation::{Fit, Format, Part, PartKind, Role, Signature, TargetFacts},
    openai_chat,
    openai_responses::{
        checking::{asked_for, events, exchange, written},
        read_request, write_answer,
    },
};
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

fn call(signature: Option<Signature>) -> Part {
    Part::new(PartKind::ToolCall {
        id: "c1".into(),
        name: "f".into(),
        arguments: "{}".into(),
        custom: false,
        signature,
    })
}

/// A first turn that ends in a call.
fn first() -> StoredResponse {
    let body = json!({"model": "m", "instructions": "only once", "input": "q"});
    let conversation = read_request(body.to_string().as_bytes()).unwrap();
    let signature = Signature::new(Format::Gemini, "thought");
    let choice = Choice {
        parts: vec![Part::text("a"), call(Some(signature))],
        stop: Stop::Tool,
        ..Choice::default()
    };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let object = write_answer(&answer, &asked_for(conversation.clone()));
    StoredResponse::new(&conversation, &object).unwrap()
}

fn go_on(previous: &StoredResponse) -> Conversation {
    let body = json!({
        "model": "m", "previous_response_id": previous.id,
        "input": [{"type": "function_call_output", "call_id": call_id(previous), "output": "42"}]
    });
    continued(body.to_string().as_bytes(), previous).unwrap()
}

fn call_id(previous: &StoredResponse) -> String {
    let item: Value = serde_json::from_str(previous.output_items[1].get()).unwrap();
    item["call_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_conversation_goes_on_where_it_was_without_the_instructions() {
    let previous = first();
    let conversation = go_on(&previous);
    let roles: Vec<_> = conversation.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    let PartKind::ToolCall { id, signature, .. } = &conversation.turns[1].parts[1].kind else {
        panic!()
    };
    assert_eq!((id.as_str(), signature.as_ref().map(|it| it.by)), ("c1", Some(Format::Gemini)));
    assert_eq!(conversation.previous_response_id, None, "no provider has to resolve it");
    let facts = TargetFacts::new(ProviderKind::Openai, "gpt-4o");
    assert!(openai_chat::write_request(&conversation, Fit::new(facts)).is_ok());
    let response: Value =
        serde_json::from_slice(&write_answer(&Answer::default(), &asked_for(conversation)))
            .unwrap();
    assert_eq!(response["previous_response_id"], previous.id);
}

#[test]
fn what_is_kept_grows_by_each_answer_and_one_look_up_brings_it_all() {
    let previous = first();
    let conversation = go_on(&previous);
    let choice = Choice { parts: vec![Part::text("done")], ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let object = write_answer(&answer, &asked_for(conversation.clone()));
    let second = StoredResponse::new(&conversation, &object).unwrap();
    assert_eq!((second.input_items.len(), second.output_items.len()), (4, 1));
    let again = StoredResponse::from_bytes(&second.to_bytes().unwrap()).unwrap();
    assert_eq!(again, second);
    let body = json!({"model": "m", "previous_response_id": second.id, "input": "next", "instructions": "new"});
    let third = continued(body.to_string().as_bytes(), &second).unwrap();
    let texts: Vec<_> = third.turns.iter().map(|turn| turn.text(" ")).collect();
    assert_eq!(texts, ["new", "q", "a", "", "done", "next"]);
    let PartKind::ToolCall { signature, .. } = &third.turns[2].parts[1].kind else { panic!() };
    assert!(signature.is_some(), "a signature survives being kept twice");
}

#[test]
fn the_object_of_a_stream_is_in_its_last_event() {
    let conversation = read_request(&exchange("reasoning_tools").request).unwrap();
    let out = Bytes::from(written(&events(&exchange("reasoning_tools").stream)));
    let object = answered(&out).unwrap();
    let stored = StoredResponse::new(&conversation, object.get().as_bytes()).unwrap();
    assert_eq!(stored.output_items.len(), 3);
    let whole = Bytes::from(exchange("length").stream);
    assert!(answered(&whole).is_some_and(|object| object.get().contains("max_output_tokens")));
    for name in ["failed", "error_event"] {
        assert_eq!(answered(&Bytes::from(exchange(name).stream)), None);
    }
    let quoted =
        Bytes::from_static(b"event: x\ndata: {\"delta\":\"event: response.completed\"}\n\n");
    assert_eq!(answered(&quoted), None);
}

#[test]
fn failures_and_nonsense_are_nothing_to_go_on_from() {
    let conversation = read_request(br#"{"model":"m","input":"q"}"#).unwrap();
    for object in [
        "<html>",
        "{}",
        r#"{"id":"resp_1","status":"failed","output":[]}"#,
        r#"{"id":"resp_1","status":"queued","output":[]}"#,
        r#"{"id":"","status":"completed","output":[]}"#,
        r#"{"id":"resp_1","status":"completed"}"#,
    ] {
        assert_eq!(StoredResponse::new(&conversation, object.as_bytes()), None, "{object}");
    }
}

#[test]
fn what_is_too_large_is_not_kept() {
    let text = "x".repeat(MAX_STORED_BYTES);
    let conversation =
        read_request(json!({"model": "m", "input": text}).to_string().as_bytes()).unwrap();
    let object = write_answer(&Answer::default(), &asked_for(conversation.clone()));
    assert_eq!(StoredResponse::new(&conversation, &object).unwrap().to_bytes(), None);
    assert_eq!(first().to_bytes().map(|bytes| bytes.len() < 5000), Some(true));
}

#[test]
fn storing_is_the_default() {
    for (body, wanted) in [
        (json!({"model": "m", "input": "q"}), true),
        (json!({"model": "m", "input": "q", "store": true}), true),
        (json!({"model": "m", "input": "q", "store": null}), true),
        (json!({"model": "m", "input": "q", "store": false}), false),
    ] {
        let conversation = read_request(body.to_string().as_bytes()).unwrap();
        assert_eq!(wants_storing(&conversation), wanted, "{body}");
    }
}

#[test]
fn input_items_are_listed_in_pages() {
    let items: Vec<_> =
        (0..5).map(|n| json!({"role": "user", "content": format!("{n}")})).collect();
    let mut items = items;
    items.push(
        json!({"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "x"}),
    );
    let conversation =
        read_request(json!({"model": "m", "input": items}).to_string().as_bytes()).unwrap();
    let object = write_answer(&Answer::default(), &asked_for(conversation.clone()));
    let stored = StoredResponse::new(&conversation, &object).unwrap();
    let list = |page: &Page| -> Value { serde_json::from_slice(&stored.input_list(page)).unwrap() };

    let newest = list(&Page { limit: 2, ..Page::default() });
    assert_eq!((&newest["object"], &newest["has_more"]), (&json!("list"), &json!(true)));
    assert_eq!(
        (&newest["first_id"], newest["data"].as_array().unwrap().len()),
        (&json!("fco_1"), 2)
    );
    assert_eq!(newest["data"][1]["content"], json!([{"type": "input_text", "text": "4"}]));
    assert_eq!(newest["data"][1]["id"], newest["last_id"]);

    let after = newest["last_id"].as_str().map(str::to_owned);
    let rest = list(&Page { after, ..Page::default() });
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (4, &json!(false)));
    let oldest = list(&Page { newest_first: false, limit: 1, after: None });
    assert_eq!(oldest["data"][0]["content"][0]["text"], "0");
}

#[test]
fn the_id_to_go_on_from_is_found_whatever_else_a_request_has() {
    let cases = [
        (
            json!({"previous_response_id": "resp_1", "conversation": "conv_1", "input": 5}),
            Some("resp_1"),
        ),
        (json!({"previous_response_id": null}), None),
        (json!({"previous_response_id": ""}), None),
        (json!({"previous_response_id": 5}), None),
        (json!({"input": [{"previous_response_id": "x"}]}), None),
    ];
    for (body, expected) in cases {
        assert_eq!(previous_id(body.to_string().as_bytes()).as_deref(), expected, "{body}");
    }
}

#[test]
fn what_an_answer_of_another_provider_leaves_in_a_request_is_seen() {
    let text = |answer: Answer| {
        let conversation = read_request(br#"{"model":"m","input":"q"}"#).unwrap();
        let response: Value =
            serde_json::from_slice(&write_answer(&answer, &asked_for(conversation))).unwrap();
        json!({"model": "m", "input": response["output"]}).to_string()
    };
    let answer = |parts: Vec<Part>| Answer {
        choices: vec![Choice { parts, ..Choice::default() }],
        ..Answer::default()
    };
    let thought = |signature| Part::new(PartKind::Reasoning { text: "hm".into(), signature });
    let claude = Signature::new(Format::Anthropic, "sig");
    for foreign in [thought(None), thought(Some(claude.clone())), call(Some(claude))] {
        assert!(has_foreign_items(text(answer(vec![foreign])).as_bytes()));
    }
    assert!(!has_foreign_items(text(answer(vec![Part::text("a"), call(None)])).as_bytes()));
    for exchange in crate::openai_responses::checking::exchanges() {
        assert!(!has_foreign_items(&exchange.request), "{}", exchange.name);
    }
}

#[test]
fn a_deletion_is_told() {
    let told: Value = serde_json::from_slice(&deletion("resp_1")).unwrap();
    assert_eq!(told, json!({"id": "resp_1", "object": "response", "deleted": true}));
}
