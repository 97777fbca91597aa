//! Writes an app's stream: events, or one JSON array as Google sends it without `alt=sse`.

mod calls;

use super::{error, logprobs, said::Said, stop, usage};
use crate::{
    conversation::{Event, Fault, FaultKind, Format, Part, Reported, Stop},
    json::{List, Object, list, object},
    stream::{Asked, StreamWriter},
};
use calls::Calls;

/// Writes a stream. Each piece is an answer of its own; the reason of the end and the usage come with the last one.
pub struct Writer {
    asked: Asked,
    said: Said,
    frame: Frame,
    id: String,
    choices: Vec<Choice>,
    usage: Reported,
    /// Bytes of arguments that wait for the rest of theirs.
    waiting: usize,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Events,
    /// Whether the array has begun.
    Array(bool),
}

#[derive(Default)]
struct Choice {
    calls: Calls,
    stop: Option<Stop>,
    /// Whether thoughts were said that the app does not see: then it gets no signature of them either.
    hidden: bool,
    thinking: bool,
}

impl Writer {
    /// The most bytes of arguments that wait: calls are written whole.
    pub const MOST_WAITING: usize = 4 << 20;
    /// The most choices that are followed.
    const MOST_CHOICES: u32 = 128;

    /// A stream of events.
    pub fn new(asked: Asked) -> Self {
        Self::framed(asked, Frame::Events)
    }

    /// One JSON array.
    pub fn array(asked: Asked) -> Self {
        Self::framed(asked, Frame::Array(false))
    }

