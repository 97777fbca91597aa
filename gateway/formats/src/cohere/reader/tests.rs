use super::*;
use crate::{
    cohere::{
        read_answer,
        testing::{check_grammar, collected, core, exchanges, read_events, told},
    },
    conversation::{FaultKind, PartKind, Stop},
};
use proptest::prelude::*;

fn stream(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path.join("stream.sse")).unwrap()
}

#[test]
fn a_recorded_stream_tells_the_same_as_the_whole_answer() {
    for (name, path) in exchanges() {
        let events = read_events(&stream(&path));
        check_grammar(&events);
        let whole = read_answer(&std::fs::read(path.join("answer.json")).unwrap());
        match (collected(events), whole) {
            (Ok(streamed), Ok(whole)) => assert_eq!(streamed, core(&whole), "{name}"),
            (Err(streamed), Err(whole)) => assert_eq!(streamed.kind, whole.kind, "{name}"),
            (streamed, whole) => panic!("{name}: {streamed:?} {whole:?}"),
        }
    }
}

const START: (&str, &str) = (
    "message-start",
    r#"{"type":"message-start","id":"c14","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}"#,
);

fn end(delta: &str) -> String {
    format!(r#"{{"type":"message-end","delta":{delta}}}"#)
}

/// The worked stream of the documentation: a plan, a call, two counts.
#[test]
fn a_plan_becomes_reasoning_and_the_billed_count_is_charged() {
    let end = end(
        r#"{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":10,"output_tokens":5},"tokens":{"input_tokens":80,"output_tokens":9}}}"#,
    );
    let events = told(&[
        START,
        ("", r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will look it up"}}}"#),
        (
            "",
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_abc","type":"function","function":{"name":"f","arguments":""}}}}}"#,
        ),
        (
            "",
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":1}"}}}}}"#,
        ),
        ("", r#"{"type":"tool-call-end","index":0}"#),
        ("", &end),
    ]);
    check_grammar(&events);
    let call = Event::Call {
        choice: 0,
        call: 0,
        id: "f_abc".to_owned(),
        name: "f".to_owned(),
        custom: false,
        signature: None,
    };
    assert_eq!(events[0], Event::Start { id: Some("c14".to_owned()), model: None });
    assert_eq!(events[1], Event::Reasoning { choice: 0, text: "I will look it up".to_owned() });
    assert_eq!(events[2], call);
    assert_eq!(events[3], Event::Arguments { choice: 0, call: 0, json: r#"{"x":1}"#.to_owned() });
    let usage = collected(events).unwrap().usage;
    let pair =
        |usage: Option<tollgate_contract::usage::Usage>| usage.map(|it| (it.input(), it.output));
    assert_eq!((pair(usage.billed), pair(usage.shown())), (Some((10, 5)), Some((80, 9))));
}

#[test]
fn thinking_and_a_plan_are_told_apart() {
    let end = end(r#"{"finish_reason":"COMPLETE"}"#);
    let thought =
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#;
    let plan = r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"go"}}}"#;
    let text =
        r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"so"}}}}"#;
    let answer = collected(told(&[
        START,
        ("", thought),
        ("", plan),
        ("", plan),
        ("", text),
        ("", plan),
        ("", &end),
    ]))
    .unwrap();
    let kinds: Vec<String> = answer.choices[0]
        .parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Reasoning { text, .. } => format!("reasoning {text}"),
            PartKind::Text(text) => format!("text {text}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["reasoning hm\n\ngogo", "text so", "reasoning go"]);
}

