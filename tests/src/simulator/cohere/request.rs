//! The chat request, checked as Cohere does.

use serde_json::{Map, Value};

use super::super::fields::{Fields, Mistake, join};
use super::super::message_plan::{Shape, Thinking, Wanted};
use super::super::tokens;
use super::super::tool_calls::{self, ToolCall};
use super::conversation;
use super::errors::CohereError;

const FIELDS: [&str; 22] = [
    "model",
    "stream",
    "messages",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
    "raw_prompting",
];
const STOP_SEQUENCES_MAX: usize = 5;

/// A chat request that makes sense.
#[derive(Debug)]
pub struct ChatRequest<'a> {
    /// Whether to answer with a stream.
    pub stream: bool,
    prompt_tokens: u64,
    tokens_max: u64,
    stop_sequences: Vec<String>,
    tools: Vec<(&'a str, &'a Value)>,
    /// `REQUIRED`, `NONE`, or neither.
    tool_choice: Option<&'a str>,
    shape: Shape<'a>,
    thinking: Thinking,
}

impl<'a> ChatRequest<'a> {
    /// Checks a request's body; `model` is the plain name of the one it is for.
    pub fn parse(body: &'a Map<String, Value>, model: &str) -> Result<Self, CohereError> {
        let fields = Fields::at_top(body);
        if let Some(unknown) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let message = format!("unknown field: parameter '{unknown}' is not a valid field");
            return Err(CohereError::invalid(message));
        }
        let tools = tools(fields)?;
        let tool_choice = fields.word("tool_choice", &["REQUIRED", "NONE"])?;
        if tools.is_empty() && (tool_choice.is_some() || fields.get("strict_tools").is_some()) {
            return Err(CohereError::invalid(
                "invalid request: tool_choice and strict_tools can only be specified with tools",
            ));
        }
        fields.boolean("strict_tools")?;
        let documents_tokens = documents(fields)?;
        let shape = shape(fields)?;
        if shape != Shape::Text && (!tools.is_empty() || fields.get("documents").is_some()) {
            return Err(CohereError::invalid(
                "invalid request: response_format json_object cannot be used with tools or documents",
            ));
        }
        check_sampling(fields)?;
        let tools_tokens = tokens::of_tools(fields.list("tools")?.unwrap_or_default());
        let prompt_tokens = 3 + conversation::check(fields)? + documents_tokens + tools_tokens;
        Ok(Self {
            stream: fields.boolean("stream")?.unwrap_or(false),
            prompt_tokens,
            tokens_max: fields.count("max_tokens", 1..=u64::MAX)?.unwrap_or(u64::MAX),
            stop_sequences: stop_sequences(fields)?,
            tools,
            tool_choice,
            shape,
            thinking: thinking(fields, model)?,
        })
    }

    /// What the answer is to be; `tools` is the directive's number of tool calls.
    pub fn wanted(&self, tools: Option<usize>) -> Wanted<'_> {
        Wanted {
            prompt_tokens: self.prompt_tokens,
            tokens_max: self.tokens_max,
            stop_sequences: &self.stop_sequences,
            tool_calls: self.calls(tools),
            shape: self.shape,
            thinking: self.thinking,
        }
    }

    fn calls(&self, wanted: Option<usize>) -> Vec<ToolCall> {
        let count = match self.tool_choice {
            Some("NONE") => 0,
            Some(_) => wanted.unwrap_or(1),
            None => wanted.unwrap_or(0),
        };
        tool_calls::in_turns(self.tools.iter().copied(), count)
    }
}

fn tools<'a>(fields: Fields<'a, '_>) -> Result<Vec<(&'a str, &'a Value)>, Mistake> {
    let mut tools = Vec::new();
    for (index, tool) in fields.list("tools")?.unwrap_or_default().iter().enumerate() {
        let path = join("tools", index);
        let tool = Fields::of(tool, &path)?;
        tool.only(&["type", "function"])?;
        tool.required_word("type", &["function"])?;
        let path = tool.path_of("function");
        let function = Fields::of(tool.required("function")?, &path)?;
        function.only(&["name", "description", "parameters"])?;
        function.text("description")?;
        let (name, schema) = (function.required_text("name")?, function.required("parameters")?);
        if name.is_empty() || tools.iter().any(|(other, _)| *other == name) {
            return Err(function.wrong("name", "must be there, and be unique"));
        }
        if schema["type"] != "object" {
            return Err(function.wrong("parameters", "must be a JSON schema of type object"));
        }
        tools.push((name, schema));
    }
    Ok(tools)
}

fn documents(fields: Fields<'_, '_>) -> Result<u64, Mistake> {
    let mut bytes = 0;
    for (index, document) in fields.list("documents")?.unwrap_or_default().iter().enumerate() {
        let path = join("documents", index);
        if let Value::String(text) = document {
            bytes += text.len();
            continue;
        }
        let document = Fields::of(document, &path)?;
        document.only(&["id", "data"])?;
        let data = document.required("data")?;
        bytes += data.as_str().map_or_else(|| data.to_string().len(), str::len);
    }
    Ok(tokens::of_bytes(bytes))
}

