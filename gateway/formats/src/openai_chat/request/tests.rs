use super::*;
use crate::conversation::{
    CacheMark, Effort, MediaKind, Part, PartKind, ReasoningMode, Role, Signature, Source,
    ToolChoice, ToolKind, Turn,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(body: &Value) -> Conversation {
    read_request(body.to_string().as_bytes()).unwrap_or_else(|mistake| panic!("{mistake}: {body}"))
}

fn with(more: &Value) -> Conversation {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read(&body)
}

fn turns(messages: &Value) -> Vec<Turn> {
    read(&json!({"model": "m", "messages": messages})).turns
}

/// The only part of the only message of the user.
fn part(content: &Value) -> Part {
    let mut turns = turns(&json!([{"role": "user", "content": content}]));
    assert_eq!(turns[0].parts.len(), 1, "{content}");
    turns.remove(0).parts.remove(0)
}

#[test]
fn every_parameter_finds_its_place_and_the_rest_is_carried() {
    let conversation = with(&json!({
        "max_completion_tokens": 7, "temperature": 0.5, "top_p": 1, "top_k": 3, "stop": "x", "seed": -4,
        "frequency_penalty": 0.1, "presence_penalty": -0.1, "n": 2, "logprobs": true, "top_logprobs": 5,
        "logit_bias": {"50256": -100}, "parallel_tool_calls": false, "user": "u", "service_tier": "flex",
        "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
        "store": null, "prompt_cache_key": "k", "big": 12345678901234567890u64,
    }));
    let sampling = &conversation.sampling;
    assert_eq!(conversation.max_output, Some(7));
    assert_eq!(
        (sampling.temperature, sampling.top_p, sampling.top_k),
        (Some(0.5), Some(1.0), Some(3))
    );
    assert_eq!(
        (sampling.stop.join(""), sampling.seed, sampling.choices),
        ("x".into(), Some(-4), Some(2))
    );
    assert_eq!((sampling.frequency_penalty, sampling.presence_penalty), (Some(0.1), Some(-0.1)));
    assert_eq!((sampling.logprobs, sampling.top_logprobs), (Some(true), Some(5)));
    assert_eq!(sampling.logit_bias.as_ref().map(Raw::get), Some(r#"{"50256":-100}"#));
    assert_eq!(
        (conversation.parallel_tools, conversation.user.as_deref()),
        (Some(false), Some("u"))
    );
    assert_eq!(conversation.service_tier.as_deref(), Some("flex"));
    assert!(conversation.stream && conversation.include_usage);
    let extra: Vec<_> =
        conversation.extra.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
    let expected = [
        ("stream_options", r#"{"include_obfuscation":false}"#),
        ("big", "12345678901234567890"),
        ("prompt_cache_key", "\"k\""),
        ("store", "null"),
    ];
    assert_eq!(extra, expected);
    assert_eq!(with(&json!({"max_tokens": 5, "max_completion_tokens": null})).max_output, Some(5));
    assert_eq!(with(&json!({"stop": ["a", "b"]})).sampling.stop, ["a", "b"]);
    assert_eq!(with(&json!({"safety_identifier": "s"})).user.as_deref(), Some("s"));
    let numbered = with(&json!({"logprobs": 2})).sampling;
    assert_eq!((numbered.logprobs, numbered.top_logprobs), (Some(true), Some(2)));
}

#[test]
fn every_role_becomes_a_turn() {
    let turns = turns(&json!([
        {"role": "developer", "content": "d"},
        {"role": "system", "content": [{"type": "text", "text": "s"}], "name": "n"},
        {"role": "user", "content": "u", "x": 1},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "text"}}], "audio": {"id": "a"}},
        {"role": "tool", "tool_call_id": "c2", "content": "r2"},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r1"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "t"}, {"type": "refusal", "refusal": "no"}]},
    ]));
    let roles: Vec<Role> = turns.iter().map(|turn| turn.role).collect();
    use Role::{Assistant, Developer, System, User};
    assert_eq!(roles, [Developer, System, User, Assistant, User, User, Assistant]);
    assert_eq!(turns[1].name.as_deref(), Some("n"));
    assert_eq!(turns[2].extra.len(), 1);
    let call = |id: &str, name: &str, arguments: &str, custom| PartKind::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom,
        signature: None,
    };
    assert_eq!(turns[3].parts[0].kind, call("c1", "f", "{\"a\":1}", false));
    assert_eq!(turns[3].parts[1].kind, call("c2", "g", "text", true));
    assert_eq!(turns[3].extra[0].0, "audio");
    let result = |id: &str, text: &str| PartKind::ToolResult {
        id: id.into(),
        name: None,
        parts: vec![Part::text(text)],
        error: false,
    };
    assert_eq!(turns[4].parts[0].kind, result("c2", "r2"));
    assert_eq!(turns[5].parts[0].kind, result("c1", "r1"));
    assert_eq!(turns[6].parts[1].kind, PartKind::Refusal("no".into()));
}

