//! What tells answers apart: ids and the time of creation.

use std::sync::atomic::{AtomicU64, Ordering};

use super::requests::unix_ms;

/// The id and birth of one answer.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `chatcmpl-…`.
    pub id: String,
    /// Unix time in seconds.
    pub created: u64,
    number: u64,
}

/// Numbers the answers of this process.
#[derive(Debug)]
pub struct Identities {
    next: AtomicU64,
}

impl Default for Identities {
    fn default() -> Self {
        // Starting at the time keeps the ids of a restarted simulator apart from the old ones.
        Self { next: AtomicU64::new(unix_ms() << 20) }
    }
}

impl Identities {
    /// A number that no other request of any simulator has.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

impl Identity {
    /// What every answer says its backend is.
    pub const FINGERPRINT: &'static str = "fp_simulator";

    /// The identity of the answer to the request of this number.
    pub fn new(number: u64) -> Self {
        Self { id: format!("chatcmpl-{number:016x}"), created: unix_ms() / 1_000, number }
    }

    /// The id of a tool call of this answer.
    pub fn tool_call(&self, choice: usize, index: usize) -> String {
        format!("call_{:016x}{choice:02x}{index:02x}", self.number)
    }

    /// An identity that stays the same.
    #[cfg(test)]
    pub fn for_test() -> Self {
        Self { id: "chatcmpl-1".to_owned(), created: 1, number: 1 }
    }
}
