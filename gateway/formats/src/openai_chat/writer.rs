//! An app's stream: chunks, each an event with `data` alone, and `[DONE]` after a complete answer.

use super::{
    answer::{BETWEEN_THOUGHTS, is_details, shown_id, write_block, write_image, write_members},
    error, finish, usage,
};
use crate::{
    conversation::{Event, Format, MediaKind, Part, PartKind, Reported, Signature, Stop},
    json::{Object, object, string},
    stream::{Asked, StreamWriter},
};
use std::io::Write as _;

/// Writes a stream of chat completion chunks.
pub struct Writer {
    asked: Asked,
    /// Everything before the index of a choice; the same in all chunks.
    head: Vec<u8>,
    choices: Vec<State>,
    reported: Reported,
    over: bool,
}

/// A choice so far.
#[derive(Default)]
struct State {
    /// Whether its role was told.
    begun: bool,
    stopped: bool,
    thought: Thought,
    calls: Vec<CallState>,
}

/// A call so far.
struct CallState {
    custom: bool,
    /// Whether any arguments were told.
    filled: bool,
}

/// Reasoning so far.
#[derive(Default)]
struct Thought {
    /// The text of the open block, which its signature is told with.
    text: String,
    /// Whether the block got too long to be told again.
    overlong: bool,
    /// Whether any text of the open block was told.
    block_told: bool,
    /// Whether any text was told at all.
    told: bool,
}

impl Thought {
    /// Bytes of a block that are kept for its signature. Longer ones lose theirs: no model thinks that much in one.
    const MOST: usize = 4 << 20;

    fn close(&mut self) {
        self.block_told = false;
        self.overlong = false;
        self.text.clear();
    }

    fn grow(&mut self, text: &str) {
        self.overlong |= self.text.len() + text.len() > Self::MOST;
        if self.overlong {
            self.text.clear();
        } else {
            self.text.push_str(text);
        }
    }
}

impl Writer {
    /// A writer for a request.
    pub fn new(asked: Asked) -> Self {
        Self {
            asked,
            head: Vec::new(),
            choices: Vec::new(),
            reported: Reported::default(),
            over: false,
        }
    }

    /// Sets what all chunks have in common.
    fn start(&mut self, id: Option<&str>) {
        if !self.head.is_empty() {
            return;
        }
        self.head.extend_from_slice(b"data: {\"id\":");
        self.head.extend_from_slice(string(&self.asked.id_with("chatcmpl-", id)).as_bytes());
        self.head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        self.head.extend_from_slice(self.asked.created.to_string().as_bytes());
        self.head.extend_from_slice(b",\"model\":");
        self.head.extend_from_slice(string(&self.asked.model).as_bytes());
        self.head.extend_from_slice(b",\"choices\":[");
    }

    /// The state of a choice, its role told.
    fn begun(&mut self, choice: u32, out: &mut Vec<u8>) -> &mut State {
        /// More choices than any app can ask for.
        const MOST: usize = 128;
        let at = (choice as usize).min(MOST - 1);
        if self.choices.len() <= at {
            self.choices.resize_with(at + 1, State::default);
        }
        if !std::mem::replace(&mut self.choices[at].begun, true) {
            self.start(None);
            self.delta(choice, out, |o| {
                o.put("role", "assistant").put("content", "").put("refusal", ());
            });
        }
        &mut self.choices[at]
    }

    /// A chunk with a piece of a choice.
    fn delta(&self, choice: u32, out: &mut Vec<u8>, members: impl FnOnce(&mut Object)) {
        self.chunk(choice, out, "null", "null", members);
    }

    fn chunk(
        &self,
        choice: u32,
        out: &mut Vec<u8>,
        logprobs: &str,
        reason: &str,
        members: impl FnOnce(&mut Object),
    ) {
        out.extend_from_slice(&self.head);
        // Writing into a vector cannot fail.
        let _ = write!(out, "{{\"index\":{choice},\"delta\":");
        object(out, members);
        let _ = write!(out, ",\"logprobs\":{logprobs},\"finish_reason\":{reason}}}]");
        let usage: &[u8] = if self.asked.include_usage { b",\"usage\":null" } else { b"" };
        out.extend_from_slice(usage);
        out.extend_from_slice(b"}\n\n");
    }

    fn text(&mut self, choice: u32, name: &str, text: &str, out: &mut Vec<u8>) {
        self.begun(choice, out).thought.close();
        self.delta(choice, out, |o| {
            o.put(name, text);
        });
    }

    fn reasoning(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        let thought = &mut self.begun(choice, out).thought;
        thought.grow(text);
        if text.is_empty() {
            return;
        }
        let apart = thought.told && !thought.block_told;
        (thought.told, thought.block_told) = (true, true);
        self.delta(choice, out, |o| {
            if apart {
                o.put("reasoning_content", format!("{BETWEEN_THOUGHTS}{text}"));
            } else {
                o.put("reasoning_content", text);
            }
        });
    }

    fn signed(&mut self, choice: u32, signature: &Signature, out: &mut Vec<u8>) {
        let thought = &mut self.begun(choice, out).thought;
        let (text, overlong) = (std::mem::take(&mut thought.text), thought.overlong);
        thought.close();
        if is_details(signature) {
            self.delta(choice, out, |o| {
                o.put_text("reasoning_details", &signature.data);
            });
        } else if !overlong {
            self.block(
                choice,
                &PartKind::Reasoning { text, signature: Some(signature.clone()) },
                out,
            );
        }
    }

