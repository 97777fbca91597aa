//! A request for content, checked as Google does.

use serde_json::{Map, Value};

use super::super::fields::{Fields, Mistake};
use super::super::message_plan::{Shape, Thinking, Wanted};
use super::super::tool_calls::{self, ToolCall};
use super::errors::GeminiError;
use super::{contents, schema};

const FIELDS: [&str; 9] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "labels",
    "serviceTier",
];
const CONFIG: [&str; 21] = [
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "speechConfig",
    "imageConfig",
    "thinkingConfig",
    "mediaResolution",
    "audioTimestamp",
    "routingConfig",
];
/// Thinking where nobody says how much.
const THINKING_MAX: u64 = 8_192;

/// A request that makes sense.
#[derive(Debug)]
pub struct GenerateRequest<'a> {
    /// The count of the prompt.
    pub prompt_tokens: u64,
    /// Whether thoughts are shown.
    pub shows_thoughts: bool,
    tokens_max: u64,
    stop_sequences: Vec<String>,
    tools: Vec<(&'a str, &'a Value)>,
    mode: &'a str,
    shape: Shape<'a>,
    thinking: Thinking,
}

impl From<Mistake> for GeminiError {
    fn from(Mistake { path, message }: Mistake) -> Self {
        Self::invalid(format!("Invalid value at '{path}': {message}"))
    }
}

/// Whether a model is of the third generation or later.
pub fn is_third(model: &str) -> bool {
    model
        .strip_prefix("gemini-")
        .and_then(|rest| rest.chars().next())
        .is_some_and(|digit| digit >= '3')
}

impl<'a> GenerateRequest<'a> {
    /// Checks a request's body for a model.
    pub fn parse(body: &'a Map<String, Value>, model: &str) -> Result<Self, GeminiError> {
        let fields = Fields::at_top(body);
        unknown(body, &FIELDS, "")?;
        let third = is_third(model);
        let contents = fields.list("contents")?.unwrap_or_default();
        let mut prompt_tokens = contents::check(contents, third)?;
        if let Some(system) = body.get("systemInstruction") {
            let parts = system["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
            if parts.is_empty()
                || parts.iter().any(|part| part["text"].as_str().is_none_or(str::is_empty))
            {
                return Err(GeminiError::invalid("system_instruction.parts must have text."));
            }
            prompt_tokens += parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .map(super::of_text)
                .sum::<u64>();
        }
        if body.contains_key("cachedContent")
            && ["systemInstruction", "tools", "toolConfig"]
                .iter()
                .any(|name| body.contains_key(*name))
        {
            return Err(GeminiError::invalid(
                "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.",
            ));
        }
        let tools = declarations(body)?;
        prompt_tokens += tools
            .iter()
            .map(|(name, schema)| super::of_text(name) + super::of_text(&schema.to_string()))
            .sum::<u64>();
        let mode = body
            .get("toolConfig")
            .and_then(|config| config.pointer("/functionCallingConfig/mode"))
            .and_then(Value::as_str)
            .unwrap_or("AUTO");
        let empty = Map::new();
        let config = body.get("generationConfig").and_then(Value::as_object).unwrap_or(&empty);
        unknown(config, &CONFIG, "generation_config")?;
        let config: &'a Map<String, Value> = match body.get("generationConfig") {
            Some(Value::Object(config)) => config,
            _ => return Ok(Self::plain(prompt_tokens, tools, mode)),
        };
        Self::configured(config, prompt_tokens, tools, mode, third)
    }

    fn plain(prompt_tokens: u64, tools: Vec<(&'a str, &'a Value)>, mode: &'a str) -> Self {
        Self {
            prompt_tokens,
            shows_thoughts: false,
            tokens_max: u64::MAX,
            stop_sequences: Vec::new(),
            tools,
            mode,
            shape: Shape::Text,
            thinking: Thinking::Off,
        }
    }

