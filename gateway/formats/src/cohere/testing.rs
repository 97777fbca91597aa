//! What the tests of this folder share.

use super::Reader;
use crate::{
    conversation::{Answer, Collector, Event, Fault},
    sse::{Splitter, events},
    stream::StreamReader,
};
use bytes::Bytes;
use std::{collections::BTreeMap, path::PathBuf};

/// The recorded exchanges' folders, by name.
pub(super) fn exchanges() -> BTreeMap<String, PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/cohere");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeMap<String, PathBuf> = entries
        .filter(|path| path.is_dir())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    assert!(found.len() >= 12, "exchanges are missing");
    found
}

/// The events of a stream of bytes.
pub(super) fn read_events(stream: &[u8]) -> Vec<Event> {
    let mut splitter = Splitter::default();
    let mut reader = Reader::default();
    let mut out = Vec::new();
    for piece in [splitter.push(Bytes::copy_from_slice(stream)).unwrap(), splitter.finish()] {
        for event in events(&piece) {
            if let Some(data) = event.data() {
                reader.read(event.name(), &data, &mut out);
            }
        }
    }
    reader.end(&mut out);
    out
}

/// The events of single events, by name and data.
pub(super) fn told(events: &[(&str, &str)]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut out = Vec::new();
    for (name, data) in events {
        reader.read(name, data.as_bytes(), &mut out);
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
    answer.extra.clear();
    answer.choices.iter_mut().for_each(|choice| choice.extra.clear());
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
            Event::Usage(_) => assert!(at > 0),
            Event::Stop { choice: 0, .. } => {
                assert!(at > 0 && !stopped, "one stop");
                stopped = true;
            }
            Event::Call { choice: 0, call, id, name, .. } => {
                assert!(at > 0 && *call == calls && !id.is_empty() && !name.is_empty());
                calls += 1;
            }
            Event::Arguments { choice: 0, call, json } => {
                assert!(*call < calls && !json.is_empty());
            }
            Event::Text { choice: 0, text } | Event::Reasoning { choice: 0, text } => {
                assert!(at > 0 && !text.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(over, "a stream ends");
}
