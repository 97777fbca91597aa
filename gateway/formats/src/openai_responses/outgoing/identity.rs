//! What is read and written in this format is the same request: shown on generated ones, in their canonical spelling,
//! with members that nobody knows in every place.

use super::{stored_items, write_request};
use crate::{
    conversation::{Fit, TargetFacts, Turn},
    openai_responses::{marks, read_request},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_contract::provider::ProviderKind;

fn extra() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    proptest::collection::btree_map("x_[a-z]{1,6}", value(), 0..3)
        .prop_map(|members| members.into_iter().collect())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        proptest::collection::vec(any::<i8>(), 0..3).prop_map(Value::from),
        Just(json!({"a": {"b": null}})),
    ]
}

fn joined(mut base: Value, more: serde_json::Map<String, Value>) -> Value {
    base.as_object_mut().expect("an object").extend(more);
    base
}

fn content(spoken: &'static str) -> impl Strategy<Value = Value> {
    let text = ("\\PC{0,12}", extra())
        .prop_map(move |(text, more)| joined(json!({"type": spoken, "text": text}), more));
    let image = extra().prop_map(|more| {
        joined(json!({"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA", "detail": "low"}), more)
    });
    let file = extra().prop_map(|more| {
        joined(
            json!({"type": "input_file", "filename": "a.pdf", "file_url": "https://x/a.pdf"}),
            more,
        )
    });
    let unknown = extra().prop_map(|more| joined(json!({"type": "input_smell"}), more));
    let refusal = "\\PC{1,8}".prop_map(|text| json!({"type": "refusal", "refusal": text}));
    let part = if spoken == "output_text" {
        prop_oneof![4 => text, 1 => refusal, 1 => unknown].boxed()
    } else {
        prop_oneof![3 => text, 1 => image, 1 => file, 1 => unknown].boxed()
    };
    let list = proptest::collection::vec(part, 1..4).prop_map(Value::from);
    // One text without anything else is a string.
    list.prop_map(|list| match list.as_array().map(Vec::as_slice) {
        Some([only])
            if only.as_object().is_some_and(|it| it.len() == 2 && it.contains_key("text")) =>
        {
            only["text"].clone()
        }
        _ => list,
    })
}

