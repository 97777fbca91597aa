//! Schemas in Google's proto form: any other key than these is refused for the whole request.

use serde_json::Value;

use super::errors::GeminiError;

const KEYS: [&str; 24] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "default",
    "example",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "propertyOrdering",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "anyOf",
    "prefixItems",
    "additionalItems",
];

/// Checks a schema of the proto form.
pub fn check(schema: &Value, path: &str) -> Result<(), GeminiError> {
    let Value::Object(members) = schema else {
        return Err(GeminiError::invalid(format!("Invalid value at '{path}'")));
    };
    if let Some(unknown) = members.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(GeminiError::invalid(format!(
            "Invalid JSON payload received. Unknown name \"{unknown}\" at '{path}': Cannot find field."
        )));
    }
    let kind = members.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    if kind == "ARRAY" && members.get("items").is_none() {
        return Err(GeminiError::invalid(format!("{path}.items: missing field.")));
    }
    if members.contains_key("anyOf")
        && members.keys().any(|key| key != "anyOf" && key != "nullable" && key != "description")
    {
        return Err(GeminiError::invalid(format!(
            "{path}: when using any_of, it must be the only field set."
        )));
    }
    if let Some(values) = members.get("enum").and_then(Value::as_array)
        && !values.iter().all(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    {
        return Err(GeminiError::invalid(format!(
            "{path}.enum: only non-empty strings are allowed."
        )));
    }
    for (name, inner) in members.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        check(inner, &format!("{path}.properties[{name}]"))?;
    }
    if let Some(items) = members.get("items") {
        check(items, &format!("{path}.items"))?;
    }
    for inner in members.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        check(inner, &format!("{path}.any_of"))?;
    }
    Ok(())
}