#[test]
fn older_messages_without_ids_are_paired_with_their_calls() {
    let turns = turns(&json!([
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "r"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "a", "arguments": {"x": 1}}},
            {"id": "", "type": "function", "function": {"name": "b", "arguments": null}}]},
        {"role": "tool", "name": "b", "content": "rb"},
        {"role": "tool", "content": "ra"},
    ]));
    let id = |part: &Part| match &part.kind {
        PartKind::ToolCall { id, .. } | PartKind::ToolResult { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(id(&turns[0].parts[0]), id(&turns[1].parts[0]));
    let calls = &turns[2].parts[1..];
    assert_eq!(id(&calls[1]), id(&turns[3].parts[0]));
    assert_eq!(id(&calls[0]), id(&turns[4].parts[0]));
    assert_ne!(id(&calls[0]), id(&calls[1]));
    match &calls[0].kind {
        PartKind::ToolCall { arguments, .. } => assert_eq!(arguments, "{\"x\":1}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn older_functions_are_tools_of_which_one_may_be_called() {
    let conversation = with(
        &json!({"functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"}}),
    );
    assert!(conversation.legacy_functions);
    assert_eq!(conversation.tools[0].name, "f");
    assert_eq!(conversation.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!(conversation.parallel_tools, Some(false));
    assert!(
        !with(&json!({"tools": [{"type": "function", "function": {"name": "f"}}]}))
            .legacy_functions
    );
}

#[test]
fn content_parts_are_read_in_all_their_spellings() {
    let png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA";
    let media = |content: Value| match part(&json!([content])).kind {
        PartKind::Media(media) => media,
        other => panic!("{other:?}"),
    };
    assert_eq!(part(&json!(["bare"])).kind, PartKind::Text("bare".into()));
    assert_eq!(part(&json!([{"text": "no type"}])).kind, PartKind::Text("no type".into()));
    let image = media(json!({"type": "image_url", "image_url": {"url": png, "detail": "low"}}));
    assert_eq!((image.kind, image.detail.as_deref()), (MediaKind::Image, Some("low")));
    assert!(matches!(image.source, Source::Base64(_)));
    let bare = media(json!({"type": "image_url", "image_url": "https://x/y.png"}));
    assert_eq!(bare.source, Source::Url("https://x/y.png".into()));
    let audio =
        media(json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}));
    assert_eq!((audio.kind, audio.mime.as_deref()), (MediaKind::Audio, Some("audio/mpeg")));
    let file = media(
        json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}),
    );
    assert_eq!(
        (file.kind, file.name.as_deref(), file.mime.as_deref()),
        (MediaKind::Document, Some("a.pdf"), Some("application/pdf"))
    );
    let plain = media(json!({"type": "file", "file": {"file_data": "JVBERi0="}}));
    assert_eq!(plain.source, Source::Base64("JVBERi0=".into()));
    let by_id = media(json!({"type": "file", "file": {"file_id": "file-1"}}));
    assert_eq!(by_id.source, Source::FileId("file-1".into()));
    let far = media(
        json!({"type": "file", "file": {"file_id": "https://x/a.pdf", "format": "application/pdf"}}),
    );
    assert_eq!(
        (far.source, far.mime.as_deref()),
        (Source::Url("https://x/a.pdf".into()), Some("application/pdf"))
    );
    let video = media(json!({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}));
    assert_eq!(video.kind, MediaKind::Video);
    let document = media(
        json!({"type": "document_url", "document_url": "https://x/a.pdf", "document_name": "a"}),
    );
    assert_eq!((document.kind, document.name.as_deref()), (MediaKind::Document, Some("a")));
    let unknown = part(&json!([{"type": "input_smell", "x": 1}]));
    assert!(matches!(unknown.kind, PartKind::Native(Format::OpenaiChat, _)));
}

