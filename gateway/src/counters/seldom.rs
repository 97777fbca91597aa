//! Keeps a message that would come with every request to one per minute.

use super::memory::lock;
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(60);

/// When something was last told.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    /// Whether it is time to tell it.
    pub(super) fn now(&self) -> bool {
        let mut last = lock(&self.last);
        let due = last.is_none_or(|last| EVERY <= last.elapsed());
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
