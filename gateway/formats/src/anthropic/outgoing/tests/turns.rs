use super::*;

#[test]
fn parallel_results_become_one_user_message_before_its_text() {
    let conversation = chat(vec![
        user("q"),
        assistant(vec![call("a", "f"), call("b", "f"), call("c", "f")]),
        Turn::new(Role::User, vec![result("c", "3")]),
        Turn::new(Role::User, vec![result("a", "1")]),
        Turn::new(Role::User, vec![result("b", "2")]),
        user("and?"),
    ]);
    let messages = &body(&conversation, OLD)["messages"];
    assert_eq!(messages.as_array().unwrap().len(), 3);
    assert_eq!(
        messages[2],
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"},
            {"type": "tool_result", "tool_use_id": "b", "content": "2"},
            {"type": "tool_result", "tool_use_id": "c", "content": "3"},
            {"type": "text", "text": "and?"},
        ]})
    );
}

#[test]
fn broken_histories_are_repaired() {
    let lost = chat(vec![
        assistant(vec![Part::text("hello")]),
        user(" "),
        assistant(vec![call("a", "f")]),
        user("next"),
        Turn::new(Role::User, vec![result("nobody", "?")]),
    ]);
    let messages = &body(&lost, OLD)["messages"];
    assert_eq!(messages[0], json!({"role": "user", "content": "."}));
    assert_eq!(messages[2], json!({"role": "user", "content": "."}));
    let last = messages[4]["content"].as_array().unwrap();
    assert_eq!((last.len(), &last[0]["is_error"]), (2, &json!(true)));
    let image = Media::of_url(MediaKind::Image, "https://x/y.png");
    let only = Turn::new(Role::User, vec![Part::text(""), Part::new(PartKind::Media(image))]);
    let messages = &body(&chat(vec![only]), OLD)["messages"];
    assert_eq!(messages[0]["content"].as_array().unwrap().len(), 1);
}

#[test]
fn ids_are_made_legal_and_unique_with_their_results() {
    let turns = vec![
        user("q"),
        assistant(vec![call("call:1", "f"), call("0", "f"), call("0", "g")]),
        Turn::new(Role::User, vec![result("call:1", "x"), result("0", "y"), result("0", "z")]),
        assistant(vec![call("0", "f")]),
        Turn::new(Role::User, vec![result("0", "again")]),
    ];
    let first = body(&chat(turns.clone()), OLD);
    assert_eq!(first, body(&chat(turns), OLD), "the same each time, for prompt caches");
    let messages = first["messages"].as_array().unwrap();
    let ids = |message: &Value, name: &str| -> Vec<String> {
        let blocks = message["content"].as_array().unwrap().iter();
        blocks.map(|block| block[name].as_str().unwrap().to_owned()).collect()
    };
    let calls: Vec<String> = [ids(&messages[1], "id"), ids(&messages[3], "id")].concat();
    let results: Vec<String> =
        [ids(&messages[2], "tool_use_id"), ids(&messages[4], "tool_use_id")].concat();
    assert_eq!(calls, results);
    let unique: std::collections::HashSet<&String> = calls.iter().collect();
    assert_eq!(unique.len(), 4, "{calls:?}");
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(calls.iter().all(|id| id.chars().all(legal)), "{calls:?}");
    assert_eq!(messages[2]["content"][1]["content"], "y");
}

#[test]
fn reasoning_that_others_signed_is_left_out() {
    let of = |signature| Part::new(PartKind::Reasoning { text: "hm".into(), signature });
    let conversation = chat(vec![
        user("q"),
        assistant(vec![
            of(None),
            of(Some(Signature::new(Format::Gemini, "g"))),
            Part::new(PartKind::Sealed(Signature::new(Format::OpenaiResponses, "r"))),
            Part::text("a"),
        ]),
        user("more"),
        assistant(vec![of(None)]),
        user("?"),
    ]);
    let messages = &body(&conversation, OLD)["messages"];
    assert_eq!(
        messages,
        &json!([
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": "more"}, {"type": "text", "text": "?"}]},
        ])
    );
}

