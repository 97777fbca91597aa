//! What the tests of this folder share.

use super::{Reader, read_request, write_request};
use crate::{
    conversation::{
        Answer, Collector, Conversation, Event, Fault, Fit, Format, Outgoing, PartKind, TargetFacts,
    },
    json::{Raw, compact},
    mistake::Mistake,
    sse::{Splitter, events},
    stream::{Asked, StreamReader},
};
use bytes::Bytes;
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tollgate_contract::provider::ProviderKind;

/// The recorded exchanges, by name: each with a file of it.
pub(super) fn golden(file: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/anthropic");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeMap<String, Vec<u8>> = entries
        .filter(|path| path.is_dir())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path.join(file)).unwrap())
        })
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

/// The answer that events tell.
pub(super) fn collected(events: Vec<Event>) -> Result<Answer, Fault> {
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    Ok(collector.finish())
}

/// The answer that a stream tells.
pub(super) fn streamed(stream: &[u8]) -> Result<Answer, Fault> {
    collected(read_events(stream))
}

/// What a stream can tell of an answer, without the white space in blocks that are carried as they came.
pub(super) fn core(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    answer.service_tier = None;
    answer.extra.clear();
    for choice in &mut answer.choices {
        choice.extra.clear();
        for part in &mut choice.parts {
            if let PartKind::Native(_, raw) = &mut part.kind {
                *raw = Raw::parse(&compact(raw.get())).unwrap();
            }
        }
    }
    answer
}

/// A request as writers know it.
pub(super) fn asked(conversation: Conversation) -> Asked {
    Asked {
        id: "req-0001".to_owned(),
        created: 1_790_000_000,
        model: "alias".to_owned(),
        include_usage: true,
        conversation: Arc::new(conversation),
    }
}

/// A request of nothing.
pub(super) fn nothing_asked() -> Asked {
    asked(Conversation::new(Format::Anthropic, "alias"))
}

/// A target of which only the name is known.
pub(super) fn target(model: &str) -> TargetFacts<'_> {
    TargetFacts::new(ProviderKind::Anthropic, model)
}

/// A body as it goes to a target, with what became of its parameters.
pub(super) fn sent(
    conversation: &Conversation,
    target: TargetFacts,
) -> Result<(Value, Outgoing), Mistake> {
    let outgoing = write_request(conversation, Fit::new(target))?;
    let body = serde_json::from_slice(&outgoing.body).expect("a request is JSON");
    Ok((body, outgoing))
}

/// A body that is read and written again in this format.
pub(super) fn there_and_back(body: &[u8], model: &str) -> Result<(Value, Outgoing), Mistake> {
    sent(&read_request(body, None, &[])?, target(model))
}

/// Checks the grammar of a stream that was written; gives back its events' types.
pub(super) fn check_grammar(stream: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(stream).expect("a stream is text");
    let mut types = Vec::new();
    let (mut open, mut next, mut over): (Option<String>, u64, bool) = (None, 0, false);
    for event in text.split_terminator("\n\n") {
        if event.starts_with(':') {
            continue;
        }
        assert!(!over, "nothing follows the end: {event}");
        let (name, data) = event.split_once('\n').expect("a name and data");
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let kind = data["type"].as_str().unwrap().to_owned();
        assert_eq!(name, format!("event: {kind}"));
        if types.is_empty() {
            assert!(kind == "message_start" || kind == "error", "{kind} comes first");
        }
        match kind.as_str() {
            "message_start" => assert!(types.is_empty(), "one start"),
            "content_block_start" => {
                assert!(open.is_none(), "one open block: {event}");
                assert_eq!(data["index"], next, "contiguous indices");
                open = data["content_block"]["type"].as_str().map(str::to_owned);
            }
            "content_block_delta" => {
                assert_eq!(data["index"], next, "a delta of the open block");
                let expected = match data["delta"]["type"].as_str().unwrap() {
                    "text_delta" => "text",
                    "input_json_delta" => "tool_use",
                    "thinking_delta" | "signature_delta" => "thinking",
                    other => panic!("{other}"),
                };
                assert_eq!(open.as_deref(), Some(expected), "{event}");
            }
            "content_block_stop" => {
                assert!(open.take().is_some(), "a block is open");
                assert_eq!(data["index"], next);
                next += 1;
            }
            "message_delta" => {
                assert!(open.is_none(), "all blocks are closed");
                assert!(!types.contains(&kind), "usage is told once");
                assert!(data["delta"]["stop_reason"].is_string());
                assert!(data["usage"]["output_tokens"].is_u64());
            }
            "message_stop" => {
                assert_eq!(types.iter().rev().find(|it| *it != "ping").unwrap(), "message_delta");
                over = true;
            }
            "error" => {
                assert!(data["error"]["message"].is_string());
                over = true;
            }
            "ping" => {}
            other => panic!("{other}"),
        }
        types.push(kind);
    }
    types
}
