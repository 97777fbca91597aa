//! A message as a stream of frames. Text begins without a frame of its own, and the usage comes
//! behind the end.

use serde_json::{Value, json};

use super::super::directives::Directives;
use super::super::message_plan::{Block, Content};
use super::super::provider_error::ProviderError;
use super::super::stream_answer::{Script, Step};
use super::converse::Message;
use super::errors::BedrockError;
use super::frames;

/// Padding of varying length in each frame, so that lengths tell an eavesdropper nothing.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The script of a message's stream.
#[derive(Debug)]
pub struct ConverseStream {
    message: Message,
    directives: Directives,
    at: At,
    sent: usize,
}

/// The frame that comes next. Blocks and their pieces go by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    MessageStart,
    BlockStart(usize),
    Piece(usize, usize),
    /// What proves a block of thinking, or redacted thinking itself.
    Proof(usize),
    BlockStop(usize),
    MessageStop,
    Metadata,
    Over,
}

impl ConverseStream {
    /// A stream that is about to start.
    pub const fn new(message: Message, directives: Directives) -> Self {
        Self { message, directives, at: At::MessageStart, sent: 0 }
    }

    fn block(&self, at: usize) -> Option<&Block> {
        self.message.plan.blocks.get(at)
    }

    /// How a block begins, or what comes behind the last one.
    fn begin(&self, at: usize) -> At {
        match self.block(at).map(|block| &block.content) {
            None => At::MessageStop,
            Some(Content::Tool(_)) => At::BlockStart(at),
            Some(_) => self.within(at, 0),
        }
    }

    fn within(&self, at: usize, index: usize) -> At {
        match self.block(at) {
            Some(block) if index < block.pieces.count() => At::Piece(at, index),
            Some(block) if block.is_thinking() => At::Proof(at),
            _ => At::BlockStop(at),
        }
    }

    fn following(&self) -> At {
        match self.at {
            At::MessageStart => self.begin(0),
            At::BlockStart(at) => self.within(at, 0),
            At::Piece(at, index) => self.within(at, index + 1),
            At::Proof(at) => At::BlockStop(at),
            At::BlockStop(at) => self.begin(at + 1),
            At::MessageStop => At::Metadata,
            At::Metadata | At::Over => At::Over,
        }
    }

    /// The frame's name and content, and what it costs.
    fn write(&self) -> (&'static str, Value, Step) {
        let mut step = Step::default();
        let (name, payload) = match self.at {
            At::MessageStart => ("messageStart", json!({ "role": "assistant" })),
            At::BlockStart(at) => {
                let id = self.message.plan.call_id(at, "tooluse_", self.message.number);
                let name = self.block(at).map(|block| match &block.content {
                    Content::Tool(call) => call.name.as_str(),
                    _ => "",
                });
                let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
                ("contentBlockStart", json!({ "contentBlockIndex": at, "start": start }))
            }
            At::Piece(at, index) => {
                (step.piece, step.gap) = (true, true);
                ("contentBlockDelta", self.piece(at, index, &mut step))
            }
            At::Proof(at) => {
                let signature = self.message.plan.signature(at, self.message.number);
                step.reasoning = self.block(at).map_or(0, |block| block.hidden_reasoning);
                let redacted =
                    self.block(at).is_some_and(|block| block.content == Content::Redacted);
                let kind = if redacted { "redactedContent" } else { "signature" };
                (
                    "contentBlockDelta",
                    delta(at, &json!({ "reasoningContent": { kind: signature } })),
                )
            }
            At::BlockStop(at) => ("contentBlockStop", json!({ "contentBlockIndex": at })),
            At::MessageStop => ("messageStop", Value::Object(self.message.end(&self.directives))),
            At::Metadata | At::Over => {
                step.last = true;
                ("metadata", Value::Object(self.message.metadata(&self.directives)))
            }
        };
        (name, payload, step)
    }

    fn piece(&self, at: usize, index: usize, step: &mut Step) -> Value {
        let Some(block) = self.block(at) else { return Value::Null };
        let Some(piece) = block.pieces.get(index) else { return Value::Null };
        let (text, tokens) = (piece.text, piece.tokens);
        if block.is_thinking() {
            step.reasoning = tokens;
            return delta(at, &json!({ "reasoningContent": { "text": text } }));
        }
        step.output = tokens;
        match block.content {
            Content::Tool(_) => delta(at, &json!({ "toolUse": { "input": text } })),
            _ => delta(at, &json!({ "text": text })),
        }
    }
}

fn delta(at: usize, delta: &Value) -> Value {
    json!({ "contentBlockIndex": at, "delta": delta })
}

impl Script for ConverseStream {
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
        let (name, mut payload, mut step) = self.write();
        payload["p"] = json!(PADDING.get(..1 + self.sent * 7 % (PADDING.len() - 1)));
        step.bytes = frames::event(name, &payload);
        self.sent += 1;
        self.at = self.following();
        Some(step)
    }

    /// There is nothing on this wire that means nothing.
    fn waiting(&self) -> Option<Vec<u8>> {
        None
    }

    fn garbage(&self) -> Vec<u8> {
        let mut frame = frames::event("contentBlockDelta", &delta(0, &json!({ "text": "?" })));
        if let Some(last) = frame.last_mut() {
            *last ^= 0xff;
        }
        frame
    }

    fn failure(&self) -> Vec<u8> {
        let mut error = BedrockError::failure(&self.directives);
        if self.directives.error_type.is_none() {
            error.name = "ModelStreamErrorException".to_owned();
        }
        frames::exception(&error.name_in_stream(), &error.document())
    }
}
