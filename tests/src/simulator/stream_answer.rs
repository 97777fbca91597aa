//! A chat answer as a stream: which event comes when, what it costs, and where it breaks.

use std::future;

use bytes::Bytes;

use super::bill::Outcome;
use super::body::Cut;
use super::chunks::{Chunks, Event};
use super::directives::{Directives, Fault};
use super::errors::{ApiError, ErrorBody};
use super::progress::Progress;
use super::usage::Counts;
use super::wire::ResetSwitch;

/// A stream in the making.
#[derive(Debug)]
pub struct StreamAnswer {
    chunks: Chunks,
    directives: Directives,
    progress: Progress,
    switch: ResetSwitch,
    at: usize,
    pieces_sent: u64,
    so_far: Counts,
    waited: Waited,
    fault: Option<Fault>,
    ended: bool,
}

/// How far the wait before the first event has come.
#[derive(Debug, PartialEq, Eq)]
enum Waited {
    NotYet,
    Commented,
    Enough,
}

impl StreamAnswer {
    /// A stream that is about to start; its prompt has been charged.
    pub fn new(
        chunks: Chunks,
        directives: Directives,
        progress: Progress,
        switch: ResetSwitch,
    ) -> Self {
        let plan = chunks.plan().counts;
        Self {
            so_far: Counts { completion: 0, reasoning: 0, ..plan },
            at: 0,
            pieces_sent: 0,
            waited: if directives.head_first { Waited::NotYet } else { Waited::Enough },
            fault: directives.fault,
            ended: false,
            chunks,
            directives,
            progress,
            switch,
        }
    }

    /// The next frame, when it is time for it.
    pub async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        if self.ended {
            return None;
        }
        match self.waited {
            Waited::NotYet => {
                self.waited = Waited::Commented;
                return Some(Ok(self.chunks.comment().into()));
            }
            Waited::Commented => {
                self.waited = Waited::Enough;
                tokio::time::sleep(self.directives.delay()).await;
            }
            Waited::Enough => {}
        }
        if let Some(fault) = self.fault
            && self.is_due(fault)
        {
            self.fault = None;
            return self.show(fault).await;
        }
        let event = self.chunks.event(self.at)?;
        if let Event::Piece { choice: 0, .. } = event
            && !self.directives.gap.is_zero()
        {
            tokio::time::sleep(self.directives.gap).await;
        }
        self.at += 1;
        self.charge(event);
        self.ended = event == Event::Done;
        Some(Ok(self.chunks.write(event, self.so_far, &self.directives).into()))
    }

    /// What [`Self::next`] gave last has been handed to the socket.
    pub fn handed_over(&mut self) {
        if self.ended {
            self.progress.is(Outcome::Answered);
        }
    }

    /// Whether it is time for the fault: after as many pieces as it says, or all there are. Zero
    /// means that not even the first chunk is sent.
    fn is_due(&self, fault: Fault) -> bool {
        let after = match fault {
            Fault::Reset(after)
            | Fault::Truncate(after)
            | Fault::End(after)
            | Fault::Stall(after)
            | Fault::Garbage(after)
            | Fault::Error(after) => after,
            Fault::Hang | Fault::Refuse(_) | Fault::Page => return false,
        };
        let plan = self.chunks.plan();
        let pieces = (plan.choices * plan.pieces()) as u64;
        let roles_sent = plan.choices <= self.at;
        after == 0 || (roles_sent && after.min(pieces) <= self.pieces_sent)
    }

    async fn show(&mut self, fault: Fault) -> Option<Result<Bytes, Cut>> {
        if let Fault::Stall(_) = fault {
            return future::pending().await;
        }
        self.progress.is(Outcome::Failed);
        match fault {
            Fault::Reset(_) => {
                self.switch.arm();
                Some(Err(Cut))
            }
            Fault::Truncate(_) => Some(Err(Cut)),
            // The stream goes on behind the garbage: whoever skips it gets the whole answer.
            Fault::Garbage(_) => {
                Some(Ok(self.chunks.line(b"{\"id\":\"chatcmpl-\xff\xfe\",\"choices\":[{").into()))
            }
            Fault::Error(_) => {
                self.ended = true;
                let error = serde_json::to_vec(&ErrorBody { error: &ApiError::server_error() });
                Some(Ok(self.chunks.line(&error.unwrap_or_default()).into()))
            }
            Fault::End(_) | Fault::Stall(_) | Fault::Hang | Fault::Refuse(_) | Fault::Page => None,
        }
    }

    fn charge(&mut self, event: Event) {
        let plan = self.chunks.plan();
        let thought = plan.counts.reasoning;
        if !matches!(event, Event::Role(_)) && self.so_far.reasoning < thought {
            self.so_far.reasoning = thought;
            self.so_far.completion += thought;
            self.progress.bill().charge_reasoning(thought);
        }
        if let Event::Piece { choice, index } = event {
            let tokens = plan.piece(choice, index).tokens;
            self.pieces_sent += 1;
            self.so_far.completion += tokens;
            self.progress.bill().charge_completion(tokens);
        }
    }
}
