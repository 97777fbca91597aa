//! Bugs that gateways like this one were seen to have, each as a test of whole conversions. Bug 4 (usage that was never
//! asked for) is also in `tests/e2e/chat.rs` and `tests/e2e/faults.rs`, where it is charged; bug 19 (an app that leaves)
//! needs a running gateway and is in `tests/e2e/faults.rs`.

#[path = "classic_bugs/requests.rs"]
mod requests;
mod support;

use serde_json::{Value, json};
use support::{
    PROVIDERS, answered, chat, check_chat_grammar, check_messages_grammar, drive, events,
    exchanges, messages, request, sent, sent_to, stream_bytes, streamed,
};
use tollgate_contract::provider::ProviderKind;
use tollgate_formats::{
    bedrock::{self, sigv4},
    conversation::{Event, Fit, Format, TargetFacts},
    facts::Api,
    openai_chat,
};

/// The usage that chat apps are told at the end of a stream.
fn usage_of(events: &[Event]) -> Value {
    let all = messages(&streamed("chat", events));
    all[all.len() - 2]["usage"].clone()
}

/// Chunks of one chat stream.
fn chunk(delta: Value, finish: Option<&str>) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn usage_chunk() -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [],
        "usage": {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}})
}

/// A call and what it gave, in the words of chat apps.
fn called(id: &str, name: &str, arguments: &str, result: &str) -> Value {
    json!([
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null,
            "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": id, "content": result},
    ])
}

fn function(name: &str, parameters: Value) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": parameters}})
}

/// Bug 1.
#[test]
fn cached_tokens_are_in_the_prompt_once() {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x",
        "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 7}});
    let chat = &answered(Format::Anthropic, &body, "chat")["usage"];
    assert_eq!((&chat["prompt_tokens"], &chat["total_tokens"]), (&json!(105), &json!(112)));
    assert_eq!(chat["prompt_tokens_details"]["cached_tokens"], 90);
    let back = &answered(Format::Anthropic, &body, "messages")["usage"];
    for (name, count) in [
        ("input_tokens", 10),
        ("cache_read_input_tokens", 90),
        ("cache_creation_input_tokens", 5),
        ("output_tokens", 7),
    ] {
        assert_eq!(back[name], count, "{name}");
    }
}

fn anthropic_stream(delta_usage: Value, blocks: &[Value], reason: &str) -> Vec<Value> {
    let mut all =
        vec![json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
        "role": "assistant", "model": "x", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 25, "output_tokens": 1}}})];
    all.extend_from_slice(blocks);
    all.push(
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": delta_usage}),
    );
    all.push(json!({"type": "message_stop"}));
    all
}

/// Bug 2.
#[test]
fn the_usage_at_the_start_and_at_the_end_of_a_stream_is_not_added_up() {
    for usage in [json!({"output_tokens": 89}), json!({"input_tokens": 25, "output_tokens": 89})] {
        let events = events(Format::Anthropic, &anthropic_stream(usage, &[], "end_turn"));
        let told = usage_of(&events);
        assert_eq!((&told["prompt_tokens"], &told["completion_tokens"]), (&json!(25), &json!(89)));
    }
}

/// Bug 3.
#[test]
fn a_call_of_gemini_ends_as_a_call_although_it_says_stop() {
    let call = json!({"candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}, "index": 0}]});
    let end = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}});
    let events = events(Format::Gemini, &[call, end]);
    for (app, expected) in [
        ("chat", "\"finish_reason\":\"tool_calls\""),
        ("messages", "\"stop_reason\":\"tool_use\""),
        ("responses", "\"type\":\"function_call\""),
    ] {
        assert!(streamed(app, &events).contains(expected), "{app}");
    }
}

/// Bug 4: the usage is asked for whether or not the app wants it, and shown only to those who do.
#[test]
fn a_stream_is_always_asked_for_its_usage() {
    let body = sent(Format::OpenaiChat, &chat(json!({"stream": true})));
    assert_eq!(body["stream_options"]["include_usage"], true);
    let events =
        events(Format::OpenaiChat, &[chunk(json!({"content": "a"}), Some("stop")), usage_chunk()]);
    assert!(events.iter().any(|event| matches!(event, Event::Usage(_))));
    let mut asked = drive::asked();
    asked.include_usage = false;
    let mut writer = openai_chat::Writer::new(asked);
    let mut out = Vec::new();
    for event in &events {
        tollgate_formats::stream::StreamWriter::write(&mut writer, event, &mut out);
    }
    assert!(!String::from_utf8(out).unwrap().contains("prompt_tokens"));
}