#[test]
fn breakpoints_are_read_wherever_they_stand() {
    let ephemeral = json!({"type": "ephemeral"});
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(
        part(&json!([{"type": "text", "text": "a", "cache_control": hour}])).cache,
        Some(CacheMark::OneHour)
    );
    let of_message =
        turns(&json!([{"role": "system", "content": "a", "cache_control": ephemeral}]));
    assert_eq!(of_message[0].parts[0].cache, Some(CacheMark::Default));
    let tool = |tool: Value| with(&json!({"tools": [tool]})).tools[0].cache;
    assert_eq!(
        tool(json!({"type": "function", "function": {"name": "f"}, "cache_control": ephemeral})),
        Some(CacheMark::Default)
    );
    assert_eq!(
        tool(json!({"type": "function", "function": {"name": "f", "cache_control": hour}})),
        Some(CacheMark::OneHour)
    );
    let strange =
        part(&json!([{"type": "text", "text": "a", "cache_control": {"type": "forever"}}]));
    assert_eq!((strange.cache, strange.extra.len()), (None, 1));
}

#[test]
fn earlier_reasoning_is_read_from_its_richest_form() {
    let parts = |more: Value| {
        let mut message = json!({"role": "assistant", "content": "a"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut parts = turns(&json!([message])).remove(0).parts;
        parts.truncate(parts.len() - 1);
        parts.into_iter().map(|part| part.kind).collect::<Vec<_>>()
    };
    let plain = |text: &str| PartKind::Reasoning { text: text.into(), signature: None };
    assert_eq!(parts(json!({"reasoning_content": "hm"})), [plain("hm")]);
    assert_eq!(parts(json!({"reasoning": "hm", "reasoning_content": ""})), [plain("hm")]);
    let theirs = Signature::new(Format::Anthropic, "sig");
    let shown = theirs.shown_in(Format::OpenaiChat);
    let blocks = json!({"reasoning_content": "hm", "thinking_blocks": [
        {"type": "thinking", "thinking": "hm", "signature": shown},
        {"type": "redacted_thinking", "data": shown}, {"type": "thinking", "thinking": "unsigned", "signature": ""}]});
    let expected = [
        PartKind::Reasoning { text: "hm".into(), signature: Some(theirs.clone()) },
        PartKind::Sealed(theirs),
        plain("unsigned"),
    ];
    assert_eq!(parts(blocks), expected);
    let details = json!([{"type": "reasoning.summary", "summary": "h"}, {"type": "reasoning.encrypted", "data": "x"}, {"type": "reasoning.text", "text": "m"}]);
    let kept = Signature::new(Format::OpenaiChat, details.to_string());
    let expected = [PartKind::Reasoning { text: "hm".into(), signature: Some(kept) }];
    assert_eq!(parts(json!({"reasoning": "hm", "reasoning_details": details})), expected);
    assert_eq!(parts(json!({})), []);
    let mistral = turns(&json!([{"role": "assistant", "content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}], "closed": true}, {"type": "text", "text": "a"}]}]));
    assert_eq!(mistral[0].parts[0], Part::new(plain("hm")));
}

#[test]
fn signatures_come_back_out_of_ids_and_googles_place() {
    let theirs = Signature::new(Format::Gemini, "c2ln");
    let id = theirs.clone().into_id("call_1");
    let turns = turns(&json!([
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "c2ln"}}}]},
        {"role": "tool", "tool_call_id": id, "content": "r"},
    ]));
    for (part, expected) in turns[0].parts.iter().zip(["call_1", "call_2"]) {
        match &part.kind {
            PartKind::ToolCall { id, signature, .. } => {
                assert_eq!((id.as_str(), signature.as_ref()), (expected, Some(&theirs)));
            }
            other => panic!("{other:?}"),
        }
        assert!(part.extra.is_empty());
    }
    assert!(matches!(&turns[1].parts[0].kind, PartKind::ToolResult { id, .. } if id == "call_1"));
}

#[test]
fn tools_and_choices_are_read_in_all_their_shapes() {
    let conversation = with(&json!({"tools": [
        {"type": "function", "function": {"name": "a", "description": "d", "parameters": {"z": 1, "a": 1.0}, "strict": true, "x": 1}, "y": 2},
        {"type": "custom", "custom": {"name": "b", "format": {"type": "text"}}},
        {"type": "function", "name": "c", "parameters": {}},
        {"function": {"name": "d"}},
        {"type": "web_search", "x": 1}]}));
    let names: Vec<&str> = conversation.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", ""]);
    match &conversation.tools[0].kind {
        ToolKind::Function { parameters: Some(parameters), strict: Some(true) } => {
            assert_eq!(parameters.get(), r#"{"a":1.0,"z":1}"#);
        }
        other => panic!("{other:?}"),
    }
    let extra: Vec<_> =
        conversation.tools[0].extra.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
    assert_eq!(extra, [("function", "{\"x\":1}"), ("y", "2")]);
    assert!(conversation.tools[2].extra.is_empty());
    assert!(matches!(conversation.tools[4].kind, ToolKind::Native(_)));
    let f = json!({"type": "function", "function": {"name": "a"}});
    let allowed = |mode: &str| json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [f, {"type": "custom", "custom": {"name": "b"}}]}});
    let names = vec!["a".to_owned(), "b".to_owned()];
    let cases = [
        (json!("auto"), Some(ToolChoice::Auto)),
        (json!("none"), Some(ToolChoice::None)),
        (json!("required"), Some(ToolChoice::Required)),
        (json!("any"), Some(ToolChoice::Required)),
        (Value::Null, None),
        (f.clone(), Some(ToolChoice::Named("a".into()))),
        (json!({"type": "custom", "custom": {"name": "b"}}), Some(ToolChoice::Named("b".into()))),
        (json!({"type": "function", "name": "a"}), Some(ToolChoice::Named("a".into()))),
        (allowed("auto"), Some(ToolChoice::Allowed { names: names.clone(), required: false })),
        (allowed("required"), Some(ToolChoice::Allowed { names, required: true })),
    ];
    for (choice, expected) in cases {
        assert_eq!(with(&json!({"tool_choice": choice})).tool_choice, expected, "{choice}");
    }
}

