use super::*;
use crate::{
    anthropic::{
        Writer, read_answer,
        testing::{golden, nothing_asked, streamed, there_and_back},
        write_answer,
    },
    conversation::{
        CacheMark, Effort, MediaKind, ReasoningMode, Signature, Source, ToolChoice, ToolKind,
    },
    stream::StreamWriter,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read_body(body: &Value) -> Result<Conversation, Mistake> {
    read_request(body.to_string().as_bytes(), None, &[])
}

fn minimal(more: Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[test]
fn mistakes_name_the_parameter() {
    let message = |message: Value| minimal(json!({"messages": [message]}));
    let block = |block: Value| message(json!({"role": "user", "content": [block]}));
    let missing = "missing_required_parameter";
    let cases = [
        (
            json!({"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
            missing,
            "model",
        ),
        (json!({"model": "", "max_tokens": 9, "messages": [{}]}), missing, "model"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
            missing,
            "max_tokens",
        ),
        (minimal(json!({"messages": []})), missing, "messages"),
        (minimal(json!({"max_tokens": -1})), "invalid_type", "max_tokens"),
        (minimal(json!({"max_tokens": "9"})), "invalid_type", "max_tokens"),
        (minimal(json!({"stream": "true"})), "invalid_type", "stream"),
        (minimal(json!({"temperature": "hot"})), "invalid_type", "temperature"),
        (minimal(json!({"stop_sequences": "END"})), "invalid_type", "stop_sequences"),
        (message(json!({"role": "tool", "content": "x"})), "invalid_value", "messages[0].role"),
        (message(json!({"role": "user"})), missing, "messages[0].content"),
        (message(json!({"role": "user", "content": 7})), "invalid_type", "messages[0].content"),
        (
            message(json!({"role": "user", "content": ["x"]})),
            "invalid_type",
            "messages[0].content[0]",
        ),
        (block(json!({"text": "x"})), missing, "messages[0].content[0].type"),
        (block(json!({"type": "text"})), missing, "messages[0].content[0].text"),
        (block(json!({"type": "image"})), missing, "messages[0].content[0].source"),
        (
            block(
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}),
            ),
            missing,
            "messages[0].content[0].source.data",
        ),
        (block(json!({"type": "tool_use", "id": "a"})), missing, "messages[0].content[0].name"),
        (
            block(json!({"type": "tool_result", "content": "x"})),
            missing,
            "messages[0].content[0].tool_use_id",
        ),
        (minimal(json!({"tools": [{"name": "f"}]})), missing, "tools[0].input_schema"),
        (
            minimal(json!({"tools": [{"name": "f", "input_schema": 1}]})),
            "invalid_type",
            "tools[0].input_schema",
        ),
        (
            minimal(
                json!({"tools": [{"name": "f", "input_schema": {}}, {"name": "f", "input_schema": {}}]}),
            ),
            "invalid_value",
            "tools",
        ),
        (minimal(json!({"tool_choice": {"type": "tool"}})), missing, "tool_choice.name"),
        (minimal(json!({"thinking": {"type": "enabled"}})), missing, "thinking.budget_tokens"),
        (minimal(json!({"output_config": {"effort": 3}})), "invalid_type", "output_config.effort"),
    ];
    for (body, code, param) in cases {
        let mistake = read_body(&body).unwrap_err();
        assert_eq!((mistake.code, mistake.param.as_deref()), (code, Some(param)), "{body}");
    }
    assert_eq!(read_request(b"{\"model\"", None, &[]).unwrap_err().code, "invalid_json");
}

#[test]
fn a_request_is_understood() {
    let body = minimal(json!({
        "system": [{"type": "text", "text": "rules", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t", "context": "c"},
                {"type": "text", "text": "look"},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "", "signature": "sig"},
                {"type": "redacted_thinking", "data": "sealed"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"z": 1, "a": 2}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                    {"type": "text", "text": "bad"},
                    {"type": "search_result", "source": "s", "title": "t", "content": []},
                ]},
            ]},
        ],
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true, "defer_loading": true},
            {"type": "web_search_20260318", "name": "web_search"},
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "stop_sequences": ["END"], "temperature": 0.5, "top_k": 7,
        "metadata": {"user_id": "u"}, "service_tier": "standard_only", "stream": true,
        "context_management": {"edits": []},
    }));
    let got = read_request(body.to_string().as_bytes(), Some("2026-10-21"), &["b1", "b2"]).unwrap();
    assert_eq!(got.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(got.header("anthropic-beta"), Some("b1,b2"));
    assert_eq!((got.max_output, got.stream, got.include_usage), (Some(9), true, true));
    assert_eq!(
        (got.user.as_deref(), got.service_tier.as_deref()),
        (Some("u"), Some("standard_only"))
    );
    assert_eq!((got.tool_choice, got.parallel_tools), (Some(ToolChoice::Required), Some(false)));
    let reasoning = got.reasoning.unwrap();
    assert_eq!(reasoning.mode, Some(ReasoningMode::Adaptive));
    assert_eq!((reasoning.effort, reasoning.show), (Some(Effort::Xhigh), Some(true)));
    assert!(matches!(got.output, Output::JsonSchema { .. }));
    assert_eq!(
        got.extra.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["context_management"]
    );
    assert_eq!(got.turns[0].role, Role::System);
    assert_eq!(got.turns[0].parts[0].cache, Some(CacheMark::OneHour));
    let PartKind::Media(image) = &got.turns[1].parts[0].kind else { panic!() };
    assert_eq!((image.kind, &image.source), (MediaKind::Image, &Source::FileId("file_1".into())));
    let PartKind::Media(document) = &got.turns[1].parts[1].kind else { panic!() };
    assert_eq!(document.name.as_deref(), Some("t"));
    assert_eq!(got.turns[1].parts[1].extra[0].0, "context");
    let signature = Signature::new(Format::Anthropic, "sig");
    assert_eq!(
        got.turns[2].parts[0].kind,
        PartKind::Reasoning { text: String::new(), signature: Some(signature) }
    );
    let PartKind::ToolCall { arguments, .. } = &got.turns[2].parts[2].kind else { panic!() };
    assert!(arguments.starts_with('{'));
    let PartKind::ToolResult { parts, error, .. } = &got.turns[3].parts[0].kind else { panic!() };
    assert!(*error && matches!(parts[1].kind, PartKind::Native(Format::Anthropic, _)));
    assert!(matches!(got.tools[0].kind, ToolKind::Function { strict: Some(true), .. }));
    assert_eq!(got.tools[0].extra[0].0, "defer_loading");
    assert!(matches!(got.tools[1].kind, ToolKind::Native(_)));
}

