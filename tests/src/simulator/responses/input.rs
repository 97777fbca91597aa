//! A request for a response, checked as OpenAI does.

use serde_json::{Map, Value, json};

use super::super::errors::ApiError;
use super::super::message_plan::{Shape, Thinking, Wanted};
use super::super::tokens;
use super::super::tool_calls::{self, ToolCall};

const FIELDS: [&str; 31] = [
    "model",
    "input",
    "instructions",
    "previous_response_id",
    "conversation",
    "store",
    "stream",
    "stream_options",
    "max_output_tokens",
    "max_tool_calls",
    "temperature",
    "top_p",
    "top_logprobs",
    "reasoning",
    "text",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "include",
    "truncation",
    "background",
    "context_management",
    "prompt",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "service_tier",
    "moderation",
    "client_metadata",
];
/// The members that an answer repeats, and what it says where they are not given.
const ECHOED: [(&str, &str); 10] = [
    ("instructions", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("temperature", "1.0"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1.0"),
    ("max_output_tokens", "null"),
    ("truncation", "\"disabled\""),
    ("store", "true"),
];

/// A request that makes sense.
#[derive(Debug)]
pub struct ResponsesRequest<'a> {
    /// Whether to answer with a stream.
    pub stream: bool,
    /// Whether sealed reasoning is asked for.
    pub wants_sealed: bool,
    body: &'a Map<String, Value>,
    prompt_tokens: u64,
    shape: Shape<'a>,
}

impl<'a> ResponsesRequest<'a> {
    /// Checks a request's body.
    pub fn parse(body: &'a Map<String, Value>) -> Result<Self, ApiError> {
        if let Some(unknown) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let message = format!("Unknown parameter: '{unknown}'.");
            return Err(ApiError::invalid(unknown, Some("unknown_parameter"), message));
        }
        if let Some(id) = body.get("previous_response_id").filter(|id| !id.is_null()) {
            let message = format!("Previous response with id {id} not found.");
            let code = Some("previous_response_not_found");
            return Err(ApiError::invalid("previous_response_id", code, message));
        }
        let prompt_tokens = match body.get("input") {
            Some(Value::String(text)) if !text.is_empty() => tokens::of_bytes(text.len()),
            Some(Value::Array(items)) if !items.is_empty() => check_items(items)?,
            _ => return Err(wrong("input", "must be a string or a list of items")),
        };
        for (index, tool) in
            body.get("tools").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            if tool["type"] == "function" && tool["name"].as_str().is_none_or(str::is_empty) {
                let param = format!("tools[{index}].name");
                let message = format!("Missing required parameter: '{param}'.");
                return Err(ApiError::invalid(&param, Some("missing_required_parameter"), message));
            }
        }
        if let Some(most) = body.get("max_output_tokens").and_then(Value::as_u64)
            && most < 16
        {
            return Err(wrong("max_output_tokens", "must be at least 16"));
        }
        let format = body.get("text").and_then(|text| text.get("format"));
        let shape = match format.and_then(|format| format["type"].as_str()) {
            None | Some("text") => Shape::Text,
            Some("json_object") => Shape::Json,
            Some("json_schema") => match format.and_then(|format| format.get("schema")) {
                Some(schema) => Shape::Schema(schema),
                None => return Err(wrong("text.format.schema", "is missing")),
            },
            Some(_) => return Err(wrong("text.format.type", "is not supported")),
        };
        let include = body.get("include").and_then(Value::as_array);
        let sealed = |word: &Value| word == "reasoning.encrypted_content";
        Ok(Self {
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            wants_sealed: include.is_some_and(|words| words.iter().any(sealed)),
            body,
            prompt_tokens: prompt_tokens + 3,
            shape,
        })
    }

    /// What the answer is to be; `tools` is the directive's number of tool calls.
    pub fn wanted(&self, tools: Option<usize>) -> Wanted<'_> {
        const NOTHING: &Value = &Value::Null;
        let choice = self.body.get("tool_choice");
        let named = choice.and_then(|choice| choice["name"].as_str());
        let offered: Vec<(&str, &Value)> = self
            .body
            .get("tools")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|tool| tool["type"] == "function")
            .filter_map(|tool| {
                Some((tool["name"].as_str()?, tool.get("parameters").unwrap_or(NOTHING)))
            })
            .filter(|(name, _)| named.is_none_or(|named| named == *name))
            .collect();
        let count = match choice.and_then(Value::as_str) {
            Some("none") => 0,
            Some("required") => tools.unwrap_or(1),
            _ if named.is_some() => tools.unwrap_or(1),
            _ => tools.unwrap_or(0),
        };
        let tool_calls: Vec<ToolCall> = tool_calls::in_turns(offered.iter().copied(), count);
        let most = self.body.get("max_output_tokens").and_then(Value::as_u64);
        Wanted {
            prompt_tokens: self.prompt_tokens,
            tokens_max: most.unwrap_or(u64::MAX),
            stop_sequences: &[],
            tool_calls,
            shape: self.shape,
            thinking: Thinking::Forbidden,
        }
    }

    /// What the answer repeats of the request.
    pub fn echoed(&self) -> Map<String, Value> {
        let mut echoed = Map::new();
        for (name, absent) in ECHOED {
            let given = self.body.get(name).cloned();
            let value = given.unwrap_or_else(|| serde_json::from_str(absent).unwrap_or_default());
            echoed.insert(name.to_owned(), value);
        }
        echoed.insert("previous_response_id".to_owned(), Value::Null);
        let text = self.body.get("text").cloned();
        echoed.insert(
            "text".to_owned(),
            text.unwrap_or_else(|| json!({ "format": { "type": "text" } })),
        );
        let reasoning = self.body.get("reasoning").cloned();
        let none = json!({ "effort": null, "summary": null });
        echoed.insert("reasoning".to_owned(), reasoning.unwrap_or(none));
        echoed
    }
}

