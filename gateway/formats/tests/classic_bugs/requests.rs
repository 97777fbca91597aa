//! The bugs of requests.

use super::*;

/// A model of Gemini before JSON Schema, and one after it.
const GEMINIS: [&str; 2] = ["gemini-1.5-flash", "gemini-3-pro"];

/// The declaration of the only function that Gemini gets.
fn declared(model: &str, parameters: &Value) -> Value {
    let conversation = chat(json!({"tools": [function("f", parameters.clone())]}));
    let target = TargetFacts::new(ProviderKind::Gemini, model);
    let body = sent_to(Format::Gemini, target, &conversation);
    body["tools"][0]["functionDeclarations"][0].clone()
}

/// Bug 10: one unknown word in `parameters` fails the whole request; `parametersJsonSchema` takes any JSON Schema.
#[test]
fn gemini_gets_no_word_of_a_schema_that_it_refuses() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://a.example", "type": "object",
        "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}, "k": {"const": "a"},
            "p": {"type": "string", "pattern": "^a", "contentEncoding": "base64", "examples": ["a"]},
            "o": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "uniqueItems": true}]}},
        "patternProperties": {"^x": {}}, "additionalProperties": false, "$comment": "x", "if": {}, "then": {}});
    let [old, new] = GEMINIS.map(|model| declared(model, &schema));
    assert_eq!(new["parametersJsonSchema"], schema);
    assert!(new.get("parameters").is_none() && old.get("parametersJsonSchema").is_none());
    let known = "type format title description nullable enum default example items minItems maxItems properties \
        required minProperties maxProperties propertyOrdering minimum maximum minLength maxLength pattern anyOf";
    let known: Vec<&str> = known.split_whitespace().collect();
    check_words(&old["parameters"], &known);
    let properties = &old["parameters"]["properties"];
    assert_eq!(properties["n"]["minimum"], 1);
    assert_eq!(properties["k"]["enum"], json!(["a"]));
}

/// Every schema in a schema has known words only.
fn check_words(schema: &Value, known: &[&str]) {
    for (word, value) in schema.as_object().expect("a schema") {
        assert!(known.contains(&word.as_str()), "{word} in {schema}");
        match word.as_str() {
            "properties" => {
                value.as_object().expect("a map").values().for_each(|it| check_words(it, known))
            }
            "anyOf" => {
                value.as_array().expect("a list").iter().for_each(|it| check_words(it, known))
            }
            "items" => check_words(value, known),
            _ => {}
        }
    }
}

/// Bug 11.
#[test]
fn choices_and_circles_in_a_schema_reach_gemini() {
    let optional = json!({"type": "object", "properties": {
        "a": {"description": "d", "anyOf": [{"type": "string"}, {"type": "null"}]}}});
    let tree = json!({"type": "object", "properties": {"root": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}});
    for model in GEMINIS {
        let text = declared(model, &optional).to_string();
        assert!(text.contains("null") && text.contains("\"d\""), "{text}");
        assert!(text.to_lowercase().contains("\"string\""), "{text}");
        let declared = declared(model, &tree).to_string();
        assert!(declared.contains("next") && declared.len() < 5000, "{declared}");
    }
}

/// Bug 12.
#[test]
fn a_reference_in_a_tools_result_is_text_to_gemini() {
    let messages = called("c", "f", "{}", "{\"$ref\":\"x\"}");
    let tools = json!([function("f", json!({"type": "object", "properties": {"x": {}}}))]);
    let body = sent(Format::Gemini, &chat(json!({"messages": messages, "tools": tools})));
    let response = &body["contents"][2]["parts"][0]["functionResponse"]["response"];
    assert!(!response.to_string().contains("\"$ref\":"), "{response}");
    assert!(response.to_string().contains("$ref"), "{response}");
}

