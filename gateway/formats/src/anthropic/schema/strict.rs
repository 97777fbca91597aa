//! A schema in the subset that is kept to the letter: `output_config.format`, and tools with `strict`.
//!
//! What the subset has no word for moves into the `description`, where the model can still read it: numeric and length
//! limits, formats that are not known, patterns that look around. `additionalProperties` is false everywhere, `oneOf` is
//! `anyOf`, a list of types is an `anyOf` of one type each. Nothing is added to `required`.

use super::{definition, reference};
use crate::json::{Node, Raw};
use std::collections::HashSet;

/// The schema in the subset; `None` if it cannot be told in it: it refers to itself or to another document, or has an
/// object with members of any name, which would always be empty.
pub(crate) fn strict(schema: &Raw) -> Option<Raw> {
    let root = Node::parse(schema.get())?;
    let mut walk = Walk { root: &root, open: Vec::new(), done: HashSet::new(), depth: 0 };
    if !matches!(root, Node::Object(_)) || !walk.ends(&root) {
        return None;
    }
    Some(told(root).to_raw())
}

/// A walk along all references.
struct Walk<'n> {
    root: &'n Node,
    /// References that led here.
    open: Vec<&'n str>,
    /// References that were followed to their end: each is followed once, however often it is named.
    done: HashSet<&'n str>,
    /// Steps from the root, those along references among them.
    depth: u32,
}

impl<'n> Walk<'n> {
    /// The most steps that are taken.
    const DEEPEST: u32 = 256;

    /// Whether following all references from here comes to an end.
    fn ends(&mut self, node: &'n Node) -> bool {
        self.depth += 1;
        let ends = self.depth <= Self::DEEPEST && self.all_end(node);
        self.depth -= 1;
        ends
    }

    fn all_end(&mut self, node: &'n Node) -> bool {
        if is_open(node) {
            return false;
        }
        if let Some(name) = reference(node) {
            if self.done.contains(name) {
                return true;
            }
            let Some(target) = definition(self.root, name) else { return false };
            if self.open.contains(&name) {
                return false;
            }
            self.open.push(name);
            let ends = self.ends(target);
            self.open.pop();
            self.done.insert(name);
            return ends;
        }
        match node {
            Node::Object(members) => members.iter().all(|(name, value)| {
                let apart = matches!(name.as_str(), "$defs" | "definitions" | "enum" | "const");
                apart || self.ends(value)
            }),
            Node::Array(entries) => entries.iter().all(|entry| self.ends(entry)),
            Node::Scalar(_) | Node::Text(_) => true,
        }
    }
}

/// Whether it is an object whose members may have any name.
fn is_open(node: &Node) -> bool {
    let no_more = |more: &Node| matches!(more, Node::Scalar(raw) if raw.get() == "false");
    let named = node.get("properties").is_some();
    let any_name = match node.get("additionalProperties") {
        Some(Node::Object(_)) => true,
        Some(more) => !named && !no_more(more),
        None => !named,
    };
    let object = node.get("type").and_then(Node::as_str) == Some("object");
    (object && any_name) || node.get("patternProperties").is_some()
}

/// A schema in the subset.
fn told(node: Node) -> Node {
    let Node::Object(members) = node else { return node };
    let mut out: Vec<(String, Node)> = Vec::with_capacity(members.len() + 1);
    let mut untold: Vec<(String, Node)> = Vec::new();
    let mut types = Vec::new();
    let literal = members.iter().any(|(name, _)| matches!(name.as_str(), "enum" | "const"));
    let is_reference = members.iter().any(|(name, _)| name == "$ref");
    for (name, value) in members {
        match (name.as_str(), value) {
            // Types beside literal values say nothing more, and may contradict them.
            ("type", _) if literal => {}
            ("type", Node::Array(list)) if list.len() > 1 => types = list,
            ("type", Node::Array(mut list)) => {
                out.extend(list.pop().map(|kind| (name, kind)));
            }
            // Beside a reference only definitions are read.
            (_, _)
                if is_reference && !matches!(name.as_str(), "$ref" | "$defs" | "definitions") => {}
            ("properties" | "$defs" | "definitions", Node::Object(schemas)) => {
                let schemas = schemas.into_iter().map(|(name, schema)| (name, told(schema)));
                out.push((name, Node::Object(schemas.collect())));
            }
            ("items", schema @ Node::Object(_)) => out.push((name, told(schema))),
            ("anyOf" | "oneOf", Node::Array(variants)) => {
                let variants = variants.into_iter().map(told).collect();
                out.push(("anyOf".to_owned(), Node::Array(variants)));
            }
            ("allOf", Node::Array(variants)) => {
                out.push((name, Node::Array(variants.into_iter().map(told).collect())));
            }
            ("additionalProperties", Node::Scalar(_)) | ("$schema" | "$id", _) => {}
            (_, value) if is_told(&name, &value) => out.push((name, value)),
            (_, value) => untold.push((name, value)),
        }
    }
    let mut node = Node::Object(out);
    closed(&mut node);
    if !untold.is_empty() {
        describe(&mut node, &untold);
    }
    if types.is_empty() { node } else { by_type(node, types) }
}

