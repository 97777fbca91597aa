//! OpenAI's APIs for images, speech and moderation. Their requests go to providers as they came but for the model, so
//! nothing is translated here: a form is understood as far as the gateway has to know it, and what an answer used is
//! read.
//!
//! | path | request | what is charged |
//! |---|---|---|
//! | `/v1/images/generations` | JSON | tokens of text and images, else images |
//! | `/v1/images/edits`, `/v1/images/variations` | form | the same |
//! | `/v1/audio/speech` | JSON | characters, or tokens that a stream tells at its end |
//! | `/v1/audio/transcriptions`, `/v1/audio/translations` | form | tokens, else the time of the sound |
//! | `/v1/moderations` | JSON | nothing |

mod form;
mod understand;
mod usage;

pub use form::{Field, Form};
pub use understand::{understand, with_model};
pub use usage::{read_event_usage, read_usage, usage_of_speech};
