use super::*;
use crate::{
    cohere::testing::exchanges,
    conversation::{
        Effort, Format, Media, MediaKind, Part, PartKind, Reasoning, Role, Sampling, Signature,
        Source, TargetFacts, Tool, ToolKind, Turn,
    },
    json::{Raw, compact},
    openai_chat,
};
use serde_json::{Value, json};
use std::collections::HashSet;
use tollgate_contract::provider::ProviderKind;

mod any;

const MODEL: &str = "command-a-03-2025";
const THINKS: &str = "command-a-reasoning-08-2025";

fn target(model: &str) -> TargetFacts<'_> {
    TargetFacts::new(ProviderKind::Cohere, model)
}

fn written(conversation: &Conversation, target: TargetFacts) -> Result<(Value, Outgoing), Mistake> {
    let outgoing = write_request(conversation, Fit::new(target))?;
    let body = serde_json::from_slice(&outgoing.body).unwrap();
    check(&body);
    Ok((body, outgoing))
}

/// A chat completion as an app sends it, and what Cohere gets of it.
fn sent(app: &Value, target: TargetFacts) -> Result<(Value, Outgoing), Mistake> {
    let mut app = app.clone();
    app["model"] = json!("alias");
    written(&openai_chat::read_request(app.to_string().as_bytes()).unwrap(), target)
}

/// A request of one user turn with more members.
fn hi(more: &Value) -> Value {
    let mut app = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    app.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app
}

fn function(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object", "properties": {} } } })
}

/// Panics where Cohere would refuse.
fn check(body: &Value) {
    const FIELDS: [&str; 17] = [
        "model",
        "stream",
        "messages",
        "documents",
        "tools",
        "tool_choice",
        "strict_tools",
        "max_tokens",
        "temperature",
        "p",
        "k",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "stop_sequences",
        "thinking",
        "response_format",
    ];
    let members = body.as_object().unwrap();
    assert!(members.keys().all(|key| FIELDS.contains(&key.as_str())), "{:?}", members.keys());
    let within = |name: &str, least: f64, most: f64| {
        let number = members.get(name).map(|value| value.as_f64().unwrap());
        assert!(number.is_none_or(|it| (least..=most).contains(&it)), "{name} {number:?}");
    };
    within("temperature", 0.0, 1.0);
    within("p", 0.01, 0.99);
    within("k", 0.0, 500.0);
    within("frequency_penalty", 0.0, 1.0);
    within("presence_penalty", 0.0, 1.0);
    let tools = members.get("tools").map_or(&[][..], |tools| tools.as_array().unwrap());
    assert!(!tools.is_empty() || !members.contains_key("tools"));
    assert!(!tools.is_empty() || !members.contains_key("tool_choice"), "a choice without tools");
    let mut names = HashSet::new();
    for tool in tools {
        assert_eq!(tool["function"]["parameters"]["type"], "object");
        assert!(names.insert(tool["function"]["name"].as_str().unwrap()));
    }
    if let Some(format) = members.get("response_format") {
        assert!(tools.is_empty() && !members.contains_key("documents"), "{format}");
        let schema = format.get("json_schema");
        assert!(schema.is_none_or(|schema| schema["type"] == "object"));
    }
    check_messages(body["messages"].as_array().unwrap());
}

fn check_messages(messages: &[Value]) {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap();
        assert!(open.is_empty() || role == "tool", "results follow their calls");
        if let Some(text) = message.get("content").and_then(Value::as_str) {
            assert!(!text.trim().is_empty(), "a blank message");
        }
        match role {
            "system" => assert_eq!(at, 0, "rules come first"),
            "tool" => {
                let id = message["tool_call_id"].as_str().unwrap();
                let call = open.iter().position(|open| *open == id).expect("a call");
                open.remove(call);
            }
            "assistant" => match message.get("tool_calls") {
                Some(calls) => {
                    assert!(message.get("content").is_none(), "content and calls");
                    for call in calls.as_array().unwrap() {
                        open.push(call["id"].as_str().unwrap());
                        let arguments = call["function"]["arguments"].as_str().unwrap();
                        assert!(serde_json::from_str::<Value>(arguments).unwrap().is_object());
                    }
                }
                None => {
                    assert!(message["content"].is_string() && message.get("tool_plan").is_none())
                }
            },
            "user" => {
                if let Some(parts) = message["content"].as_array() {
                    assert!(parts.iter().any(|part| part["type"] == "image_url"));
                }
            }
            other => panic!("{other}"),
        }
    }
    assert!(open.is_empty());
    let last = messages.last().unwrap()["role"].as_str().unwrap();
    assert!(matches!(last, "user" | "tool"), "{last} is last");
}

