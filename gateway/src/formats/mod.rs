//! Wire formats: one folder each, used by the API that apps call and by the calls to providers.

pub mod facts;
pub mod openai_chat;
pub mod sse;
