use super::*;
use crate::conversation::{PartKind, Signature, Source, ToolChoice, ToolKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read_value(body: &Value) -> Result<Conversation, Mistake> {
    read_request(body.to_string().as_bytes())
}

fn with_input(input: Value) -> Conversation {
    read_value(&json!({"model": "m", "input": input})).unwrap()
}

/// Turns in short.
fn told(conversation: &Conversation) -> String {
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) => text.clone(),
        PartKind::Refusal(text) => format!("refusal {text}"),
        PartKind::Media(media) => format!("{:?} {:?}", media.kind, media.source),
        PartKind::Reasoning { text, signature } => {
            format!("thought {text} {}", signature.as_ref().map_or("", |it| &it.data))
        }
        PartKind::Sealed(signature) => format!("sealed {}", signature.data),
        PartKind::ToolCall { id, name, arguments, custom, .. } => {
            format!("call {id} {name} {arguments}{}", if *custom { " custom" } else { "" })
        }
        PartKind::ToolResult { id, parts, .. } => format!("result {id} {}", parts.len()),
        PartKind::Native(_, raw) => format!("native {}", raw.get()),
    };
    let turn = |turn: &Turn| {
        let parts: Vec<_> = turn.parts.iter().map(part).collect();
        format!("{:?}: {}", turn.role, parts.join(", "))
    };
    conversation.turns.iter().map(turn).collect::<Vec<_>>().join(" | ")
}

#[test]
fn what_the_model_did_in_one_go_is_one_turn() {
    let input = json!([
        {"role": "developer", "content": "rules"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "E"},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
         "content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "select"},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "F"},
        {"type": "web_search_call", "id": "ws_1"},
        {"role": "user", "content": "next"}
    ]);
    assert_eq!(
        told(&with_input(input)),
        "Developer: rules | User: q | \
         Assistant: thought hm E, a, refusal no, call c1 f {}, call c2 sql select custom | \
         User: result c1 1 | User: result c2 1 | Assistant: sealed F, native {\"id\":\"ws_1\",\"type\":\"web_search_call\"} | User: next"
    );
}

#[test]
fn a_string_is_a_message_of_the_user_and_instructions_come_first() {
    let conversation =
        read_value(&json!({"model": "m", "input": "hi", "instructions": "be kind"})).unwrap();
    assert_eq!(told(&conversation), "System: be kind | User: hi");
    assert!(marks::is_instructions(&conversation.turns[0]));
    assert!(conversation.include_usage && !conversation.stream);
}

