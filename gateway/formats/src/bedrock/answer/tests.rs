use super::*;
use crate::{
    bedrock::testing::exchanges,
    conversation::{FaultKind, Format, Part, PartKind, Signature, Stop},
};
use proptest::prelude::*;

fn recorded(name: &str) -> Answer {
    let path = exchanges().remove(name).unwrap();
    read_answer(&std::fs::read(path.join("answer.json")).unwrap()).unwrap()
}

#[test]
fn an_answer_has_neither_id_nor_model_and_keeps_what_is_not_understood() {
    let answer = recorded("filtered");
    assert_eq!((&answer.id, &answer.model, answer.created), (&None, &None, None));
    assert_eq!(answer.choices[0].stop, Stop::Filtered);
    let kept: Vec<&str> = answer.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kept, ["metrics", "trace"]);
    assert_eq!(recorded("cache_usage").service_tier.as_deref(), Some("priority"));
}

#[test]
fn blocks_of_all_kinds_are_read() {
    let answer = recorded("reasoning_tools");
    let signature = Some(Signature::new(Format::Bedrock, "EqQBCkYIBxgCKkD0l0op+bedrock=="));
    let text = "Oslo is known. Lima is next.".to_owned();
    assert_eq!(answer.choices[0].parts[0], Part::new(PartKind::Reasoning { text, signature }));
    let call = PartKind::ToolCall {
        id: "tooluse_Lima".to_owned(),
        name: "get_weather".to_owned(),
        arguments: r#"{"city":"Lima"}"#.to_owned(),
        custom: false,
        signature: None,
    };
    assert_eq!(answer.choices[0].parts[1], Part::new(call));
    let sealed = Signature::new(Format::Bedrock, "RXFZQkNrWUlCeGdDS2tEMA==");
    let parts = recorded("sealed_reasoning").choices.remove(0).parts;
    assert_eq!(parts[1], Part::new(PartKind::Sealed(sealed)));
    let cited = br#"{"output":{"message":{"role":"assistant","content":[{"text":"As "},{"citationsContent":{"content":[{"text":"it says"}],"citations":[{}]}},{"image":{"format":"png","source":{"bytes":"iVBO"}}},{"toolUse":{"toolUseId":"s","name":"nova_grounding","input":{},"type":"server_tool_use"}},{"somethingNew":{}}]}},"stopReason":"end_turn"}"#;
    let parts = read_answer(cited).unwrap().choices.remove(0).parts;
    assert_eq!(parts[0], Part::text("As it says"));
    assert!(
        matches!(&parts[1].kind, PartKind::Media(image) if image.mime.as_deref() == Some("image/png"))
    );
    assert_eq!(parts.len(), 2);
}

#[test]
fn digits_of_arguments_stay_as_they_are() {
    let body = br#"{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t","name":"f","input":{ "z": 1.0, "a": 12345678901234567890 }}}]}},"stopReason":"end_turn"}"#;
    let answer = read_answer(body).unwrap();
    assert_eq!(answer.choices[0].stop, Stop::Tool, "whatever the word says");
    let PartKind::ToolCall { arguments, .. } = &answer.choices[0].parts[0].kind else { panic!() };
    assert_eq!(arguments, r#"{"z":1.0,"a":12345678901234567890}"#);
}

#[test]
fn what_is_no_answer_is_a_fault() {
    let cases = [
        (r#"{"message":"The model is gone."}"#, FaultKind::Reported, "The model is gone."),
        ("{}", FaultKind::Garbage, ""),
        ("[]", FaultKind::Garbage, ""),
        ("", FaultKind::Garbage, ""),
        (r#"{"output":{"message":{"content":"x"}}}"#, FaultKind::Garbage, ""),
        (r#"{"output":{"message":{"content":[7]}}}"#, FaultKind::Garbage, ""),
        (
            r#"{"output":{"message":{"content":[]}},"stopReason":"malformed_model_output"}"#,
            FaultKind::Reported,
            "",
        ),
    ];
    for (body, kind, message) in cases {
        let fault = read_answer(body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, kind, "{body}");
        assert!(fault.message.contains(message), "{body}");
    }
    let empty = br#"{"output":{"message":{"content":[]}},"stopReason":"end_turn","usage":null}"#;
    let answer = read_answer(empty).unwrap();
    assert!(answer.choices[0].parts.is_empty() && !answer.usage.refused);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), at in 0..400_usize, byte in any::<u8>()) {
        let _ = read_answer(&bytes);
        let path = exchanges().remove("parallel_tools").unwrap();
        let mut near = std::fs::read(path.join("answer.json")).unwrap();
        let at = at % near.len();
        near[at] = byte;
        let _ = read_answer(&near);
    }
}
