//! The Converse request, checked as Bedrock does, and as the Claude behind it does.

use serde_json::{Map, Value};

use super::super::anthropic::families::{Family, ThinkingType};
use super::super::fields::{Fields, join};
use super::super::message_plan::{Shape, Wanted};
use super::content::{self, Seen, Speaker};
use super::conversation::Conversation;
use super::errors::BedrockError;
use super::options::Options;
use super::tools::Tools;

const FIELDS: [&str; 12] = [
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "promptVariables",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];
const CACHE_POINTS_MAX: usize = 4;

/// A request that makes sense.
#[derive(Debug)]
pub struct ConverseRequest<'a> {
    /// Where in the model's own answer to look for more.
    pub response_paths: Vec<&'a str>,
    /// The tier that the answer reports.
    pub service_tier: Option<&'a Value>,
    prompt_tokens: u64,
    tools: Tools<'a>,
    options: Options,
}

impl<'a> ConverseRequest<'a> {
    /// Checks a request's body; `model` is the plain name of the one it is for.
    pub fn parse(body: &'a Map<String, Value>, model: &str) -> Result<Self, BedrockError> {
        let (fields, family) = (Fields::at_top(body), Family::of(model));
        fields.only(&FIELDS)?;
        let mut seen = Seen::default();
        let options = Options::parse(fields, family)?;
        let tools = Tools::parse(fields, family, &mut seen)?;
        if tools.are_forced() && options.thinking.is_asked_for() {
            return Err(BedrockError::of_model(
                "Thinking may not be enabled when tool_choice forces tool use.",
            ));
        }
        let mut prompt_tokens = 3 + tools.tokens;
        let system = fields.list("system")?.unwrap_or_default();
        for (index, block) in system.iter().enumerate() {
            content::check(block, Speaker::System, &join("system", index), &mut seen)?;
        }
        if !system.is_empty() {
            prompt_tokens += seen.take_tokens();
        }
        let conversation = Conversation::parse(fields, family, &mut seen)?;
        prompt_tokens += conversation.tokens;
        if conversation.has_tool_blocks() && fields.get("toolConfig").is_none() {
            return Err(BedrockError::validation(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            ));
        }
        if options.thinking.is_on() {
            if conversation.ends_with_prefill() {
                return Err(BedrockError::of_model(
                    "This model does not support assistant message prefill. The conversation must end with a user message.",
                ));
            }
            let first = options.thinking.asked == Some(ThinkingType::Enabled);
            conversation.check_thinking(first)?;
        }
        if CACHE_POINTS_MAX < seen.cache_points {
            let message = format!(
                "A maximum of {CACHE_POINTS_MAX} cache points may be provided. Found {}.",
                seen.cache_points
            );
            return Err(BedrockError::of_model(&message));
        }
        Ok(Self {
            response_paths: fields.texts("additionalModelResponseFieldPaths")?.unwrap_or_default(),
            service_tier: fields.get("serviceTier"),
            prompt_tokens,
            tools,
            options,
        })
    }

    /// What the answer is to be; `tools` is the directive's number of tool calls.
    pub fn wanted(&self, tools: Option<usize>) -> Wanted<'_> {
        Wanted {
            prompt_tokens: self.prompt_tokens,
            tokens_max: self.options.tokens_max,
            stop_sequences: &self.options.stop_sequences,
            tool_calls: self.tools.calls(tools, self.options.parallel),
            shape: self.options.schema.as_ref().map_or(Shape::Text, Shape::Schema),
            thinking: self.options.thinking.thinking,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::super::any_json::{any_json, replaced};
    use super::*;

    proptest! {
        /// Whatever stands in whichever place of a request, the answer is a request or a mistake.
        #[test]
        fn no_body_is_too_strange(at in 0_usize..64, strange in any_json()) {
            let good = json!({
                "system": [{ "text": "a" }, { "cachePoint": { "type": "default" } }],
                "toolConfig": {
                    "tools": [{ "toolSpec": { "name": "f", "inputSchema": { "json": { "type": "object" } } } }],
                    "toolChoice": { "tool": { "name": "f" } },
                },
                "inferenceConfig": { "maxTokens": 9, "stopSequences": ["a"] },
                "additionalModelRequestFields": { "tool_choice": { "disable_parallel_tool_use": true } },
                "requestMetadata": { "a": "b" },
                "messages": [
                    { "role": "user", "content": [{ "document": { "name": "a", "source": { "bytes": "AAAA" } } }, { "text": "a" }] },
                    { "role": "assistant", "content": [{ "toolUse": { "toolUseId": "a", "name": "f", "input": {} } }] },
                    { "role": "user", "content": [{ "toolResult": { "toolUseId": "a", "content": [{ "json": {} }] } }] },
                ],
            });
            if let Value::Object(body) = replaced(&good, at, &strange) {
                let _ = ConverseRequest::parse(&body, "anthropic.claude-sonnet-4-5")
                    .map(|request| request.wanted(Some(3)).prompt_tokens);
            }
        }
    }
}