#[test]
fn files_are_taken_apart_by_where_their_bytes_are() {
    let parts = [
        (
            json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"}),
            Source::Base64("AAAA".into()),
        ),
        (
            json!({"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}),
            Source::Url("https://x/y.png".into()),
        ),
        (json!({"type": "input_image", "file_id": "file-1"}), Source::FileId("file-1".into())),
        (
            json!({"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}),
            Source::Base64("AAAA".into()),
        ),
        (json!({"type": "input_file", "file_data": "AAAA"}), Source::Base64("AAAA".into())),
        (
            json!({"type": "input_file", "file_url": "https://x/y.pdf"}),
            Source::Url("https://x/y.pdf".into()),
        ),
        (json!({"type": "input_file", "file_id": "file-1"}), Source::FileId("file-1".into())),
        (
            json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}),
            Source::Base64("AAAA".into()),
        ),
    ];
    for (part, source) in parts {
        let conversation = with_input(json!([{"role": "user", "content": [part]}]));
        let PartKind::Media(media) = &conversation.turns[0].parts[0].kind else { panic!("{part}") };
        assert_eq!(media.source, source, "{part}");
        assert_eq!(media.detail.is_some(), part.get("detail").is_some());
    }
}

#[test]
fn a_drawing_that_comes_back_is_an_image() {
    let item = json!({"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "output_format": "webp"});
    let conversation = with_input(json!([item]));
    let PartKind::Media(media) = &conversation.turns[0].parts[0].kind else { panic!() };
    assert_eq!(media.mime.as_deref(), Some("image/webp"));
}

#[test]
fn signatures_of_others_come_out_of_ids_and_sealed_reasoning() {
    let google = Signature::new(Format::Gemini, "thought");
    let claude = Signature::new(Format::Anthropic, "sig");
    let conversation = with_input(json!([
        {"role": "user", "content": "q"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": ""}], "encrypted_content": claude.shown_in(Format::OpenaiResponses)},
        {"type": "function_call", "call_id": google.clone().into_id("c1"), "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": google.clone().into_id("c1"), "output": "1"}
    ]));
    let parts = &conversation.turns[1].parts;
    assert_eq!(
        parts[0].kind,
        PartKind::Reasoning { text: String::new(), signature: Some(claude) },
        "a block of omitted reasoning stays one"
    );
    let PartKind::ToolCall { id, signature, .. } = &parts[1].kind else { panic!() };
    assert_eq!((id.as_str(), signature.as_ref()), ("c1", Some(&google)));
    let PartKind::ToolResult { id, .. } = &conversation.turns[2].parts[0].kind else { panic!() };
    assert_eq!(id, "c1");
}

#[test]
fn tools_are_flat_and_strict_is_said_where_the_schema_is_ready_for_it() {
    let closed = json!({"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": false});
    let open = json!({"type": "object", "properties": {"x": {"type": "string"}}});
    let nested = json!({"type": "object", "properties": {"x": open}, "required": ["x"], "additionalProperties": false});
    let cases = [
        (json!({"type": "function", "name": "f", "parameters": closed}), Some(true)),
        (json!({"type": "function", "name": "f", "parameters": open}), None),
        (json!({"type": "function", "name": "f", "parameters": nested}), None),
        (json!({"type": "function", "name": "f", "parameters": null, "strict": null}), Some(true)),
        (
            json!({"type": "function", "name": "f", "parameters": closed, "strict": false}),
            Some(false),
        ),
    ];
    for (tool, expected) in cases {
        let body = json!({"model": "m", "input": "q", "tools": [tool]});
        let conversation = read_value(&body).unwrap();
        let ToolKind::Function { strict, .. } = &conversation.tools[0].kind else { panic!() };
        assert_eq!(*strict, expected, "{tool}");
    }
}

#[test]
fn a_grammar_has_the_shape_that_chat_completions_give_it() {
    let body = json!({"model": "m", "input": "q", "tools": [
        {"type": "custom", "name": "sql", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
        {"type": "web_search"}
    ]});
    let conversation = read_value(&body).unwrap();
    let ToolKind::Custom { format: Some(format) } = &conversation.tools[0].kind else { panic!() };
    assert_eq!(format.get(), r#"{"type":"grammar","grammar":{"definition":"d","syntax":"lark"}}"#);
    assert!(
        matches!(&conversation.tools[1].kind, ToolKind::Native(raw) if raw.get().contains("web_search"))
    );
}

#[test]
fn every_choice_among_tools_is_understood_or_kept() {
    let named = |name: &str| Some(ToolChoice::Named(name.into()));
    let cases = [
        (json!("auto"), Some(ToolChoice::Auto)),
        (json!("none"), Some(ToolChoice::None)),
        (json!("required"), Some(ToolChoice::Required)),
        (json!({"type": "function", "name": "f"}), named("f")),
        (json!({"type": "custom", "name": "sql"}), named("sql")),
        (
            json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}),
            Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }),
        ),
        (
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "s"}]}),
            None,
        ),
        (json!({"type": "web_search"}), None),
        (json!({"type": "mcp", "server_label": "s"}), None),
    ];
    for (choice, expected) in cases {
        let body = json!({"model": "m", "input": "q", "tool_choice": choice});
        let conversation = read_value(&body).unwrap();
        assert_eq!(conversation.tool_choice, expected, "{choice}");
        let kept = marks::find(&conversation.extra, "tool_choice").is_some();
        assert_eq!(kept, expected.is_none(), "{choice}");
    }
}

