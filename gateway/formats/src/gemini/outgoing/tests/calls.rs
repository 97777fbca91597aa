use super::*;
use crate::conversation::{Media, MediaKind, Signature, Source};
use serde_json::json;

/// A history with two calls and their results in the wrong order, in several turns.
fn history() -> Conversation {
    saying(vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![call("c1", "f", "{\"x\":1.0}"), call("c2", "g", "")]),
        Turn::new(Role::User, vec![result("c2", vec![Part::text("two")])]),
        Turn::new(Role::User, vec![result("c1", vec![Part::text("{\"one\": 1.0}")])]),
        Turn::new(Role::User, vec![Part::text("and?")]),
    ])
}

#[test]
fn results_follow_the_order_of_the_calls_in_one_turn() {
    assert_eq!(
        body(&history(), "gemini-2.5-flash")["contents"],
        json!([
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "f", "args": {"x": 1.0}}},
                {"functionCall": {"name": "g", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"one": 1.0}}},
                {"functionResponse": {"name": "g", "response": {"output": "two"}}},
                {"text": "and?"},
            ]},
        ])
    );
}

#[test]
fn ids_and_signatures_are_for_gemini_3_and_the_first_of_several_calls_has_one() {
    let contents = &body(&history(), "gemini-3-pro-preview")["contents"];
    assert_eq!(
        contents[1]["parts"],
        json!([
            {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "skip_thought_signature_validator"},
            {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        ])
    );
    assert_eq!(contents[2]["parts"][0]["functionResponse"]["id"], "c1");
}

#[test]
fn a_signature_that_came_back_in_an_id_goes_out_with_its_call() {
    // The id that an app of another format was given, and sent back.
    let given = Signature::new(Format::Gemini, "SIG").into_id("c1");
    let (id, signature) = Signature::out_of_id(&given);
    let mut conversation = history();
    conversation.turns[1].parts[0] = Part::new(PartKind::ToolCall {
        id,
        name: "f".into(),
        arguments: "{}".into(),
        custom: false,
        signature,
    });
    let contents = &body(&conversation, "gemini-3-pro")["contents"];
    assert_eq!(
        contents[1]["parts"][0],
        json!({"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": "SIG"})
    );
    assert_eq!(contents[1]["parts"][1]["thoughtSignature"], Value::Null);
}

#[test]
fn a_result_without_a_call_is_left_out_and_a_call_without_a_result_gets_one() {
    let conversation = saying(vec![
        Turn::new(Role::User, vec![Part::text("q"), result("lost", vec![Part::text("x")])]),
        Turn::new(Role::Assistant, vec![call("c1", "f", "{")]),
        Turn::new(Role::User, vec![Part::text("next")]),
    ]);
    let contents = &body(&conversation, "gemini-2.5-flash")["contents"];
    assert_eq!(contents[0]["parts"], json!([{"text": "q"}]));
    assert_eq!(contents[1]["parts"][0]["functionCall"]["args"], json!({"_raw": "{"}));
    assert_eq!(
        contents[2]["parts"],
        json!([
            {"functionResponse": {"name": "f", "response": {"error": "The tool gave no result."}}},
            {"text": "next"},
        ])
    );
}

#[test]
fn results_are_objects_and_a_reference_in_them_is_only_text() {
    let cases = [
        ("42", false, false, r#"{"output":"42"}"#),
        ("[1]", false, false, r#"{"output":"[1]"}"#),
        ("{\"a\": 1.0}", false, false, r#"{"a": 1.0}"#),
        ("{\"a\":", false, false, r#"{"output":"{\"a\":"}"#),
        ("no", true, false, r#"{"error":"no"}"#),
        ("{\"a\":1}", true, false, r#"{"error":{"a":1}}"#),
        ("{\"$ref\":\"x\"}", false, false, r#"{"output":"{\"$ref\":\"x\"}"}"#),
        (
            "{\"a\":[{\"\\u0024ref\":\"x\"}]}",
            false,
            false,
            r#"{"output":"{\"a\":[{\"\\u0024ref\":\"x\"}]}"}"#,
        ),
        ("{\"a\":\"$ref\\u00e9\"}", false, false, r#"{"a":"$ref\u00e9"}"#),
        ("{\"$ref\":\"x\"}", true, false, r#"{"error":"{\"$ref\":\"x\"}"}"#),
        ("{\"$ref\":\"x\"}", false, true, r#"{"$ref":"x"}"#),
        ("", false, false, r#"{"output":""}"#),
    ];
    for (text, error, own, expected) in cases {
        assert_eq!(response_object(text, error, own).get(), expected, "{text}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    assert!(response_object(&deep, false, false).get().starts_with("{\"output\":\"{"));
}

#[test]
fn files_of_a_result_are_inside_it_since_gemini_3_and_behind_all_results_before() {
    let file = |data: &str| {
        Part::new(PartKind::Media(Media {
            kind: MediaKind::Image,
            source: Source::Base64(data.into()),
            mime: Some("image/png".into()),
            name: None,
            detail: None,
        }))
    };
    let conversation = saying(vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![call("c1", "f", "{}"), call("c2", "f", "{}")]),
        Turn::new(
            Role::User,
            vec![
                result("c1", vec![Part::text("see"), file("AAAA")]),
                result("c2", vec![file("BBBB")]),
                Part::text("well?"),
            ],
        ),
    ]);
    let blob = |data: &str| json!({"inlineData": {"mimeType": "image/png", "data": data}});
    assert_eq!(
        body(&conversation, "gemini-2.5-flash")["contents"][2]["parts"],
        json!([
            {"functionResponse": {"name": "f", "response": {"output": "see"}}},
            {"functionResponse": {"name": "f", "response": {"output": "[file]"}}},
            blob("AAAA"), blob("BBBB"),
            {"text": "well?"},
        ])
    );
    assert_eq!(
        body(&conversation, "gemini-3-flash")["contents"][2]["parts"],
        json!([
            {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "see"}, "parts": [blob("AAAA")]}},
            {"functionResponse": {"id": "c2", "name": "f", "response": {"output": "[file]"}, "parts": [blob("BBBB")]}},
            {"text": "well?"},
        ])
    );
}

#[test]
fn the_input_of_a_custom_tool_is_an_argument() {
    let custom = Part::new(PartKind::ToolCall {
        id: "c1".into(),
        name: "sql".into(),
        arguments: "select 1".into(),
        custom: true,
        signature: None,
    });
    let conversation = saying(vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![custom]),
        Turn::new(Role::User, vec![result("c1", vec![Part::text("1")])]),
    ]);
    assert_eq!(
        body(&conversation, "gemini-2.5-flash")["contents"][1]["parts"],
        json!([{"functionCall": {"name": "sql", "args": {"input": "select 1"}}}])
    );
}
