//! Turns and their parts.

use super::*;

/// Blank texts, empty turns, images alone, results in several messages, texts before results.
#[test]
fn turns_alternate_whatever_the_app_sends() {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } });
    let call = json!({ "role": "assistant", "content": "", "tool_calls": [
        { "id": "a", "type": "function", "function": { "name": "f", "arguments": "" } },
        { "id": "b", "type": "function", "function": { "name": "f", "arguments": "[1]" } },
    ]});
    let cases = [
        (
            json!([{ "role": "assistant", "content": "x" }, { "role": "user", "content": "y" }]),
            "user . | assistant x | user y",
        ),
        (json!([{ "role": "user", "content": "" }, { "role": "user", "content": " " }]), "user ."),
        (json!([{ "role": "user", "content": [image] }]), "user image"),
        (
            json!([
                { "role": "user", "content": "q" }, call,
                { "role": "tool", "tool_call_id": "b", "content": "2" },
                { "role": "user", "content": "and?" },
                { "role": "tool", "tool_call_id": "a", "content": "" },
            ]),
            "user q | assistant toolUse toolUse | user toolResult toolResult and?",
        ),
        (
            json!([{ "role": "user", "content": "q" }, call, { "role": "user", "content": "never mind" }]),
            "user q | assistant toolUse toolUse | user toolResult toolResult never mind",
        ),
        (json!([{ "role": "tool", "tool_call_id": "lost", "content": "x" }]), "user ."),
        (
            json!([
                { "role": "user", "content": "u" }, { "role": "system", "content": "late" },
                { "role": "assistant", "content": "a" }, { "role": "user", "content": "u2" },
            ]),
            "user u | assistant a | user late u2",
        ),
    ];
    for (messages, expected) in cases {
        let (body, _) = sent(&json!({ "messages": messages }), target(SONNET)).unwrap();
        let turns = body["messages"].as_array().unwrap().iter().map(|message| {
            let blocks = message["content"].as_array().unwrap().iter().map(|block| {
                let (kind, value) = block.as_object().unwrap().iter().next().unwrap();
                if kind == "text" { value.as_str().unwrap() } else { kind.as_str() }
            });
            let blocks: Vec<&str> = blocks.collect();
            format!("{} {}", message["role"].as_str().unwrap(), blocks.join(" "))
        });
        let turns: Vec<String> = turns.collect();
        assert_eq!(turns.join(" | "), expected, "{messages}");
    }
}

#[test]
fn results_tell_what_they_are_and_inputs_are_objects() {
    let image = Part::new(PartKind::Media(crate::conversation::Media::of_url(
        crate::conversation::MediaKind::Image,
        "data:image/png;base64,iVBORw0KGgo=",
    )));
    let call = |id: &str, arguments: &str, custom| {
        Part::new(PartKind::ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
            custom,
            signature: Some(Signature::new(Format::Gemini, "s")),
        })
    };
    let result = |id: &str, parts, error| {
        Part::new(PartKind::ToolResult { id: id.to_owned(), name: None, parts, error })
    };
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(
            Role::Assistant,
            vec![
                call("a", "null", false),
                call("b", "{\"x\":1.0}", false),
                call("c", "ls", true),
                call("d", "{", false),
            ],
        ),
        Turn::new(
            Role::User,
            vec![
                result("a", vec![Part::text("42"), image], false),
                result("b", vec![], true),
                result("c", vec![Part::text("no")], true),
                result("d", vec![], false),
            ],
        ),
    ];
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    let inputs = body["messages"][1]["content"].as_array().unwrap().iter();
    let inputs: Vec<&Value> = inputs.map(|block| &block["toolUse"]["input"]).collect();
    assert_eq!(
        inputs,
        [&json!({}), &json!({"x": 1.0}), &json!({"input": "ls"}), &json!({"_raw": "{"})]
    );
    let png = json!({ "format": "png", "source": { "bytes": "iVBORw0KGgo=" } });
    let results = json!([
        { "toolResult": { "toolUseId": "a", "content": [{ "text": "42" }, { "image": png }] } },
        { "toolResult": { "toolUseId": "b", "content": [{ "text": "The tool failed." }], "status": "error" } },
        { "toolResult": { "toolUseId": "c", "content": [{ "text": "no" }], "status": "error" } },
        { "toolResult": { "toolUseId": "d", "content": [{ "text": "." }] } },
    ]);
    assert_eq!(body["messages"][2]["content"], results);
    let (body, _) = written(&conversation, target(LLAMA)).unwrap();
    assert_eq!(
        body["messages"][2]["content"][2]["toolResult"].get("status"),
        None,
        "Llama knows none"
    );
}

