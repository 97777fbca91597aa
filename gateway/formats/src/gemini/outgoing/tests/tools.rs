use super::*;
use crate::conversation::{Event, ToolChoice};
use serde_json::json;

fn offering(tools: Vec<Tool>) -> Conversation {
    Conversation { tools, ..asked() }
}

#[test]
fn functions_share_an_entry_and_have_plain_schemas_since_gemini_2() {
    let mut second = function("ping", "{}");
    second.description = Some("Says pong.".into());
    let conversation = offering(vec![
        function("f", r#"{"type":"object","properties":{"x":{"const":1}}}"#),
        second,
    ]);
    assert_eq!(
        body(&conversation, "gemini-2.0-flash")["tools"],
        json!([{"functionDeclarations": [
            {"name": "f", "parametersJsonSchema": {"type": "object", "properties": {"x": {"const": 1}}}},
            {"name": "ping", "description": "Says pong."},
        ]}])
    );
    assert_eq!(
        body(&conversation, "gemini-1.5-pro")["tools"][0]["functionDeclarations"][0],
        json!({"name": "f", "parameters": {"type": "OBJECT", "properties": {"x": {"type": "INTEGER", "description": "One of: 1."}}}})
    );
}

#[test]
fn names_that_gemini_does_not_take_are_changed_everywhere_and_back() {
    let long = "x".repeat(100);
    let schema = r#"{"type":"object","properties":{"$filter":{"type":"string"},"a-b":{}},"required":["$filter"]}"#;
    let mut conversation = offering(vec![function("9 lives", schema), function(&long, "{}")]);
    conversation.tool_choice = Some(ToolChoice::Named("9 lives".into()));
    conversation.turns.extend([
        Turn::new(
            Role::Assistant,
            vec![call("c1", "9 lives", r#"{"$filter":"a","rest":{"a-b":1}}"#)],
        ),
        Turn::new(Role::User, vec![result("c1", vec![Part::text("ok")])]),
    ]);
    let outgoing = sent(&conversation, "gemini-2.5-flash");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    let declarations = &body["tools"][0]["functionDeclarations"];
    let name = declarations[0]["name"].as_str().unwrap();
    assert!(name.starts_with("_9_lives_"), "{name}");
    assert!(declarations[1]["name"].as_str().unwrap().len() <= 64);
    assert_eq!(body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"], json!([name]));
    let call = &body["contents"][1]["parts"][0]["functionCall"];
    assert_eq!(call["name"], name);
    assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["name"], name);

    let schema = &declarations[0]["parametersJsonSchema"];
    let parameters: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    assert!(parameters.iter().all(|name| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    }));
    let filter = schema["required"][0].as_str().unwrap();
    assert!(filter.starts_with("_filter_"), "{filter}");
    assert_eq!(call["args"][filter], "a");

    // What the model calls comes back in the app's words.
    let mut events = [
        Event::Call {
            choice: 0,
            call: 0,
            id: "i".into(),
            name: name.into(),
            custom: false,
            signature: None,
        },
        Event::Arguments { choice: 0, call: 0, json: call["args"].to_string() },
    ];
    events.iter_mut().for_each(|event| outgoing.names.restore_event(event));
    let [Event::Call { name, .. }, Event::Arguments { json, .. }] = &events else { panic!() };
    assert_eq!(name, "9 lives");
    let back: Value = serde_json::from_str(json).unwrap();
    assert_eq!(back, json!({"$filter": "a", "rest": {"a-b": 1}}));

    // Newer models take longer names.
    let body = super::body(&conversation, "gemini-3-pro");
    assert_eq!(body["tools"][0]["functionDeclarations"][1]["name"], json!(long));
}

#[test]
fn every_choice_of_tools_has_its_mode() {
    let allowed = |required| ToolChoice::Allowed { names: vec!["f".into()], required };
    let any_f = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}});
    let mode = |mode: &str| json!({"functionCallingConfig": {"mode": mode}});
    let cases = [
        (None, Value::Null),
        (Some(ToolChoice::Auto), mode("AUTO")),
        (Some(ToolChoice::None), mode("NONE")),
        (Some(ToolChoice::Required), mode("ANY")),
        (Some(ToolChoice::Named("f".into())), any_f.clone()),
        (Some(allowed(true)), any_f),
        (
            Some(allowed(false)),
            json!({"functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}}),
        ),
    ];
    for (choice, expected) in cases {
        let mut conversation = offering(vec![function("f", "{}"), function("g", "{}")]);
        conversation.tool_choice = choice.clone();
        assert_eq!(body(&conversation, "gemini-2.5-pro")["toolConfig"], expected, "{choice:?}");
        // Without tools there is nothing to choose from.
        conversation.tools.clear();
        assert_eq!(body(&conversation, "gemini-2.5-pro")["toolConfig"], Value::Null, "{choice:?}");
    }
    // Models that cannot be told so are not offered the others.
    let mut conversation = offering(vec![function("f", "{}"), function("g", "{}")]);
    conversation.tool_choice = Some(allowed(false));
    let body = body(&conversation, "gemini-2.0-flash");
    assert_eq!(body["tools"][0]["functionDeclarations"], json!([{"name": "f"}]));
    assert_eq!(body["toolConfig"], mode("AUTO"));
}

#[test]
fn strict_functions_are_validated_where_the_model_can() {
    let mut tool = function("f", "{}");
    tool.kind = ToolKind::Function { parameters: None, strict: Some(true) };
    let conversation = offering(vec![tool]);
    let mode = body(&conversation, "gemini-2.5-pro")["toolConfig"]["functionCallingConfig"].clone();
    assert_eq!(mode, json!({"mode": "VALIDATED"}));
    let older = sent(&conversation, "gemini-2.0-flash");
    assert_eq!(older.dropped, ["strict"]);
}

#[test]
fn a_model_that_cannot_be_forced_refuses() {
    let mut conversation = offering(vec![function("f", "{}")]);
    conversation.tool_choice = Some(ToolChoice::Required);
    let facts = |drop_unsupported| TargetFacts {
        forced_tool_use: Some(false),
        drop_unsupported,
        ..TargetFacts::new(ProviderKind::Gemini, "gemini-2.5-pro")
    };
    let mistake = write_request(&conversation, Fit::new(facts(false))).unwrap_err();
    assert_eq!(
        (mistake.code, mistake.param.as_deref()),
        ("unsupported_parameter", Some("tool_choice"))
    );
    let outgoing = write_request(&conversation, Fit::new(facts(true))).unwrap();
    assert_eq!(outgoing.dropped, ["tool_choice"]);
}

#[test]
fn tools_that_run_elsewhere_and_tools_of_text_cannot_be_honoured() {
    let native = Tool {
        kind: ToolKind::Native(Raw::parse(r#"{"type":"web_search"}"#).unwrap()),
        ..function("", "{}")
    };
    let custom = Tool { kind: ToolKind::Custom { format: None }, ..function("sql", "{}") };
    for tool in [native, custom] {
        let conversation = offering(vec![tool, function("f", "{}")]);
        assert_eq!(refused(&conversation, "gemini-2.5-pro").as_deref(), Some("tools"));
        let facts = TargetFacts {
            drop_unsupported: true,
            ..TargetFacts::new(ProviderKind::Gemini, "gemini-2.5-pro")
        };
        let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
        assert_eq!(outgoing.dropped, ["tools"]);
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(body["tools"], json!([{"functionDeclarations": [{"name": "f"}]}]));
    }
}

#[test]
fn two_tools_of_one_name_are_a_mistake() {
    let conversation = offering(vec![function("f", "{}"), function("f", "{}")]);
    assert_eq!(refused(&conversation, "gemini-2.5-pro").as_deref(), Some("tools"));
}
