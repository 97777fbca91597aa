use super::*;
use crate::{
    conversation::{Collector, Reported},
    gemini::{read_answer, recorded},
};
use proptest::prelude::*;
use std::collections::HashSet;

/// The events of chunks.
fn read(chunks: &[&str]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut events = Vec::new();
    for chunk in chunks {
        reader.read("", chunk.as_bytes(), &mut events);
    }
    reader.end(&mut events);
    events
}

/// Events in short.
fn told(events: &[Event]) -> String {
    let event = |event: &Event| match event {
        Event::Start { id, model } => {
            format!("start {} {}", id.as_deref().unwrap_or("-"), model.as_deref().unwrap_or("-"))
        }
        Event::Text { choice, text } => format!("text{choice} {text}"),
        Event::Reasoning { text, .. } => format!("thought {text}"),
        Event::Signed { signature, .. } => format!("signed {}", signature.data),
        Event::Whole { part, .. } => match &part.kind {
            PartKind::Media(media) => format!("media {:?}", media.kind),
            PartKind::Native(_, raw) => format!("native {}", raw.get()),
            other => format!("{other:?}"),
        },
        Event::Call { call, id, name, signature, .. } => {
            let signed = signature.as_ref().map(|it| format!(" signed {}", it.data));
            format!("call{call} {id} {name}{}", signed.unwrap_or_default())
        }
        Event::Arguments { call, json, .. } => format!("arguments{call} {json}"),
        Event::Stop { choice, stop, .. } => format!("stop{choice} {stop:?}"),
        Event::Usage(reported) => {
            let usage = reported.shown().unwrap_or_default();
            format!("usage {}/{}", usage.input(), usage.total_output())
        }
        Event::End => "end".to_owned(),
        Event::Fault(fault) => format!("fault {:?} {}", fault.kind, fault.message),
        other => format!("{other:?}"),
    };
    events.iter().map(event).collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_recorded_stream_adds_up_to_the_recorded_answer() {
    for exchange in recorded::all() {
        let streamed = recorded::events(&exchange.stream);
        let Ok(whole) = read_answer(&exchange.answer) else {
            assert!(matches!(streamed.last(), Some(Event::Fault(_))), "{}", exchange.name);
            continue;
        };
        let mut collector = Collector::default();
        streamed.into_iter().for_each(|event| collector.take(event).unwrap());
        assert_eq!(collector.finish(), whole, "{}", exchange.name);
    }
}

#[test]
fn a_call_is_no_end_though_the_end_comes_in_a_later_piece() {
    let events = recorded::events(&recorded::one("reasoning_tools").stream);
    assert_eq!(
        told(&events),
        "start p4p8aZ-LEcW1vdIPwNvx gemini-3.5-flash | thought **Comparing**\n\nOslo has  | usage 107/80 | \
         thought 11.5 degrees; Bergen is missing. | usage 107/148 | \
         call0 fc_bergen get_weather signed Ep8BCpwBAdHtim9RcIkSn0t3Lh4Vb2x5cGFyaXMgaXMgYSBjaXR5 | \
         arguments0 {\"city\":\"Bergen\"} | usage 107/179 | stop0 Tool | end"
    );
}

#[test]
fn calls_in_several_pieces_are_counted_on_and_get_ids() {
    let events = recorded::events(&recorded::one("tools_parallel").stream);
    assert_eq!(
        told(&events),
        "start kXt7aL3vCqKx28oP7pnJ gemini-2.5-flash | call0 call_kXt7aL3vCqKx28oP7pnJ00 get_weather | \
         arguments0 {\"city\":\"Paris\",\"days\":1} | usage 180/17 | call1 call_kXt7aL3vCqKx28oP7pnJ01 get_weather | \
         arguments1 {\"city\":\"Rome\",\"unit\":null} | usage 180/34 | stop0 Tool | end"
    );
}

#[test]
fn ids_of_calls_differ_between_answers_that_name_no_id() {
    let answer = |city: &str| {
        let chunk = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{{"city":"{city}"}}}}}}]}},"finishReason":"STOP"}}]}}"#
        );
        read(&[&chunk])
    };
    let id = |events: &[Event]| {
        events.iter().find_map(|event| match event {
            Event::Call { id, .. } => Some(id.clone()),
            _ => None,
        })
    };
    assert_ne!(id(&answer("Oslo")), id(&answer("Rome")));
    assert_eq!(id(&answer("Oslo")), id(&answer("Oslo")));
}

#[test]
fn a_refused_prompt_is_an_answer_that_a_filter_ended() {
    let events = recorded::events(&recorded::one("blocked_prompt").stream);
    assert_eq!(
        told(&events),
        "start Y-aAaJbUEuKZ7M8PhZrE gemini-2.5-flash | usage 11/0 | stop0 Filtered | end"
    );
}

