//! Cached answers as a whole or as a stream, whichever way they came.

use super::Cached;
use crate::{
    dispatch,
    formats::{
        anthropic,
        conversation::{Answer, Collector, Event, PartKind, Reported},
        facts::{Api, Request},
        gemini, openai_chat, sse,
        stream::{Asked, StreamReader, StreamWriter},
    },
};
use std::sync::Arc;
use tollgate_contract::usage::Usage;

/// What an app gets of a cached answer: its bytes and their content type.
pub struct Replayed {
    /// The body.
    pub body: Vec<u8>,
    /// The content type.
    pub content_type: &'static str,
}

impl Cached {
    /// The answer as the request wants it. A stream has all events that a provider's would have; `None` if it cannot be
    /// made.
    pub fn replayed(&self, request: &Request, id: &str, created: i64) -> Option<Replayed> {
        if !request.facts.stream {
            let body = self.body.clone().into_bytes();
            return Some(Replayed { body, content_type: "application/json" });
        }
        let answer = read(request.api, self.body.as_bytes())?;
        let mut writer = writer(request, asked(request, id, created)?)?;
        let mut body = Vec::new();
        for event in answer.into_events() {
            writer.write(&event, &mut body);
        }
        let content_type =
            if request.head.array { "application/json" } else { "text/event-stream" };
        Some(Replayed { body, content_type })
    }
}

/// Whether an answer can stand for later ones: it calls no tool, because what tools say changes.
pub(super) fn is_final(request: &Request, body: &[u8]) -> bool {
    read(request.api, body).is_some_and(|answer| calls_nothing(&answer))
}

fn calls_nothing(answer: &Answer) -> bool {
    let mut parts = answer.choices.iter().flat_map(|choice| &choice.parts);
    !answer.choices.is_empty() && parts.all(|part| !matches!(part.kind, PartKind::ToolCall { .. }))
}

/// The whole answer that a complete stream tells, in the format of its API.
pub(super) fn whole_of(request: &Request, stream: &[u8], usage: Usage) -> Option<String> {
    let mut reader: Box<dyn StreamReader> = match request.api {
        Api::Chat => Box::new(openai_chat::Reader::default()),
        Api::Messages => Box::new(anthropic::Reader::default()),
        Api::Generate if !request.head.array => Box::new(gemini::Reader::default()),
        _ => return None,
    };
    let mut events = Vec::new();
    for event in sse::events(&bytes::Bytes::copy_from_slice(stream)) {
        if let Some(data) = event.data() {
            reader.read(event.name(), &data, &mut events);
        }
    }
    reader.end(&mut events);
    let mut collector = Collector::default();
    for event in events {
        if matches!(event, Event::End) {
            break;
        }
        collector.take(event).ok()?;
    }
    let mut answer = collector.finish();
    if !calls_nothing(&answer) {
        return None;
    }
    // The app may not have asked for it, the next one may.
    answer.usage = Reported::of(usage);
    let id = answer.id.clone().unwrap_or_default();
    let asked = asked(request, &id, answer.created.unwrap_or(0))?;
    let body = match request.api {
        Api::Chat => openai_chat::write_answer(&answer, &asked),
        Api::Messages => anthropic::write_answer(&answer, &asked),
        Api::Generate => gemini::write_answer(&answer, &asked),
        _ => return None,
    };
    String::from_utf8(body).ok()
}

fn read(api: Api, body: &[u8]) -> Option<Answer> {
    let answer = match api {
        Api::Chat => openai_chat::read_answer(body),
        Api::Messages => anthropic::read_answer(body),
        Api::Generate => gemini::read_answer(body),
        _ => return None,
    };
    answer.ok()
}

fn writer(request: &Request, asked: Asked) -> Option<Box<dyn StreamWriter>> {
    Some(match request.api {
        Api::Chat => Box::new(openai_chat::Writer::new(asked)),
        Api::Messages => Box::new(anthropic::Writer::new(asked)),
        Api::Generate if request.head.array => Box::new(gemini::Writer::array(asked)),
        Api::Generate => Box::new(gemini::Writer::new(asked)),
        _ => return None,
    })
}

fn asked(request: &Request, id: &str, created: i64) -> Option<Asked> {
    Some(Asked {
        id: id.to_owned(),
        created,
        model: request.facts.model.clone(),
        include_usage: request.facts.include_usage,
        conversation: Arc::new(dispatch::read(request).ok()?),
    })
}
