//! `generationConfig`: sampling, limits, the shape of the answer, and how much to think.

use serde_json::Value;

use super::super::message_plan::Thinking;
use super::errors::GoogleError;
use super::families::Family;
use super::schemas;

const STOPS_MAX: usize = 5;
const CANDIDATES_MAX: i64 = 8;

/// What an answer is to be.
#[derive(Debug)]
pub struct Config {
    /// The most output tokens.
    pub tokens_max: u64,
    /// How many answers.
    pub candidates: usize,
    /// Where the text is to end.
    pub stop_sequences: Vec<String>,
    /// What the text is to be.
    pub format: Format,
    /// Whether to think.
    pub thinking: Thinking,
    /// Whether to show it.
    pub shows_thoughts: bool,
}

/// What the text of an answer is to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Text.
    Text,
    /// Some JSON object.
    Json,
    /// JSON of this JSON Schema.
    Schema(Value),
}

impl Config {
    /// Reads a configuration; `with_functions` says whether functions are on offer.
    pub fn parse(
        config: &Value,
        family: Family,
        with_functions: bool,
    ) -> Result<Self, GoogleError> {
        check_sampling(config, family)?;
        let (thinking, shows_thoughts) = thinking(&config["thinkingConfig"], family)?;
        let format = format(config, family)?;
        if format != Format::Text && with_functions && !family.has_json_mode_with_tools() {
            return Err(GoogleError::invalid(
                "Function calling with a response mime type: 'application/json' is unsupported",
            ));
        }
        check_modalities(config)?;
        let tokens_max = match config["maxOutputTokens"].as_i64() {
            None => u64::MAX,
            Some(count) => u64::try_from(count)
                .ok()
                .filter(|count| 1 <= *count)
                .ok_or_else(|| GoogleError::invalid("max_output_tokens must be positive."))?,
        };
        Ok(Self {
            tokens_max,
            candidates: candidates(config)?,
            stop_sequences: stop_sequences(config)?,
            format,
            thinking,
            shows_thoughts,
        })
    }
}

fn check_sampling(config: &Value, family: Family) -> Result<(), GoogleError> {
    let bounds = [
        ("temperature", "temperature", 0.0, 2.0),
        ("topP", "top_p", 0.0, 1.0),
        ("topK", "top_k", 1.0, 1_000.0),
        ("presencePenalty", "presence_penalty", -2.0, 2.0),
        ("frequencyPenalty", "frequency_penalty", -2.0, 2.0),
        ("logprobs", "logprobs", 0.0, 20.0),
    ];
    for (name, told, low, high) in bounds {
        let Some(number) = config[name].as_f64() else { continue };
        if number < low || high < number {
            return Err(GoogleError::invalid(format!(
                "Unable to submit request because it has a {told} value of {number} but the supported range is from {low} (inclusive) to {high} (inclusive)."
            )));
        }
        if name.ends_with("Penalty") && !family.takes_penalties() {
            return Err(GoogleError::invalid("Penalty is not enabled for this model"));
        }
    }
    if config.get("logprobs").is_some() && config["responseLogprobs"] != true {
        return Err(GoogleError::invalid(
            "logprobs can only be set when response_logprobs is true.",
        ));
    }
    Ok(())
}

fn candidates(config: &Value) -> Result<usize, GoogleError> {
    match config["candidateCount"].as_i64().unwrap_or(1) {
        count @ 1..=CANDIDATES_MAX => Ok(count.unsigned_abs() as usize),
        count => Err(GoogleError::invalid(format!(
            "Unable to submit request because it has a candidateCount value of {count} but the supported range is from 1 (inclusive) to 9 (exclusive)."
        ))),
    }
}

fn stop_sequences(config: &Value) -> Result<Vec<String>, GoogleError> {
    let stops = config["stopSequences"].as_array().into_iter().flatten();
    let stops: Vec<String> = stops.filter_map(Value::as_str).map(str::to_owned).collect();
    if STOPS_MAX < stops.len() {
        return Err(GoogleError::invalid(format!(
            "Unable to submit request because it has {} stop sequences but the maximum is {STOPS_MAX}.",
            stops.len()
        )));
    }
    if stops.iter().any(String::is_empty) {
        return Err(GoogleError::invalid("stop_sequences cannot have an empty string."));
    }
    Ok(stops)
}

