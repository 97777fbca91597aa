use super::*;
use crate::{
    conversation::{Answer, Collector, PartKind, Signature},
    gemini::{
        Reader, read_answer,
        recorded::{self, asked},
    },
    stream::StreamReader,
};
use proptest::prelude::*;

fn write(mut writer: Writer, events: &[Event]) -> String {
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).unwrap()
}

/// What an app's library makes of a stream.
fn collected(stream: &str) -> Answer {
    let mut collector = Collector::default();
    recorded::events(stream.as_bytes())
        .into_iter()
        .for_each(|event| collector.take(event).unwrap());
    collector.finish()
}

#[test]
fn a_recorded_stream_is_the_same_after_a_round_in_both_frames() {
    for exchange in recorded::all() {
        let Ok(mut expected) = read_answer(&exchange.answer) else { continue };
        expected.model = Some("alias".into());
        let events = recorded::events(&exchange.stream);
        let mut of_events = collected(&write(Writer::new(asked(true)), &events));
        let array = write(Writer::array(asked(true)), &events);
        let mut reader = Reader::default();
        let mut again = Vec::new();
        reader.read("", array.as_bytes(), &mut again);
        reader.end(&mut again);
        let mut collector = Collector::default();
        again.into_iter().for_each(|event| collector.take(event).unwrap());
        let mut of_array = collector.finish();
        for usage in [&mut expected.usage, &mut of_events.usage, &mut of_array.usage] {
            *usage = Reported { billed: usage.shown(), ..Reported::default() };
            if let Some(usage) = &mut usage.billed {
                usage.web_searches = 0;
            }
        }
        assert_eq!(of_events, expected, "{}", exchange.name);
        assert_eq!(of_array, expected, "{}", exchange.name);
    }
}

#[test]
fn pieces_have_googles_shape() {
    let events = [
        Event::Start { id: Some("r".into()), model: Some("upstream".into()) },
        Event::Text { choice: 0, text: "a\"é".into() },
        Event::Call {
            choice: 0,
            call: 0,
            id: "c".into(),
            name: "f".into(),
            custom: false,
            signature: None,
        },
        Event::Arguments { choice: 0, call: 0, json: "{\"x\"".into() },
        Event::Arguments { choice: 0, call: 0, json: ":1}".into() },
        Event::Stop { choice: 0, stop: Stop::Tool, sequence: None },
        Event::End,
    ];
    assert_eq!(
        write(Writer::new(asked(false)), &events),
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\\\"é\"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"alias\",\"responseId\":\"r\"}\r\n\r\n\
         data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"x\":1}}}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"alias\",\"responseId\":\"r\"}\r\n\r\n\
         data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"alias\",\"responseId\":\"r\"}\r\n\r\n"
    );
}

