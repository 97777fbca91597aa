use super::*;
use crate::{
    bedrock::testing::exchanges,
    conversation::{
        CacheMark, Effort, Output, PartKind, Reasoning, ReasoningMode, Signature, TargetFacts,
        Tool, ToolChoice, ToolKind,
    },
    json::{Raw, compact},
    openai_chat,
};
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

mod any;
mod checking;
mod tools;
mod turns;

use checking::check;

const SONNET: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "us.amazon.nova-2-lite-v1:0";
const MISTRAL: &str = "mistral.mistral-large-2407-v1:0";
const LLAMA: &str = "meta.llama3-1-70b-instruct-v1:0";

fn target(model: &str) -> TargetFacts<'_> {
    TargetFacts { json_schema: Some(true), ..TargetFacts::new(ProviderKind::Bedrock, model) }
}

/// A chat completion as an app sends it, and what Bedrock gets of it.
fn sent(app: &Value, target: TargetFacts) -> Result<(Value, Outgoing), Mistake> {
    let mut app = app.clone();
    let model = app["model"].as_str().unwrap_or(target.upstream_model).to_owned();
    app["model"] = json!(model);
    let conversation = openai_chat::read_request(app.to_string().as_bytes()).unwrap();
    written(&conversation, target)
}

fn written(conversation: &Conversation, target: TargetFacts) -> Result<(Value, Outgoing), Mistake> {
    let outgoing = write_request(conversation, Fit::new(target))?;
    let body = serde_json::from_slice(&outgoing.body).unwrap();
    check(&body);
    Ok((body, outgoing))
}

/// A request of one user turn with more members.
fn hi(more: &Value) -> Value {
    let mut app = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    app.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app
}