#[test]
fn claude_codes_text_about_itself_stays_with_anthropic() {
    let body = minimal(json!({"system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=1"},
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
    ]}));
    let got = read_body(&body).unwrap();
    assert!(matches!(got.turns[0].parts[0].kind, PartKind::Native(Format::Anthropic, _)));
    assert_eq!(got.turns[0].text(" "), "You are Claude Code.", "what other formats see");
    let (sent, _) = there_and_back(body.to_string().as_bytes(), "claude-opus-5").unwrap();
    assert_eq!(sent["system"], body["system"]);
}

#[test]
fn signatures_that_came_in_ids_and_blocks_go_back_to_who_made_them() {
    let gemini = Signature::new(Format::Gemini, "g");
    let id = gemini.clone().into_id("c1");
    let body = minimal(json!({"messages": [
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": gemini.shown_in(Format::Anthropic)},
            {"type": "thinking", "thinking": "ho", "signature": ""},
            {"type": "redacted_thinking", "data": gemini.shown_in(Format::Anthropic)},
            {"type": "tool_use", "id": id, "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "1"}]},
    ]}));
    let got = read_body(&body).unwrap();
    let parts = &got.turns[0].parts;
    assert_eq!(
        parts[0].kind,
        PartKind::Reasoning { text: "hm".into(), signature: Some(gemini.clone()) }
    );
    assert_eq!(parts[1].kind, PartKind::Reasoning { text: "ho".into(), signature: None });
    assert_eq!(parts[2].kind, PartKind::Sealed(gemini.clone()));
    let PartKind::ToolCall { id, signature, .. } = &parts[3].kind else { panic!() };
    assert_eq!((id.as_str(), signature), ("c1", &Some(gemini)));
    let PartKind::ToolResult { id, .. } = &got.turns[1].parts[0].kind else { panic!() };
    assert_eq!(id, "c1");
}

#[test]
fn signed_empty_and_sealed_thinking_comes_back_byte_for_byte() {
    let content = r#"[{"type":"thinking","thinking":"Zwei Städte: \"A\" & \u2028","signature":"EqQB+/=="},{"type":"thinking","thinking":"","signature":"EuYB"},{"type":"redacted_thinking","data":"EroB=="},{"type":"text","text":"Moment."},{"type":"tool_use","id":"toolu_1","name":"f","input":{"z":1.0,"a":[12345678901234567890]}}]"#;
    let body = format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":{content},"stop_reason":"tool_use","usage":{{"input_tokens":1,"output_tokens":2}}}}"#
    );
    let answer = read_answer(body.as_bytes()).unwrap();
    let whole = write_answer(&answer, &nothing_asked());
    let mut writer = Writer::new(nothing_asked());
    let mut stream = Vec::new();
    for event in answer.into_events() {
        writer.write(&event, &mut stream);
    }
    let streamed = write_answer(&streamed(&stream).unwrap(), &nothing_asked());
    for shown in [whole, streamed] {
        let shown: Members = Members::of_text(std::str::from_utf8(&shown).unwrap()).unwrap();
        let echo = shown.peek("content").unwrap().get();
        let next = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":{echo}}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_1","content":"r"}}]}}]}}"#
        );
        let (_, outgoing) = there_and_back(next.as_bytes(), "claude-opus-5").unwrap();
        let sent = String::from_utf8(outgoing.body.to_vec()).unwrap();
        // The escape of one character is another spelling of it.
        assert!(sent.contains(&content.replace("\\u2028", "\u{2028}")), "{sent}");
    }
}

