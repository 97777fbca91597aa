use super::*;
use crate::{
    conversation::{Conversation, Fault, Media},
    json::Raw,
    openai_chat::{
        checking::{added, asked, collected, comparable, plain, written},
        write_answer,
    },
};
use proptest::prelude::*;
use serde_json::json;
use tollgate_contract::usage::Usage;

fn start() -> Event {
    Event::Start { id: Some("chatcmpl-x".into()), model: Some("up".into()) }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn stop(stop: Stop) -> Event {
    Event::Stop { choice: 0, stop, sequence: None }
}

fn call(call: u32, signature: Option<Signature>) -> Event {
    let (id, name) = (format!("c{call}"), format!("f{call}"));
    Event::Call { choice: 0, call, id, name, custom: false, signature }
}

fn usage() -> Event {
    Event::Usage(Reported::of(Usage {
        input_uncached: 3,
        output: 2,
        requests: 1,
        ..Usage::default()
    }))
}

#[test]
fn a_stream_is_written_byte_for_byte() {
    let events = [start(), text("a\"é\n"), stop(Stop::End), usage(), Event::End];
    let expected = concat!(
        r#"data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":1764000001,"model":"alias","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        r#"data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":1764000001,"model":"alias","choices":[{"index":0,"delta":{"content":"a\"é\n"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        "\n\n",
        r#"data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":1764000001,"model":"alias","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        "\n\n",
        r#"data: {"id":"chatcmpl-x","object":"chat.completion.chunk","created":1764000001,"model":"alias","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}"#,
        "\n\n",
        "data: [DONE]\n\n",
    );
    assert_eq!(String::from_utf8(written(Writer::new(plain(true)), &events)).unwrap(), expected);
}

#[test]
fn usage_is_told_only_if_it_was_asked_for() {
    let events = [start(), text("a"), stop(Stop::End), usage(), Event::End];
    assert!(added(&written(Writer::new(plain(true)), &events), true).usage.is_some());
    assert_eq!(added(&written(Writer::new(plain(false)), &events), false).usage, None);
}

#[test]
fn usage_of_the_last_report_counts() {
    let later = Event::Usage(Reported::of(Usage {
        input_uncached: 3,
        output: 9,
        requests: 1,
        ..Usage::default()
    }));
    let events = [start(), usage(), text("a"), later, stop(Stop::End), Event::End];
    let usage = added(&written(Writer::new(plain(true)), &events), true).usage.unwrap();
    assert_eq!(usage["completion_tokens"], 9);
}

#[test]
fn the_index_of_a_call_is_its_own_and_not_that_of_a_block() {
    let events = [
        start(),
        text("let me"),
        call(0, None),
        Event::Arguments { choice: 0, call: 0, json: "{\"x\":1}".into() },
        call(1, None),
        stop(Stop::End),
        Event::End,
    ];
    let added = added(&written(Writer::new(plain(false)), &events), false);
    let message = &added.choices[0]["message"];
    assert_eq!(
        message["tool_calls"],
        json!([
            {"id": "c0", "type": "function", "function": {"name": "f0", "arguments": "{\"x\":1}"}},
            // Without any arguments it is an empty object in total.
            {"id": "c1", "type": "function", "function": {"name": "f1", "arguments": "{}"}},
        ])
    );
    assert_eq!(added.choices[0]["finish_reason"], "tool_calls");
}

#[test]
fn signatures_of_other_formats_survive_an_app_that_keeps_ids_and_blocks() {
    let gemini = Signature::new(Format::Gemini, "c2ln");
    let anthropic = Signature::new(Format::Anthropic, "sig");
    let events = [
        start(),
        Event::Reasoning { choice: 0, text: "h".into() },
        Event::Reasoning { choice: 0, text: "m".into() },
        Event::Signed { choice: 0, signature: anthropic.clone() },
        Event::Whole { choice: 0, part: Part::new(PartKind::Sealed(anthropic.clone())) },
        Event::Reasoning { choice: 0, text: "more".into() },
        call(0, Some(gemini.clone())),
        stop(Stop::Tool),
        Event::End,
    ];
    let added = added(&written(Writer::new(plain(false)), &events), false);
    let message = &added.choices[0]["message"];
    assert_eq!(message["reasoning_content"], "hm\n\nmore");
    let shown = anthropic.shown_in(Format::OpenaiChat);
    assert_eq!(
        message["thinking_blocks"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": shown},
            {"type": "redacted_thinking", "data": shown},
        ])
    );
    // The app sends the message back as it is.
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"}, message]});
    let conversation = crate::openai_chat::read_request(body.to_string().as_bytes()).unwrap();
    let parts: Vec<&PartKind> = conversation.turns[1].parts.iter().map(|part| &part.kind).collect();
    assert_eq!(
        parts[0],
        &PartKind::Reasoning { text: "hm".into(), signature: Some(anthropic.clone()) }
    );
    assert_eq!(parts[1], &PartKind::Sealed(anthropic));
    assert!(parts.iter().any(|part| matches!(part, PartKind::ToolCall { id, signature: Some(signature), .. } if id == "c0" && *signature == gemini)));
}

