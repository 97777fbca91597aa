//! Frames of `application/vnd.amazon.eventstream`: how Bedrock cuts its streams into events.
//!
//! A frame is binary: the lengths of the whole and of its headers, a checksum of these two, the headers, the payload, and
//! a checksum of all before. Both checksums are verified; what does not match is broken beyond repair, for nobody can tell
//! where the next frame begins.

use bytes::{Buf, Bytes, BytesMut};
use std::borrow::Cow;

/// A frame may have this many bytes. AWS allows 24 MiB; the largest that Bedrock sends are pieces of an image.
pub const MAX_FRAME_BYTES: usize = 4 << 20;

/// The headers of a frame may have this many bytes. AWS allows 128 KiB; Bedrock sends a hundred bytes.
pub const MAX_HEADER_BYTES: usize = 16 << 10;

/// Two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;

/// Gathers bytes until a frame is whole. [`Frames::push`] takes chunks, cut in any way, and `next` gives whole frames
/// until there is none left; after a fault there is none ever.
#[derive(Debug, Default)]
pub struct Frames {
    rest: BytesMut,
    broken: Option<FrameFault>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What kind of message it is.
    pub message_type: MessageType,
    /// The event's name, the exception's, or the error's code.
    pub event_type: Cow<'static, str>,
    /// Its content, usually JSON.
    pub payload: Bytes,
}

/// What kind of message a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// A piece of the answer.
    Event,
    /// A failure that the service's model names.
    Exception,
    /// A failure that it does not name.
    Error,
}

/// Why bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// A length cannot be, or the frame is above [`MAX_FRAME_BYTES`].
    #[error("a frame's length is impossible or too large")]
    Length,
    /// A checksum does not match.
    #[error("a frame's checksum does not match")]
    Checksum,
    /// The headers cannot be read.
    #[error("a frame's headers cannot be read")]
    Headers,
    /// The stream ended within a frame.
    #[error("the stream ended within a frame")]
    Partial,
}

impl Frames {
    /// Takes a chunk. Fails after a fault, and if frames were left untaken above [`MAX_FRAME_BYTES`].
    pub fn push(&mut self, chunk: Bytes) -> Result<(), FrameFault> {
        if let Some(fault) = self.broken {
            return Err(fault);
        }
        if self.rest.len() > MAX_FRAME_BYTES {
            self.broken = Some(FrameFault::Length);
            return Err(FrameFault::Length);
        }
        self.rest.extend_from_slice(&chunk);
        Ok(())
    }

    /// Whether the stream could end here: between two frames, and without a fault before.
    pub fn finish(&self) -> Result<(), FrameFault> {
        match self.broken {
            Some(fault) => Err(fault),
            None if self.rest.is_empty() => Ok(()),
            None => Err(FrameFault::Partial),
        }
    }

    fn take(&mut self) -> Result<Option<Frame>, FrameFault> {
        let Some(lengths) = Lengths::of(&self.rest)? else { return Ok(None) };
        if self.rest.len() < lengths.whole {
            return Ok(None);
        }
        lengths.read(self.rest.split_to(lengths.whole).freeze()).map(Some)
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, FrameFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken.is_some() {
            return None;
        }
        let taken = self.take();
        self.broken = taken.as_ref().err().copied();
        taken.transpose()
    }
}

impl Frame {
    /// The name for [`crate::stream::StreamReader::read`]: the event's, or `exception:NAME` for a failure.
    pub fn name(&self) -> Cow<'_, str> {
        match self.message_type {
            MessageType::Event => Cow::Borrowed(&self.event_type),
            MessageType::Exception | MessageType::Error => {
                Cow::Owned(format!("{EXCEPTION}{}", self.event_type))
            }
        }
    }
}

/// What the name of a failure begins with.
pub(super) const EXCEPTION: &str = "exception:";

/// The lengths of a frame that begins here.
#[derive(Clone, Copy)]
struct Lengths {
    whole: usize,
    headers: usize,
}

