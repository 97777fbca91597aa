use super::*;
use crate::{
    bedrock::{
        read_answer,
        testing::{check_grammar, collected, core, event, exchanges, hex, read_events, told},
    },
    conversation::{FaultKind, Format, Part, PartKind, Signature, Stop},
};
use proptest::prelude::*;

fn stream(path: &std::path::Path) -> Vec<u8> {
    hex(&std::fs::read_to_string(path.join("stream.hex")).unwrap())
}

#[test]
fn a_recorded_stream_tells_the_same_as_the_whole_answer() {
    for (name, path) in exchanges() {
        let streamed = collected(read_events(&stream(&path), usize::MAX));
        let whole = read_answer(&std::fs::read(path.join("answer.json")).unwrap());
        match (streamed, whole) {
            (Ok(streamed), Ok(whole)) => assert_eq!(streamed, core(&whole), "{name}"),
            (Err(streamed), Err(whole)) => assert_eq!(streamed.message, whole.message, "{name}"),
            (streamed, whole) => panic!("{name}: {streamed:?} {whole:?}"),
        }
    }
}

#[test]
fn recorded_streams_keep_the_grammar_however_they_are_cut() {
    for (name, path) in exchanges() {
        let bytes = stream(&path);
        let events = read_events(&bytes, usize::MAX);
        check_grammar(&events);
        for size in [1, 2, 7, 100] {
            assert_eq!(read_events(&bytes, size), events, "{name} in pieces of {size}");
        }
    }
}

