use super::*;
use crate::{
    conversation::{FaultKind, Part},
    openai_responses::checking::{asked, exchange},
};
use serde_json::{Value, json};

#[test]
fn failures_errors_and_garbage_are_told_apart() {
    let fault = |body: &str| read_answer(body.as_bytes()).err().map(|fault| fault.kind);
    let cases = [
        ("<html>", Some(FaultKind::Garbage)),
        ("{}", Some(FaultKind::Garbage)),
        ("{\"output\":5}", Some(FaultKind::Garbage)),
        ("{\"error\":{\"message\":\"no\"}}", Some(FaultKind::Reported)),
        (
            "{\"status\":\"failed\",\"output\":[],\"error\":{\"code\":\"rate_limit_exceeded\"}}",
            Some(FaultKind::RateLimited),
        ),
        ("{\"status\":\"cancelled\",\"output\":[]}", Some(FaultKind::Reported)),
        ("{\"status\":\"queued\",\"output\":[],\"error\":null}", None),
        ("{\"status\":\"completed\",\"output\":[]}", None),
        ("{\"output\":[]}", None),
    ];
    for (body, kind) in cases {
        assert_eq!(fault(body), kind, "{body}");
    }
}

#[test]
fn text_may_be_spread_over_several_messages() {
    let message =
        |text: &str| json!({"type": "message", "content": [{"type": "output_text", "text": text}]});
    let body = json!({"status": "completed", "output": [message("a"), message("b")]});
    let answer = read_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.choices[0].parts, [Part::text("ab")]);
}

#[test]
fn a_call_is_a_reason_to_stop_whatever_the_status_says() {
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""});
    let body = json!({"status": "completed", "output": [call]});
    let answer = read_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(answer.choices[0].stop, Stop::Tool);
    let PartKind::ToolCall { id, arguments, .. } = &answer.choices[0].parts[0].kind else {
        panic!()
    };
    assert_eq!((id.as_str(), arguments.as_str()), ("c1", "{}"));
}

#[test]
fn an_answer_keeps_who_made_it_and_when() {
    let answer = read_answer(&exchange("plain_text").answer).unwrap();
    assert!(answer.id.is_some_and(|id| id.starts_with("resp_")));
    assert_eq!(answer.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(answer.service_tier.as_deref(), Some("default"));
    assert!(answer.created.is_some_and(|at| at > 1_700_000_000));
}

#[test]
fn neighbouring_texts_and_refusals_are_one_message() {
    let parts = vec![
        Part::text("a"),
        Part::new(PartKind::Refusal("no".into())),
        Part::text(""),
        Part::text("b"),
    ];
    let choice = Choice { parts, ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let response: Value = serde_json::from_slice(&write_answer(&answer, &asked())).unwrap();
    let output = response["output"].as_array().unwrap();
    assert_eq!(output.len(), 1);
    let kinds: Vec<_> =
        output[0]["content"].as_array().unwrap().iter().map(|part| part["type"].clone()).collect();
    assert_eq!(kinds, ["output_text", "refusal", "output_text"]);
    assert_eq!(response["usage"], Value::Null);
}
