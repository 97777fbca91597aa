use super::*;
use crate::{
    conversation::{
        CacheMark, Media, MediaKind, Output, Part, PartKind, Reasoning, Role, Signature, Source,
        TargetFacts, Tool, ToolChoice, ToolKind,
    },
    json::Raw,
    openai_responses::read_request,
};
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

fn facts(model: &str) -> TargetFacts<'_> {
    TargetFacts::new(ProviderKind::Openai, model)
}

fn sent(conversation: &Conversation, model: &str) -> Outgoing {
    write_request(conversation, Fit::new(facts(model))).expect("a request")
}

fn body(conversation: &Conversation, model: &str) -> Value {
    serde_json::from_slice(&sent(conversation, model).body).expect("JSON")
}

fn chat() -> Conversation {
    let mut conversation = Conversation::new(Format::OpenaiChat, "alias");
    conversation.turns.push(Turn::new(Role::User, vec![Part::text("q")]));
    conversation
}

fn call(id: &str, custom: bool) -> Part {
    Part::new(PartKind::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: if custom { "select".into() } else { "{\"x\":1}".into() },
        custom,
        signature: None,
    })
}

fn result(id: &str) -> Part {
    let parts = vec![Part::text("42")];
    Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
}

fn function(name: &str, strict: Option<bool>) -> Tool {
    let parameters = Raw::parse(r#"{"type":"object"}"#);
    let kind = ToolKind::Function { parameters, strict };
    Tool { name: name.into(), description: None, kind, cache: None, extra: Vec::new() }
}

#[test]
fn chat_messages_become_items() {
    let mut conversation = chat();
    conversation.turns = vec![
        Turn::new(Role::System, vec![Part::text("s")]),
        Turn::new(Role::Developer, vec![Part::text("d")]),
        Turn::new(
            Role::User,
            vec![
                Part::text("look"),
                Part::new(PartKind::Media(Media::of_url(MediaKind::Image, "https://x/y.png"))),
            ],
        ),
        Turn::new(Role::Assistant, vec![Part::text("a"), call("c1", false), call("c2", true)]),
        Turn::new(Role::User, vec![result("c1")]),
        Turn::new(Role::User, vec![result("c2"), Part::text("go on")]),
    ];
    let body = body(&conversation, "gpt-5.4");
    assert_eq!(
        body["input"],
        json!([
            {"type": "message", "role": "system", "content": "s"},
            {"type": "message", "role": "developer", "content": "d"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"}
            ]},
            {"type": "message", "role": "assistant", "content": "a"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\":1}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "f", "input": "select"},
            {"type": "function_call_output", "call_id": "c1", "output": "42"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "42"},
            {"type": "message", "role": "user", "content": "go on"}
        ])
    );
    assert_eq!(body["model"], "gpt-5.4");
    assert_eq!(
        (&body["store"], &body["include"]),
        (&json!(false), &json!(["reasoning.encrypted_content"]))
    );
}

#[test]
fn an_answered_call_is_never_missing_and_an_orphan_never_sent() {
    let mut conversation = chat();
    conversation.turns.extend([
        Turn::new(Role::Assistant, vec![call("c1", false), call("c2", true)]),
        Turn::new(Role::User, vec![result("lost"), result("c1"), result("c1")]),
        Turn::new(Role::Assistant, vec![Part::text("done")]),
    ]);
    let body = body(&conversation, "gpt-4o");
    let told: Vec<_> = body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            format!("{} {}", item["type"].as_str().unwrap(), item["call_id"].as_str().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        told,
        [
            "message ",
            "function_call c1",
            "custom_tool_call c2",
            "custom_tool_call_output c2",
            "function_call_output c1",
            "message "
        ]
    );
}

#[test]
fn reasoning_goes_back_only_to_whom_it_belongs_and_never_last() {
    let own = Signature::new(Format::OpenaiResponses, "E");
    let foreign = Signature::new(Format::Anthropic, "sig");
    let thought = |signature: Option<Signature>| {
        Part::new(PartKind::Reasoning { text: "hm".into(), signature })
    };
    let mut conversation = chat();
    conversation.turns.push(Turn::new(
        Role::Assistant,
        vec![
            thought(Some(own.clone())),
            thought(Some(foreign.clone())),
            thought(None),
            Part::new(PartKind::Sealed(foreign)),
            Part::new(PartKind::Sealed(own.clone())),
            Part::text("a"),
            thought(Some(own)),
        ],
    ));
    let body = body(&conversation, "gpt-5");
    assert_eq!(
        body["input"].as_array().unwrap()[1..],
        [
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "E"}),
            json!({"type": "reasoning", "summary": [], "encrypted_content": "E"}),
            json!({"type": "message", "role": "assistant", "content": "a"}),
        ]
    );
}