const START: (&str, &str) = ("messageStart", r#"{"role":"assistant"}"#);
const STOP: (&str, &str) = ("messageStop", r#"{"stopReason":"end_turn"}"#);
const USED: (&str, &str) =
    ("metadata", r#"{"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{}}"#);

fn delta(payload: &'static str) -> (&'static str, &'static str) {
    ("contentBlockDelta", payload)
}

/// The usage comes behind the end: whoever closes at `messageStop` bills nothing.
#[test]
fn metadata_after_the_stop_is_counted() {
    let hi = delta(r#"{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"abc"}"#);
    let answer = collected(told(&[START, hi, STOP, USED])).unwrap();
    let usage = answer.usage.billed.unwrap();
    assert_eq!((usage.input(), usage.output), (3, 2));
    let early = told(&[START, hi, USED, STOP]);
    check_grammar(&early);
    assert_eq!(collected(early).unwrap(), answer, "the order of the two does not matter");
}

#[test]
fn an_end_before_the_stop_is_truncated_and_one_without_usage_is_an_end() {
    let hi = delta(r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#);
    let cases: [(&[_], _); 5] = [
        (&[], Some(Event::Fault(Fault::truncated()))),
        (&[START], Some(Event::Fault(Fault::truncated()))),
        (&[START, hi, USED], Some(Event::Fault(Fault::truncated()))),
        (&[START, hi, STOP], Some(Event::End)),
        (&[START, hi, STOP, USED], Some(Event::End)),
    ];
    for (events, last) in cases {
        assert_eq!(told(events).last(), last.as_ref(), "{events:?}");
    }
}

/// Also after the status 200, and also after the stop.
#[test]
fn an_exception_in_the_stream_is_never_swallowed() {
    let hi = delta(r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#);
    let cases = [
        ("exception:throttlingException", FaultKind::RateLimited),
        ("exception:serviceUnavailableException", FaultKind::Overloaded),
        ("exception:modelStreamErrorException", FaultKind::Reported),
        ("exception:internalServerException", FaultKind::Reported),
        ("exception:validationException", FaultKind::Reported),
        ("exception:somethingNew", FaultKind::Reported),
    ];
    for (name, kind) in cases {
        for before in [&[][..], &[START, hi], &[START, hi, STOP]] {
            let mut events = before.to_vec();
            events.push((name, r#"{"message":"no"}"#));
            events.extend([STOP, USED]);
            let told = told(&events);
            let Some(Event::Fault(fault)) = told.last() else { panic!("{name}: {told:?}") };
            assert_eq!((fault.kind, fault.message.as_str()), (kind, "no"));
            assert!(!told.contains(&Event::End));
        }
    }
}

#[test]
fn malformed_stops_are_faults_and_others_are_read_in_line_with_the_calls() {
    let call = (
        "contentBlockStart",
        r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
    );
    let stop = |word: &str| format!(r#"{{"stopReason":"{word}"}}"#);
    for word in ["malformed_tool_use", "malformed_model_output"] {
        let fault = collected(told(&[START, ("messageStop", &stop(word)), USED])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Reported);
    }
    let cases = [
        ("end_turn", false, Stop::End),
        ("end_turn", true, Stop::Tool),
        ("tool_use", true, Stop::Tool),
        ("tool_use", false, Stop::End),
        ("stop_sequence", false, Stop::Sequence),
        ("max_tokens", true, Stop::Length),
        ("model_context_window_exceeded", false, Stop::Length),
        ("guardrail_intervened", false, Stop::Filtered),
        ("content_filtered", false, Stop::Filtered),
        ("something_new", false, Stop::End),
    ];
    for (word, called, expected) in cases {
        let stop = stop(word);
        let mut events = vec![START];
        events.extend(called.then_some(call));
        events.push(("messageStop", &stop));
        let answer = collected(told(&events)).unwrap();
        assert_eq!(answer.choices[0].stop, expected, "{word} {called}");
    }
}

/// A text and two calls: the calls count from 0, not from the blocks' index.
#[test]
fn calls_are_numbered_by_themselves_and_without_input_have_an_empty_object() {
    let events = told(&[
        START,
        delta(r#"{"contentBlockIndex":0,"delta":{"text":"I look."}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#,
        ),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"b","name":"g"}}}"#,
        ),
        delta(r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"x\""}}}"#),
        delta(r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":""}}}"#),
        delta(r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":":1}"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
        STOP,
    ]);
    check_grammar(&events);
    let answer = collected(events).unwrap();
    let calls: Vec<_> = answer.choices[0]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall { id, name, arguments, .. } => {
                Some(format!("{id} {name} {arguments}"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(calls, [r#"a f {"x":1}"#, "b g {}"]);
    assert_eq!(answer.choices[0].stop, Stop::Tool);
}

#[test]
fn reasoning_keeps_its_signature_and_its_kinds_apart() {
    let events = told(&[
        START,
        delta(r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm "}}}"#),
        delta(r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"#),
        delta(r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"si"}}}"#),
        delta(r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"g"}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        delta(r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"YQ=="}}}"#),
        delta(r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"Yg=="}}}"#),
        delta(r#"{"contentBlockIndex":2,"delta":{"reasoningContent":{"signature":"omitted"}}}"#),
        delta(r#"{"contentBlockIndex":3,"delta":{"text":"done"}}"#),
        STOP,
    ]);
    check_grammar(&events);
    let signed = |text: &str, data: &str| {
        let signature = Some(Signature::new(Format::Bedrock, data));
        Part::new(PartKind::Reasoning { text: text.to_owned(), signature })
    };
    let sealed = PartKind::Sealed(Signature::new(Format::Bedrock, "YWI="));
    // Blocks that nobody stopped are stopped at the end, in their order.
    let parts = collected(events).unwrap().choices.remove(0).parts;
    assert_eq!(parts[0], signed("hm hm", "sig"));
    assert!(parts.contains(&Part::new(sealed)), "{parts:?}");
    assert!(parts.contains(&Part::text("done")), "{parts:?}");
    assert!(parts.contains(&signed("", "omitted")), "{parts:?}");
}

#[test]
fn the_tool_that_stands_for_the_answer_is_text_again() {
    let start = |name: &str| {
        format!(
            r#"{{"contentBlockIndex":0,"start":{{"toolUse":{{"toolUseId":"t","name":"{name}"}}}}}}"#
        )
    };
    let piece = |json: &str| {
        let json = crate::json::string(json);
        format!(r#"{{"contentBlockIndex":0,"delta":{{"toolUse":{{"input":{json}}}}}}}"#)
    };
    let cases = [
        ("tollgate_json_answer", [r#"{"a":"#, "1}"], r#"{"a":1}"#),
        ("tollgate_json_value", [r#"{"value":[1"#, ",2.0]}"], "[1,2.0]"),
    ];
    for (name, pieces, expected) in cases {
        let (start, one, two) = (start(name), piece(pieces[0]), piece(pieces[1]));
        let events = told(&[
            START,
            ("contentBlockStart", &start),
            ("contentBlockDelta", &one),
            ("contentBlockDelta", &two),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            ("messageStop", r#"{"stopReason":"tool_use"}"#),
            USED,
        ]);
        check_grammar(&events);
        let answer = collected(events).unwrap();
        assert_eq!(answer.choices[0].parts, [Part::text(expected)]);
        assert_eq!(answer.choices[0].stop, Stop::End, "nobody is to run a tool");
    }
}

#[test]
fn images_come_in_pieces_and_what_bedrock_runs_itself_is_not_shown() {
    let events = told(&[
        START,
        ("contentBlockStart", r#"{"contentBlockIndex":0,"start":{"image":{"format":"jpeg"}}}"#),
        delta(r#"{"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"/9g="}}}}"#),
        delta(r#"{"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"/w=="}}}}"#),
        ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"s","name":"nova_grounding","type":"server_tool_use"}}}"#,
        ),
        delta(r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}"#),
        (
            "contentBlockStart",
            r#"{"contentBlockIndex":2,"start":{"toolResult":{"toolUseId":"s"}}}"#,
        ),
        delta(r#"{"contentBlockIndex":2,"delta":{"toolResult":[{"text":"found"}]}}"#),
        STOP,
    ]);
    check_grammar(&events);
    let parts = collected(events).unwrap().choices.remove(0).parts;
    let [Part { kind: PartKind::Media(image), .. }] = parts.as_slice() else { panic!("{parts:?}") };
    assert_eq!(image.to_url().as_deref(), Some("data:image/jpeg;base64,/9j/"));
}

#[test]
fn what_is_not_known_is_passed_over_and_what_is_broken_is_garbage() {
    let hi = delta(r#"{"contentBlockIndex":0,"delta":{"text":"Hi","new":1},"new":{}}"#);
    let unknown = ("somethingNew", "no JSON");
    let citation = delta(r#"{"contentBlockIndex":0,"delta":{"citation":{"title":"t"}}}"#);
    let answer = collected(told(&[unknown, START, hi, citation, ("", ""), STOP, USED])).unwrap();
    assert_eq!(answer.choices[0].parts, [Part::text("Hi")]);
    let broken = [
        delta("{"),
        delta(r#"{"delta":{"text":7}}"#),
        delta(r#"{"contentBlockIndex":9,"delta":{"toolUse":{"input":"{}"}}}"#),
        ("contentBlockStart", r#"{"start":{"toolUse":{"toolUseId":"t","name":""}}}"#),
    ];
    for event in broken {
        let fault = collected(told(&[START, event, STOP, USED])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Garbage, "{event:?}");
    }
}

#[test]
fn what_is_kept_has_a_limit() {
    let piece = format!(
        r#"{{"contentBlockIndex":0,"delta":{{"reasoningContent":{{"signature":"{}"}}}}}}"#,
        "x".repeat(1 << 20)
    );
    let mut events = vec![START];
    events.extend(std::iter::repeat_n(("contentBlockDelta", piece.as_str()), 20));
    events.extend([STOP, USED]);
    assert_eq!(collected(told(&events)).unwrap_err().kind, FaultKind::Garbage);
    let many: Vec<String> = (0..100)
        .map(|index| format!(r#"{{"contentBlockIndex":{index},"delta":{{"text":"x"}}}}"#))
        .collect();
    let mut events = vec![START];
    events.extend(many.iter().map(|payload| ("contentBlockDelta", payload.as_str())));
    assert_eq!(collected(told(&events)).unwrap_err().kind, FaultKind::Garbage);
}

/// Payloads that are near to real ones.
fn payload() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        "[a-z=]{0,6}".prop_map(|text| format!("\"{text}\"")),
        (0..4_u8).prop_map(|number| number.to_string()),
        Just("{}".to_owned()),
    ];
    let member = prop_oneof![
        Just("text"),
        Just("toolUse"),
        Just("reasoningContent"),
        Just("image"),
        Just("toolResult")
    ];
    let inner = prop_oneof![
        Just("text"),
        Just("signature"),
        Just("redactedContent"),
        Just("input"),
        Just("toolUseId"),
        Just("name"),
        Just("source"),
        Just("format"),
    ];
    (0..4_u8, prop_oneof![Just("delta"), Just("start")], member, inner, value.clone(), value)
        .prop_map(|(index, outer, member, inner, value, other)| {
            format!(
                r#"{{"contentBlockIndex":{index},"{outer}":{{"{member}":{{"{inner}":{value},"name":"f","toolUseId":"t"}}}},"stopReason":{other},"usage":{other}}}"#
            )
        })
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("messageStart"),
        Just("contentBlockStart"),
        Just("contentBlockDelta"),
        Just("contentBlockDelta"),
        Just("contentBlockStop"),
        Just("messageStop"),
        Just("metadata"),
        Just("exception:throttlingException"),
        Just("other"),
    ]
}

proptest! {
    #[test]
    fn no_events_break_the_grammar(events in proptest::collection::vec((name(), payload()), 0..12)) {
        let events: Vec<_> = events.iter().map(|(name, payload)| (*name, payload.as_str())).collect();
        check_grammar(&told(&events));
    }

    #[test]
    fn no_bytes_make_it_panic(events in proptest::collection::vec((name(), proptest::collection::vec(any::<u8>(), 0..60)), 0..8)) {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        for (name, payload) in &events {
            reader.read(name, payload, &mut out);
        }
        reader.end(&mut out);
        check_grammar(&out);
    }

    #[test]
    fn texts_come_out_whole_however_they_are_framed(pieces in proptest::collection::vec(".{1,12}", 1..8), size in 1..50_usize) {
        let mut bytes = event("messageStart", r#"{"role":"assistant"}"#);
        for piece in &pieces {
            let text = crate::json::string(piece);
            bytes.extend(event("contentBlockDelta", &format!(r#"{{"contentBlockIndex":0,"delta":{{"text":{text}}}}}"#)));
        }
        bytes.extend(event("messageStop", r#"{"stopReason":"end_turn"}"#));
        let answer = collected(read_events(&bytes, size)).unwrap();
        prop_assert_eq!(&answer.choices[0].parts, &[Part::text(pieces.concat())]);
    }
}