#[test]
fn mixed_arguments_of_several_calls_become_whole_calls_in_order() {
    let call = |call, id: &str, custom| Event::Call {
        choice: 0,
        call,
        id: id.into(),
        name: "f".into(),
        custom,
        signature: None,
    };
    let more = |call, json: &str| Event::Arguments { choice: 0, call, json: json.into() };
    let mut writer = Writer::new(asked(false));
    let mut out = Vec::new();
    let steps: [(Event, usize); 9] = [
        (call(0, "a", false), 0),
        (more(0, "{\"x\":\"}\\\""), 0),
        (call(1, "b", false), 0),
        (more(1, "{\n  \"y\": [\r\n ]\n}"), 0),
        (more(0, "\"}"), 2),
        (call(2, "c", false), 2),
        (call(3, "d", true), 2),
        (more(3, "select {}"), 2),
        (Event::Stop { choice: 0, stop: Stop::Tool, sequence: None }, 4),
    ];
    for (event, written) in steps {
        writer.write(&event, &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        assert_eq!(text.matches("functionCall").count(), written, "{event:?}");
    }
    writer.write(&Event::End, &mut out);
    let stream = String::from_utf8(out).unwrap();
    assert!(stream.split("\r\n\r\n").all(|event| !event.contains('\n')), "one line each");
    let answer = collected(&stream);
    let calls: Vec<_> = answer.choices[0]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall { id, arguments, .. } => Some((id.as_str(), arguments.as_str())),
            _ => None,
        })
        .collect();
    let expected = [
        ("a", "{\"x\":\"}\\\"\"}"),
        ("b", "{\"y\":[]}"),
        ("c", "{}"),
        ("d", "{\"input\":\"select {}\"}"),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn a_call_that_was_cut_off_keeps_what_there_was() {
    let events = [
        Event::Call {
            choice: 0,
            call: 0,
            id: "a".into(),
            name: "f".into(),
            custom: false,
            signature: None,
        },
        Event::Arguments { choice: 0, call: 0, json: "{\"x\":[1".into() },
        Event::Stop { choice: 0, stop: Stop::Length, sequence: None },
        Event::End,
    ];
    let text = write(Writer::new(asked(false)), &events);
    assert!(
        text.contains(r#""args":{"_raw":"{\"x\":[1"}"#) && text.contains("MAX_TOKENS"),
        "{text}"
    );
}

#[test]
fn arguments_without_an_end_are_a_failure() {
    let mut writer = Writer::new(asked(false));
    let mut out = Vec::new();
    let begin = Event::Call {
        choice: 0,
        call: 0,
        id: "a".into(),
        name: "f".into(),
        custom: false,
        signature: None,
    };
    writer.write(&begin, &mut out);
    let more =
        Event::Arguments { choice: 0, call: 0, json: format!("{{\"{}", "x".repeat(1 << 20)) };
    for _ in 0..5 {
        writer.write(&more, &mut out);
    }
    writer.write(&Event::End, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#"{"error":{"code":500"#) && !text.contains("finishReason"), "{text}");
    assert_eq!(text.matches("data: ").count(), 1);
}

#[test]
fn a_fault_is_told_in_band_and_nothing_follows() {
    let fault = Event::Fault(Fault { kind: FaultKind::Overloaded, message: "busy".into() });
    let text = Event::Text { choice: 0, text: "a".into() };
    let events = [text.clone(), fault, text, Event::End];
    let stream = write(Writer::new(asked(false)), &events);
    assert!(stream.ends_with(
        "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n"
    ));
    assert!(!stream.contains("finishReason"));
    let array = write(Writer::array(asked(false)), &events);
    let values: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
    assert_eq!((values.len(), &values[1]["error"]["status"]), (2, &"UNAVAILABLE".into()));
    let alone = write(Writer::array(asked(false)), &[Event::Fault(Fault::truncated())]);
    let values: Vec<serde_json::Value> = serde_json::from_str(&alone).unwrap();
    assert_eq!(values[0]["error"]["code"], 500);
}

#[test]
fn white_space_keeps_a_silent_stream_alive() {
    let written = |mut writer: Writer| {
        let mut out = Vec::new();
        writer.keep_alive(&mut out);
        writer.write(&Event::Text { choice: 0, text: "a".into() }, &mut out);
        writer.write(&Event::Ping, &mut out);
        writer.write(&Event::Stop { choice: 0, stop: Stop::End, sequence: None }, &mut out);
        writer.write(&Event::End, &mut out);
        writer.keep_alive(&mut out);
        String::from_utf8(out).unwrap()
    };
    let array = written(Writer::array(asked(false)));
    let values: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
    assert_eq!(values.len(), 2);
    // Google's Python client reads any other line as JSON.
    let events = written(Writer::new(asked(false)));
    assert!(events.starts_with("\r\ndata: ") && events.contains("\r\n\r\n\r\ndata: "));
    assert!(events.lines().all(|line| line.is_empty() || line.starts_with("data: {")));
}

#[test]
fn an_app_that_asks_for_no_thoughts_gets_neither_them_nor_their_signature() {
    let signed = |by, data: &str| Event::Signed { choice: 0, signature: Signature::new(by, data) };
    let events = [
        Event::Reasoning { choice: 0, text: "secret".into() },
        signed(Format::Anthropic, "of the secret"),
        Event::Text { choice: 0, text: "hi".into() },
        signed(Format::Gemini, "OFTEXT"),
        Event::Stop { choice: 0, stop: Stop::End, sequence: None },
        Event::End,
    ];
    let hidden = write(Writer::new(asked(false)), &events);
    assert!(!hidden.contains("secret") && !hidden.contains("dG9sbGdhdGUx"), "{hidden}");
    assert!(hidden.contains(r#"{"text":"","thoughtSignature":"OFTEXT"}"#));
    let shown = write(Writer::new(asked(true)), &events);
    assert!(shown.contains(r#"{"text":"secret","thought":true}"#));
    assert!(
        shown.contains(r#"{"text":"","thought":true,"thoughtSignature":"dG9sbGdhdGUx"#),
        "{shown}"
    );
}

#[test]
fn thoughts_in_pieces_come_back_from_an_app_as_one_with_its_signature() {
    let signature = Signature::new(Format::Anthropic, "whole");
    let events = [
        Event::Reasoning { choice: 0, text: "one ".into() },
        Event::Reasoning { choice: 0, text: "two".into() },
        Event::Signed { choice: 0, signature: signature.clone() },
        Event::Text { choice: 0, text: "hi".into() },
        Event::Stop { choice: 0, stop: Stop::End, sequence: None },
        Event::End,
    ];
    let array = write(Writer::array(asked(true)), &events);
    let pieces: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
    // Chats of Google's Python client keep each piece as a turn; others join the parts.
    let turns: Vec<_> =
        pieces.iter().map(|piece| piece["candidates"][0]["content"].clone()).collect();
    let parts: Vec<_> =
        turns.iter().flat_map(|turn| turn["parts"].as_array().unwrap().clone()).collect();
    let joined = vec![serde_json::json!({"role": "model", "parts": parts})];
    for contents in [turns, joined] {
        let body = serde_json::json!({ "contents": contents }).to_string();
        let read = crate::gemini::read_request(body.as_bytes(), "m", false).unwrap();
        let first = &read.turns[0].parts[0].kind;
        let expected =
            PartKind::Reasoning { text: "one two".into(), signature: Some(signature.clone()) };
        assert_eq!(*first, expected);
    }
}

/// Events that keep their grammar.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let said = prop_oneof![
        "[a-z\"\\\\\u{e9}]{1,5}".prop_map(|text| Event::Text { choice: 0, text }),
        "[a-z]{1,5}".prop_map(|text| Event::Text { choice: 1, text }),
        "[a-z]{0,5}".prop_map(|text| Event::Reasoning { choice: 0, text }),
        "[a-z]{1,5}".prop_map(|data| Event::Signed {
            choice: 0,
            signature: Signature::new(Format::Gemini, data),
        }),
        Just(Event::Ping),
        Just(Event::Usage(Reported::default())),
    ];
    let json = prop_oneof![Just("{}"), Just("{\"a\":[1,{\"b\":\"}\"}]}"), Just("")];
    (
        proptest::collection::vec(said, 0..8),
        proptest::collection::vec((json, 0usize..20), 0..4),
        proptest::option::of(Just(Event::Fault(Fault::truncated()))),
    )
        .prop_map(|(said, calls, fault)| {
            let mut events = vec![Event::Start { id: Some("r".into()), model: None }];
            events.extend(said);
            let mut rest = Vec::new();
            for (number, (json, cut)) in (0u32..).zip(calls) {
                let (id, name) = (format!("c{number}"), "f".to_owned());
                events.push(Event::Call {
                    choice: 0,
                    call: number,
                    id,
                    name,
                    custom: false,
                    signature: None,
                });
                let cut = cut.min(json.len());
                let piece =
                    |json: &str| Event::Arguments { choice: 0, call: number, json: json.into() };
                let (before, after) = json.split_at(cut);
                events.extend((!before.is_empty()).then(|| piece(before)));
                rest.extend((!after.is_empty()).then(|| piece(after)));
            }
            events.extend(rest);
            let called = events.iter().any(|event| matches!(event, Event::Call { .. }));
            events.push(Event::Stop {
                choice: 0,
                stop: Stop::End.given_calls(called),
                sequence: None,
            });
            events.push(Event::Stop { choice: 1, stop: Stop::Length, sequence: None });
            match fault {
                Some(fault) => {
                    events.truncate(events.len() / 2 + 1);
                    events.push(fault);
                }
                None => events.push(Event::End),
            }
            events
        })
}

/// What a text says, without the pieces it came in.
fn said(answer: &Answer) -> Vec<String> {
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) => format!("text {text}"),
        PartKind::Reasoning { text, signature } => {
            format!("thought {text} {}", signature.as_ref().map_or("-", |it| it.data.as_str()))
        }
        PartKind::ToolCall { id, arguments, .. } => format!("call {id} {arguments}"),
        other => format!("{other:?}"),
    };
    answer
        .choices
        .iter()
        .flat_map(|choice| choice.parts.iter().map(part).chain([format!("{:?}", choice.stop)]))
        .collect()
}

proptest! {
    #[test]
    fn whatever_is_written_keeps_the_grammar_and_reads_as_it_was(events in events()) {
        let stream = write(Writer::new(asked(true)), &events);
        let array = write(Writer::array(asked(true)), &events);
        let pieces: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
        let finishes = |piece: &serde_json::Value| {
            piece["candidates"].as_array().into_iter().flatten().any(|it| it["finishReason"].is_string())
        };
        let (last, before) = pieces.split_last().unwrap();
        prop_assert!(!before.iter().any(|piece| finishes(piece) || piece["error"].is_object()));
        let failed = matches!(events.last(), Some(Event::Fault(_)));
        prop_assert_eq!(failed, last["error"].is_object());
        prop_assert_eq!(failed, !finishes(last));
        if !failed {
            let mut collector = Collector::default();
            // A thought without words or signature is nothing here.
            let kept = |event: &Event| !matches!(event, Event::Reasoning { text, .. } if text.is_empty());
            events.clone().into_iter().filter(kept).for_each(|event| collector.take(event).unwrap());
            prop_assert_eq!(said(&collected(&stream)), said(&collector.finish()));
        }
    }
}