#[test]
fn older_functions_get_one_function_call() {
    let mut conversation = Conversation::new(Format::OpenaiChat, "alias");
    conversation.legacy_functions = true;
    let events = [
        start(),
        call(0, None),
        Event::Arguments { choice: 0, call: 0, json: "{\"x\":1}".into() },
        call(1, None),
        stop(Stop::Tool),
        Event::End,
    ];
    let asked = asked(false, conversation);
    let streamed = added(&written(Writer::new(asked.clone()), &events), false);
    assert_eq!(
        streamed.choices[0]["message"]["function_call"],
        json!({"name": "f0", "arguments": "{\"x\":1}"})
    );
    assert_eq!(streamed.choices[0]["finish_reason"], "function_call");
    assert_eq!(
        streamed.choices,
        comparable(&write_answer(&collected(events).unwrap(), &asked)).choices
    );
}

#[test]
fn a_failure_is_an_error_event_and_never_an_end() {
    let truncated = Event::Fault(Fault::truncated());
    for events in [vec![truncated.clone()], vec![start(), text("a"), truncated.clone(), Event::End]]
    {
        let text = written(Writer::new(plain(true)), &events);
        let error = added(&text, true).error.unwrap();
        assert_eq!(
            (&error["code"], &error["type"]),
            (&json!("upstream_truncated"), &json!("upstream_error"))
        );
        assert!(!String::from_utf8(text).unwrap().contains("[DONE]"));
    }
}

#[test]
fn silence_is_filled_with_comments() {
    let mut out = Vec::new();
    let mut writer = Writer::new(plain(false));
    writer.keep_alive(&mut out);
    writer.write(&Event::Ping, &mut out);
    assert_eq!(out, b": keep-alive\n\n: keep-alive\n\n");
}

