//! Where the world comes from. File mode: a document, read again when it changes. (The connected mode's world will
//! stream in from the control plane and swap in at the same place, `State::accept`.)

mod environment;
mod file;
mod secrets;

pub use environment::{EnvironmentWorld, from_environment};
pub use file::{Loaded, accepted, load, watch};
pub use secrets::resolve as secret;