#[test]
fn a_count_needs_no_limit() {
    let body = br#"{"model":"m","system":"s","messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(read_count_request(body).unwrap().max_output, None);
    assert!(read_request(body, None, &[]).is_err());
}

#[test]
fn recorded_requests_come_out_as_they_went_in() {
    for (name, body) in golden("request.json") {
        let value: Value = serde_json::from_slice(&body).unwrap();
        let (sent, outgoing) = there_and_back(&body, value["model"].as_str().unwrap()).unwrap();
        assert_eq!(sent, value, "{name}");
        assert!(outgoing.dropped.is_empty() && outgoing.clamped.is_empty(), "{name}");
    }
}

#[test]
fn spellings_of_one_meaning_become_one() {
    let cases = [
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}),
            json!({"messages": [{"role": "user", "content": "hi"}]}),
        ),
        (
            json!({"system": [{"type": "text", "text": "s"}], "stream": false, "top_k": null}),
            json!({"system": "s"}),
        ),
        (
            json!({"output_format": {"type": "json_schema", "schema": {"type": "object"}}}),
            json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
        ),
    ];
    for (from, to) in cases {
        let (sent, _) = there_and_back(minimal(from).to_string().as_bytes(), "m").unwrap();
        let mut expected = minimal(to);
        expected["model"] = "m".into();
        assert_eq!(sent, expected);
    }
}

/// Members that nobody knows.
fn unknown() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        ("x_[a-z]{1,3}", ".{0,4}").prop_map(|(name, text)| json!({name: [text, 1.0, null]})),
    ]
}

fn with(mut value: Value, more: Value) -> Value {
    for (name, member) in more.as_object().unwrap() {
        value[name] = member.clone();
    }
    value
}

/// A text that is not blank.
fn words() -> impl Strategy<Value = String> {
    "[a-zé\n\"]{0,3}[a-z]"
}

fn user_block() -> impl Strategy<Value = Value> {
    let png = "iVBORw0KGgoAAAANSUhEUgAA";
    let kind = prop_oneof![
        words().prop_map(|text| json!({"type": "text", "text": text})),
        Just(
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}})
        ),
        Just(
            json!({"type": "image", "source": {"type": "url", "url": "https://x/y.png", "x_more": 1}})
        ),
        Just(
            json!({"type": "document", "source": {"type": "file", "file_id": "f"}, "title": "t", "citations": {"enabled": true}})
        ),
        Just(
            json!({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "t"}]}})
        ),
        words().prop_map(
            |text| json!({"type": "search_result", "source": text, "title": "t", "content": []})
        ),
    ];
    let cache = prop_oneof![
        4 => Just(json!({})),
        1 => Just(json!({"cache_control": {"type": "ephemeral", "scope": "odd"}})),
    ];
    (kind, unknown(), cache).prop_map(|(block, more, cache)| with(with(block, more), cache))
}

/// A turn of the assistant and the user's next one, its calls answered in their order.
fn exchange(number: usize) -> impl Strategy<Value = Vec<Value>> {
    let call = (words(), unknown(), any::<bool>(), unknown());
    let calls = proptest::collection::vec(call, 0..3);
    let thinking = proptest::option::of(("[a-z]{0,5}", "[a-zA-Z0-9+/]{1,9}="));
    let rest = proptest::collection::vec(user_block(), 1..3);
    (thinking, proptest::option::of(words()), calls, rest, words()).prop_map(
        move |(thinking, text, calls, rest, plain)| {
            let mut said = Vec::new();
            if let Some((words, signature)) = thinking {
                said.push(json!({"type": "thinking", "thinking": words, "signature": signature}));
                said.push(json!({"type": "redacted_thinking", "data": signature}));
            }
            said.extend(text.map(|text| json!({"type": "text", "text": text, "citations": []})));
            let mut answers = Vec::new();
            for (index, (name, input, error, more)) in calls.into_iter().enumerate() {
                let id = format!("toolu_{number}_{index}");
                said.push(with(
                    json!({"type": "tool_use", "id": id, "name": "f", "input": with(json!({"a": name}), input)}),
                    more.clone(),
                ));
                let mut result = json!({"type": "tool_result", "tool_use_id": id, "content": "ok"});
                if error {
                    result["is_error"] = true.into();
                    result["content"] = json!([{"type": "text", "text": "no"}, {"type": "tool_reference", "tool_name": "g"}]);
                }
                answers.push(with(result, more));
            }
            if said.is_empty() {
                let server = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1.0}});
                said.push(server);
            }
            answers.extend(rest);
            let user = match answers.as_slice() {
                [only] if only["type"] == "text" => json!(plain),
                _ => json!(answers),
            };
            vec![
                json!({"role": "assistant", "content": said, "x_more": 1}),
                json!({"role": "user", "content": user}),
            ]
        },
    )
}