/// `null` in one piece, in two, at the start, or nothing at all.
#[test]
fn arguments_that_say_nothing_are_an_empty_object() {
    let start = |arguments: &str| {
        format!(
            r#"{{"type":"tool-call-start","index":7,"delta":{{"message":{{"tool_calls":{{"id":"a","function":{{"name":"f","arguments":{arguments}}}}}}}}}}}"#
        )
    };
    let piece = |arguments: &str| {
        let arguments = crate::json::string(arguments);
        format!(
            r#"{{"type":"tool-call-delta","index":7,"delta":{{"message":{{"tool_calls":{{"function":{{"arguments":{arguments}}}}}}}}}}}"#
        )
    };
    let cases: [(&str, &[&str], &str); 7] = [
        (r#""""#, &[], "{}"),
        (r#""""#, &["null"], "{}"),
        (r#""""#, &["nu", "ll"], "{}"),
        (r#""null""#, &[], "{}"),
        ("null", &[], "{}"),
        (r#""""#, &["n", "o"], "no"),
        (r#""{\"a\"""#, &[":1", "}"], r#"{"a":1}"#),
    ];
    for (first, pieces, expected) in cases {
        let mut events = vec![("", start(first))];
        events.extend(pieces.iter().map(|json| ("", piece(json))));
        events.push(("", r#"{"type":"tool-call-end","index":7}"#.to_owned()));
        events.push(("", end(r#"{"finish_reason":"TOOL_CALL"}"#)));
        let events: Vec<_> = events.iter().map(|(name, data)| (*name, data.as_str())).collect();
        let told = told(&events);
        check_grammar(&told);
        let answer = collected(told).unwrap();
        let PartKind::ToolCall { arguments, .. } = &answer.choices[0].parts[0].kind else {
            panic!()
        };
        assert_eq!(arguments, expected, "{first} {pieces:?}");
    }
}

#[test]
fn failures_after_a_good_status_are_never_an_end() {
    let cases = [
        (r#"{"finish_reason":"ERROR"}"#, "could not finish"),
        (r#"{"finish_reason":"TIMEOUT","error":null}"#, "could not finish"),
        (r#"{"finish_reason":"ERROR","error":"It broke."}"#, "It broke."),
        (r#"{"finish_reason":"COMPLETE","error":{"message":"It broke."}}"#, "It broke."),
        (r#"{"finish_reason":"COMPLETE","error":{"code":7}}"#, r#"{"code":7}"#),
    ];
    for (delta, words) in cases {
        let events =
            told(&[START, ("", &end(delta)), ("", &end(r#"{"finish_reason":"COMPLETE"}"#))]);
        let Some(Event::Fault(fault)) = events.last() else { panic!("{delta}: {events:?}") };
        assert_eq!(fault.kind, FaultKind::Reported);
        assert!(fault.message.contains(words), "{}", fault.message);
    }
    let said = told(&[START, ("", r#"{"id":"e","message":"too busy"}"#)]);
    assert_eq!(said.last(), Some(&Event::Fault(Fault::reported("too busy"))));
    // What was used until then is charged.
    let used = end(
        r#"{"finish_reason":"ERROR","usage":{"billed_units":{"input_tokens":3,"output_tokens":1}}}"#,
    );
    let events = told(&[START, ("", &used)]);
    assert!(matches!(&events[1], Event::Usage(usage) if usage.billed.is_some()), "{events:?}");
}

#[test]
fn words_for_the_end_are_read_in_line_with_the_calls() {
    let call = r#"{"type":"tool-call-start","delta":{"message":{"tool_calls":{"function":{"name":"f"}}}}}"#;
    let cases = [
        ("COMPLETE", false, Stop::End),
        ("COMPLETE", true, Stop::Tool),
        ("STOP_SEQUENCE", false, Stop::Sequence),
        ("MAX_TOKENS", true, Stop::Length),
        ("TOOL_CALL", true, Stop::Tool),
        ("TOOL_CALL", false, Stop::End),
        ("ERROR_TOXIC", false, Stop::Filtered),
        ("SOMETHING_NEW", false, Stop::End),
    ];
    for (word, called, expected) in cases {
        let end = end(&format!(r#"{{"finish_reason":"{word}"}}"#));
        let mut events = vec![START];
        events.extend(called.then_some(("", call)));
        events.push(("", &end));
        let events = told(&events);
        check_grammar(&events);
        assert_eq!(collected(events).unwrap().choices[0].stop, expected, "{word} {called}");
    }
}

#[test]
fn an_early_end_is_truncated_and_what_follows_the_end_is_nothing() {
    let text = ("content-delta", r#"{"delta":{"message":{"content":{"text":"Hi"}}}}"#);
    for events in [&[][..], &[START], &[START, text], &[START, text, ("", "[DONE]")]] {
        assert_eq!(told(events).last(), Some(&Event::Fault(Fault::truncated())), "{events:?}");
    }
    let end = end(r#"{"finish_reason":"COMPLETE"}"#);
    let events = told(&[text, ("", &end), ("", "[DONE]"), text, ("", &end)]);
    check_grammar(&events);
    assert_eq!(events.last(), Some(&Event::End), "the name of the event stands for its type");
}

#[test]
fn what_is_not_known_is_passed_over_and_what_is_broken_is_garbage() {
    let end = end(r#"{"finish_reason":"COMPLETE"}"#);
    let unknown = [
        ("", r#"{"type":"debug","prompt":7}"#),
        ("", r#"{"type":"something-new","delta":7}"#),
        (
            "",
            r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0}}}}"#,
        ),
    ];
    for event in unknown {
        assert_eq!(told(&[START, event, ("", &end)]).last(), Some(&Event::End), "{event:?}");
    }
    let broken = [
        ("", "no JSON"),
        ("", r#"{"type":"content-delta","delta":{"message":{"content":7}}}"#),
        ("", r#"{"type":"content-delta","delta":7}"#),
        ("", r#"{"type":"tool-call-start","delta":{"message":{}}}"#),
        (
            "",
            r#"{"type":"tool-call-start","delta":{"message":{"tool_calls":{"id":"a","function":{"name":""}}}}}"#,
        ),
        (
            "",
            r#"{"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}"#,
        ),
        ("", r#"{"type":"message-end"}"#),
    ];
    for event in broken {
        let fault = collected(told(&[START, event, ("", &end)])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Garbage, "{event:?}");
    }
}

#[test]
fn calls_have_a_limit() {
    let call = r#"{"type":"tool-call-start","delta":{"message":{"tool_calls":{"function":{"name":"f"}}}}}"#;
    let events = vec![("", call); 1025];
    assert_eq!(collected(told(&events)).unwrap_err().kind, FaultKind::Garbage);
}

/// Events that are near to real ones.
fn event() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("message-start"),
        Just("content-start"),
        Just("content-delta"),
        Just("tool-plan-delta"),
        Just("tool-call-start"),
        Just("tool-call-delta"),
        Just("tool-call-end"),
        Just("message-end"),
        Just("other"),
    ];
    let value = prop_oneof![
        "[a-z{}]{0,5}".prop_map(|text| format!("\"{text}\"")),
        Just("\"null\"".to_owned()),
        Just("null".to_owned()),
        Just("7".to_owned()),
    ];
    let message = prop_oneof![
        value.clone().prop_map(|value| format!(r#"{{"content":{{"text":{value}}}}}"#)),
        value.clone().prop_map(|value| format!(r#"{{"content":{{"thinking":{value}}}}}"#)),
        value.clone().prop_map(|value| format!(r#"{{"tool_plan":{value}}}"#)),
        (value.clone(), value.clone()).prop_map(|(id, arguments)| format!(
            r#"{{"tool_calls":{{"id":{id},"function":{{"name":"f","arguments":{arguments}}}}}}}"#
        )),
    ];
    (kind, 0..3_u8, message, value).prop_map(|(kind, index, message, word)| {
        format!(
            r#"{{"type":"{kind}","index":{index},"delta":{{"message":{message},"finish_reason":{word}}}}}"#
        )
    })
}

proptest! {
    #[test]
    fn no_events_break_the_grammar(events in proptest::collection::vec(event(), 0..14)) {
        let events: Vec<_> = events.iter().map(|data| ("", data.as_str())).collect();
        check_grammar(&told(&events));
    }

    #[test]
    fn no_bytes_make_it_panic(events in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        for data in &events {
            reader.read("content-delta", data, &mut out);
        }
        reader.end(&mut out);
        check_grammar(&out);
        check_grammar(&read_events(&bytes));
    }
}
