//! A request for content, read as Google does: its fields first, then what they mean together.

use serde_json::{Map, Value};

use super::super::message_plan::{Shape, Wanted};
use super::config::{Config, Format};
use super::contents::Checker;
use super::errors::GoogleError;
use super::families::Family;
use super::messages;
use super::proto::Host;
use super::tools::Tools;

/// What stands in every prompt.
const PROMPT_TOKENS: u64 = 3;

/// A request that makes sense.
#[derive(Debug)]
pub struct GenerateRequest {
    /// The provider's count of the prompt.
    pub prompt_tokens: u64,
    /// What the answer is to be.
    pub config: Config,
    tools: Tools,
}

impl GenerateRequest {
    /// Checks the body of a request to a model.
    pub fn parse(body: &Map<String, Value>, checker: Checker) -> Result<Self, GoogleError> {
        let request = messages::GENERATE.read(&Value::Object(body.clone()), "", checker.host)?;
        Self::of(&request, checker)
    }

    fn of(request: &Value, checker: Checker) -> Result<Self, GoogleError> {
        let family = checker.family;
        let contents = request["contents"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut prompt_tokens = PROMPT_TOKENS + checker.conversation(contents)?;
        if let Some(instructions) = request.get("systemInstruction") {
            prompt_tokens += checker.instructions(instructions)?;
        }
        check_cached(request)?;
        check_labels(request)?;
        let tools = Tools::parse(request, family)?;
        let config = Config::parse(&request["generationConfig"], family, tools.has_functions())?;
        Ok(Self { prompt_tokens: prompt_tokens + tools.tokens, config, tools })
    }

    /// What the answer is to be; `tools` is the directive's number of tool calls.
    pub fn wanted(&self, tools: Option<usize>) -> Wanted<'_> {
        Wanted {
            prompt_tokens: self.prompt_tokens,
            tokens_max: self.config.tokens_max,
            stop_sequences: &self.config.stop_sequences,
            tool_calls: self.tools.calls(tools),
            shape: match &self.config.format {
                Format::Text => Shape::Text,
                Format::Json => Shape::Json,
                Format::Schema(schema) => Shape::Schema(schema),
            },
            thinking: self.config.thinking,
        }
    }
}

/// Counts the tokens of a prompt, or of a whole request.
pub fn count(body: &Map<String, Value>, checker: Checker) -> Result<u64, GoogleError> {
    let request = messages::COUNT.read(&Value::Object(body.clone()), "", checker.host)?;
    match request.get("generateContentRequest") {
        Some(_) if request.get("contents").is_some() => Err(GoogleError::invalid(
            "contents and generate_content_request are mutually exclusive.",
        )),
        Some(whole) if whole["model"].as_str().is_none_or(str::is_empty) => {
            Err(GoogleError::invalid(
                "* CountTokensRequest.generate_content_request.model: model is not specified\n",
            ))
        }
        Some(whole) => Ok(GenerateRequest::of(whole, checker)?.prompt_tokens),
        None => Ok(GenerateRequest::of(&request, checker)?.prompt_tokens),
    }
}

/// What a cache holds cannot be said anew.
fn check_cached(request: &Value) -> Result<(), GoogleError> {
    let Some(name) = request["cachedContent"].as_str() else { return Ok(()) };
    if !name.contains("cachedContents/") {
        return Err(GoogleError::invalid(format!("Invalid CachedContent name: {name}")));
    }
    let held = ["systemInstruction", "tools", "toolConfig"];
    if held.iter().any(|name| request.get(*name).is_some()) {
        return Err(GoogleError::invalid(
            "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request.",
        ));
    }
    Ok(())
}

fn check_labels(request: &Value) -> Result<(), GoogleError> {
    let fits = |text: &str| {
        let good = |letter: char| {
            !letter.is_uppercase() && (letter.is_alphanumeric() || matches!(letter, '_' | '-'))
        };
        text.chars().count() <= 63 && text.chars().all(good)
    };
    for (name, value) in request["labels"].as_object().into_iter().flatten() {
        let begins = name.starts_with(char::is_alphabetic);
        if !begins || !fits(name) || !value.as_str().is_some_and(fits) {
            return Err(GoogleError::invalid(format!("Invalid label: {name}")));
        }
    }
    Ok(())
}