/// To the letter, but for white space: caches and signatures depend on the order of members. `UPDATE_GOLDEN=1` writes the
/// requests instead of comparing them.
#[test]
fn recorded_chat_completions_become_the_recorded_requests() {
    for (name, path) in exchanges() {
        let app = std::fs::read(path.join("app.json")).unwrap();
        let conversation = openai_chat::read_request(&app).unwrap();
        let fit = Fit::new(target(&conversation.model));
        let body = write_request(&conversation, fit).unwrap().body;
        check(&serde_json::from_slice(&body).unwrap());
        let file = path.join("request.json");
        #[expect(clippy::disallowed_methods, reason = "a switch for whoever records anew")]
        let record = std::env::var_os("UPDATE_GOLDEN").is_some();
        if record {
            std::fs::write(&file, &body).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap();
        assert_eq!(compact(std::str::from_utf8(&body).unwrap()), compact(&expected), "{name}");
    }
}

/// What is sent of the parameters, what is dropped and what is changed, or the parameter that is refused.
#[test]
fn parameters_are_sent_dropped_clamped_or_refused_as_the_model_takes_them() {
    let cases = [
        (
            SONNET,
            json!({ "temperature": 1.5, "max_tokens": 10 }),
            r#"{"inferenceConfig":{"maxTokens":10,"temperature":1.0}} - temperature=1"#,
        ),
        (
            SONNET,
            json!({ "stop": ["a", " "], "top_p": 0.5 }),
            r#"{"additionalModelResponseFieldPaths":["/stop_sequence"],"inferenceConfig":{"stopSequences":["a"],"topP":0.5}} stop -"#,
        ),
        (
            SONNET,
            json!({ "top_k": 5, "seed": 1, "user": "u-1" }),
            r#"{"additionalModelRequestFields":{"top_k":5},"requestMetadata":{"user":"u-1"}} seed -"#,
        ),
        (
            NOVA,
            json!({ "top_k": 5, "n": 1, "store": true }),
            r#"{"additionalModelRequestFields":{"inferenceConfig":{"topK":5}}} n,store -"#,
        ),
        (
            MISTRAL,
            json!({ "top_k": 5, "service_tier": "flex" }),
            r#"{"additionalModelRequestFields":{"top_k":5},"serviceTier":{"type":"flex"}} - -"#,
        ),
        (LLAMA, json!({ "top_k": 5, "service_tier": "auto" }), "{} top_k,service_tier -"),
        (
            "anthropic.claude-opus-4-7",
            json!({ "temperature": 0.5, "top_p": 0.5, "top_k": 5 }),
            "{} temperature,top_p,top_k -",
        ),
        (
            SONNET,
            json!({ "temperature": 0.5, "top_p": 0.5 }),
            r#"{"inferenceConfig":{"temperature":0.5}} top_p -"#,
        ),
        (SONNET, json!({ "n": 2 }), "refused n"),
        (SONNET, json!({ "logprobs": true }), "refused logprobs"),
        (SONNET, json!({ "logit_bias": { "1": 1 } }), "refused logit_bias"),
        (SONNET, json!({ "presence_penalty": 1 }), "refused presence_penalty"),
        (SONNET, json!({ "web_search_options": { "a": 1 } }), "refused web_search_options"),
        (
            SONNET,
            json!({ "parallel_tool_calls": false, "tool_choice": "auto" }),
            "{} tool_choice,parallel_tool_calls -",
        ),
        (
            SONNET,
            json!({ "user": "Jürgen" }),
            r#"{"requestMetadata":{"user":"c58fb672c97fba72a3a3f7f01b564d56"}} - -"#,
        ),
    ];
    for (model, params, expected) in cases {
        let told = match sent(&hi(&params), target(model)) {
            Ok((mut body, outgoing)) => {
                body.as_object_mut().unwrap().remove("messages");
                let list =
                    |all: &[String]| if all.is_empty() { "-".to_owned() } else { all.join(",") };
                format!("{body} {} {}", list(&outgoing.dropped), list(&outgoing.clamped))
            }
            Err(mistake) => format!("refused {}", mistake.param.unwrap_or_default()),
        };
        assert_eq!(told, expected, "{model} {params}");
    }
}

#[test]
fn limits_come_from_the_gateway_the_app_and_the_model() {
    let asked = hi(&json!({ "max_tokens": 5000 }));
    let facts = TargetFacts { max_output: Some(700), ..target(SONNET) };
    assert_eq!(sent(&asked, facts).unwrap().0["inferenceConfig"]["maxTokens"], 700);
    let facts = TargetFacts { model_max_output: Some(4096), ..target(LLAMA) };
    let (body, outgoing) = sent(&asked, facts).unwrap();
    assert_eq!(body["inferenceConfig"]["maxTokens"], 4096);
    assert_eq!(outgoing.clamped, ["max_tokens=4096"]);
    assert_eq!(sent(&hi(&json!({})), target(SONNET)).unwrap().0.get("inferenceConfig"), None);
}

/// Reasoning in the words of each family.
#[test]
fn effort_is_told_as_each_family_takes_it() {
    let fields = |value: Value| json!({ "additionalModelRequestFields": value });
    let budget = |tokens| json!({ "thinking": { "type": "enabled", "budget_tokens": tokens } });
    let nova = |word| {
        fields(json!({ "reasoningConfig": { "type": "enabled", "maxReasoningEffort": word } }))
    };
    let adaptive = |effort| json!({ "additionalModelRequestFields": { "thinking": { "type": "adaptive" } }, "outputConfig": { "effort": effort } });
    let cases = [
        (
            SONNET,
            "medium",
            json!({ "additionalModelRequestFields": budget(2048), "inferenceConfig": { "maxTokens": 6144 } }),
        ),
        ("anthropic.claude-sonnet-4-6", "high", adaptive("high")),
        ("anthropic.claude-opus-4-7", "minimal", adaptive("low")),
        (
            "anthropic.claude-opus-4-7",
            "none",
            fields(json!({ "thinking": { "type": "disabled" } })),
        ),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "high", json!({})),
        (NOVA, "low", nova("low")),
        (NOVA, "xhigh", nova("high")),
        (NOVA, "none", fields(json!({ "reasoningConfig": { "type": "disabled" } }))),
        ("openai.gpt-oss-20b-1:0", "xhigh", fields(json!({ "reasoning_effort": "high" }))),
        ("us.openai.gpt-6-sol", "none", fields(json!({ "reasoning": { "effort": "none" } }))),
        (MISTRAL, "high", json!({})),
    ];
    for (model, effort, expected) in cases {
        let (mut body, _) =
            sent(&hi(&json!({ "reasoning_effort": effort })), target(model)).unwrap();
        body.as_object_mut().unwrap().remove("messages");
        assert_eq!(body, expected, "{model} {effort}");
    }
}