impl Lengths {
    /// Reads the prelude; `None` until it is there.
    fn of(bytes: &[u8]) -> Result<Option<Self>, FrameFault> {
        let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Ok(None) };
        let (checked, mut sum) = prelude.split_at(PRELUDE - CHECKSUM);
        if crc32fast::hash(checked) != sum.get_u32() {
            return Err(FrameFault::Checksum);
        }
        let mut numbers = checked;
        let (whole, headers) = (numbers.get_u32() as usize, numbers.get_u32() as usize);
        let fits = whole <= MAX_FRAME_BYTES
            && headers <= MAX_HEADER_BYTES
            && headers + PRELUDE + CHECKSUM <= whole;
        if fits { Ok(Some(Self { whole, headers })) } else { Err(FrameFault::Length) }
    }

    fn read(self, frame: Bytes) -> Result<Frame, FrameFault> {
        let end = self.whole - CHECKSUM;
        let (checked, mut sum) = frame.split_at_checked(end).ok_or(FrameFault::Length)?;
        if crc32fast::hash(checked) != sum.get_u32() {
            return Err(FrameFault::Checksum);
        }
        let behind = PRELUDE + self.headers;
        let headers = checked.get(PRELUDE..behind).and_then(Headers::read);
        let headers = headers.ok_or(FrameFault::Headers)?;
        Ok(headers.frame(frame.slice(behind..end)))
    }
}

/// The headers that say what a frame is.
#[derive(Default)]
struct Headers<'h> {
    message_type: &'h str,
    event_type: &'h str,
    exception_type: &'h str,
    error_code: &'h str,
    error_message: &'h str,
}

impl<'h> Headers<'h> {
    fn read(mut bytes: &'h [u8]) -> Option<Self> {
        let mut headers = Self::default();
        while !bytes.is_empty() {
            let (name, value) = header(&mut bytes)?;
            let Some(text) = value else { continue };
            match name {
                b":message-type" => headers.message_type = text,
                b":event-type" => headers.event_type = text,
                b":exception-type" => headers.exception_type = text,
                b":error-code" => headers.error_code = text,
                b":error-message" => headers.error_message = text,
                _ => {}
            }
        }
        Some(headers)
    }

    fn frame(self, payload: Bytes) -> Frame {
        let (message_type, event_type) = match self.message_type {
            "exception" => (MessageType::Exception, self.exception_type),
            "error" => (MessageType::Error, self.error_code),
            _ => (MessageType::Event, self.event_type),
        };
        // What an error says stands in its headers, where readers do not look.
        let payload = if message_type == MessageType::Error && payload.is_empty() {
            serde_json::json!({ "message": self.error_message }).to_string().into()
        } else {
            payload
        };
        Frame { message_type, event_type: name_of(event_type), payload }
    }
}

/// Takes one header off: its name, and its value if it is a string. `None` if it is cut off or of no known type.
fn header<'h>(bytes: &mut &'h [u8]) -> Option<(&'h [u8], Option<&'h str>)> {
    let length = usize::from(*bytes.split_off_first()?);
    let name = bytes.split_off(..length)?;
    let size = match bytes.split_off_first()? {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 => usize::from(bytes.split_off(..2)?.get_u16()),
        7 => {
            let length = usize::from(bytes.split_off(..2)?.get_u16());
            let text = std::str::from_utf8(bytes.split_off(..length)?).ok()?;
            return Some((name, Some(text)));
        }
        9 => 16,
        _ => return None,
    };
    bytes.split_off(..size)?;
    Some((name, None))
}

/// The names that come with every answer need no memory of their own.
fn name_of(name: &str) -> Cow<'static, str> {
    const KNOWN: [&str; 7] = [
        "contentBlockDelta",
        "contentBlockStart",
        "contentBlockStop",
        "messageStart",
        "messageStop",
        "metadata",
        "chunk",
    ];
    match KNOWN.into_iter().find(|known| *known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

#[cfg(test)]
mod tests;
