//! JSON Schema as Google's `Schema` message, for models that take nothing else.
//!
//! The message is built from nothing, so that no other word can get in. What it cannot say is said in the description
//! where that helps (values of an enum of numbers), and left out where it cannot (`not`, `if`, `patternProperties`).

mod gather;
mod limits;

use crate::json::{Node, Raw};
use gather::Flat;

/// The schema as a message. `ordered`: properties are to come in the order in which they stand; else models write them
/// by the alphabet.
pub(in crate::gemini) fn to_proto(schema: &Node, ordered: bool) -> Node {
    let mut converter = Converter { root: schema, ordered, expanding: Vec::new(), left: MOST };
    converter.convert(&[schema], 0)
}

/// The most schemas that one is unfolded to, references included: they can multiply.
const MOST: usize = 10_000;
/// How deep the message may go.
const DEEPEST: usize = 48;

struct Converter<'s> {
    root: &'s Node,
    ordered: bool,
    /// References that are being unfolded: one that is met again is a loop.
    expanding: Vec<&'s str>,
    left: usize,
}

impl<'s> Converter<'s> {
    /// One message for schemas that all hold.
    fn convert(&mut self, all: &[&'s Node], depth: usize) -> Node {
        if depth > DEEPEST || self.left == 0 {
            return typed("OBJECT");
        }
        let open = self.expanding.len();
        let mut flat = Flat::default();
        for node in all {
            self.gather(node, &mut flat);
        }
        let message = self.build(flat, depth);
        self.expanding.truncate(open);
        message
    }

    fn build(&mut self, mut flat: Flat<'s>, depth: usize) -> Node {
        while let Some(choices) = flat.choices.take() {
            let given = choices.len();
            let mut choices: Vec<_> = choices.iter().filter(|choice| !is_null(choice)).collect();
            flat.nullable |= choices.len() < given;
            // Choices that only say which properties are needed have no counterpart.
            if flat.says_what_it_is() && choices.iter().all(|choice| !says_what_it_is(choice)) {
                break;
            }
            match (choices.pop(), choices.is_empty()) {
                (None, _) => {}
                (Some(only), true) => self.gather(only, &mut flat),
                (Some(last), false) => {
                    choices.push(last);
                    return self.any_of(&choices, &flat, depth);
                }
            }
        }
        let types = flat.types();
        match types.as_slice() {
            [] => self.message(flat.guess(), &flat, depth),
            [one] => self.message(one, &flat, depth),
            several => {
                let each = several.iter().map(|word| self.message(word, &flat, depth + 1));
                any_of(each.collect())
            }
        }
    }

    /// Nothing may stand beside `anyOf`, so what does is carried into each choice.
    fn any_of(&mut self, choices: &[&'s Node], outer: &Flat<'s>, depth: usize) -> Node {
        let open = self.expanding.len();
        let mut messages = Vec::with_capacity(choices.len());
        for choice in choices {
            let mut flat = Flat::default();
            self.gather(choice, &mut flat);
            flat.absorb(outer);
            let message = if depth > DEEPEST || self.left == 0 {
                typed("OBJECT")
            } else {
                self.build(flat, depth + 1)
            };
            match message {
                Node::Object(mut members) if members.len() == 1 && members[0].0 == "anyOf" => {
                    if let Some((_, Node::Array(inner))) = members.pop() {
                        messages.extend(inner);
                    }
                }
                message => messages.push(message),
            }
            self.expanding.truncate(open);
        }
        any_of(messages)
    }

    /// The message of a schema of one type.
    fn message(&mut self, word: &str, flat: &Flat<'s>, depth: usize) -> Node {
        let mut out = typed(&word.to_ascii_uppercase());
        if let Some(format) = limits::format(word, flat) {
            out.set("format", Node::Text(format.to_owned()));
        }
        self.describe(word, flat, &mut out);
        match word {
            "object" => self.properties(flat, depth, &mut out),
            "array" => {
                let items = self.items(flat, depth);
                out.set("items", items);
                limits::copy_counts(flat, &["minItems", "maxItems"], &mut out);
            }
            "string" => limits::of_string(flat, &mut out),
            "integer" | "number" => limits::of_number(flat, word == "integer", &mut out),
            _ => {}
        }
        out
    }

    fn describe(&mut self, word: &str, flat: &Flat<'s>, out: &mut Node) {
        let text = |name: &str| flat.get(name).and_then(Node::as_str).unwrap_or_default();
        let (values, only) = limits::values(word, flat);
        let mut description = text("description").to_owned();
        if !only.is_empty() {
            if !description.is_empty() {
                description.push(' ');
            }
            description.push_str(&format!("One of: {}.", only.join(", ")));
        }
        for (name, text) in [("title", text("title").to_owned()), ("description", description)] {
            if !text.is_empty() {
                self.left = self.left.saturating_sub(text.len() / 256);
                out.set(name, Node::Text(text));
            }
        }
        if flat.nullable {
            out.set("nullable", Node::scalar(true));
        }
        if !values.is_empty() {
            self.left = self.left.saturating_sub(values.len() / 16);
            out.set("enum", Node::Array(values));
        }
        let null = Raw::of(&());
        let given = |value: &&&Node| !matches!(value, Node::Scalar(raw) if *raw == null);
        if let Some(value) = flat.get("default").as_ref().filter(given) {
            out.set("default", (*value).clone());
        }
        let example = flat.get("examples").and_then(Node::as_array).and_then(<[Node]>::first);
        if let Some(value) = flat.get("example").or(example) {
            out.set("example", value.clone());
        }
    }

    fn properties(&mut self, flat: &Flat<'s>, depth: usize, out: &mut Node) {
        let mut properties = Vec::with_capacity(flat.properties.len());
        for (name, schemas) in &flat.properties {
            properties.push(((*name).to_owned(), self.convert(schemas, depth + 1)));
        }
        if !properties.is_empty() {
            let name = |(name, _): &(String, Node)| Node::Text(name.clone());
            let order: Vec<_> = properties.iter().map(name).collect();
            let known = |name: &&str| properties.iter().any(|(known, _)| known == name);
            let required: Vec<_> = flat.required.iter().copied().filter(known).collect();
            out.set("properties", Node::Object(properties.clone()));
            if !required.is_empty() {
                let required = required.into_iter().map(|name| Node::Text(name.to_owned()));
                out.set("required", Node::Array(required.collect()));
            }
            if self.ordered {
                out.set("propertyOrdering", Node::Array(order));
            }
        }
        limits::copy_counts(flat, &["minProperties", "maxProperties"], out);
    }

    /// What an array holds; it must be said. A tuple holds any of its entries.
    fn items(&mut self, flat: &Flat<'s>, depth: usize) -> Node {
        let places = flat.get("prefixItems").or_else(|| flat.get("items"));
        if let Some(Node::Array(entries)) = places {
            let mut kinds: Vec<Node> = Vec::new();
            for entry in entries {
                let kind = self.convert(&[entry], depth + 1);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            return match kinds.len() {
                0 => typed("OBJECT"),
                1 => kinds.remove(0),
                _ => any_of(kinds),
            };
        }
        match flat.get("items") {
            Some(items) => self.convert(&[items], depth + 1),
            None => typed("OBJECT"),
        }
    }
}

fn typed(word: &str) -> Node {
    Node::Object(vec![("type".to_owned(), Node::Text(word.to_owned()))])
}

fn any_of(choices: Vec<Node>) -> Node {
    Node::Object(vec![("anyOf".to_owned(), Node::Array(choices))])
}

/// Whether a schema takes null and nothing else.
fn is_null(schema: &Node) -> bool {
    let null = |value: &Node| matches!(value, Node::Scalar(raw) if raw.get() == "null");
    schema.get("type").and_then(Node::as_str) == Some("null")
        || schema.get("const").is_some_and(null)
        || schema
            .get("enum")
            .and_then(Node::as_array)
            .is_some_and(|values| !values.is_empty() && values.iter().all(null))
}

/// Whether a schema says more than which properties are needed.
fn says_what_it_is(schema: &Node) -> bool {
    let Node::Object(members) = schema else { return false };
    const WORDS: [&str; 11] = [
        "type",
        "$ref",
        "properties",
        "items",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "format",
        "pattern",
    ];
    members.iter().any(|(key, _)| WORDS.contains(&key.as_str()))
}

#[cfg(test)]
mod tests;