#[test]
fn the_form_of_the_answer_is_read_with_its_schema() {
    let schema = |strict| Output::JsonSchema {
        name: Some("x".into()),
        description: None,
        schema: Raw::parse(r#"{"type":"object"}"#).unwrap(),
        strict,
    };
    let bare = Output::JsonSchema {
        name: None,
        description: None,
        schema: Raw::parse(r#"{"type":"object"}"#).unwrap(),
        strict: None,
    };
    let cases = [
        (json!({"type": "text"}), Output::Text),
        (json!({"type": "json_object"}), Output::JsonObject),
        (
            json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": true}}),
            schema(Some(true)),
        ),
        (json!({"type": "json_schema", "schema": {"type": "object"}}), bare.clone()),
        (json!({"type": "json_object", "schema": {"type": "object"}}), bare),
    ];
    for (form, expected) in cases {
        let conversation = with(&json!({"response_format": form}));
        assert_eq!((conversation.output, conversation.extra), (expected, vec![]), "{form}");
    }
    assert_eq!(with(&json!({"response_format": {"type": "regex"}})).extra.len(), 1);
}

#[test]
fn reasoning_is_read_in_the_words_of_all_providers() {
    let read = |more: Value| with(&more).reasoning.unwrap();
    assert_eq!(read(json!({"reasoning_effort": "xhigh"})).effort, Some(Effort::Xhigh));
    let thinking = read(json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}));
    assert_eq!((thinking.mode, thinking.budget), (Some(ReasoningMode::Enabled), Some(2000)));
    let object = read(json!({"reasoning": {"effort": "low", "exclude": true}}));
    assert_eq!((object.effort, object.show), (Some(Effort::Low), Some(false)));
    let switch = read(json!({"enable_thinking": false, "thinking_budget": 5}));
    assert_eq!((switch.mode, switch.budget), (Some(ReasoningMode::Disabled), Some(5)));
    assert_eq!(switch.extra.len(), 2);
    assert!(read(json!({"reasoning": {"enabled": false}})).is_off());
    let own = read(json!({"reasoning_effort": "default"}));
    assert_eq!((own.effort, own.extra.len()), (None, 1));
    assert_eq!(with(&json!({"reasoning_effort": null})).reasoning, None);
}