/// Whether the subset has a word for it.
fn is_told(name: &str, value: &Node) -> bool {
    const FORMATS: [&str; 10] = [
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    ];
    const AROUND: [&str; 4] = ["(?=", "(?!", "(?<=", "(?<!"];
    match name {
        "type" | "required" | "enum" | "const" | "$ref" | "description" | "title" | "default" => {
            true
        }
        "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format)),
        "pattern" => {
            value.as_str().is_some_and(|pattern| !AROUND.iter().any(|mark| pattern.contains(mark)))
        }
        "minItems" => matches!(value, Node::Scalar(raw) if matches!(raw.get(), "0" | "1")),
        _ => false,
    }
}

/// An object takes no other members than its own.
fn closed(node: &mut Node) {
    let object = node.get("type").and_then(Node::as_str) == Some("object");
    if object || node.get("properties").is_some() {
        node.set("additionalProperties", Node::scalar(false));
    }
    if object && node.get("properties").is_none() {
        node.set("properties", Node::Object(Vec::new()));
    }
}

fn describe(node: &mut Node, untold: &[(String, Node)]) {
    let words: Vec<String> =
        untold.iter().map(|(name, value)| format!("{name}: {}", value.to_raw().get())).collect();
    let words = format!("{{{}}}", words.join(", "));
    let description = node.get("description").and_then(Node::as_str).filter(|old| !old.is_empty());
    let description = description.map(|old| format!("{old}\n\n{words}")).unwrap_or(words);
    node.set("description", Node::Text(description));
}

/// One variant for each type, each with the members that concern it.
fn by_type(mut node: Node, types: Vec<Node>) -> Node {
    let outside = ["description", "title", "default", "$defs", "definitions"]
        .map(|name| (name, node.remove(name)));
    let variant = |kind: Node| {
        let concerns: &[&str] = match kind.as_str() {
            Some("object") => &["properties", "required", "additionalProperties"],
            Some("array") => &["items", "minItems"],
            Some("string") => &["format", "pattern"],
            _ => &[],
        };
        let mut variant = Node::Object(vec![("type".to_owned(), kind)]);
        for name in concerns {
            if let Some(value) = node.get(name) {
                variant.set(name, value.clone());
            }
        }
        closed(&mut variant);
        variant
    };
    let variants = types.into_iter().map(variant).collect();
    let mut all = Node::Object(vec![("anyOf".to_owned(), Node::Array(variants))]);
    for (name, value) in outside {
        if let Some(value) = value {
            all.set(name, value);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_as(schema: &str) -> Option<String> {
        strict(&Raw::parse(schema).unwrap()).map(|raw| raw.get().to_owned())
    }

    #[test]
    fn what_the_subset_lacks_moves_into_the_description() {
        let cases = [
            (
                r#"{"type":"integer","minimum":1,"maximum":10.0,"description":"A number"}"#,
                r#"{"type":"integer","description":"A number\n\n{minimum: 1, maximum: 10.0}"}"#,
            ),
            (
                r#"{"type":"object","properties":{"a":{"type":"string","minLength":2,"format":"iri"}},"required":["a"],"additionalProperties":true}"#,
                r#"{"type":"object","properties":{"a":{"type":"string","description":"{minLength: 2, format: \"iri\"}"}},"required":["a"],"additionalProperties":false}"#,
            ),
            (
                r#"{"$schema":"x","type":"array","minItems":3,"items":{"type":"object","additionalProperties":false}}"#,
                r#"{"type":"array","items":{"type":"object","additionalProperties":false,"properties":{}},"description":"{minItems: 3}"}"#,
            ),
            (
                r#"{"type":"array","minItems":1,"items":{"type":"string","format":"uuid","pattern":"^a"}}"#,
                r#"{"type":"array","minItems":1,"items":{"type":"string","format":"uuid","pattern":"^a"}}"#,
            ),
            (
                r#"{"type":["string","null"],"pattern":"^(?!x)","description":"d"}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"null"}],"description":"d\n\n{pattern: \"^(?!x)\"}"}"#,
            ),
            (r#"{"type":"string","enum":["a",null]}"#, r#"{"enum":["a",null]}"#),
            (
                r#"{"oneOf":[{"type":"null"},{"const":1}]}"#,
                r#"{"anyOf":[{"type":"null"},{"const":1}]}"#,
            ),
            (
                r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A","description":"d"}},"$defs":{"A":{"type":"object","properties":{}}}}"##,
                r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"object","properties":{},"additionalProperties":false}},"additionalProperties":false}"##,
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(told_as(schema).as_deref(), Some(expected), "{schema}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_or_takes_any_member_cannot_be_told() {
        let tree = r##"{"$ref":"#/$defs/N","$defs":{"N":{"type":"object","properties":{"next":{"$ref":"#/$defs/N"}}}}}"##;
        assert_eq!(told_as(tree), None);
        assert_eq!(told_as(r#"{"$ref":"https://x/y.json"}"#), None);
        assert_eq!(told_as(r##"{"properties":{"self":{"$ref":"#"}}}"##), None);
        let map = r#"{"type":"object","additionalProperties":{"type":"string"}}"#;
        assert_eq!(told_as(map), None);
        assert_eq!(told_as(r#"{"type":"array","items":{"type":"object"}}"#), None);
        assert_eq!(told_as("true"), None);
    }
}
