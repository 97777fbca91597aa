//! A strict parser of what we write, for tests: it takes a stream only if it keeps to OpenAI's grammar, and adds it up
//! as an app would.

use crate::{
    conversation::{Answer, Collector, Conversation, Event, Fault, Format},
    sse::{self, Splitter},
    stream::{Asked, StreamReader, StreamWriter},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn asked(include_usage: bool, conversation: Conversation) -> Asked {
    Asked {
        id: "req-1".into(),
        created: 1_764_000_001,
        model: "alias".into(),
        include_usage,
        conversation: Arc::new(conversation),
    }
}

pub(super) fn plain(include_usage: bool) -> Asked {
    asked(include_usage, Conversation::new(Format::OpenaiChat, "alias"))
}

/// The data of all events in a text.
pub(super) fn data_of(text: &[u8]) -> Vec<Bytes> {
    let mut splitter = Splitter::default();
    let mut all = Vec::new();
    for piece in [splitter.push(Bytes::copy_from_slice(text)).unwrap(), splitter.finish()] {
        all.extend(sse::events(&piece).filter_map(|event| event.data()));
    }
    all
}

/// What a reader makes of a text.
pub(super) fn read(mut reader: impl StreamReader, text: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    for data in data_of(text) {
        reader.read("", &data, &mut events);
    }
    reader.end(&mut events);
    keeps_to_the_grammar(&events);
    events
}

pub(super) fn collected(events: impl IntoIterator<Item = Event>) -> Result<Answer, Fault> {
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    Ok(collector.finish())
}

pub(super) fn written(mut writer: impl StreamWriter, events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

/// The rules of [`Event`].
fn keeps_to_the_grammar(events: &[Event]) {
    let mut calls: Vec<(u32, u32)> = Vec::new();
    let mut stopped: Vec<u32> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let last = index + 1 == events.len();
        match event {
            Event::Start { .. } => assert_eq!(index, 0, "{events:?}"),
            Event::End | Event::Fault(_) => assert!(last, "{events:?}"),
            Event::Call { choice, call, id, name, .. } => {
                let before = calls.iter().filter(|(of, _)| of == choice).count();
                assert_eq!(*call as usize, before, "{events:?}");
                assert!(!id.is_empty() && !name.is_empty());
                calls.push((*choice, *call));
            }
            Event::Arguments { choice, call, json } => {
                assert!(calls.contains(&(*choice, *call)) && !json.is_empty(), "{events:?}");
            }
            Event::Text { text, .. } | Event::Refusal { text, .. } => assert!(!text.is_empty()),
            Event::Stop { choice, .. } => {
                assert!(!stopped.contains(choice), "{events:?}");
                stopped.push(*choice);
            }
            _ => {}
        }
    }
    assert!(matches!(events.last(), Some(Event::End | Event::Fault(_))), "{events:?}");
    if matches!(events.last(), Some(Event::End)) {
        assert!(matches!(events.first(), Some(Event::Start { .. })) && !stopped.is_empty());
    }
}

/// A stream of chunks, added up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Added {
    /// The choices as in a whole answer, without their log probabilities.
    pub(super) choices: Vec<Value>,
    pub(super) usage: Option<Value>,
    pub(super) error: Option<Value>,
}

