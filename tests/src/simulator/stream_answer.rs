//! A stream on its way out, whatever its format: when each event leaves, what it costs, and where
//! the stream breaks.

use std::{fmt, future};

use bytes::Bytes;

use super::bill::Outcome;
use super::body::{self, Body, Cut, Frames};
use super::call::Call;
use super::directives::{Directives, Fault};
use super::progress::Progress;
use super::wire::ResetSwitch;

/// The events of one stream, as its format writes them.
pub trait Script: fmt::Debug + Send {
    /// How many events stand before the first piece of content: faults wait for them.
    fn head(&self) -> usize;

    /// How many pieces of content there are: a fault that waits for more comes after the last.
    fn pieces(&self) -> u64;

    /// The next event; nothing behind the last.
    fn next(&mut self) -> Option<Step>;

    /// What keeps a client waiting before the first event, if the format has such a thing.
    fn waiting(&self) -> Option<Vec<u8>>;

    /// An event that cannot be read.
    fn garbage(&self) -> Vec<u8>;

    /// The event that says that the answer has failed.
    fn failure(&self) -> Vec<u8>;
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The event as it is written.
    pub bytes: Vec<u8>,
    /// Output tokens that are charged when it leaves, without reasoning.
    pub output: u64,
    /// Reasoning tokens that are charged when it leaves.
    pub reasoning: u64,
    /// Whether it is a piece of content: what faults are counted in.
    pub piece: bool,
    /// Whether the pause between pieces comes before it.
    pub gap: bool,
    /// Whether the answer is complete with it.
    pub last: bool,
}

/// A stream in the making.
#[derive(Debug)]
pub struct StreamAnswer {
    script: Box<dyn Script>,
    directives: Directives,
    progress: Progress,
    switch: ResetSwitch,
    events_sent: usize,
    pieces_sent: u64,
    waited: Waited,
    fault: Option<Fault>,
    ended: bool,
    complete: bool,
}

/// How far the wait before the first event has come.
#[derive(Debug, PartialEq, Eq)]
enum Waited {
    NotYet,
    Commented,
    Enough,
}

/// The body that streams a script; the call's prompt has been charged.
pub fn body(call: Call, script: impl Script + 'static) -> Body {
    let Call { directives, progress, switch, .. } = call;
    let stream = StreamAnswer {
        script: Box::new(script),
        progress,
        switch,
        events_sent: 0,
        pieces_sent: 0,
        waited: if directives.head_first { Waited::NotYet } else { Waited::Enough },
        fault: directives.fault,
        ended: false,
        complete: false,
        directives: directives.clone(),
    };
    body::paced(Frames::Stream(Box::new(stream)), &directives)
}

impl StreamAnswer {
    /// The next frame, when it is time for it.
    pub async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        if self.ended {
            return None;
        }
        if self.waited == Waited::NotYet {
            self.waited = Waited::Commented;
            if let Some(comment) = self.script.waiting() {
                return Some(Ok(comment.into()));
            }
        }
        if self.waited == Waited::Commented {
            self.waited = Waited::Enough;
            tokio::time::sleep(self.directives.delay()).await;
        }
        if let Some(fault) = self.fault
            && self.is_due(fault)
        {
            self.fault = None;
            return self.show(fault).await;
        }
        let step = self.script.next()?;
        if step.gap && !self.directives.gap.is_zero() {
            tokio::time::sleep(self.directives.gap).await;
        }
        self.events_sent += 1;
        self.pieces_sent += u64::from(step.piece);
        self.charge(&step);
        self.ended = step.last;
        self.complete = step.last;
        Some(Ok(step.bytes.into()))
    }

    /// What [`Self::next`] gave last has been handed to the socket.
    pub fn handed_over(&mut self) {
        if self.complete {
            self.progress.is(Outcome::Answered);
        }
    }

    /// Whether it is time for the fault: after as many pieces as it says, or all there are. Zero
    /// means that not even the first event is sent.
    fn is_due(&self, fault: Fault) -> bool {
        let after = match fault {
            Fault::Reset(after)
            | Fault::Truncate(after)
            | Fault::End(after)
            | Fault::Half(after)
            | Fault::Stall(after)
            | Fault::Garbage(after)
            | Fault::Error(after) => after,
            Fault::Hang | Fault::Refuse(_) | Fault::Page => return false,
        };
        let begun = self.script.head() <= self.events_sent;
        after == 0 || (begun && after.min(self.script.pieces()) <= self.pieces_sent)
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
            Fault::Garbage(_) => Some(Ok(self.script.garbage().into())),
            Fault::Error(_) => {
                self.ended = true;
                Some(Ok(self.script.failure().into()))
            }
            Fault::Half(_) => {
                self.ended = true;
                let mut bytes = self.script.next()?.bytes;
                bytes.truncate(bytes.len() / 2);
                Some(Ok(bytes.into()))
            }
            Fault::End(_) | Fault::Stall(_) | Fault::Hang | Fault::Refuse(_) | Fault::Page => None,
        }
    }

    fn charge(&self, step: &Step) {
        let bill = self.progress.bill();
        if step.reasoning != 0 {
            bill.charge_reasoning(step.reasoning);
        }
        if step.output != 0 {
            bill.charge_completion(step.output);
        }
    }
}