#[test]
fn an_answer_is_begun_for_models_that_go_on_from_it() {
    let conversation = chat(vec![user("q"), assistant(vec![Part::text("The answer is \n")])]);
    let messages = &body(&conversation, OLD)["messages"];
    assert_eq!(messages[1]["content"], "The answer is");
    assert_eq!(refused(&conversation, "claude-sonnet-4-6").as_deref(), Some("messages"));
    let lenient = TargetFacts { drop_unsupported: true, ..target("claude-opus-5") };
    let (body, _) = sent(&conversation, lenient).unwrap();
    assert_eq!(body["messages"][2], json!({"role": "user", "content": "Continue."}));
    let thinking =
        Conversation { reasoning: effort(Effort::High), max_output: Some(9000), ..conversation };
    let (body, outgoing) = sent(&thinking, target(OLD)).unwrap();
    assert_eq!(
        (&body["thinking"], outgoing.dropped),
        (&json!(null), vec!["reasoning_effort".to_owned()])
    );
    let paused =
        Raw::parse(r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#);
    let paused = Part::new(PartKind::Native(Format::Anthropic, paused.unwrap()));
    let own = Conversation {
        origin: Format::Anthropic,
        ..chat(vec![user("q"), assistant(vec![paused])])
    };
    assert!(sent(&own, target("claude-opus-5")).is_ok(), "a paused turn goes on");
}

#[test]
fn late_system_texts_stay_where_models_take_them() {
    let system = |text: &str| Turn::new(Role::System, vec![Part::text(text)]);
    let turns = vec![
        system("s1"),
        system("s2"),
        user("a"),
        system("l1"),
        system("l2"),
        assistant(vec![Part::text("b")]),
        system("odd"),
        user("c"),
        system("end"),
    ];
    let new = body(&chat(turns.clone()), "claude-opus-5");
    assert_eq!(
        new["system"],
        json!([{"type": "text", "text": "s1"}, {"type": "text", "text": "s2"}])
    );
    let late = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        new["messages"],
        json!([
            {"role": "user", "content": "a"},
            {"role": "system", "content": [late("l1"), late("l2")]},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": [late("odd"), late("c")]},
            {"role": "system", "content": "end"},
        ])
    );
    let old = body(&chat(turns), OLD);
    assert_eq!(
        old["messages"],
        json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": [late("l1"), late("l2"), late("odd"), late("c"), late("end")]},
        ])
    );
}

#[test]
fn of_too_many_cache_marks_the_last_stay() {
    let marked = |text: &str| Part { cache: Some(CacheMark::Default), ..Part::text(text) };
    let mut conversation = chat(vec![
        Turn::new(Role::System, vec![marked("s1"), marked("s2")]),
        Turn::new(
            Role::User,
            vec![marked("u1"), Part { cache: Some(CacheMark::OneHour), ..Part::text("u2") }],
        ),
        assistant(vec![Part::text("a")]),
        Turn::new(Role::User, vec![marked("u3")]),
    ]);
    conversation.tools = vec![Tool { cache: Some(CacheMark::Default), ..tool("f", "{}") }];
    let (body, outgoing) = sent(&conversation, target(OLD)).unwrap();
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    assert_eq!(body["tools"][0]["cache_control"], json!(null));
    assert_eq!(body["system"][0]["cache_control"], json!(null));
    assert_eq!(body["system"][1]["cache_control"], json!({"type": "ephemeral"}));
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(body["messages"][0]["content"][1]["cache_control"], hour);
    assert_eq!(outgoing.dropped, ["cache_control"]);
}

#[test]
fn files_find_their_blocks() {
    let file = |kind, source, mime: &str, name: Option<&str>| {
        Part::new(PartKind::Media(Media {
            kind,
            source,
            mime: Some(mime.into()),
            name: name.map(str::to_owned),
            detail: Some("high".into()),
        }))
    };
    let png = "iVBORw0KGgoAAAANSUhEUgAA";
    let parts = vec![
        file(MediaKind::Image, Source::Base64(png.into()), "image/jpg", None),
        file(MediaKind::Image, Source::Url("https://x/y".into()), "image/png", None),
        file(
            MediaKind::Document,
            Source::Base64("JVBERi0xLjc=".into()),
            "application/pdf",
            Some("a.pdf"),
        ),
        file(MediaKind::Document, Source::Base64("aGk=".into()), "text/markdown", None),
    ];
    let (body, outgoing) = sent(&chat(vec![Turn::new(Role::User, parts)]), target(OLD)).unwrap();
    assert_eq!(outgoing.dropped, ["detail"]);
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
            {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="}, "title": "a.pdf"},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        ])
    );
}

#[test]
fn signed_reasoning_leaves_behind_what_only_the_apps_format_has() {
    let signature = Signature { by: Format::Anthropic, data: "sig".to_owned() };
    let kind = PartKind::Reasoning { text: "hm".to_owned(), signature: Some(signature) };
    // Codex sends `content: null` beside the summary.
    let extra = vec![("content".to_owned(), Raw::parse("null").unwrap())];
    let thought = Part { kind, cache: None, extra };
    let mut conversation = chat(vec![user("q"), assistant(vec![thought, call("a", "f")])]);
    conversation.origin = Format::OpenaiResponses;
    let block = &body(&conversation, OLD)["messages"][1]["content"][0];
    assert_eq!(*block, json!({"type": "thinking", "thinking": "hm", "signature": "sig"}));
}
