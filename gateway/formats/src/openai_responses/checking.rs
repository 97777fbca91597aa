//! What the tests of this format share: recorded exchanges, and a reader of what apps get that checks its grammar.

use super::{Reader, Writer};
use crate::{
    conversation::{Answer, Collector, Conversation, Event, Fault, Format},
    sse,
    stream::{Asked, StreamReader, StreamWriter},
};
use bytes::Bytes;
use serde_json::Value;
use std::{fs, path::PathBuf, sync::Arc};

/// A recorded exchange.
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) request: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(super) stream: Vec<u8>,
}

pub(super) fn exchanges() -> Vec<Exchange> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/openai_responses");
    let folders =
        fs::read_dir(root).expect("a folder").map(|entry| entry.expect("an entry").path());
    let exchange = |folder: PathBuf| {
        let file = |name: &str| fs::read(folder.join(name)).expect("a file");
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let (request, answer) = (file("request.json"), file("answer.json"));
        Exchange { name, request, answer, stream: file("stream.sse") }
    };
    let mut all: Vec<_> = folders.filter(|path| path.is_dir()).map(exchange).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() >= 17);
    all
}

pub(super) fn exchange(name: &str) -> Exchange {
    exchanges().into_iter().find(|exchange| exchange.name == name).expect("an exchange")
}

/// The events of a stream.
pub(super) fn events(stream: &[u8]) -> Vec<Event> {
    let (mut reader, mut out) = (Reader::default(), Vec::new());
    for event in sse::events(&Bytes::copy_from_slice(stream)) {
        if let Some(data) = event.data() {
            reader.read(event.name(), &data, &mut out);
        }
    }
    reader.end(&mut out);
    out
}

pub(super) fn collected(events: Vec<Event>) -> Result<Answer, Fault> {
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    Ok(collector.finish())
}

pub(super) fn asked() -> Asked {
    asked_for(Conversation::new(Format::OpenaiResponses, "alias"))
}

pub(super) fn asked_for(conversation: Conversation) -> Asked {
    Asked {
        id: "0190a1b2-0000-7000-8000-000000000001".into(),
        created: 1_760_000_000,
        model: conversation.model.clone(),
        include_usage: true,
        conversation: Arc::new(conversation),
    }
}

/// What an app gets of events.
pub(super) fn written(events: &[Event]) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(asked()), Vec::new());
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

/// The data of the events that an app gets. Each has its name, its type and its number.
pub(super) fn seen(out: &[u8]) -> Vec<Value> {
    let piece = Bytes::copy_from_slice(out);
    let mut all = Vec::new();
    for event in sse::events(&piece) {
        let Some(data) = event.data() else { continue };
        let data: Value = serde_json::from_slice(&data).expect("JSON");
        assert_eq!(event.name(), data["type"], "the name is the type");
        assert_eq!(data["sequence_number"], all.len(), "numbers have no gaps");
        all.push(data);
    }
    all
}

/// Adds events up as apps do, and checks every step of the ladder. Gives the last event.
pub(super) fn accumulated(out: &[u8]) -> Value {
    let all = seen(out);
    let mut ladder = Ladder::default();
    for (index, event) in all.iter().enumerate() {
        assert!(ladder.last.is_none(), "nothing follows the end: {event}");
        match (index, event["type"].as_str().expect("a type")) {
            (0, kind) => assert!(matches!(kind, "response.created" | "response.failed"), "{kind}"),
            (1, kind) => {
                assert!(matches!(kind, "response.in_progress" | "response.failed"), "{kind}")
            }
            _ => {}
        }
        ladder.take(event);
    }
    let last = ladder.last.clone().expect("an end");
    if last["type"] != "response.failed" {
        assert!(ladder.items.iter().all(|item| item.done), "every item is closed");
        let output = last["response"]["output"].as_array().expect("output");
        let items: Vec<_> = ladder.items.iter().map(|item| item.whole.clone()).collect();
        assert_eq!(output, &items, "the last event has all items, in their order");
    }
    last
}

#[derive(Default)]
struct Ladder {
    items: Vec<Rung>,
    last: Option<Value>,
}

/// An item as its pieces tell it.
#[derive(Default)]
struct Rung {
    id: String,
    kind: String,
    whole: Value,
    /// Texts of its parts, and whether each is open.
    parts: Vec<(String, bool)>,
    done: bool,
}

