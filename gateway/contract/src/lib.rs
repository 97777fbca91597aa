//! What the control plane and the data plane agree on. No I/O and no async: a type or rule enters this crate when
//! both planes use it, and for no other reason.

pub mod api_key;
pub mod budget;
pub mod catalog;
pub mod document;
pub mod event;
pub mod ids;
pub mod money;
pub mod pattern;
pub mod pricing;
pub mod provider;
pub mod route;
pub mod secret;
pub mod usage;
pub mod world;
