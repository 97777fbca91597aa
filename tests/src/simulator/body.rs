//! The body of an answer as hyper polls it: one frame at a time, at the pace and with the faults
//! that were asked for. Dropping it is how the end of the connection is noticed.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

use super::bill::Outcome;
use super::directives::Directives;
use super::progress::Progress;
use super::stream_answer::StreamAnswer;
use super::wire::ResetSwitch;

/// The body of any answer.
pub type Body = UnsyncBoxBody<Bytes, Cut>;

/// The connection ends here, whatever was promised.
#[derive(Debug)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulator cuts the connection")
    }
}

impl std::error::Error for Cut {}

/// Where the frames of a body come from.
#[derive(Debug)]
pub enum Frames {
    /// A stream of events.
    Stream(Box<StreamAnswer>),
    /// One document.
    Plain(PlainAnswer),
}

/// How a document is cut short.
#[derive(Debug)]
pub enum CutBy {
    /// FIN.
    Close,
    /// RST.
    Reset(ResetSwitch),
}

/// One document, or the first part of it and then the end of the connection.
#[derive(Debug)]
pub struct PlainAnswer {
    /// What is still to be sent.
    pub bytes: Bytes,
    /// How the connection is cut after it, if it is.
    pub cut: Option<CutBy>,
    /// The request that is answered.
    pub progress: Progress,
    /// Whether the document is what the caller asked for.
    pub good: bool,
}

/// A body that is complete in itself.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body that follows the directives.
pub fn paced(frames: Frames, directives: &Directives) -> Body {
    let pace = if directives.drip {
        Pace::Drip
    } else if let Some(bytes) = directives.split {
        Pace::Split(bytes)
    } else {
        Pace::Whole
    };
    let outbound = Outbound { frames, pending: Bytes::new(), pace };
    let frames = stream::unfold(outbound, |mut outbound| async move {
        let frame = outbound.next().await?;
        Some((frame.map(Frame::data), outbound))
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

struct Outbound {
    frames: Frames,
    pending: Bytes,
    pace: Pace,
}

enum Pace {
    Whole,
    Split(usize),
    Drip,
}

impl Outbound {
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        // Being pending once makes hyper flush, so each frame is a write of its own, and a cut
        // loses nothing of what was handed over before.
        tokio::task::yield_now().await;
        if self.pending.is_empty() {
            match self.frames.next().await {
                Some(Ok(bytes)) => self.pending = bytes,
                end => return end,
            }
        }
        let bytes = match self.pace {
            Pace::Whole => std::mem::take(&mut self.pending),
            Pace::Split(bytes) => self.pending.split_to(bytes.min(self.pending.len())),
            Pace::Drip => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.pending.split_to(1)
            }
        };
        if self.pending.is_empty() {
            self.frames.handed_over();
        }
        Some(Ok(bytes))
    }
}

impl Frames {
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        match self {
            Self::Stream(stream) => stream.next().await,
            Self::Plain(plain) => plain.next(),
        }
    }

    /// The last frame is on its way.
    fn handed_over(&mut self) {
        match self {
            Self::Stream(stream) => stream.handed_over(),
            Self::Plain(plain) if plain.cut.is_some() => {}
            Self::Plain(plain) => {
                plain.progress.is(if plain.good { Outcome::Answered } else { Outcome::Failed })
            }
        }
    }
}

impl PlainAnswer {
    fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        if !self.bytes.is_empty() {
            return Some(Ok(std::mem::take(&mut self.bytes)));
        }
        let cut = self.cut.take()?;
        self.progress.is(Outcome::Failed);
        if let CutBy::Reset(switch) = cut {
            switch.arm();
        }
        Some(Err(Cut))
    }
}
