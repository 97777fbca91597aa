//! What the tests of this folder share: frames, made by an encoder of their own, and the recorded exchanges.

use super::{Reader, frames::Frames};
use crate::{
    conversation::{Answer, Collector, Event, Fault},
    stream::StreamReader,
};
use bytes::Bytes;
use std::{collections::BTreeMap, path::PathBuf};

/// A frame with these headers, all of them strings.
pub(super) fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend(name.as_bytes());
        head.push(7);
        head.extend((value.len() as u16).to_be_bytes());
        head.extend(value.as_bytes());
    }
    framed(&head, payload)
}

/// A frame with headers that are encoded already.
pub(super) fn framed(head: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend((head.len() as u32 + payload.len() as u32 + 16).to_be_bytes());
    out.extend((head.len() as u32).to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(head);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

const JSON: (&str, &str) = (":content-type", "application/json");

/// The frame of an event.
pub(super) fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [(":event-type", name), JSON, (":message-type", "event")];
    frame(&headers, payload.as_bytes())
}

/// The frame of an exception.
pub(super) fn exception(name: &str, payload: &str) -> Vec<u8> {
    let headers = [(":exception-type", name), JSON, (":message-type", "exception")];
    frame(&headers, payload.as_bytes())
}

/// Bytes out of hexadecimal digits; white space between them says nothing.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// The recorded exchanges' folders, by name.
pub(super) fn exchanges() -> BTreeMap<String, PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/bedrock");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeMap<String, PathBuf> = entries
        .filter(|path| path.is_dir())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    assert!(found.len() >= 13, "exchanges are missing");
    found
}

/// The events of a stream of frames that comes in pieces of `size` bytes.
pub(super) fn read_events(bytes: &[u8], size: usize) -> Vec<Event> {
    let mut frames = Frames::default();
    let mut reader = Reader::default();
    let mut out = Vec::new();
    for chunk in bytes.chunks(size.max(1)) {
        frames.push(Bytes::copy_from_slice(chunk)).unwrap();
        for frame in frames.by_ref() {
            let frame = frame.unwrap();
            reader.read(&frame.name(), &frame.payload, &mut out);
        }
    }
    frames.finish().unwrap();
    reader.end(&mut out);
    out
}

/// The events of single events, by name and payload.
pub(super) fn told(events: &[(&str, &str)]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut out = Vec::new();
    for (name, payload) in events {
        reader.read(name, payload.as_bytes(), &mut out);
    }
    reader.end(&mut out);
    out
}

/// The answer that events tell.
pub(super) fn collected(events: Vec<Event>) -> Result<Answer, Fault> {
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    Ok(collector.finish())
}

/// What a stream can tell of an answer.
pub(super) fn core(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    answer.service_tier = None;
    answer.extra.clear();
    answer
}

/// Checks the grammar of events.
pub(super) fn check_grammar(events: &[Event]) {
    let (mut stopped, mut over) = (false, false);
    let mut calls = 0;
    for (at, event) in events.iter().enumerate() {
        assert!(!over, "nothing follows the end");
        match event {
            Event::Start { .. } => assert_eq!(at, 0, "one start, first"),
            Event::Fault(_) => over = true,
            Event::End => {
                assert!(stopped, "an end has a stop before it");
                over = true;
            }
            Event::Usage(_) | Event::Ping => assert!(at > 0),
            Event::Stop { choice: 0, .. } => {
                assert!(at > 0 && !stopped, "one stop");
                stopped = true;
            }
            Event::Call { choice: 0, call, id, name, .. } => {
                assert!(at > 0 && !stopped && *call == calls && !id.is_empty() && !name.is_empty());
                calls += 1;
            }
            Event::Arguments { choice: 0, call, json } => {
                assert!(!stopped && *call < calls && !json.is_empty());
            }
            Event::Text { choice: 0, text } => assert!(at > 0 && !stopped && !text.is_empty()),
            Event::Reasoning { choice: 0, .. }
            | Event::Signed { choice: 0, .. }
            | Event::Whole { choice: 0, .. } => assert!(at > 0 && !stopped),
            other => panic!("{other:?}"),
        }
    }
    assert!(over, "a stream ends");
}
