//! A turn as agents take it: the answer calls one tool, and once the conversation has the tool's result it is quoted.

use serde_json::{Map, Value};

use super::tool_calls::ToolCall;

/// As much of a result is quoted.
const QUOTED_MAX: usize = 2_000;

/// The tool that is to be called, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    name: String,
    arguments: String,
}

/// What the answer is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The call.
    Call(ToolCall),
    /// This text.
    Say(String),
}

impl Script {
    /// Reads `NAME{…}`: the tool and its arguments as JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, _) = text.split_once('{')?;
        let arguments = &text[name.len()..];
        let whole = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
        (!name.is_empty() && whole)
            .then(|| Self { name: name.to_owned(), arguments: arguments.to_owned() })
    }

    /// What answers a request; `None` if the tool is not on offer: then the answer is as without a script.
    pub fn turn(&self, body: &Map<String, Value>) -> Option<Turn> {
        let tools = body.get("tools")?.as_array()?;
        tools.iter().find(|tool| self.is_named(tool))?;
        Some(match last_result(body) {
            Some(result) => {
                let quoted: String = result.chars().take(QUOTED_MAX).collect();
                Turn::Say(format!("The tool says: {quoted}"))
            }
            None => Turn::Call(ToolCall {
                name: self.name.clone(),
                custom: false,
                arguments: self.arguments.clone(),
            }),
        })
    }

    fn is_named(&self, tool: &Value) -> bool {
        tool["name"] == *self.name || tool["function"]["name"] == *self.name
    }
}

/// The text of the last tool result, whatever the format's word for it.
fn last_result(body: &Map<String, Value>) -> Option<String> {
    let list = ["messages", "input"].iter().find_map(|name| body.get(*name)?.as_array())?;
    list.iter().rev().find_map(|item| {
        if item["role"] == "tool" {
            return Some(text_of(&item["content"]));
        }
        if item["type"] == "function_call_output" {
            return Some(text_of(&item["output"]));
        }
        let blocks = item["content"].as_array()?;
        let result = blocks.iter().rev().find(|block| block["type"] == "tool_result")?;
        Some(text_of(&result["content"]))
    })
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn turn(body: &Value) -> Option<Turn> {
        Script::parse(r#"Bash{"command":"ls"}"#).unwrap().turn(body.as_object().unwrap())
    }

    #[test]
    fn the_tool_is_called_until_its_result_is_there() {
        let anthropic = json!([{ "name": "Bash", "input_schema": {} }]);
        let openai = json!([{ "type": "function", "function": { "name": "Bash" } }]);
        let said = |text: &str| Some(Turn::Say(format!("The tool says: {text}")));
        for tools in [&anthropic, &openai] {
            let asked = json!({ "tools": tools, "messages": [{ "role": "user", "content": "x" }] });
            let Some(Turn::Call(call)) = turn(&asked) else { panic!("{asked}") };
            assert_eq!(
                (call.name.as_str(), call.arguments.as_str()),
                ("Bash", r#"{"command":"ls"}"#)
            );
        }
        let result =
            json!([{ "type": "tool_result", "content": [{ "type": "text", "text": "a" }] }]);
        let messages =
            json!([{ "role": "user", "content": result }, { "role": "user", "content": "b" }]);
        assert_eq!(turn(&json!({ "tools": anthropic, "messages": messages })), said("a"));
        let messages = json!([{ "role": "tool", "content": "c" }]);
        assert_eq!(turn(&json!({ "tools": openai, "messages": messages })), said("c"));
        let input = json!([{ "type": "function_call_output", "output": "d" }]);
        assert_eq!(turn(&json!({ "tools": anthropic, "input": input })), said("d"));
    }

    #[test]
    fn without_the_tool_there_is_no_script() {
        assert_eq!(turn(&json!({ "messages": [] })), None);
        assert_eq!(turn(&json!({ "tools": [{ "name": "Read" }], "messages": [] })), None);
        for wrong in ["Bash", "{}", "Bash{", "Bash[1]"] {
            assert_eq!(Script::parse(wrong), None, "{wrong}");
        }
    }
}
