use super::*;
use crate::{
    anthropic::testing::{
        check_grammar, collected, core, golden, nothing_asked, read_events, streamed,
    },
    conversation::{Answer, FaultKind, Reported},
};
use proptest::prelude::*;

fn written(events: &[Event]) -> Vec<u8> {
    let mut writer = Writer::new(nothing_asked());
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn reasoning(text: &str) -> Event {
    Event::Reasoning { choice: 0, text: text.into() }
}

fn call(call: u32) -> Event {
    let (id, name) = (format!("c{call}"), format!("f{call}"));
    Event::Call { choice: 0, call, id, name, custom: false, signature: None }
}

fn arguments(call: u32, json: &str) -> Event {
    Event::Arguments { choice: 0, call, json: json.into() }
}

fn stop(stop: Stop) -> Event {
    Event::Stop { choice: 0, stop, sequence: None }
}

fn start() -> Event {
    Event::Start { id: Some("chatcmpl-7".into()), model: Some("upstream".into()) }
}

fn used(input: u64, output: u64) -> Event {
    let usage = Usage { input_uncached: input, output, requests: 1, ..Usage::default() };
    Event::Usage(Reported::of(usage))
}

/// Blocks in short: their kind and what they hold.
fn blocks(answer: &Answer) -> Vec<String> {
    let choice = answer.choices.first();
    let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) => format!("text {text}"),
        PartKind::Reasoning { text, signature } => {
            format!("thinking {text} {}", signature.as_ref().map_or("", |it| &it.data))
        }
        PartKind::ToolCall { id, name, arguments, .. } => format!("call {id} {name} {arguments}"),
        other => format!("{other:?}"),
    };
    parts.iter().map(part).collect()
}

#[test]
fn a_stream_that_is_written_tells_the_same_answer() {
    for (name, stream) in golden("stream.sse") {
        let events = read_events(&stream);
        let out = written(&events);
        check_grammar(&out);
        match (streamed(&out), collected(events)) {
            (Ok(again), Ok(first)) => {
                let expected = Answer { model: Some("alias".into()), ..core(&first) };
                assert_eq!(again, expected, "{name}");
            }
            (Err(again), Err(first)) => assert_eq!(again, first, "{name}"),
            (again, first) => panic!("{name}: {again:?} {first:?}"),
        }
    }
}