/// A budget rests on the limit of the answer's tokens, so that the effort yields and not the limit.
#[test]
fn nova_reasons_less_where_the_answer_is_limited() {
    let app = hi(&json!({ "reasoning_effort": "high", "max_tokens": 900, "temperature": 0.5 }));
    let (body, outgoing) = sent(&app, target(NOVA)).unwrap();
    assert_eq!(body["inferenceConfig"], json!({ "maxTokens": 900, "temperature": 0.5 }));
    let config = &body["additionalModelRequestFields"]["reasoningConfig"];
    assert_eq!(config["maxReasoningEffort"], "medium");
    assert_eq!(outgoing.clamped, ["reasoning_effort=medium"]);
    let app = hi(&json!({ "reasoning_effort": "high", "temperature": 0.5 }));
    let (body, outgoing) = sent(&app, target(NOVA)).unwrap();
    assert_eq!(body.get("inferenceConfig"), None);
    assert_eq!(outgoing.dropped, ["temperature"]);
}

#[test]
fn what_an_app_of_anthropics_format_says_of_thinking_reaches_claude() {
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns.push(Turn::new(Role::User, vec![Part::text("q")]));
    conversation.max_output = Some(8000);
    let reasoning = Reasoning {
        budget: Some(4000),
        mode: Some(ReasoningMode::Enabled),
        show: Some(false),
        ..Reasoning::default()
    };
    conversation.reasoning = Some(reasoning);
    let betas = "interleaved-thinking-2025-05-14, claude-code-20250219,context-1m-2025-08-07";
    conversation.headers.push(("anthropic-beta".to_owned(), betas.to_owned()));
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    let expected = json!({
        "thinking": { "type": "enabled", "budget_tokens": 4000, "display": "omitted" },
        "anthropic_beta": ["interleaved-thinking-2025-05-14", "context-1m-2025-08-07"],
    });
    assert_eq!(body["additionalModelRequestFields"], expected);
    let (body, _) = written(&conversation, target(LLAMA)).unwrap();
    assert_eq!(body.get("additionalModelRequestFields"), None);
}

#[test]
fn cache_points_stand_behind_what_is_cached_and_are_four_at_most() {
    let marked = |text: &str, mark| Part { cache: Some(mark), ..Part::text(text) };
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![
        Turn::new(Role::System, vec![marked("rules", CacheMark::OneHour)]),
        Turn::new(Role::User, vec![marked("a", CacheMark::Default), Part::text("b")]),
    ];
    conversation.tools = vec![Tool {
        name: "f".to_owned(),
        description: None,
        kind: ToolKind::Function { parameters: None, strict: None },
        cache: Some(CacheMark::FiveMinutes),
        extra: Vec::new(),
    }];
    let point = json!({ "cachePoint": { "type": "default" } });
    let hour = json!({ "cachePoint": { "type": "default", "ttl": "1h" } });
    let (body, outgoing) = written(&conversation, target(SONNET)).unwrap();
    assert_eq!(body["system"], json!([{ "text": "rules" }, hour]));
    assert_eq!(body["messages"][0]["content"], json!([{ "text": "a" }, point, { "text": "b" }]));
    assert_eq!(body["toolConfig"]["tools"][1], point);
    assert!(outgoing.dropped.is_empty() && outgoing.clamped.is_empty());

    let (body, outgoing) = written(&conversation, target(NOVA)).unwrap();
    assert_eq!(body["system"], json!([{ "text": "rules" }, point]), "Nova knows five minutes");
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 1, "and marks no tools");
    assert_eq!(outgoing.dropped, ["cache_control"]);
    assert_eq!(outgoing.clamped, ["cache_control.ttl=5m"]);

    let (body, outgoing) = written(&conversation, target(LLAMA)).unwrap();
    assert!(!body.to_string().contains("cachePoint"));
    assert_eq!(outgoing.dropped, ["cache_control"]);

    let many: Vec<Part> = (0..6).map(|n| marked(&n.to_string(), CacheMark::Default)).collect();
    conversation.turns = vec![Turn::new(Role::User, many)];
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    let kinds = body["messages"][0]["content"].as_array().unwrap().iter();
    let kinds: String = kinds.map(|block| block["text"].as_str().unwrap_or("!")).collect();
    assert_eq!(kinds, "012!3!4!5!", "the last ones save the most");
}

