use proptest::prelude::*;
use serde_json::json;

use super::super::super::any_json::{any_json, replaced};
use super::*;

const CALLER: Caller<'static> = Caller { version: Version::V2023, betas: vec![], body_fields: &[] };

/// The message of the error, or nothing.
fn mistake(model: &str, body: &Value, caller: &Caller<'_>, purpose: Purpose) -> Option<String> {
    let body = body.as_object().unwrap();
    MessagesRequest::parse(body, model, caller, purpose).err().map(|error| error.message)
}

/// A good request with these fields in place of its own.
fn with(fields: Value) -> Value {
    let mut body = json!({
        "model": "m", "max_tokens": 2000, "messages": [{ "role": "user", "content": "hi" }],
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn check(model: &str, cases: &[(Value, &str)]) {
    for (fields, words) in cases {
        let found = mistake(model, &with(fields.clone()), &CALLER, Purpose::Message);
        match &found {
            None => assert_eq!(*words, "", "{fields}"),
            Some(message) => {
                assert!(!words.is_empty() && message.contains(words), "{fields}: {message}");
            }
        }
    }
}

#[test]
fn fields_are_known_and_within_bounds() {
    check(
        "claude-haiku-4-5",
        &[
            (json!({}), ""),
            (json!({ "max_tokens": null }), "max_tokens: Field required"),
            (json!({ "max_tokens": 0 }), ""),
            (json!({ "max_tokens": -1 }), "max_tokens: Input should be greater"),
            (json!({ "max_tokens": "9" }), "max_tokens: Input should be a valid integer"),
            (json!({ "max_tokens": 64_001 }), "64001 > 64000"),
            (json!({ "n": 1 }), "n: Extra inputs are not permitted"),
            (json!({ "response_format": {} }), "response_format: Extra inputs"),
            (json!({ "stream": "true" }), "stream: Input should be a valid boolean"),
            (json!({ "temperature": 1.5 }), "temperature: Input should be less"),
            (json!({ "temperature": 0.5, "top_p": 0.5 }), "cannot both be specified"),
            (json!({ "stop_sequences": [" "] }), "non-whitespace"),
            (json!({ "metadata": { "user_id": "u", "team": "t" } }), "metadata.team: Extra"),
            (json!({ "service_tier": "flex" }), "service_tier: Input should be"),
            (json!({ "output_config": { "effort": "low" } }), "effort"),
            (json!({ "system": [{ "type": "text", "text": "rules" }] }), ""),
            (json!({ "system": [{ "type": "image", "source": {} }] }), "not permitted here"),
        ],
    );
    let count = |fields| mistake("m", &with(fields), &CALLER, Purpose::Count);
    assert!(count(json!({})).is_some_and(|message| message.starts_with("max_tokens: Extra")));
}

#[test]
fn messages_are_well_formed() {
    let said = |role: &str, content: Value| json!({ "role": role, "content": content });
    let user = said("user", json!("hi"));
    let block = |block: Value| json!({ "messages": [said("user", json!([block]))] });
    let image = |source: Value| block(json!({ "type": "image", "source": source }));
    check(
        "claude-haiku-4-5",
        &[
            (json!({ "messages": [] }), "at least one message"),
            (json!({ "messages": [said("assistant", json!("hi")), user] }), "first message must"),
            (json!({ "messages": [said("developer", json!("hi"))] }), "role: Input should be"),
            (json!({ "messages": [user, said("system", json!("hi"))] }), "Unexpected role"),
            (
                json!({ "messages": [{ "role": "user", "content": "hi", "name": "x" }] }),
                "name: Extra",
            ),
            (json!({ "messages": [said("user", json!(""))] }), "non-empty content"),
            (json!({ "messages": [said("user", json!([]))] }), "non-empty content"),
            (json!({ "messages": [said("user", json!(" \n"))] }), "non-whitespace"),
            (
                json!({ "messages": [user, said("assistant", json!("")), user] }),
                "non-empty content",
            ),
            (json!({ "messages": [user, user] }), ""),
            (json!({ "messages": [user, said("assistant", json!("the"))] }), ""),
            (
                json!({ "messages": [user, said("assistant", json!("the "))] }),
                "trailing whitespace",
            ),
            (block(json!({ "type": "text", "text": "" })), "must be non-empty"),
            (block(json!({ "type": "text", "text": "a", "id": "b" })), "id: Extra inputs"),
            (block(json!({ "type": "image_url", "image_url": {} })), "does not match any"),
            (image(json!({ "type": "base64", "media_type": "image/png", "data": "AAAA" })), ""),
            (
                image(json!({ "type": "base64", "media_type": "image/jpg", "data": "AAAA" })),
                "media_type",
            ),
            (
                image(json!({ "type": "base64", "media_type": "image/png", "data": "data:x" })),
                "invalid base64",
            ),
            (image(json!({ "type": "url", "url": "file:///x" })), "HTTPS"),
        ],
    );
    let prefill = json!({ "messages": [user, said("assistant", json!("the"))] });
    check("claude-sonnet-4-6", &[(prefill, "does not support assistant message prefill")]);
    let system = json!({ "messages": [user, said("system", json!("rules"))] });
    check("claude-opus-4-8", &[(system, "")]);
    let early = json!({ "messages": [said("system", json!("rules")), user] });
    check("claude-opus-4-8", &[(early, "first message must")]);
}

#[test]
fn each_tool_call_is_answered_once_and_at_once() {
    let user = json!({ "role": "user", "content": "hi" });
    let call = |id: &str| json!({ "type": "tool_use", "id": id, "name": "f", "input": {} });
    let result = |id: &str| json!({ "type": "tool_result", "tool_use_id": id, "content": "42" });
    let text = json!({ "type": "text", "text": "so" });
    let loop_of = |calls: Value, answers: Value| {
        let calls = json!({ "role": "assistant", "content": calls });
        json!({ "messages": [user, calls, { "role": "user", "content": answers }] })
    };
    let twice = json!({ "messages": [
        user,
        { "role": "assistant", "content": [call("a")] },
        { "role": "user", "content": [result("a")] },
        { "role": "assistant", "content": [call("a")] },
        { "role": "user", "content": [result("a")] },
    ] });
    let apart = json!({ "messages": [
        user,
        { "role": "assistant", "content": [call("a"), call("b")] },
        { "role": "user", "content": [result("a")] },
        { "role": "user", "content": [result("b")] },
    ] });
    check(
        "claude-haiku-4-5",
        &[
            (loop_of(json!([call("a"), call("b")]), json!([result("b"), result("a"), text])), ""),
            (loop_of(json!([call("a"), call("b")]), json!([result("a")])), "without `tool_result`"),
            (loop_of(json!([call("a")]), json!([text, result("a")])), "without `tool_result`"),
            (loop_of(json!([call("a")]), json!("so")), "without `tool_result`"),
            (
                loop_of(json!([call("a")]), json!([result("a"), result("b")])),
                "unexpected `tool_use_id`",
            ),
            (loop_of(json!([call("a")]), json!([result("a"), result("a")])), "single result"),
            (loop_of(json!([call("a"), call("a")]), json!([result("a")])), "must be unique"),
            (loop_of(json!([call("a.b")]), json!([result("a.b")])), "should match pattern"),
            (loop_of(json!([text]), json!([result("a")])), "unexpected `tool_use_id`"),
            (
                json!({ "messages": [user, { "role": "assistant", "content": [call("a")] }] }),
                "without `tool_result`",
            ),
            (
                json!({ "messages": [{ "role": "user", "content": [call("a")] }] }),
                "only be in `assistant`",
            ),
            (twice, "must be unique"),
            (apart, "without `tool_result`"),
        ],
    );
}

#[test]
fn tools_and_thinking_go_together_only_so_far() {
    let tool = |name: &str, schema: Value| json!({ "name": name, "input_schema": schema });
    let object = json!({ "type": "object" });
    let tools = json!([tool("f", object.clone())]);
    let enabled = json!({ "type": "enabled", "budget_tokens": 1024 });
    check(
        "claude-haiku-4-5",
        &[
            (json!({ "tools": tools }), ""),
            (json!({ "tools": [{ "name": "f" }] }), "input_schema: Field required"),
            (json!({ "tools": [tool("f", json!({}))] }), "type: Field required"),
            (
                json!({ "tools": [tool("f", json!({ "type": "object", "anyOf": [] }))] }),
                "top level",
            ),
            (json!({ "tools": [tool("f.g", object.clone())] }), "should match pattern"),
            (json!({ "tools": [tool("f", object.clone()), tool("f", object)] }), "must be unique"),
            (json!({ "tools": [{ "type": "function", "function": {} }] }), "does not match any"),
            (json!({ "tools": [{ "type": "web_search_20260318", "name": "web_search" }] }), ""),
            (
                json!({ "tool_choice": { "type": "auto" } }),
                "only be specified while providing tools",
            ),
            (json!({ "tools": tools, "tool_choice": "auto" }), "should be an object"),
            (json!({ "tools": tools, "tool_choice": { "type": "required" } }), "Input should be"),
            (
                json!({ "tools": tools, "tool_choice": { "type": "tool", "name": "g" } }),
                "not found",
            ),
            (
                json!({ "tools": tools, "tool_choice": { "type": "none", "disable_parallel_tool_use": true } }),
                "Extra",
            ),
            (json!({ "tools": tools, "tool_choice": { "type": "any" } }), ""),
            (
                json!({ "tools": tools, "tool_choice": { "type": "any" }, "thinking": enabled }),
                "forces tool use",
            ),
            (json!({ "thinking": enabled, "temperature": 0.5 }), "may only be set to 1"),
            (json!({ "thinking": enabled, "max_tokens": 1024 }), "must be greater than"),
            (
                json!({ "thinking": { "type": "enabled", "budget_tokens": 1000 } }),
                "thinking.enabled.budget_tokens",
            ),
        ],
    );
    let forced = json!({ "tools": tools, "tool_choice": { "type": "any" } });
    check("claude-opus-5-5", &[(forced, "not supported for this model")]);
    check("claude-opus-4-7", &[(json!({ "temperature": 0.5 }), "deprecated for this model")]);
}

#[test]
fn there_are_four_cache_breakpoints_at_most_and_the_long_ones_come_first() {
    let short = json!({ "type": "ephemeral" });
    let long = json!({ "type": "ephemeral", "ttl": "1h" });
    let block = |control: &Value| json!({ "type": "text", "text": "a", "cache_control": control });
    let tool = |control: &Value| json!({ "name": "f", "input_schema": { "type": "object" }, "cache_control": control });
    let all = |tools: Value, system: Value, blocks: Value| json!({ "tools": tools, "system": system, "messages": [{ "role": "user", "content": blocks }] });
    let two = json!([block(&short), block(&short)]);
    check(
        "claude-haiku-4-5",
        &[
            (all(json!([tool(&long)]), json!([block(&short)]), two.clone()), ""),
            (all(json!([tool(&short)]), two.clone(), two.clone()), "Found 5"),
            (all(json!([tool(&short)]), json!([block(&long)]), two.clone()), "must not come after"),
            (json!({ "cache_control": { "type": "ephemeral", "ttl": "2h" } }), "cache_control.ttl"),
            (json!({ "cache_control": { "type": "default" } }), "cache_control.type"),
        ],
    );
}

proptest! {
    /// Whatever stands in whichever place of a request, the answer is a request or a mistake.
    #[test]
    fn no_body_is_too_strange(at in 0_usize..64, strange in any_json()) {
        let good = with(json!({
            "system": [{ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } }],
            "tools": [{ "name": "f", "input_schema": { "type": "object" } }],
            "tool_choice": { "type": "auto" },
            "thinking": { "type": "enabled", "budget_tokens": 1024 },
            "output_config": { "format": { "type": "json_schema", "schema": { "type": "object" } } },
            "messages": [
                { "role": "user", "content": [{ "type": "image", "source": { "type": "url", "url": "https://x" } }] },
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "a", "name": "f", "input": {} }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "a", "content": [{ "type": "text", "text": "b" }] }] },
            ],
        }));
        if let Value::Object(body) = replaced(&good, at, &strange) {
            let _ = MessagesRequest::parse(&body, "claude-sonnet-4-5", &CALLER, Purpose::Message)
                .map(|request| request.wanted(Some(3)).prompt_tokens);
        }
    }
}