#[test]
fn the_parameters_of_chat_completions_have_other_names_here() {
    let mut conversation = chat();
    conversation.max_output = Some(500);
    conversation.sampling.temperature = Some(0.5);
    conversation.reasoning =
        Some(Reasoning { effort: Some(Effort::Minimal), ..Reasoning::default() });
    conversation.output = Output::JsonSchema {
        name: Some("my name".into()),
        description: None,
        schema: Raw::parse(r#"{"type":"object","a":1.0}"#).unwrap(),
        strict: Some(true),
    };
    conversation.stream = true;
    conversation.user = Some("u".repeat(70));
    conversation.service_tier = Some("flex".into());
    conversation.tools = vec![function("f", None), function("g.h", Some(true))];
    conversation.tool_choice = Some(ToolChoice::Named("g.h".into()));
    conversation.parallel_tools = Some(false);
    conversation.extra = vec![
        ("verbosity".into(), Raw::string("low")),
        ("prompt_cache_key".into(), Raw::string("k")),
        ("store".into(), Raw::of(&true)),
    ];
    let outgoing = sent(&conversation, "gpt-5.4");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(body["max_output_tokens"], 500);
    assert!(body.get("temperature").is_none());
    assert_eq!(body["reasoning"], json!({"effort": "none"}));
    assert_eq!(body["text"]["verbosity"], "low");
    assert_eq!(body["text"]["format"]["type"], "json_schema");
    assert!(
        String::from_utf8_lossy(&outgoing.body).contains(r#""schema":{"type":"object","a":1.0}"#)
    );
    let name = body["tools"][1]["name"].as_str().unwrap();
    assert_eq!(outgoing.names.restored(name), Some("g.h"));
    assert_eq!(body["tool_choice"], json!({"type": "function", "name": name}));
    assert_eq!(
        body["tools"][0],
        json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}),
        "strict would be true if it were not said"
    );
    assert_eq!(body["tools"][1]["strict"], true);
    assert_eq!((&body["parallel_tool_calls"], &body["stream"]), (&json!(false), &json!(true)));
    assert_eq!((&body["prompt_cache_key"], &body["store"]), (&json!("k"), &json!(false)));
    assert_eq!(body["service_tier"], "flex");
    assert!(body["user"].as_str().unwrap().len() <= 64);
    assert!(body.get("stream_options").is_none(), "there is no include_usage here");
    assert_eq!(outgoing.dropped, ["temperature", "store"]);
    assert_eq!(outgoing.clamped, ["reasoning_effort=none"]);
}

#[test]
fn models_that_do_not_reason_are_not_asked_to() {
    let mut conversation = chat();
    conversation.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
    conversation.sampling.temperature = Some(1.5);
    let outgoing = sent(&conversation, "gpt-4o");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert!(body.get("reasoning").is_none() && body.get("include").is_none());
    assert_eq!(body["temperature"], 1.5);
    assert_eq!(outgoing.dropped, ["reasoning_effort"]);
}