/// Adds a stream up; panics if it breaks the grammar: the role first, a call's id and name with its first piece, one
/// reason per choice and nothing after it, the usage only if asked for and after all reasons, `[DONE]` last and once,
/// nothing after an error, the same id, time and model everywhere.
pub(super) fn added(text: &[u8], include_usage: bool) -> Added {
    let mut added = Added::default();
    let mut common: Option<(Value, Value)> = None;
    let all = data_of(text);
    let (last, chunks) = all.split_last().expect("a stream is never empty");
    for chunk in chunks {
        let chunk: Value = serde_json::from_slice(chunk).unwrap();
        assert!(chunk.get("error").is_none(), "nothing follows an error");
        assert_eq!(
            (&chunk["object"], &chunk["model"]),
            (&json!("chat.completion.chunk"), &json!("alias"))
        );
        let this = (chunk["id"].clone(), chunk["created"].clone());
        assert_eq!(common.get_or_insert_with(|| this.clone()), &this);
        assert!(this.0.as_str().is_some_and(|id| id.starts_with("chatcmpl-")));
        assert_eq!(chunk.get("usage").is_some(), include_usage, "{chunk}");
        let choices = chunk["choices"].as_array().unwrap();
        if choices.is_empty() {
            assert!(added.usage.is_none() && !chunk["usage"].is_null());
            assert!(added.choices.iter().all(|choice| !choice["finish_reason"].is_null()));
            added.usage = Some(chunk["usage"].clone());
            continue;
        }
        assert!(added.usage.is_none(), "the usage comes last");
        assert_eq!(choices.len(), 1);
        add(&mut added.choices, &choices[0]);
    }
    if last.as_ref() == b"[DONE]" {
        assert!(added.choices.iter().all(|choice| !choice["finish_reason"].is_null()));
    } else {
        let value: Value = serde_json::from_slice(last).unwrap();
        added.error = Some(value["error"].clone());
        assert!(!value["error"].is_null(), "a stream ends with [DONE] or an error: {value}");
    }
    added
}

fn add(choices: &mut Vec<Value>, piece: &Value) {
    let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
    while choices.len() <= index {
        choices.push(json!({"index": choices.len(), "message": {}, "finish_reason": null}));
    }
    let choice = &mut choices[index];
    assert!(choice["finish_reason"].is_null(), "nothing follows the end of a choice: {piece}");
    choice["finish_reason"] = piece["finish_reason"].clone();
    let message = choice["message"].as_object_mut().unwrap();
    let delta = piece["delta"].as_object().unwrap();
    assert_eq!(message.is_empty(), delta.contains_key("role"), "the role is told first and once");
    for (name, value) in delta {
        match (name.as_str(), value) {
            ("tool_calls", Value::Array(calls)) => {
                let all = message.entry("tool_calls").or_insert_with(|| json!([]));
                calls.iter().for_each(|call| add_call(all.as_array_mut().unwrap(), call));
            }
            (_, Value::Array(entries)) => {
                let all = message.entry(name.clone()).or_insert_with(|| json!([]));
                all.as_array_mut().unwrap().extend(entries.iter().cloned());
            }
            (_, Value::Object(members)) => {
                let all = message.entry(name.clone()).or_insert_with(|| json!({}));
                grow(all.as_object_mut().unwrap(), members);
            }
            (_, Value::String(text)) if name != "role" => {
                let old = message.get(name).and_then(Value::as_str).unwrap_or("");
                message.insert(name.clone(), format!("{old}{text}").into());
            }
            _ => {
                message.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

fn add_call(calls: &mut Vec<Value>, piece: &Value) {
    let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
    let mut piece = piece.as_object().unwrap().clone();
    piece.remove("index");
    if index == calls.len() {
        let kind = piece["type"].as_str().unwrap();
        assert!(piece["id"].is_string() && piece[kind]["name"].is_string());
        calls.push(Value::Object(piece));
        return;
    }
    assert!(index < calls.len() && piece.get("id").is_none());
    let call = calls[index].as_object_mut().unwrap();
    for (name, value) in &piece {
        grow(call[name].as_object_mut().unwrap(), value.as_object().unwrap());
    }
}

fn grow(all: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        let old = all.get(name).and_then(Value::as_str).unwrap_or("");
        let grown = value.as_str().map(|text| format!("{old}{text}").into());
        all.insert(name.clone(), grown.unwrap_or_else(|| value.clone()));
    }
}

/// The choices of a whole answer in the form in which a stream is added up.
pub(super) fn comparable(whole: &[u8]) -> Added {
    let mut whole: Value = serde_json::from_slice(whole).unwrap();
    let mut choices = whole["choices"].as_array().unwrap().clone();
    for choice in &mut choices {
        choice
            .as_object_mut()
            .unwrap()
            .retain(|name, _| matches!(name.as_str(), "index" | "message" | "finish_reason"));
        // A stream cannot take the content back that its first chunk has.
        if choice["message"]["content"].is_null() {
            choice["message"]["content"] = "".into();
        }
    }
    Added {
        choices,
        usage: Some(whole["usage"].take()).filter(|usage| !usage.is_null()),
        error: None,
    }
}
