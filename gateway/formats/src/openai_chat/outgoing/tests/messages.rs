//! Messages in each dialect.

use super::*;

#[test]
fn names_and_ids_that_a_provider_does_not_take_are_changed_the_same_way_everywhere() {
    let long = "x".repeat(100);
    let mut body = asked(
        &json!({"tools": [function(&long)], "tool_choice": {"type": "function", "function": {"name": long}}}),
    );
    body["messages"] = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": format!("call:{}", "y".repeat(80)), "type": "function", "function": {"name": long, "arguments": ""}}]},
        {"role": "tool", "tool_call_id": format!("call:{}", "y".repeat(80)), "content": "r"}]);
    let (sent_body, outgoing) = sent("openai", &body);
    let name = sent_body["tools"][0]["function"]["name"].as_str().unwrap();
    assert!(name.len() <= 64);
    assert_eq!(outgoing.names.restored(name), Some(long.as_str()));
    assert_eq!(sent_body["tool_choice"]["function"]["name"], name);
    let call = &sent_body["messages"][1]["tool_calls"][0];
    assert_eq!(
        (&call["function"]["name"], &call["function"]["arguments"]),
        (&json!(name), &json!("{}"))
    );
    assert!(call["id"].as_str().unwrap().len() <= 64);
    assert_eq!(call["id"], sent_body["messages"][2]["tool_call_id"]);
    let (sent_body, _) = sent("mistral", &body);
    let id = sent_body["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    assert_eq!(sent_body["messages"][2]["tool_call_id"], id);
    assert_eq!(sent_body["messages"][2]["name"], sent_body["tools"][0]["function"]["name"]);
}

