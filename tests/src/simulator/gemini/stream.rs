//! An answer as a stream: each event is a whole answer of its own; a call comes in one piece; the last
//! event has the finish and the usage, and no call.

use serde_json::Value;

use super::super::directives::Directives;
use super::super::message_plan::Content;
use super::super::provider_error::ProviderError;
use super::super::stream_answer::{Script, Step};
use super::answer::Message;
use super::errors::GeminiError;
use super::usage;

/// The script of a stream.
#[derive(Debug)]
pub struct GeminiStream {
    message: Message,
    directives: Directives,
    array: bool,
    /// Which block, and which piece of it, comes next.
    at: (usize, usize),
    begun: bool,
    over: bool,
    /// Reasoning that is charged with the next event.
    hidden: u64,
}

impl GeminiStream {
    /// A stream that is about to start.
    pub fn new(message: Message, directives: Directives, array: bool) -> Self {
        let hidden = message.plan.blocks.iter().map(|block| block.hidden_reasoning).sum();
        Self { message, directives, array, at: (0, 0), begun: false, over: false, hidden }
    }

    fn written(&mut self, document: &Value) -> Vec<u8> {
        let first = !std::mem::replace(&mut self.begun, true);
        if self.array {
            let before = if first { "[" } else { ",\r\n" };
            return format!("{before}{document}").into_bytes();
        }
        // Google ends its lines so.
        format!("data: {document}\r\n\r\n").into_bytes()
    }

    /// The parts of the next event and what they cost; nothing behind the last piece.
    fn piece(&mut self) -> Option<(Vec<Value>, Step)> {
        loop {
            let (at, index) = self.at;
            let block = self.message.plan.blocks.get(at)?;
            let mut step = Step { piece: true, gap: true, ..Step::default() };
            if let Content::Tool(_) = block.content {
                step.output = block.pieces.tokens();
                self.at = (at + 1, 0);
                let part = self.message.part(at, block, "");
                return Some((part.into_iter().collect(), step));
            }
            let Some(piece) = block.pieces.get(index) else {
                self.at = (at + 1, 0);
                continue;
            };
            self.at = (at, index + 1);
            if block.is_thinking() {
                step.reasoning = piece.tokens;
            } else {
                step.output = piece.tokens;
            }
            match self.message.part(at, block, &piece.text) {
                Some(part) => return Some((vec![part], step)),
                // Thoughts that are not shown cost all the same.
                None => self.hidden += piece.tokens,
            }
        }
    }
}

impl Script for GeminiStream {
    fn head(&self) -> usize {
        0
    }

    fn pieces(&self) -> u64 {
        let blocks = self.message.plan.blocks.iter();
        blocks
            .map(|block| match block.content {
                Content::Tool(_) => 1,
                Content::Thinking if !self.message.shows_thoughts => 0,
                Content::Redacted => 0,
                _ => block.pieces.count() as u64,
            })
            .sum()
    }

    fn next(&mut self) -> Option<Step> {
        if self.over {
            return None;
        }
        let (document, mut step) = match self.piece() {
            Some((parts, step)) => (self.message.chunk(parts, None), step),
            None => {
                self.over = true;
                let mut document = self.message.chunk(Vec::new(), Some(&self.directives));
                if let Some(usage) = usage::of(&self.message.plan, &self.directives) {
                    document["usageMetadata"] = usage;
                }
                (document, Step { last: true, ..Step::default() })
            }
        };
        step.reasoning += std::mem::take(&mut self.hidden);
        step.bytes = self.written(&document);
        if self.over && self.array {
            step.bytes.extend_from_slice(b"]");
        }
        Some(step)
    }

    /// Google keeps nobody waiting with comments.
    fn waiting(&self) -> Option<Vec<u8>> {
        None
    }

    fn garbage(&self) -> Vec<u8> {
        b"data: {\"candidates\":[\xff\xfe\r\n\r\n".to_vec()
    }

    fn failure(&self) -> Vec<u8> {
        let error = GeminiError::failure(&self.directives).document();
        format!("data: {error}\r\n\r\n").into_bytes()
    }
}
