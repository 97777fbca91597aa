//! Frames of `application/vnd.amazon.eventstream` as a client reads them: nothing is believed that a
//! checksum does not prove.

use std::collections::BTreeMap;

use serde_json::Value;

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
const STRING: u8 = 7;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its headers, which are all strings.
    pub headers: BTreeMap<String, String>,
    /// Its content.
    pub payload: Value,
}

impl Frame {
    /// The name of the event or of the exception.
    pub fn name(&self) -> &str {
        let name = self.headers.get(":event-type").or(self.headers.get(":exception-type"));
        name.map_or("", String::as_str)
    }

    /// Whether the frame tells of a failure.
    pub fn is_exception(&self) -> bool {
        self.headers.get(":message-type").is_some_and(|kind| kind == "exception")
    }
}

/// The frames of a body, and the bytes behind the last whole one.
pub fn read(mut bytes: &[u8]) -> Result<(Vec<Frame>, usize), String> {
    let mut frames = Vec::new();
    while let Some(length) = number(bytes, 0) {
        let Some((frame, rest)) = bytes.split_at_checked(length) else { break };
        frames.push(parse(frame)?);
        bytes = rest;
    }
    Ok((frames, bytes.len()))
}

fn parse(frame: &[u8]) -> Result<Frame, String> {
    check(frame, 8)?;
    check(frame, frame.len().saturating_sub(CHECKSUM))?;
    let headers_length = number(frame, 4).unwrap_or(0);
    let inner = frame.get(PRELUDE..frame.len() - CHECKSUM).ok_or("a frame is too short")?;
    let (headers, payload) =
        inner.split_at_checked(headers_length).ok_or("the headers are longer than the frame")?;
    let payload = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    Ok(Frame { headers: read_headers(headers).ok_or("a header cannot be read")?, payload })
}

/// Whether the checksum at `at` is that of all that stands before it.
fn check(frame: &[u8], at: usize) -> Result<(), String> {
    let expected = frame.get(..at).map(crc32fast::hash);
    let found = number(frame, at).and_then(|found| u32::try_from(found).ok());
    if expected.is_some() && expected == found {
        Ok(())
    } else {
        Err(format!("a checksum at {at} is wrong"))
    }
}

fn read_headers(mut bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        let (&[STRING, high, low], rest) = rest.split_first_chunk()? else { return None };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        headers.insert(text(name)?, text(value)?);
        bytes = rest;
    }
    Some(headers)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*four)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::bedrock::frames;
    use serde_json::json;

    #[test]
    fn what_was_written_is_read_and_what_was_damaged_is_not() {
        let frame = frames::event("messageStart", &json!({ "role": "assistant" }));
        let two = [frame.as_slice(), &frame[..frame.len() - 1]].concat();
        let (read_frames, left) = read(&two).unwrap();
        assert_eq!((read_frames.len(), left), (1, frame.len() - 1));
        assert_eq!(read_frames[0].name(), "messageStart");
        for at in 4..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "{at}");
        }
    }
}
