//! The provider simulator: model providers that are slow, wrong or broken on request, and keep a bill
//! that a test can compare with the gateway's ledger.
//!
//! One process plays any number of providers: `/{provider}/…`, or without it for `default`; what
//! follows is the path that the provider's own host would see, and chooses the format. Files of
//! this folder are what all formats share, or OpenAI's; each other format has a folder.

pub mod server;
pub mod wire;

pub mod control;
pub mod door;
pub mod visit;

pub mod anthropic;
pub mod azure;
pub mod bedrock;
pub mod cohere;
pub mod gemini;
pub mod openai;
pub mod responses;
pub mod vertex;

pub mod call;
pub mod fields;
pub mod form;
pub mod provider_error;

pub mod chat;
pub mod chat_request;
pub mod directives;
pub mod embeddings;
pub mod models;
pub mod quirks;

pub mod generation;
pub mod message_plan;
pub mod pieces;
pub mod plan;
pub mod schema;
pub mod script;
pub mod signatures;
pub mod thoughts;
pub mod tokens;
pub mod tool_calls;
pub mod vectors;
pub mod words;

pub mod answers;
pub mod base64;
pub mod body;
pub mod chat_stream;
pub mod chunks;
pub mod errors;
pub mod event_lines;
pub mod identity;
pub mod stream_answer;
pub mod usage;

pub mod bill;
pub mod progress;
pub mod requests;
pub mod state;

#[cfg(test)]
mod any_json;

pub use server::Simulator;