/// To the letter, but for white space. `UPDATE_GOLDEN=1` writes the requests instead of comparing them.
#[test]
fn recorded_chat_completions_become_the_recorded_requests() {
    let mut compared = 0;
    for (name, path) in exchanges() {
        let Ok(app) = std::fs::read(path.join("app.json")) else { continue };
        let conversation = openai_chat::read_request(&app).unwrap();
        let body =
            write_request(&conversation, Fit::new(target(&conversation.model))).unwrap().body;
        check(&serde_json::from_slice(&body).unwrap());
        let file = path.join("request.json");
        #[expect(clippy::disallowed_methods, reason = "a switch for whoever records anew")]
        let record = std::env::var_os("UPDATE_GOLDEN").is_some();
        if record {
            std::fs::write(&file, &body).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap();
        assert_eq!(compact(std::str::from_utf8(&body).unwrap()), compact(&expected), "{name}");
        compared += 1;
    }
    assert!(compared >= 7, "exchanges with an app's request are missing");
}

#[test]
fn what_was_said_or_thought_before_calls_is_their_plan() {
    let call = |content: Value, reasoning: Value| {
        json!({ "messages": [
            { "role": "user", "content": "q" },
            { "role": "assistant", "content": content, "reasoning_content": reasoning, "tool_calls": [
                { "id": "a", "type": "function", "function": { "name": "f", "arguments": "null" } },
            ]},
            { "role": "tool", "tool_call_id": "a", "content": [] },
        ]})
    };
    let cases = [
        (json!("I look."), json!("hm"), json!("I look.")),
        (Value::Null, json!("hm"), json!("hm")),
        (json!(" "), Value::Null, Value::Null),
    ];
    for (content, reasoning, plan) in cases {
        let (body, _) = sent(&call(content, reasoning), target(MODEL)).unwrap();
        let message = &body["messages"][1];
        assert_eq!(message["tool_plan"], plan);
        assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{}");
        let result = json!({ "role": "tool", "tool_call_id": "a", "content": "." });
        assert_eq!(body["messages"][2], result);
    }
    let alone = json!({ "messages": [
        { "role": "user", "content": "q" },
        { "role": "assistant", "content": "a", "reasoning_content": "hm" },
        { "role": "user", "content": "q2" },
    ]});
    let (body, _) = sent(&alone, target(MODEL)).unwrap();
    assert_eq!(body["messages"][1], json!({ "role": "assistant", "content": "a" }));
}

#[test]
fn calls_without_results_and_results_without_calls_are_made_whole() {
    let calls = json!([
        { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{" } },
        { "id": "a", "type": "function", "function": { "name": "g.h", "arguments": "" } },
    ]);
    let app = json!({ "messages": [
        { "role": "user", "content": "q" },
        { "role": "assistant", "tool_calls": calls },
        { "role": "user", "content": "never mind" },
        { "role": "tool", "tool_call_id": "lost", "content": "x" },
    ]});
    let (body, outgoing) = sent(&app, target(MODEL)).unwrap();
    let roles: Vec<_> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user"]);
    let sent_calls = body["messages"][1]["tool_calls"].as_array().unwrap();
    assert_ne!(sent_calls[0]["id"], sent_calls[1]["id"]);
    let name = sent_calls[1]["function"]["name"].as_str().unwrap();
    assert_eq!(outgoing.names.restored(name), Some("g.h"));
}

#[test]
fn images_of_tools_follow_in_a_message_of_the_user() {
    let image = Part::new(PartKind::Media(Media::of_url(MediaKind::Image, "https://x/y.png")));
    let call = PartKind::ToolCall {
        id: "a".to_owned(),
        name: "f".to_owned(),
        arguments: "ls".to_owned(),
        custom: true,
        signature: Some(Signature::new(Format::Gemini, "s")),
    };
    let result =
        |parts, error| PartKind::ToolResult { id: "a".to_owned(), name: None, parts, error };
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![Part::new(call)]),
        Turn::new(Role::User, vec![Part::new(result(vec![Part::text("see"), image], false))]),
    ];
    let (body, _) = written(&conversation, target(MODEL)).unwrap();
    let arguments = &body["messages"][1]["tool_calls"][0]["function"]["arguments"];
    assert_eq!(arguments, r#"{"input":"ls"}"#);
    assert_eq!(body["messages"][2]["content"], "see\n[image]");
    let told = json!([
        { "type": "text", "text": "The tools gave these images:" },
        { "type": "image_url", "image_url": { "url": "https://x/y.png" } },
    ]);
    assert_eq!(body["messages"][3], json!({ "role": "user", "content": told }));
    conversation.turns[2].parts = vec![Part::new(result(vec![], true))];
    let (body, _) = written(&conversation, target(MODEL)).unwrap();
    assert_eq!(body["messages"][2]["content"], "The tool failed.");
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
}

/// Words may point to the image before them.
#[test]
fn texts_and_images_of_a_user_keep_their_order() {
    let image = |name: &str| json!({ "type": "image_url", "image_url": { "url": format!("https://x/{name}"), "detail": "low" } });
    let text = |text: &str| json!({ "type": "text", "text": text });
    let content = json!([image("a"), text("is older than"), image("b"), text("Why?")]);
    let app = json!({ "messages": [{ "role": "user", "content": content }] });
    let (body, outgoing) = sent(&app, target(MODEL)).unwrap();
    assert_eq!(body["messages"][0]["content"], content);
    assert!(outgoing.dropped.is_empty(), "{:?}", outgoing.dropped);
}

#[test]
fn documents_go_apart_and_stay_in_the_text_beside_a_form_of_the_answer() {
    let document = Part::new(PartKind::Media(Media {
        kind: MediaKind::Document,
        source: Source::Text("Ada is 36.".to_owned()),
        mime: None,
        name: Some("ada.txt".to_owned()),
        detail: None,
    }));
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![Turn::new(Role::User, vec![document])];
    let (body, _) = written(&conversation, target(MODEL)).unwrap();
    assert_eq!(body["messages"], json!([{ "role": "user", "content": "." }]));
    let data = json!({ "title": "ada.txt", "text": "Ada is 36." });
    assert_eq!(body["documents"], json!([{ "id": "doc_1", "data": data }]));
    conversation.output = Output::JsonObject;
    let (body, _) = written(&conversation, target(MODEL)).unwrap();
    assert_eq!(body["messages"][0]["content"], "ada.txt\nAda is 36.");
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
}

/// Each choice: the tools, the word, and what is reported or refused.
#[test]
fn every_choice_is_told_as_cohere_takes_it() {
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let some = json!({ "type": "allowed_tools", "allowed_tools": { "mode": "required", "tools": [named("g")] } });
    let cases = [
        (Value::Null, "f,g - "),
        (json!("auto"), "f,g - "),
        (json!("none"), "f,g NONE "),
        (json!("required"), "f,g REQUIRED "),
        (named("g"), "g REQUIRED "),
        (some, "g REQUIRED "),
        (named("h"), "refused tool_choice"),
    ];
    let told = |app: &Value, facts: TargetFacts| match sent(app, facts) {
        Ok((body, outgoing)) => {
            let tools = body["tools"].as_array().cloned().unwrap_or_default();
            let names: Vec<_> =
                tools.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
            let choice = body["tool_choice"].as_str().unwrap_or("-");
            let reported = [outgoing.dropped, outgoing.clamped].concat();
            format!("{} {choice} {}", names.join(","), reported.join(","))
        }
        Err(mistake) => format!("refused {}", mistake.param.unwrap_or_default()),
    };
    for (choice, expected) in cases {
        let app = hi(&json!({ "tools": [function("f"), function("g")], "tool_choice": choice }));
        assert_eq!(told(&app, target(MODEL)), expected, "{choice}");
    }
    let lonely = hi(&json!({ "tool_choice": "required", "parallel_tool_calls": false }));
    assert_eq!(told(&lonely, target(MODEL)), " - parallel_tool_calls,tool_choice");
    let forced = hi(&json!({ "tools": [function("f")], "tool_choice": "required" }));
    let stubborn = TargetFacts { forced_tool_use: Some(false), ..target(MODEL) };
    assert_eq!(told(&forced, stubborn), "f - tool_choice=auto");
    let read = openai_chat::read_request(
        hi(&json!({ "model": "m", "tools": [function("f")] })).to_string().as_bytes(),
    );
    let mut twice = read.unwrap();
    twice.tools.extend(twice.tools.clone());
    assert_eq!(written(&twice, target(MODEL)).unwrap_err().param.as_deref(), Some("tools"));
}

#[test]
fn strictness_is_one_switch_for_tools_that_require_something() {
    let tool = |name: &str, strict: bool, required: Value| {
        json!({ "type": "function", "function": { "name": name, "strict": strict, "parameters":
            { "type": "object", "properties": { "a": {} }, "required": required } } })
    };
    let cases = [
        (json!([tool("f", true, json!(["a"])), tool("g", true, json!(["a"]))]), true, false),
        (json!([tool("f", true, json!(["a"])), tool("g", false, json!(["a"]))]), false, true),
        (json!([tool("f", true, json!([]))]), false, true),
        (json!([tool("f", false, json!(["a"]))]), false, false),
    ];
    for (tools, strict, reported) in cases {
        let (body, outgoing) = sent(&hi(&json!({ "tools": tools })), target(MODEL)).unwrap();
        assert_eq!(body.get("strict_tools").is_some(), strict, "{tools}");
        assert_eq!(outgoing.dropped == ["strict"], reported, "{tools}");
    }
}

#[test]
fn a_form_of_the_answer_is_for_objects_and_not_beside_tools() {
    let schema = |root: Value| json!({ "type": "json_schema", "json_schema": { "name": "x", "schema": root } });
    let object = schema(json!({ "properties": { "a": {} } }));
    let (body, _) = sent(&hi(&json!({ "response_format": object })), target(MODEL)).unwrap();
    assert_eq!(body["response_format"]["json_schema"]["type"], "object");
    let list = hi(&json!({ "response_format": schema(json!({ "type": "array" })) }));
    assert_eq!(sent(&list, target(MODEL)).unwrap_err().param.as_deref(), Some("response_format"));
    let both = |choice: &str| {
        hi(&json!({ "response_format": object, "tools": [function("f")], "tool_choice": choice }))
    };
    let mistake = sent(&both("auto"), target(MODEL)).unwrap_err();
    assert_eq!(mistake.param.as_deref(), Some("response_format"));
    assert!(mistake.message.contains("while tools are offered"), "{}", mistake.message);
    let dropping = TargetFacts { drop_unsupported: true, ..target(MODEL) };
    let (body, outgoing) = sent(&both("auto"), dropping).unwrap();
    assert!(body.get("response_format").is_none() && body.get("tools").is_some());
    assert_eq!(outgoing.dropped, ["response_format"]);
    let (body, _) = sent(&both("none"), target(MODEL)).unwrap();
    assert!(body.get("response_format").is_some() && body.get("tools").is_none());
}

/// What is sent of the parameters, what is dropped and what is changed, or the parameter that is refused.
#[test]
fn parameters_are_sent_dropped_clamped_or_refused() {
    let cases = [
        (json!({ "temperature": 1.5 }), r#"{"temperature":1.0} - temperature=1"#),
        (json!({ "top_p": 1.0, "top_k": 900 }), r#"{"k":500,"p":0.99} - top_p=0.99,top_k=500"#),
        (
            json!({ "frequency_penalty": -1, "presence_penalty": 0.5 }),
            r#"{"frequency_penalty":0.0,"presence_penalty":0.5} - frequency_penalty=0"#,
        ),
        (json!({ "seed": 7, "max_completion_tokens": 9 }), r#"{"max_tokens":9,"seed":7} - -"#),
        (json!({ "seed": -7 }), "{} seed -"),
        (json!({ "stop": ["a", ""] }), r#"{"stop_sequences":["a"]} stop -"#),
        (json!({ "stop": ["a", "b", "c", "d", "e", "f"] }), "refused stop"),
        (
            json!({ "n": 1, "logprobs": false, "user": "u", "store": true, "service_tier": "auto" }),
            "{} n,logprobs,user,service_tier,store -",
        ),
        (json!({ "n": 2 }), "refused n"),
        (json!({ "logprobs": true }), "refused logprobs"),
        (json!({ "logit_bias": { "1": 2 } }), "refused logit_bias"),
        (json!({ "stream": true }), r#"{"stream":true} - -"#),
    ];
    for (params, expected) in cases {
        let told = match sent(&hi(&params), target(MODEL)) {
            Ok((mut body, outgoing)) => {
                let members = body.as_object_mut().unwrap();
                members.remove("messages");
                assert_eq!(members.remove("model"), Some(json!(MODEL)));
                let list =
                    |all: &[String]| if all.is_empty() { "-".to_owned() } else { all.join(",") };
                format!("{body} {} {}", list(&outgoing.dropped), list(&outgoing.clamped))
            }
            Err(mistake) => format!("refused {}", mistake.param.unwrap_or_default()),
        };
        assert_eq!(told, expected, "{params}");
    }
    let facts = TargetFacts { max_output: Some(50), model_max_output: Some(40), ..target(MODEL) };
    let (body, outgoing) = sent(&hi(&json!({ "max_tokens": 9000 })), facts).unwrap();
    assert_eq!(
        (&body["max_tokens"], outgoing.clamped),
        (&json!(40), vec!["max_tokens=40".to_owned()])
    );
}

#[test]
fn effort_is_a_budget_for_models_that_think() {
    let cases = [
        (
            THINKS,
            json!({ "reasoning_effort": "medium" }),
            json!({ "type": "enabled", "token_budget": 2048 }),
            "",
        ),
        (THINKS, json!({ "reasoning_effort": "high" }), json!({ "type": "enabled" }), ""),
        (THINKS, json!({ "reasoning_effort": "none" }), json!({ "type": "disabled" }), ""),
        (
            THINKS,
            json!({ "reasoning_effort": "low", "max_tokens": 600 }),
            json!({ "type": "enabled", "token_budget": 300 }),
            "thinking.token_budget=300",
        ),
        (MODEL, json!({ "reasoning_effort": "high" }), Value::Null, "reasoning_effort"),
        (MODEL, json!({ "reasoning_effort": "none" }), Value::Null, ""),
    ];
    for (model, params, thinking, reported) in cases {
        let (body, outgoing) = sent(&hi(&params), target(model)).unwrap();
        assert_eq!(body["thinking"], thinking, "{model} {params}");
        assert_eq!([outgoing.dropped, outgoing.clamped].concat().join(","), reported);
    }
    let facts = TargetFacts { reasoning: Some(true), ..target(MODEL) };
    let (body, _) = sent(&hi(&json!({ "reasoning_effort": "low" })), facts).unwrap();
    assert_eq!(body["thinking"]["token_budget"], 1024, "what the target says goes before its name");
}

#[test]
fn what_only_another_format_has_is_refused_or_left_out() {
    let native = Part::new(PartKind::Native(Format::Anthropic, Raw::empty_object()));
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![native.clone(), Part::text("a")]),
        Turn::new(Role::User, vec![Part::text("q2")]),
    ];
    let (_, outgoing) = written(&conversation, target(MODEL)).unwrap();
    assert_eq!(outgoing.dropped, ["messages"]);
    conversation.turns[2].parts.push(native);
    assert_eq!(
        written(&conversation, target(MODEL)).unwrap_err().param.as_deref(),
        Some("messages")
    );
    conversation.turns.truncate(1);
    for kind in [ToolKind::Native(Raw::empty_object()), ToolKind::Custom { format: None }] {
        conversation.tools = vec![Tool {
            name: "t".to_owned(),
            description: None,
            kind,
            cache: None,
            extra: Vec::new(),
        }];
        assert_eq!(
            written(&conversation, target(MODEL)).unwrap_err().param.as_deref(),
            Some("tools")
        );
    }
    conversation.tools.clear();
    conversation.turns.push(Turn::new(Role::Assistant, vec![Part::text("Sure:")]));
    assert_eq!(
        written(&conversation, target(MODEL)).unwrap_err().param.as_deref(),
        Some("messages")
    );
}
