//! Sentences as vectors, by a sentence model of the MiniLM family (BERT) in this process. Nothing is downloaded: the folder
//! with the model is given.

mod local;
mod model;

pub use local::{EmbedError, Local};
pub use model::{LoadError, Model};