#[test]
fn the_usage_that_comes_after_the_end_of_a_choice_is_told_once() {
    let out = written(&[start(), text("hi"), stop(Stop::End), used(7, 0), used(7, 3), Event::End]);
    let types = check_grammar(&out);
    assert_eq!(
        types,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let answer = streamed(&out).unwrap();
    let usage = answer.usage.billed.unwrap();
    assert_eq!((usage.input_uncached, usage.output), (7, 3));
    assert_eq!(answer.id.as_deref(), Some("msg_chatcmpl7"));
}

#[test]
fn mixed_blocks_come_one_after_the_other_with_contiguous_indices() {
    let out = written(&[
        start(),
        reasoning("hm"),
        text("a"),
        call(0),
        arguments(0, "{\"x\":"),
        call(1),
        arguments(1, "{\"y\""),
        arguments(0, "1}"),
        arguments(1, ":2}"),
        text("b"),
        stop(Stop::End),
        Event::End,
    ]);
    let types = check_grammar(&out);
    assert_eq!(types.iter().filter(|kind| *kind == "content_block_start").count(), 5);
    let answer = streamed(&out).unwrap();
    assert_eq!(
        blocks(&answer),
        ["thinking hm ", "text a", "call c0 f0 {\"x\":1}", "call c1 f1 {\"y\":2}", "text b",]
    );
    assert_eq!(answer.choices[0].stop, Stop::Tool);
}

#[test]
fn a_call_is_streamed_as_soon_as_the_one_before_is_whole() {
    let mut writer = Writer::new(nothing_asked());
    let mut seen = |event: Event| {
        let mut out = Vec::new();
        writer.write(&event, &mut out);
        String::from_utf8(out).unwrap()
    };
    seen(start());
    seen(call(0));
    assert!(seen(arguments(0, "{\"x\":1}")).contains("partial_json"));
    assert!(seen(call(1)).contains("\"index\":1"));
    assert!(seen(arguments(1, "{\"y\"")).contains("partial_json"));
    assert_eq!(seen(call(2)), "", "the second call is not whole");
    assert!(seen(arguments(1, ":{}}")).contains("\"c2\""));
}

#[test]
fn calls_without_arguments_and_with_odd_ones_are_objects() {
    let out = written(&[
        start(),
        call(0),
        call(1),
        arguments(1, "null"),
        call(2),
        arguments(2, "[1]"),
        call(3),
        arguments(3, "words"),
        stop(Stop::Tool),
        Event::End,
    ]);
    check_grammar(&out);
    assert_eq!(
        blocks(&streamed(&out).unwrap()),
        [
            "call c0 f0 {}",
            "call c1 f1 {}",
            "call c2 f2 {\"value\":[1]}",
            "call c3 f3 {\"_raw\":\"words\"}",
        ]
    );
}

#[test]
fn calls_that_were_seen_decide_why_it_ended() {
    let of = |events: &[Event]| streamed(&written(events)).unwrap().choices[0].stop;
    assert_eq!(of(&[start(), call(0), stop(Stop::End), Event::End]), Stop::Tool);
    assert_eq!(of(&[start(), text("a"), stop(Stop::Tool), Event::End]), Stop::End);
    let refusal = Event::Refusal { choice: 0, text: "no".into() };
    assert_eq!(of(&[start(), refusal, stop(Stop::End), Event::End]), Stop::Filtered);
}

#[test]
fn a_failure_never_looks_like_an_end() {
    let cases = [
        (FaultKind::Overloaded, "overloaded_error"),
        (FaultKind::RateLimited, "rate_limit_error"),
        (FaultKind::Reported, "api_error"),
        (FaultKind::Garbage, "api_error"),
        (FaultKind::Truncated, "api_error"),
    ];
    for (kind, word) in cases {
        let fault = Event::Fault(Fault { kind, message: "broke \"off\"".into() });
        let out = written(&[start(), text("half"), fault, text("late"), Event::End]);
        assert_eq!(check_grammar(&out).last().unwrap(), "error");
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("\"type\":\"{word}\"")) && !text.contains("message_stop"));
    }
}

