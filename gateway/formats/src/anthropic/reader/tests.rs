use super::*;
use crate::{
    anthropic::{
        read_answer, stand_in,
        testing::{collected, core, golden, read_events, streamed},
    },
    conversation::{FaultKind, Part, PartKind},
};
use proptest::prelude::*;

#[test]
fn a_stream_adds_up_to_the_answer_that_comes_whole() {
    let whole = golden("answer.json");
    for (name, stream) in golden("stream.sse") {
        match (streamed(&stream), read_answer(&whole[&name])) {
            (Ok(streamed), Ok(whole)) => assert_eq!(core(&streamed), core(&whole), "{name}"),
            (Err(streamed), Err(whole)) => assert_eq!(streamed, whole, "{name}"),
            (streamed, whole) => panic!("{name}: {streamed:?} {whole:?}"),
        }
    }
}

#[test]
fn readers_keep_the_grammar_of_events() {
    for (name, stream) in golden("stream.sse") {
        let events = read_events(&stream);
        let count = |found: fn(&Event) -> bool| events.iter().filter(|event| found(event)).count();
        assert!(matches!(events[0], Event::Start { .. }), "{name}");
        assert_eq!(count(|event| matches!(event, Event::Start { .. })), 1, "{name}");
        let faults = count(|event| matches!(event, Event::Fault(_)));
        let ends = count(|event| matches!(event, Event::End));
        let stops = count(|event| matches!(event, Event::Stop { .. }));
        assert_eq!((ends + faults, stops), (1, ends), "{name}");
        assert!(matches!(events.last(), Some(Event::End | Event::Fault(_))), "{name}");
    }
}

/// A stream out of the data of its events.
fn told(events: &[&str]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut out = Vec::new();
    for data in events {
        reader.read("", data.as_bytes(), &mut out);
    }
    reader.end(&mut out);
    out
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":25,"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

#[test]
fn usage_is_overwritten_and_never_added_up() {
    let events = told(&[
        START,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":25,"output_tokens":89}}"#,
        STOP,
    ]);
    let usage = collected(events).unwrap().usage.billed.unwrap();
    assert_eq!((usage.input_uncached, usage.output), (25, 89));
}

#[test]
fn an_end_before_message_stop_is_no_end() {
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
    for events in [&[] as &[&str], &[START], &[START, delta]] {
        let last = told(events).pop();
        let Some(Event::Fault(fault)) = last else { panic!("{last:?}") };
        assert_eq!(fault.kind, FaultKind::Truncated);
    }
}

#[test]
fn errors_in_a_stream_are_told_by_their_type() {
    let cases = [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            FaultKind::Overloaded,
            "Overloaded",
        ),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#,
            FaultKind::RateLimited,
            "slow",
        ),
        (
            r#"{"type":"error","error":{"type":"api_error","message":"oops"}}"#,
            FaultKind::Reported,
            "oops",
        ),
        (r#"{"error":{"message":"in another shape"}}"#, FaultKind::Reported, "in another shape"),
        (r#"{"error":"a text"}"#, FaultKind::Reported, "a text"),
        (
            r#"{"type":"content_block_start","index":"odd"}"#,
            FaultKind::Garbage,
            "The provider sent something that is no answer.",
        ),
        (
            r#"{"type":"content_block_st"#,
            FaultKind::Garbage,
            "The provider sent something that is no answer.",
        ),
        (
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t"}}"#,
            FaultKind::Garbage,
            "The provider sent something that is no answer.",
        ),
    ];
    for (data, kind, message) in cases {
        let events = told(&[START, data, STOP]);
        let Some(Event::Fault(fault)) = events.last() else { panic!("{data}: {events:?}") };
        assert_eq!((fault.kind, fault.message.as_str()), (kind, message), "{data}");
    }
}

#[test]
fn what_nobody_knows_is_ignored() {
    let events = told(&[
        START,
        r#"{"type":"news","delta":7}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"news_delta","news":[]}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\u00e9b"}}"#,
        "[DONE]",
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"something_new"}}"#,
        STOP,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"late"}}"#,
    ]);
    assert!(events.contains(&Event::Ping));
    let answer = collected(events).unwrap();
    assert_eq!(answer.choices[0].parts, [Part::text("aéb")]);
    assert_eq!(answer.choices[0].stop, Stop::End);
}

#[test]
fn a_call_without_input_has_an_empty_object_and_one_with_all_at_once_keeps_it() {
    let events = told(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"","name":"g","input":{"x": 1.0}}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        STOP,
    ]);
    let answer = collected(events).unwrap();
    let parts = answer.choices[0].parts.iter();
    let calls = parts.map(|part| match &part.kind {
        PartKind::ToolCall { id, arguments, .. } => (id.as_str(), arguments.as_str()),
        other => panic!("{other:?}"),
    });
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls, [("a", "{}"), ("call_msg101", "{\"x\":1.0}")]);
    assert_eq!(answer.choices[0].stop, Stop::Tool, "agents wait for calls only if they are told");
}

#[test]
fn an_answer_by_the_tool_that_stands_for_it_is_text() {
    let block = |name: &str| {
        format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","id":"t","name":"{name}","input":{{}}}}}}"#
        )
    };
    let piece = |json: &str| {
        serde_json::json!({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":json}}).to_string()
    };
    for (name, pieces, expected) in [
        (stand_in::ANSWER, ["{\"a\"", ":1}"], "{\"a\":1}"),
        (stand_in::VALUE, ["{\"value\":[1", ",2]}"], "[1,2]"),
    ] {
        let events = told(&[
            START,
            &block(name),
            &piece(pieces[0]),
            &piece(pieces[1]),
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
            STOP,
        ]);
        let answer = collected(events).unwrap();
        assert_eq!(answer.choices[0].parts, [Part::text(expected)]);
        assert_eq!(answer.choices[0].stop, Stop::End);
    }
}

#[test]
fn what_has_to_be_kept_is_limited() {
    let mut reader = Reader::default();
    let mut out = Vec::new();
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"code_execution","input":{}}}"#;
    reader.read("", start.as_bytes(), &mut out);
    let piece = serde_json::json!({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"x".repeat(1 << 20)}}).to_string();
    for _ in 0..5 {
        reader.read("", piece.as_bytes(), &mut out);
    }
    let Some(Event::Fault(fault)) = out.last() else { panic!() };
    assert_eq!(fault.kind, FaultKind::Garbage);

    let mut reader = Reader::default();
    let mut out = Vec::new();
    for index in 0..100 {
        let start = format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"text","text":""}}}}"#
        );
        reader.read("", start.as_bytes(), &mut out);
    }
    assert!(matches!(out.last(), Some(Event::Fault(_))), "blocks without end");
}

proptest! {
    #[test]
    fn no_events_make_it_panic_and_each_stream_ends_once(
        datas in proptest::collection::vec(prop_oneof![
            ".{0,40}",
            "\\{\"type\":\"(message_start|content_block_start|content_block_delta|content_block_stop|message_delta|message_stop|error|ping)\",\"index\":[0-3],\"delta\":\\{\"text\":\"a\",\"partial_json\":\"\\{\"\\},\"content_block\":\\{\"type\":\"(text|thinking|tool_use|other)\",\"name\":\"f\"\\}\\}",
        ], 0..12),
    ) {
        let datas: Vec<&str> = datas.iter().map(String::as_str).collect();
        let events = told(&datas);
        let ends = events.iter().filter(|event| matches!(event, Event::End | Event::Fault(_))).count();
        prop_assert_eq!(ends, 1);
        prop_assert!(matches!(events.last(), Some(Event::End | Event::Fault(_))));
    }
}
