//! The provider simulator: an OpenAI-shaped provider that is slow, wrong or broken on request, and
//! keeps a bill that a test can compare with the gateway's ledger.
//!
//! One process plays any number of providers: `/{provider}/v1/…`, or `/v1/…` for `default`.

pub mod server;
pub mod wire;

pub mod control;
pub mod door;
pub mod models;

pub mod call;
pub mod chat;
pub mod chat_request;
pub mod directives;
pub mod embeddings;

pub mod plan;
pub mod schema;
pub mod tokens;
pub mod tool_calls;
pub mod words;

pub mod answers;
pub mod base64;
pub mod body;
pub mod chunks;
pub mod errors;
pub mod identity;
pub mod stream_answer;
pub mod usage;

pub mod bill;
pub mod progress;
pub mod requests;
pub mod state;

pub use server::Simulator;
