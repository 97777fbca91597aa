//! What a Converse request asks for besides messages and tools: sampling, thinking, the shape of the
//! answer, and what Bedrock notes of it.

use serde_json::Value;

use super::super::anthropic::families::Family;
use super::super::anthropic::sampling::Sampling;
use super::super::anthropic::schemas;
use super::super::anthropic::thinking::Mode;
use super::super::fields::{Fields, Mistake};
use super::content;
use super::errors::BedrockError;

/// What an answer is limited to if the request does not say.
const TOKENS_DEFAULT: u64 = 4_096;
const STOP_SEQUENCES_MAX: usize = 2_500;
const METADATA_MAX: usize = 16;
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
/// What Claude takes in `additionalModelRequestFields`.
const CLAUDE_FIELDS: [&str; 5] =
    ["thinking", "top_k", "anthropic_beta", "tool_choice", "output_config"];

/// The options of a request.
#[derive(Debug)]
pub struct Options {
    /// The most output tokens.
    pub tokens_max: u64,
    /// Where the text is to end.
    pub stop_sequences: Vec<String>,
    /// Whether and how the model is to think.
    pub thinking: Mode,
    /// Whether several tools may be called.
    pub parallel: bool,
    /// What the answer has to look like.
    pub schema: Option<Value>,
}

impl Options {
    /// Checks all fields of a request that are not about messages and tools.
    pub fn parse(fields: Fields<'_, '_>, family: Family) -> Result<Self, BedrockError> {
        let nothing = Value::Object(serde_json::Map::new());
        let inference = fields.get("inferenceConfig").unwrap_or(&nothing);
        let inference = Fields::of(inference, "inferenceConfig")?;
        inference.only(&["maxTokens", "temperature", "topP", "stopSequences"])?;
        let tokens_max = inference.count("maxTokens", 1..=family.tokens_max())?;
        let tokens_max = tokens_max.unwrap_or(TOKENS_DEFAULT.min(family.tokens_max()));
        let extra = fields.get("additionalModelRequestFields").unwrap_or(&nothing);
        let extra = Fields::of(extra, "additionalModelRequestFields")?;
        let (effort, schema) = output(fields, family)?;
        let (mut thinking, mut parallel) = (Mode::default(), true);
        let sampling = Sampling {
            temperature: inference.number("temperature", 0.0..=1.0)?,
            top_p: inference.number("topP", 0.0..=1.0)?,
            top_k: None,
        };
        // Other models have fields of their own, which nobody can know.
        if !family.is_unknown() || extra.get("thinking").is_some() {
            extra.only(&CLAUDE_FIELDS)?;
            thinking = Mode::parse(extra.get("thinking"), family, Some(tokens_max), effort)
                .map_err(|message| BedrockError::of_model(&format!("thinking.{message}")))?;
            let top_k = extra.number("top_k", 0.0..=f64::INFINITY)?;
            if let Some(mistake) = (Sampling { top_k, ..sampling }).mistake(family, thinking) {
                return Err(BedrockError::of_model(&mistake));
            }
            let choice = extra.get("tool_choice");
            parallel = choice.is_none_or(|choice| choice["disable_parallel_tool_use"] != true);
        }
        check_notes(fields)?;
        let stop_sequences = stop_sequences(inference)?;
        Ok(Self { tokens_max, stop_sequences, thinking, parallel, schema })
    }
}

fn stop_sequences(inference: Fields<'_, '_>) -> Result<Vec<String>, Mistake> {
    let sequences = inference.texts("stopSequences")?.unwrap_or_default();
    if STOP_SEQUENCES_MAX < sequences.len() {
        let message = format!("Member must have length less than or equal to {STOP_SEQUENCES_MAX}");
        return Err(inference.wrong("stopSequences", message));
    }
    if sequences.iter().any(|sequence| sequence.trim().is_empty()) {
        return Err(
            inference.wrong("stopSequences", "each stop sequence must contain non-whitespace")
        );
    }
    Ok(sequences.into_iter().map(str::to_owned).collect())
}

/// The effort, and the schema of the answer, which is a text in itself.
fn output<'a>(
    fields: Fields<'a, '_>,
    family: Family,
) -> Result<(Option<&'a str>, Option<Value>), BedrockError> {
    let Some(config) = fields.get("outputConfig") else { return Ok((None, None)) };
    let config = Fields::of(config, "outputConfig")?;
    config.only(&["textFormat", "effort"])?;
    let effort = config.word("effort", &EFFORTS)?;
    if effort.is_some_and(|effort| !family.takes_effort(effort)) {
        return Err(BedrockError::of_model("This model does not support this effort level."));
    }
    let Some(format) = config.get("textFormat") else { return Ok((effort, None)) };
    let format = Fields::of(format, "outputConfig.textFormat")?;
    format.only(&["type", "structure"])?;
    format.required_word("type", &["json_schema"])?;
    let path = format.path_of("structure");
    let (_, definition) = content::union(format.required("structure")?, &path, &["jsonSchema"])?;
    let definition = Fields::of(definition, &path)?;
    definition.only(&["schema", "name", "description"])?;
    let Ok(schema @ Value::Object(_)) = serde_json::from_str(definition.required_text("schema")?)
    else {
        return Err(definition.wrong("schema", "Input should be a JSON object as a string").into());
    };
    if !family.is_unknown() {
        if !family.takes_schema() || family.lacks_schemas_on_bedrock() {
            return Err(BedrockError::of_model(
                "output_config.format: Extra inputs are not permitted",
            ));
        }
        if let Some(mistake) = schemas::mistake(&schema) {
            return Err(BedrockError::of_model(&format!("output_config.format.schema: {mistake}")));
        }
    }
    Ok((effort, Some(schema)))
}

/// Guardrail, tier, latency and metadata: checked, and of no effect.
fn check_notes(fields: Fields<'_, '_>) -> Result<(), Mistake> {
    if let Some(config) = fields.get("guardrailConfig") {
        let config = Fields::of(config, "guardrailConfig")?;
        config.only(&[
            "guardrailIdentifier",
            "guardrailVersion",
            "trace",
            "streamProcessingMode",
        ])?;
        config.required_text("guardrailIdentifier")?;
        config.required_text("guardrailVersion")?;
        config.word("trace", &["enabled", "disabled", "enabled_full"])?;
    }
    if let Some(config) = fields.get("performanceConfig") {
        let config = Fields::of(config, "performanceConfig")?;
        config.only(&["latency"])?;
        config.word("latency", &["standard", "optimized"])?;
    }
    if let Some(tier) = fields.get("serviceTier") {
        let tier = Fields::of(tier, "serviceTier")?;
        tier.only(&["type"])?;
        tier.required_word("type", &["priority", "default", "flex", "reserved"])?;
    }
    let Some(metadata) = fields.get("requestMetadata") else { return Ok(()) };
    let pairs = Fields::of(metadata, "requestMetadata")?;
    let good = |text: &str| text.len() <= 256 && text.chars().all(is_of_metadata);
    let fits = |(name, value): (&String, &Value)| {
        !name.is_empty() && good(name) && value.as_str().is_some_and(good)
    };
    if (1..=METADATA_MAX).contains(&pairs.object.len()) && pairs.object.iter().all(fits) {
        return Ok(());
    }
    let message = "1 to 16 pairs of at most 256 characters of [a-zA-Z0-9\\s:_@$#=/+,-.]";
    Err(Mistake::at("requestMetadata", message))
}

fn is_of_metadata(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter.is_whitespace() || ":_@$#=/+,-.".contains(letter)
}
