//! A provider's stream.

use super::{
    blocks::{Blocks, Delta, Start},
    error::fault_of,
    frames::EXCEPTION,
    usage::read_usage,
};
use crate::{
    conversation::{Event, Fault, Stop},
    json::{Members, Text},
    stream::StreamReader,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads a stream of `converse-stream`. `messageStop` says that the answer is complete; what it used follows in
/// `metadata`, and with that the stream is at its end.
#[derive(Debug, Default)]
pub struct Reader {
    blocks: Blocks,
    started: bool,
    stopped: bool,
    metered: bool,
    over: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    content_block_index: Option<u64>,
    #[serde(borrow)]
    start: Option<Start<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    additional_model_response_fields: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

const EVENTS: [&str; 6] = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
];

impl StreamReader for Reader {
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        let taken = match name.strip_prefix(EXCEPTION) {
            Some(exception) => Err(fault_of(exception, data)),
            None if !EVENTS.contains(&name) => return,
            None => match serde_json::from_slice(data) {
                Ok(wire) => self.take(name, wire, out),
                Err(_) => Err(Fault::garbage()),
            },
        };
        if let Err(fault) = taken {
            self.over = true;
            out.push(Event::Fault(fault));
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        // Without the metadata the answer is whole, and only its usage is unknown.
        out.push(if self.stopped { Event::End } else { Event::Fault(Fault::truncated()) });
    }
}

impl Reader {
    fn take(&mut self, name: &str, wire: Wire, out: &mut Vec<Event>) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: None, model: None });
        }
        let index = wire.content_block_index.unwrap_or(0);
        match name {
            "metadata" => {
                if let Some(usage) = wire.usage {
                    out.push(Event::Usage(read_usage(usage.get())));
                }
                self.metered = true;
            }
            // The answer is complete: what comes now belongs to nothing.
            _ if self.stopped => {}
            "contentBlockStart" => self.blocks.start(index, wire.start, out)?,
            "contentBlockDelta" => {
                if let Some(delta) = wire.delta {
                    self.blocks.grow(index, delta, out)?;
                }
            }
            "contentBlockStop" => self.blocks.stop(index, out),
            "messageStop" => {
                self.blocks.stop_all(out);
                let reason = Text::owned(wire.stop_reason);
                let (stop, sequence) =
                    stop_of(&reason, wire.additional_model_response_fields, self.blocks.called())?;
                out.push(Event::Stop { choice: 0, stop, sequence });
                self.stopped = true;
            }
            _ => {}
        }
        if self.stopped && self.metered {
            self.over = true;
            out.push(Event::End);
        }
        Ok(())
    }
}

/// Why an answer ended, and the text that ended it; a word that is not known is an end. What the model wrote wrongly is
/// no answer.
pub(super) fn stop_of(
    reason: &str,
    fields: Option<&RawValue>,
    called: bool,
) -> Result<(Stop, Option<String>), Fault> {
    let stop = match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "stop_sequence" => Stop::Sequence,
        "tool_use" => Stop::Tool,
        "guardrail_intervened" | "content_filtered" => Stop::Filtered,
        "malformed_tool_use" => {
            return Err(Fault::reported("The model called a tool in a form that cannot be read."));
        }
        "malformed_model_output" => {
            return Err(Fault::reported("The model answered in a form that cannot be read."));
        }
        _ => Stop::End,
    };
    let fields = fields.and_then(|fields| Members::of_text(fields.get()));
    let sequence = fields.and_then(|fields| fields.peek_str("stop_sequence"));
    Ok((stop.given_calls(called), sequence.filter(|_| stop == Stop::Sequence)))
}

#[cfg(test)]
mod tests;