#[test]
fn parameters_have_their_places() {
    let conversation = read_value(&json!({
        "model": "m", "input": "q", "max_output_tokens": 100, "temperature": 0.5, "top_p": 1, "top_logprobs": 3,
        "include": ["message.output_text.logprobs"], "parallel_tool_calls": false, "stream": true,
        "reasoning": {"effort": "low", "summary": "auto", "mode": "pro"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "service_tier": "flex", "safety_identifier": "u", "previous_response_id": "resp_1", "store": false,
        "metadata": {"a": "b"}, "truncation": null
    }))
    .unwrap();
    assert_eq!(conversation.max_output, Some(100));
    assert_eq!(conversation.sampling.temperature, Some(0.5));
    assert_eq!(
        (conversation.sampling.logprobs, conversation.sampling.top_logprobs),
        (Some(true), Some(3))
    );
    assert_eq!((conversation.parallel_tools, conversation.stream), (Some(false), true));
    let reasoning = conversation.reasoning.unwrap();
    assert_eq!((reasoning.effort, reasoning.show), (Some(Effort::Low), Some(true)));
    assert!(matches!(conversation.output, Output::JsonSchema { strict: Some(true), .. }));
    assert_eq!(conversation.user.as_deref(), Some("u"));
    assert_eq!(conversation.previous_response_id.as_deref(), Some("resp_1"));
    let names: Vec<_> = conversation.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["text.verbosity", "include", "metadata", "store"]);
}

#[test]
fn every_mistake_names_its_place() {
    let cases = [
        (json!({"input": "q"}), "missing_required_parameter", "model"),
        (json!({"model": "m"}), "missing_required_parameter", "input"),
        (json!({"model": "m", "input": []}), "missing_required_parameter", "input"),
        (json!({"model": "m", "input": 5}), "invalid_type", "input"),
        (json!({"model": "m", "input": ["q"]}), "invalid_type", "input[0]"),
        (json!({"model": "m", "input": [{}]}), "missing_required_parameter", "input[0].type"),
        (
            json!({"model": "m", "input": [{"role": "tool", "content": "x"}]}),
            "invalid_value",
            "input[0].role",
        ),
        (
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_image"}]}]}),
            "missing_required_parameter",
            "input[0].content[0].image_url",
        ),
        (
            json!({"model": "m", "input": [{"type": "function_call", "name": "f"}]}),
            "missing_required_parameter",
            "input[0].call_id",
        ),
        (
            json!({"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}]}),
            "unsupported_parameter",
            "input[0]",
        ),
        (json!({"model": "m", "input": [{"id": "msg_1"}]}), "unsupported_parameter", "input[0]"),
        (
            json!({"model": "m", "input": "q", "conversation": "conv_1"}),
            "unsupported_parameter",
            "conversation",
        ),
        (json!({"model": "m", "prompt": {"id": "pmpt_1"}}), "unsupported_parameter", "prompt"),
        (
            json!({"model": "m", "input": "q", "background": true}),
            "unsupported_parameter",
            "background",
        ),
        (
            json!({"model": "m", "input": "q", "tools": [{"type": "function"}]}),
            "missing_required_parameter",
            "tools[0].name",
        ),
        (
            json!({"model": "m", "input": "q", "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "f"}]}),
            "invalid_value",
            "tools[1].name",
        ),
        (json!({"model": "m", "input": "q", "tool_choice": "any"}), "invalid_value", "tool_choice"),
        (
            json!({"model": "m", "input": "q", "text": {"format": {"type": "json_schema"}}}),
            "missing_required_parameter",
            "text.format.schema",
        ),
        (json!({"model": "m", "input": "q", "reasoning": "low"}), "invalid_type", "reasoning"),
        (json!({"model": "m", "input": "q", "stream": "true"}), "invalid_type", "stream"),
    ];
    for (body, code, param) in cases {
        let mistake = read_value(&body).expect_err(&body.to_string());
        assert_eq!((mistake.code, mistake.param.as_deref()), (code, Some(param)), "{body}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in "\\PC{0,80}") {
        let _ = read_request(body.as_bytes());
        let _ = read_request(format!("{{\"model\":\"m\",\"input\":[{body}]}}").as_bytes());
    }
}
