//! The root of a tool's `input_schema`: an object, and no choice between several.
//!
//! `allOf` is merged: all properties, all that are required. `anyOf` and `oneOf` are merged too: the properties of all
//! variants, those that each of them requires, and a sentence in the description that tells the variants apart. A root
//! `$ref` is replaced by what it names. Below the root nothing changes, and a schema that is fine keeps its bytes.

use super::{definition, reference};
use crate::json::{Members, Node, Raw};

/// A tool's schema as Anthropic takes it.
pub(crate) fn object_rooted(schema: Option<&Raw>) -> Raw {
    let Some(schema) = schema else { return empty().to_raw() };
    if is_fine(schema) {
        return schema.clone();
    }
    match Node::parse(schema.get()) {
        Some(root @ Node::Object(_)) => {
            Flattening { root: &root, left: 64 }.flat(root.clone()).to_raw()
        }
        _ => empty().to_raw(),
    }
}

/// A schema of anything as one of an object that has it as its member `value`; `None` if it is one of an object.
pub(crate) fn wrapped(schema: &Raw) -> Option<Raw> {
    let mut root = Node::parse(schema.get())?;
    let target = reference(&root).and_then(|name| definition(&root, name)).unwrap_or(&root);
    let variants = |name| target.get(name).and_then(Node::as_array).unwrap_or_default();
    let object = match target.get("type") {
        Some(kind) => kind.as_str() == Some("object"),
        None => variants("anyOf").iter().chain(variants("oneOf")).all(is_object),
    };
    if object {
        return None;
    }
    let definitions = ["$defs", "definitions"].map(|name| (name, root.remove(name)));
    let mut outer = empty();
    outer.set("properties", Node::Object(vec![("value".to_owned(), root)]));
    outer.set("required", Node::Array(vec![Node::Text("value".to_owned())]));
    for (name, found) in definitions {
        if let Some(found) = found {
            outer.set(name, found);
        }
    }
    Some(outer.to_raw())
}

fn is_object(node: &Node) -> bool {
    node.get("type").and_then(Node::as_str) == Some("object")
}

fn is_fine(schema: &Raw) -> bool {
    Members::of_text(schema.get()).is_some_and(|members| {
        members.peek_str("type").as_deref() == Some("object")
            && CHOICES.iter().all(|name| members.peek(name).is_none())
    })
}

const CHOICES: [&str; 4] = ["anyOf", "oneOf", "allOf", "$ref"];

fn empty() -> Node {
    Node::Object(vec![
        ("type".to_owned(), Node::Text("object".to_owned())),
        ("properties".to_owned(), Node::Object(Vec::new())),
    ])
}

/// The merging of one schema.
struct Flattening<'r> {
    root: &'r Node,
    /// How many more schemas are merged: definitions may name each other in a circle, or many times.
    left: u32,
}

impl Flattening<'_> {
    /// The node without choices at its root.
    fn flat(&mut self, mut node: Node) -> Node {
        if !matches!(node, Node::Object(_)) {
            return empty();
        }
        let target = reference(&node).and_then(|name| definition(self.root, name)).cloned();
        node.remove("$ref");
        if let Some(target) = target
            && let Some(target) = self.merged(target)
        {
            merge_all(&mut node, target);
        }
        for name in ["allOf", "anyOf", "oneOf"] {
            let Some(Node::Array(variants)) = node.remove(name) else { continue };
            let variants =
                variants.into_iter().filter_map(|variant| self.merged(variant)).collect();
            if name == "allOf" {
                let all: Vec<Node> = variants;
                all.into_iter().for_each(|variant| merge_all(&mut node, variant));
            } else {
                merge_any(&mut node, variants);
            }
        }
        if !is_object(&node) {
            node.set("type", Node::Text("object".to_owned()));
        }
        if node.get("properties").is_none() {
            node.set("properties", Node::Object(Vec::new()));
        }
        node
    }

    fn merged(&mut self, node: Node) -> Option<Node> {
        self.left = self.left.checked_sub(1)?;
        Some(self.flat(node))
    }
}

/// Adds what a schema says that holds as well.
fn merge_all(node: &mut Node, other: Node) {
    let Node::Object(members) = other else { return };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("properties", Node::Object(properties)) => {
                for (name, property) in properties {
                    add_property(node, name, property, false);
                }
            }
            ("required", Node::Array(names)) => {
                let mut required = required(node);
                required.extend(
                    names.into_iter().filter(|name| !required.contains(name)).collect::<Vec<_>>(),
                );
                node.set("required", Node::Array(required));
            }
            (_, value) => {
                if node.get(&name).is_none() {
                    node.set(&name, value);
                }
            }
        }
    }
}