/// Bug 13.
#[test]
fn a_turn_without_words_is_sent_without_blank_texts() {
    let image = "data:image/png;base64,iVBORw0KGgo=";
    let contents =
        [json!([{"type": "image_url", "image_url": {"url": image}}]), json!(""), json!(" \n")];
    for content in contents {
        let conversation = chat(json!({"messages": [{"role": "user", "content": content}]}));
        for (_, format, ..) in PROVIDERS {
            let body = sent(format, &conversation).to_string();
            if !matches!(format, Format::OpenaiChat | Format::OpenaiResponses) {
                assert!(
                    !body.contains("\"text\":\"\"") && !body.contains("\"text\":\" \\n\""),
                    "{format:?} {body}"
                );
                assert!(
                    !body.contains("\"content\":\"\"") && !body.contains("\"content\":[]"),
                    "{format:?} {body}"
                );
            }
        }
    }
}

/// Bug 14.
#[test]
fn results_of_one_turn_are_one_turn_before_its_text() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": id});
    let conversation = chat(
        json!({"tools": [function("f", json!({"type": "object", "properties": {"x": {}}}))], "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b"), call("c")]},
        result("b"), result("a"), result("c"), {"role": "user", "content": "and now?"}]}),
    );
    for (format, list, parts, name) in [
        (Format::Anthropic, "messages", "content", "tool_result"),
        (Format::Bedrock, "messages", "content", "toolResult"),
        (Format::Gemini, "contents", "parts", "functionResponse"),
    ] {
        let body = sent(format, &conversation);
        let turns = body[list].as_array().unwrap();
        assert_eq!(turns.len(), 3, "{body}");
        let parts = turns[2][parts].as_array().unwrap();
        let is_result = |part: &Value| part.get(name).is_some() || part["type"] == name;
        let kinds: Vec<bool> = parts.iter().map(is_result).collect();
        assert_eq!(kinds, [true, true, true, false], "{body}");
    }
}

/// Bug 15.
#[test]
fn tools_are_offered_where_the_history_has_calls() {
    let conversation = chat(json!({"messages": called("c", "f", "{}", "1")}));
    let body = sent(Format::Bedrock, &conversation);
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
    let body = sent(Format::Anthropic, &conversation);
    assert_eq!(body["tools"][0]["name"], "f");
}

/// Bug 16.
#[test]
fn a_choice_without_tools_is_not_sent_and_bedrock_knows_no_none() {
    let named = json!({"type": "function", "function": {"name": "f"}});
    for (_, format, ..) in PROVIDERS {
        for choice in [json!("auto"), json!("none")] {
            let body = sent(format, &chat(json!({"tool_choice": choice}))).to_string();
            for word in ["tool_choice", "toolChoice", "toolConfig", "functionCallingConfig"] {
                assert!(!body.contains(word), "{format:?}: {body}");
            }
        }
        let tools = json!([function("f", json!({"type": "object", "properties": {"x": {}}}))]);
        for choice in [json!("auto"), json!("none"), json!("required"), named.clone()] {
            let body =
                sent(format, &chat(json!({"tools": tools, "tool_choice": choice}))).to_string();
            assert!(format != Format::Bedrock || !body.contains("none"), "{body}");
        }
    }
}

/// Bug 21. The signature is botocore's for the same request.
#[test]
fn a_request_to_bedrock_is_signed_with_its_path_encoded_twice_and_its_body_as_sent() {
    let credentials = sigv4::Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    };
    let path = bedrock::path("anthropic.claude-3-5-sonnet-20241022-v2:0", "converse");
    assert_eq!(path, "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse");
    let signed = |path: &str, body: &[u8]| {
        let request = sigv4::ToSign {
            region: "us-east-1",
            service: "bedrock",
            method: "POST",
            host: "bedrock-runtime.us-east-1.amazonaws.com",
            path,
            query: "",
            content_type: "application/json",
            body,
        };
        sigv4::sign(&credentials, &request, "2026-01-02T03:04:05Z".parse().unwrap())
    };
    let body = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    let one = signed(&path, body);
    assert!(one.iter().any(|(name, value)| *name == "authorization"
        && value.ends_with(
            "Signature=2617f356b006d5f3ddc87587af21e1f2bb4cc33442c445418d16b7fcf1a3e5a0"
        )));
    assert_ne!(one, signed(&path, &body[1..]), "every byte of the body counts");
    assert_ne!(one, signed(&path.replace("%3A", ":"), body), "the path is as on the wire");
}

