//! What the fuzz targets do with bytes, and the tests with the corpora: run them through everything that reads bytes
//! from outside, and check what has to hold whatever the bytes are.
#![allow(dead_code, reason = "each target uses its own function")]

pub mod grammar;

use bytes::Bytes;
use std::sync::Arc;
use tollgate_contract::provider::ProviderKind;
use tollgate_formats::{
    anthropic, bedrock, cohere,
    conversation::{Answer, Conversation, Event, Fault, Fit, Format, TargetFacts},
    facts::{Api, RequestHead},
    gemini,
    mistake::Mistake,
    openai_chat, openai_responses, sse,
    stream::{Asked, StreamReader, StreamWriter},
    understand,
};

const STREAMED: [Format; 5] = [
    Format::OpenaiChat,
    Format::OpenaiResponses,
    Format::Anthropic,
    Format::Gemini,
    Format::Cohere,
];

/// The first byte picks the provider's format, the second how the rest is cut.
pub fn streams(data: &[u8]) {
    let [pick, cut, rest @ ..] = data else { return };
    let format = STREAMED[usize::from(*pick) % STREAMED.len()];
    let whole = read_sse(format, rest, rest.len().max(1));
    let cut = read_sse(format, rest, usize::from(*cut % 23) + 1);
    assert_eq!(whole, cut, "chunks do not matter");
    check_grammar(&whole);
    write_everywhere(&whole);
}

/// Bedrock's binary frames; the first byte says how they are cut.
pub fn frames(data: &[u8]) {
    let [cut, rest @ ..] = data else { return };
    let whole = read_frames(rest, rest.len().max(1));
    let cut = read_frames(rest, usize::from(*cut % 23) + 1);
    assert_eq!(whole, cut, "chunks do not matter");
    check_grammar(&whole);
    write_everywhere(&whole);
}

/// The first byte picks the API whose body the rest is.
pub fn bodies(data: &[u8]) {
    let [pick, body @ ..] = data else { return };
    let api = Api::ALL[usize::from(*pick) % Api::ALL.len()];
    if api.is_multipart() {
        return;
    }
    let head = RequestHead { model: Some("m".to_owned()), ..RequestHead::default() };
    let _ = understand::understand(api, head, Bytes::copy_from_slice(body));
    let Ok(conversation) = read_request(api, body) else { return };
    for (format, kind) in TARGETS {
        for drop_unsupported in [false, true] {
            let facts = TargetFacts { drop_unsupported, ..TargetFacts::new(kind, "some-model-1") };
            if let Ok(outgoing) = write_request(format, &conversation, Fit::new(facts)) {
                assert!(is_json(&outgoing.body), "a request to {format:?} is JSON");
            }
        }
    }
}

/// Whole answers and errors; the first byte picks the provider's format.
pub fn answers(data: &[u8]) {
    let [pick, body @ ..] = data else { return };
    let format = ALL[usize::from(*pick) % ALL.len()];
    for status in [400, 401, 429, 500] {
        let said = match format {
            Format::OpenaiChat | Format::OpenaiResponses => openai_chat::read_error(status, body),
            Format::Anthropic => anthropic::read_error(status, body),
            Format::Gemini => gemini::read_error(status, body),
            Format::Bedrock => bedrock::read_error(status, None, body),
            Format::Cohere => cohere::read_error(status, body),
        };
        assert!(said.message.chars().count() <= 500);
    }
    let Ok(answer) = read_answer(format, body) else { return };
    let asked = asked();
    for written in [
        openai_chat::write_answer(&answer, &asked),
        openai_responses::write_answer(&answer, &asked),
        anthropic::write_answer(&answer, &asked),
        gemini::write_answer(&answer, &asked),
    ] {
        assert!(is_json(&written));
    }
}

/// A config document.
pub fn config(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = tollgate_contract::document::read(text);
    }
}

const ALL: [Format; 6] = [
    Format::OpenaiChat,
    Format::OpenaiResponses,
    Format::Anthropic,
    Format::Gemini,
    Format::Bedrock,
    Format::Cohere,
];

const TARGETS: [(Format, ProviderKind); 7] = [
    (Format::OpenaiChat, ProviderKind::Openai),
    (Format::OpenaiChat, ProviderKind::Mistral),
    (Format::OpenaiResponses, ProviderKind::Openai),
    (Format::Anthropic, ProviderKind::Anthropic),
    (Format::Gemini, ProviderKind::Gemini),
    (Format::Bedrock, ProviderKind::Bedrock),
    (Format::Cohere, ProviderKind::Cohere),
];

/// A request of an API in the internal form.
pub fn read_request(api: Api, body: &[u8]) -> Result<Conversation, Mistake> {
    match api {
        Api::Completions => openai_chat::completions::read_request(body),
        Api::Responses => openai_responses::read_request(body),
        Api::Messages => anthropic::read_request(body, None, &[]),
        Api::CountTokens => anthropic::read_count_request(body),
        Api::Generate | Api::GeminiCount => gemini::read_request(body, "m", false),
        _ => openai_chat::read_request(body),
    }
}

/// A request for a provider.
pub fn write_request(
    format: Format,
    conversation: &Conversation,
    fit: Fit,
) -> Result<tollgate_formats::conversation::Outgoing, Mistake> {
    match format {
        Format::OpenaiChat => openai_chat::write_request(conversation, fit),
        Format::OpenaiResponses => openai_responses::write_request(conversation, fit),
        Format::Anthropic => anthropic::write_request(conversation, fit),
        Format::Gemini => gemini::write_request(conversation, fit),
        Format::Bedrock => bedrock::write_request(conversation, fit),
        Format::Cohere => cohere::write_request(conversation, fit),
    }
}