/// Signed, omitted and sealed reasoning goes back as it came; nobody else's does.
#[test]
fn only_bedrocks_own_reasoning_goes_back_and_unchanged() {
    let reasoning = |by, text: &str, data: &str| {
        let signature = Some(Signature::new(by, data));
        Part::new(PartKind::Reasoning { text: text.to_owned(), signature })
    };
    let sealed = |by, data: &str| Part::new(PartKind::Sealed(Signature::new(by, data)));
    let mut conversation = Conversation::new(Format::OpenaiChat, "m");
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(
            Role::Assistant,
            vec![
                reasoning(Format::Bedrock, " hm\n", "sig+/="),
                reasoning(Format::Bedrock, "", "omitted"),
                sealed(Format::Bedrock, "c2VhbGVk"),
                reasoning(Format::Anthropic, "not ours", "x"),
                sealed(Format::OpenaiResponses, "x"),
                Part::new(PartKind::Reasoning { text: "unsigned".to_owned(), signature: None }),
                Part::text("a "),
            ],
        ),
        Turn::new(Role::User, vec![Part::text("q2")]),
    ];
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    let expected = json!([
        { "reasoningContent": { "reasoningText": { "text": " hm\n", "signature": "sig+/=" } } },
        { "reasoningContent": { "reasoningText": { "text": "", "signature": "omitted" } } },
        { "reasoningContent": { "redactedContent": "c2VhbGVk" } },
        { "text": "a" },
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
    for stranger in [MISTRAL, LLAMA, "anthropic.claude-3-5-sonnet-20241022-v2:0"] {
        let (body, _) = written(&conversation, target(stranger)).unwrap();
        assert_eq!(body["messages"][1]["content"], json!([{ "text": "a" }]), "{stranger}");
    }
}

/// Blank refusals and reasoning in a result, results of the assistant, calls of the user.
#[test]
fn parts_where_no_format_has_them_are_left_out() {
    let call = PartKind::ToolCall {
        id: "a".to_owned(),
        name: "f".to_owned(),
        arguments: String::new(),
        custom: false,
        signature: None,
    };
    let signature = Some(Signature::new(Format::Bedrock, "s"));
    let reasoning = Part::new(PartKind::Reasoning { text: "hm".to_owned(), signature });
    let inner = vec![Part::new(PartKind::Refusal("\n".to_owned())), reasoning.clone()];
    let result = Part::new(PartKind::ToolResult {
        id: "a".to_owned(),
        name: None,
        parts: inner,
        error: false,
    });
    let mut conversation = Conversation::new(Format::OpenaiChat, "m");
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("q"), reasoning, Part::new(call.clone())]),
        Turn::new(Role::Assistant, vec![Part::new(call), result.clone()]),
        Turn::new(Role::User, vec![result]),
    ];
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let blocks: Vec<usize> =
        messages.iter().map(|message| message["content"].as_array().unwrap().len()).collect();
    assert_eq!(blocks, [1, 1, 1]);
    assert_eq!(messages[2]["content"][0]["toolResult"]["content"], json!([{ "text": "." }]));
}

#[test]
fn a_last_assistant_turn_is_the_beginning_of_the_answer_where_models_take_that() {
    let app = json!({ "messages": [
        { "role": "user", "content": "q" }, { "role": "assistant", "content": "Sure: \n" },
    ]});
    for model in [SONNET, LLAMA, NOVA] {
        let (body, _) = sent(&app, target(model)).unwrap();
        assert_eq!(body["messages"][1]["content"], json!([{ "text": "Sure:" }]), "{model}");
    }
    let newer = target("anthropic.claude-sonnet-4-6");
    assert_eq!(sent(&app, newer).unwrap_err().param.as_deref(), Some("messages"));
    let (body, outgoing) = sent(&app, TargetFacts { drop_unsupported: true, ..newer }).unwrap();
    assert_eq!(body["messages"][2]["content"], json!([{ "text": "Continue." }]));
    assert_eq!(outgoing.dropped, ["messages"]);
    let mut thinking = app.clone();
    thinking["reasoning_effort"] = json!("low");
    let (body, outgoing) = sent(&thinking, target(SONNET)).unwrap();
    assert_eq!(body.get("additionalModelRequestFields"), None, "not with thinking");
    assert_eq!(outgoing.dropped, ["reasoning_effort"]);
}

#[test]
fn files_are_inline_with_legal_names_and_a_text_beside_them() {
    let pdf = |name: &str| json!({ "type": "file", "file": { "filename": name, "file_data": "data:application/pdf;base64,JVBERi0=" } });
    let app = json!({ "messages": [{ "role": "user", "content": [pdf("my_file.v2.pdf"), pdf("my file v2.pdf")] }] });
    let (body, _) = sent(&app, target(SONNET)).unwrap();
    let content = body["messages"][0]["content"].as_array().unwrap();
    let names: Vec<_> =
        content.iter().filter_map(|block| block["document"]["name"].as_str()).collect();
    assert_eq!(names, ["my file v2", "my file v2 2"]);
    assert_eq!(content[2], json!({ "text": "." }));
    let far = json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x/y.png" } }] }] });
    assert_eq!(sent(&far, target(SONNET)).unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn parts_that_only_another_format_has_are_refused_from_users_and_left_out_of_answers() {
    let native = Part::new(PartKind::Native(Format::Anthropic, Raw::empty_object()));
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![native.clone(), Part::text("a")]),
        Turn::new(Role::User, vec![Part::text("q2")]),
    ];
    let (body, outgoing) = written(&conversation, target(SONNET)).unwrap();
    assert_eq!(body["messages"][1]["content"], json!([{ "text": "a" }]));
    assert_eq!(outgoing.dropped, ["messages"]);
    conversation.turns.push(Turn::new(Role::User, vec![native]));
    assert_eq!(written(&conversation, target(SONNET)).unwrap_err().code, "unsupported_parameter");
}