#[test]
fn what_cannot_be_honoured_is_refused_or_dropped_with_a_word() {
    type Change = fn(&mut Conversation);
    let cases: [(&str, Change); 8] = [
        ("n", |it| it.sampling.choices = Some(2)),
        ("stop", |it| it.sampling.stop = vec!["x".into()]),
        ("logit_bias", |it| it.sampling.logit_bias = Raw::parse(r#"{"5":-100}"#)),
        ("logprobs", |it| it.sampling.logprobs = Some(true)),
        ("audio", |it| it.extra = vec![("audio".into(), Raw::of(&[1]))]),
        ("modalities", |it| it.extra = vec![("modalities".into(), Raw::of(&["text", "audio"]))]),
        ("web_search_options", |it| it.extra = vec![("web_search_options".into(), Raw::of(&[1]))]),
        ("tools", |it| {
            let kind = ToolKind::Native(Raw::empty_object());
            it.tools = vec![Tool { kind, ..function("", None) }];
        }),
    ];
    for (param, change) in cases {
        let mut conversation = chat();
        change(&mut conversation);
        let mistake = write_request(&conversation, Fit::new(facts("gpt-5"))).expect_err(param);
        assert_eq!(
            (mistake.code, mistake.param.as_deref()),
            ("unsupported_parameter", Some(param))
        );
        let lenient = TargetFacts { drop_unsupported: true, ..facts("gpt-5") };
        let outgoing = write_request(&conversation, Fit::new(lenient)).unwrap();
        assert!(outgoing.dropped.iter().any(|dropped| dropped == param), "{param}");
    }
}

#[test]
fn hints_and_defaults_go_away_with_a_word() {
    let mut conversation = chat();
    conversation.sampling.choices = Some(1);
    conversation.sampling.seed = Some(7);
    conversation.sampling.frequency_penalty = Some(0.0);
    conversation.sampling.logit_bias = Some(Raw::empty_object());
    conversation.sampling.logprobs = Some(false);
    conversation.tool_choice = Some(ToolChoice::Auto);
    conversation.parallel_tools = Some(true);
    let mut user = Part::text("q");
    user.cache = Some(CacheMark::Default);
    conversation.turns =
        vec![Turn { name: Some("bob".into()), ..Turn::new(Role::User, vec![user]) }];
    let mut dropped = sent(&conversation, "gpt-5").dropped;
    dropped.sort();
    assert_eq!(
        dropped,
        [
            "cache_control",
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "n",
            "name",
            "parallel_tool_calls",
            "seed",
            "tool_choice"
        ]
    );
}

#[test]
fn a_limit_below_the_least_is_raised_and_one_above_the_most_lowered() {
    let mut conversation = chat();
    conversation.max_output = Some(5);
    let outgoing = sent(&conversation, "gpt-5");
    assert_eq!(outgoing.clamped, ["max_tokens=16"]);
    conversation.max_output = Some(50_000);
    let most = TargetFacts { model_max_output: Some(4096), ..facts("gpt-5") };
    let outgoing = write_request(&conversation, Fit::new(most)).unwrap();
    assert_eq!(outgoing.clamped, ["max_tokens=4096"]);
}

#[test]
fn log_probabilities_are_included_by_name() {
    let mut conversation = chat();
    conversation.sampling.logprobs = Some(true);
    conversation.sampling.top_logprobs = Some(3);
    let body = body(&conversation, "gpt-4o");
    assert_eq!(
        (&body["include"], &body["top_logprobs"]),
        (&json!(["message.output_text.logprobs"]), &json!(3))
    );
}

#[test]
fn long_ids_are_shortened_alike_in_call_and_result() {
    let long = "toolu_".repeat(20);
    let mut conversation = chat();
    conversation.turns.push(Turn::new(Role::Assistant, vec![call(&long, false)]));
    conversation.turns.push(Turn::new(Role::User, vec![result(&long)]));
    let body = body(&conversation, "gpt-5");
    let id = body["input"][1]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64);
    assert_eq!(body["input"][2]["call_id"], id);
}

#[test]
fn images_in_results_stay_where_they_are_and_texts_of_files_are_texts() {
    let media = |kind, source| {
        let media = Media { source, mime: None, name: Some("n.txt".into()), detail: None, kind };
        Part::new(PartKind::Media(media))
    };
    let parts = vec![
        media(MediaKind::Image, Source::Base64("iVBORw0KGgoAAAANSUhEUgAA".into())),
        media(MediaKind::Document, Source::Text("words".into())),
        Part::new(PartKind::Native(
            Format::Anthropic,
            Raw::parse(r#"{"type":"search_result"}"#).unwrap(),
        )),
    ];
    let kind = PartKind::ToolResult { id: "c1".into(), name: None, parts, error: true };
    let mut conversation = chat();
    conversation.origin = Format::Anthropic;
    conversation.turns.push(Turn::new(Role::Assistant, vec![call("c1", false)]));
    conversation.turns.push(Turn::new(Role::User, vec![Part::new(kind)]));
    assert_eq!(
        body(&conversation, "gpt-5")["input"][2]["output"],
        json!([
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA", "detail": "auto"},
            {"type": "input_text", "text": "n.txt:\nwords"},
            {"type": "input_text", "text": "{\"type\":\"search_result\"}"}
        ])
    );
}

#[test]
fn ids_that_we_made_are_not_sent_to_a_provider_which_would_look_for_them() {
    let input = json!([
        {"role": "user", "content": "q"},
        {"type": "reasoning", "id": "rs_tg01", "summary": [{"type": "summary_text", "text": "of another provider"}]},
        {"type": "message", "id": "msg_tg02", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "reasoning", "id": "rs_68af", "summary": []},
        {"type": "reasoning", "id": "rs_tg03", "summary": [], "encrypted_content": "E"},
        {"type": "function_call", "id": "fc_tg04", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"}
    ]);
    let conversation =
        read_request(json!({"model": "m", "input": input}).to_string().as_bytes()).unwrap();
    let sent = body(&conversation, "gpt-5");
    let ids: Vec<_> =
        sent["input"].as_array().unwrap().iter().map(|item| item["id"].as_str()).collect();
    assert_eq!(ids, [None, None, Some("rs_68af"), None, None, None]);
    assert_eq!(sent["input"][1]["status"], "completed");
    assert_eq!(sent["input"][3]["encrypted_content"], "E");
    let stored = stored_items(&conversation);
    assert!(
        stored.contains("rs_tg01") && stored.contains("msg_tg02"),
        "our own store loses nothing"
    );
}

#[test]
fn order_and_digits_of_what_is_carried_stay_as_they_came() {
    let body = r#"{"model":"m","input":[{"type":"compaction","z":1.0,"a":12345678901234567890}],"tools":[{"type":"function","name":"f","parameters":{"z":1.0,"a":{}},"strict":false}],"x_new":{"z":1e2,"a":1.0}}"#;
    let conversation = read_request(body.as_bytes()).unwrap();
    let sent = sent(&conversation, "m");
    assert_eq!(String::from_utf8_lossy(&sent.body), body);
}