#[test]
fn signatures_of_others_are_marked_and_unsigned_reasoning_is_still_a_block() {
    let foreign = Signature::new(Format::OpenaiResponses, "enc");
    let out = written(&[
        start(),
        reasoning("one"),
        Event::Signed { choice: 0, signature: foreign.clone() },
        reasoning("two"),
        Event::Whole { choice: 0, part: Part::new(PartKind::Sealed(foreign.clone())) },
        Event::Call {
            choice: 0,
            call: 0,
            id: "c".into(),
            name: "f".into(),
            custom: false,
            signature: Some(Signature::new(Format::Gemini, "g")),
        },
        stop(Stop::Tool),
        Event::End,
    ]);
    check_grammar(&out);
    let text = String::from_utf8(out.clone()).unwrap();
    assert!(text.contains(r#""delta":{"type":"signature_delta","signature":""}"#), "{text}");
    let answer = streamed(&out).unwrap();
    let parts = &answer.choices[0].parts;
    let PartKind::Reasoning { signature: Some(shown), .. } = &parts[0].kind else { panic!() };
    assert_eq!(Signature::read_in(Format::Anthropic, &shown.data), foreign);
    assert!(
        matches!(&parts[1].kind, PartKind::Reasoning { text, signature: None } if text == "two")
    );
    let PartKind::Sealed(shown) = &parts[2].kind else { panic!() };
    assert_eq!(Signature::read_in(Format::Anthropic, &shown.data), foreign);
    let PartKind::ToolCall { id, .. } = &parts[3].kind else { panic!() };
    let (id, signature) = Signature::out_of_id(id);
    assert_eq!((id.as_str(), signature.unwrap().data.as_str()), ("c", "g"));
}

#[test]
fn silence_is_filled_with_pings_once_the_stream_has_begun() {
    let mut writer = Writer::new(nothing_asked());
    let mut out = Vec::new();
    writer.keep_alive(&mut out);
    assert_eq!(out, b": keep-alive\n\n");
    for event in [start(), Event::Ping, text("a"), stop(Stop::End), Event::End] {
        writer.write(&event, &mut out);
    }
    writer.keep_alive(&mut out);
    assert_eq!(check_grammar(&out)[1], "ping");
}

#[test]
fn an_answer_of_nothing_has_no_blocks() {
    let out = written(&[start(), stop(Stop::End), Event::End]);
    assert_eq!(check_grammar(&out), ["message_start", "message_delta", "message_stop"]);
}

#[test]
fn what_waits_is_limited() {
    let mut events = vec![start(), call(0), arguments(0, "{"), call(1)];
    events.extend((0..5).map(|_| arguments(1, &"x".repeat(1 << 20))));
    events.extend([stop(Stop::Tool), Event::End]);
    let out = written(&events);
    assert_eq!(check_grammar(&out).last().unwrap(), "error");
}

/// Events in the order of their grammar: any pieces, calls before their arguments, one end.
fn event_sequences() -> impl Strategy<Value = Vec<Event>> {
    let piece = (0u8..9, 0u32..4, "[a-z{}\"\\\\:\n ]{1,6}");
    (proptest::collection::vec(piece, 0..24), any::<bool>(), any::<bool>()).prop_map(
        |(pieces, ends, usage_first)| {
            let mut events = vec![start()];
            let mut calls = 0;
            for (kind, number, piece) in pieces {
                events.push(match kind {
                    0 | 1 => text(&piece),
                    2 => reasoning(&piece),
                    3 => Event::Signed {
                        choice: 0,
                        signature: Signature::new(Format::Gemini, piece),
                    },
                    4 => {
                        calls += 1;
                        call(calls - 1)
                    }
                    5 | 6 if number < calls => arguments(number, &piece),
                    7 => Event::Ping,
                    8 => {
                        let signature = Signature::new(Format::Anthropic, piece);
                        Event::Whole { choice: 0, part: Part::new(PartKind::Sealed(signature)) }
                    }
                    _ => used(u64::from(number), 1),
                });
            }
            if ends {
                if usage_first {
                    events.push(used(1, 2));
                }
                events.extend([stop(Stop::End), used(3, 4), Event::End]);
            } else {
                events.push(Event::Fault(Fault::truncated()));
            }
            events
        },
    )
}

proptest! {
    #[test]
    fn whatever_comes_the_grammar_is_kept(events in event_sequences()) {
        let out = written(&events);
        let types = check_grammar(&out);
        let ended = matches!(events.last(), Some(Event::End));
        prop_assert_eq!(types.last().unwrap().as_str(), if ended { "message_stop" } else { "error" });
        if ended {
            let first = collected(events).unwrap();
            let again = streamed(&out).unwrap();
            prop_assert_eq!(again.usage, first.usage);
            let count = |answer: &Answer| {
                let parts = answer.choices[0].parts.iter();
                parts.filter(|part| matches!(part.kind, PartKind::ToolCall { .. })).count()
            };
            prop_assert_eq!(count(&again), count(&first));
        }
    }

    #[test]
    fn whole_calls_arrive_whole_however_their_pieces_are_mixed(
        objects in proptest::collection::vec("[a-z\"{}\\\\]{0,8}", 1..4),
        order in proptest::collection::vec(0usize..4, 0..24),
    ) {
        let jsons: Vec<String> =
            objects.iter().map(|text| serde_json::json!({"t": text, "o": {}}).to_string()).collect();
        let mut events = vec![start()];
        events.extend((0..jsons.len()).map(|index| call(u32::try_from(index).unwrap())));
        let mut rest: Vec<Vec<char>> = jsons.iter().map(|json| json.chars().collect()).collect();
        let mut push = |events: &mut Vec<Event>, index: usize, all: bool| {
            let chars = &mut rest[index];
            let most = if all { chars.len() } else { 3.min(chars.len()) };
            let piece: String = chars.drain(..most).collect();
            if !piece.is_empty() {
                events.push(arguments(u32::try_from(index).unwrap(), &piece));
            }
        };
        for index in order {
            push(&mut events, index % jsons.len(), false);
        }
        for index in 0..jsons.len() {
            push(&mut events, index, true);
        }
        events.extend([stop(Stop::Tool), Event::End]);
        let out = written(&events);
        check_grammar(&out);
        let expected: Vec<String> = jsons.iter().enumerate().map(|(at, json)| format!("call c{at} f{at} {json}")).collect();
        prop_assert_eq!(blocks(&streamed(&out).unwrap()), expected);
    }
}