    fn framed(asked: Asked, frame: Frame) -> Self {
        Self {
            said: Said::new(&asked),
            frame,
            id: asked.id.clone(),
            choices: Vec::new(),
            usage: Reported::default(),
            waiting: 0,
            over: false,
            asked,
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let index = index.min(Self::MOST_CHOICES - 1) as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Choice::default);
        }
        &mut self.choices[index]
    }

    /// One piece of the stream.
    fn piece(&mut self, out: &mut Vec<u8>, members: impl FnOnce(&Self, &mut Object)) {
        match self.frame {
            Frame::Events => out.extend_from_slice(b"data: "),
            Frame::Array(false) => out.push(b'['),
            Frame::Array(true) => out.extend_from_slice(b",\r\n"),
        }
        object(out, |object| members(self, object));
        match &mut self.frame {
            Frame::Events => out.extend_from_slice(b"\r\n\r\n"),
            Frame::Array(begun) => *begun = true,
        }
    }

    /// A piece with parts of one choice.
    fn parts(&mut self, choice: u32, out: &mut Vec<u8>, parts: impl FnOnce(Said, &mut List)) {
        let said = self.said;
        self.candidate(choice, out, |candidate| {
            candidate.object("content", |content| {
                content.list("parts", |list| parts(said, list)).put("role", "model");
            });
        });
    }

    fn candidate(&mut self, choice: u32, out: &mut Vec<u8>, members: impl FnOnce(&mut Object)) {
        self.piece(out, |writer, piece| {
            piece.list("candidates", |list| {
                list.object(|candidate| {
                    members(candidate);
                    candidate.put("index", choice);
                });
            });
            piece.put("modelVersion", &writer.asked.model).put("responseId", &writer.id);
        });
    }

    /// Writes the calls that are whole, in the order in which they began; all of them if there is no more to come.
    fn flush(&mut self, choice: u32, all: bool, out: &mut Vec<u8>) {
        let ready = self.choice(choice).calls.ready(all);
        if ready.is_empty() {
            return;
        }
        self.waiting -= ready.iter().map(|call| call.arguments.len()).sum::<usize>();
        self.parts(choice, out, |said, list| {
            for call in &ready {
                let told = (call.id.as_str(), call.name.as_str(), call.arguments.as_str());
                said.call(told, call.custom, call.signature.as_ref(), list);
            }
        });
    }

    fn whole(&mut self, choice: u32, part: &Part, out: &mut Vec<u8>) {
        let said = self.said;
        let mut beside = Vec::new();
        object(&mut beside, |candidate| {
            said.beside(part, candidate);
        });
        if beside != b"{}" {
            return self.candidate(choice, out, |candidate| {
                candidate.object("content", |content| {
                    content.list("parts", |list| said.text("", None, list)).put("role", "model");
                });
                said.beside(part, candidate);
            });
        }
        let mut parts = Vec::new();
        list(&mut parts, |list| {
            said.part(part, list);
        });
        if parts != b"[]" {
            self.parts(choice, out, |said, list| {
                said.part(part, list);
            });
        }
    }

    fn last(&mut self, out: &mut Vec<u8>) {
        self.piece(out, |writer, piece| {
            piece.list("candidates", |list| {
                for (index, choice) in writer.choices.iter().enumerate() {
                    let Some(stop) = choice.stop else { continue };
                    list.object(|candidate| {
                        candidate.object("content", |content| {
                            content
                                .list("parts", |list| writer.said.text("", None, list))
                                .put("role", "model");
                        });
                        candidate.put("finishReason", stop::word(stop)).put("index", index);
                    });
                }
            });
            if let Some(shown) = writer.usage.shown() {
                piece.object("usageMetadata", |members| usage::write_usage(members, &shown));
            }
            piece.put("modelVersion", &writer.asked.model).put("responseId", &writer.id);
        });
        self.close(out);
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        let status = match fault.kind {
            FaultKind::Overloaded => 503,
            FaultKind::RateLimited => 429,
            FaultKind::Reported | FaultKind::Garbage | FaultKind::Truncated => 500,
        };
        self.piece(out, |_, piece| {
            piece.object("error", |members| {
                members
                    .put("code", status)
                    .put("message", &fault.message)
                    .put("status", error::status_word(status));
            });
        });
        self.close(out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.over = true;
        if let Frame::Array(_) = self.frame {
            out.push(b']');
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, .. } => {
                if let Some(id) = id.as_ref().filter(|id| !id.is_empty()) {
                    self.id.clone_from(id);
                }
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.choice(*choice).thinking = false;
                self.parts(*choice, out, |said, list| said.text(text, None, list));
            }
            Event::Reasoning { choice, text } => {
                let shown = self.said.thoughts;
                let state = self.choice(*choice);
                state.thinking = true;
                state.hidden |= !shown && !text.is_empty();
                if shown && !text.is_empty() {
                    self.parts(*choice, out, |said, list| said.thought(text, None, list));
                }
            }
            Event::Signed { choice, signature } => {
                let state = self.choice(*choice);
                let thinking = std::mem::take(&mut state.thinking);
                if std::mem::take(&mut state.hidden) && thinking {
                    return;
                }
                let own = signature.by == Format::Gemini;
                self.parts(*choice, out, |said, list| match own {
                    true => said.text("", Some(signature), list),
                    false => said.thought("", Some(signature), list),
                });
            }
            Event::Whole { choice, part } => {
                self.choice(*choice).thinking = false;
                self.whole(*choice, part, out);
            }
            Event::Call { choice, call, id, name, custom, signature } => {
                self.choice(*choice).thinking = false;
                let signature = signature.clone();
                self.choice(*choice).calls.begin(*call, id, name, *custom, signature);
            }
            Event::Arguments { choice, call, json } => {
                if self.choice(*choice).calls.grow(*call, json) {
                    self.waiting += json.len();
                }
                if self.waiting > Self::MOST_WAITING {
                    let message = "The arguments of a call are too long.";
                    return self.fail(&Fault::reported(message), out);
                }
                self.flush(*choice, false, out);
            }
            Event::Logprobs { choice, logprobs } => {
                self.candidate(*choice, out, |candidate| {
                    logprobs::write(logprobs, candidate);
                });
            }
            Event::Stop { choice, stop, .. } => {
                self.flush(*choice, true, out);
                self.choice(*choice).stop = Some(*stop);
            }
            Event::Usage(reported) => self.usage.update(*reported),
            Event::Ping => self.keep_alive(out),
            Event::End => self.last(out),
            Event::Fault(fault) => self.fail(fault, out),
        }
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        // No comment: Google's Python client takes every line that is neither empty nor data for JSON. An empty line is
        // skipped by all, and white space between the pieces of an array means nothing.
        if !self.over {
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests;
