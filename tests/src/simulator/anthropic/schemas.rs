//! The part of JSON Schema that an answer can be bound to.

use serde_json::Value;

/// Keywords that are refused wherever they stand.
const REFUSED: [&str; 8] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
];
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"];
/// Nobody writes deeper schemas by hand; it keeps the walk off the end of the stack.
const DEPTH_MAX: usize = 64;

/// Says what an answer cannot be bound to, if there is anything.
pub fn mistake(schema: &Value) -> Option<String> {
    mistake_at(schema, schema, 0)
}

fn mistake_at(schema: &Value, root: &Value, depth: usize) -> Option<String> {
    if DEPTH_MAX < depth {
        return Some("The schema is too deep.".to_owned());
    }
    let Value::Object(object) = schema else {
        return (!schema.is_boolean()).then(|| "A schema should be an object.".to_owned());
    };
    let kind = schema["type"].as_str().unwrap_or("any");
    if let Some(refused) = REFUSED.into_iter().find(|&name| object.contains_key(name)) {
        return Some(format!("For '{kind}' type, property '{refused}' is not supported"));
    }
    if kind == "object" && schema["additionalProperties"] != false {
        let message = "For 'object' type, 'additionalProperties' must be explicitly set to false";
        return Some(message.to_owned());
    }
    if schema["minItems"].as_u64().is_some_and(|items| 1 < items) {
        return Some(
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported".to_owned(),
        );
    }
    let format = schema["format"].as_str().unwrap_or("uuid");
    if format != "uuid" && !FORMATS.contains(&format) {
        return Some(format!("For 'string' type, format '{format}' is not supported"));
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    if ["(?=", "(?!", "(?<"].iter().any(|look_around| pattern.contains(look_around)) {
        return Some("'pattern' does not support lookaround".to_owned());
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return mistake_of_reference(reference, root);
    }
    children(schema).find_map(|child| mistake_at(child, root, depth + 1))
}

fn mistake_of_reference(reference: &str, root: &Value) -> Option<String> {
    let Some(pointer) = reference.strip_prefix('#') else {
        return Some("External '$ref' is not supported".to_owned());
    };
    let Some(target) = root.pointer(pointer) else {
        return Some(format!("'$ref' to '{reference}' cannot be resolved"));
    };
    let recursive = pointer.is_empty() || refers_to(target, reference, root, 0);
    recursive.then(|| "Recursive schemas are not supported".to_owned())
}

fn refers_to(schema: &Value, reference: &str, root: &Value, depth: usize) -> bool {
    if DEPTH_MAX < depth {
        return true;
    }
    match schema["$ref"].as_str() {
        Some(other) if other == reference => true,
        Some(other) => {
            let target = other.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            target.is_some_and(|target| refers_to(target, reference, root, depth + 1))
        }
        None => children(schema).any(|child| refers_to(child, reference, root, depth + 1)),
    }
}

/// The schemas within a schema.
fn children(schema: &Value) -> impl Iterator<Item = &Value> {
    let named = ["properties", "$defs", "definitions"].into_iter();
    let named = named.filter_map(|name| schema[name].as_object()).flat_map(|map| map.values());
    let listed = ["anyOf", "allOf", "oneOf"].into_iter();
    let listed = listed.filter_map(|name| schema[name].as_array()).flatten();
    named.chain(listed).chain(schema.get("items"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_bound_to_plain_schemas_only() {
        let object = |properties: Value| json!({ "type": "object", "properties": properties, "additionalProperties": false });
        let tree = json!({
            "type": "object", "additionalProperties": false,
            "properties": { "a": { "$ref": "#/$defs/n" } },
            "$defs": { "n": { "type": "object", "additionalProperties": false, "properties": { "b": { "$ref": "#/$defs/n" } } } },
        });
        let cases = [
            (object(json!({ "x": { "type": "integer" } })), None),
            (object(json!({ "x": { "type": "string", "format": "uuid" } })), None),
            (
                object(
                    json!({ "x": { "type": "array", "minItems": 1, "items": { "type": "null" } } }),
                ),
                None,
            ),
            (json!({ "type": "object" }), Some("additionalProperties")),
            (object(json!({ "x": { "type": "object" } })), Some("additionalProperties")),
            (object(json!({ "x": { "type": "integer", "minimum": 1 } })), Some("minimum")),
            (
                object(json!({ "x": { "anyOf": [{ "type": "string", "maxLength": 1 }] } })),
                Some("maxLength"),
            ),
            (object(json!({ "x": { "type": "array", "minItems": 2 } })), Some("minItems")),
            (object(json!({ "x": { "type": "string", "format": "colour" } })), Some("colour")),
            (object(json!({ "x": { "type": "string", "pattern": "a(?=b)" } })), Some("lookaround")),
            (object(json!({ "x": { "$ref": "https://x/y" } })), Some("External")),
            (object(json!({ "x": { "$ref": "#" } })), Some("Recursive")),
            (tree, Some("Recursive")),
        ];
        for (schema, expected) in cases {
            let found = mistake(&schema);
            let fits = match (&found, expected) {
                (None, None) => true,
                (Some(message), Some(word)) => message.contains(word),
                _ => false,
            };
            assert!(fits, "{schema}: {found:?}");
        }
    }
}