/// Bug 5.
#[test]
fn a_message_ends_only_after_the_usage_that_comes_after_the_reason() {
    let chunks =
        [chunk(json!({"content": "a"}), None), chunk(json!({}), Some("stop")), usage_chunk()];
    let stream = streamed("messages", &events(Format::OpenaiChat, &chunks));
    let deltas: Vec<Value> =
        messages(&stream).into_iter().filter(|event| event["type"] == "message_delta").collect();
    assert_eq!(deltas.len(), 1);
    assert_eq!(deltas[0]["usage"]["output_tokens"], 9);
    assert_eq!(deltas[0]["usage"]["input_tokens"], 7);
}

/// Bug 6.
#[test]
fn blocks_do_not_overlap_when_calls_are_mixed() {
    let call = |index: u32, id: Option<&str>, arguments: &str| {
        let function = match id {
            Some(_) => json!({"name": "f", "arguments": arguments}),
            None => json!({"arguments": arguments}),
        };
        chunk(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}),
            None,
        )
    };
    let events = events(
        Format::OpenaiChat,
        &[
            chunk(json!({"role": "assistant", "reasoning_content": "hm"}), None),
            chunk(json!({"content": "text"}), None),
            call(0, Some("a"), ""),
            call(1, Some("b"), "{\"y\""),
            call(0, None, "{\"x\":1}"),
            call(1, None, ":2}"),
            chunk(json!({"content": "more"}), None),
            chunk(json!({}), Some("tool_calls")),
            usage_chunk(),
        ],
    );
    let stream = streamed("messages", &events);
    check_messages_grammar(&stream);
    let mut inputs = [String::new(), String::new()];
    let mut ids = Vec::new();
    for event in messages(&stream) {
        if event["content_block"]["type"] == "tool_use" {
            ids.push(event["content_block"]["id"].clone());
        }
        if let Some(json) = event["delta"]["partial_json"].as_str() {
            inputs[ids.len() - 1].push_str(json);
        }
    }
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(inputs, ["{\"x\":1}", "{\"y\":2}"]);
    check_chat_grammar(&streamed("chat", &events));
}

/// Bug 7.
#[test]
fn calls_are_counted_from_zero_whatever_came_before() {
    let blocks = [
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}),
        json!({"type": "content_block_stop", "index": 1}),
    ];
    let stream = anthropic_stream(json!({"output_tokens": 2}), &blocks, "tool_use");
    let stream = streamed("chat", &events(Format::Anthropic, &stream));
    check_chat_grammar(&stream);
    let calls: Vec<Value> = messages(&stream)
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0].as_object().cloned())
        .map(Value::Object)
        .collect();
    assert!(calls.iter().all(|call| call["index"] == 0));
    let arguments: String =
        calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments, "{}", "no input is an empty object");
}

/// Bug 8.
#[test]
fn thinking_goes_back_as_it_came() {
    let thinking = json!([
        {"type": "thinking", "thinking": "é \" \u{2028}", "signature": "EqQ+/="},
        {"type": "thinking", "thinking": "", "signature": "Es0="},
        {"type": "redacted_thinking", "data": "RXhG+/=="},
    ]);
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}});
    let mut content = thinking.as_array().unwrap().clone();
    content.push(call);
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let tools = json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]);
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "1"}]});
    // An app of the same format.
    let back = answered(Format::Anthropic, &answer, "messages");
    let body = json!({"model": "m", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": tools,
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": back["content"]}, result]});
    let sent_back = sent(Format::Anthropic, &request(Api::Messages, &body));
    assert_eq!(sent_back["messages"][1]["content"], answer["content"]);
    // An app that speaks OpenAI's chat and keeps what it was given.
    let back = answered(Format::Anthropic, &answer, "chat");
    let conversation = chat(
        json!({"reasoning_effort": "low", "tools": [function("f", json!({"type": "object", "properties": {}}))],
        "messages": [{"role": "user", "content": "q"}, back["choices"][0]["message"], {"role": "tool", "tool_call_id": "toolu_1", "content": "1"}]}),
    );
    let sent_back = sent(Format::Anthropic, &conversation);
    let blocks = sent_back["messages"][1]["content"].as_array().unwrap();
    assert_eq!(blocks[..3], thinking.as_array().unwrap()[..]);
}

/// Bug 9.
#[test]
fn a_signature_of_gemini_survives_an_app_that_keeps_only_what_it_knows() {
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [
        {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1}}, "thoughtSignature": "EpQBsig="}]}, "finishReason": "STOP", "index": 0}]});
    let told = answered(Format::Gemini, &answer, "chat");
    let call = &told["choices"][0]["message"]["tool_calls"][0];
    let kept = called(
        call["id"].as_str().unwrap(),
        call["function"]["name"].as_str().unwrap(),
        call["function"]["arguments"].as_str().unwrap(),
        "1",
    );
    let conversation = chat(
        json!({"messages": kept, "tools": [function("f", json!({"type": "object", "properties": {"x": {}}}))]}),
    );
    let body = sent(Format::Gemini, &conversation);
    let part = &body["contents"][1]["parts"][0];
    assert_eq!(part["thoughtSignature"], "EpQBsig=");
    assert_eq!(part["functionCall"]["id"], "c1");
    assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["id"], "c1");
}

