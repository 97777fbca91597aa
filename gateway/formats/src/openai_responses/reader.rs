//! A provider's stream.
//!
//! The beginning is told with the first thing that the model does, not with `response.created`: a response that fails
//! at once is not one that began.

use super::{
    error::fault_of,
    told::{Response, Streamed, Told},
};
use crate::{
    conversation::{Event, Fault},
    json::{Text, items},
    stream::StreamReader,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// More items than are ever open at once.
const MOST_OPEN: usize = 1024;

/// Reads a stream of events. `response.completed`, `response.incomplete` and `response.failed` end it; there is no
/// `[DONE]`, and one is ignored.
#[derive(Debug, Default)]
pub struct Reader {
    id: Option<String>,
    model: Option<String>,
    started: bool,
    over: bool,
    /// Whether items came by themselves; else the last event has them all.
    itemized: bool,
    told: Told,
    open: Vec<Open>,
}

/// An item under way.
#[derive(Debug)]
struct Open {
    index: Option<u64>,
    id: String,
    streamed: Streamed,
}

/// The members of events that matter.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    item_id: Option<Text<'a>>,
    output_index: Option<u64>,
    summary_index: Option<u64>,
    content_index: Option<u64>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Wire<'a> {
    fn delta(&self) -> Text<'a> {
        self.delta.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    fn response(&self) -> Option<Response<'a>> {
        serde_json::from_str(self.response?.get()).ok()
    }
}

impl StreamReader for Reader {
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) {
        if self.over || data.trim_ascii() == b"[DONE]" {
            return;
        }
        // Checked once here, the text need not be checked string by string.
        let Ok(text) = std::str::from_utf8(data) else {
            return self.fault(Fault::garbage(), out);
        };
        let Ok(wire) = serde_json::from_str::<Wire>(text) else {
            return self.unreadable(name, text, out);
        };
        let kind = if wire.r#type.0.is_empty() { name } else { &*wire.r#type.0 };
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => self.begun(&wire),
            "response.output_item.added" => self.added(&wire, out),
            "response.output_item.done" => self.done(&wire, out),
            "response.output_text.delta" => self.text(&wire, out),
            "response.refusal.delta" => self.refusal(&wire, out),
            "response.reasoning_summary_text.delta" => {
                self.reasoning(&wire, wire.summary_index, false, out);
            }
            "response.reasoning_text.delta" => {
                self.reasoning(&wire, wire.content_index, true, out);
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(&wire, out);
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => self.ended(kind, &wire, out),
            "error" => self.failed(text, &wire, out),
            // An error without a type is that of a proxy on the way.
            _ if wire.error.is_some_and(|error| error.get() != "null") => {
                self.failed(text, &wire, out);
            }
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.fault(Fault::truncated(), out);
    }
}