fn valid_bodies() -> impl Strategy<Value = Value> {
    let tools = prop_oneof![
        Just(json!({})),
        Just(json!({"tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object", "anyOf": []}, "type": "custom", "strict": false, "input_examples": []},
            {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
        ], "tool_choice": {"type": "auto", "disable_parallel_tool_use": false, "x_more": 1}})),
        Just(
            json!({"tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}], "tool_choice": {"type": "news"}})
        ),
    ];
    let thinking = prop_oneof![
        Just(json!({})),
        Just(
            json!({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max", "task_budget": {"total": 5}}})
        ),
        Just(json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}})),
        Just(json!({"thinking": {"type": "between_tools"}})),
        Just(
            json!({"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "maximum": 1.0}, "x_more": 2}}})
        ),
        Just(json!({"output_config": {"effort": "ultra", "format": {"type": "grammar"}}})),
    ];
    let system = prop_oneof![
        Just(json!({})),
        words().prop_map(|text| json!({"system": text})),
        words().prop_map(|text| json!({"system": [
            {"type": "text", "text": "x-anthropic-billing-header: v"},
            {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "5m"}},
        ]})),
    ];
    let envelope = prop_oneof![
        Just(json!({})),
        Just(
            json!({"metadata": {"user_id": "u", "x_more": 1}, "service_tier": "auto", "stream": true})
        ),
        Just(
            json!({"stop_sequences": ["END", "###"], "speed": "fast", "container": {"id": "c"}, "cache_control": {"type": "ephemeral"}})
        ),
    ];
    let messages =
        (words(), exchange(0), exchange(1), any::<bool>()).prop_map(|(first, one, two, late)| {
            let mut messages = vec![json!({"role": "user", "content": first})];
            messages.extend(one);
            if late {
                messages.push(json!({"role": "system", "content": "from now on"}));
            }
            messages.extend(two);
            messages
        });
    (messages, system, tools, thinking, envelope, unknown()).prop_map(
        |(messages, system, tools, thinking, envelope, more)| {
            let body = json!({"model": "claude-opus-5", "max_tokens": 4096, "messages": messages});
            [system, tools, thinking, envelope, more].into_iter().fold(body, with)
        },
    )
}

proptest! {
    #[test]
    fn a_valid_request_comes_out_as_it_went_in(body in valid_bodies()) {
        let (sent, outgoing) = there_and_back(body.to_string().as_bytes(), "claude-opus-5").unwrap();
        prop_assert_eq!(&sent, &body);
        prop_assert!(outgoing.dropped.is_empty() && outgoing.clamped.is_empty(), "{:?}", outgoing);
    }

    #[test]
    fn inputs_and_schemas_keep_their_order_and_digits(number in "[1-9][0-9]{0,20}\\.0{1,3}") {
        let odd = format!(r#"{{"z":{number},"a":[{number}]}}"#);
        let schema = format!(r#"{{"type":"object","properties":{{"z":{{"const":{number}}},"a":{{}}}}}}"#);
        let body = format!(
            r#"{{"model":"m","max_tokens":1,"tools":[{{"name":"f","input_schema":{schema}}}],"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{odd}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":"r"}}]}}]}}"#
        );
        let (_, outgoing) = there_and_back(body.as_bytes(), "m").unwrap();
        let sent = String::from_utf8(outgoing.body.to_vec()).unwrap();
        prop_assert!(sent.contains(&odd) && sent.contains(&schema), "{}", sent);
    }

    #[test]
    fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[a-z_]{0,12}") {
        let _ = read_request(&bytes, None, &[]);
        let body = json!({"model": "m", "max_tokens": 1, "messages": [
            {"role": "user", "content": [{"type": text, "source": {"type": text}, "text": text, "id": text, "name": text}]},
        ], "thinking": {"type": text}, "tool_choice": {"type": text}, "output_config": {"format": {"type": text}}});
        let _ = read_body(&body);
    }
}
