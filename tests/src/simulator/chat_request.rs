//! The chat request, checked at the door: what is wrong is said with its `param`, as OpenAI does.

use serde_json::{Map, Value};

use super::errors::ApiError;
use super::tokens;

/// Every top-level field that OpenAI knows; the directive `strict` refuses others.
const FIELDS: [&str; 37] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "seed",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "reasoning_effort",
    "verbosity",
    "modalities",
    "audio",
    "prediction",
    "web_search_options",
    "moderation",
    "service_tier",
    "store",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
];
const ROLES: [&str; 6] = ["developer", "system", "user", "assistant", "tool", "function"];
const CHOICES_MAX: u64 = 128;

/// A chat request that makes sense.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// The model as requested, directives and all.
    pub model: String,
    /// Whether to answer with a stream.
    pub stream: bool,
    /// Whether the stream ends with a usage chunk.
    pub include_usage: bool,
    /// Whether chunks are padded.
    pub include_obfuscation: bool,
    /// How many choices.
    pub choices: usize,
    /// The most output tokens of each choice.
    pub max_tokens: Option<u64>,
    /// The tools on offer.
    pub tools: Vec<Value>,
    /// How the tools are to be used.
    pub tool_choice: Value,
    /// Whether several tools may be called.
    pub parallel_tool_calls: bool,
    /// The shape of the answer's text.
    pub response_format: Value,
    /// The tier that the answer reports.
    pub service_tier: &'static str,
    /// The provider's count of the prompt.
    pub prompt_tokens: u64,
}

impl ChatRequest {
    /// Checks a request's body.
    pub fn parse(model: &str, body: &Map<String, Value>, strict: bool) -> Result<Self, ApiError> {
        if strict && let Some(unknown) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let message = format!("Unknown parameter: '{unknown}'.");
            return Err(ApiError::invalid(unknown, Some("unknown_parameter"), message));
        }
        let messages = messages(body)?;
        let stream = boolean(body, "stream")?.unwrap_or(false);
        let options = match field(body, "stream_options") {
            None => None,
            Some(_) if !stream => {
                let message =
                    "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
                return Err(ApiError::invalid("stream_options", None, message));
            }
            Some(Value::Object(options)) => Some(options),
            Some(_) => return Err(wrong_type("stream_options", "an object")),
        };
        let option = |name| options.map_or(Ok(None), |options| boolean(options, name));
        let tools = tools(body)?;
        let (max_old, max_new) =
            (count(body, "max_tokens")?, count(body, "max_completion_tokens")?);
        Ok(Self {
            model: model.to_owned(),
            stream,
            include_usage: option("include_usage")?.unwrap_or(false),
            include_obfuscation: option("include_obfuscation")?.unwrap_or(true),
            choices: choices(body)?,
            max_tokens: max_old.into_iter().chain(max_new).min(),
            tool_choice: tool_choice(body, &tools)?,
            parallel_tool_calls: boolean(body, "parallel_tool_calls")?.unwrap_or(true),
            response_format: field(body, "response_format").cloned().unwrap_or(Value::Null),
            service_tier: service_tier(field(body, "service_tier")),
            prompt_tokens: tokens::of_chat_prompt(messages, &tools),
            tools,
        })
    }
}

/// A field that is there and not null: OpenAI takes null for absent.
pub fn field<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

/// The error for a field of the wrong type.
pub fn wrong_type(param: &str, expected: &str) -> ApiError {
    let message = format!("Invalid type for '{param}': expected {expected}.");
    ApiError::invalid(param, Some("invalid_type"), message)
}

fn messages(body: &Map<String, Value>) -> Result<&[Value], ApiError> {
    let messages = match field(body, "messages") {
        None => {
            let message = "Missing required parameter: 'messages'.";
            return Err(ApiError::invalid("messages", Some("missing_required_parameter"), message));
        }
        Some(Value::Array(messages)) => messages,
        Some(_) => return Err(wrong_type("messages", "an array of objects")),
    };
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(ApiError::invalid("messages", Some("empty_array"), message));
    }
    for (index, message) in messages.iter().enumerate() {
        check_message(index, message)?;
    }
    Ok(messages)
}

fn check_message(index: usize, message: &Value) -> Result<(), ApiError> {
    let role = message["role"].as_str().unwrap_or_default();
    if !ROLES.contains(&role) {
        let param = format!("messages[{index}].role");
        let text = format!("Invalid value: '{role}'. Supported values are: {}.", ROLES.join(", "));
        return Err(ApiError::invalid(&param, Some("invalid_value"), text));
    }
    let may_be_empty = match role {
        "assistant" => !message["tool_calls"].is_null() || !message["function_call"].is_null(),
        _ => role == "function",
    };
    match &message["content"] {
        Value::String(_) | Value::Array(_) => Ok(()),
        Value::Null if may_be_empty => Ok(()),
        _ => Err(wrong_type(
            &format!("messages[{index}].content"),
            "a string or an array of objects",
        )),
    }
}