/// Bug 23.
#[test]
fn long_names_and_odd_ids_are_made_fit_and_come_back() {
    let name = format!("mcp.{}", "n".repeat(96));
    let body = json!({"model": "m", "max_tokens": 9, "tools": [{"name": name, "input_schema": {"type": "object", "properties": {"x": {}}}}], "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu:1/2", "name": name, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu:1/2", "content": "1"}]}]});
    let conversation = request(Api::Messages, &body);
    for (kind, longest) in [(ProviderKind::Openai, 64), (ProviderKind::Mistral, 9)] {
        let fit = Fit::new(TargetFacts::new(kind, "some-model"));
        let out = drive::write_request(Format::OpenaiChat, &conversation, fit).unwrap();
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        let sent_name = body["tools"][0]["function"]["name"].as_str().unwrap();
        assert!(sent_name.len() <= 64 && !sent_name.contains('.'), "{sent_name}");
        assert_eq!(out.names.restored(sent_name), Some(name.as_str()));
        let call = &body["messages"][1]["tool_calls"][0];
        assert_eq!(call["function"]["name"], sent_name);
        assert_eq!(call["id"], body["messages"][2]["tool_call_id"]);
        assert!(call["id"].as_str().unwrap().len() <= longest, "{kind:?} {call}");
    }
}

/// Bug 24.
#[test]
fn parameters_that_a_model_refuses_are_not_sent() {
    let sampled = chat(json!({"temperature": 0.5, "max_tokens": 100}));
    let claude = TargetFacts {
        sampling_params: Some(false),
        drop_unsupported: true,
        ..TargetFacts::new(ProviderKind::Anthropic, "claude-opus-4-7")
    };
    assert!(sent_to(Format::Anthropic, claude, &sampled).get("temperature").is_none());
    let reasoning = TargetFacts {
        sampling_params: Some(false),
        reasoning: Some(true),
        drop_unsupported: true,
        ..TargetFacts::new(ProviderKind::Openai, "o3")
    };
    let body = sent_to(Format::OpenaiChat, reasoning, &sampled);
    assert!(body.get("temperature").is_none() && body.get("max_tokens").is_none(), "{body}");
    assert_eq!(body["max_completion_tokens"], 100);
}

/// Bug 25.
#[test]
fn arguments_are_an_object_whatever_the_model_wrote() {
    let tools = json!([function("f", json!({"type": "object", "properties": {"x": {}}}))]);
    for (arguments, expected) in [
        ("", json!({})),
        ("null", json!({})),
        (" ", json!({})),
        ("{\"x\":\"é\"}", json!({"x": "é"})),
        ("[1]", json!({"value": [1]})),
        ("{broken", json!({"_raw": "{broken"})),
    ] {
        let conversation =
            chat(json!({"messages": called("c", "f", arguments, "1"), "tools": tools}));
        let anthropic = sent(Format::Anthropic, &conversation);
        assert_eq!(anthropic["messages"][1]["content"][0]["input"], expected, "{arguments}");
        let bedrock = sent(Format::Bedrock, &conversation);
        assert_eq!(
            bedrock["messages"][1]["content"][0]["toolUse"]["input"], expected,
            "{arguments}"
        );
        let gemini = sent(Format::Gemini, &conversation);
        assert_eq!(
            gemini["contents"][1]["parts"][0]["functionCall"]["args"], expected,
            "{arguments}"
        );
    }
    // Some servers send an object where OpenAI has a text.
    let whole = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [{"index": 0, "finish_reason": "tool_calls", "message":
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": "é"}}}]}}]});
    assert_eq!(
        answered(Format::OpenaiChat, &whole, "messages")["content"][0]["input"],
        json!({"x": "é"})
    );
}
