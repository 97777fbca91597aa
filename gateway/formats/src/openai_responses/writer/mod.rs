//! An app's stream: the whole ladder of events, with a number on each.
//!
//! Items are open one after the other. From the first call on they all stay open until the end, because pieces of
//! several calls may come mixed; apps tell them apart by `output_index` and `item_id`, and items are closed in their
//! order, which is the order of the history that an app makes of them.
//!
//! A failure is `response.failed` with the whole response. OpenAI's own SDKs hand out that event without raising, so a
//! loop that only looks for text would take a broken answer for a whole one. They raise on any event that has a member
//! `error`, so it has one beside the response.

mod item;

use super::{
    answer::id_of,
    error::code_of,
    object::{self, State, status_of},
    output::{self, Called, Ids},
    usage,
};
use crate::{
    conversation::{Event, Extra, Fault, Part, PartKind, Reported, Signature, Stop},
    json::{Object, object},
    stream::{Asked, StreamWriter},
};
use item::{Body, Item};

/// The last event repeats the whole answer, which is kept for it; a longer one is broken off.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Writes a stream of events.
pub struct Writer {
    asked: Asked,
    /// What every response object repeats of the request.
    echo: Extra,
    id: String,
    ids: Ids,
    sequence: Sequence,
    over: bool,
    items: Vec<Item>,
    /// Where the calls stand among the items.
    calls: Vec<(u32, usize)>,
    /// The message or reasoning that the next piece may go on with.
    current: Option<usize>,
    usage: Reported,
    stop: Option<Stop>,
    bytes: usize,
}

/// Numbers events.
#[derive(Default)]
struct Sequence(u64);

impl Sequence {
    fn emit(&mut self, out: &mut Vec<u8>, kind: &str, members: impl FnOnce(&mut Object)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let data = out.len();
        object(out, |o| {
            o.put("type", kind).put("sequence_number", self.0);
            members(o);
        });
        one_line(out.get_mut(data..).unwrap_or_default());
        out.extend_from_slice(b"\n\n");
        self.0 += 1;
    }
}

/// Values that are carried as they came may have lines of their own, which would end the event's data. In JSON such a
/// break is always between tokens.
fn one_line(json: &mut [u8]) {
    if memchr::memchr2(b'\n', b'\r', json).is_some() {
        let breaks = json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r'));
        breaks.for_each(|byte| *byte = b' ');
    }
}

impl Writer {
    /// A writer for the answer to a request.
    pub fn new(asked: Asked) -> Self {
        let id = id_of(&asked, None);
        Self {
            echo: object::echo(&asked.conversation),
            ids: Ids::of(&id),
            id,
            asked,
            sequence: Sequence::default(),
            over: false,
            items: Vec::new(),
            calls: Vec::new(),
            current: None,
            usage: Reported::default(),
            stop: None,
            bytes: 0,
        }
    }

    /// Writes an event with the whole response in it.
    fn response(
        &mut self,
        kind: &str,
        status: &str,
        incomplete: Option<&'static str>,
        failure: Option<&Fault>,
        out: &mut Vec<u8>,
    ) {
        // The last event is the only one with items, and nobody needs them after it.
        let done = self.items.iter_mut().filter_map(|item| item.done.take());
        let output: Vec<Vec<u8>> = done.collect();
        let usage = if self.over { usage::written(&self.usage) } else { "null".to_owned() };
        let (asked, echo) = (&self.asked, &self.echo);
        let state = State {
            id: &self.id,
            status,
            incomplete,
            error: failure.map(|fault| (code_of(fault.kind), fault.message.as_str())),
            output: &output,
            usage: &usage,
            service_tier: None,
        };
        self.sequence.emit(out, kind, |o| {
            o.object("response", |o| object::members(o, asked, echo, &state));
            if let Some(fault) = failure {
                o.object("error", |o| {
                    o.put("type", "upstream_error").put("code", fault.code());
                    o.put("message", &fault.message).put_text("param", "null");
                });
            }
        });
    }

    fn started(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        self.id = id_of(&self.asked, id);
        self.ids = Ids::of(&self.id);
        self.response("response.created", "in_progress", None, None, out);
        self.response("response.in_progress", "in_progress", None, None, out);
    }

    fn failed(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        self.over = true;
        self.response("response.failed", "failed", None, Some(fault), out);
    }

    fn ended(&mut self, out: &mut Vec<u8>) {
        let called = self.items.iter().any(|item| matches!(item.body, Body::Call(_)));
        let stop = self.stop.unwrap_or_default().given_calls(called);
        self.close_all(stop, out);
        self.over = true;
        let (status, incomplete) = status_of(stop);
        let kind = if incomplete.is_some() { "response.incomplete" } else { "response.completed" };
        self.response(kind, status, incomplete, None, out);
    }

    /// Opens an item and gives its place.
    fn open(&mut self, body: Body, out: &mut Vec<u8>) -> usize {
        self.leave(out);
        let index = self.items.len();
        let item = Item::new(self.ids.item(body.prefix(), index), index, body);
        item.added(&mut self.sequence, out);
        self.items.push(item);
        index
    }

    /// Closes what is current, unless calls before it are open.
    fn leave(&mut self, out: &mut Vec<u8>) {
        let left = self.current.take().filter(|_| self.calls.is_empty());
        if let Some(item) = left.and_then(|at| self.items.get_mut(at)) {
            item.close("completed", &mut self.sequence, out);
        }
    }

    fn close_all(&mut self, stop: Stop, out: &mut Vec<u8>) {
        self.current = None;
        let (status, _) = status_of(stop);
        let last = self.items.len().saturating_sub(1);
        for (index, item) in self.items.iter_mut().enumerate() {
            let status = if index == last { status } else { "completed" };
            item.close(status, &mut self.sequence, out);
        }
    }