fn tools(body: &Map<String, Value>) -> Result<Vec<Value>, ApiError> {
    let tools = match field(body, "tools") {
        None => return Ok(Vec::new()),
        Some(Value::Array(tools)) => tools.clone(),
        Some(_) => return Err(wrong_type("tools", "an array of objects")),
    };
    for (index, tool) in tools.iter().enumerate() {
        let kind = tool["type"].as_str().unwrap_or_default();
        if !matches!(kind, "function" | "custom") {
            let message =
                format!("Invalid value: '{kind}'. Supported values are: 'function' and 'custom'.");
            return Err(ApiError::invalid(
                &format!("tools[{index}].type"),
                Some("invalid_value"),
                message,
            ));
        }
        if !tool[kind]["name"].is_string() {
            let param = format!("tools[{index}].{kind}.name");
            let message = format!("Missing required parameter: '{param}'.");
            return Err(ApiError::invalid(&param, Some("missing_required_parameter"), message));
        }
    }
    Ok(tools)
}

fn tool_choice(body: &Map<String, Value>, tools: &[Value]) -> Result<Value, ApiError> {
    let Some(choice) = field(body, "tool_choice") else { return Ok(Value::Null) };
    if tools.is_empty() {
        let message = "'tool_choice' is only allowed when 'tools' are specified.";
        return Err(ApiError::invalid("tool_choice", None, message));
    }
    if let Some(kind @ ("function" | "custom")) = choice["type"].as_str()
        && !tools.iter().any(|tool| tool[kind]["name"] == choice[kind]["name"])
    {
        let message =
            format!("Tool choice {} not found in 'tools' parameter.", choice[kind]["name"]);
        return Err(ApiError::invalid("tool_choice", Some("invalid_value"), message));
    }
    Ok(choice.clone())
}

fn choices(body: &Map<String, Value>) -> Result<usize, ApiError> {
    match count(body, "n")?.unwrap_or(1) {
        n if n <= CHOICES_MAX => Ok(n as usize),
        n => {
            let message = format!("Invalid 'n': {n} is above the maximum of {CHOICES_MAX}.");
            Err(ApiError::invalid("n", Some("integer_above_max_value"), message))
        }
    }
}

fn count(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(value) = field(body, name) else { return Ok(None) };
    match value.as_u64() {
        Some(count) if 1 <= count => Ok(Some(count)),
        None if !value.is_i64() => Err(wrong_type(name, "an integer")),
        _ => {
            let message =
                format!("Invalid '{name}': integer below minimum value. Expected a value >= 1.");
            Err(ApiError::invalid(name, Some("integer_below_min_value"), message))
        }
    }
}

fn boolean(body: &Map<String, Value>, name: &str) -> Result<Option<bool>, ApiError> {
    match field(body, name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(wrong_type(name, "a boolean")),
    }
}

fn service_tier(requested: Option<&Value>) -> &'static str {
    match requested.and_then(Value::as_str) {
        Some("priority" | "fast") => "priority",
        Some("flex") => "flex",
        Some("scale") => "scale",
        _ => "default",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: Value, strict: bool) -> Result<ChatRequest, ApiError> {
        ChatRequest::parse("m", body.as_object().unwrap(), strict)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let hi = json!([{ "role": "user", "content": "hi" }]);
        let cases = [
            (json!({}), "messages"),
            (json!({ "messages": [] }), "messages"),
            (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
            (json!({ "messages": [{ "role": "robot", "content": "" }] }), "messages[0].role"),
            (json!({ "messages": hi, "stream": "yes" }), "stream"),
            (json!({ "messages": hi, "stream_options": {} }), "stream_options"),
            (json!({ "messages": hi, "n": 0 }), "n"),
            (json!({ "messages": hi, "n": 129 }), "n"),
            (json!({ "messages": hi, "max_tokens": -1 }), "max_tokens"),
            (json!({ "messages": hi, "tool_choice": "auto" }), "tool_choice"),
            (
                json!({ "messages": hi, "tools": [{ "type": "function" }] }),
                "tools[0].function.name",
            ),
            (json!({ "messages": hi, "colour": "red" }), "colour"),
        ];
        for (body, param) in cases {
            let error = parse(body.clone(), true).expect_err(&body.to_string());
            assert_eq!(
                (error.status.as_u16(), error.param.as_deref()),
                (400, Some(param)),
                "{body}"
            );
        }
    }

    #[test]
    fn the_smaller_maximum_counts() {
        let body = json!({
            "messages": [{ "role": "user", "content": "hi" }],
            "max_tokens": 9, "max_completion_tokens": 4, "colour": null,
        });
        let request = parse(body, false).unwrap();
        assert_eq!(request.max_tokens, Some(4));
        assert_eq!(request.prompt_tokens, 7);
    }
}
