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

    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
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

/// A new API key ([`crate::token`] tells its form). `random` is 32 bytes from the operating system.
pub fn mint(random: &[u8; 32]) -> String {
    crate::token::mint(crate::token::API_KEY, random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_is_acceptable() {
        assert!(is_acceptable(&mint(&[255; 32])));
    }

    #[test]
    fn a_hash_reads_back_from_hex_and_nothing_else_does() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(ApiKeyHash::from_hex(hex), Some(ApiKeyHash::of("test")));
        assert_eq!(ApiKeyHash::from_hex(&hex[1..]), None);
        assert_eq!(ApiKeyHash::from_hex(&format!("{}+g", &hex[2..])), None);
    }
}
