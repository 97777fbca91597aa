//! A message as a stream of named events: one block at a time, with pings in between.

use serde_json::{Value, json};

use super::super::directives::{Directives, UsageReport};
use super::super::event_lines::EventLines;
use super::super::message_plan::{Block, Content};
use super::super::provider_error::ProviderError;
use super::super::stream_answer::{Script, Step};
use super::errors::MessagesError;
use super::messages::Message;
use super::usage;

/// After so many pieces comes another ping.
const PIECES_PER_PING: usize = 64;

/// The script of a message's stream.
#[derive(Debug)]
pub struct MessageStream {
    message: Message,
    directives: Directives,
    lines: EventLines,
    at: At,
    output: u64,
    reasoning: u64,
}

/// The event that comes next. Blocks and their pieces go by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    MessageStart,
    BlockStart(usize),
    Ping(usize, usize),
    /// The arguments of a call begin with nothing.
    NoArguments(usize),
    Piece(usize, usize),
    Signature(usize),
    BlockStop(usize),
    /// The usage so far, where it is told more often than needed.
    UsageSoFar,
    MessageDelta,
    MessageStop,
    Over,
}

impl MessageStream {
    /// A stream that is about to start.
    pub fn new(message: Message, directives: Directives) -> Self {
        let lines = EventLines::new(&directives);
        Self { message, directives, lines, at: At::MessageStart, output: 0, reasoning: 0 }
    }

    fn block(&self, at: usize) -> Option<&Block> {
        self.message.plan.blocks.get(at)
    }

    /// What comes behind the head of a block, or behind a piece of it.
    fn within(&self, at: usize, index: usize) -> At {
        let Some(block) = self.block(at) else { return At::BlockStop(at) };
        if index < block.pieces.count() {
            At::Piece(at, index)
        } else if block.content == Content::Thinking {
            At::Signature(at)
        } else {
            At::BlockStop(at)
        }
    }

    fn behind_head(&self, at: usize) -> At {
        match self.block(at).map(|block| &block.content) {
            Some(Content::Tool(_)) => At::NoArguments(at),
            _ => self.within(at, 0),
        }
    }

    fn following(&self) -> At {
        let blocks = self.message.plan.blocks.len();
        let next_block = |at| if at < blocks { At::BlockStart(at) } else { At::UsageSoFar };
        match self.at {
            At::MessageStart => next_block(0),
            At::BlockStart(0) => At::Ping(0, 0),
            At::BlockStart(at) => self.behind_head(at),
            At::Ping(at, 0) => self.behind_head(at),
            At::Ping(at, index) => self.within(at, index),
            At::NoArguments(at) => self.within(at, 0),
            At::Piece(at, index) if (index + 1) % PIECES_PER_PING == 0 => At::Ping(at, index + 1),
            At::Piece(at, index) => self.within(at, index + 1),
            At::Signature(at) => At::BlockStop(at),
            At::BlockStop(at) => next_block(at + 1),
            At::UsageSoFar => At::MessageDelta,
            At::MessageDelta => At::MessageStop,
            At::MessageStop | At::Over => At::Over,
        }
    }

    /// The event and what it costs.
    fn write(&self) -> (Value, Step) {
        let mut step = Step::default();
        let document = match self.at {
            At::MessageStart => {
                let message = self.message.head(1, 0, &self.directives);
                json!({ "type": "message_start", "message": message })
            }
            At::BlockStart(at) => {
                let block = self.block(at).map_or(Value::Null, |block| {
                    if block.content == Content::Redacted {
                        step.reasoning = block.hidden_reasoning;
                    }
                    self.message.empty_block(at, block)
                });
                json!({ "type": "content_block_start", "index": at, "content_block": block })
            }
            At::NoArguments(at) => {
                delta(at, &json!({ "type": "input_json_delta", "partial_json": "" }))
            }
            At::Piece(at, index) => {
                (step.piece, step.gap) = (true, true);
                self.piece(at, index, &mut step)
            }
            At::Signature(at) => {
                let signature = self.block(at).map(|block| {
                    step.reasoning = block.hidden_reasoning;
                    self.message.plan.signature(at, self.message.number)
                });
                delta(at, &json!({ "type": "signature_delta", "signature": signature }))
            }
            At::BlockStop(at) => json!({ "type": "content_block_stop", "index": at }),
            At::UsageSoFar => {
                let none = json!({ "stop_reason": null, "stop_sequence": null });
                self.message_delta(&none, true)
            }
            At::MessageDelta => {
                let everywhere = self.directives.usage == UsageReport::Cumulative;
                self.message_delta(&self.message.end(&self.directives), everywhere)
            }
            At::MessageStop => {
                step.last = true;
                json!({ "type": "message_stop" })
            }
            At::Ping(..) | At::Over => json!({ "type": "ping" }),
        };
        (document, step)
    }

    fn piece(&self, at: usize, index: usize, step: &mut Step) -> Value {
        let Some(block) = self.block(at) else { return Value::Null };
        let Some(piece) = block.pieces.get(index) else { return Value::Null };
        let text = piece.text;
        let content = match block.content {
            Content::Thinking | Content::Redacted => {
                step.reasoning = piece.tokens;
                json!({ "type": "thinking_delta", "thinking": text })
            }
            Content::Preamble | Content::Text => {
                step.output = piece.tokens;
                json!({ "type": "text_delta", "text": text })
            }
            Content::Tool(_) => {
                step.output = piece.tokens;
                json!({ "type": "input_json_delta", "partial_json": text })
            }
        };
        delta(at, &content)
    }

    fn message_delta(&self, end: &Value, whole_usage: bool) -> Value {
        let (plan, directives) = (&self.message.plan, &self.directives);
        let (output, reasoning, tier) = (self.output, self.reasoning, self.message.service_tier);
        let usage = if whole_usage {
            usage::of_message(plan.prompt, output, reasoning, tier, directives)
        } else {
            usage::of_output(output, reasoning, directives)
        };
        let mut document = json!({ "type": "message_delta", "delta": end });
        if let Some(usage) = usage {
            document["usage"] = usage;
        }
        document
    }
}

fn delta(at: usize, delta: &Value) -> Value {
    json!({ "type": "content_block_delta", "index": at, "delta": delta })
}

impl Script for MessageStream {
    fn head(&self) -> usize {
        1
    }

    fn pieces(&self) -> u64 {
        self.message.plan.pieces()
    }

    fn next(&mut self) -> Option<Step> {
        if self.at == At::UsageSoFar && self.directives.usage != UsageReport::Cumulative {
            self.at = At::MessageDelta;
        }
        if self.at == At::Over {
            return None;
        }
        let (document, mut step) = self.write();
        step.bytes = self.lines.event(&document);
        self.output += step.output + step.reasoning;
        self.reasoning += step.reasoning;
        self.at = self.following();
        Some(step)
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(self.lines.comment())
    }

    fn garbage(&self) -> Vec<u8> {
        self.lines
            .raw("content_block_delta", b"{\"type\":\"content_block_delta\",\"index\":\xff\xfe")
    }

    fn failure(&self) -> Vec<u8> {
        self.lines.event(&MessagesError::failure(&self.directives).document())
    }
}
