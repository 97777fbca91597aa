//! The key that an app presents. Keys are random and long, so what we keep of one is a plain SHA-256.

use sha2::{Digest, Sha256};
use std::fmt;

/// The SHA-256 of an API key: what a world knows it by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// Hashes what an app presented.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Whether `text` may be an API key in a file: 16 to 256 visible ASCII characters.
pub fn is_acceptable(text: &str) -> bool {
    (16..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A new API key: `tgk_`, 43 base62 characters of 256 random bits, and 6 that are the CRC-32 of what precedes them, so
/// that scanners and gateways can tell a key from a typo. `random` is 32 bytes from the operating system.
pub fn mint(random: &[u8; 32]) -> String {
    let mut key = format!("tgk_{}", base62(random, 43));
    let checksum = crc32(key.as_bytes());
    key.push_str(&base62(&checksum.to_be_bytes(), 6));
    key
}

/// `bytes` as a big-endian number in base 62, padded to `width` characters.
fn base62(bytes: &[u8], width: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut out = vec![b'0'; width];
    for slot in out.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in &mut number {
            let value = remainder * 256 + u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *slot = DIGITS[remainder as usize];
    }
    out.into_iter().map(char::from).collect()
}

/// CRC-32 (IEEE 802.3), bit by bit: it runs once per minted key.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_has_the_published_form() {
        let key = mint(&[255; 32]);
        assert_eq!(key.len(), 4 + 43 + 6);
        assert!(key.starts_with("tgk_") && key[4..].bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(mint(&[0; 32]), key);
        assert!(is_acceptable(&key));
    }

    #[test]
    fn the_checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_hash_reads_back_from_hex_and_nothing_else_does() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(ApiKeyHash::from_hex(hex), Some(ApiKeyHash::of("test")));
        assert_eq!(ApiKeyHash::from_hex(&hex[1..]), None);
        assert_eq!(ApiKeyHash::from_hex(&format!("{}+g", &hex[2..])), None);
    }
}