fn shape<'a>(fields: Fields<'a, '_>) -> Result<Shape<'a>, Mistake> {
    let Some(format) = fields.get("response_format") else { return Ok(Shape::Text) };
    let format = Fields::of(format, "response_format")?;
    format.only(&["type", "json_schema"])?;
    let kind = format.required_word("type", &["text", "json_object"])?;
    match format.get("json_schema") {
        None if kind == "text" => Ok(Shape::Text),
        None => Ok(Shape::Json),
        Some(schema) if kind == "json_object" && schema["type"] == "object" => {
            Ok(Shape::Schema(schema))
        }
        Some(_) => {
            Err(format.wrong("json_schema", "must be a schema of type object, for a json_object"))
        }
    }
}

fn thinking(fields: Fields<'_, '_>, model: &str) -> Result<Thinking, Mistake> {
    let on = |tokens_max| Thinking::On { omitted: false, tokens_max };
    let Some(thinking) = fields.get("thinking") else {
        let reasons = model.contains("reasoning");
        return Ok(if reasons { on(u64::MAX) } else { Thinking::Off });
    };
    let thinking = Fields::of(thinking, "thinking")?;
    thinking.only(&["type", "token_budget"])?;
    let kind = thinking.required_word("type", &["enabled", "disabled"])?;
    let budget = thinking.count("token_budget", 1..=u64::MAX)?;
    Ok(if kind == "enabled" { on(budget.unwrap_or(u64::MAX)) } else { Thinking::Forbidden })
}

fn check_sampling(fields: Fields<'_, '_>) -> Result<(), Mistake> {
    fields.number("temperature", 0.0..=1.0)?;
    fields.number("frequency_penalty", 0.0..=1.0)?;
    fields.number("presence_penalty", 0.0..=1.0)?;
    fields.number("p", 0.01..=0.99)?;
    fields.count("k", 0..=500)?;
    fields.count("seed", 0..=u64::MAX)?;
    fields.count("priority", 0..=999)?;
    fields.boolean("logprobs")?;
    fields.boolean("raw_prompting")?;
    fields.word("safety_mode", &["CONTEXTUAL", "STRICT", "OFF"])?;
    let Some(options) = fields.get("citation_options") else { return Ok(()) };
    let options = Fields::of(options, "citation_options")?;
    options.only(&["mode"])?;
    options.word("mode", &["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"])?;
    Ok(())
}

fn stop_sequences(fields: Fields<'_, '_>) -> Result<Vec<String>, Mistake> {
    let sequences = fields.texts("stop_sequences")?.unwrap_or_default();
    if STOP_SEQUENCES_MAX < sequences.len() || sequences.iter().any(|text| text.is_empty()) {
        let message = format!("at most {STOP_SEQUENCES_MAX} sequences, none of them empty");
        return Err(fields.wrong("stop_sequences", message));
    }
    Ok(sequences.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::super::any_json::{any_json, replaced};
    use super::*;

    #[test]
    fn what_cohere_refuses_is_refused() {
        let tool = json!({ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } });
        let object = json!({ "type": "json_object" });
        let cases = [
            (json!({}), true),
            (json!({ "temperature": 1.5 }), false),
            (json!({ "p": 0.01 }), true),
            (json!({ "p": 1 }), false),
            (json!({ "p": 0 }), false),
            (json!({ "k": 500 }), true),
            (json!({ "k": 501 }), false),
            (json!({ "presence_penalty": -0.1 }), false),
            (json!({ "frequency_penalty": 1.1 }), false),
            (json!({ "max_tokens": 0 }), false),
            (json!({ "stop_sequences": ["a", "b", "c", "d", "e"] }), true),
            (json!({ "stop_sequences": ["a", "b", "c", "d", "e", "f"] }), false),
            (json!({ "n": 1 }), false),
            (json!({ "top_p": 0.5 }), false),
            (json!({ "tools": [tool], "tool_choice": "REQUIRED" }), true),
            (json!({ "tools": [tool], "tool_choice": "auto" }), false),
            (json!({ "tool_choice": "REQUIRED" }), false),
            (json!({ "tools": [tool, tool] }), false),
            (json!({ "response_format": object }), true),
            (json!({ "response_format": object, "tools": [tool] }), false),
            (json!({ "response_format": object, "documents": ["a"] }), false),
            (json!({ "response_format": { "type": "json_schema" } }), false),
            (json!({ "thinking": { "type": "enabled", "token_budget": 10 } }), true),
            (json!({ "thinking": { "type": "adaptive" } }), false),
        ];
        for (fields, good) in cases {
            let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let found = ChatRequest::parse(body.as_object().unwrap(), "m");
            assert_eq!(found.is_ok(), good, "{fields}: {found:?}");
        }
    }

    proptest! {
        /// Whatever stands in whichever place of a request, the answer is a request or a mistake.
        #[test]
        fn no_body_is_too_strange(at in 0_usize..64, strange in any_json()) {
            let call = json!({ "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } });
            let good = json!({
                "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
                "tool_choice": "REQUIRED",
                "thinking": { "type": "enabled", "token_budget": 9 },
                "documents": ["a", { "data": { "text": "b" } }],
                "citation_options": { "mode": "FAST" },
                "messages": [
                    { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://x" } }] },
                    { "role": "assistant", "tool_plan": "a", "tool_calls": [call] },
                    { "role": "tool", "tool_call_id": "a", "content": [{ "type": "document", "document": { "data": "b" } }] },
                ],
            });
            if let Value::Object(body) = replaced(&good, at, &strange) {
                let _ = ChatRequest::parse(&body, "command-a")
                    .map(|request| request.wanted(Some(3)).prompt_tokens);
            }
        }
    }
}
