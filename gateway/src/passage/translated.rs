//! Streams that are read event by event: translated into another format, or passed on as they are and read along.

use super::{Flow, Framing, Taken, garbage};
use crate::{
    dispatch::Translation,
    formats::{
        anthropic, bedrock, cohere,
        conversation::{Event, Fault, FaultKind, Format, Names},
        facts::Api,
        gemini, openai_chat, openai_responses, sse,
        stream::{StreamReader, StreamWriter},
    },
    meter::Meter,
};
use bytes::{Bytes, BytesMut};
use tollgate_contract::provider::ProviderKind;

pub(super) struct Translated {
    framing: Framing,
    reader: Box<dyn StreamReader>,
    out: Out,
    events: Vec<Event>,
    /// Whether the answer has begun.
    began: bool,
    /// Something came that an app would show.
    content: bool,
    over: bool,
}

/// What the app gets.
enum Out {
    /// The provider's bytes.
    Same(Format),
    /// What the writer makes of the events.
    Written { writer: Box<dyn StreamWriter>, names: Names, content_type: &'static str },
}

const EVENTS: &str = "text/event-stream";

impl Translated {
    pub(super) fn same(format: Format) -> Self {
        Self::new(format, None, Out::Same(format))
    }

    pub(super) fn between(translation: Translation) -> Self {
        let Translation { from, kind, to, array, names, asked } = translation;
        let content_type = if array { "application/json" } else { EVENTS };
        let writer: Box<dyn StreamWriter> = match to {
            Api::Completions => Box::new(openai_chat::completions::Writer::new(asked)),
            Api::Responses => Box::new(openai_responses::Writer::new(asked)),
            Api::Messages => Box::new(anthropic::Writer::new(asked)),
            Api::Generate if array => Box::new(gemini::Writer::array(asked)),
            Api::Generate => Box::new(gemini::Writer::new(asked)),
            _ => Box::new(openai_chat::Writer::new(asked)),
        };
        Self::new(from, Some(kind), Out::Written { writer, names, content_type })
    }

    fn new(from: Format, kind: Option<ProviderKind>, out: Out) -> Self {
        let framing = Framing::of(from);
        let reader = reader(from, kind);
        Self { framing, reader, out, events: Vec::new(), began: false, content: false, over: false }
    }

    pub(super) fn take(&mut self, bytes: Bytes, meter: &mut Meter) -> Taken {
        if self.over {
            return Taken { out: Bytes::new(), flow: Flow::Done };
        }
        let passed = match &mut self.framing {
            Framing::Events(splitter) => match splitter.push(bytes) {
                Ok(piece) => {
                    read_events(&piece, self.reader.as_mut(), &mut self.events);
                    piece
                }
                Err(sse::TooLong) => return self.garbled(),
            },
            Framing::Frames(frames) => {
                if frames.push(bytes).is_err() {
                    return self.garbled();
                }
                loop {
                    match frames.next() {
                        None => break Bytes::new(),
                        Some(Ok(frame)) => {
                            self.reader.read(&frame.name(), &frame.payload, &mut self.events);
                        }
                        Some(Err(_)) => return self.garbled(),
                    }
                }
            }
        };
        self.told(passed, meter)
    }

    pub(super) fn finish(&mut self, meter: &mut Meter) -> Taken {
        if self.over {
            return Taken { out: Bytes::new(), flow: Flow::Done };
        }
        let mut passed = Bytes::new();
        match &mut self.framing {
            Framing::Events(splitter) => {
                let rest = splitter.finish();
                if !rest.is_empty() {
                    read_events(&rest, self.reader.as_mut(), &mut self.events);
                    let mut whole = BytesMut::from(&rest[..]);
                    whole.extend_from_slice(b"\n\n");
                    passed = whole.freeze();
                    if !self.began && self.events.is_empty() {
                        return self.garbled();
                    }
                }
            }
            Framing::Frames(frames) => {
                if frames.finish().is_err() {
                    self.events.push(Event::Fault(Fault::truncated()));
                }
            }
        }
        self.reader.end(&mut self.events);
        self.told(passed, meter)
    }

    /// What the app gets of the events that are there now.
    fn told(&mut self, passed: Bytes, meter: &mut Meter) -> Taken {
        let mut written = Vec::new();
        let mut flow = Flow::Going;
        for mut event in std::mem::take(&mut self.events) {
            count(&event, meter);
            self.began |= !matches!(event, Event::Ping);
            self.content |= !matches!(
                event,
                Event::Ping | Event::Start { .. } | Event::Usage(_) | Event::Fault(_)
            );
            match &event {
                Event::End => flow = Flow::Done,
                Event::Fault(fault) => flow = broken(fault),
                _ => {}
            }
            if let Out::Written { writer, names, .. } = &mut self.out {
                if !names.is_empty() {
                    names.restore_event(&mut event);
                }
                writer.write(&event, &mut written);
            }
            if flow != Flow::Going {
                self.over = true;
                break;
            }
        }
        let out = match &self.out {
            Out::Written { .. } => written.into(),
            // A fault that the provider reported is in its bytes.
            Out::Same(_) => match &flow {
                Flow::Broken { code, message, reported: false } => {
                    let mut out = BytesMut::from(&passed[..]);
                    out.extend_from_slice(&self.failure(code, message));
                    out.freeze()
                }
                _ => passed,
            },
        };
        if flow == Flow::Going && !self.content {
            flow = if self.began { Flow::Opening } else { Flow::Waiting };
        }
        Taken { out, flow }
    }

