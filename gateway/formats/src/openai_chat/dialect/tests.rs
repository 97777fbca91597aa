use super::*;
use crate::{
    conversation::{Fit, TargetFacts},
    facts::{Api, RequestHead},
    openai_chat::{generated, outgoing, read_request},
    rewrite::{Changes, members, rewrite},
    understand::understand,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_contract::provider::Wire;

fn facts(model: &str) -> TargetFacts<'_> {
    TargetFacts::new(ProviderKind::OpenaiCompatible, model)
}

/// The body that keeps its bytes, and the plan; `None` where it has to be written anew.
fn kept(kind: &str, body: &str, facts: &TargetFacts) -> Option<(Value, Plan)> {
    let dialect = row(kind);
    let body = bytes::Bytes::copy_from_slice(body.as_bytes());
    let request = understand(Api::Chat, RequestHead::default(), body).unwrap();
    let plan = dialect.plan(&members(&request), facts);
    if plan.whole {
        return None;
    }
    let changes = Changes {
        upstream_model: facts.upstream_model,
        max_output: None,
        ask_usage: dialect.asks_usage,
        edits: &plan.edits,
    };
    Some((serde_json::from_slice(&rewrite(&request, changes)).unwrap(), plan))
}

fn plan_of(kind: &str, model: &str, more: &Value) -> Option<(Value, Plan)> {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (mut body, plan) = kept(kind, &body.to_string(), &facts(model))?;
    for name in ["model", "messages"] {
        body.as_object_mut().unwrap().remove(name);
    }
    Some((body, plan))
}

#[test]
fn a_body_keeps_its_bytes_where_names_and_values_are_all_that_changes() {
    let cases = [
        (
            "openai",
            "gpt-4o",
            json!({"temperature": 0.5, "max_tokens": 5}),
            json!({"temperature": 0.5, "max_tokens": 5}),
            "",
            "",
        ),
        (
            "openai",
            "o3",
            json!({"temperature": 0.5, "max_tokens": 5}),
            json!({"max_completion_tokens": 5}),
            "temperature",
            "",
        ),
        (
            "mistral",
            "m",
            json!({"seed": 3, "user": "u", "temperature": 2}),
            json!({"random_seed": 3, "temperature": 1.5}),
            "user",
            "temperature=1.5",
        ),
        (
            "deepseek",
            "m",
            json!({"max_completion_tokens": 5, "max_tokens": 5}),
            json!({"max_tokens": 5}),
            "",
            "",
        ),
        (
            "mistral",
            "m",
            json!({"stream": true, "stream_options": {"include_usage": true}}),
            json!({"stream": true}),
            "",
            "",
        ),
        (
            "mistral",
            "m",
            json!({"seed": null, "store": null, "n": null}),
            json!({"seed": null, "n": null}),
            "",
            "",
        ),
        (
            "zai",
            "m",
            json!({"reasoning_effort": "low"}),
            json!({"thinking": {"type": "enabled"}}),
            "",
            "reasoning_effort=enabled",
        ),
        (
            "qwen",
            "m",
            json!({"reasoning_effort": "none"}),
            json!({"enable_thinking": false}),
            "",
            "",
        ),
        (
            "fireworks",
            "m",
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}),
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "any"}),
            "",
            "",
        ),
        (
            "vllm",
            "m",
            json!({"tools": [{"type": "function", "function": {"name": "f", "strict": true}}]}),
            json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
            "",
            "",
        ),
        (
            "groq",
            "m",
            json!({"logprobs": false, "n": 1, "tool_choice": "auto"}),
            json!({}),
            "logprobs n tool_choice",
            "",
        ),
    ];
    for (kind, model, more, expected, dropped, clamped) in cases {
        let (body, plan) = plan_of(kind, model, &more).unwrap_or_else(|| panic!("{kind} {more}"));
        assert_eq!(body, expected, "{kind} {more}");
        let mut told = plan.dropped.clone();
        told.sort();
        let mut expected: Vec<_> = dropped.split_whitespace().collect();
        expected.sort_unstable();
        assert_eq!(
            (told, plan.clamped.join(" ")),
            (expected.iter().map(|it| (*it).to_owned()).collect(), clamped.to_owned()),
            "{kind} {more}"
        );
    }
}

