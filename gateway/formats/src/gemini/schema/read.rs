//! Google's `Schema` message as JSON Schema.

use crate::{
    gemini::spelling::camel,
    json::{Node, Raw},
};

/// The same schema in JSON Schema's words. Words that the message does not have are left as they are: apps put plain
/// JSON Schema here too.
pub(in crate::gemini) fn from_proto(schema: &Raw) -> Raw {
    Node::parse(schema.get()).map_or_else(|| schema.clone(), |node| plain(node).to_raw())
}

fn plain(node: Node) -> Node {
    let Node::Object(members) = node else { return node };
    let mut out = Node::Object(Vec::with_capacity(members.len()));
    let (mut nullable, mut order) = (false, Vec::new());
    for (key, value) in members {
        let key = if key.contains('_') { camel(&key) } else { key };
        match (key.as_str(), value) {
            ("nullable", Node::Scalar(flag)) => nullable = flag.get() == "true",
            ("propertyOrdering", Node::Array(names)) => order = names,
            ("type", Node::Text(word)) if word == "TYPE_UNSPECIFIED" => {}
            ("type", Node::Text(word)) => out.set("type", Node::Text(word.to_ascii_lowercase())),
            ("format", Node::Text(word)) if word == "enum" => {}
            ("example", value) => out.set("examples", Node::Array(vec![value])),
            ("properties", Node::Object(all)) => out.set("properties", each_member(all)),
            ("defs" | "$defs", Node::Object(all)) => out.set("$defs", each_member(all)),
            ("ref", Node::Text(pointer)) => {
                let pointer = pointer.replacen("#/defs/", "#/$defs/", 1);
                out.set("$ref", Node::Text(pointer));
            }
            ("items" | "additionalProperties" | "not", value) => out.set(&key, plain(value)),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Node::Array(all)) => {
                out.set(&key, Node::Array(all.into_iter().map(plain).collect()));
            }
            (name, Node::Text(digits)) if name.starts_with("min") || name.starts_with("max") => {
                // Whole numbers of 64 bits are strings in protobuf's JSON.
                let number = digits.parse::<i64>();
                out.set(&key, number.map_or(Node::Text(digits), Node::scalar));
            }
            (_, value) => out.set(&key, value),
        }
    }
    sort_properties(&mut out, &order);
    if nullable {
        allow_null(&mut out);
    }
    out
}

fn each_member(members: Vec<(String, Node)>) -> Node {
    Node::Object(members.into_iter().map(|(name, schema)| (name, plain(schema))).collect())
}

/// Properties come in the order that `propertyOrdering` names; those that it leaves out follow.
fn sort_properties(schema: &mut Node, order: &[Node]) {
    let place = |name: &str| order.iter().position(|entry| entry.as_str() == Some(name));
    if let Some(Node::Object(mut properties)) = schema.get("properties").cloned()
        && !order.is_empty()
    {
        properties.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        schema.set("properties", Node::Object(properties));
    }
}

fn allow_null(schema: &mut Node) {
    let null = || Node::Text("null".to_owned());
    if let Some(Node::Array(mut values)) = schema.get("enum").cloned() {
        values.push(Node::scalar(()));
        schema.set("enum", Node::Array(values));
    }
    if let Some(Node::Array(mut choices)) = schema.get("anyOf").cloned() {
        choices.push(Node::Object(vec![("type".to_owned(), null())]));
        schema.set("anyOf", Node::Array(choices));
    } else if let Some(Node::Text(word)) = schema.get("type").cloned() {
        schema.set("type", Node::Array(vec![Node::Text(word), null()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_words_become_those_of_json_schema() {
        let cases = [
            (
                r#"{"type":"STRING","format":"enum","enum":["a"]}"#,
                r#"{"type":"string","enum":["a"]}"#,
            ),
            (r#"{"type":"INTEGER","nullable":true}"#, r#"{"type":["integer","null"]}"#),
            (
                r#"{"type":"STRING","enum":["a"],"nullable":true}"#,
                r#"{"type":["string","null"],"enum":["a",null]}"#,
            ),
            (
                r#"{"any_of":[{"type":"STRING"},{"type":"NUMBER"}],"nullable":true}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}"#,
            ),
            (
                r#"{"type":"ARRAY","items":{"type":"OBJECT"},"minItems":"2"}"#,
                r#"{"type":"array","items":{"type":"object"},"minItems":2}"#,
            ),
            (
                r#"{"type":"OBJECT","properties":{"z":{"type":"STRING"},"a":{"type":"STRING","example":"x"}},"propertyOrdering":["a","z"]}"#,
                r#"{"type":"object","properties":{"a":{"type":"string","examples":["x"]},"z":{"type":"string"}}}"#,
            ),
            (
                r##"{"ref":"#/defs/T","defs":{"T":{"type":"TYPE_UNSPECIFIED"}}}"##,
                r##"{"$ref":"#/$defs/T","$defs":{"T":{}}}"##,
            ),
        ];
        for (proto, expected) in cases {
            assert_eq!(from_proto(&Raw::parse(proto).unwrap()).get(), expected);
        }
    }

    #[test]
    fn plain_json_schema_passes_and_a_property_may_have_any_name() {
        let schema = r#"{"type":"object","properties":{"any_of":{"type":"string","const":1.0}},"additionalProperties":false}"#;
        assert_eq!(from_proto(&Raw::parse(schema).unwrap()).get(), schema);
    }
}
