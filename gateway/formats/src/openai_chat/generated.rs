//! Requests made up for property tests: valid, in canonical spelling, with members that nobody knows everywhere.

use proptest::prelude::*;
use serde_json::{Value, json};

/// JSON that nobody knows, under names that nobody knows.
fn unknown() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        Just(Value::Null),
    ];
    let value = prop_oneof![
        leaf.clone(),
        proptest::collection::vec(leaf.clone(), 0..3).prop_map(Value::from),
        leaf.prop_map(|leaf| json!({"deep": leaf})),
    ];
    proptest::collection::btree_map("x_[a-z]{1,5}", value, 0..3)
        .prop_map(|members| members.into_iter().collect())
}

fn with(value: Value, more: serde_json::Map<String, Value>) -> Value {
    let Value::Object(mut members) = value else { return value };
    members.extend(more);
    Value::Object(members)
}

fn part() -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![
        ".{0,20}".prop_map(|text| json!({"type": "text", "text": text})),
        ("[a-z]{1,8}", proptest::option::of("auto|low|high")).prop_map(|(path, detail)| match detail {
            Some(detail) => json!({"type": "image_url", "image_url": {"url": format!("https://x/{path}"), "detail": detail}}),
            None => json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"}}),
        }),
        Just(json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}})),
        Just(json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0x", "filename": "a.pdf"}})),
        Just(json!({"type": "file", "file": {"file_id": "file-1"}})),
        Just(json!({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}})),
    ];
    let mark = prop_oneof![
        Just(None),
        Just(Some(json!({"type": "ephemeral"}))),
        Just(Some(json!({"type": "ephemeral", "ttl": "1h"}))),
    ];
    let known = (kinds, mark, unknown()).prop_map(|(part, mark, more)| {
        let mut part = with(part, more);
        if let Some(mark) = mark {
            part["cache_control"] = mark;
        }
        part
    });
    let native =
        unknown().prop_map(|more| with(json!({"type": "x_native", "cache_control": 5}), more));
    prop_oneof![4 => known, 1 => native]
}

/// A string, or a list that is not just one plain text.
fn content() -> impl Strategy<Value = Value> {
    let list = proptest::collection::vec(part(), 2..4).prop_map(Value::from);
    prop_oneof![".{0,20}".prop_map(Value::from), list]
}

fn speaker() -> impl Strategy<Value = Value> {
    let role = prop_oneof![Just("user"), Just("system"), Just("developer")];
    (role, content(), proptest::option::of("[a-z]{1,5}"), unknown()).prop_map(
        |(role, content, name, more)| {
            let mut message = with(json!({"role": role, "content": content}), more);
            if let Some(name) = name {
                message["name"] = name.into();
            }
            message
        },
    )
}

