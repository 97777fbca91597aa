//! OpenAI's format on both sides: whole events pass without a copy unless one has to be swallowed.

use super::{Flow, Taken, garbage};
use crate::{
    formats::{
        openai_chat::{
            error,
            stream::{self, Chunk, Reading},
        },
        sse::{self, Splitter},
    },
    meter::Meter,
};
use bytes::{Bytes, BytesMut};

pub(super) struct Openai {
    splitter: Splitter,
    include_usage: bool,
    /// Whether an event with data came.
    began: bool,
    /// Something came that an app would show.
    content: bool,
    /// Whether a choice has ended.
    finished: bool,
    done: bool,
}

impl Openai {
    pub(super) fn new(include_usage: bool) -> Self {
        let splitter = Splitter::default();
        Self { splitter, include_usage, began: false, content: false, finished: false, done: false }
    }

    pub(super) fn take(&mut self, bytes: Bytes, meter: &mut Meter) -> Taken {
        match self.splitter.push(bytes) {
            Ok(piece) => self.events(piece, meter),
            Err(sse::TooLong) => self.broken(BytesMut::new(), garbage()),
        }
    }

    pub(super) fn finish(&mut self, meter: &mut Meter) -> Taken {
        let rest = self.splitter.finish();
        let mut out = BytesMut::new();
        if !rest.is_empty() && !self.done {
            let began = self.began;
            let taken = self.events(rest, meter);
            if let Flow::Broken { .. } = taken.flow {
                return taken;
            }
            // What never began with an event is nonsense that has no end either.
            if !began && !self.began {
                return self.broken(BytesMut::new(), garbage());
            }
            out.extend_from_slice(&taken.out);
            out.extend_from_slice(b"\n\n");
        }
        if !self.done && self.finished {
            // Some servers leave `[DONE]` out; clients wait for it.
            out.extend_from_slice(b"data: [DONE]\n\n");
            self.done = true;
        }
        if self.done {
            return Taken { out: out.freeze(), flow: Flow::Done };
        }
        let message = "The provider ended the answer before it was complete.".to_owned();
        self.broken(out, Flow::Broken { code: "upstream_truncated", message, reported: false })
    }

    /// Takes whole events; gives back what the app shall see of them.
    fn events(&mut self, piece: Bytes, meter: &mut Meter) -> Taken {
        if self.done {
            return Taken { out: Bytes::new(), flow: Flow::Done };
        }
        let mut kept: Option<BytesMut> = None;
        let mut from_start = 0;
        for event in sse::events(&piece) {
            let so_far = |kept: Option<BytesMut>| {
                kept.unwrap_or_else(|| BytesMut::from(&piece[..from_start]))
            };
            let data = event.data();
            self.began |= data.is_some();
            let shown = match data.map(|data| stream::read(&data)) {
                None => true,
                Some(Chunk::Piece(reading)) => self.meter(&reading, meter) || self.include_usage,
                Some(Chunk::Done) => {
                    self.done = true;
                    true
                }
                Some(Chunk::Error(message)) => {
                    let mut out = so_far(kept);
                    out.extend_from_slice(&event.bytes);
                    self.done = true;
                    let code = "upstream_error";
                    let flow = Flow::Broken { code, message, reported: true };
                    return Taken { out: out.freeze(), flow };
                }
                Some(Chunk::Garbage) => return self.broken(so_far(kept), garbage()),
            };
            match (&mut kept, shown) {
                (Some(out), true) => out.extend_from_slice(&event.bytes),
                (None, false) => kept = Some(BytesMut::from(&piece[..from_start])),
                (Some(_), false) | (None, true) => {}
            }
            from_start += event.bytes.len();
        }
        let flow = match (self.done, self.began, self.content) {
            (true, ..) => Flow::Done,
            (false, _, true) => Flow::Going,
            (false, true, false) => Flow::Opening,
            (false, false, false) => Flow::Waiting,
        };
        Taken { out: kept.map_or(piece, BytesMut::freeze), flow }
    }

    /// Counts an event; says whether every app shall see it.
    fn meter(&mut self, reading: &Reading, meter: &mut Meter) -> bool {
        meter.produced += reading.tokens;
        // Some providers repeat the usage on every chunk: the last one counts, never the sum.
        if reading.usage.is_some() {
            meter.reported = reading.usage;
        }
        meter.refused |= reading.usage_refused;
        self.finished |= reading.finished;
        self.content |= reading.content || reading.finished;
        !reading.only_usage
    }

    fn broken(&mut self, mut out: BytesMut, flow: Flow) -> Taken {
        self.done = true;
        if let Flow::Broken { code, message, .. } = &flow {
            out.extend_from_slice(error::event(code, message).as_bytes());
        }
        Taken { out: out.freeze(), flow }
    }
}