#[test]
fn every_mistake_of_a_message_or_tool_names_its_path() {
    let cases = [
        (json!({"messages": []}), "missing_required_parameter", "messages"),
        (json!({"model": null}), "missing_required_parameter", "model"),
        (json!({"messages": [{"content": "x"}]}), "missing_required_parameter", "messages[0].role"),
        (
            json!({"messages": [{"role": "robot", "content": "x"}]}),
            "invalid_value",
            "messages[0].role",
        ),
        (json!({"messages": ["x"]}), "invalid_type", "messages[0]"),
        (
            json!({"messages": [{"role": "user", "content": 5}]}),
            "invalid_type",
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"x": 1}]}]}),
            "missing_required_parameter",
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "missing_required_parameter",
            "messages[0].content[0].image_url",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}),
            "missing_required_parameter",
            "messages[0].content[0].file.file_data",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "missing_required_parameter",
            "messages[0].tool_call_id",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"arguments": ""}}]}]}),
            "missing_required_parameter",
            "messages[0].tool_calls[0].function.name",
        ),
        (
            json!({"tools": [{"type": "function"}]}),
            "missing_required_parameter",
            "tools[0].function",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}]}),
            "invalid_value",
            "tools[1].function.name",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "functions": [{"name": "g"}]}),
            "invalid_value",
            "functions",
        ),
        (json!({"tool_choice": "sometimes"}), "invalid_value", "tool_choice"),
        (json!({"temperature": "hot"}), "invalid_type", "temperature"),
        (json!({"stop": 5}), "invalid_type", "stop"),
        (json!({"response_format": {}}), "missing_required_parameter", "response_format.type"),
        (
            json!({"response_format": {"type": "json_schema"}}),
            "missing_required_parameter",
            "response_format.json_schema",
        ),
    ];
    for (more, code, param) in cases {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mistake = read_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (mistake.code, mistake.param.as_deref()),
            (code, Some(param)),
            "{more}: {mistake}"
        );
    }
    assert_eq!(read_request(b"[]").unwrap_err().code, "invalid_value");
    assert_eq!(read_request(b"{").unwrap_err().code, "invalid_json");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_request(&bytes);
    }

    #[test]
    fn no_json_makes_the_reader_panic(
        name in "messages|tools|tool_choice|functions|stop|response_format|thinking|reasoning|stream_options",
        text in r#"[\[\]{}:,"a-z0-9 ]{0,60}"#,
    ) {
        let _ = read_request(format!("{{\"model\":\"m\",\"messages\":[{{}}],\"{name}\":{text}}}").as_bytes());
        let _ = read_request(format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"assistant\",\"{name}\":{text}}}]}}").as_bytes());
    }
}