fn thought() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        ".{1,10}".prop_map(|text| json!({"reasoning_content": text})),
        (".{0,10}", "[a-zA-Z0-9]{1,10}").prop_map(|(text, signature)| json!({"thinking_blocks": [
            {"type": "thinking", "thinking": text, "signature": signature},
            {"type": "redacted_thinking", "data": signature}]})),
        ".{1,10}".prop_map(|text| json!({"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]})),
    ]
}

/// An assistant's message, and the messages of its tools.
fn assistant() -> impl Strategy<Value = Vec<Value>> {
    let call = (any::<bool>(), "[a-z_]{1,8}", ".{1,10}", any::<bool>(), unknown());
    let calls = proptest::collection::vec(call, 0..3);
    (content(), thought(), calls, proptest::option::of(".{1,8}"), unknown()).prop_map(
        |(content, thought, calls, refusal, more)| {
            let mut message = with(json!({"role": "assistant", "content": content}), more);
            message = with(message, thought.as_object().cloned().unwrap_or_default());
            // What a model drew cannot be sent back to it.
            if message["content"].is_array() {
                message["content"] = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
            }
            if let Some(refusal) = refusal {
                message["refusal"] = refusal.into();
            }
            let mut results = Vec::new();
            let mut written = Vec::new();
            for (index, (custom, name, input, signed, more)) in calls.into_iter().enumerate() {
                let id = format!("call_{index}");
                let inner = if custom {
                    json!({"id": id, "type": "custom", "custom": {"name": name, "input": input}})
                } else {
                    json!({"id": id, "type": "function", "function": {"name": name, "arguments": format!("{{{input}")}})
                };
                let mut call = with(inner, more.clone());
                if signed {
                    call["extra_content"] = json!({"google": {"thought_signature": "c2ln"}});
                }
                written.push(call);
                results.push(with(json!({"role": "tool", "tool_call_id": id, "content": input}), more));
            }
            if !written.is_empty() {
                message["tool_calls"] = written.into();
            }
            let mut messages = vec![message];
            messages.extend(results);
            messages
        },
    )
}

fn tools() -> impl Strategy<Value = Value> {
    let tool = (unknown(), unknown(), proptest::option::of(any::<bool>()), 0..3).prop_map(
        |(inner, outer, strict, kind)| match kind {
            0 => {
                let mut function = with(json!({"parameters": {"type": "object", "z": 1.0, "a": []}}), inner);
                if let Some(strict) = strict {
                    function["strict"] = strict.into();
                }
                with(json!({"type": "function", "function": function}), outer)
            }
            1 => with(json!({"type": "custom", "custom": with(json!({"format": {"type": "text"}}), inner)}), outer),
            _ => with(json!({"type": "x_search"}), outer),
        },
    );
    proptest::collection::vec(tool, 1..4).prop_map(|mut tools| {
        for (index, tool) in tools.iter_mut().enumerate() {
            for kind in ["function", "custom"] {
                if tool.get(kind).is_some() {
                    tool[kind]["name"] = format!("tool-{index}").into();
                }
            }
        }
        tools.into()
    })
}

fn params() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let each = vec![
        json!({"temperature": 0.5, "top_p": 1}),
        json!({"max_tokens": 17}),
        json!({"stop": ["a", "b"], "seed": -4}),
        json!({"frequency_penalty": -1.5, "presence_penalty": 2}),
        json!({"n": 3, "logprobs": true, "top_logprobs": 2, "logit_bias": {"5": -100}}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"response_format": {"type": "json_schema", "json_schema":
            {"name": "x", "description": "d", "schema": {"z": {}, "a": 1.0}, "strict": true}}}),
        json!({"response_format": {"type": "grammar", "value": "x"}}),
        json!({"reasoning_effort": "xhigh"}),
        json!({"reasoning_effort": "sideways"}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1234, "y": 1}}),
        json!({"enable_thinking": true, "thinking_budget": 77}),
        json!({"reasoning": {"effort": "low", "exclude": true, "y": []}}),
        json!({"user": "u", "safety_identifier": "s", "service_tier": "flex", "store": false}),
        json!({"metadata": {"a": "b"}, "verbosity": "low", "top_k": 4, "min_p": 0.25}),
        json!({"prediction": {"type": "content", "content": "x"}, "prompt_cache_key": "k"}),
        json!({"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}}),
        json!({"modalities": ["text"], "web_search_options": {}}),
    ];
    proptest::sample::subsequence(each, 0..8).prop_map(|picked| {
        let mut all = serde_json::Map::new();
        for members in picked {
            // Two forms of asking for reasoning in one request have no one meaning.
            let reasoning = ["reasoning_effort", "thinking", "reasoning", "enable_thinking"];
            let has = |map: &serde_json::Map<String, Value>| {
                reasoning.iter().any(|name| map.contains_key(*name))
            };
            let members = members.as_object().cloned().unwrap_or_default();
            if !(has(&all) && has(&members)) {
                all.extend(members);
            }
        }
        all
    })
}

/// A body.
pub(super) fn body() -> impl Strategy<Value = Value> {
    let messages = proptest::collection::vec(
        prop_oneof![speaker().prop_map(|message| vec![message]), assistant()],
        1..5,
    );
    let choice = prop_oneof![
        Just(Value::Null),
        Just(json!("required")),
        Just(json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})),
    ];
    (messages, params(), proptest::option::of((tools(), choice, any::<bool>())), unknown())
        .prop_map(|(messages, params, tools, more)| {
            let messages: Vec<Value> = messages.into_iter().flatten().collect();
            let mut body = with(with(json!({"model": "up", "messages": messages}), params), more);
            if let Some((tools, choice, parallel)) = tools {
                body["tools"] = tools;
                body["parallel_tool_calls"] = parallel.into();
                if !choice.is_null() {
                    body["tool_choice"] = choice;
                }
            }
            body
        })
}
