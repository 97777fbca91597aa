//! The recorded exchanges, through every conversion.

use super::{
    Dialect, Reader, Writer,
    checking::{added, asked, collected, comparable, plain, read, written},
    read_answer, read_request, write_answer, write_request,
};
use crate::conversation::{
    Answer, Event, Fault, FaultKind, Fit, Part, PartKind, Reported, Signature, Stop, TargetFacts,
};
use serde_json::Value;
use std::{fs, path::PathBuf};
use tollgate_contract::{provider::ProviderKind, usage::Usage};

struct Exchange {
    name: String,
    request: Vec<u8>,
    answer: Vec<u8>,
    stream: Vec<u8>,
}

fn all() -> Vec<Exchange> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/openai_chat");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let exchange = |folder: PathBuf| Exchange {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        request: fs::read(folder.join("request.json")).unwrap(),
        answer: fs::read(folder.join("answer.json")).unwrap(),
        stream: fs::read(folder.join("stream.sse")).unwrap(),
    };
    let mut all: Vec<Exchange> = folders.filter(|path| path.is_dir()).map(exchange).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() >= 17);
    all
}

fn named(name: &str) -> Exchange {
    all().into_iter().find(|exchange| exchange.name == name).unwrap()
}

/// What a stream can tell of an answer.
fn streamable(mut answer: Answer) -> Answer {
    answer.created = None;
    answer.service_tier = None;
    answer.extra.clear();
    answer.choices.iter_mut().for_each(|choice| choice.extra.clear());
    answer
}

#[test]
fn a_streamed_answer_adds_up_to_the_whole_one() {
    for exchange in all() {
        let streamed = collected(read(Reader::default(), &exchange.stream));
        let whole = read_answer(&exchange.answer).map(streamable);
        assert_eq!(streamed, whole, "{}", exchange.name);
        assert_eq!(whole.is_err(), exchange.name == "error_in_stream", "{}", exchange.name);
    }
}

#[test]
fn what_apps_get_is_the_same_answer_streamed_or_whole() {
    for exchange in all() {
        let conversation = read_request(&exchange.request).unwrap();
        let events = read(Reader::default(), &exchange.stream);
        for include_usage in [false, true] {
            let asked = asked(include_usage, conversation.clone());
            let text = written(Writer::new(asked.clone()), &events);
            let streamed = added(&text, include_usage);
            let Ok(answer) = read_answer(&exchange.answer) else {
                assert_eq!(streamed.error.unwrap()["message"], "Provider disconnected");
                continue;
            };
            let mut whole = comparable(&write_answer(&answer, &asked));
            if !include_usage {
                whole.usage = None;
            }
            assert_eq!(streamed, whole, "{}", exchange.name);
            // And read again it is what it was.
            let again = collected(read(Reader::default(), &text)).unwrap();
            let parts = |answer: &Answer| -> Vec<Vec<Part>> {
                answer
                    .choices
                    .iter()
                    .map(|choice| choice.parts.iter().map(unmarked).collect())
                    .collect()
            };
            assert_eq!(parts(&again), parts(&answer), "{}", exchange.name);
        }
    }
}

/// A call with its signature out of its id again, as a request brings it back.
fn unmarked(part: &Part) -> Part {
    let mut part = part.clone();
    if let PartKind::ToolCall { id, signature, .. } = &mut part.kind {
        let (plain, inside) = Signature::out_of_id(id);
        *id = plain;
        *signature = inside.or(signature.take());
    }
    part
}

#[test]
fn a_whole_answer_is_read_again_as_it_was_written() {
    for exchange in all() {
        let Ok(answer) = read_answer(&exchange.answer) else { continue };
        let again = read_answer(&write_answer(&answer, &plain(false))).unwrap();
        let shape = |answer: &Answer| -> Vec<(Vec<Part>, Stop)> {
            let choice = |choice: &crate::conversation::Choice| {
                (choice.parts.iter().map(unmarked).collect(), choice.stop)
            };
            answer.choices.iter().map(choice).collect()
        };
        assert_eq!(shape(&again), shape(&answer), "{}", exchange.name);
        assert_eq!(again.usage.billed, answer.usage.billed, "{}", exchange.name);
    }
}

#[test]
fn requests_stay_as_they_are() {
    for exchange in all() {
        let conversation = read_request(&exchange.request).unwrap();
        let facts = TargetFacts::new(ProviderKind::OpenaiCompatible, &conversation.model);
        let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
        let mut given: Value = serde_json::from_slice(&exchange.request).unwrap();
        // The usage is always asked for.
        given["stream_options"]["include_usage"] = true.into();
        let sent: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(sent, given, "{}", exchange.name);
        assert!(outgoing.dropped.is_empty() && outgoing.clamped.is_empty(), "{}", exchange.name);
    }
}

#[test]
fn usage_is_read_wherever_it_stands() {
    let usage = |input_uncached, cache_read, cache_write_5m, output, reasoning| Usage {
        input_uncached,
        cache_read,
        cache_write_5m,
        output,
        reasoning,
        requests: 1,
        ..Usage::default()
    };
    let cases = [
        ("plain_text", usage(23, 0, 0, 14, 0)),
        ("reasoning_and_tools", usage(18, 192, 0, 61, 31)),
        ("cached_usage", usage(1024, 7168, 1024, 4, 0)),
        ("length", usage(12, 0, 0, 5, 0)),
        ("thinking_parts", usage(1, 16, 0, 21, 0)),
        ("usage_twice", usage(16, 64, 0, 12, 5)),
        ("reasoning_apart", usage(6, 4, 0, 25, 20)),
    ];
    for (name, expected) in cases {
        let answer = collected(read(Reader::default(), &named(name).stream)).unwrap();
        assert_eq!(answer.usage, Reported::of(expected), "{name}");
    }
}

#[test]
fn an_error_in_a_stream_is_told_as_one_and_nothing_follows_it() {
    let events = read(Reader::default(), &named("error_in_stream").stream);
    let message = "Provider disconnected".to_owned();
    let fault = Fault { kind: FaultKind::Reported, message };
    assert_eq!(events.last(), Some(&Event::Fault(fault)));
    let text = written(Writer::new(plain(true)), &events);
    assert!(!String::from_utf8(text).unwrap().contains("[DONE]"));
}

#[test]
fn every_kind_of_provider_gets_every_request_or_a_reason() {
    for exchange in all() {
        let conversation = read_request(&exchange.request).unwrap();
        for kind in ProviderKind::ALL.iter().copied().filter(|kind| Dialect::of(*kind).is_some()) {
            let facts = TargetFacts { drop_unsupported: true, ..TargetFacts::new(kind, "m") };
            let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
            let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
            assert!(body["messages"].as_array().is_some_and(|messages| !messages.is_empty()));
        }
    }
}
