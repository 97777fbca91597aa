//! Where the world comes from. File mode: a document, read again when it changes. Connected mode: the control plane's
//! feed, and a snapshot of it to start from. Both bring a whole world to the same place, `State::accept`.
//!
//! In reading order for the connected mode: `connected` (flags), `control` (the connection), `intake` (lines → batches),
//! `replica` (batches → worlds), `keeper` and `snapshot` (the disk), `link` and `revocations` (what requests ask).

mod environment;
mod file;
mod secrets;

pub mod connected;
pub mod control;
mod feed_secrets;
#[cfg(test)]
pub(crate) mod fixture;
pub mod intake;
pub mod keeper;
mod lines;
pub mod link;
mod node_jwt;
pub mod replica;
pub mod revocations;
pub mod snapshot;

pub use environment::{EnvironmentWorld, from_environment};
pub use file::{Loaded, accepted, load, read, watch};
pub use link::Link;
pub use secrets::resolve as secret;
