//! Moments: the database has chrono's, pages have jiff's.

use chrono::{DateTime, Utc};
use jiff::Timestamp;

/// A moment for a page.
pub fn shown(at: DateTime<Utc>) -> Timestamp {
    // Both count microseconds over the same years, as Postgres does.
    Timestamp::from_microsecond(at.timestamp_micros()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A moment for the database.
pub fn stored(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.as_microsecond()).unwrap_or_default()
}
