//! The recorded exchanges, for tests.

use super::Reader;
use crate::{
    conversation::{Conversation, Event, Format, Reasoning},
    sse::{self, Splitter},
    stream::{Asked, StreamReader},
};
use bytes::Bytes;
use std::{fs, path::Path, sync::Arc};

/// A recorded exchange.
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) request: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(super) stream: Vec<u8>,
}

/// All exchanges, by name.
pub(super) fn all() -> Vec<Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/gemini");
    let mut exchanges: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| Exchange {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            request: fs::read(path.join("request.json")).unwrap(),
            answer: fs::read(path.join("answer.json")).unwrap(),
            stream: fs::read(path.join("stream.sse")).unwrap(),
        })
        .collect();
    exchanges.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(exchanges.len() >= 14);
    exchanges
}

/// One exchange.
pub(super) fn one(name: &str) -> Exchange {
    all().into_iter().find(|exchange| exchange.name == name).unwrap()
}

/// The events of a stream.
pub(super) fn events(stream: &[u8]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut events = Vec::new();
    let mut splitter = Splitter::default();
    let mut pieces = vec![splitter.push(Bytes::copy_from_slice(stream)).unwrap()];
    pieces.push(splitter.finish());
    for piece in &pieces {
        for event in sse::events(piece) {
            if let Some(data) = event.data() {
                reader.read(event.name(), &data, &mut events);
            }
        }
    }
    reader.end(&mut events);
    events
}

/// What an app asked for; `thoughts`: it wants to see them.
pub(super) fn asked(thoughts: bool) -> Asked {
    let mut conversation = Conversation::new(Format::Gemini, "alias");
    let reasoning = Reasoning { show: Some(true), ..Reasoning::default() };
    conversation.reasoning = thoughts.then_some(reasoning);
    Asked {
        id: "req-1".into(),
        created: 1_760_000_000,
        model: "alias".into(),
        include_usage: true,
        conversation: Arc::new(conversation),
    }
}