    fn block(&self, choice: u32, kind: &PartKind, out: &mut Vec<u8>) {
        self.delta(choice, out, |o| {
            o.list("thinking_blocks", |l| write_block(l, kind));
        });
    }

    fn whole(&mut self, choice: u32, part: &Part, out: &mut Vec<u8>) {
        self.begun(choice, out).thought.close();
        match &part.kind {
            PartKind::Sealed(_) => self.block(choice, &part.kind, out),
            PartKind::Media(media) if media.kind == MediaKind::Image => {
                if let Some(url) = media.to_url() {
                    self.delta(choice, out, |o| {
                        o.list("images", |l| write_image(l, &url));
                    });
                }
            }
            PartKind::Native(Format::OpenaiChat, raw) => {
                self.delta(choice, out, |o| write_members(o, raw));
            }
            // The other kinds come in pieces, or have no place in a message of the assistant here.
            _ => {}
        }
    }

    fn call(&mut self, choice: u32, call: u32, begun: &Begun, out: &mut Vec<u8>) {
        let legacy = self.asked.conversation.legacy_functions;
        let state = self.begun(choice, out);
        state.thought.close();
        state.calls.push(CallState { custom: begun.custom, filled: false });
        if legacy && call > 0 {
            // The older shape has room for one.
            return;
        }
        self.delta(choice, out, |o| {
            if legacy {
                o.object("function_call", |o| {
                    o.put("name", begun.name).put("arguments", "");
                });
                return;
            }
            o.list("tool_calls", |l| {
                l.object(|o| {
                    o.put("index", call).put("id", shown_id(begun.id, begun.signature));
                    let (kind, text) =
                        if begun.custom { ("custom", "input") } else { ("function", "arguments") };
                    o.put("type", kind).object(kind, |o| {
                        o.put("name", begun.name).put(text, "");
                    });
                });
            });
        });
    }

    fn arguments(&mut self, choice: u32, call: u32, json: &str, out: &mut Vec<u8>) {
        let legacy = self.asked.conversation.legacy_functions;
        let state = self.begun(choice, out);
        let Some(known) = state.calls.get_mut(call as usize) else { return };
        let custom = known.custom;
        // White space alone would be no JSON in total.
        let json = if custom || known.filled { json } else { json.trim_start() };
        if json.is_empty() {
            return;
        }
        known.filled = true;
        if legacy && call > 0 {
            return;
        }
        self.delta(choice, out, |o| {
            if legacy {
                o.object("function_call", |o| {
                    o.put("arguments", json);
                });
                return;
            }
            o.list("tool_calls", |l| {
                l.object(|o| {
                    let (kind, text) =
                        if custom { ("custom", "input") } else { ("function", "arguments") };
                    o.put("index", call).object(kind, |o| {
                        o.put(text, json);
                    });
                });
            });
        });
    }

    fn stop(&mut self, choice: u32, stop: Stop, out: &mut Vec<u8>) {
        let state = self.begun(choice, out);
        if std::mem::replace(&mut state.stopped, true) {
            return;
        }
        state.thought.close();
        let stop = stop.given_calls(!state.calls.is_empty());
        let bare = |(at, call): (usize, &CallState)| {
            (!call.custom && !call.filled).then_some(u32::try_from(at).unwrap_or(u32::MAX))
        };
        let bare: Vec<u32> = state.calls.iter().enumerate().filter_map(bare).collect();
        for call in bare {
            self.arguments(choice, call, "{}", out);
        }
        let word = finish::word_of(stop, self.asked.conversation.legacy_functions);
        self.chunk(choice, out, "null", &string(word), |_| {});
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        for at in 0..self.choices.len() {
            self.stop(u32::try_from(at).unwrap_or(u32::MAX), Stop::End, out);
        }
        if let Some(shown) = self.reported.shown().filter(|_| self.asked.include_usage) {
            self.start(None);
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            object(out, |o| usage::write_usage(o, &shown));
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.over = true;
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, .. } => {
                self.start(id.as_deref());
                self.begun(0, out);
            }
            Event::Text { choice, text } => self.text(*choice, "content", text, out),
            Event::Refusal { choice, text } => self.text(*choice, "refusal", text, out),
            Event::Reasoning { choice, text } => self.reasoning(*choice, text, out),
            Event::Signed { choice, signature } => self.signed(*choice, signature, out),
            Event::Whole { choice, part } => self.whole(*choice, part, out),
            Event::Call { choice, call, id, name, custom, signature } => {
                let begun = Begun { id, name, custom: *custom, signature: signature.as_ref() };
                self.call(*choice, *call, &begun, out);
            }
            Event::Arguments { choice, call, json } => self.arguments(*choice, *call, json, out),
            Event::Logprobs { choice, logprobs } => {
                self.begun(*choice, out);
                self.chunk(*choice, out, logprobs.get(), "null", |_| {});
            }
            Event::Stop { choice, stop, .. } => self.stop(*choice, *stop, out),
            Event::Usage(reported) => self.reported.update(*reported),
            Event::Ping => self.keep_alive(out),
            Event::End => self.end(out),
            Event::Fault(fault) => {
                out.extend_from_slice(error::event(fault.code(), &fault.message).as_bytes());
                self.over = true;
            }
        }
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}

/// What is told when a call begins.
struct Begun<'e> {
    id: &'e str,
    name: &'e str,
    custom: bool,
    signature: Option<&'e Signature>,
}

#[cfg(test)]
mod tests;