fn item() -> impl Strategy<Value = Value> {
    let said =
        (prop_oneof![Just("user"), Just("developer"), Just("system")], content("input_text"))
            .prop_map(
                |(role, content)| json!({"type": "message", "role": role, "content": content}),
            );
    let answered =
        (content("output_text"), extra(), any::<bool>()).prop_map(|(content, more, named)| {
            // An item that the API made has its content in a list.
            let content = match content {
                Value::String(text) if named || !more.is_empty() => {
                    json!([{"type": "output_text", "text": text}])
                }
                other => other,
            };
            let base = json!({"type": "message", "role": "assistant", "content": content});
            let base = joined(base, more);
            if named {
                joined(
                    base,
                    json!({"id": "msg_1", "status": "completed", "phase": "commentary"})
                        .as_object()
                        .cloned()
                        .unwrap(),
                )
            } else {
                base
            }
        });
    let thought =
        (proptest::collection::vec("\\PC{0,8}", 0..3), proptest::option::of("[a-z]{1,8}"), extra())
            .prop_map(|(texts, sealed, more)| {
                let summary: Vec<_> = texts
                    .iter()
                    .map(|text| json!({"type": "summary_text", "text": text}))
                    .collect();
                let base = json!({"type": "reasoning", "id": "rs_1", "summary": summary});
                let base = joined(base, more);
                match sealed {
                    Some(sealed) => joined(
                        base,
                        json!({"encrypted_content": sealed}).as_object().cloned().unwrap(),
                    ),
                    None => base,
                }
            });
    let open = "\\PC{1,8}".prop_map(|text| json!({"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}));
    let called = ("[a-z]{1,8}", "\\PC{1,12}", extra(), any::<bool>()).prop_map(|(id, text, more, custom)| {
        let base = if custom {
            json!({"type": "custom_tool_call", "call_id": id, "name": "f", "input": text})
        } else {
            json!({"type": "function_call", "call_id": id, "name": "f", "arguments": text, "status": "completed"})
        };
        joined(base, more)
    });
    let result = ("[a-z]{1,8}", content("input_text"), extra(), any::<bool>()).prop_map(
        |(id, output, more, custom)| {
            let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
            joined(json!({"type": kind, "call_id": id, "output": output}), more)
        },
    );
    let native = (
        prop_oneof![Just("web_search_call"), Just("compaction"), Just("computer_call_output")],
        extra(),
    )
        .prop_map(|(kind, more)| joined(json!({"type": kind, "id": "x_1"}), more));
    let image = extra().prop_map(|more| {
        joined(json!({"type": "image_generation_call", "id": "ig_1", "result": "AAAA"}), more)
    });
    prop_oneof![4 => said, 4 => answered, 2 => thought, 1 => open, 2 => called, 2 => result, 1 => native, 1 => image]
        .prop_filter("blank arguments are an empty object", |item| {
            item["arguments"].as_str().is_none_or(|text| !text.trim().is_empty())
        })
}

fn tool(index: usize) -> impl Strategy<Value = Value> {
    let function = (extra(), any::<bool>()).prop_map(move |(more, strict)| {
        let schema = json!({"type": "object", "properties": {"n": {"type": "number", "maximum": 1.0}}});
        joined(json!({"type": "function", "name": format!("f{index}"), "description": "d", "parameters": schema, "strict": strict}), more)
    });
    let loose = Just(
        json!({"type": "function", "name": format!("f{index}"), "parameters": {"type": "object", "properties": {}}}),
    );
    let custom = extra().prop_map(move |more| {
        let format = json!({"type": "grammar", "syntax": "lark", "definition": "d"});
        joined(json!({"type": "custom", "name": format!("f{index}"), "format": format}), more)
    });
    let native = extra().prop_map(|more| joined(json!({"type": "web_search"}), more));
    prop_oneof![function, loose, custom, native]
}

fn request() -> impl Strategy<Value = Value> {
    let input = proptest::collection::vec(item(), 1..8);
    let tools = (0usize..4).prop_flat_map(|n| (0..n).map(tool).collect::<Vec<_>>());
    let choice = prop_oneof![
        Just(Value::Null),
        Just(json!("required")),
        Just(json!({"type": "function", "name": "other"})),
        Just(json!({"type": "web_search"})),
        Just(
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "other"}]})
        ),
    ];
    let text = prop_oneof![
        Just(Value::Null),
        Just(json!({"verbosity": "low", "x_new": 1})),
        Just(json!({"format": {"type": "json_object", "x_new": 1}})),
        Just(
            json!({"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": false}, "verbosity": "low"})
        ),
        Just(json!({"format": {"type": "lark"}})),
    ];
    let reasoning = prop_oneof![
        Just(Value::Null),
        Just(json!({"effort": "low", "summary": "auto", "context": "all_turns"})),
        Just(json!({"effort": "frantic"})),
        Just(json!({"summary": "detailed"})),
    ];
    (input, tools, choice, text, reasoning, extra(), any::<(bool, bool, bool)>()).prop_map(
        |(input, tools, choice, text, reasoning, more, (instructed, limited, continued))| {
            let mut body = json!({"model": "some-deployment", "input": input});
            let mut put = |name: &str, value: Value| {
                if !value.is_null() {
                    body[name] = value;
                }
            };
            if !tools.is_empty() {
                put("tools", json!(tools));
                put("tool_choice", choice);
                put("parallel_tool_calls", json!(true));
            }
            put("text", text);
            put("reasoning", reasoning);
            if instructed {
                put("instructions", json!("be kind"));
                put("user", json!("u"));
                put("include", json!(["message.output_text.logprobs"]));
            }
            if limited {
                put("max_output_tokens", json!(100));
                put("temperature", json!(0.25));
                put("top_logprobs", json!(2));
                put("store", json!(false));
            }
            if continued {
                put("previous_response_id", json!("resp_1"));
                put("stream", json!(true));
                put("stream_options", json!({"include_obfuscation": false}));
            }
            joined(body, more)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_request_that_is_read_and_written_is_the_same_request(body in request()) {
        let conversation = read_request(body.to_string().as_bytes()).expect("a good request");
        let outgoing = write_request(&conversation, Fit::new(TargetFacts::new(ProviderKind::Openai, "some-deployment"))).expect("written");
        let back: Value = serde_json::from_slice(&outgoing.body).unwrap();
        prop_assert_eq!(back, body);
        prop_assert!(outgoing.dropped.is_empty() && outgoing.clamped.is_empty());
    }

    #[test]
    fn items_that_are_stored_come_back_as_the_same_turns(body in request()) {
        let conversation = read_request(body.to_string().as_bytes()).unwrap();
        let stored = stored_items(&conversation);
        let again = read_request(format!("{{\"model\":\"m\",\"input\":{stored}}}").as_bytes()).unwrap();
        let told: Vec<&Turn> = conversation.turns.iter().filter(|turn| !marks::is_instructions(turn)).collect();
        prop_assert_eq!(again.turns.iter().collect::<Vec<_>>(), told);
    }
}
