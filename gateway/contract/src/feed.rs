//! How the world travels from the control plane to a node: `GET /internal/v1/world?after=REVISION` answers with lines of
//! JSON (`application/x-ndjson`) and stays open.
//!
//! First comes one `hello`. Then, for each revision (or several at once), the tenants that changed, and a `revision` line
//! that closes the batch: nothing of a batch holds before it. After a `hello` with `full`, the first batch is the whole
//! world, and tenants that are not in it are gone. `heartbeat` lines come while nothing happens.
//!
//! The signature of a batch is over [`Batch::message`]: the revision and the SHA-256 of the batch's lines, each with its
//! line end. A node pins the public key of its first `hello`, or is given it.

use crate::{
    ids::{ProviderKeyId, TenantId},
    signing::{PublicKey, SigningKey},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// How often a heartbeat comes while nothing happens, in milliseconds.
pub const HEARTBEAT_MS: u64 = 5_000;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// The first line.
    Hello {
        /// Whether the first batch is the whole world.
        full: bool,
        /// What batches are signed with, 64 hexadecimal digits.
        public_key: String,
    },
    /// A tenant as it is now.
    Tenant(TenantFeed),
    /// A tenant that is gone or suspended.
    Gone {
        /// Which.
        tenant: TenantId,
    },
    /// The price book as it is now: it takes the place of the one before. In a batch that is the whole world there is
    /// one; without it the book is empty.
    PriceBook {
        /// As a TOML document with the rows in force: see [`crate::document::read_price_book`].
        document: String,
    },
    /// The end of a batch.
    Revision {
        /// The world's revision with this batch.
        revision: u64,
        /// 128 hexadecimal digits.
        signature: String,
    },
    /// Nothing happened; the connection lives.
    Heartbeat {
        /// The revision that the control plane is at.
        revision: u64,
    },
}

/// A tenant as nodes get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFeed {
    /// Whose.
    pub tenant: TenantId,
    /// Its config document in TOML, in which tenants, API keys and budgets carry their ids.
    pub document: String,
    /// The provider keys that the document refers to as `{ provider_key = "pky_…" }`.
    pub provider_keys: Vec<SealedProviderKey>,
}

/// A provider key whose data key is wrapped for the node that gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedProviderKey {
    /// Which.
    pub id: ProviderKeyId,
    /// The version that the envelope is bound to.
    pub version: u32,
    /// The envelope of [`crate::sealed`] in hexadecimal digits.
    pub sealed: String,
}

/// The lines of a batch on their way into a signature, on either side.
#[derive(Debug, Default, Clone)]
pub struct Batch(Sha256);

impl Batch {
    /// Adds a line, without its line end.
    pub fn add(&mut self, line: &[u8]) {
        self.0.update(line);
        self.0.update(b"\n");
    }

    /// What is signed; the batch is empty again.
    pub fn message(&mut self, revision: u64) -> Vec<u8> {
        let digest = std::mem::take(&mut self.0).finalize();
        [b"tollgate/world/v1".as_slice(), &revision.to_be_bytes(), &digest].concat()
    }

    /// The line that closes the batch.
    pub fn close(&mut self, revision: u64, key: &SigningKey) -> Frame {
        let signature = to_hex(&key.sign(&self.message(revision)));
        Frame::Revision { revision, signature }
    }

    /// Whether the signature of a `revision` line is the key's over the lines so far; the batch is empty again.
    pub fn verifies(&mut self, revision: u64, signature: &str, key: &PublicKey) -> bool {
        let message = self.message(revision);
        from_hex(signature).is_some_and(|signature| key.verifies(&message, &signature))
    }
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits; `None` for anything else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    text.len().is_multiple_of(2).then(|| text.as_bytes().chunks_exact(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_verifies_only_as_it_was_signed() {
        let key = SigningKey::from_seed(&[1; 32]);
        let mut batch = Batch::default();
        batch.add(b"one");
        batch.add(b"two");
        let Frame::Revision { revision, signature } = batch.close(7, &key) else { panic!() };
        let verifies = |lines: &[&[u8]], revision| {
            let mut batch = Batch::default();
            lines.iter().for_each(|line| batch.add(line));
            batch.verifies(revision, &signature, &key.public())
        };
        assert!(verifies(&[b"one", b"two"], revision));
        assert!(!verifies(&[b"two", b"one"], revision), "reordered");
        assert!(!verifies(&[b"one"], revision), "cut");
        assert!(!verifies(&[b"one", b"two"], revision + 1), "another revision");
    }

    #[test]
    fn hexadecimal_digits_read_back() {
        assert_eq!(from_hex(&to_hex(&[0, 127, 255])), Some(vec![0, 127, 255]));
        for wrong in ["0", "0g", "+1", "é"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
