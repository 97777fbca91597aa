//! Schemas of Google's own kind: the rules beyond their fields, and what they are in JSON Schema.

use serde_json::{Map, Value};

use super::errors::GoogleError;

/// Checks a schema that stands at `path`.
pub fn check(schema: &Value, path: &str) -> Result<(), GoogleError> {
    let wrong = |what: &str| Err(GoogleError::invalid(format!("* {path}{what}\n")));
    if schema.get("anyOf").is_some() {
        let alone = schema.as_object().into_iter().flatten();
        let mut beside = alone.filter(|(name, _)| !matches!(name.as_str(), "anyOf" | "nullable"));
        if beside.next().is_some() {
            return wrong(
                ": schema specified other fields alongside any_of. When using any_of, it must be the only field set.",
            );
        }
    }
    let kind = schema["type"].as_str().unwrap_or_default();
    if kind == "ARRAY" && schema.get("items").is_none() {
        return wrong(".items: missing field.");
    }
    if let Some(format) = schema["format"].as_str().filter(|format| !takes_format(kind, format)) {
        return wrong(&format!(".format: '{format}' is not supported for {kind} type"));
    }
    if let Some(words) = schema["enum"].as_array() {
        if kind != "STRING" {
            return wrong(".enum: only allowed for STRING type");
        }
        if let Some(at) = words.iter().position(|word| word == "") {
            return wrong(&format!(".enum[{at}]: cannot be empty"));
        }
    }
    let properties = schema["properties"].as_object();
    for (at, name) in schema["required"].as_array().into_iter().flatten().enumerate() {
        let name = name.as_str().unwrap_or_default();
        if !properties.is_some_and(|properties| properties.contains_key(name)) {
            return wrong(&format!(".required[{at}]: property is not defined"));
        }
    }
    for (name, property) in properties.into_iter().flatten() {
        let path = format!("{path}.properties[{name}]");
        if !is_parameter_name(name) {
            return Err(GoogleError::invalid(format!("* {path}: invalid parameter name\n")));
        }
        check(property, &path)?;
    }
    if let Some(items) = schema.get("items") {
        check(items, &format!("{path}.items"))?;
    }
    let choices = schema["anyOf"].as_array().into_iter().flatten().enumerate();
    for (at, choice) in choices {
        check(choice, &format!("{path}.any_of[{at}]"))?;
    }
    Ok(())
}

fn takes_format(kind: &str, format: &str) -> bool {
    match kind {
        "STRING" => matches!(format, "enum" | "date-time"),
        "NUMBER" => matches!(format, "float" | "double"),
        "INTEGER" => matches!(format, "int32" | "int64"),
        _ => false,
    }
}

fn is_parameter_name(name: &str) -> bool {
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= 64 && name.starts_with(first) && name.bytes().all(rest)
}

/// The same in JSON Schema, which examples are made from.
pub fn json_schema(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let converted = members.iter().map(|(name, value)| {
        let value = match (name.as_str(), value) {
            ("type", Value::String(kind)) => kind.to_ascii_lowercase().into(),
            ("items", _) => json_schema(value),
            ("anyOf", Value::Array(choices)) => choices.iter().map(json_schema).collect(),
            ("properties", Value::Object(properties)) => {
                let inner = properties.iter().map(|(name, p)| (name.clone(), json_schema(p)));
                Value::Object(inner.collect())
            }
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    Value::Object(converted.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::super::super::schema::example;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_has_rules_beyond_its_fields() {
        let object = |property: Value| json!({ "type": "OBJECT", "properties": { "a": property } });
        let cases = [
            (object(json!({ "type": "STRING", "format": "date-time" })), ""),
            (object(json!({ "anyOf": [{ "type": "STRING" }], "nullable": true })), ""),
            (object(json!({ "type": "STRING", "format": "uri" })), "'uri' is not supported"),
            (object(json!({ "type": "ARRAY" })), ".properties[a].items: missing field"),
            (object(json!({ "anyOf": [{ "type": "ARRAY" }] })), ".any_of[0].items: missing field"),
            (
                object(json!({ "anyOf": [{ "type": "STRING" }], "title": "t" })),
                "the only field set",
            ),
            (object(json!({ "type": "INTEGER", "enum": ["1"] })), "only allowed for STRING"),
            (object(json!({ "type": "STRING", "enum": ["a", ""] })), ".enum[1]: cannot be empty"),
            (
                json!({ "type": "OBJECT", "required": ["b"] }),
                "required[0]: property is not defined",
            ),
            (
                json!({ "type": "OBJECT", "properties": { "$filter": { "type": "STRING" } } }),
                "invalid parameter name",
            ),
        ];
        for (schema, message) in cases {
            match check(&schema, "p") {
                Ok(()) => assert_eq!(message, "", "{schema}"),
                Err(error) => {
                    assert!(
                        !message.is_empty() && error.message.contains(message),
                        "{}",
                        error.message
                    )
                }
            }
        }
    }

    #[test]
    fn an_example_can_be_made_of_it() {
        let schema = json!({ "type": "OBJECT", "properties": {
            "a": { "type": "ARRAY", "items": { "type": "INTEGER" } },
            "b": { "anyOf": [{ "type": "BOOLEAN" }] },
        } });
        assert_eq!(example(&json_schema(&schema)), json!({ "a": [1], "b": true }));
    }
}
