//! The wire formats that apps and providers speak. Pure: bytes in, bytes out; no I/O, no clock.
//!
//! Read [`conversation`] first: the internal form. Each format is a folder with the four conversions (request, answer,
//! stream event, error) for the sides that it is used on, and knows of no other format. Only what Claude takes, and how
//! schemas get an object at their root, is told in [`anthropic`] for all that need it:
//!
//! | format | folder | apps speak it | providers speak it |
//! |---|---|---|---|
//! | OpenAI chat completions | [`openai_chat`] | yes | yes |
//! | OpenAI responses | [`openai_responses`] | yes | yes |
//! | Anthropic messages | [`anthropic`] | yes | yes |
//! | Gemini | [`gemini`] | yes | yes |
//! | Bedrock Converse | [`bedrock`] | no | yes |
//! | Cohere chat | [`cohere`] | no | yes |
//!
//! A request that goes to a provider of its own format is not translated: [`understand`] finds what the gateway has to
//! know and [`rewrite`] changes the few places that must change.

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod conversation;
pub mod embeddings;
pub mod facts;
pub mod gemini;
pub mod json;
pub mod media;
pub mod mistake;
pub mod openai_chat;
pub mod openai_responses;
pub mod rerank;
pub mod rewrite;
pub mod sse;
pub mod stream;
pub mod understand;
