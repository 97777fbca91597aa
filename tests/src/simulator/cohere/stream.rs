//! A chat as a stream of named events: content by its index, the plan, tool calls by theirs, the end.

use serde_json::{Value, json};

use super::super::directives::Directives;
use super::super::event_lines::EventLines;
use super::super::message_plan::{Block, Content};
use super::super::provider_error::ProviderError;
use super::super::stream_answer::{Script, Step};
use super::chat::Message;
use super::errors::CohereError;

/// The script of a chat's stream.
#[derive(Debug)]
pub struct ChatStream {
    message: Message,
    directives: Directives,
    lines: EventLines,
    at: At,
    /// Reasoning that no event shows, and none has been charged for yet.
    hidden: u64,
}

/// The event that comes next. Blocks and their pieces go by their index in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    MessageStart,
    Start(usize),
    Piece(usize, usize),
    End(usize),
    MessageEnd,
    Over,
}

impl ChatStream {
    /// A stream that is about to start.
    pub fn new(message: Message, directives: Directives) -> Self {
        let hidden = message.plan.blocks.iter().map(|block| block.hidden_reasoning).sum();
        let lines = EventLines::new(&directives);
        Self { message, directives, lines, at: At::MessageStart, hidden }
    }

    fn block(&self, at: usize) -> Option<&Block> {
        self.message.plan.blocks.get(at)
    }

    /// How the next block that is shown begins: a plan has no event for that.
    fn begin(&self, from: usize) -> At {
        let shown = |block: &Block| block.hidden_reasoning == 0;
        let blocks = self.message.plan.blocks.iter().enumerate().skip(from);
        match blocks.into_iter().find(|(_, block)| shown(block)) {
            None => At::MessageEnd,
            Some((at, block)) if block.content == Content::Preamble => At::Piece(at, 0),
            Some((at, _)) => At::Start(at),
        }
    }

    fn within(&self, at: usize, index: usize) -> At {
        match self.block(at) {
            Some(block) if index < block.pieces.count() => At::Piece(at, index),
            Some(block) if block.content == Content::Preamble => self.begin(at + 1),
            _ => At::End(at),
        }
    }

    fn following(&self) -> At {
        match self.at {
            At::MessageStart => self.begin(0),
            At::Start(at) => self.within(at, 0),
            At::Piece(at, index) => self.within(at, index + 1),
            At::End(at) => self.begin(at + 1),
            At::MessageEnd | At::Over => At::Over,
        }
    }

    /// Which content, or which tool call, a block is.
    fn index(&self, at: usize) -> usize {
        let is_call = |block: &Block| matches!(block.content, Content::Tool(_));
        let counts = |block: &&Block| match self.block(at) {
            Some(this) if is_call(this) => is_call(block),
            _ => {
                matches!(block.content, Content::Text | Content::Thinking)
                    && block.hidden_reasoning == 0
            }
        };
        self.message.plan.blocks.iter().take(at).filter(counts).count()
    }

    /// The event and what it costs.
    fn write(&self) -> (Value, Step) {
        let mut step = Step::default();
        let document = match self.at {
            At::MessageStart => {
                let message = json!({ "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [] });
                let id = super::answer_id(self.message.number);
                json!({ "type": "message-start", "id": id, "delta": { "message": message } })
            }
            At::Start(at) => self.start(at),
            At::Piece(at, index) => {
                (step.piece, step.gap) = (true, true);
                self.piece(at, index, &mut step)
            }
            At::End(at) => {
                let call =
                    matches!(self.block(at).map(|block| &block.content), Some(Content::Tool(_)));
                let kind = if call { "tool-call-end" } else { "content-end" };
                json!({ "type": kind, "index": self.index(at) })
            }
            At::MessageEnd | At::Over => {
                step.last = true;
                let id = super::answer_id(self.message.number);
                let delta = self.message.end(&self.directives);
                json!({ "type": "message-end", "id": id, "delta": delta })
            }
        };
        (document, step)
    }

    fn start(&self, at: usize) -> Value {
        let Some(block) = self.block(at) else { return Value::Null };
        let (kind, message) = match &block.content {
            Content::Tool(call) => {
                ("tool-call-start", json!({ "tool_calls": self.message.call(at, &call.name, "") }))
            }
            Content::Thinking | Content::Redacted => {
                ("content-start", json!({ "content": { "type": "thinking", "thinking": "" } }))
            }
            Content::Text | Content::Preamble => {
                ("content-start", json!({ "content": { "type": "text", "text": "" } }))
            }
        };
        json!({ "type": kind, "index": self.index(at), "delta": { "message": message } })
    }

    fn piece(&self, at: usize, index: usize, step: &mut Step) -> Value {
        let Some(block) = self.block(at) else { return Value::Null };
        let Some(piece) = block.pieces.get(index) else { return Value::Null };
        let (text, tokens) = (piece.text, piece.tokens);
        if block.is_thinking() {
            step.reasoning = tokens;
        } else {
            step.output = tokens;
        }
        let (kind, message) = match &block.content {
            Content::Preamble => {
                let message = json!({ "tool_plan": text });
                return json!({ "type": "tool-plan-delta", "delta": { "message": message } });
            }
            Content::Tool(_) => {
                ("tool-call-delta", json!({ "tool_calls": { "function": { "arguments": text } } }))
            }
            Content::Thinking | Content::Redacted => {
                ("content-delta", json!({ "content": { "thinking": text } }))
            }
            Content::Text => ("content-delta", json!({ "content": { "text": text } })),
        };
        json!({ "type": kind, "index": self.index(at), "delta": { "message": message } })
    }
}

impl Script for ChatStream {
    fn head(&self) -> usize {
        1
    }

    fn pieces(&self) -> u64 {
        self.message.plan.pieces()
    }

    fn next(&mut self) -> Option<Step> {
        if self.at == At::Over {
            return None;
        }
        let (document, mut step) = self.write();
        step.bytes = self.lines.event(&document);
        if self.at != At::MessageStart {
            step.reasoning += std::mem::take(&mut self.hidden);
        }
        self.at = self.following();
        Some(step)
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(self.lines.comment())
    }

    fn garbage(&self) -> Vec<u8> {
        self.lines.raw("content-delta", b"{\"type\":\"content-delta\",\"index\":\xff\xfe")
    }

    /// The generation has failed although the HTTP status was good.
    fn failure(&self) -> Vec<u8> {
        let reason = self.directives.error_type.as_deref().unwrap_or("ERROR");
        let error = CohereError::failure(&self.directives).message;
        let delta = json!({ "finish_reason": reason, "error": error });
        let id = super::answer_id(self.message.number);
        self.lines.event(&json!({ "type": "message-end", "id": id, "delta": delta }))
    }
}