    fn garbled(&mut self) -> Taken {
        self.over = true;
        let flow = garbage();
        let out = match &flow {
            Flow::Broken { code, message, .. } => self.failure(code, message),
            _ => Bytes::new(),
        };
        Taken { out, flow }
    }

    pub(super) fn failure(&mut self, code: &str, message: &str) -> Bytes {
        let kind = match code {
            "upstream_garbage" => FaultKind::Garbage,
            "upstream_truncated" => FaultKind::Truncated,
            _ => FaultKind::Reported,
        };
        let fault = Event::Fault(Fault { kind, message: message.to_owned() });
        let mut out = Vec::new();
        match &mut self.out {
            Out::Written { writer, .. } => writer.write(&fault, &mut out),
            Out::Same(format) => fault_event(*format, message, &mut out),
        }
        out.into()
    }

    pub(super) fn keep_alive(&mut self) -> Bytes {
        match &mut self.out {
            Out::Written { writer, .. } => {
                let mut out = Vec::new();
                writer.keep_alive(&mut out);
                out.into()
            }
            Out::Same(Format::Anthropic) => {
                Bytes::from_static(b"event: ping\ndata: {\"type\":\"ping\"}\n\n")
            }
            // Google's Python client takes every line that is neither empty nor data for JSON.
            Out::Same(Format::Gemini) => Bytes::from_static(b"\r\n"),
            Out::Same(_) => Bytes::from_static(b": keep-alive\n\n"),
        }
    }

    pub(super) fn content_type(&self) -> &'static str {
        match &self.out {
            Out::Written { content_type, .. } => content_type,
            Out::Same(_) => EVENTS,
        }
    }
}

fn reader(from: Format, kind: Option<ProviderKind>) -> Box<dyn StreamReader> {
    match from {
        Format::OpenaiChat => Box::new(match kind.and_then(openai_chat::Dialect::of) {
            Some(dialect) => openai_chat::Reader::of(dialect),
            None => openai_chat::Reader::default(),
        }),
        Format::OpenaiResponses => Box::new(openai_responses::Reader::default()),
        Format::Anthropic => Box::new(anthropic::Reader::default()),
        Format::Gemini => Box::new(gemini::Reader::default()),
        Format::Bedrock => Box::new(bedrock::Reader::default()),
        Format::Cohere => Box::new(cohere::Reader::default()),
    }
}

fn read_events(piece: &Bytes, reader: &mut dyn StreamReader, events: &mut Vec<Event>) {
    for event in sse::events(piece) {
        if let Some(data) = event.data() {
            reader.read(event.name(), &data, events);
        }
    }
}

fn broken(fault: &Fault) -> Flow {
    let reported = !matches!(fault.kind, FaultKind::Garbage | FaultKind::Truncated);
    Flow::Broken { code: fault.code(), message: fault.message.clone(), reported }
}

/// The event that tells an app of a failure in a stream whose bytes pass.
fn fault_event(format: Format, message: &str, out: &mut Vec<u8>) {
    let text = match format {
        Format::Anthropic => {
            let error = serde_json::json!({"type": "error", "error": {"type": "api_error", "message": message}});
            format!("event: error\ndata: {error}\n\n")
        }
        Format::OpenaiResponses => {
            let error = serde_json::json!({"type": "error", "code": "server_error", "message": message, "param": null, "sequence_number": 0});
            format!("event: error\ndata: {error}\n\n")
        }
        Format::Gemini => {
            let error = serde_json::json!({"error": {"code": 500, "message": message, "status": "INTERNAL"}});
            format!("data: {error}\n\n")
        }
        Format::OpenaiChat | Format::Bedrock | Format::Cohere => {
            openai_chat::error::event("upstream_error", message)
        }
    };
    out.extend_from_slice(text.as_bytes());
}

/// Counts what an event brings.
fn count(event: &Event, meter: &mut Meter) {
    match event {
        Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
            meter.produced += openai_chat::stream::tokens_of(text.len() as u64);
        }
        Event::Call { .. } => meter.produced += 1,
        Event::Arguments { json, .. } => {
            meter.produced += openai_chat::stream::tokens_of(json.len() as u64);
        }
        Event::Usage(reported) => {
            if reported.billed.is_some() {
                meter.reported = reported.billed;
            }
            meter.refused |= reported.refused;
        }
        _ => {}
    }
}