#[test]
fn messages_take_the_shape_that_each_provider_knows() {
    let cases = [
        (
            "deepseek",
            json!([{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
            json!([{"role": "system", "content": "a\nb"}]),
        ),
        (
            "openai",
            json!([{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
            json!([{"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
        ),
        (
            "mistral",
            json!([{"role": "user", "name": "ann", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "assistant", "content": "So"}]),
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "So", "prefix": true}]),
        ),
        (
            "moonshot",
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "So"}]),
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "So", "partial": true}]),
        ),
        (
            "mistral",
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": null}, {"role": "user", "content": "b"}]),
            json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]),
        ),
        (
            "perplexity",
            json!([{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "user", "content": "b"},
                {"role": "system", "content": "late"}, {"role": "assistant", "content": "c"}]),
            json!([{"role": "system", "content": "s"}, {"role": "user", "content": "a\nb"}, {"role": "assistant", "content": "c"}, {"role": "user", "content": "late"}]),
        ),
        (
            "groq",
            json!([{"role": "assistant", "content": null, "refusal": "no"}]),
            json!([{"role": "assistant", "content": "no"}]),
        ),
        (
            "openai",
            json!([{"role": "assistant", "content": null, "refusal": "no"}]),
            json!([{"role": "assistant", "content": null, "refusal": "no"}]),
        ),
        (
            "qwen",
            json!([{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}]),
            json!([{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}]),
        ),
        (
            "qwen",
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": "r", "cache_control": {"type": "ephemeral"}}]),
            json!([{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r", "cache_control": {"type": "ephemeral"}}]}]),
        ),
        (
            "groq",
            json!([{"role": "user", "content": "a", "cache_control": {"type": "ephemeral"}}]),
            json!([{"role": "user", "content": "a"}]),
        ),
        (
            "mistral",
            json!([{"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}]}]),
            json!([{"role": "user", "content": [{"type": "document_url", "document_url": "data:application/pdf;base64,JVBERi0=", "document_name": "a.pdf"}]}]),
        ),
    ];
    for (kind, given, expected) in cases {
        assert_eq!(messages(kind, &given), expected, "{kind} {given}");
    }
}

#[test]
fn earlier_reasoning_comes_back_only_where_it_is_taken() {
    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "s"}]);
    let thought = |member: &str, value: Value| json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", member: value}]);
    let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "redacted_thinking", "data": "x"}]);
    let cases = [
        (
            "openai",
            thought("reasoning_content", json!("hm")),
            json!({"role": "assistant", "content": "a"}),
        ),
        (
            "deepseek",
            thought("reasoning", json!("hm")),
            json!({"role": "assistant", "content": "a", "reasoning_content": "hm"}),
        ),
        (
            "ollama",
            thought("reasoning_content", json!("hm")),
            json!({"role": "assistant", "content": "a", "reasoning": "hm"}),
        ),
        (
            "openrouter",
            thought("reasoning_details", details.clone()),
            json!({"role": "assistant", "content": "a", "reasoning_details": details}),
        ),
        (
            "deepseek",
            thought("reasoning_details", details.clone()),
            json!({"role": "assistant", "content": "a", "reasoning_content": "hm"}),
        ),
        (
            "openai_compatible",
            thought("thinking_blocks", blocks.clone()),
            json!({"role": "assistant", "content": "a", "thinking_blocks": blocks}),
        ),
        (
            "mistral",
            thought("reasoning_content", json!("hm")),
            json!({"role": "assistant", "prefix": true, "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]}),
        ),
    ];
    for (kind, given, expected) in cases {
        assert_eq!(messages(kind, &given)[1], expected, "{kind} {given}");
    }
}

#[test]
fn a_placeholder_stands_for_the_reasoning_of_calls_only_at_providers_that_demand_it() {
    let history = |more: Value| {
        let mut assistant = json!({"role": "assistant", "content": null, "tool_calls":
            [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
        assistant.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([{"role": "user", "content": "q"}, assistant, {"role": "tool", "tool_call_id": "c1", "content": "r"}])
    };
    for (kind, expected) in [
        ("deepseek", json!(" ")),
        ("moonshot", json!(" ")),
        ("groq", Value::Null),
        ("openai", Value::Null),
    ] {
        assert_eq!(messages(kind, &history(json!({})))[1]["reasoning_content"], expected, "{kind}");
    }
    let told = history(json!({"reasoning_content": "hm"}));
    assert_eq!(messages("deepseek", &told)[1]["reasoning_content"], "hm");
    let off = json!({"model": "m", "messages": history(json!({})), "reasoning_effort": "none"});
    assert_eq!(sent("deepseek", &off).0["messages"][1].get("reasoning_content"), None);
}

#[test]
fn orphan_results_are_left_out_and_missing_ones_are_said_to_be_missing() {
    let given = json!([
        {"role": "tool", "tool_call_id": "lost", "content": "x"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "user", "content": "well?"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"}]);
    let out = messages("openai", &given);
    let told: Vec<_> = out
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["role"].as_str().unwrap(), m["content"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("assistant", None),
            ("tool", Some("The tool gave no result.")),
            ("tool", Some("two")),
            ("user", Some("well?")),
        ]
    );
}

#[test]
fn a_request_is_never_without_messages() {
    let lost = json!([{"role": "tool", "tool_call_id": "lost", "content": "x"}]);
    assert_eq!(messages("openai", &lost), json!([{"role": "user", "content": "."}]));
}

#[test]
fn images_of_tools_move_behind_all_results() {
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    let call = |id: &str| {
        Part::new(PartKind::ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            custom: false,
            signature: None,
        })
    };
    let image = Part::new(PartKind::Media(Media::of_url(
        MediaKind::Image,
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA",
    )));
    let result = |id: &str, parts: Vec<Part>| {
        Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
    };
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("look")]),
        Turn::new(Role::Assistant, vec![call("a"), call("b")]),
        Turn::new(
            Role::User,
            vec![
                result("a", vec![Part::text("see"), image]),
                result("b", vec![]),
                Part::text("go on"),
            ],
        ),
    ];
    let (body, _) = sent_with("openai", &conversation, facts("up")).unwrap();
    assert_eq!(
        body["messages"][2],
        json!({"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "see"}, {"type": "text", "text": "[image]"}]})
    );
    assert_eq!(body["messages"][3], json!({"role": "tool", "tool_call_id": "b", "content": ""}));
    assert_eq!(body["messages"][4]["role"], "user");
    assert_eq!(body["messages"][4]["content"][1]["type"], "image_url");
    assert_eq!(body["messages"][5], json!({"role": "user", "content": "go on"}));
    let (body, _) = sent_with("groq", &conversation, facts("up")).unwrap();
    assert_eq!(body["messages"][2]["content"], "see\n[image]");
}

#[test]
fn files_that_a_provider_cannot_read_are_refused() {
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]);
    let file =
        json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]);
    let video = json!([{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}]}]);
    for (kind, messages) in
        [("ollama", &image), ("fireworks", &file), ("mistral", &file), ("openai", &video)]
    {
        let body = json!({"model": "m", "messages": messages});
        let conversation = read_request(body.to_string().as_bytes()).unwrap();
        let mistake = sent_with(kind, &conversation, facts("up")).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("messages"), "{kind}");
    }
    assert_eq!(messages("openai", &image), image);
    assert_eq!(messages("openai", &file), file);
    assert_eq!(messages("qwen", &video), video);
}

