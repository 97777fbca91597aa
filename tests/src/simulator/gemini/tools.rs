//! The functions on offer, and how they are to be called.

use serde_json::{Value, json};

use super::super::tokens;
use super::super::tool_calls::{self, ToolCall};
use super::errors::GoogleError;
use super::families::Family;
use super::proto::snake;
use super::schemas;

/// What an app offers.
#[derive(Debug)]
pub struct Tools {
    /// What it counts.
    pub tokens: u64,
    functions: Vec<Function>,
    mode: Mode,
}

/// A function and its parameters in JSON Schema.
#[derive(Debug)]
struct Function {
    name: String,
    parameters: Value,
}

/// Whether functions are to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Auto,
    Any,
    None,
}

impl Tools {
    /// Reads `tools` and `toolConfig` of a request.
    pub fn parse(request: &Value, family: Family) -> Result<Self, GoogleError> {
        let tools = request["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut functions = Vec::new();
        let mut own = Vec::new();
        for (at, tool) in tools.iter().enumerate() {
            let members = tool.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
            own.extend(members.filter(|name| *name != "functionDeclarations"));
            let declared = tool["functionDeclarations"].as_array().into_iter().flatten();
            for (index, declaration) in declared.enumerate() {
                let path = format!("tools[{at}].function_declarations[{index}]");
                let function = function(declaration, &path, family)?;
                if functions.iter().any(|known: &Function| known.name == function.name) {
                    return Err(GoogleError::invalid(format!(
                        "Duplicate function declaration found: {}",
                        function.name
                    )));
                }
                functions.push(function);
            }
        }
        if let (Some(own), false) = (own.first(), functions.is_empty()) {
            check_mixture(request, own, family)?;
        }
        let mode = calling(request, &mut functions)?;
        let tokens = if tools.is_empty() { 0 } else { tokens::of_tools(tools) };
        Ok(Self { tokens, functions, mode })
    }

    /// Whether there are functions.
    pub fn has_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    /// The calls of the answer; `wanted` is the directive's number of them.
    pub fn calls(&self, wanted: Option<usize>) -> Vec<ToolCall> {
        let count = match self.mode {
            Mode::None => 0,
            Mode::Any => wanted.unwrap_or(1),
            Mode::Auto => wanted.unwrap_or(0),
        };
        let functions = self.functions.iter();
        tool_calls::in_turns(functions.map(|f| (f.name.as_str(), &f.parameters)), count)
    }
}

fn function(declaration: &Value, path: &str, family: Family) -> Result<Function, GoogleError> {
    let name = declaration["name"].as_str().unwrap_or_default();
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    let length_max = family.name_length_max();
    if !name.starts_with(first) || !name.bytes().all(rest) || length_max < name.len() {
        return Err(GoogleError::invalid(format!(
            "* GenerateContentRequest.{path}.name: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of {length_max}.\n"
        )));
    }
    let (own, json_schema) = (&declaration["parameters"], &declaration["parametersJsonSchema"]);
    let parameters = match (own, json_schema) {
        (Value::Null, Value::Null) => json!({}),
        (Value::Null, schema) if !family.takes_json_schema() => {
            let name = if schema.is_object() { "parameters_json_schema" } else { "parameters" };
            return Err(GoogleError::unknown_name(name, path));
        }
        (Value::Null, schema) => schema.clone(),
        (schema, Value::Null) => {
            let path = format!("GenerateContentRequest.{path}.parameters");
            check_parameters(schema, &path)?;
            schemas::json_schema(schema)
        }
        _ => {
            return Err(GoogleError::invalid(format!(
                "{path}: parameters and parameters_json_schema are mutually exclusive."
            )));
        }
    };
    Ok(Function { name: name.to_owned(), parameters })
}

fn check_parameters(schema: &Value, path: &str) -> Result<(), GoogleError> {
    let empty = schema["properties"].as_object().is_none_or(serde_json::Map::is_empty);
    if schema["type"] == "OBJECT" && empty {
        return Err(GoogleError::invalid(format!(
            "* {path}.properties: should be non-empty for OBJECT type\n"
        )));
    }
    schemas::check(schema, path)
}

fn check_mixture(request: &Value, own: &str, family: Family) -> Result<(), GoogleError> {
    let asked = request["toolConfig"]["includeServerSideToolInvocations"] == true;
    if family.mixes_tools() && asked {
        return Ok(());
    }
    Err(GoogleError::invalid(format!(
        "Tool use with function calling is unsupported together with {}.",
        snake(own)
    )))
}

/// The mode; functions that may not be called leave the list.
fn calling(request: &Value, functions: &mut Vec<Function>) -> Result<Mode, GoogleError> {
    let config = &request["toolConfig"]["functionCallingConfig"];
    if config.is_null() {
        return Ok(Mode::Auto);
    }
    if functions.is_empty() {
        let message = "Function calling config is set without function_declarations.";
        return Err(GoogleError::invalid(message));
    }
    let word = config["mode"].as_str().unwrap_or("AUTO");
    if let Some(allowed) = config["allowedFunctionNames"].as_array().filter(|a| !a.is_empty()) {
        if !matches!(word, "ANY" | "VALIDATED") {
            let message = "allowed_function_names should only be set when the function calling mode is ANY or VALIDATED.";
            return Err(GoogleError::invalid(message));
        }
        let unknown = |name: &&Value| !functions.iter().any(|function| **name == function.name);
        if let Some(unknown) = allowed.iter().find(unknown) {
            return Err(GoogleError::invalid(format!(
                "allowed_function_names has {unknown}, which is not among the function_declarations."
            )));
        }
        functions.retain(|function| allowed.iter().any(|name| *name == function.name));
    }
    Ok(match word {
        "ANY" => Mode::Any,
        "NONE" => Mode::None,
        _ => Mode::Auto,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(model: &str, wanted: Option<usize>, request: Value) -> Result<Vec<String>, String> {
        let tools = Tools::parse(&request, Family::of(model)).map_err(|error| error.message)?;
        Ok(tools.calls(wanted).into_iter().map(|call| call.name).collect())
    }

    #[test]
    fn functions_are_called_as_the_mode_says() {
        let tools = json!([{ "functionDeclarations": [{ "name": "f" }, { "name": "g" }] }]);
        let request = |config: Value| json!({ "tools": tools, "toolConfig": { "functionCallingConfig": config } });
        let cases = [
            (json!({ "tools": tools }), None, vec![]),
            (json!({ "tools": tools }), Some(3), vec!["f", "g", "f"]),
            (request(json!({ "mode": "VALIDATED" })), Some(1), vec!["f"]),
            (request(json!({ "mode": "ANY" })), None, vec!["f"]),
            (request(json!({ "mode": "ANY", "allowedFunctionNames": ["g"] })), None, vec!["g"]),
            (request(json!({ "mode": "NONE" })), Some(1), vec![]),
        ];
        for (request, wanted, expected) in cases {
            let found = calls("gemini-2.5-pro", wanted, request.clone()).unwrap();
            assert_eq!(found, expected, "{request}");
        }
    }

    #[test]
    fn wrong_tools_are_refused() {
        let one =
            |declaration: Value| json!({ "tools": [{ "functionDeclarations": [declaration] }] });
        let schema = json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING" } } });
        let cases = [
            ("gemini-2.5-pro", one(json!({ "name": "1f" })), "Invalid function name"),
            ("gemini-2.5-pro", one(json!({ "name": "f".repeat(65) })), "maximum length of 64"),
            ("gemini-3-pro", one(json!({ "name": "f".repeat(129) })), "maximum length of 128"),
            (
                "gemini-3-pro",
                one(json!({ "name": "f", "parameters": { "type": "OBJECT" } })),
                "non-empty for OBJECT",
            ),
            (
                "gemini-3-pro",
                one(json!({ "name": "f", "parameters": schema, "parametersJsonSchema": {} })),
                "mutually exclusive",
            ),
            (
                "gemini-1.5-pro",
                one(json!({ "name": "f", "parametersJsonSchema": {} })),
                "Unknown name \"parameters_json_schema\"",
            ),
            (
                "gemini-3-pro",
                json!({ "tools": [{ "functionDeclarations": [{ "name": "f" }, { "name": "f" }] }] }),
                "Duplicate",
            ),
            (
                "gemini-2.5-pro",
                json!({ "tools": [{ "functionDeclarations": [{ "name": "f" }] }, { "googleSearch": {} }] }),
                "google_search",
            ),
            (
                "gemini-3-pro",
                json!({ "toolConfig": { "functionCallingConfig": { "mode": "ANY" } } }),
                "without function_declarations",
            ),
            (
                "gemini-3-pro",
                json!({ "tools": [{ "functionDeclarations": [{ "name": "f" }] }], "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["g"] } } }),
                "\"g\"",
            ),
            (
                "gemini-3-pro",
                json!({ "tools": [{ "functionDeclarations": [{ "name": "f" }] }], "toolConfig": { "functionCallingConfig": { "allowedFunctionNames": ["f"] } } }),
                "ANY or VALIDATED",
            ),
        ];
        for (model, request, message) in cases {
            let found = calls(model, None, request.clone()).expect_err(&request.to_string());
            assert!(found.contains(message), "{found}");
        }
        let both = json!({ "tools": [{ "functionDeclarations": [{ "name": "f" }], "googleSearch": {} }], "toolConfig": { "includeServerSideToolInvocations": true } });
        assert!(calls("gemini-3-pro", None, both.clone()).is_ok());
        assert!(calls("gemini-2.5-pro", None, both).is_err());
    }
}
