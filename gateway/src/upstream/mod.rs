//! Calling providers: one call (`sending` prepares it, `attempt` makes it), the walk over a plan (`executor`), and what is
//! remembered of targets between requests (`health`, `circuit_breaker`, `track`, `bulkhead`,
//! `headroom`).

pub mod attempt;
pub mod bulkhead;
pub mod circuit_breaker;
pub mod client;
pub mod credential;
pub mod error;
pub mod executor;
pub mod fetch;
pub mod google_token;
pub mod headroom;
pub mod health;
pub mod hints;
pub mod operation;
pub mod pulses;
pub mod resolver;
pub mod sending;
pub mod targets;
pub mod track;
