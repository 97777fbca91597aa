//! Example values for JSON Schemas: what structured answers and tool arguments are made of.

use serde_json::{Map, Number, Value, json};

use super::words;

/// Recursive schemas end here.
const DEPTH_MAX: usize = 8;

/// A value that satisfies `schema` as far as types, choices and required properties go.
pub fn example(schema: &Value) -> Value {
    value(schema, schema, 0)
}

fn value(schema: &Value, root: &Value, depth: usize) -> Value {
    if DEPTH_MAX < depth {
        return Value::Null;
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("default")) {
        return fixed.clone();
    }
    if let Some(first) = schema["enum"].as_array().and_then(|choices| choices.first()) {
        return first.clone();
    }
    if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'))
    {
        return root.pointer(pointer).map_or(Value::Null, |target| value(target, root, depth + 1));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[key].as_array().and_then(|choices| choices.first()) {
            return value(first, root, depth + 1);
        }
    }
    match type_of(schema) {
        "object" => object(schema, root, depth),
        "array" => array(schema, root, depth),
        "integer" => Value::Number(Number::from(schema["minimum"].as_i64().unwrap_or(1))),
        "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.5)),
        "boolean" => Value::Bool(true),
        "null" => Value::Null,
        _ => string(schema),
    }
}

fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|&name| name != "null").unwrap_or("null")
        }
        _ if schema["properties"].is_object() => "object",
        _ => "string",
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let members =
        properties.map(|(name, property)| (name.clone(), value(property, root, depth + 1)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn array(schema: &Value, root: &Value, depth: usize) -> Value {
    let length = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 100);
    // The innermost array is empty rather than full of nulls.
    if depth == DEPTH_MAX {
        return json!([]);
    }
    Value::Array((0..length).map(|_| value(&schema["items"], root, depth + 1)).collect())
}

fn string(schema: &Value) -> Value {
    let wanted =
        usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap_or(0).min(10_000);
    let longest = schema["maxLength"].as_u64().and_then(|length| usize::try_from(length).ok());
    let mut text = words::text(0, 3.max(words::count_for_bytes(0, wanted)));
    // The words are ASCII, so bytes are characters.
    text.truncate(longest.unwrap_or(usize::MAX));
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_schema_has_an_example() {
        let cases = [
            (json!({ "type": "string" }), json!("the river and")),
            (json!({ "type": "string", "maxLength": 3 }), json!("the")),
            (json!({ "type": ["null", "integer"] }), json!(1)),
            (json!({ "type": "integer", "minimum": 7 }), json!(7)),
            (json!({ "enum": ["a", "b"] }), json!("a")),
            (json!({ "anyOf": [{ "type": "boolean" }] }), json!(true)),
            (
                json!({ "type": "array", "minItems": 2, "items": { "type": "null" } }),
                json!([null, null]),
            ),
            (json!({ "type": "object" }), json!({})),
            (
                json!({ "type": "object", "properties": { "x": { "$ref": "#/$defs/n" } }, "$defs": { "n": { "const": 4 } } }),
                json!({ "x": 4 }),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(example(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let schema = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
        assert!(example(&schema).is_object());
    }
}
