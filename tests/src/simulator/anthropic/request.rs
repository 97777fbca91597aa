//! The Messages request, checked as Anthropic does: any field that it does not know is refused.

use serde_json::{Map, Value};

use super::super::fields::Fields;
use super::super::message_plan::{Shape, Wanted};
use super::super::tokens;
use super::super::tool_calls::ToolCall;
use super::blocks::{BlockReader, Speaker};
use super::cache::Breakpoints;
use super::conversation::Conversation;
use super::errors::MessagesError;
use super::families::{Family, ThinkingType};
use super::sampling::Sampling;
use super::thinking::Mode;
use super::tools::Tools;
use super::{Caller, Version, schemas};

/// Fields of a request whose answer is only a count.
const COUNT_FIELDS: [&str; 9] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "speed",
];
/// Further fields of a request for a message.
const MESSAGE_FIELDS: [&str; 11] = [
    "max_tokens",
    "stream",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "metadata",
    "service_tier",
    "container",
    "inference_geo",
    "diagnostics",
];
/// Fields that need a header `anthropic-beta` which begins so.
const BETA_FIELDS: [(&str, &str); 9] = [
    ("context_management", "context-management-"),
    ("context_management", "compact-"),
    ("compaction", "compact-"),
    ("mcp_servers", "mcp-client-"),
    ("fallbacks", "server-side-fallback-"),
    ("fallback_credit_token", "fallback-credit-"),
    ("output_format", "structured-outputs-"),
    ("thread", "message-threads-"),
    ("billing_policy", "user-profiles-billing-"),
];
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A message.
    Message,
    /// The number of tokens of the prompt.
    Count,
}

/// A request that makes sense.
#[derive(Debug)]
pub struct MessagesRequest<'a> {
    /// Whether to answer with a stream.
    pub stream: bool,
    /// The tier that the answer reports.
    pub service_tier: &'static str,
    /// The provider's count of the prompt.
    pub prompt_tokens: u64,
    tokens_max: u64,
    stop_sequences: Vec<String>,
    tools: Tools<'a>,
    schema: Option<&'a Value>,
    thinking: Mode,
}

impl<'a> MessagesRequest<'a> {
    /// Checks a request's body; `model` is the plain name of the one it is for.
    pub fn parse(
        body: &'a Map<String, Value>,
        model: &str,
        caller: &Caller<'_>,
        purpose: Purpose,
    ) -> Result<Self, MessagesError> {
        let (fields, family) = (Fields::at_top(body), Family::of(model));
        check_names(fields, caller, purpose)?;
        let mut breakpoints = Breakpoints::default();
        let tokens_max = tokens_max(fields, family, model, purpose)?;
        let (effort, schema) = output_config(fields, family)?;
        let thinking = Mode::parse(fields.get("thinking"), family, tokens_max, effort)
            .map_err(|message| MessagesError::invalid(at_thinking(&message)))?;
        let tools = Tools::parse(fields, family, &mut breakpoints)?;
        if tools.are_forced() && thinking.is_asked_for() {
            let message = "Thinking may not be enabled when tool_choice forces tool use.";
            return Err(MessagesError::invalid(message));
        }
        let system_tokens = system(fields, caller.version, &mut breakpoints)?;
        let conversation = Conversation::parse(fields, family, caller.version, &mut breakpoints)?;
        breakpoints.take(fields.get("cache_control"), "")?;
        breakpoints.check()?;
        check_prefill(&conversation, family, thinking)?;
        if thinking.is_on() {
            conversation.check_thinking(thinking.asked == Some(ThinkingType::Enabled))?;
        }
        check_sampling(fields, family, caller.version, thinking)?;
        check_rest(fields)?;
        Ok(Self {
            stream: fields.boolean("stream")?.unwrap_or(false),
            service_tier: "standard",
            prompt_tokens: 3 + system_tokens + conversation.tokens + tools_tokens(fields),
            tokens_max: tokens_max.unwrap_or(0),
            stop_sequences: stop_sequences(fields)?,
            tools,
            schema,
            thinking,
        })
    }

    /// What the answer is to be; `tools` is the directive's number of tool calls.
    pub fn wanted(&self, tools: Option<usize>) -> Wanted<'_> {
        Wanted {
            prompt_tokens: self.prompt_tokens,
            tokens_max: self.tokens_max,
            stop_sequences: &self.stop_sequences,
            tool_calls: self.calls(tools),
            shape: self.schema.map_or(Shape::Text, Shape::Schema),
            thinking: self.thinking.thinking,
        }
    }

    fn calls(&self, tools: Option<usize>) -> Vec<ToolCall> {
        self.tools.calls(tools)
    }
}

fn check_names(
    fields: Fields<'_, '_>,
    caller: &Caller<'_>,
    purpose: Purpose,
) -> Result<(), MessagesError> {
    let mut known = COUNT_FIELDS.to_vec();
    if purpose == Purpose::Message {
        known.extend(MESSAGE_FIELDS);
    }
    let unlocked = BETA_FIELDS.iter().filter(|(_, beta)| caller.has_beta(beta));
    known.extend(unlocked.map(|(field, _)| *field));
    known.extend(caller.body_fields);
    Ok(fields.only(&known)?)
}