/// Bug 17.
#[test]
fn chunks_without_choices_are_read() {
    let first = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]});
    let events = events(
        Format::OpenaiChat,
        &[first, chunk(json!({"content": "a"}), Some("stop")), usage_chunk()],
    );
    assert_eq!(events.last(), Some(&Event::End));
    assert_eq!(usage_of(&events)["completion_tokens"], 9);
    check_chat_grammar(&streamed("chat", &events));
}

/// Bug 18.
#[test]
fn an_error_in_the_middle_is_an_error_and_no_end_in_every_format() {
    let text = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}});
    let cases = [
        (
            Format::OpenaiChat,
            vec![
                chunk(json!({"content": "a"}), None),
                json!({"id": "c", "error": {"code": 502, "message": "boom"}, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}),
            ],
        ),
        (
            Format::Anthropic,
            vec![
                json!({"type": "message_start", "message": {"id": "m", "model": "x", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                text.clone(),
                text,
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "boom"}}),
            ],
        ),
        (
            Format::Gemini,
            vec![
                json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}, "index": 0}]}),
                json!({"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}}),
            ],
        ),
        (
            Format::Cohere,
            vec![
                json!({"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}}),
                json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "boom"}}),
            ],
        ),
    ];
    for (format, stream) in cases {
        let events = events(format, &stream);
        for app in ["chat", "responses", "messages", "gemini"] {
            let out = streamed(app, &events);
            assert!(out.contains("boom") && out.contains("error"), "{app} of {format:?}: {out}");
            for end in ["[DONE]", "message_stop", "response.completed", "\"finishReason\""] {
                assert!(!out.contains(end), "{app} of {format:?}: {out}");
            }
        }
    }
}

/// Bug 20.
#[test]
fn reasoning_is_counted_once_by_those_who_include_it_and_those_who_do_not() {
    let xai = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "grok", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115, "completion_tokens_details": {"reasoning_tokens": 100}}});
    let openai = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "o3", "choices": xai["choices"],
        "usage": {"prompt_tokens": 10, "completion_tokens": 105, "total_tokens": 115, "completion_tokens_details": {"reasoning_tokens": 100}}});
    let gemini = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 100, "totalTokenCount": 115}});
    let cases = [(Format::OpenaiChat, xai), (Format::OpenaiChat, openai), (Format::Gemini, gemini)];
    for (format, body) in cases {
        let usage = &answered(format, &body, "chat")["usage"];
        assert_eq!(usage["completion_tokens"], 105, "{body}");
        assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 100, "{body}");
        assert_eq!(usage["total_tokens"], 115, "{body}");
    }
}

/// Bug 22.
#[test]
fn frames_are_read_however_they_are_cut_and_no_further_than_they_are_whole() {
    let exchange = exchanges("bedrock").into_iter().find(|path| path.ends_with("text")).unwrap();
    let bytes = stream_bytes(&exchange).unwrap();
    let whole = drive::read_frames(&bytes, bytes.len());
    assert_eq!(drive::read_frames(&bytes, 1), whole);
    let stop = whole.iter().position(|event| matches!(event, Event::Stop { .. })).unwrap();
    assert!(
        usage_of(&whole)["total_tokens"].as_u64() > Some(0),
        "what follows the stop is counted"
    );
    assert!(stop < whole.len() - 1 && whole.last() == Some(&Event::End));
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_ne!(drive::read_frames(&flipped, flipped.len()).last(), Some(&Event::End));
    let short = &bytes[..bytes.len() - 1];
    assert_ne!(drive::read_frames(short, short.len()).last(), Some(&Event::End));
}
