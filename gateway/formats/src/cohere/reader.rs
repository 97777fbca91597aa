//! A provider's stream.

use super::{
    error::short,
    said::{Call, Said, stop_of},
    usage::read_usage,
};
use crate::{
    conversation::{Event, Fault},
    json::Text,
    stream::StreamReader,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads a stream of `chat`. An answer is complete with `message-end`, and not before.
#[derive(Debug, Default)]
pub struct Reader {
    said: Said,
    started: bool,
    over: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    index: Option<u64>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    /// An error, as it would be with an error's status.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Content and calls are lists where a message begins and objects where it goes on.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_plan: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

/// The type alone, for events whose other members are not as expected.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

impl StreamReader for Reader {
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) {
        // Older versions end with a mark.
        if self.over || data.trim_ascii() == b"[DONE]" {
            return;
        }
        let taken = match serde_json::from_slice::<Wire>(data) {
            Ok(wire) => self.take(name, wire, out),
            Err(_) => unread(name, data),
        };
        if let Err(fault) = taken {
            self.over = true;
            out.push(Event::Fault(fault));
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.over, true) {
            out.push(Event::Fault(Fault::truncated()));
        }
    }
}

impl Reader {
    fn take(&mut self, name: &str, wire: Wire, out: &mut Vec<Event>) -> Result<(), Fault> {
        let kind = wire.kind.as_ref().map_or(name, |kind| kind.0.as_ref());
        let index = wire.index.unwrap_or(0);
        let message = wire.delta.as_ref().and_then(|delta| delta.message.as_ref());
        match kind {
            "message-start" => self.start(Text::owned(wire.id), out),
            "content-start" | "content-delta" => {
                self.start(String::new(), out);
                if let Some(content) = message.and_then(|message| message.content) {
                    self.said.content(read(content)?, out);
                }
            }
            "tool-plan-delta" => {
                self.start(String::new(), out);
                let plan = message.and_then(|message| message.tool_plan.clone());
                self.said.plan(Text::owned(plan), out);
            }
            "tool-call-start" => {
                self.start(String::new(), out);
                let call = message.and_then(|message| message.tool_calls);
                self.said.call(index, read(call.ok_or_else(Fault::garbage)?)?, out)?;
            }
            "tool-call-delta" => {
                let call = message.and_then(|message| message.tool_calls).map(read::<Call>);
                let function = call.transpose()?.and_then(|call| call.function);
                let piece = Text::owned(function.and_then(|function| function.arguments));
                self.said.arguments(index, piece, out)?;
            }
            "tool-call-end" => self.said.call_ends(index, out),
            "message-end" => {
                self.start(Text::owned(wire.id), out);
                self.finish(wire.delta, out)?;
            }
            _ if KNOWN.contains(&kind) => {}
            _ => {
                let said =
                    wire.message.and_then(|said| serde_json::from_str::<String>(said.get()).ok());
                if let Some(said) = said {
                    return Err(Fault::reported(short(&said)));
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, id: String, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.said = Said::of(&id);
        out.push(Event::Start { id: Some(id).filter(|id| !id.is_empty()), model: None });
    }

    fn finish(&mut self, delta: Option<Delta>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(delta) = delta else { return Err(Fault::garbage()) };
        self.said.all_ends(out);
        if let Some(usage) = delta.usage {
            out.push(Event::Usage(read_usage(usage.get())));
        }
        let word = Text::of(delta.finish_reason.as_ref());
        let stop = stop_of(word, delta.error.map(RawValue::get), self.said.called())?;
        out.push(Event::Stop { choice: 0, stop, sequence: None });
        out.push(Event::End);
        self.over = true;
        Ok(())
    }
}

/// Events that tell nothing that apps are told.
const KNOWN: [&str; 4] = ["content-end", "citation-start", "citation-end", "debug"];

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Fault> {
    serde_json::from_str(raw.get()).map_err(|_| Fault::garbage())
}

/// An event that is not as expected: nothing if its type is one that nobody knows.
fn unread(name: &str, data: &[u8]) -> Result<(), Fault> {
    let Ok(kind) = serde_json::from_slice::<Kind>(data) else { return Err(Fault::garbage()) };
    match kind.kind.as_ref().map_or(name, |kind| kind.0.as_ref()) {
        "message-start" | "content-start" | "content-delta" | "tool-plan-delta"
        | "tool-call-start" | "tool-call-delta" | "tool-call-end" | "message-end" => {
            Err(Fault::garbage())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