    /// The current message, opened if there is none.
    fn message(&mut self, out: &mut Vec<u8>) -> usize {
        let open = self.current.filter(|at| {
            self.items.get(*at).is_some_and(|item| matches!(item.body, Body::Message(_)))
        });
        let at = open.unwrap_or_else(|| self.open(Body::Message(Vec::new()), out));
        self.current = Some(at);
        at
    }

    fn said(&mut self, text: &str, refusal: bool, out: &mut Vec<u8>) {
        let at = self.message(out);
        if let Some(item) = self.items.get_mut(at) {
            item.said(text, refusal, &mut self.sequence, out);
        }
    }

    /// The current reasoning, opened if there is none.
    fn thought(&mut self, out: &mut Vec<u8>) -> usize {
        let open = self.current.filter(|at| {
            self.items.get(*at).is_some_and(|item| matches!(item.body, Body::Reasoning { .. }))
        });
        let empty = || Body::Reasoning { text: String::new(), signature: None, shown: false };
        let at = open.unwrap_or_else(|| self.open(empty(), out));
        self.current = Some(at);
        at
    }

    fn reasoned(&mut self, text: &str, out: &mut Vec<u8>) {
        let at = self.thought(out);
        if let Some(item) = self.items.get_mut(at) {
            item.reasoned(text, &mut self.sequence, out);
        }
    }

    fn signed(&mut self, signature: &Signature, out: &mut Vec<u8>) {
        let at = self.thought(out);
        if let Some(item) = self.items.get_mut(at) {
            item.signed(signature, &mut self.sequence, out);
        }
        self.leave(out);
    }

    fn whole(&mut self, part: &Part, out: &mut Vec<u8>) {
        match &part.kind {
            PartKind::Text(text) if text.is_empty() => {}
            PartKind::Text(text) => self.said(text, false, out),
            PartKind::Refusal(text) => self.said(text, true, out),
            PartKind::Reasoning { text, signature } => {
                self.reasoned(text, out);
                if let Some(signature) = signature {
                    self.signed(signature, out);
                }
            }
            _ => {
                if let Some(json) = output::whole(part, &self.ids, self.items.len()) {
                    self.open(Body::Whole(json), out);
                    self.leave_whole(out);
                }
            }
        }
    }

    /// An item that came whole has nothing to wait for but calls before it.
    fn leave_whole(&mut self, out: &mut Vec<u8>) {
        let at = self.items.len().checked_sub(1).filter(|_| self.calls.is_empty());
        if let Some(item) = at.and_then(|at| self.items.get_mut(at)) {
            item.close("completed", &mut self.sequence, out);
        }
    }

    fn called(&mut self, call: u32, called: Called, out: &mut Vec<u8>) {
        let at = self.open(Body::Call(called), out);
        self.calls.push((call, at));
    }

    fn argued(&mut self, call: u32, json: &str, out: &mut Vec<u8>) {
        let at = self.calls.iter().rev().find(|(number, _)| *number == call).map(|(_, at)| *at);
        if let Some(item) = at.and_then(|at| self.items.get_mut(at)) {
            item.argued(json, &mut self.sequence, out);
        }
    }

    /// Takes an event of the first choice: there is one here.
    fn take(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, .. } => self.started(id.as_deref(), out),
            Event::Text { choice: 0, text } => self.said(text, false, out),
            Event::Refusal { choice: 0, text } => self.said(text, true, out),
            Event::Reasoning { choice: 0, text } => self.reasoned(text, out),
            Event::Signed { choice: 0, signature } => self.signed(signature, out),
            Event::Whole { choice: 0, part } => self.whole(part, out),
            Event::Call { choice: 0, call, id, name, custom, signature } => {
                self.called(*call, Called::new(id, name, *custom, signature.as_ref()), out);
            }
            Event::Arguments { choice: 0, call, json } => self.argued(*call, json, out),
            Event::Logprobs { choice: 0, logprobs } => {
                let item = self.current.and_then(|at| self.items.get_mut(at));
                if let Some(item) = item {
                    item.add_logprobs(logprobs);
                }
            }
            Event::Stop { choice: 0, stop, .. } => {
                self.stop = Some(*stop);
                self.close_all(*stop, out);
            }
            Event::Usage(usage) => self.usage.update(*usage),
            Event::Ping => self.keep_alive(out),
            Event::End => self.ended(out),
            Event::Fault(fault) => self.failed(fault, out),
            // Further choices.
            _ => {}
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        self.bytes = self.bytes.saturating_add(size_of(event));
        if self.bytes > MAX_ANSWER_BYTES {
            let message = "The answer is longer than can be passed on.".to_owned();
            let fault = Fault { kind: crate::conversation::FaultKind::Garbage, message };
            return self.failed(&fault, out);
        }
        self.take(event, out);
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}

/// Bytes of an event that are kept until the end.
fn size_of(event: &Event) -> usize {
    match event {
        Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
            text.len()
        }
        Event::Signed { signature, .. } => signature.data.len(),
        Event::Call { id, name, .. } => 256 + id.len() + name.len(),
        Event::Arguments { json, .. } => json.len(),
        Event::Logprobs { logprobs, .. } => logprobs.get().len(),
        Event::Whole { part, .. } => match &part.kind {
            PartKind::Sealed(signature) => signature.data.len(),
            PartKind::Native(_, raw) => raw.get().len(),
            PartKind::Media(media) => match &media.source {
                crate::conversation::Source::Base64(data) => data.len(),
                _ => 256,
            },
            _ => 256,
        },
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
