//! Who is asking, and what they may do.

pub mod actor;
pub mod client;
pub mod csrf;
pub mod password;
pub mod permission;
pub mod session;
pub mod throttle;
pub mod token;

pub use actor::{Actor, Who};
pub use permission::{Permission, Permit, Role};
