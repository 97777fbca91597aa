//! Which tools an answer calls, and with what.

use serde_json::{Value, json};

use super::chat_request::ChatRequest;
use super::{schema, words};

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// Whether it is a custom tool, which takes free text.
    pub custom: bool,
    /// JSON text, or free text for a custom tool.
    pub arguments: String,
}

/// The calls of the answer: none if it is to be text. `wanted` is the directive's number of calls.
pub fn of(request: &ChatRequest, wanted: Option<usize>) -> Vec<ToolCall> {
    let choice = &request.tool_choice;
    let kind = choice["type"].as_str().unwrap_or_default();
    let forced = match choice {
        // Mistral says `any`.
        Value::String(word) => word == "required" || word == "any",
        _ => matches!(kind, "function" | "custom") || choice["allowed_tools"]["mode"] == "required",
    };
    if choice == "none" || (!forced && wanted.is_none()) {
        return Vec::new();
    }
    let allowed: Vec<&Value> =
        request.tools.iter().filter(|tool| is_allowed(choice, kind, tool)).collect();
    let count = if request.parallel_tool_calls { wanted.unwrap_or(1) } else { 1 };
    allowed
        .iter()
        .cycle()
        .take(if allowed.is_empty() { 0 } else { count })
        .map(|tool| call(tool))
        .collect()
}

/// Calls of tools that take JSON, in turns until there are `count`. A tool is its name and the
/// schema of its arguments.
pub fn in_turns<'a>(
    tools: impl Iterator<Item = (&'a str, &'a Value)> + Clone,
    count: usize,
) -> Vec<ToolCall> {
    let calls = tools.cycle().take(count).map(|(name, schema)| {
        let arguments = if schema.is_object() { schema::example(schema) } else { json!({}) };
        ToolCall { name: name.to_owned(), custom: false, arguments: arguments.to_string() }
    });
    calls.collect()
}

fn is_allowed(choice: &Value, kind: &str, tool: &Value) -> bool {
    let same = |named: &Value| {
        let kind = named["type"].as_str().unwrap_or_default();
        tool["type"] == kind && tool[kind]["name"] == named[kind]["name"]
    };
    match kind {
        "function" | "custom" => same(choice),
        "allowed_tools" => {
            choice["allowed_tools"]["tools"].as_array().is_some_and(|tools| tools.iter().any(same))
        }
        _ => true,
    }
}

fn call(tool: &Value) -> ToolCall {
    let custom = tool["type"] == "custom";
    let definition = &tool[if custom { "custom" } else { "function" }];
    let name = definition["name"].as_str().unwrap_or_default().to_owned();
    let arguments = if custom {
        words::text(0, 8)
    } else if definition["parameters"].is_object() {
        schema::example(&definition["parameters"]).to_string()
    } else {
        "{}".to_owned()
    };
    ToolCall { name, custom, arguments }
}