/// A whole answer of a provider.
pub fn read_answer(format: Format, body: &[u8]) -> Result<Answer, Fault> {
    match format {
        Format::OpenaiChat => openai_chat::read_answer(body),
        Format::OpenaiResponses => openai_responses::read_answer(body),
        Format::Anthropic => anthropic::read_answer(body),
        Format::Gemini => gemini::read_answer(body),
        Format::Bedrock => bedrock::read_answer(body),
        Format::Cohere => cohere::read_answer(body),
    }
}

/// A reader of a provider's stream.
pub fn reader(format: Format) -> Box<dyn StreamReader> {
    match format {
        Format::OpenaiChat => Box::new(openai_chat::Reader::default()),
        Format::OpenaiResponses => Box::new(openai_responses::Reader::default()),
        Format::Anthropic => Box::new(anthropic::Reader::default()),
        Format::Gemini => Box::new(gemini::Reader::default()),
        Format::Bedrock => Box::new(bedrock::Reader::default()),
        Format::Cohere => Box::new(cohere::Reader::default()),
    }
}

/// The writers of apps' streams, each with its name.
pub fn writers() -> [(&'static str, Box<dyn StreamWriter>); 5] {
    [
        ("chat", Box::new(openai_chat::Writer::new(asked()))),
        ("responses", Box::new(openai_responses::Writer::new(asked()))),
        ("messages", Box::new(anthropic::Writer::new(asked()))),
        ("gemini", Box::new(gemini::Writer::new(asked()))),
        ("completions", Box::new(openai_chat::completions::Writer::new(asked()))),
    ]
}

/// What an app asked for.
pub fn asked() -> Asked {
    Asked {
        id: "0190a1b2-0000-7000-8000-000000000001".to_owned(),
        created: 1_760_000_000,
        model: "demo".to_owned(),
        include_usage: true,
        conversation: Arc::new(Conversation::new(Format::OpenaiChat, "demo")),
    }
}

/// The events of a stream that comes in pieces of `size` bytes.
pub fn read_sse(format: Format, bytes: &[u8], size: usize) -> Vec<Event> {
    let mut splitter = sse::Splitter::default();
    let mut reader = reader(format);
    let mut out = Vec::new();
    let mut read = |piece: &Bytes, out: &mut Vec<Event>| {
        for event in sse::events(piece) {
            if let Some(data) = event.data() {
                reader.read(event.name(), &data, out);
            }
        }
    };
    for chunk in bytes.chunks(size) {
        match splitter.push(Bytes::copy_from_slice(chunk)) {
            Ok(piece) => read(&piece, &mut out),
            Err(sse::TooLong) => return out,
        }
    }
    read(&splitter.finish(), &mut out);
    reader.end(&mut out);
    merged(out)
}

/// The same for Bedrock's frames.
pub fn read_frames(bytes: &[u8], size: usize) -> Vec<Event> {
    let mut frames = bedrock::frames::Frames::default();
    let mut reader = reader(Format::Bedrock);
    let mut out = Vec::new();
    for chunk in bytes.chunks(size) {
        if frames.push(Bytes::copy_from_slice(chunk)).is_err() {
            return merged(out);
        }
        for frame in frames.by_ref() {
            let Ok(frame) = frame else { return merged(out) };
            reader.read(&frame.name(), &frame.payload, &mut out);
        }
    }
    if frames.finish().is_ok() {
        reader.end(&mut out);
    }
    merged(out)
}

/// Events as they are; a place to make equal what is equal.
fn merged(events: Vec<Event>) -> Vec<Event> {
    events
}

/// The grammar of events: a start first and once, one end at most and nothing after it, a call before its arguments.
pub fn check_grammar(events: &[Event]) {
    let mut started = false;
    let mut ended = false;
    let mut calls = std::collections::HashSet::new();
    for event in events {
        assert!(!ended, "nothing follows the end: {event:?}");
        match event {
            Event::Start { .. } => {
                assert!(!started, "one start");
                started = true;
            }
            Event::End | Event::Fault(_) => ended = true,
            Event::Ping => {}
            Event::Usage(_) => {}
            Event::Call { choice, call, id, name, .. } => {
                assert!(started && !id.is_empty() && !name.is_empty());
                assert!(calls.insert((*choice, *call)), "a call begins once");
            }
            Event::Arguments { choice, call, .. } => {
                assert!(calls.contains(&(*choice, *call)), "arguments of a call that began");
            }
            _ => assert!(started, "a start comes first: {event:?}"),
        }
    }
}

fn write_everywhere(events: &[Event]) {
    let failed = matches!(events.last(), Some(Event::Fault(_)));
    let over = failed || events.last() == Some(&Event::End);
    for (name, mut writer) in writers() {
        let mut out = Vec::new();
        for event in events {
            writer.write(event, &mut out);
        }
        let text = std::str::from_utf8(&out).expect("streams are UTF-8");
        assert!(!failed || !text.contains("data: [DONE]"), "a failure is no end");
        let shallow = grammar::parsed(text).is_some();
        match name {
            "chat" if over && shallow => grammar::check_chat_grammar(text),
            "messages" if over && shallow => grammar::check_messages_grammar(text),
            _ => {}
        }
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_ok()
}