#[test]
fn an_error_in_the_middle_is_a_fault_and_nothing_follows_it() {
    let events = recorded::events(&recorded::one("error_in_stream").stream);
    assert!(told(&events).ends_with(
        "usage 6/7 | fault Overloaded The model is overloaded. Please try again later."
    ));
    let cases = [
        (
            r#"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}"#,
            "fault RateLimited slow",
        ),
        (r#"[{"error":{"code":500,"message":"oops","status":"INTERNAL"}}]"#, "fault Reported oops"),
        (r#"{"error":"?"}"#, "fault Reported The provider reported an error without a reason."),
        ("<html>", "fault Garbage The provider sent something that is no answer."),
        (r#"{"candidates":5}"#, "fault Garbage The provider sent something that is no answer."),
        ("[1", "fault Garbage The provider sent something that is no answer."),
        (
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":""}}]}}],"responseId":"r"}"#,
            "start r - | fault Garbage The provider sent something that is no answer.",
        ),
    ];
    for (chunk, expected) in cases {
        let more =
            r#"{"candidates":[{"content":{"parts":[{"text":"late"}]},"finishReason":"STOP"}]}"#;
        assert_eq!(told(&read(&[chunk, more])), expected, "{chunk}");
    }
}

#[test]
fn an_end_without_a_reason_is_no_end() {
    let truncated = "fault Truncated The provider ended the answer before it was complete.";
    assert_eq!(told(&read(&[])), truncated);
    let text = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"responseId":"r"}"#;
    assert_eq!(told(&read(&[text])), format!("start r - | text0 a | {truncated}"));
    assert_eq!(told(&read(&["{}"])), format!("start - - | {truncated}"));
    // Of two choices, one is not complete.
    let two = r#"{"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},{"index":1,"content":{"parts":[{"text":"b"}]}}]}"#;
    assert!(told(&read(&[two])).ends_with(truncated));
    // A whole body cannot lack its end.
    assert_eq!(read_answer(text.as_bytes()).unwrap().choices[0].stop, Stop::End);
    assert_eq!(read_answer(b"{}").unwrap_err().kind, FaultKind::Garbage);
}

#[test]
fn a_malformed_call_is_a_fault_only_without_content() {
    let chunk = |parts: &str, finish: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},{finish}}}],"responseId":"r"}}"#
        )
    };
    let malformed = r#""finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"Malformed function call: print(f)""#;
    assert_eq!(
        told(&read(&[&chunk("", malformed)])),
        "start r - | fault Reported The provider broke off: Malformed function call: print(f)."
    );
    assert_eq!(
        told(&read(&[&chunk(
            r#"{"text":"thinking","thought":true}"#,
            r#""finishReason":"OTHER""#
        )])),
        "start r - | thought thinking | fault Reported The provider broke off: OTHER."
    );
    assert_eq!(
        told(&read(&[&chunk(r#"{"text":"a"}"#, malformed)])),
        "start r - | text0 a | stop0 End | end"
    );
    assert_eq!(
        told(&read(&[&chunk(r#"{"functionCall":{"name":"f"}}"#, r#""finishReason":"OTHER""#)])),
        "start r - | call0 call_r00 f | arguments0 {} | stop0 Tool | end"
    );
}

#[test]
fn a_candidate_without_content_or_parts_is_an_empty_answer() {
    for candidate in [
        r#"{"finishReason":"MAX_TOKENS"}"#,
        r#"{"content":{},"finishReason":"MAX_TOKENS"}"#,
        r#"{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}"#,
        r#"{"content":{"parts":[{"text":""},{}]},"finishReason":"MAX_TOKENS"}"#,
    ] {
        let chunk = format!(r#"{{"candidates":[{candidate}],"responseId":"r"}}"#);
        assert_eq!(told(&read(&[&chunk])), "start r - | stop0 Length | end", "{candidate}");
    }
}

#[test]
fn the_last_usage_counts_and_one_without_counts_is_none() {
    let events = read(&[
        r#"{"usageMetadata":{"trafficType":"ON_DEMAND"},"responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}}"#,
        r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":3}}"#,
    ]);
    assert_eq!(told(&events), "start r - | text0 a | usage 5/1 | usage 5/3 | stop0 End | end");
    let refused = read(&[
        r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":-5}}"#,
    ]);
    let is_refused =
        |event: &Event| matches!(event, Event::Usage(Reported { refused: true, billed: None, .. }));
    assert!(refused.iter().any(is_refused));
}

#[test]
fn searches_are_counted_and_their_tokens_not_charged() {
    let answer = read_answer(&recorded::one("search").answer).unwrap();
    let billed = answer.usage.billed.unwrap();
    assert_eq!((billed.input(), billed.web_searches), (10, 1));
    assert_eq!(answer.usage.shown().unwrap().input(), 822);
    let grounding = |model: &str| {
        let body = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"a"}}]}},"finishReason":"STOP","groundingMetadata":{{"webSearchQueries":["a","b"]}}}}],"usageMetadata":{{"promptTokenCount":1}},"modelVersion":"{model}"}}"#
        );
        read_answer(body.as_bytes()).unwrap().usage.billed.unwrap().web_searches
    };
    assert_eq!((grounding("gemini-2.5-pro"), grounding("gemini-3-pro")), (1, 2));
}

