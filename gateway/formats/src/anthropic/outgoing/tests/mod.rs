mod output;
mod thinking;
mod tools;
mod turns;

use super::*;
use crate::{
    anthropic::testing::{asked, sent, streamed, target},
    conversation::{
        CacheMark, Effort, Media, MediaKind, Output, Reasoning, ReasoningMode, Signature, Source,
        TargetFacts, ToolChoice, ToolKind,
    },
    stream::StreamWriter,
};
use serde_json::{Value, json};

const OLD: &str = "claude-sonnet-4-5";

/// A conversation of an OpenAI app.
fn chat(turns: Vec<Turn>) -> Conversation {
    Conversation { turns, ..Conversation::new(Format::OpenaiChat, "alias") }
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Part::text(text)])
}

fn assistant(parts: Vec<Part>) -> Turn {
    Turn::new(Role::Assistant, parts)
}

fn hello() -> Conversation {
    chat(vec![user("hi")])
}

fn call(id: &str, name: &str) -> Part {
    Part::new(PartKind::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: "{}".into(),
        custom: false,
        signature: None,
    })
}

fn result(id: &str, text: &str) -> Part {
    let parts = vec![Part::text(text)];
    Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
}

fn tool(name: &str, schema: &str) -> Tool {
    let parameters = Raw::parse(schema);
    Tool {
        name: name.into(),
        description: None,
        kind: ToolKind::Function { parameters, strict: None },
        cache: None,
        extra: Extra::new(),
    }
}

fn effort(effort: Effort) -> Option<Reasoning> {
    Some(Reasoning { effort: Some(effort), ..Reasoning::default() })
}

/// A conversation in the middle of a loop of tool calls.
fn looping() -> Conversation {
    let turns = vec![
        user("q"),
        assistant(vec![call("a", "f")]),
        Turn::new(Role::User, vec![result("a", "1")]),
    ];
    Conversation { tools: vec![tool("f", "{}")], ..chat(turns) }
}

fn body(conversation: &Conversation, model: &str) -> Value {
    sent(conversation, target(model)).unwrap().0
}

fn refused(conversation: &Conversation, model: &str) -> Option<String> {
    sent(conversation, target(model)).err().and_then(|mistake| mistake.param)
}

#[test]
fn the_limit_is_the_gateways_or_the_apps_or_all_that_the_model_gives() {
    let cases = [
        (Some(10), Some(20), Some(100), 10),
        (None, Some(20), Some(100), 20),
        (None, None, Some(64_000), 64_000),
        (None, None, None, 4096),
        (None, Some(200), Some(100), 100),
    ];
    for (gateway, app, cap, expected) in cases {
        let conversation = Conversation { max_output: app, ..hello() };
        let facts = TargetFacts { max_output: gateway, model_max_output: cap, ..target(OLD) };
        let (body, outgoing) = sent(&conversation, facts).unwrap();
        assert_eq!(body["max_tokens"], expected);
        let clamped = if app == Some(200) { vec!["max_tokens=100".to_owned()] } else { Vec::new() };
        assert_eq!(outgoing.clamped, clamped);
    }
}

#[test]
fn sampling_is_brought_into_range_or_left_out_and_told() {
    let with = |temperature, top_p, top_k, reasoning| {
        let mut conversation = Conversation { reasoning, max_output: Some(9000), ..hello() };
        conversation.sampling.temperature = temperature;
        conversation.sampling.top_p = top_p;
        conversation.sampling.top_k = top_k;
        conversation
    };
    let thinking = || effort(Effort::High);
    let cases = [
        (
            with(Some(1.7), None, None, None),
            OLD,
            json!([1.0, null, null]),
            vec![],
            vec!["temperature=1"],
        ),
        (
            with(Some(0.5), Some(0.9), None, None),
            OLD,
            json!([0.5, null, null]),
            vec!["top_p"],
            vec![],
        ),
        (
            with(Some(1.0), Some(0.9), None, None),
            OLD,
            json!([null, 0.9, null]),
            vec!["temperature"],
            vec![],
        ),
        (
            with(Some(0.5), Some(0.9), Some(4), None),
            "claude-sonnet-4-0",
            json!([0.5, 0.9, 4]),
            vec![],
            vec![],
        ),
        (
            with(Some(0.5), Some(0.9), Some(4), None),
            "claude-opus-4-7",
            json!([null, null, null]),
            vec!["temperature", "top_p", "top_k"],
            vec![],
        ),
        (
            with(Some(0.5), Some(0.5), Some(4), thinking()),
            OLD,
            json!([null, null, null]),
            vec!["temperature", "top_p", "top_k"],
            vec![],
        ),
        (with(Some(1.0), None, None, thinking()), OLD, json!([1.0, null, null]), vec![], vec![]),
        (with(None, Some(0.95), None, thinking()), OLD, json!([null, 0.95, null]), vec![], vec![]),
    ];
    for (conversation, model, expected, dropped, clamped) in cases {
        let (body, outgoing) = sent(&conversation, target(model)).unwrap();
        let got = json!([body["temperature"], body["top_p"], body["top_k"]]);
        assert_eq!(got, expected, "{model} {:?}", conversation.sampling);
        assert_eq!(outgoing.dropped, dropped, "{model}");
        assert_eq!(outgoing.clamped, clamped, "{model}");
    }
}