#[test]
fn a_body_is_written_anew_where_its_messages_or_a_refusal_demand_it() {
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    let cases = [
        ("openai", "gpt-5.4", json!({"tools": tool})),
        ("openai", "gpt-5.4", json!({"tools": tool, "reasoning_effort": "high"})),
        ("openai", "o3", json!({"stop": ["x"]})),
        ("deepseek", "m", json!({"n": 2})),
        ("deepseek", "m", json!({"reasoning_effort": "high"})),
        (
            "mistral",
            "m",
            json!({"tools": tool, "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ),
        ("moonshot", "m", json!({"tools": tool, "tool_choice": "required"})),
        (
            "zai",
            "m",
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}),
        ),
        ("groq", "m", json!({"functions": [{"name": "f"}]})),
        ("openai", "m", json!({"thinking": {"type": "enabled"}})),
        ("groq", "m", json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]})),
        ("ollama", "m", json!({"tools": tool, "tool_choice": "none"})),
        ("groq", "m", json!({"messages": [{"role": "developer", "content": "x"}]})),
        (
            "groq",
            "m",
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
        ),
        (
            "openai",
            "m",
            json!({"messages": [{"role": "assistant", "content": "x", "reasoning_content": "y"}]}),
        ),
        (
            "vllm",
            "m",
            json!({"messages": [{"role": "tool", "tool_call_id": "c__tollgate1_g_eA", "content": "x"}]}),
        ),
        (
            "openai_compatible",
            "m",
            json!({"messages": [{"role": "tool", "tool_call_id": "c__tollgate1_g_eA", "content": "x"}]}),
        ),
        (
            "openai",
            "m",
            json!({"messages": [{"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        ),
        ("mistral", "m", json!({"messages": [{"role": "user", "name": "ann", "content": "x"}]})),
        ("perplexity", "m", json!({})),
        ("vllm", "m", json!({"reasoning_effort": "none", "chat_template_kwargs": {}})),
        ("mistral", "m", json!({"seed": 1, "random_seed": 2})),
    ];
    for (kind, model, more) in cases {
        assert_eq!(plan_of(kind, model, &more), None, "{kind} {more}");
    }
    for kind in ["openai", "openai_compatible", "groq", "deepseek", "vllm"] {
        let plain = json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]});
        assert!(plan_of(kind, "m", &plain).is_some(), "{kind}");
    }
}

#[test]
fn a_route_that_drops_what_is_unsupported_keeps_the_bytes() {
    let lenient = TargetFacts { drop_unsupported: true, ..facts("m") };
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "n": 2, "logit_bias": {"1": 5}});
    let (body, plan) = kept("deepseek", &body.to_string(), &lenient).unwrap();
    assert_eq!(plan.dropped, ["logit_bias", "n"]);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn every_kind_that_speaks_the_format_has_a_row_that_makes_sense() {
    for kind in ProviderKind::ALL.iter().copied() {
        let name = kind.name();
        let dialect = Dialect::of(kind);
        assert_eq!(dialect.is_some(), kind.wire() == Wire::Openai, "{name}");
        let Some(dialect) = dialect else { continue };
        let limits = ["max_tokens", "max_completion_tokens"];
        assert!(limits.contains(&dialect.max_output_field), "{name}");
        assert!(dialect.temperature.0 < dialect.temperature.1, "{name}");
    }
}

/// The number of answer tokens under one name.
fn one_limit(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut()
        && let Some(limit) =
            members.remove("max_tokens").or_else(|| members.remove("max_completion_tokens"))
    {
        members.insert("limit".to_owned(), limit);
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_body_that_keeps_its_bytes_says_the_same_as_one_that_is_written_anew(
        body in generated::body(),
        kind in proptest::sample::select(kinds()),
        model in prop_oneof![Just("up"), Just("gpt-4o"), Just("gpt-5.1"), Just("gpt-5.4"), Just("o3")],
        drop_unsupported in any::<bool>(),
        json_schema in proptest::option::of(Just(true)),
        reasoning in proptest::option::of(Just(true)),
    ) {
        let kind = kind.name();
        let facts = TargetFacts { drop_unsupported, json_schema, reasoning, ..facts(model) };
        let body = body.to_string();
        let conversation = read_request(body.as_bytes()).unwrap();
        if let Some((kept, mut plan)) = kept(kind, &body, &facts) {
            let mut outgoing = outgoing::write_in(row(kind), &conversation, Fit::new(facts)).unwrap();
            let written: Value = serde_json::from_slice(&outgoing.body).unwrap();
            prop_assert_eq!(one_limit(kept), one_limit(written), "{} {}", kind, body);
            for list in [&mut plan.dropped, &mut plan.clamped, &mut outgoing.dropped, &mut outgoing.clamped] {
                list.sort();
            }
            prop_assert_eq!(plan.dropped, outgoing.dropped);
            prop_assert_eq!(plan.clamped, outgoing.clamped);
        }
    }
}
