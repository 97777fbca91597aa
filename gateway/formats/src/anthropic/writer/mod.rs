//! An app's stream.

mod input;
mod wire;

use super::{
    answer::{mention, shown_id, stop_reason, stop_sequence},
    error::write_fault,
};
use crate::{
    conversation::{Event, Fault, Format, Part, PartKind, Signature, Stop},
    json::{Raw, object},
    stream::{Asked, StreamWriter},
};
use input::Input;
use std::collections::VecDeque;
use tollgate_contract::usage::Usage;

/// The most bytes that wait for a call before them to be whole.
const MOST_WAITING: usize = 4 << 20;

/// Writes a stream of `messages`.
///
/// Apps allow one open block at a time, with contiguous indices. While the arguments of a call are not whole, all that
/// follows waits: providers may mix the pieces of several calls. Reasoning that nobody signed gets an empty signature,
/// which the official clients take and which comes back as no signature. Usage is told once, at the end, when it is sure.
#[derive(Debug)]
pub struct Writer {
    asked: Asked,
    started: bool,
    over: bool,
    open: Option<Open>,
    /// The index of the open block, else of the next one.
    index: u64,
    waiting: VecDeque<Piece>,
    waiting_bytes: usize,
    called: bool,
    refused: bool,
    stop: Option<(Stop, Option<String>)>,
    usage: Option<Usage>,
}

/// The block that is open.
#[derive(Debug)]
enum Open {
    Text,
    Thinking { signed: bool },
    Call { number: u32, input: Input },
}

/// Something to show, or that waits to be shown.
#[derive(Debug)]
enum Piece {
    Text(String),
    Thinking(String),
    Signature(String),
    Call {
        number: u32,
        id: String,
        name: String,
        arguments: String,
    },
    /// A block that has no deltas, as JSON.
    Whole(Raw),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Thinking(text) | Self::Signature(text) => text.len(),
            Self::Call { id, name, arguments, .. } => id.len() + name.len() + arguments.len(),
            Self::Whole(raw) => raw.get().len(),
        }
    }
}

impl Writer {
    /// Nothing written yet.
    pub fn new(asked: Asked) -> Self {
        Self {
            asked,
            started: false,
            over: false,
            open: None,
            index: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            called: false,
            refused: false,
            stop: None,
            usage: None,
        }
    }