#[test]
fn log_probabilities_and_images_have_their_place() {
    let logprobs = Raw::parse(r#"{"content":[{"token":"a","logprob":-1}]}"#).unwrap();
    let image = Media::of_url(MediaKind::Image, "https://x/y.png");
    let own =
        PartKind::Native(Format::OpenaiChat, Raw::parse(r#"{"annotations":[{"a":1}]}"#).unwrap());
    let foreign = PartKind::Native(Format::Gemini, Raw::parse(r#"{"executableCode":{}}"#).unwrap());
    let whole = |kind| Event::Whole { choice: 0, part: Part::new(kind) };
    let events = [
        start(),
        text("a"),
        Event::Logprobs { choice: 0, logprobs },
        whole(PartKind::Media(image)),
        whole(own),
        whole(foreign),
        stop(Stop::End),
        Event::End,
    ];
    let out = written(Writer::new(plain(false)), &events);
    let message = added(&out, false).choices[0]["message"].clone();
    assert_eq!(
        message["images"],
        json!([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}])
    );
    assert_eq!(message["annotations"], json!([{"a": 1}]));
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains(r#""logprobs":{"content":[{"token":"a","logprob":-1}]}"#)
            && !out.contains("executableCode")
    );
}

/// Events in an order that the grammar allows.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let signature = (0..3usize, "[a-z]{1,6}").prop_map(|(by, data)| {
        Signature::new([Format::OpenaiChat, Format::Anthropic, Format::Gemini][by], data)
    });
    let piece = prop_oneof![
        (0..2u32, ".{1,5}").prop_map(|(choice, text)| Event::Text { choice, text }),
        (0..2u32, ".{0,5}").prop_map(|(choice, text)| Event::Reasoning { choice, text }),
        (0..2u32, ".{1,5}").prop_map(|(choice, text)| Event::Refusal { choice, text }),
        (0..2u32, signature.clone())
            .prop_map(|(choice, signature)| Event::Signed { choice, signature }),
        (0..2u32, signature.clone()).prop_map(|(choice, signature)| Event::Whole {
            choice,
            part: Part::new(PartKind::Sealed(signature)),
        }),
        // The number is put right below.
        (0..2u32, proptest::option::of(signature), any::<bool>()).prop_map(
            |(choice, signature, custom)| {
                Event::Call { choice, call: 0, id: "i".into(), name: "f".into(), custom, signature }
            }
        ),
        (0..2u32, 0..3u32, ".{1,5}").prop_map(|(choice, call, json)| Event::Arguments {
            choice,
            call,
            json
        }),
        Just(Event::Ping),
        (0..100u64).prop_map(|output| Event::Usage(Reported::of(Usage {
            output,
            requests: 1,
            ..Usage::default()
        }))),
    ];
    let stops =
        prop_oneof![Just(Stop::End), Just(Stop::Length), Just(Stop::Tool), Just(Stop::Filtered)];
    (proptest::collection::vec(piece, 0..20), stops, any::<bool>()).prop_map(
        |(pieces, stop, whole)| {
            let mut calls = [0u32; 2];
            let mut events = vec![Event::Start { id: None, model: None }];
            let mut seen = 1;
            for mut piece in pieces {
                match &mut piece {
                    Event::Call { choice, call, id, .. } => {
                        let count = &mut calls[*choice as usize];
                        *call = *count;
                        *id = format!("i{count}");
                        *count += 1;
                    }
                    Event::Arguments { choice, call, .. } if *call >= calls[*choice as usize] => {
                        continue;
                    }
                    _ => {}
                }
                if let Event::Text { choice: 1, .. }
                | Event::Reasoning { choice: 1, .. }
                | Event::Refusal { choice: 1, .. }
                | Event::Signed { choice: 1, .. }
                | Event::Whole { choice: 1, .. }
                | Event::Call { choice: 1, .. } = piece
                {
                    seen = 2;
                }
                events.push(piece);
            }
            for choice in 0..seen {
                let called = calls[choice as usize] > 0;
                events.push(Event::Stop { choice, stop: stop.given_calls(called), sequence: None });
            }
            events.push(if whole { Event::End } else { Event::Fault(Fault::garbage()) });
            events
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_stream_keeps_the_grammar_and_adds_up_to_the_whole_answer(events in events(), include_usage in any::<bool>()) {
        let asked = plain(include_usage);
        let streamed = added(&written(Writer::new(asked.clone()), &events), include_usage);
        match collected(events) {
            Ok(answer) => {
                let mut whole = comparable(&write_answer(&answer, &asked));
                whole.usage = whole.usage.filter(|_| include_usage);
                prop_assert_eq!(streamed, whole);
            }
            Err(_) => prop_assert!(streamed.error.is_some()),
        }
    }
}