#[test]
fn what_only_this_format_knows_is_carried() {
    let parts = r#"{"executableCode":{"language":"PYTHON","code":"1"}},{"inlineData":{"mimeType":"image/png","data":"AA"},"thought":true},{"inlineData":{"mimeType":"audio/L16;rate=24000","data":"_w=="}}"#;
    let chunk = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"STOP","citationMetadata":{{"citationSources":[]}},"groundingMetadata":{{}}}}],"responseId":"r"}}"#
    );
    assert_eq!(
        told(&read(&[&chunk])),
        "start r - | native {\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"}} | \
         native {\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA\"},\"thought\":true} | media Audio | \
         native {\"citationMetadata\":{\"citationSources\":[]}} | stop0 End | end"
    );
}

/// The grammar of events.
fn check(events: &[Event]) {
    let (mut started, mut over) = (false, false);
    let (mut calls, mut stops) = (HashSet::new(), HashSet::new());
    for event in events {
        assert!(!over, "something follows the end");
        match event {
            Event::Start { .. } => assert!(!std::mem::replace(&mut started, true)),
            Event::Call { choice, call, id, name, .. } => {
                assert!(!id.is_empty() && !name.is_empty());
                let before = calls.iter().filter(|(of, _)| of == choice).count();
                assert_eq!(before, *call as usize, "calls count from 0");
                calls.insert((*choice, *call));
            }
            Event::Arguments { choice, call, json } => {
                assert!(calls.contains(&(*choice, *call)) && !json.is_empty());
            }
            Event::Text { text, .. } => assert!(!text.is_empty()),
            Event::Stop { choice, .. } => assert!(stops.insert(*choice), "one stop per choice"),
            Event::End | Event::Fault(_) => over = true,
            _ => {}
        }
        assert!(started || over, "a start comes first");
    }
    assert!(over, "an end comes last");
}

/// Chunks, sensible or not, in any order.
fn chunk() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(r#"{"text":"a"}"#),
        Just(r#"{"text":"","thoughtSignature":"s"}"#),
        Just(r#"{"text":"t","thought":true}"#),
        Just(r#"{"functionCall":{"name":"f","args":{"x":1}},"thoughtSignature":"s"}"#),
        Just(r#"{"functionCall":{"id":"i","name":"f"}}"#),
        Just(r#"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#),
        Just(r#"{"functionCall":{"name":""}}"#),
        Just(r#"{"text":5}"#),
        Just("{}"),
    ];
    let finish = prop_oneof![
        Just(""),
        Just(r#","finishReason":"STOP""#),
        Just(r#","finishReason":"MAX_TOKENS""#),
        Just(r#","finishReason":"MALFORMED_FUNCTION_CALL""#),
    ];
    let candidate = (proptest::collection::vec(part, 0..3), finish, 0u32..3).prop_map(
        |(parts, finish, index)| {
            format!(r#"{{"content":{{"parts":[{}]}},"index":{index}{finish}}}"#, parts.join(","))
        },
    );
    prop_oneof![
        8 => proptest::collection::vec(candidate, 0..3).prop_map(|all| {
            format!(r#"{{"candidates":[{}],"usageMetadata":{{"promptTokenCount":1}}}}"#, all.join(","))
        }),
        1 => Just(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#.to_owned()),
        1 => Just(r#"{"error":{"code":500,"message":"m"}}"#.to_owned()),
        1 => Just(r#"[{"candidates":[]},{"error":{}}]"#.to_owned()),
        1 => "\\PC{0,12}",
    ]
}

proptest! {
    #[test]
    fn events_keep_their_grammar_whatever_comes(chunks in proptest::collection::vec(chunk(), 0..8)) {
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        check(&read(&chunks));
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        reader.read("x", &bytes, &mut events);
        reader.end(&mut events);
        check(&events);
        let _ = read_answer(&bytes);
    }
}
