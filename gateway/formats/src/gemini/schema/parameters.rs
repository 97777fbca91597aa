//! Schemas of a function's parameters.

use super::to_proto;
use crate::json::{Node, Raw};

/// The parameters in JSON Schema; `None` for a function that takes none: an object without properties is refused.
pub(in crate::gemini) fn parameters_json(schema: &Raw) -> Option<Node> {
    let mut schema = Node::parse(schema.get())?;
    let Node::Object(members) = &schema else { return None };
    let filled = |value: &Node| match value {
        Node::Object(members) => !members.is_empty(),
        Node::Array(entries) => !entries.is_empty(),
        Node::Text(_) => true,
        Node::Scalar(flag) => flag.get() == "true",
    };
    const CONTENT: [&str; 8] = [
        "properties",
        "patternProperties",
        "additionalProperties",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "propertyNames",
    ];
    if !members.iter().any(|(key, value)| CONTENT.contains(&key.as_str()) && filled(value)) {
        return None;
    }
    if schema.get("type").is_none() && schema.get("properties").is_some() {
        schema.set("type", Node::Text("object".to_owned()));
    }
    Some(schema)
}

/// The parameters as a `Schema` message; `None` for a function that takes none.
pub(in crate::gemini) fn parameters_proto(schema: &Node) -> Option<Node> {
    let schema = to_proto(schema, false);
    let is_object = schema.get("type").and_then(Node::as_str) == Some("OBJECT");
    let filled = is_object && schema.get("properties").is_some();
    (filled || schema.get("anyOf").is_some()).then_some(schema)
}

/// Gives properties other names, wherever in the schema they stand.
pub(in crate::gemini) fn rename_properties(
    schema: &mut Node,
    rename: &mut dyn FnMut(&str) -> String,
) {
    let Node::Object(members) = schema else { return };
    for (key, value) in members {
        match (key.as_str(), value) {
            ("properties", Node::Object(properties)) => {
                for (name, property) in properties {
                    *name = rename(name);
                    rename_properties(property, rename);
                }
            }
            ("required" | "propertyOrdering", Node::Array(names)) => rename_all(names, rename),
            ("dependentRequired", Node::Object(rules)) => {
                for (name, others) in rules {
                    *name = rename(name);
                    if let Node::Array(names) = others {
                        rename_all(names, rename);
                    }
                }
            }
            ("$defs" | "definitions" | "patternProperties", Node::Object(schemas)) => {
                schemas.iter_mut().for_each(|(_, schema)| rename_properties(schema, rename));
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Node::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| rename_properties(schema, rename));
            }
            (
                "items" | "additionalProperties" | "not" | "if" | "then" | "else" | "contains",
                schema,
            ) => rename_properties(schema, rename),
            _ => {}
        }
    }
}

fn rename_all(names: &mut [Node], rename: &mut dyn FnMut(&str) -> String) {
    for name in names {
        if let Node::Text(text) = name {
            *text = rename(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(schema: &str) -> Option<String> {
        parameters_json(&Raw::parse(schema).unwrap()).map(|node| node.to_raw().get().to_owned())
    }

    #[test]
    fn a_function_without_arguments_has_no_parameters() {
        for schema in [
            "{}",
            "true",
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{},"additionalProperties":false,"required":[]}"#,
        ] {
            assert_eq!(json(schema), None, "{schema}");
            assert_eq!(parameters_proto(&Node::parse(schema).unwrap()), None, "{schema}");
        }
        let schema = r#"{"type":"object","properties":{"x":{"type":"integer"}}}"#;
        assert_eq!(json(schema).as_deref(), Some(schema));
        assert_eq!(
            json(r#"{"properties":{"x":{}}}"#).as_deref(),
            Some(r#"{"properties":{"x":{}},"type":"object"}"#)
        );
        assert!(json(r##"{"$ref":"#/$defs/A","$defs":{"A":{}}}"##).is_some());
    }

    #[test]
    fn properties_are_renamed_wherever_they_are_named() {
        let mut schema = Node::parse(
            r#"{"type":"object","properties":{"$a":{"type":"array","items":{"properties":{"$b":{}},"required":["$b"]}},"c":{"const":"$a"}},"required":["$a"],"anyOf":[{"required":["$a"]}]}"#,
        )
        .unwrap();
        rename_properties(&mut schema, &mut |name| name.replace('$', "_"));
        assert_eq!(
            schema.to_raw().get(),
            r#"{"type":"object","properties":{"_a":{"type":"array","items":{"properties":{"_b":{}},"required":["_b"]}},"c":{"const":"$a"}},"required":["_a"],"anyOf":[{"required":["_a"]}]}"#
        );
    }
}
