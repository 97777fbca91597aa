//! Cuts a byte stream into server-sent events, whatever its chunks are. An event keeps its bytes, so it can be passed
//! on as it came.

use bytes::{Bytes, BytesMut};

/// An event that the provider sends may have this many bytes.
pub const MAX_EVENT_BYTES: usize = 1 << 20;

/// Gathers bytes until an event is whole.
#[derive(Debug, Default)]
pub struct Splitter {
    rest: BytesMut,
}

/// The provider sent an event above [`MAX_EVENT_BYTES`].
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl Splitter {
    /// Takes a chunk and gives back everything up to the last blank line: whole events, in one piece. The common chunk
    /// is whole already and is passed through without a copy.
    pub fn push(&mut self, chunk: Bytes) -> Result<Bytes, TooLong> {
        if self.rest.is_empty() && end_of_last_event(&chunk) == chunk.len() {
            return Ok(chunk);
        }
        self.rest.extend_from_slice(&chunk);
        let whole = end_of_last_event(&self.rest);
        let events = self.rest.split_to(whole).freeze();
        if self.rest.len() > MAX_EVENT_BYTES { Err(TooLong) } else { Ok(events) }
    }

    /// What is left at the end of the stream: an event without its blank line, or nothing.
    pub fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.rest).freeze()
    }
}

/// The offset behind the last blank line; 0 if there is none.
fn end_of_last_event(bytes: &[u8]) -> usize {
    for at in memchr::memrchr_iter(b'\n', bytes) {
        let before = bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]);
        if before.is_empty() || before.ends_with(b"\n") {
            return at + 1;
        }
    }
    0
}

/// The events in a piece that [`Splitter::push`] gave back: each with its bytes, blank line included.
pub fn events(piece: &Bytes) -> impl Iterator<Item = Event> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        if from >= piece.len() {
            return None;
        }
        let mut line = from;
        loop {
            let end = memchr::memchr(b'\n', &piece[line..]).map_or(piece.len(), |at| line + at + 1);
            let blank = matches!(&piece[line..end], b"\n" | b"\r\n");
            // Blank lines before an event belong to it.
            let at_start = piece[from..line].iter().all(|b| matches!(b, b'\n' | b'\r'));
            line = end;
            if (blank && !at_start) || end == piece.len() {
                break;
            }
        }
        let event = Event { bytes: piece.slice(from..line) };
        from = line;
        Some(event)
    })
}

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// All its bytes.
    pub bytes: Bytes,
}

impl Event {
    /// Its `event` field; empty if it has none.
    pub fn name(&self) -> &str {
        let mut name: &[u8] = b"";
        for line in self.bytes.split(|byte| *byte == b'\n') {
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            if let Some(value) = line.strip_prefix(b"event:") {
                name = value.trim_ascii();
            }
        }
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// Its `data`, if it has any: comments and other fields carry none. Several data lines are joined by a newline, as
    /// the standard says.
    pub fn data(&self) -> Option<Bytes> {
        let mut data: Option<BytesMut> = None;
        let mut first: Option<(usize, usize)> = None;
        let mut from = 0;
        while from < self.bytes.len() {
            let end =
                memchr::memchr(b'\n', &self.bytes[from..]).map_or(self.bytes.len(), |at| from + at);
            let mut start = from;
            if from == 0 && self.bytes.starts_with(b"\xef\xbb\xbf") {
                start = 3;
            }
            let line = &self.bytes[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(value) = line.strip_prefix(b"data:") {
                let value = value.strip_prefix(b" ").unwrap_or(value);
                let at = start + line.len() - value.len();
                match (&mut data, first) {
                    (None, None) => first = Some((at, at + value.len())),
                    (None, Some((a, b))) => {
                        let mut joined = BytesMut::from(&self.bytes[a..b]);
                        joined.extend_from_slice(b"\n");
                        joined.extend_from_slice(value);
                        data = Some(joined);
                    }
                    (Some(joined), _) => {
                        joined.extend_from_slice(b"\n");
                        joined.extend_from_slice(value);
                    }
                }
            }
            from = end + 1;
        }
        data.map(BytesMut::freeze).or_else(|| first.map(|(a, b)| self.bytes.slice(a..b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data_of(text: &str, cuts: &[usize]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut out = Vec::new();
        let mut read = |piece: &Bytes| {
            out.extend(
                events(piece)
                    .filter_map(|event| event.data())
                    .map(|data| String::from_utf8_lossy(&data).into_owned()),
            );
        };
        let mut from = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            let cut = cut.clamp(from, text.len());
            read(&splitter.push(Bytes::copy_from_slice(&text.as_bytes()[from..cut])).unwrap());
            from = cut;
        }
        read(&splitter.finish());
        out
    }

    #[test]
    fn events_are_found_in_all_the_forms_that_providers_send() {
        let cases: [(&str, &[&str]); 7] = [
            ("data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data:a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
            (": keep-alive\n\ndata: a\n\n", &["a"]),
            ("event: x\ndata: a\nid: 7\n\n", &["a"]),
            ("data: a\ndata: b\n\n", &["a\nb"]),
            ("\u{feff}data: a\n\n", &["a"]),
            ("\n\ndata: a\n\ndata: tail", &["a", "tail"]),
        ];
        for (text, expected) in cases {
            assert_eq!(data_of(text, &[]), expected, "{text:?}");
        }
    }

    #[test]
    fn an_event_may_have_a_name() {
        let name = |text: &'static str| Event { bytes: Bytes::from_static(text.as_bytes()) };
        assert_eq!(name("event: ping\r\ndata: {}\r\n\r\n").name(), "ping");
        assert_eq!(name("data: event: no\n\n").name(), "");
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut splitter = Splitter::default();
        let chunk = Bytes::from(vec![b'x'; 600_000]);
        assert!(splitter.push(chunk.clone()).is_ok());
        assert_eq!(splitter.push(chunk), Err(TooLong));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            pieces in proptest::collection::vec("(data: ?[a-zäö{}\"]{0,8}|: c|event: e|)", 0..8),
            crlf in any::<bool>(),
            mut cuts in proptest::collection::vec(0usize..120, 0..12),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let text: String = pieces.iter().map(|piece| format!("{piece}{end}{end}")).collect();
            cuts.sort_unstable();
            prop_assert_eq!(data_of(&text, &cuts), data_of(&text, &[]));
        }

        #[test]
        fn all_bytes_come_out_again(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
            let cut = cut.min(bytes.len());
            let mut splitter = Splitter::default();
            let mut out = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                let piece = splitter.push(Bytes::copy_from_slice(part)).unwrap();
                for event in events(&piece) { out.extend_from_slice(&event.bytes); }
            }
            out.extend_from_slice(&splitter.finish());
            prop_assert_eq!(out, bytes);
        }
    }
}