fn tokens_max(
    fields: Fields<'_, '_>,
    family: Family,
    model: &str,
    purpose: Purpose,
) -> Result<Option<u64>, MessagesError> {
    if purpose == Purpose::Count {
        return Ok(None);
    }
    fields.required("max_tokens")?;
    // Zero warms the cache.
    let tokens_max = fields.count("max_tokens", 0..=u64::MAX)?;
    let tokens_max = tokens_max.ok_or_else(|| fields.wrong("max_tokens", "Field required"))?;
    let most = family.tokens_max();
    if most < tokens_max {
        let message = format!(
            "{tokens_max} > {most}, which is the maximum allowed number of output tokens for {model}"
        );
        return Err(fields.wrong("max_tokens", message).into());
    }
    Ok(Some(tokens_max))
}

/// The effort, and the schema of the answer.
fn output_config<'a>(
    fields: Fields<'a, '_>,
    family: Family,
) -> Result<(Option<&'a str>, Option<&'a Value>), MessagesError> {
    let mut format = fields.get("output_format");
    let mut effort = None;
    if let Some(config) = fields.get("output_config") {
        let config = Fields::of(config, "output_config")?;
        config.only(&["effort", "format", "task_budget"])?;
        effort = config.word("effort", &EFFORTS)?;
        if let Some(effort) = effort.filter(|effort| !family.takes_effort(effort)) {
            let message = format!("This model does not support the effort level '{effort}'.");
            return Err(config.wrong("effort", message).into());
        }
        format = config.get("format").or(format);
    }
    let Some(format) = format else { return Ok((effort, None)) };
    let format = Fields::of(format, "output_config.format")?;
    format.only(&["type", "schema"])?;
    format.required_word("type", &["json_schema"])?;
    let schema = format.required("schema")?;
    if !family.takes_schema() {
        return Err(format.wrong("type", "This model does not support output formats.").into());
    }
    if let Some(mistake) = schemas::mistake(schema) {
        return Err(format.wrong("schema", mistake).into());
    }
    Ok((effort, Some(schema)))
}

fn system(
    fields: Fields<'_, '_>,
    version: Version,
    breakpoints: &mut Breakpoints,
) -> Result<u64, MessagesError> {
    let Some(system) = fields.get("system") else { return Ok(0) };
    let mut reader = BlockReader { version, breakpoints };
    Ok(reader.content(system, Speaker::System, "system")?.tokens())
}

fn check_prefill(
    conversation: &Conversation<'_>,
    family: Family,
    thinking: Mode,
) -> Result<(), MessagesError> {
    if !conversation.ends_with_prefill() || (family.takes_prefill() && !thinking.is_on()) {
        return Ok(());
    }
    let message = "This model does not support assistant message prefill. The conversation must end with a user message.";
    Err(MessagesError::invalid(message))
}

fn check_sampling(
    fields: Fields<'_, '_>,
    family: Family,
    version: Version,
    thinking: Mode,
) -> Result<(), MessagesError> {
    if version == Version::V2026 {
        let removed = ["temperature", "top_p", "top_k"];
        return match removed.iter().find(|name| fields.object.contains_key(**name)) {
            Some(name) => Err(fields.wrong(name, "Extra inputs are not permitted").into()),
            None => Ok(()),
        };
    }
    let sampling = Sampling {
        temperature: fields.number("temperature", 0.0..=1.0)?,
        top_p: fields.number("top_p", 0.0..=1.0)?,
        top_k: fields.number("top_k", 0.0..=f64::INFINITY)?,
    };
    match sampling.mistake(family, thinking) {
        Some(mistake) => Err(MessagesError::invalid(mistake)),
        None => Ok(()),
    }
}

fn check_rest(fields: Fields<'_, '_>) -> Result<(), MessagesError> {
    fields.word("service_tier", &["auto", "standard_only"])?;
    fields.word("speed", &["standard", "fast"])?;
    fields.text("inference_geo")?;
    if let Some(metadata) = fields.get("metadata") {
        let metadata = Fields::of(metadata, "metadata")?;
        metadata.only(&["user_id"])?;
        metadata.text("user_id")?;
    }
    Ok(())
}

fn stop_sequences(fields: Fields<'_, '_>) -> Result<Vec<String>, MessagesError> {
    let sequences = fields.texts("stop_sequences")?.unwrap_or_default();
    if sequences.iter().any(|sequence| sequence.trim().is_empty()) {
        let message = "each stop sequence must contain non-whitespace";
        return Err(fields.wrong("stop_sequences", message).into());
    }
    Ok(sequences.into_iter().map(str::to_owned).collect())
}

fn tools_tokens(fields: Fields<'_, '_>) -> u64 {
    let tools = fields.get("tools").and_then(Value::as_array);
    tools.map_or(0, |tools| tokens::of_tools(tools))
}

fn at_thinking(message: &str) -> String {
    // What is about another field as well says so itself.
    if message.starts_with('`') { message.to_owned() } else { format!("thinking.{message}") }
}

#[cfg(test)]
mod tests;