    fn start(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            wire::message_start(&self.asked.id_with("msg_", id), &self.asked.model, out);
        }
    }

    /// More text or reasoning; straight to the app unless something waits.
    fn say(&mut self, text: &str, thinking: bool, out: &mut Vec<u8>) {
        self.start(None, out);
        if self.is_blocked() {
            let piece = match (self.waiting.back_mut(), thinking) {
                (Some(Piece::Text(old)), false) | (Some(Piece::Thinking(old)), true) => {
                    old.push_str(text);
                    None
                }
                (_, false) => Some(Piece::Text(text.to_owned())),
                (_, true) => Some(Piece::Thinking(text.to_owned())),
            };
            self.waiting.extend(piece);
            self.wait(text.len(), out);
        } else {
            self.show_text(text, thinking, out);
        }
    }

    /// Anything else, in its turn.
    fn put(&mut self, piece: Piece, out: &mut Vec<u8>) {
        self.start(None, out);
        if self.is_blocked() {
            let bytes = piece.len();
            self.waiting.push_back(piece);
            self.wait(bytes, out);
        } else {
            self.show(piece, out);
        }
    }

    fn wait(&mut self, bytes: usize, out: &mut Vec<u8>) {
        self.waiting_bytes += bytes;
        let held = match &self.open {
            Some(Open::Call { input, .. }) => input.held(),
            _ => 0,
        };
        if self.waiting_bytes + held > MOST_WAITING {
            self.over = true;
            let message = format!("The provider mixed calls of more than {MOST_WAITING} bytes.");
            write_fault(&Fault { message, ..Fault::garbage() }, out);
        }
    }

    fn is_blocked(&self) -> bool {
        !self.waiting.is_empty()
            || matches!(&self.open, Some(Open::Call { input, .. }) if !input.is_whole())
    }

    /// A piece of a call's arguments.
    fn grow(&mut self, call: u32, json: &str, out: &mut Vec<u8>) {
        if let Some(Open::Call { number, input }) = &mut self.open
            && *number == call
        {
            let passed = input.push(json);
            if !passed.is_empty() {
                wire::delta(self.index, wire::INPUT, passed, out);
            }
            if input.is_whole() {
                self.advance(out);
            } else {
                self.wait(0, out);
            }
            return;
        }
        let waiting = self.waiting.iter_mut().find_map(|piece| match piece {
            Piece::Call { number, arguments, .. } if *number == call => Some(arguments),
            _ => None,
        });
        // What comes for a call that is closed was behind its whole object.
        if let Some(arguments) = waiting {
            arguments.push_str(json);
            self.wait(json.len(), out);
        }
    }

    /// Shows what waits, up to a call that is not whole.
    fn advance(&mut self, out: &mut Vec<u8>) {
        while !matches!(&self.open, Some(Open::Call { input, .. }) if !input.is_whole()) {
            let Some(piece) = self.waiting.pop_front() else { break };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(piece.len());
            self.show(piece, out);
        }
    }

    /// Shows all that waits and closes the last block: nothing more comes for any of them.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while let Some(piece) = self.waiting.pop_front() {
            self.show(piece, out);
        }
        self.waiting_bytes = 0;
        self.close(out);
    }

    fn show_text(&mut self, text: &str, thinking: bool, out: &mut Vec<u8>) {
        let fits = match &self.open {
            Some(Open::Text) => !thinking,
            Some(Open::Thinking { .. }) => thinking,
            Some(Open::Call { .. }) | None => false,
        };
        if !fits {
            self.close(out);
            wire::block_start(
                self.index,
                if thinking { wire::THINKING_BLOCK } else { wire::TEXT_BLOCK },
                out,
            );
            self.open = Some(if thinking { Open::Thinking { signed: false } } else { Open::Text });
        }
        if !text.is_empty() {
            wire::delta(self.index, if thinking { wire::THINKING } else { wire::TEXT }, text, out);
        }
    }

    fn show(&mut self, piece: Piece, out: &mut Vec<u8>) {
        match piece {
            Piece::Text(text) => self.show_text(&text, false, out),
            Piece::Thinking(text) => self.show_text(&text, true, out),
            Piece::Signature(signature) => {
                self.show_text("", true, out);
                wire::delta(self.index, wire::SIGNATURE, &signature, out);
                self.open = Some(Open::Thinking { signed: true });
                self.close(out);
            }
            Piece::Call { number, id, name, arguments } => {
                self.close(out);
                wire::call_start(self.index, &id, &name, out);
                let mut input = Input::default();
                let passed = input.push(&arguments);
                if !passed.is_empty() {
                    wire::delta(self.index, wire::INPUT, passed, out);
                }
                self.open = Some(Open::Call { number, input });
            }
            Piece::Whole(raw) => {
                self.close(out);
                wire::block_start(self.index, raw.get(), out);
                wire::block_stop(self.index, out);
                self.index += 1;
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        match open {
            Open::Text | Open::Thinking { signed: true } => {}
            Open::Thinking { signed: false } => wire::delta(self.index, wire::SIGNATURE, "", out),
            Open::Call { input, .. } => {
                if let Some(rest) = input.finish() {
                    wire::delta(self.index, wire::INPUT, &rest, out);
                }
            }
        }
        wire::block_stop(self.index, out);
        self.index += 1;
    }

    fn whole(&mut self, part: &Part, out: &mut Vec<u8>) {
        match &part.kind {
            PartKind::Text(text) if !text.is_empty() => self.say(text, false, out),
            PartKind::Refusal(text) if !text.is_empty() => {
                self.refused = true;
                self.say(text, false, out);
            }
            PartKind::Reasoning { text, signature } => {
                self.say(text, true, out);
                if let Some(signature) = signature {
                    self.put(Piece::Signature(signature.shown_in(Format::Anthropic)), out);
                }
            }
            PartKind::Sealed(signature) => self.put(Piece::Whole(sealed(signature)), out),
            PartKind::Native(Format::Anthropic, raw) => self.put(Piece::Whole(raw.clone()), out),
            PartKind::Media(file) => self.say(&mention(file), false, out),
            // A call is told by events of its own; the rest only other formats have.
            PartKind::Text(_)
            | PartKind::Refusal(_)
            | PartKind::ToolCall { .. }
            | PartKind::ToolResult { .. }
            | PartKind::Native(..) => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.over = true;
        self.start(None, out);
        self.flush(out);
        let (stop, told) = self.stop.take().unwrap_or_default();
        let reason = stop_reason(stop.given_calls(self.called), self.refused);
        let sequence = stop_sequence(reason, told.as_deref(), &self.asked);
        wire::message_delta(reason, sequence, self.usage.as_ref(), out);
        wire::message_stop(out);
    }
}

/// Sealed reasoning, as a block.
fn sealed(signature: &Signature) -> Raw {
    let mut block = Vec::new();
    object(&mut block, |block| {
        block.put("type", "redacted_thinking").put("data", signature.shown_in(Format::Anthropic));
    });
    super::carry::raw_of(&block)
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, .. } => self.start(id.as_deref(), out),
            Event::Text { choice: 0, text } => self.say(text, false, out),
            Event::Refusal { choice: 0, text } => {
                self.refused = true;
                self.say(text, false, out);
            }
            Event::Reasoning { choice: 0, text } => self.say(text, true, out),
            Event::Signed { choice: 0, signature } => {
                self.put(Piece::Signature(signature.shown_in(Format::Anthropic)), out);
            }
            Event::Whole { choice: 0, part } => self.whole(part, out),
            Event::Call { choice: 0, call, id, name, signature, .. } => {
                self.called = true;
                let id = shown_id(id, signature.as_ref());
                let (number, name) = (*call, name.clone());
                self.put(Piece::Call { number, id, name, arguments: String::new() }, out);
            }
            Event::Arguments { choice: 0, call, json } => self.grow(*call, json, out),
            Event::Stop { choice: 0, stop, sequence } => {
                self.stop = Some((*stop, sequence.clone()));
                self.flush(out);
            }
            Event::Usage(usage) => self.usage = usage.shown().or(self.usage),
            Event::Ping => self.keep_alive(out),
            Event::End => self.finish(out),
            Event::Fault(fault) => {
                self.over = true;
                write_fault(fault, out);
            }
            // Apps of this format cannot ask for several choices, nor for log probabilities.
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Reasoning { .. }
            | Event::Signed { .. }
            | Event::Whole { .. }
            | Event::Call { .. }
            | Event::Arguments { .. }
            | Event::Stop { .. }
            | Event::Logprobs { .. } => {}
        }
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        // Nothing but the start may come first; a comment is no event.
        out.extend_from_slice(match self.started {
            true => b"event: ping\ndata: {\"type\":\"ping\"}\n\n".as_slice(),
            false => b": keep-alive\n\n",
        });
    }
}

#[cfg(test)]
mod tests;
