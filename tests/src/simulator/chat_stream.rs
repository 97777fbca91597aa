//! A chat answer as a stream: the chunks in their order, each with what has been used by then.

use super::chunks::{Chunks, Event};
use super::directives::Directives;
use super::errors::{ApiError, ErrorBody};
use super::provider_error::ProviderError;
use super::stream_answer::{Script, Step};
use super::usage::Counts;

/// The script of a chat stream.
#[derive(Debug)]
pub struct ChatStream {
    chunks: Chunks,
    directives: Directives,
    at: usize,
    so_far: Counts,
}

impl ChatStream {
    /// A stream that is about to start.
    pub fn new(chunks: Chunks, directives: Directives) -> Self {
        let so_far = Counts { completion: 0, reasoning: 0, ..chunks.plan().counts };
        Self { chunks, directives, at: 0, so_far }
    }

    /// Reasoning is through when the first piece of the answer comes.
    fn reasoning_before(&mut self, event: Event) -> u64 {
        let thought = self.chunks.plan().counts.reasoning - self.so_far.reasoning;
        if matches!(event, Event::Role(_)) {
            return 0;
        }
        self.so_far.reasoning += thought;
        self.so_far.completion += thought;
        thought
    }
}

impl Script for ChatStream {
    fn head(&self) -> usize {
        self.chunks.plan().choices
    }

    fn pieces(&self) -> u64 {
        let plan = self.chunks.plan();
        (plan.choices * plan.pieces()) as u64
    }

    fn next(&mut self) -> Option<Step> {
        let event = self.chunks.event(self.at)?;
        self.at += 1;
        let reasoning = self.reasoning_before(event);
        let (output, gap) = match event {
            Event::Piece { choice, index } => {
                (self.chunks.plan().piece(choice, index).tokens, choice == 0)
            }
            Event::Role(_) | Event::Finish(_) | Event::Usage | Event::Done => (0, false),
        };
        self.so_far.completion += output;
        Some(Step {
            bytes: self.chunks.write(event, self.so_far, &self.directives),
            output,
            reasoning,
            piece: matches!(event, Event::Piece { .. }),
            gap,
            last: event == Event::Done,
        })
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(self.chunks.comment())
    }

    fn garbage(&self) -> Vec<u8> {
        self.chunks.line(b"{\"id\":\"chatcmpl-\xff\xfe\",\"choices\":[{")
    }

    fn failure(&self) -> Vec<u8> {
        let error = ApiError::failure(&self.directives);
        let error = serde_json::to_vec(&ErrorBody { error: &error });
        self.chunks.line(&error.unwrap_or_default())
    }
}
