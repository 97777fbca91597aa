//! Usage events and their sums.

pub mod attempts;
pub mod decisions;
pub mod intake;
pub mod ledger;
pub mod report;
pub mod requests;
