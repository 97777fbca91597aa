//! What a connected node knows of its link to the control plane: whether it stands, when it was last heard of, and what
//! was revoked meanwhile. Written by the link's task, read by every request. No I/O.

use super::revocations::Revocations;
use crate::error::GatewayError;
use jiff::Timestamp;
use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    time::Duration,
};

/// A world that the control plane has not confirmed for this long is not served any more: it may lack revocations.
pub const WORLD_LIFE: Duration = Duration::from_secs(72 * 3600);

/// How soon an app may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The link, as the node sees it.
#[derive(Debug, Default)]
pub struct Link {
    connected: AtomicBool,
    has_world: AtomicBool,
    /// Milliseconds since 1970.
    contact_ms: AtomicI64,
    /// What was revoked since the world was made.
    pub revocations: Revocations,
}

/// Why a node serves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It has not got a world yet.
    NoWorld,
    /// Its world was not confirmed for [`WORLD_LIFE`].
    Expired,
}

impl Unfit {
    /// The code that apps and the admin port get.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoWorld => "no_world",
            Self::Expired => "world_expired",
        }
    }

    /// The reason in words.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoWorld => {
                "This gateway node has not got its configuration from the control plane yet. Try again shortly."
            }
            Self::Expired => {
                "This gateway node has not heard from its control plane for more than 72 hours, so it serves nothing until it does."
            }
        }
    }
}

impl Link {
    /// The link stands, or it does not.
    pub fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Relaxed);
    }

    /// Whether it stands.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    /// The node has a world.
    pub fn has_world(&self) {
        self.has_world.store(true, Relaxed);
    }

    /// The control plane confirmed the world that the node has.
    pub fn heard(&self, at: Timestamp) {
        self.contact_ms.store(at.as_millisecond(), Relaxed);
    }

    /// When that was last; the beginning of 1970 if never.
    pub fn last_contact(&self) -> Timestamp {
        Timestamp::from_millisecond(self.contact_ms.load(Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Why nothing is served now; `None` if requests are.
    pub fn unfit(&self, now: Timestamp) -> Option<Unfit> {
        if !self.has_world.load(Relaxed) {
            return Some(Unfit::NoWorld);
        }
        let age = now.duration_since(self.last_contact());
        let expired = Duration::try_from(age).is_ok_and(|age| age > WORLD_LIFE);
        expired.then_some(Unfit::Expired)
    }

    /// The same as an error for an app.
    pub fn admits(&self, now: Timestamp) -> Result<(), GatewayError> {
        match self.unfit(now) {
            None => Ok(()),
            Some(unfit) => {
                Err(GatewayError::not_serving(unfit.code(), unfit.message(), RETRY_AFTER))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_served_for_three_days_after_it_was_last_confirmed() {
        let start: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let after = |seconds: i64| start + jiff::SignedDuration::from_secs(seconds);
        let link = Link::default();
        link.heard(start);
        assert_eq!(link.unfit(start), Some(Unfit::NoWorld));
        link.has_world();
        for (at, unfit) in [
            (start, None),
            (after(72 * 3600), None),
            (after(72 * 3600 + 1), Some(Unfit::Expired)),
            // A clock that was set back is no reason to stop.
            (after(-3600), None),
        ] {
            assert_eq!(link.unfit(at), unfit, "{at}");
        }
        link.heard(after(100 * 3600));
        assert_eq!(link.unfit(after(100 * 3600 + 1)), None);
    }

    #[test]
    fn a_world_that_nobody_ever_confirmed_is_expired() {
        let link = Link::default();
        link.has_world();
        assert_eq!(link.unfit(Timestamp::now()), Some(Unfit::Expired));
        let error = link.admits(Timestamp::now()).unwrap_err();
        assert_eq!((error.status.as_u16(), &*error.code), (503, "world_expired"));
    }
}
