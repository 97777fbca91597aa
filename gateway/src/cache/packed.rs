//! Cached answers, compressed.

use std::cell::RefCell;
use zstd::{bulk::Decompressor, zstd_safe::get_frame_content_size};

/// Between speed and size, zstd's own default.
const LEVEL: i32 = 3;

thread_local! {
    /// Making one costs more than most answers.
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The text, compressed; `None` if there is no memory for it.
pub(super) fn pack(text: &[u8]) -> Option<Vec<u8>> {
    zstd::bulk::compress(text, LEVEL).ok()
}

/// The text of a compressed one; `None` if it is none, or would have more than `most` bytes.
pub(super) fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let size = usize::try_from(get_frame_content_size(packed).ok()??).ok()?;
    if size > most {
        return None;
    }
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            None => unpacker.insert(Decompressor::new().ok()?),
        };
        unpacker.decompress(packed, size).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_nonsense_does_not() {
        for text in [&b""[..], b"a", &[7; 100_000]] {
            let packed = pack(text).unwrap();
            assert_eq!(unpack(&packed, 100_000).as_deref(), Some(text));
        }
        let packed = pack(&[7; 100]).unwrap();
        assert_eq!(unpack(&packed, 99), None, "too large");
        assert_eq!(unpack(b"nonsense", 100), None);
        assert_eq!(unpack(&packed[..packed.len() - 1], 100), None);
    }
}
