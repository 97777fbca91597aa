//! Finds heads and bodies in the bytes of a connection, and judges the heads. No I/O.

use super::{chunks::Chunks, refusal::Refusal};
use memchr::{memchr, memchr2};
use std::mem::take;

/// The most bytes of a head.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The most headers of a head.
pub const HEADERS_MAX: usize = 64;

const METHODS: [&[u8]; 7] = [b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS"];

/// The state of a connection's input.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HeadScanner {
    place: Place,
    head: Head,
    /// The beginning of a line that a read cut in two. Whole lines are never copied.
    line: Vec<u8>,
    passed_a_head: bool,
}

/// The verdict on bytes that must not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// So many of the pushed bytes belong to requests that passed.
    pub keep: usize,
    /// What is wrong after them.
    pub refusal: Refusal,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// The bytes that are left of a body.
    Body(u64),
    Chunks(Chunks),
    Refused(Refusal),
}

/// What the lines of a head said so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    bytes: usize,
    has_request_line: bool,
    is_http_10: bool,
    headers: usize,
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
    has_upgrade: bool,
    has_websocket: bool,
    wants_upgrade: bool,
}

impl HeadScanner {
    /// Whether the connection had a whole head that was in order.
    pub const fn has_passed_a_head(&self) -> bool {
        self.passed_a_head
    }

    /// Takes the next bytes. After a refusal nothing passes any more.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        // Where the requests that passed end.
        let mut keep = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let outcome = match &mut self.place {
                Place::Refused(refusal) => Err(*refusal),
                Place::Head => self.head_line(rest).inspect(|taken| at += taken),
                Place::Body(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    if *left == 0 {
                        self.place = Place::Head;
                    }
                    at += taken;
                    Ok(taken)
                }
                Place::Chunks(chunks) => match chunks.skip(rest) {
                    Ok((taken, ended)) => {
                        if ended {
                            self.place = Place::Head;
                        }
                        at += taken;
                        Ok(taken)
                    }
                    Err((good, wrong)) => {
                        keep = at + good;
                        Err(Refusal::Body(wrong))
                    }
                },
            };
            if let Err(refusal) = outcome {
                self.place = Place::Refused(refusal);
                self.head = Head::default();
                self.line = Vec::new();
                return Err(Refused { keep, refusal });
            }
            // A head is let through as far as it came, if all that is here of it is in order; but when it turns out
            // not to be, nothing of it that can be held back goes on.
            if self.head.bytes == 0 {
                keep = at;
            }
        }
        Ok(())
    }

    /// Takes a line of the head, or what there is of it.
    fn head_line(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let room = HEAD_BYTES_MAX - self.head.bytes;
        let window = &bytes[..bytes.len().min(room)];
        let Some(found) = memchr2(b'\n', 0, window) else {
            if bytes.len() > room {
                return Err(Refusal::TooLarge("the headers are larger than 32 KiB"));
            }
            self.line.extend_from_slice(window);
            self.head.bytes += window.len();
            return Ok(window.len());
        };
        if window[found] == 0 {
            return Err(Refusal::Malformed("the head contains a NUL byte"));
        }
        self.head.bytes += found + 1;
        let framing = if self.line.is_empty() {
            self.head.take_line(&window[..found])
        } else {
            let mut line = take(&mut self.line);
            line.extend_from_slice(&window[..found]);
            self.head.take_line(&line)
        };
        if let Some(body) = framing? {
            self.head = Head::default();
            self.place = body;
            self.passed_a_head = true;
        }
        Ok(found + 1)
    }
}

impl Head {
    /// Takes a line without its LF. After the last one, says what follows the head.
    fn take_line(&mut self, line: &[u8]) -> Result<Option<Place>, Refusal> {
        let line = line
            .strip_suffix(b"\r")
            .ok_or(Refusal::Malformed("a line of the head ends without CR"))?;
        match (self.has_request_line, line.is_empty()) {
            // The standard asks for patience with empty lines between requests.
            (false, true) => Ok(None),
            (false, false) => self.take_request_line(line).map(|()| None),
            (true, false) => self.take_header(line).map(|()| None),
            (true, true) => self.end().map(Some),
        }
    }

    fn take_request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Refusal::Malformed(
                "the request line is not a method, a path and a version",
            ));
        };
        if !METHODS.contains(&method) {
            let is_a_word = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
            return Err(if is_a_word {
                Refusal::UnknownMethod
            } else {
                Refusal::Malformed("the method is not a word")
            });
        }
        // A proxy's form of the target: which host is meant would be said twice.
        if target.first() != Some(&b'/') {
            return Err(Refusal::Malformed("the request target is not a path"));
        }
        self.is_http_10 = version == b"HTTP/1.0";
        if !self.is_http_10 && version != b"HTTP/1.1" {
            return Err(Refusal::Malformed("the HTTP version is not 1.1 or 1.0"));
        }
        self.has_request_line = true;
        Ok(())
    }

    fn take_header(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.headers += 1;
        if self.headers > HEADERS_MAX {
            return Err(Refusal::TooLarge("there are more than 64 headers"));
        }
        let colon = memchr(b':', line).ok_or(Refusal::Malformed("a header has no colon"))?;
        let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
        // Also the continuation of the line before, which begins with a space.
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ') {
            return Err(Refusal::Malformed("a header's name is empty or has spaces"));
        }
        // The lengths of the names that matter differ, so that most headers are not compared with any.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.take_host(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                // Java's HTTP client offers h2c with every request in clear text; it is ignored, as one may.
                self.has_upgrade |= !value.eq_ignore_ascii_case(b"h2c");
                self.has_websocket |= value.eq_ignore_ascii_case(b"websocket");
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                let mut options = value.split(|byte| *byte == b',');
                self.wants_upgrade |=
                    options.any(|option| trimmed(option).eq_ignore_ascii_case(b"upgrade"));
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.take_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.take_encoding(value),
            _ => Ok(()),
        }
    }

    fn take_host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
        if self.has_host || value.is_empty() || !value.iter().all(allowed) {
            return Err(Refusal::Malformed("the Host header is empty, doubled or no host"));
        }
        self.has_host = true;
        Ok(())
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        // Nineteen digits always fit.
        let digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        if self.length.is_some() || !digits {
            return Err(Refusal::Malformed("the Content-Length header is doubled or no number"));
        }
        self.length =
            Some(value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn take_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::Malformed(
                "the Transfer-Encoding header is doubled or not chunked",
            ));
        }
        self.is_chunked = true;
        Ok(())
    }

    /// Judges the whole head, and says what follows it.
    fn end(&self) -> Result<Place, Refusal> {
        if !self.has_host && !self.is_http_10 {
            return Err(Refusal::Malformed("the Host header is missing"));
        }
        // For the one protocol, actix does not even look at Connection: what follows would be no requests any more.
        if self.has_websocket || (self.has_upgrade && self.wants_upgrade) {
            return Err(Refusal::Upgrade);
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => {
                Err(Refusal::Malformed("the length of the body is given in two ways"))
            }
            (true, None) if self.is_http_10 => {
                Err(Refusal::Malformed("this version of HTTP has no Transfer-Encoding"))
            }
            (true, None) => Ok(Place::Chunks(Chunks::START)),
            (false, None | Some(0)) => Ok(Place::Head),
            (false, Some(length)) => Ok(Place::Body(length)),
        }
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}