/// Adds what several schemas say of which one holds.
fn merge_any(node: &mut Node, variants: Vec<Node>) {
    let mut common: Option<Vec<Node>> = None;
    let mut shapes = Vec::new();
    for mut variant in variants {
        let needed = required(&variant);
        let names: Vec<&str> = needed.iter().filter_map(Node::as_str).collect();
        shapes.push(if names.is_empty() { "nothing".to_owned() } else { names.join(", ") });
        common = Some(match common {
            Some(old) => old.into_iter().filter(|name| needed.contains(name)).collect(),
            None => needed,
        });
        if let Some(Node::Object(properties)) = variant.remove("properties") {
            for (name, property) in properties {
                add_property(node, name, property, true);
            }
        }
    }
    let mut all = required(node);
    let more: Vec<Node> =
        common.unwrap_or_default().into_iter().filter(|name| !all.contains(name)).collect();
    all.extend(more);
    if !all.is_empty() {
        node.set("required", Node::Array(all));
    }
    shapes.dedup();
    if shapes.len() > 1 {
        let sentence = format!("Needed are: {}.", shapes.join("; or "));
        let description =
            node.get("description").and_then(Node::as_str).filter(|old| !old.is_empty());
        let description = description.map(|old| format!("{old}\n{sentence}")).unwrap_or(sentence);
        node.set("description", Node::Text(description));
    }
}

/// Adds a property; where one of that name says otherwise, either may hold if `either`, else the first one stays.
fn add_property(node: &mut Node, name: String, property: Node, either: bool) {
    let mut properties = node.remove("properties").unwrap_or_else(|| Node::Object(Vec::new()));
    match properties.remove(&name) {
        None => properties.set(&name, property),
        Some(old) if !either || old == property => properties.set(&name, old),
        Some(old) => {
            let mut variants = match old {
                Node::Object(mut members) if is_choice(&members) => match members.pop() {
                    Some((_, Node::Array(variants))) => variants,
                    _ => Vec::new(),
                },
                other => vec![other],
            };
            if !variants.contains(&property) {
                variants.push(property);
            }
            properties.set(&name, Node::Object(vec![("anyOf".to_owned(), Node::Array(variants))]));
        }
    }
    node.set("properties", properties);
}

fn is_choice(members: &[(String, Node)]) -> bool {
    matches!(members, [(name, Node::Array(_))] if name == "anyOf")
}

fn required(node: &Node) -> Vec<Node> {
    node.get("required").and_then(Node::as_array).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooted(schema: &str) -> String {
        object_rooted(Some(&Raw::parse(schema).unwrap())).get().to_owned()
    }

    #[test]
    fn a_schema_that_is_fine_keeps_its_bytes() {
        let fine = r#"{ "type":"object", "properties":{"z":{"anyOf":[{"type":"null"}]},"a":{"maximum":1.0}} }"#;
        assert_eq!(rooted(fine), fine);
        assert_eq!(object_rooted(None).get(), r#"{"type":"object","properties":{}}"#);
    }

    #[test]
    fn the_root_becomes_an_object_without_choices() {
        let cases = [
            ("{}", r#"{"type":"object","properties":{}}"#),
            ("true", r#"{"type":"object","properties":{}}"#),
            (r#"{"properties":{"a":{}}}"#, r#"{"properties":{"a":{}},"type":"object"}"#),
            (
                r#"{"type":["object","null"],"properties":{}}"#,
                r#"{"type":"object","properties":{}}"#,
            ),
            (
                r##"{"$ref":"#/$defs/A","$defs":{"A":{"type":"object","properties":{"x":{"type":"string"}}}}}"##,
                r#"{"$defs":{"A":{"type":"object","properties":{"x":{"type":"string"}}}},"type":"object","properties":{"x":{"type":"string"}}}"#,
            ),
            (
                r#"{"type":"object","allOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"a":{"type":"null"},"b":{}},"required":["a","b"]}]}"#,
                r#"{"type":"object","properties":{"a":{},"b":{}},"required":["a","b"]}"#,
            ),
            (
                r#"{"description":"d","anyOf":[{"type":"object","properties":{"a":{"type":"string"},"k":{"const":1}},"required":["k","a"]},{"type":"object","properties":{"b":{},"k":{"const":2}},"required":["b","k"]}]}"#,
                r#"{"description":"d\nNeeded are: k, a; or b, k.","properties":{"a":{"type":"string"},"k":{"anyOf":[{"const":1},{"const":2}]},"b":{}},"required":["k"],"type":"object"}"#,
            ),
        ];
        for (schema, expected) in cases {
            let (got, expected) = (rooted(schema), expected);
            let same: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&got).unwrap(), same, "{schema}");
        }
    }

    #[test]
    fn definitions_in_a_circle_come_to_an_end() {
        let circle = r##"{"$ref":"#/$defs/A","$defs":{"A":{"anyOf":[{"$ref":"#/$defs/A"},{"allOf":[{"$ref":"#/$defs/A"}]}]}}}"##;
        let got = rooted(circle);
        assert!(got.contains(r#""type":"object""#), "{got}");
    }

    #[test]
    fn what_is_no_object_is_wrapped_into_one() {
        let wrap =
            |schema: &str| wrapped(&Raw::parse(schema).unwrap()).map(|raw| raw.get().to_owned());
        assert_eq!(wrap(r#"{"type":"object","properties":{}}"#), None);
        assert_eq!(wrap(r#"{"anyOf":[{"type":"object"}]}"#), None);
        assert_eq!(
            wrap(r##"{"type":"array","items":{"$ref":"#/$defs/A"},"$defs":{"A":{}}}"##).as_deref(),
            Some(
                r##"{"type":"object","properties":{"value":{"type":"array","items":{"$ref":"#/$defs/A"}}},"required":["value"],"$defs":{"A":{}}}"##
            )
        );
    }
}