/// A checker for a model by its plain name.
pub fn checker(model: &str, host: Host) -> Checker {
    Checker { family: Family::of(model), host }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::super::any_json::{any_json, replaced};
    use super::*;

    fn hi() -> Value {
        json!([{ "role": "user", "parts": [{ "text": "hi" }] }])
    }

    fn tokens(model: &str, host: Host, body: Value) -> Result<u64, String> {
        let parsed = GenerateRequest::parse(body.as_object().unwrap(), checker(model, host));
        parsed.map(|request| request.prompt_tokens).map_err(|error| error.message)
    }

    #[test]
    fn a_field_that_does_not_exist_refuses_the_request_wherever_it_stands() {
        let declared = |schema: Value| json!({ "contents": hi(), "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": schema }] }] });
        let property =
            |schema: Value| declared(json!({ "type": "object", "properties": { "a": schema } }));
        let at = "at 'tools[0].function_declarations[0].parameters.properties[0].value'";
        let mut cases = vec![
            (json!({ "contents": hi(), "n": 1 }), "Unknown name \"n\"".to_owned()),
            (json!({ "contents": [{ "role": "user", "content": "hi" }] }), "at 'contents[0]'".into()),
            (json!({ "contents": hi(), "generationConfig": { "max_tokens": 1 } }), "max_tokens".into()),
            (declared(json!({ "$schema": "x" })), "Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters': Cannot find field.".into()),
        ];
        for key in ["$ref", "const", "additionalProperties", "exclusiveMinimum", "oneOf", "not"] {
            cases.push((property(json!({ key: true })), format!("Unknown name \"{key}\" {at}")));
        }
        for (body, message) in cases {
            let found = tokens("gemini-2.5-pro", Host::Studio, body.clone()).unwrap_err();
            assert!(found.contains(&message), "{body} {found}");
        }
        let open = property(json!({ "type": "OBJECT", "additionalProperties": false }));
        assert!(tokens("gemini-2.5-pro", Host::Vertex, open).is_ok());
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let cached = |more: Value| {
            let mut body = json!({ "contents": hi(), "cachedContent": "cachedContents/a" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let system = json!({ "systemInstruction": { "parts": [{ "text": "be brief" }] } });
        assert_eq!(tokens("m", Host::Studio, cached(json!({}))), Ok(7));
        assert!(tokens("m", Host::Studio, cached(system.clone())).is_err());
        assert!(tokens("m", Host::Studio, cached(json!({ "tools": [] }))).is_err());
        assert!(tokens("m", Host::Studio, cached(json!({ "labels": {} }))).is_err());
        assert!(tokens("m", Host::Vertex, cached(json!({ "labels": { "team": "a-1" } }))).is_ok());
        assert!(tokens("m", Host::Vertex, cached(json!({ "labels": { "Team": "a" } }))).is_err());
        assert!(tokens("m", Host::Vertex, cached(json!({ "serviceTier": "FLEX" }))).is_err());
        let mut body = system;
        body["contents"] = hi();
        assert_eq!(tokens("m", Host::Studio, body.clone()), Ok(12));
        assert!(tokens("gemma-3-27b-it", Host::Studio, body).is_err());
    }

    #[test]
    fn a_prompt_or_a_whole_request_is_counted() {
        let whole = json!({ "model": "models/m", "contents": hi() });
        let cases = [
            (Host::Studio, json!({ "contents": hi() }), Some(7)),
            (Host::Studio, json!({ "generateContentRequest": whole }), Some(7)),
            (Host::Studio, json!({ "generateContentRequest": { "contents": hi() } }), None),
            (Host::Studio, json!({ "contents": hi(), "generateContentRequest": whole }), None),
            (Host::Studio, json!({ "contents": hi(), "tools": [] }), None),
            (Host::Vertex, json!({ "contents": hi(), "tools": [] }), Some(7)),
            (Host::Vertex, json!({ "generateContentRequest": whole }), None),
        ];
        for (host, body, expected) in cases {
            let found = count(body.as_object().unwrap(), checker("m", host)).ok();
            assert_eq!(found, expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_request_is_too_strange(at in 0_usize..60, by in any_json()) {
            let body = json!({
                "contents": [
                    { "role": "user", "parts": [{ "text": "hi" }] },
                    { "role": "model", "parts": [{ "functionCall": { "name": "f", "args": {} }, "thoughtSignature": "skip_thought_signature_validator" }] },
                    { "role": "user", "parts": [{ "functionResponse": { "name": "f", "response": { "a": [1] } } }] },
                ],
                "systemInstruction": { "parts": [{ "text": "s" }] },
                "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": { "type": "OBJECT", "properties": { "a": { "anyOf": [{ "type": "STRING" }] } }, "required": ["a"] } }] }],
                "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f"] } },
                "generationConfig": { "stopSequences": ["a"], "thinkingConfig": { "thinkingLevel": "LOW" }, "maxOutputTokens": 9 },
            });
            let strange = replaced(&body, at, &by);
            if let Some(body) = strange.as_object() {
                let _ = GenerateRequest::parse(body, checker("gemini-3-pro", Host::Studio));
                let _ = count(body, checker("gemini-3-pro", Host::Vertex));
            }
        }
    }
}
