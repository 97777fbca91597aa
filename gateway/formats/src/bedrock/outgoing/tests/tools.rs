//! Tools and the choice among them.

use super::*;

pub(super) fn function(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        description: Some("d".to_owned()),
        kind: ToolKind::Function { parameters: None, strict: None },
        cache: None,
        extra: Vec::new(),
    }
}

fn asked(choice: Option<ToolChoice>, used: bool) -> Conversation {
    let mut conversation = Conversation::new(Format::OpenaiChat, "m");
    conversation.turns.push(Turn::new(Role::User, vec![Part::text("q")]));
    if used {
        let call = PartKind::ToolCall {
            id: "t".to_owned(),
            name: "old.tool".to_owned(),
            arguments: String::new(),
            custom: false,
            signature: None,
        };
        conversation.turns.push(Turn::new(Role::Assistant, vec![Part::new(call)]));
    }
    conversation.tools = vec![function("f"), function("g")];
    conversation.tool_choice = choice;
    conversation
}

/// The tools' names and the choice in short, and what is reported.
fn told(conversation: &Conversation, model: &str) -> String {
    let (body, outgoing) = written(conversation, target(model)).unwrap();
    let tools = body["toolConfig"]["tools"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = tools.iter().filter_map(|tool| tool["toolSpec"]["name"].as_str()).collect();
    let reported = [outgoing.dropped, outgoing.clamped].concat();
    let choice = body["toolConfig"].get("toolChoice").map_or("-".to_owned(), Value::to_string);
    format!("{} {choice} {}", names.join(","), reported.join(","))
}

/// Each choice with each family, with and without tools in the history.
#[test]
fn every_choice_is_told_as_each_family_takes_it() {
    let named = || Some(ToolChoice::Named("g".to_owned()));
    let some = |required| Some(ToolChoice::Allowed { names: vec!["g".to_owned()], required });
    let newest = "anthropic.claude-opus-5-5";
    let cases = [
        (SONNET, None, false, "f,g - "),
        (SONNET, Some(ToolChoice::Auto), false, "f,g - "),
        (SONNET, Some(ToolChoice::Required), false, r#"f,g {"any":{}} "#),
        (SONNET, named(), false, r#"f,g {"tool":{"name":"g"}} "#),
        (SONNET, Some(ToolChoice::None), false, " - "),
        (SONNET, Some(ToolChoice::None), true, "f,g - tool_choice=auto"),
        (SONNET, some(false), false, "g - "),
        (SONNET, some(true), false, r#"g {"any":{}} "#),
        (MISTRAL, named(), false, r#"g {"any":{}} "#),
        (MISTRAL, Some(ToolChoice::Required), false, r#"f,g {"any":{}} "#),
        (LLAMA, named(), false, "g - tool_choice=auto"),
        (LLAMA, Some(ToolChoice::Required), false, "f,g - tool_choice=auto"),
        (newest, Some(ToolChoice::Required), false, "f,g - tool_choice=auto"),
    ];
    for (model, choice, used, expected) in cases {
        assert_eq!(
            told(&asked(choice.clone(), used), model),
            expected,
            "{model} {choice:?} {used}"
        );
    }
    let mut thinking = asked(Some(ToolChoice::Required), false);
    thinking.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
    assert_eq!(told(&thinking, SONNET), "f,g - tool_choice=auto");
}

#[test]
fn tools_that_only_the_history_knows_are_declared_again() {
    let mut conversation = asked(Some(ToolChoice::Required), true);
    conversation.tools.clear();
    let sent = told(&conversation, SONNET);
    assert!(sent.starts_with("old_tool_"), "{sent}");
    assert!(sent.ends_with(" - tool_choice"), "{sent}");
}

#[test]
fn a_choice_without_tools_and_a_tool_that_is_not_there_are_told() {
    let mut conversation = asked(Some(ToolChoice::Required), false);
    conversation.tools.clear();
    assert_eq!(told(&conversation, SONNET), " - tool_choice");
    let lost = asked(Some(ToolChoice::Named("h".to_owned())), false);
    for model in [SONNET, MISTRAL] {
        let mistake = written(&lost, target(model)).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("tool_choice"));
    }
}

#[test]
fn calls_one_by_one_are_asked_of_claude_without_a_contradiction() {
    let fields = |choice: Option<ToolChoice>, model: &str| {
        let mut conversation = asked(choice, false);
        conversation.parallel_tools = Some(false);
        let (body, outgoing) = written(&conversation, target(model)).unwrap();
        (body["additionalModelRequestFields"]["tool_choice"].clone(), outgoing.dropped)
    };
    let alone = json!({ "type": "auto", "disable_parallel_tool_use": true });
    assert_eq!(fields(None, SONNET), (alone.clone(), vec![]));
    assert_eq!(fields(Some(ToolChoice::Auto), SONNET), (alone, vec![]));
    // Beside `toolChoice` a type is refused.
    let beside = json!({ "disable_parallel_tool_use": true });
    assert_eq!(fields(Some(ToolChoice::Required), SONNET), (beside, vec![]));
    let hint = (Value::Null, vec!["parallel_tool_calls".to_owned()]);
    assert_eq!(fields(None, NOVA), hint);
    assert_eq!(fields(None, "anthropic.claude-3-5-sonnet-20241022-v2:0"), hint);
}

#[test]
fn schemas_descriptions_and_strictness_are_as_bedrock_takes_them() {
    let parameters = Raw::parse(
        r#"{"anyOf":[{"type":"object","properties":{"z":{"type":"number","minimum":1.0}},"required":["z"]}]}"#,
    );
    let mut conversation = asked(None, false);
    conversation.tools = vec![
        Tool {
            description: Some("  ".to_owned()),
            kind: ToolKind::Function { parameters, strict: Some(true) },
            ..function("f")
        },
        function("g"),
    ];
    let (body, outgoing) = written(&conversation, target(SONNET)).unwrap();
    let spec = &body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(spec.get("description"), None, "a blank one is refused");
    assert_eq!(spec["strict"], true);
    assert_eq!(spec["inputSchema"]["json"]["type"], "object");
    let empty = json!({ "type": "object", "properties": {} });
    assert_eq!(body["toolConfig"]["tools"][1]["toolSpec"]["inputSchema"]["json"], empty);
    assert!(outgoing.dropped.is_empty());
    let (body, outgoing) = written(&conversation, target("anthropic.claude-opus-4-7")).unwrap();
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"].get("strict"), None);
    assert_eq!(outgoing.dropped, ["strict"]);
}

#[test]
fn tools_that_bedrock_has_not_are_refused() {
    let kinds = [
        ToolKind::Native(Raw::parse(r#"{"type":"web_search"}"#).unwrap()),
        ToolKind::Custom { format: None },
    ];
    for kind in kinds {
        let mut conversation = asked(None, false);
        conversation.tools.push(Tool { kind, ..function("h") });
        let mistake = written(&conversation, target(SONNET)).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("tools"));
        let facts = TargetFacts { drop_unsupported: true, ..target(SONNET) };
        let (body, outgoing) = written(&conversation, facts).unwrap();
        assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 2);
        assert_eq!(outgoing.dropped, ["tools"]);
    }
    let mut conversation = asked(None, false);
    conversation.tools.push(function("f"));
    assert_eq!(written(&conversation, target(SONNET)).unwrap_err().code, "invalid_value");
}

#[test]
fn long_and_illegal_names_come_back_as_they_were() {
    let long = "x".repeat(100);
    let mut conversation = asked(None, false);
    conversation.tools = vec![function("mcp.tool/1"), function(&long), function("1st")];
    conversation.tool_choice = Some(ToolChoice::Named("mcp.tool/1".to_owned()));
    let (body, outgoing) = written(&conversation, target(SONNET)).unwrap();
    let names = body["toolConfig"]["tools"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|tool| tool["toolSpec"]["name"].as_str().unwrap()).collect();
    let own: Vec<_> = names.iter().map(|name| outgoing.names.restored(name)).collect();
    assert_eq!(own, [Some("mcp.tool/1"), Some(long.as_str()), Some("1st")]);
    assert_eq!(body["toolConfig"]["toolChoice"]["tool"]["name"], names[0]);
}