#[test]
fn what_has_no_word_here_is_a_hint_or_refused() {
    let with = |change: fn(&mut Conversation)| {
        let mut conversation = hello();
        change(&mut conversation);
        conversation
    };
    let hints = [
        ("seed", with(|c| c.sampling.seed = Some(7))),
        ("n", with(|c| c.sampling.choices = Some(1))),
        ("frequency_penalty", with(|c| c.sampling.frequency_penalty = Some(0.0))),
        ("logprobs", with(|c| c.sampling.logprobs = Some(false))),
        ("logit_bias", with(|c| c.sampling.logit_bias = Raw::parse("{ }"))),
        ("store", with(|c| c.extra.push(("store".into(), Raw::of(&true))))),
        ("modalities", with(|c| c.extra.push(("modalities".into(), Raw::of(&["text"]))))),
        ("service_tier", with(|c| c.service_tier = Some("flex".into()))),
        ("parallel_tool_calls", with(|c| c.parallel_tools = Some(false))),
        ("tool_choice", with(|c| c.tool_choice = Some(ToolChoice::Required))),
        ("name", with(|c| c.turns[0].name = Some("Ann".into()))),
        ("stop", with(|c| c.sampling.stop = vec!["\n".into()])),
    ];
    for (param, conversation) in hints {
        let (_, outgoing) = sent(&conversation, target(OLD)).unwrap();
        assert_eq!(outgoing.dropped, [param]);
    }
    let refusals = [
        ("n", with(|c| c.sampling.choices = Some(2))),
        ("presence_penalty", with(|c| c.sampling.presence_penalty = Some(0.5))),
        ("logprobs", with(|c| c.sampling.logprobs = Some(true))),
        ("logit_bias", with(|c| c.sampling.logit_bias = Raw::parse(r#"{"1":2}"#))),
        ("modalities", with(|c| c.extra.push(("modalities".into(), Raw::of(&["text", "audio"]))))),
        ("previous_response_id", with(|c| c.previous_response_id = Some("resp_1".into()))),
        (
            "tools",
            with(|c| {
                let kind = ToolKind::Native(Raw::empty_object());
                c.tools.push(Tool { kind, ..tool("web_search", "{}") });
            }),
        ),
        (
            "tools",
            with(|c| {
                let kind = ToolKind::Custom { format: None };
                c.tools.push(Tool { kind, ..tool("patch", "{}") });
            }),
        ),
        (
            "messages",
            with(|c| {
                let native = PartKind::Native(Format::OpenaiChat, Raw::empty_object());
                c.turns[0].parts.push(Part::new(native));
            }),
        ),
    ];
    for (param, conversation) in refusals {
        assert_eq!(refused(&conversation, OLD).as_deref(), Some(param));
        let lenient = TargetFacts { drop_unsupported: true, ..target(OLD) };
        let (_, outgoing) = sent(&conversation, lenient).unwrap();
        assert!(outgoing.dropped.contains(&param.to_owned()), "{param}: {outgoing:?}");
    }
}

#[test]
fn who_asks_and_which_tier_take_this_formats_words() {
    let mut conversation = Conversation { user: Some("ann@example.com".into()), ..hello() };
    for (tier, expected) in [("auto", "auto"), ("priority", "auto"), ("default", "standard_only")] {
        conversation.service_tier = Some(tier.into());
        let body = body(&conversation, OLD);
        assert_eq!(body["service_tier"], expected, "{tier}");
        let id = body["metadata"]["user_id"].as_str().unwrap();
        assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "no name: {id}");
    }
}
