//! JSON without loss: members keep their order, numbers keep their digits. Prompt caches and signatures depend on
//! both, so values that are only carried are never parsed into floats or sorted maps.

mod members;
mod node;
mod raw;
mod text;
mod write;

pub(crate) use members::items;
pub use members::{Items, Members};
pub use node::Node;
pub use raw::{Raw, compact};
pub(crate) use text::Text;
pub use write::{List, Object, list, object, string};
