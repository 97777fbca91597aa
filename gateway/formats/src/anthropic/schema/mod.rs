//! JSON Schemas as Anthropic takes them.

mod root;
mod strict;

pub(crate) use root::{object_rooted, wrapped};
pub(crate) use strict::strict;

use crate::json::Node;

/// The definition that a local `$ref` names.
fn definition<'n>(root: &'n Node, reference: &str) -> Option<&'n Node> {
    let path = reference.strip_prefix("#/")?;
    path.split('/')
        .try_fold(root, |node, step| node.get(&step.replace("~1", "/").replace("~0", "~")))
}

/// What a `$ref` in the node itself names.
fn reference(node: &Node) -> Option<&str> {
    node.get("$ref").and_then(Node::as_str)
}
