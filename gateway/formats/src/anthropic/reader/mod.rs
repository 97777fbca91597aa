//! A provider's stream.

mod blocks;

pub(super) use blocks::Blocks;

use super::{error::fault_of, usage::Told};
use crate::{
    conversation::{Event, Fault, Stop},
    json::Text,
    stream::StreamReader,
};
use blocks::Delta;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads a stream of `messages`. An answer is complete with `message_stop`, and not before.
#[derive(Debug, Default)]
pub struct Reader {
    blocks: Blocks,
    usage: Told,
    stop: Option<(Stop, Option<String>)>,
    started: bool,
    over: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    index: Option<u64>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// The type alone, for events whose other members are not as expected.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

impl StreamReader for Reader {
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) {
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
        match kind {
            "message_start" => self.start(wire.message, out),
            "content_block_start" => {
                self.start(None, out);
                let block = wire.content_block.ok_or_else(Fault::garbage)?;
                self.blocks.start(index, block, out)?;
            }
            "content_block_delta" => {
                self.start(None, out);
                if let Some(delta) = wire.delta {
                    self.blocks.grow(index, delta, out)?;
                }
            }
            "content_block_stop" => self.blocks.stop(index, out),
            "message_delta" => {
                self.start(None, out);
                if let Some(delta) = wire.delta
                    && let Some(reason) = delta.stop_reason
                {
                    let sequence = delta.stop_sequence.map(|text| text.0.into_owned());
                    self.stop = Some((stop_of(&reason.0), sequence));
                }
                self.count(wire.usage, out);
            }
            "message_stop" => self.finish(out),
            "ping" => out.push(Event::Ping),
            _ if kind == "error" || wire.error.is_some() => {
                return Err(fault_of(wire.error.map_or("{}", RawValue::get)));
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, message: Option<Message>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let (mut id, mut model, mut usage) = (None, None, None);
        if let Some(message) = message {
            id = message.id.map(|text| text.0.into_owned());
            model = message.model.map(|text| text.0.into_owned());
            usage = message.usage;
        }
        self.blocks = Blocks::of(id.as_deref().unwrap_or_default());
        out.push(Event::Start { id, model });
        self.count(usage, out);
    }

    fn count(&mut self, usage: Option<&RawValue>, out: &mut Vec<Event>) {
        if let Some(usage) = usage.map(RawValue::get).filter(|usage| *usage != "null") {
            self.usage.update(usage);
            out.push(Event::Usage(self.usage.reported()));
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.over = true;
        self.start(None, out);
        self.blocks.stop_all(out);
        let (stop, sequence) = self.stop.take().unwrap_or_default();
        let stop = stop.given_calls(self.blocks.called());
        out.push(Event::Stop { choice: 0, stop, sequence });
        out.push(Event::End);
    }
}

/// An event that is not as expected: nothing if its type is one that nobody knows.
fn unread(name: &str, data: &[u8]) -> Result<(), Fault> {
    let Ok(kind) = serde_json::from_slice::<Kind>(data) else { return Err(Fault::garbage()) };
    match kind.kind.as_ref().map_or(name, |kind| kind.0.as_ref()) {
        "message_start"
        | "content_block_start"
        | "content_block_delta"
        | "content_block_stop"
        | "message_delta"
        | "message_stop" => Err(Fault::garbage()),
        "error" => Err(Fault::reported("The provider reported an error without words.")),
        _ => Ok(()),
    }
}

/// Why an answer ended; a word that is not known is an end.
pub(super) fn stop_of(word: &str) -> Stop {
    match word {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "stop_sequence" => Stop::Sequence,
        "tool_use" => Stop::Tool,
        // A summary was made first; the turn goes on when it is sent again.
        "pause_turn" | "compaction" => Stop::Pause,
        "refusal" => Stop::Filtered,
        _ => Stop::End,
    }
}

#[cfg(test)]
mod tests;