#[test]
fn an_answer_by_schema_is_native_or_forced_or_asked_for_in_words() {
    let schema = |root: Value| {
        hi(
            &json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": root } } }),
        )
    };
    let object = schema(
        json!({ "type": "object", "properties": { "a": { "type": "integer", "minimum": 1 } } }),
    );
    let (body, _) = sent(&object, target(SONNET)).unwrap();
    let format = &body["outputConfig"]["textFormat"];
    assert_eq!(format["type"], "json_schema");
    let definition = &format["structure"]["jsonSchema"];
    let text: Value = serde_json::from_str(definition["schema"].as_str().unwrap()).unwrap();
    assert_eq!((&definition["name"], &text["additionalProperties"]), (&json!("x"), &json!(false)));
    assert!(text["properties"]["a"]["description"].as_str().unwrap().contains("minimum"), "{text}");

    let unknown = TargetFacts { json_schema: None, ..target(SONNET) };
    for facts in [
        unknown,
        target("anthropic.claude-opus-4-7"),
        target(NOVA),
        target("anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ] {
        let (body, _) = sent(&object, facts).unwrap();
        assert_eq!(
            body["toolConfig"]["toolChoice"],
            json!({ "tool": { "name": "tollgate_json_answer" } })
        );
        assert_eq!(body.get("outputConfig"), None);
    }
    let list = schema(json!({ "type": "array", "items": { "type": "integer" } }));
    let (body, _) = sent(&list, unknown).unwrap();
    let spec = &body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(spec["name"], "tollgate_json_value");
    assert_eq!(spec["inputSchema"]["json"]["required"], json!(["value"]));

    let (body, _) = sent(&object, TargetFacts { json_schema: None, ..target(LLAMA) }).unwrap();
    assert_eq!(body.get("toolConfig"), None, "Llama cannot be forced");
    assert!(body["system"][0]["text"].as_str().unwrap().contains(r#""minimum":1"#));
    let mut thinking = object.clone();
    thinking["reasoning_effort"] = json!("low");
    let (body, _) = sent(&thinking, unknown).unwrap();
    assert_eq!(body.get("toolConfig"), None, "Claude is not forced while it thinks");
    let any = hi(&json!({ "response_format": { "type": "json_object" } }));
    let (body, _) = sent(&any, target(SONNET)).unwrap();
    assert!(body["system"][0]["text"].as_str().unwrap().contains("one JSON object"));
}

#[test]
fn openais_metadata_goes_along_as_far_as_it_is_legal() {
    let many: serde_json::Map<String, Value> =
        (0..20).map(|n| (format!("key{n:02}"), json!("v"))).collect();
    let app = hi(&json!({ "user": "u", "metadata": many }));
    let (body, outgoing) = sent(&app, target(SONNET)).unwrap();
    assert_eq!(body["requestMetadata"].as_object().unwrap().len(), 16);
    assert_eq!(outgoing.dropped, ["metadata"]);
    let app = hi(&json!({ "metadata": { "a": "b c", "ü": "x", "c": "{}", "d": 7 } }));
    let (body, outgoing) = sent(&app, target(SONNET)).unwrap();
    assert_eq!(body["requestMetadata"], json!({ "a": "b c" }));
    assert_eq!(outgoing.dropped, ["metadata"]);
}

#[test]
fn an_answer_by_schema_and_thinking_do_not_force_a_named_tool_away() {
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns.push(Turn::new(Role::User, vec![Part::text("q")]));
    let schema =
        Raw::parse(r#"{"type":"object","additionalProperties":{"type":"string"}}"#).unwrap();
    conversation.output =
        Output::JsonSchema { name: None, description: None, schema, strict: None };
    conversation.tools = vec![tools::function("f")];
    conversation.tool_choice = Some(ToolChoice::Named("f".to_owned()));
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    assert_eq!(body["toolConfig"]["toolChoice"], json!({ "tool": { "name": "f" } }));
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON Schema"));
    conversation.tool_choice = None;
    let (body, _) = written(&conversation, target(SONNET)).unwrap();
    assert_eq!(body["toolConfig"]["toolChoice"], json!({ "any": {} }), "a tool or the answer");
    assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), 2);
    let mode = Some(ReasoningMode::Adaptive);
    conversation.reasoning = Some(Reasoning { mode, ..Reasoning::default() });
    let (body, _) = written(&conversation, target("anthropic.claude-sonnet-4-6")).unwrap();
    assert_eq!(body["toolConfig"].get("toolChoice"), None, "not while Claude thinks");
}
