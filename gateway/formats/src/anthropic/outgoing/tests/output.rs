use super::*;

/// A request for an answer by schema.
fn schema(schema: &str) -> Conversation {
    let output = Output::JsonSchema {
        name: Some("fact".into()),
        description: None,
        schema: Raw::parse(schema).unwrap(),
        strict: Some(true),
    };
    Conversation { output, ..hello() }
}

#[test]
fn an_answer_by_schema_is_asked_for_in_the_best_way_that_there_is() {
    let object =
        r#"{"type":"object","properties":{"n":{"type":"integer","maximum":9}},"required":["n"]}"#;
    let native = body(&schema(object), OLD);
    assert_eq!(
        native["output_config"]["format"],
        json!({"type": "json_schema", "schema": {
            "type": "object",
            "properties": {"n": {"type": "integer", "description": "{maximum: 9}"}},
            "required": ["n"],
            "additionalProperties": false,
        }})
    );
    let map = r#"{"type":"object","additionalProperties":{"type":"string"}}"#;
    for (conversation, model, name) in [
        (schema(object), "claude-sonnet-4-0", "tollgate_json_answer"),
        (schema(map), OLD, "tollgate_json_answer"),
        (
            schema(r#"{"type":"array","items":{"type":"string"}}"#),
            "claude-sonnet-4-0",
            "tollgate_json_value",
        ),
    ] {
        let body = body(&conversation, model);
        assert_eq!(body["tools"][0]["name"], name);
        assert_eq!(body["tools"][0]["input_schema"]["type"], "object");
        assert_eq!(body["tool_choice"], json!({"type": "tool", "name": name}));
    }
    let with_tools = Conversation { tools: vec![tool("f", "{}")], ..schema(map) };
    let body = body(&with_tools, OLD);
    assert_eq!(
        (body["tools"].as_array().unwrap().len(), &body["tool_choice"]["type"]),
        (2, &json!("any"))
    );
    for told in [
        self::body(&schema(map), "claude-opus-5-5"),
        self::body(
            &Conversation { reasoning: effort(Effort::Low), max_output: Some(5000), ..schema(map) },
            OLD,
        ),
        self::body(&Conversation { output: Output::JsonObject, ..hello() }, OLD),
    ] {
        assert!(told["system"].as_str().unwrap().contains("JSON"), "{told}");
        assert!(told["tools"].is_null() && told["output_config"]["format"].is_null());
    }
}

#[test]
fn an_answer_by_a_tool_that_stands_in_reaches_the_app_as_text() {
    let body = body(&schema(r#"{"type":"array","items":{"type":"string"}}"#), "claude-sonnet-4-0");
    let name = body["tools"][0]["name"].as_str().unwrap();
    let provider = json!({"id": "msg_1", "content": [
        {"type": "tool_use", "id": "t", "name": name, "input": {"value": ["a", "b"]}},
    ], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}});
    let answer = crate::anthropic::read_answer(provider.to_string().as_bytes()).unwrap();
    assert_eq!(answer.choices[0].parts, [Part::text(r#"["a","b"]"#)]);
    let mut writer = crate::anthropic::Writer::new(asked(hello()));
    let mut out = Vec::new();
    for event in answer.clone().into_events() {
        writer.write(&event, &mut out);
    }
    assert_eq!(streamed(&out).unwrap().choices, answer.choices);
}

#[test]
fn a_count_has_the_prompt_and_nothing_else() {
    let mut conversation = Conversation {
        tools: vec![tool("f", "{}")],
        user: Some("u".into()),
        max_output: Some(7),
        stream: true,
        ..chat(vec![Turn::new(Role::System, vec![Part::text("s")]), user("hi")])
    };
    conversation.sampling.temperature = Some(0.1);
    conversation.sampling.choices = Some(4);
    let outgoing = write_count_request(&conversation, Fit::new(target(OLD))).unwrap();
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": OLD,
            "system": "s",
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        })
    );
}
