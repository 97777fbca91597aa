//! Streams of sounds and images: the bytes pass as they are. Those that come as events tell their usage at the end.

use super::{Flow, Taken};
use crate::{
    formats::{
        conversation::Reported,
        media,
        sse::{self, Splitter},
    },
    meter::Meter,
};
use bytes::Bytes;

pub(super) struct Raw {
    /// `None` once it is known that these are no events.
    splitter: Option<Splitter>,
    told: Reported,
}

impl Raw {
    /// `told` is what the request itself says of its usage.
    pub(super) fn new(told: Reported) -> Self {
        Self { splitter: Some(Splitter::default()), told }
    }

    pub(super) fn take(&mut self, bytes: Bytes, meter: &mut Meter) -> Taken {
        if let Some(splitter) = &mut self.splitter {
            match splitter.push(bytes.clone()) {
                Ok(piece) => {
                    let events = sse::events(&piece);
                    for told in events.filter_map(|event| media::read_event_usage(&event.data()?)) {
                        self.told.update(told);
                    }
                }
                // A sound has no blank lines for long.
                Err(sse::TooLong) => self.splitter = None,
            }
        }
        meter.reported = self.told.billed;
        meter.refused = self.told.refused;
        Taken { out: bytes, flow: Flow::Going }
    }
}