    fn configured(
        config: &'a Map<String, Value>,
        prompt_tokens: u64,
        tools: Vec<(&'a str, &'a Value)>,
        mode: &'a str,
        third: bool,
    ) -> Result<Self, GeminiError> {
        let fields = Fields::at_top(config);
        fields.number("temperature", 0.0..=2.0)?;
        fields.number("topP", 0.0..=1.0)?;
        fields.count("topK", 1..=10_000)?;
        let penalised =
            ["presencePenalty", "frequencyPenalty"].iter().any(|name| config.contains_key(*name));
        if third && penalised {
            return Err(GeminiError::invalid("Penalty is not enabled for this model"));
        }
        let stop = fields.texts("stopSequences")?.unwrap_or_default();
        if stop.len() > 5 {
            return Err(GeminiError::invalid("At most 5 stop sequences are allowed."));
        }
        let json = fields.text("responseMimeType")? == Some("application/json");
        let shape = match (config.get("responseSchema"), config.get("responseJsonSchema")) {
            (Some(_), Some(_)) => {
                return Err(GeminiError::invalid(
                    "responseSchema and responseJsonSchema exclude each other.",
                ));
            }
            (Some(proto), None) => {
                schema::check(proto, "generation_config.response_schema")?;
                Shape::Schema(proto)
            }
            (None, Some(schema)) => Shape::Schema(schema),
            (None, None) if json => Shape::Json,
            (None, None) => Shape::Text,
        };
        if matches!(shape, Shape::Schema(_)) && !json {
            return Err(GeminiError::invalid(
                "A response schema needs response_mime_type application/json.",
            ));
        }
        if shape != Shape::Text && !tools.is_empty() && !third {
            return Err(GeminiError::invalid(
                "Function calling with a response mime type: 'application/json' is unsupported",
            ));
        }
        let (thinking, shows_thoughts) = thinking(config, third)?;
        Ok(Self {
            tokens_max: fields.count("maxOutputTokens", 1..=u64::MAX)?.unwrap_or(u64::MAX),
            stop_sequences: stop.into_iter().map(str::to_owned).collect(),
            shape,
            thinking,
            shows_thoughts,
            ..Self::plain(prompt_tokens, tools, mode)
        })
    }

    /// What the answer is to be; `tools` is the directive's number of tool calls.
    pub fn wanted(&self, tools: Option<usize>) -> Wanted<'_> {
        let count = match self.mode {
            "NONE" => 0,
            "ANY" => tools.unwrap_or(1),
            _ => tools.unwrap_or(0),
        };
        let tool_calls: Vec<ToolCall> = tool_calls::in_turns(self.tools.iter().copied(), count);
        Wanted {
            prompt_tokens: self.prompt_tokens,
            tokens_max: self.tokens_max,
            stop_sequences: &self.stop_sequences,
            tool_calls,
            shape: self.shape,
            thinking: self.thinking,
        }
    }
}

fn unknown(members: &Map<String, Value>, known: &[&str], path: &str) -> Result<(), GeminiError> {
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(GeminiError::invalid(format!(
            "Invalid JSON payload received. Unknown name \"{unknown}\" at '{path}': Cannot find field."
        ))),
    }
}

fn declarations(body: &Map<String, Value>) -> Result<Vec<(&str, &Value)>, GeminiError> {
    const NO_PARAMETERS: &Value = &Value::Null;
    let mut all = Vec::new();
    for tool in body.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let declared = tool["functionDeclarations"].as_array();
        for declaration in declared.into_iter().flatten() {
            let name = declaration["name"].as_str().unwrap_or_default();
            let good_start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let good = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c));
            if !good_start || !good || name.len() > 128 {
                return Err(GeminiError::invalid(format!("Invalid function name: {name}")));
            }
            let proto = declaration.get("parameters");
            let json = declaration.get("parametersJsonSchema");
            if proto.is_some() && json.is_some() {
                return Err(GeminiError::invalid(
                    "parameters and parametersJsonSchema exclude each other.",
                ));
            }
            if let Some(proto) = proto {
                schema::check(proto, "tools.function_declarations.parameters")?;
                if proto["properties"].as_object().is_none_or(Map::is_empty) {
                    return Err(GeminiError::invalid(
                        "parameters.properties: should be non-empty for OBJECT type",
                    ));
                }
            }
            all.push((name, proto.or(json).unwrap_or(NO_PARAMETERS)));
        }
    }
    Ok(all)
}

fn thinking(config: &Map<String, Value>, third: bool) -> Result<(Thinking, bool), GeminiError> {
    let Some(thinking) = config.get("thinkingConfig") else { return Ok((Thinking::Off, false)) };
    let shown = thinking["includeThoughts"].as_bool().unwrap_or(false);
    let (budget, level) = (thinking.get("thinkingBudget"), thinking["thinkingLevel"].as_str());
    if budget.is_some() && level.is_some() {
        return Err(GeminiError::invalid(
            "You can only set only one of thinking budget and thinking level.",
        ));
    }
    if level.is_some() && !third {
        return Err(GeminiError::invalid("Thinking level is not supported for this model."));
    }
    if let Some(level) = level
        && !["minimal", "low", "medium", "high", "xhigh"]
            .contains(&level.to_ascii_lowercase().as_str())
    {
        return Err(GeminiError::invalid(format!("Invalid thinking level {level}.")));
    }
    let budget = budget.and_then(Value::as_i64);
    let thinking = match budget {
        Some(0) => Thinking::Forbidden,
        Some(budget) if budget > 0 => {
            Thinking::On { omitted: !shown, tokens_max: budget.unsigned_abs() }
        }
        _ if level.is_some() || shown => Thinking::On { omitted: !shown, tokens_max: THINKING_MAX },
        _ => Thinking::Off,
    };
    Ok((thinking, shown))
}
