//! What the control plane and the data plane agree on. No I/O and no async: a type or rule enters this crate when
//! both planes use it, and for no other reason.

pub mod api_key;
pub mod budget;
pub mod catalog;
pub mod counter_keys;
pub mod document;
pub mod event;
pub mod feed;
pub mod guard;
pub mod ids;
pub mod interval;
pub mod money;
pub mod network;
pub mod node;
pub mod pattern;
pub mod price_book;
pub mod pricing;
pub mod provider;
pub mod pulse;
pub mod route;
pub mod rule;
pub mod sealed;
pub mod secret;
pub mod signing;
pub mod token;
pub mod usage;
pub mod world;
