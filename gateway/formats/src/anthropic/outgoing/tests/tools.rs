use super::*;

#[test]
fn names_are_made_legal_everywhere_and_come_back() {
    let name = "mcp.files/read";
    let conversation = Conversation {
        tools: vec![tool(name, "{}")],
        tool_choice: Some(ToolChoice::Named(name.into())),
        ..chat(vec![
            user("q"),
            assistant(vec![call("a", name)]),
            Turn::new(Role::User, vec![result("a", "1")]),
        ])
    };
    let (body, outgoing) = sent(&conversation, target(OLD)).unwrap();
    let sent_name = body["tools"][0]["name"].as_str().unwrap();
    assert_ne!(sent_name, name);
    assert_eq!(body["messages"][1]["content"][0]["name"], sent_name);
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": sent_name}));
    assert_eq!(outgoing.names.restored(sent_name), Some(name));
}

#[test]
fn each_choice_of_tools_finds_its_word() {
    let cases = [
        (None, None, json!(null)),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Auto), Some(true), json!({"type": "auto"})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
        (
            Some(ToolChoice::Required),
            Some(false),
            json!({"type": "any", "disable_parallel_tool_use": true}),
        ),
        (Some(ToolChoice::Named("f".into())), None, json!({"type": "tool", "name": "f"})),
        (
            Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }),
            None,
            json!({"type": "any"}),
        ),
    ];
    for (tool_choice, parallel_tools, expected) in cases {
        let tools = vec![tool("f", "{}"), tool("g", "{}")];
        let allowed = matches!(tool_choice, Some(ToolChoice::Allowed { .. }));
        let conversation = Conversation { tools, tool_choice, parallel_tools, ..hello() };
        let body = body(&conversation, OLD);
        assert_eq!(body["tool_choice"], expected, "{:?}", conversation.tool_choice);
        assert_eq!(body["tools"].as_array().unwrap().len(), if allowed { 1 } else { 2 });
    }
    let unknown = Conversation {
        tools: vec![tool("f", "{}")],
        tool_choice: Some(ToolChoice::Named("nobody".into())),
        ..hello()
    };
    assert_eq!(refused(&unknown, OLD).as_deref(), Some("tool_choice"));
    let twice = Conversation { tools: vec![tool("f", "{}"), tool("f", "{}")], ..hello() };
    assert_eq!(refused(&twice, OLD).as_deref(), Some("tools"));
}

#[test]
fn a_tool_is_forced_only_where_that_is_possible() {
    let forced = |reasoning| Conversation {
        tools: vec![tool("f", "{}")],
        tool_choice: Some(ToolChoice::Required),
        max_output: Some(9000),
        reasoning,
        ..hello()
    };
    let cases = [
        (forced(None), OLD, "any"),
        (forced(effort(Effort::High)), OLD, "auto"),
        (forced(effort(Effort::High)), "claude-opus-4-6", "any"),
        (forced(None), "claude-opus-5-5", "auto"),
    ];
    for (conversation, model, expected) in cases {
        let (body, outgoing) = sent(&conversation, target(model)).unwrap();
        assert_eq!(body["tool_choice"]["type"], expected, "{model}");
        assert_eq!(outgoing.clamped.contains(&"tool_choice=auto".to_owned()), expected == "auto");
    }
}

#[test]
fn a_history_with_calls_declares_its_tools() {
    let conversation = Conversation { tools: Vec::new(), ..looping() };
    let body = body(&conversation, OLD);
    let schema = json!({"type": "object", "properties": {}});
    assert_eq!(body["tools"], json!([{"name": "f", "input_schema": schema}]));
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
}

#[test]
fn schemas_of_tools_are_objects_and_strict_ones_keep_to_the_subset() {
    let strict = |schema: &str| {
        let mut tool = tool("s", schema);
        tool.kind = ToolKind::Function { parameters: Raw::parse(schema), strict: Some(true) };
        tool
    };
    let closed = r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1}},"required":["n"],"additionalProperties":false}"#;
    let with = |tool| Conversation { tools: vec![tool], ..hello() };
    let first = &body(&with(strict(closed)), OLD)["tools"][0];
    assert_eq!(first["strict"], true);
    assert_eq!(first["input_schema"]["properties"]["n"]["description"], "{minimum: 1}");
    for (tool, model) in [
        (strict(closed), "claude-sonnet-4-0"),
        (strict(r#"{"type":"object","additionalProperties":{"type":"string"}}"#), OLD),
    ] {
        let (body, outgoing) = sent(&with(tool), target(model)).unwrap();
        assert_eq!(body["tools"][0]["strict"], json!(null));
        assert_eq!(outgoing.dropped, ["strict"]);
    }
    let many: Vec<Tool> =
        (0..21).map(|index| Tool { name: format!("s{index}"), ..strict(closed) }).collect();
    let (body, _) = sent(&Conversation { tools: many, ..hello() }, target(OLD)).unwrap();
    assert_eq!(body["tools"][20]["strict"], json!(null));
    let none =
        Tool { kind: ToolKind::Function { parameters: None, strict: None }, ..tool("f", "{}") };
    let body = self::body(&with(none), OLD);
    assert_eq!(body["tools"][0]["input_schema"], json!({"type": "object", "properties": {}}));
}