#[test]
fn what_only_another_format_knows_is_never_sent() {
    let foreign = Signature::new(Format::Anthropic, "secret-signature");
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    let mut text = Part::text("a");
    text.extra.push(("citations".into(), Raw::parse("[1]").unwrap()));
    conversation.turns = vec![
        Turn::new(
            Role::User,
            vec![
                text,
                Part::new(PartKind::Native(
                    Format::Anthropic,
                    Raw::parse(r#"{"type":"container"}"#).unwrap(),
                )),
            ],
        ),
        Turn::new(
            Role::Assistant,
            vec![
                Part::new(PartKind::Reasoning {
                    text: "hm".into(),
                    signature: Some(foreign.clone()),
                }),
                Part::new(PartKind::Sealed(foreign.clone())),
                Part::new(PartKind::ToolCall {
                    id: "t".into(),
                    name: "f".into(),
                    arguments: "{}".into(),
                    custom: false,
                    signature: Some(foreign),
                }),
            ],
        ),
    ];
    conversation.extra.push(("container".into(), Raw::string("c")));
    conversation.user = Some("u".repeat(200));
    conversation.sampling.stop = vec!["1".into(), "2".into(), "3".into(), "4".into()];
    for kind in ["openai", "openai_compatible", "openrouter", "deepseek", "mistral"] {
        let lenient = TargetFacts { drop_unsupported: true, ..facts("up") };
        let (body, outgoing) = sent_with(kind, &conversation, lenient).unwrap();
        let text = body.to_string();
        assert!(
            !text.contains("secret") && !text.contains("container") && !text.contains("citations"),
            "{text}"
        );
        assert!(outgoing.dropped.contains(&"container".to_owned()), "{kind}");
        assert!(outgoing.dropped.contains(&"content".to_owned()), "{kind}");
    }
    // A server of which nothing is known gets no extensions that its app did not send.
    conversation.turns[0].parts[0].cache = Some(crate::conversation::CacheMark::Default);
    let (body, outgoing) = sent_with("openai_compatible", &conversation, facts("up")).unwrap();
    let text = body.to_string();
    assert!(!text.contains("cache_control") && !text.contains("reasoning_content"), "{text}");
    assert!(outgoing.dropped.contains(&"cache_control".to_owned()));
    let (body, _) = sent_with("openai", &conversation, facts("up")).unwrap();
    assert_eq!(body["user"].as_str().map(str::len), Some(37));
    conversation.tools.push(Tool {
        name: String::new(),
        description: None,
        kind: ToolKind::Native(Raw::parse(r#"{"type":"web_search_20250305"}"#).unwrap()),
        cache: None,
        extra: Extra::new(),
    });
    let mistake = sent_with("openai", &conversation, facts("up")).unwrap_err();
    assert_eq!(mistake.param.as_deref(), Some("tools"));
}

#[test]
fn documents_as_text_are_text() {
    let media = Media {
        source: Source::Text("words".into()),
        name: Some("a.txt".into()),
        ..Media::of_url(MediaKind::Document, "")
    };
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![Turn::new(Role::User, vec![Part::new(PartKind::Media(media))])];
    let (body, _) = sent_with("groq", &conversation, facts("up")).unwrap();
    assert_eq!(body["messages"][0]["content"], "a.txt:\nwords");
}

#[test]
fn a_signature_of_gemini_goes_back_where_its_place_is_known() {
    let given = json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "sig"}}}]},
        {"role": "tool", "tool_call_id": "c", "content": "r"}]);
    assert_eq!(messages("openai_compatible", &given), given);
    assert_eq!(messages("openai", &given)[1]["tool_calls"][0].get("extra_content"), None);
}
