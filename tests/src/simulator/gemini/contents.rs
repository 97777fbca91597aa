//! The conversation, checked as Google does.

use serde_json::Value;

use super::super::signatures;
use super::errors::GeminiError;

/// What is sent where the signature of a call is lost.
const SENTINEL: &str = "skip_thought_signature_validator";
const DATA: [&str; 7] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
];
const BESIDE: [&str; 4] = ["thought", "thoughtSignature", "videoMetadata", "mediaResolution"];
const IMAGE_TOKENS: u64 = 258;

/// The text that a call is signed with: its name.
pub fn signed(name: &str) -> String {
    format!("call {name}")
}

/// Checks all turns and counts their tokens. `third`: whether the model is of the third generation.
pub fn check(contents: &[Value], third: bool) -> Result<u64, GeminiError> {
    if contents.is_empty() {
        return Err(GeminiError::invalid("contents is not specified"));
    }
    let mut count = 0;
    let mut user = false;
    let mut calls: Vec<String> = Vec::new();
    for (index, content) in contents.iter().enumerate() {
        let path = format!("contents[{index}]");
        let role = content["role"].as_str().unwrap_or("user");
        if !["user", "model", "function"].contains(&role) {
            return Err(GeminiError::invalid("Please use a valid role: user, model."));
        }
        user |= role == "user";
        let parts = content["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        if parts.is_empty() {
            return Err(GeminiError::invalid(format!("{path}.parts must not be empty.")));
        }
        let answers: Vec<&str> = parts
            .iter()
            .filter_map(|part| part.get("functionResponse"))
            .filter_map(|response| response["name"].as_str())
            .collect();
        if role == "user"
            && answers.len() != calls.len()
            && !(calls.is_empty() && answers.is_empty())
        {
            return Err(GeminiError::invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
        calls.clear();
        let mut first_call = true;
        for (at, part) in parts.iter().enumerate() {
            let path = format!("{path}.parts[{at}]");
            count += self::part(part, &path, third, &mut first_call)?;
            if let Some(name) = part.pointer("/functionCall/name").and_then(Value::as_str) {
                calls.push(name.to_owned());
            }
        }
    }
    if !user {
        return Err(GeminiError::invalid("Please ensure that there is a user turn."));
    }
    Ok(count)
}

fn part(part: &Value, path: &str, third: bool, first_call: &mut bool) -> Result<u64, GeminiError> {
    let members = part
        .as_object()
        .ok_or_else(|| GeminiError::invalid(format!("Invalid value at '{path}'")))?;
    if let Some(unknown) =
        members.keys().find(|key| !DATA.contains(&key.as_str()) && !BESIDE.contains(&key.as_str()))
    {
        return Err(GeminiError::invalid(format!(
            "Invalid JSON payload received. Unknown name \"{unknown}\" at '{path}': Cannot find field."
        )));
    }
    let data: Vec<_> = members.iter().filter(|(key, _)| DATA.contains(&key.as_str())).collect();
    let [(kind, value)] = data.as_slice() else {
        return Err(GeminiError::invalid(format!(
            "{path}: required oneof field 'data' must have one initialized field"
        )));
    };
    match kind.as_str() {
        "text" => match value.as_str() {
            Some(text) if !text.is_empty() => Ok(super::of_text(text)),
            _ => Err(GeminiError::invalid(format!("{path}.text must not be empty."))),
        },
        "inlineData" => match (value["mimeType"].as_str(), value["data"].as_str()) {
            (Some(mime), Some(data)) if mime.contains('/') && !data.is_empty() => Ok(IMAGE_TOKENS),
            _ => Err(GeminiError::invalid(format!("Unable to process input image at {path}."))),
        },
        "functionCall" => call(part, value, path, third, first_call),
        "functionResponse" => response(value, path, third),
        _ => Ok(1),
    }
}

/// The first call of a turn carries the signature; it may come back late, never changed.
fn call(
    part: &Value,
    value: &Value,
    path: &str,
    third: bool,
    first_call: &mut bool,
) -> Result<u64, GeminiError> {
    let name = value["name"].as_str().unwrap_or_default();
    if name.is_empty() || value.get("args").is_some_and(|args| !args.is_object()) {
        return Err(GeminiError::invalid(format!("Invalid value at '{path}.function_call'")));
    }
    if !third && value.get("id").is_some() {
        return Err(GeminiError::invalid(format!(
            "Invalid JSON payload received. Unknown name \"id\" at '{path}.function_call': Cannot find field."
        )));
    }
    let first = std::mem::replace(first_call, false);
    if third {
        match part["thoughtSignature"].as_str() {
            None if !first => {}
            None => {
                return Err(GeminiError::invalid(format!(
                    "Function call is missing a thought_signature in functionCall parts. Additional data, function call `{name}`."
                )));
            }
            Some(SENTINEL) => {}
            Some(signature) if signatures::read(&plain(signature), &signed(name)).is_some() => {}
            Some(_) => return Err(GeminiError::invalid("Corrupted thought signature.")),
        }
    }
    Ok(4 + super::of_text(&value["args"].to_string()))
}

/// Google's own clients send base 64 in the alphabet that is safe in addresses.
fn plain(signature: &str) -> String {
    signature.replace('-', "+").replace('_', "/")
}

fn response(value: &Value, path: &str, third: bool) -> Result<u64, GeminiError> {
    if value["name"].as_str().is_none_or(str::is_empty) || !value["response"].is_object() {
        return Err(GeminiError::invalid(format!(
            "{path}.function_response: Name cannot be empty, and response must be an object."
        )));
    }
    if !third && (value.get("id").is_some() || value.get("parts").is_some()) {
        return Err(GeminiError::invalid(format!(
            "Invalid JSON payload received. Unknown name \"id\" at '{path}.function_response': Cannot find field."
        )));
    }
    if has_reference(&value["response"]) {
        return Err(GeminiError::invalid(format!("{path}.function_response: unresolved $ref.")));
    }
    Ok(4 + super::of_text(&value["response"].to_string()))
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.iter().any(|(key, value)| key == "$ref" || has_reference(value))
        }
        Value::Array(entries) => entries.iter().any(has_reference),
        _ => false,
    }
}
