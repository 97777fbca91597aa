//! Where a chunked body ends. Accepts no more than actix does, so that both find the same end.

/// Sizes with their extensions, and all trailers together, have an end.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// The place in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    at: At,
    /// Of the chunk: what its size line says, then what is left of it.
    size: u64,
    /// Bytes of the present line of a size, or of the trailers.
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    MoreSize,
    Space,
    Extension,
    SizeLf,
    Bytes,
    BytesCr,
    BytesLf,
    Line,
    Trailer,
    TrailerLf,
    LastLf,
}

impl Chunks {
    /// Before the first chunk.
    pub const START: Self = Self { at: At::Size, size: 0, overhead: 0 };

    /// Goes over bytes of the body. Returns how many it took and whether the body ended there, or how many were still
    /// good and what was wrong then.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, &'static str)> {
        let mut at = 0;
        while at < bytes.len() {
            if self.at == At::Bytes {
                at += self.skip_chunk(bytes.len() - at);
                continue;
            }
            if self.step(bytes[at]).map_err(|wrong| (at, wrong))? {
                return Ok((at + 1, true));
            }
            at += 1;
        }
        Ok((at, false))
    }

    fn skip_chunk(&mut self, there: usize) -> usize {
        let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(there);
        self.size -= taken as u64;
        if self.size == 0 {
            self.at = At::BytesCr;
        }
        taken
    }

    /// Takes a byte of the framing, and says whether it was the body's last.
    fn step(&mut self, byte: u8) -> Result<bool, &'static str> {
        self.overhead += 1;
        if self.overhead > LINE_BYTES_MAX {
            return Err("a chunk's extensions or the trailers are too long");
        }
        self.at = match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.size = digit(byte);
                At::MoreSize
            }
            (At::MoreSize, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.size =
                    self.size.checked_mul(16).ok_or("a chunk's size is too large")? + digit(byte);
                At::MoreSize
            }
            (At::MoreSize | At::Space, b' ' | b'\t') => At::Space,
            (At::MoreSize | At::Space, b';') => At::Extension,
            (At::MoreSize | At::Space | At::Extension, b'\r') => At::SizeLf,
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => At::Extension,
            (At::SizeLf, b'\n') if self.size == 0 => At::Line,
            (At::SizeLf, b'\n') => {
                self.overhead = 0;
                At::Bytes
            }
            (At::BytesCr, b'\r') => At::BytesLf,
            (At::BytesLf, b'\n') => At::Size,
            (At::Line, b'\r') => At::LastLf,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::TrailerLf, b'\n') => At::Line,
            (At::Line | At::Trailer, b'\t' | b' '..=b'~' | 0x80..) => At::Trailer,
            (At::LastLf, b'\n') => return Ok(true),
            _ => return Err("a chunked body is malformed"),
        };
        Ok(false)
    }
}

const fn digit(byte: u8) -> u64 {
    (match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }) as u64
}