fn wrong(param: &str, what: &str) -> ApiError {
    ApiError::invalid(param, Some("invalid_value"), format!("Invalid value: '{param}' {what}."))
}

/// Checks all items and counts their tokens.
fn check_items(items: &[Value]) -> Result<u64, ApiError> {
    let mut count = 0;
    let mut calls: Vec<&str> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let param = format!("input[{index}]");
        count += 4;
        match item["type"].as_str().unwrap_or("message") {
            "message" => count += message(item, &param)?,
            "function_call" => {
                let (id, name) = (item["call_id"].as_str(), item["name"].as_str());
                let (Some(id), Some(_), Some(arguments)) = (id, name, item["arguments"].as_str())
                else {
                    return Err(wrong(&param, "must have call_id, name and arguments"));
                };
                count += tokens::of_bytes(arguments.len());
                calls.push(id);
            }
            "function_call_output" => {
                let id = item["call_id"].as_str().unwrap_or_default();
                if !calls.contains(&id) {
                    let message =
                        format!("No tool call found for function call output with call_id {id}.");
                    return Err(ApiError::invalid("input", None, message));
                }
                count += tokens::of_bytes(item["output"].to_string().len());
            }
            "reasoning" => {
                let follows = items.get(index + 1).and_then(|next| next["type"].as_str());
                let paired = items.get(index + 1).is_some_and(|next| {
                    next["role"] == "assistant"
                        || matches!(
                            follows,
                            Some("function_call" | "custom_tool_call" | "reasoning")
                        )
                });
                if !paired {
                    let message = "Item of type 'reasoning' was provided without its required following item.";
                    return Err(ApiError::invalid("input", None, message));
                }
            }
            _ => {}
        }
    }
    Ok(count)
}

/// The names of parts go by who speaks.
fn message(item: &Value, param: &str) -> Result<u64, ApiError> {
    let role = item["role"].as_str().unwrap_or_default();
    let own = match role {
        "assistant" => ["output_text", "refusal"].as_slice(),
        "user" | "system" | "developer" => ["input_text", "input_image", "input_file"].as_slice(),
        _ => return Err(wrong(&format!("{param}.role"), "is not supported")),
    };
    match &item["content"] {
        Value::String(text) => Ok(tokens::of_bytes(text.len())),
        Value::Array(parts) => {
            let mut count = 0;
            for (at, part) in parts.iter().enumerate() {
                let kind = part["type"].as_str().unwrap_or_default();
                if !own.contains(&kind) {
                    let param = format!("{param}.content[{at}]");
                    let message =
                        format!("Invalid value: '{kind}'. Supported values are: {own:?}.");
                    return Err(ApiError::invalid(&param, Some("invalid_value"), message));
                }
                if kind == "input_image"
                    && !part["image_url"].is_string()
                    && !part["file_id"].is_string()
                {
                    return Err(wrong(
                        &format!("{param}.content[{at}].image_url"),
                        "must be a string",
                    ));
                }
                count += match kind {
                    "input_image" | "input_file" => 85,
                    _ => tokens::of_bytes(part["text"].as_str().unwrap_or_default().len()),
                };
            }
            Ok(count)
        }
        _ => Err(wrong(&format!("{param}.content"), "must be a string or a list of parts")),
    }
}