fn format(config: &Value, family: Family) -> Result<Format, GoogleError> {
    let mime_type = config["responseMimeType"].as_str().unwrap_or("text/plain");
    if !matches!(mime_type, "" | "text/plain" | "application/json" | "text/x.enum") {
        return Err(GoogleError::invalid(format!(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`, not `{mime_type}`.\n"
        )));
    }
    let (own, json_schema) = (&config["responseSchema"], &config["responseJsonSchema"]);
    if mime_type != "application/json" && mime_type != "text/x.enum" {
        if own.is_null() && json_schema.is_null() {
            return Ok(Format::Text);
        }
        return Err(GoogleError::invalid(
            "A response_schema needs the response_mime_type `application/json` or `text/x.enum`.",
        ));
    }
    if !family.has_json_mode() {
        return Err(GoogleError::invalid("JSON mode is not enabled for this model"));
    }
    match (own, json_schema) {
        (Value::Null, Value::Null) => Ok(Format::Json),
        (Value::Null, _) if !family.takes_json_schema() => {
            Err(GoogleError::unknown_name("response_json_schema", "generation_config"))
        }
        (Value::Null, schema) => Ok(Format::Schema(schema.clone())),
        (schema, Value::Null) => {
            schemas::check(schema, "GenerateContentRequest.generation_config.response_schema")?;
            Ok(Format::Schema(schemas::json_schema(schema)))
        }
        _ => Err(GoogleError::invalid(
            "response_schema and response_json_schema are mutually exclusive.",
        )),
    }
}

fn check_modalities(config: &Value) -> Result<(), GoogleError> {
    let wanted = config["responseModalities"].as_array().into_iter().flatten();
    match wanted.filter_map(Value::as_str).find(|modality| *modality != "TEXT") {
        Some(other) => Err(GoogleError::invalid(format!(
            "Model does not support the requested response modalities: {}",
            other.to_ascii_lowercase()
        ))),
        None => Ok(()),
    }
}

/// Whether and how much to think, and whether to show it.
fn thinking(config: &Value, family: Family) -> Result<(Thinking, bool), GoogleError> {
    if config.is_null() {
        return Ok((Thinking::Off, false));
    }
    if !family.thinks() {
        return Err(GoogleError::invalid("Thinking is not supported for this model."));
    }
    let shown = config["includeThoughts"] == true;
    let (budget, level) = (config["thinkingBudget"].as_i64(), config["thinkingLevel"].as_str());
    let on = |tokens_max| Thinking::On { omitted: !shown, tokens_max };
    let thinking = match (budget, level) {
        (Some(_), Some(_)) => {
            return Err(GoogleError::invalid(
                "You can only set only one of thinking budget and thinking level.",
            ));
        }
        (Some(budget), None) if !family.takes_budget(budget) => {
            return Err(GoogleError::invalid(format!(
                "The thinking budget {budget} is invalid. Please choose a value that this model supports."
            )));
        }
        (Some(0), None) => Thinking::Forbidden,
        (Some(budget), None) => on(u64::try_from(budget).unwrap_or(u64::MAX)),
        (None, Some(level)) if !family.takes_level(level) => {
            return Err(GoogleError::invalid(format!(
                "Thinking level {level} is not supported for this model. Please retry with other thinking level."
            )));
        }
        (None, Some(_)) => on(u64::MAX),
        (None, None) if shown => on(u64::MAX),
        (None, None) => Thinking::Off,
    };
    Ok((thinking, shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(model: &str, config: Value) -> Result<Config, String> {
        Config::parse(&config, Family::of(model), true).map_err(|error| error.message)
    }

    #[test]
    fn wrong_settings_are_refused() {
        let schema = json!({ "type": "STRING" });
        let cases = [
            ("m", json!({ "temperature": 2.1 }), "supported range"),
            ("m", json!({ "topP": -0.1 }), "top_p"),
            ("m", json!({ "topK": 0 }), "top_k"),
            ("m", json!({ "candidateCount": 9 }), "candidateCount"),
            ("m", json!({ "maxOutputTokens": 0 }), "must be positive"),
            ("m", json!({ "stopSequences": ["a", "b", "c", "d", "e", "f"] }), "maximum is 5"),
            ("m", json!({ "stopSequences": [""] }), "empty string"),
            ("m", json!({ "logprobs": 3 }), "response_logprobs"),
            ("gemini-3-pro", json!({ "presencePenalty": 0.5 }), "Penalty is not enabled"),
            ("m", json!({ "responseMimeType": "image/png" }), "allowed mimetypes"),
            ("m", json!({ "responseSchema": schema }), "needs the response_mime_type"),
            (
                "gemini-2.5-pro",
                json!({ "responseMimeType": "application/json" }),
                "Function calling with",
            ),
            ("gemma-3-27b-it", json!({ "responseMimeType": "application/json" }), "JSON mode"),
            ("m", json!({ "responseModalities": ["TEXT", "IMAGE"] }), "modalities: image"),
            ("gemini-2.0-flash", json!({ "thinkingConfig": {} }), "not supported"),
            ("gemini-2.5-pro", json!({ "thinkingConfig": { "thinkingBudget": 0 } }), "budget 0"),
            (
                "gemini-2.5-pro",
                json!({ "thinkingConfig": { "thinkingLevel": "LOW" } }),
                "level LOW",
            ),
            (
                "gemini-3-pro",
                json!({ "thinkingConfig": { "thinkingLevel": "MINIMAL" } }),
                "level MINIMAL",
            ),
            (
                "gemini-3-pro",
                json!({ "thinkingConfig": { "thinkingLevel": "LOW", "thinkingBudget": 128 } }),
                "only one of",
            ),
        ];
        for (model, config, message) in cases {
            let found = parse(model, config.clone()).expect_err(&config.to_string());
            assert!(found.contains(message), "{found}");
        }
        let both = json!({ "responseMimeType": "application/json", "responseSchema": schema, "responseJsonSchema": {} });
        assert!(parse("gemini-3-pro", both).unwrap_err().contains("mutually exclusive"));
    }

    #[test]
    fn thinking_is_asked_for_in_tokens_or_words() {
        let on = |omitted, tokens_max| Thinking::On { omitted, tokens_max };
        let cases = [
            ("gemini-2.5-flash", json!({ "thinkingBudget": 0 }), Thinking::Forbidden),
            ("gemini-2.5-flash", json!({ "thinkingBudget": 1024 }), on(true, 1_024)),
            (
                "gemini-2.5-flash",
                json!({ "thinkingBudget": -1, "includeThoughts": true }),
                on(false, u64::MAX),
            ),
            ("gemini-3-pro", json!({ "thinkingLevel": "LOW" }), on(true, u64::MAX)),
            ("gemini-3-pro", json!({ "includeThoughts": true }), on(false, u64::MAX)),
            ("gemini-3-pro", json!({}), Thinking::Off),
        ];
        for (model, config, expected) in cases {
            let found = parse(model, json!({ "thinkingConfig": config })).unwrap();
            assert_eq!(found.thinking, expected, "{model}");
        }
    }

    #[test]
    fn the_answer_can_be_json() {
        let own = json!({ "responseMimeType": "application/json", "responseSchema": { "type": "OBJECT", "properties": { "a": { "type": "INTEGER" } } } });
        let expected = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
        assert_eq!(parse("gemini-3-pro", own).unwrap().format, Format::Schema(expected));
        let json_schema =
            json!({ "responseMimeType": "application/json", "responseJsonSchema": { "const": 1 } });
        let expected = Format::Schema(json!({ "const": 1 }));
        assert_eq!(parse("gemini-3-pro", json_schema).unwrap().format, expected);
    }
}