impl Reader {
    /// Events of kinds that nobody knows may have members of any shape.
    fn unreadable(&mut self, name: &str, data: &str, out: &mut Vec<Event>) {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow, default)]
            r#type: Text<'a>,
        }
        const KNOWN: [&str; 4] =
            ["response.output_", "response.function_call", "response.completed", "error"];
        let kind = serde_json::from_str::<Kind>(data);
        let known = |kind: &str| KNOWN.iter().any(|known| kind.starts_with(known));
        match kind {
            Ok(kind) if !known(&kind.r#type.0) && !known(name) => {}
            _ => self.fault(Fault::garbage(), out),
        }
    }

    fn fault(&mut self, fault: Fault, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.over, true) {
            out.push(Event::Fault(fault));
        }
    }

    fn begun(&mut self, wire: &Wire) {
        let Some(response) = wire.response() else { return };
        self.id = response.id.map(|id| id.0.into_owned()).or(self.id.take());
        self.model = response.model.map(|model| model.0.into_owned()).or(self.model.take());
    }

    fn start(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: self.id.take(), model: self.model.take() });
        }
    }

    /// The place of an item among those that are open. `None` if too many are.
    fn place(&mut self, wire: &Wire) -> Option<usize> {
        let id = Text::of(wire.item_id.as_ref());
        self.place_of(id, wire.output_index)
    }

    fn place_of(&mut self, id: &str, index: Option<u64>) -> Option<usize> {
        let by_id = || self.open.iter().position(|open| !id.is_empty() && open.id == id);
        // Some servers change ids on the way; then the index tells.
        let by_index = || self.open.iter().position(|open| index.is_some() && open.index == index);
        if let Some(at) = by_id().or_else(by_index) {
            return Some(at);
        }
        if self.open.len() >= MOST_OPEN {
            return None;
        }
        self.open.push(Open { index, id: id.to_owned(), streamed: Streamed::default() });
        Some(self.open.len() - 1)
    }

    fn added(&mut self, wire: &Wire, out: &mut Vec<Event>) {
        let Some(item) = wire.item else { return };
        self.start(out);
        self.itemized = true;
        let Some(at) = self.place_of(&id_of(item), wire.output_index) else {
            return self.fault(Fault::garbage(), out);
        };
        let streamed = self.told.begin(item, out);
        if let Some(open) = self.open.get_mut(at) {
            open.streamed = streamed;
        }
    }

    fn done(&mut self, wire: &Wire, out: &mut Vec<Event>) {
        let Some(item) = wire.item else { return };
        self.start(out);
        self.itemized = true;
        let Some(at) = self.place_of(&id_of(item), wire.output_index) else {
            return self.fault(Fault::garbage(), out);
        };
        let mut open = self.open.swap_remove(at);
        self.told.complete(item, &mut open.streamed, out);
    }

    /// Starts, and finds the item of a piece.
    fn piece(&mut self, wire: &Wire, out: &mut Vec<Event>) -> Option<usize> {
        self.start(out);
        self.itemized = true;
        let at = self.place(wire);
        if at.is_none() {
            self.fault(Fault::garbage(), out);
        }
        at
    }

    fn text(&mut self, wire: &Wire, out: &mut Vec<Event>) {
        let Some(at) = self.piece(wire, out) else { return };
        let delta = wire.delta();
        if let Some(open) = self.open.get_mut(at) {
            open.streamed.bytes += delta.0.len();
        }
        self.told.text(delta.0, out);
        self.told.logprobs(wire.logprobs, out);
    }

    fn refusal(&mut self, wire: &Wire, out: &mut Vec<Event>) {
        let Some(at) = self.piece(wire, out) else { return };
        let delta = wire.delta();
        if let Some(open) = self.open.get_mut(at) {
            open.streamed.bytes += delta.0.len();
        }
        self.told.refusal(delta.0, out);
    }

    /// Where reasoning comes both in full and as a summary, the first to come is told.
    fn reasoning(&mut self, wire: &Wire, part: Option<u64>, full: bool, out: &mut Vec<Event>) {
        let Some(at) = self.piece(wire, out) else { return };
        let Some(Open { streamed, .. }) = self.open.get_mut(at) else { return };
        if streamed.bytes == 0 {
            streamed.full = full;
        }
        if streamed.full == full {
            self.told.reasoning(wire.delta().0, part.unwrap_or(0), streamed, out);
        }
    }

    fn arguments(&mut self, wire: &Wire, out: &mut Vec<Event>) {
        let Some(at) = self.piece(wire, out) else { return };
        let Some(Open { streamed, .. }) = self.open.get_mut(at) else { return };
        self.told.arguments(wire.delta().0, streamed, out);
    }

    fn ended(&mut self, kind: &str, wire: &Wire, out: &mut Vec<Event>) {
        let response = wire.response();
        if let Some(response) = &response {
            let usage = response.usage();
            if usage != crate::conversation::Reported::default() {
                out.push(Event::Usage(usage));
            }
        }
        let fault = match kind {
            "response.failed" => {
                let error = response.as_ref().and_then(|response| response.error);
                Some(fault_of(error.map(RawValue::get)))
            }
            "response.cancelled" => Some(Fault::reported("The response was cancelled.")),
            _ => response.as_ref().and_then(Response::fault),
        };
        if let Some(fault) = fault {
            return self.fault(fault, out);
        }
        self.begun(wire);
        let usage = out.pop_if(|event| matches!(event, Event::Usage(_)));
        self.start(out);
        let output = response.as_ref().and_then(|response| response.output);
        if let Some(output) = output.filter(|_| !self.itemized) {
            for (_, item) in items("output", output).unwrap_or_default() {
                self.told.complete(item, &mut Streamed::default(), out);
            }
        }
        let called = self.told.calls > 0;
        let stop = match &response {
            Some(response) => response.stop(called),
            None => crate::conversation::Stop::End.given_calls(called),
        };
        self.over = true;
        out.push(Event::Stop { choice: 0, stop, sequence: None });
        out.extend(usage);
        out.push(Event::End);
    }

    /// The `error` event, flat as OpenAI sends it or with an `error` inside.
    fn failed(&mut self, data: &str, wire: &Wire, out: &mut Vec<Event>) {
        let inner = wire.error.map(RawValue::get).filter(|error| error.starts_with('{'));
        self.fault(fault_of(Some(inner.unwrap_or(data))), out);
    }
}

/// The id of an item; empty if it has none.
fn id_of(item: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: Option<Text<'a>>,
    }
    Text::owned(serde_json::from_str::<Id>(item.get()).ok().and_then(|item| item.id))
}

#[cfg(test)]
mod tests;
