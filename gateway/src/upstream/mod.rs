//! Calling providers: one call (`attempt`), the walk over a plan (`executor`), and what is remembered of targets
//! between requests (`health`, `circuit_breaker`).

pub mod attempt;
pub mod circuit_breaker;
pub mod client;
pub mod credential;
pub mod error;
pub mod executor;
pub mod fetch;
pub mod google_token;
pub mod health;
pub mod operation;
pub mod resolver;
pub mod targets;