impl Ladder {
    fn take(&mut self, event: &Value) {
        let kind = event["type"].as_str().expect("a type");
        match kind {
            "response.created" | "response.in_progress" => {
                assert_eq!(event["response"]["status"], "in_progress");
                assert_eq!(event["response"]["usage"], Value::Null);
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                assert_eq!(
                    kind,
                    format!("response.{}", event["response"]["status"].as_str().unwrap())
                );
                self.last = Some(event.clone());
            }
            "response.output_item.added" => self.added(event),
            "response.output_item.done" => {
                let at = event["output_index"].as_u64().expect("an index") as usize;
                let before = self.items[..at].iter().all(|item| item.done);
                assert!(before, "items are closed in their order");
                self.items[at].close(&event["item"]);
            }
            _ => self.piece(kind, event),
        }
    }

    fn added(&mut self, event: &Value) {
        assert_eq!(event["output_index"], self.items.len(), "indices have no gaps");
        let item = &event["item"];
        let word = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let rung = Rung { id: word("id"), kind: word("type"), ..Rung::default() };
        assert!(self.items.iter().all(|other| other.id != rung.id), "ids are unique");
        if rung.kind == "function_call" {
            assert!(!word("call_id").is_empty() && !word("name").is_empty());
            assert_eq!(item["arguments"], "");
        }
        self.items.push(rung);
    }

    fn piece(&mut self, kind: &str, event: &Value) {
        let at = event["output_index"].as_u64().expect("an index") as usize;
        let rung = &mut self.items[at];
        assert_eq!(event["item_id"], rung.id, "{event}");
        assert!(!rung.done, "pieces of an open item: {event}");
        let part = event["content_index"].as_u64().or(event["summary_index"].as_u64()).unwrap_or(0)
            as usize;
        let text = |name: &str| event[name].as_str().expect("a text").to_owned();
        match kind {
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                assert!(rung.parts.iter().all(|(_, open)| !open), "one part is open: {event}");
                assert_eq!(part, rung.parts.len());
                rung.parts.push((String::new(), true));
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                let (known, open) = &mut rung.parts[part];
                assert!(std::mem::replace(open, false));
                let whole = &event["part"];
                assert!(whole["text"] == *known || whole["refusal"] == *known, "{event}");
            }
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.reasoning_summary_text.delta" => {
                let (known, open) = &mut rung.parts[part];
                assert!(*open && !text("delta").is_empty());
                assert!(kind != "response.output_text.delta" || event["logprobs"].is_array());
                known.push_str(&text("delta"));
            }
            "response.output_text.done" | "response.reasoning_summary_text.done" => {
                assert_eq!(text("text"), rung.parts[part].0);
            }
            "response.refusal.done" => assert_eq!(text("refusal"), rung.parts[part].0),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                if rung.parts.is_empty() {
                    rung.parts.push((String::new(), false));
                }
                rung.parts[0].0.push_str(&text("delta"));
            }
            "response.function_call_arguments.done" => rung.arguments(&text("arguments")),
            "response.custom_tool_call_input.done" => rung.arguments(&text("input")),
            other => panic!("{other} is none of ours"),
        }
    }
}

impl Rung {
    fn arguments(&self, whole: &str) {
        assert_eq!(self.parts.first().map_or("", |(text, _)| text), whole);
    }

    fn close(&mut self, item: &Value) {
        assert!(!std::mem::replace(&mut self.done, true), "closed once");
        assert_eq!(
            (&item["type"], &item["id"]),
            (&Value::from(self.kind.as_str()), &Value::from(self.id.as_str()))
        );
        assert!(self.parts.iter().all(|(_, open)| !open), "its parts are closed");
        let parts = item["content"].as_array().or(item["summary"].as_array());
        if let Some(parts) = parts.filter(|_| self.kind == "message" || !self.parts.is_empty()) {
            let told: Vec<_> = parts
                .iter()
                .map(|part| part["text"].as_str().or(part["refusal"].as_str()))
                .collect();
            let known: Vec<_> = self.parts.iter().map(|(text, _)| Some(text.as_str())).collect();
            assert_eq!(told, known);
        }
        self.whole = item.clone();
    }
}
