//! `generationConfig`.

use super::{
    super::{schema::from_proto, spelling::spelled},
    keep_rest,
};
use crate::{
    conversation::{Conversation, Effort, Output, Reasoning, ReasoningMode},
    json::Members,
    mistake::Mistake,
};

/// Reads `generationConfig`; what it does not know stays in `extra` under that name.
pub(super) fn read(body: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let name = spelled(body, "generationConfig");
    let Some(mut config) = body.object(&name)? else { return Ok(()) };
    conversation.max_output = whole(&mut config, "maxOutputTokens")?;
    let sampling = &mut conversation.sampling;
    sampling.temperature = config.number("temperature")?;
    sampling.top_p = config.number(&spelled(&config, "topP"))?;
    sampling.top_k = whole(&mut config, "topK")?;
    sampling.stop = config.strings(&spelled(&config, "stopSequences"))?.unwrap_or_default();
    sampling.seed = config.signed("seed")?;
    sampling.frequency_penalty = config.number(&spelled(&config, "frequencyPenalty"))?;
    sampling.presence_penalty = config.number(&spelled(&config, "presencePenalty"))?;
    sampling.choices = whole(&mut config, "candidateCount")?;
    sampling.logprobs = config.bool(&spelled(&config, "responseLogprobs"))?;
    sampling.top_logprobs = whole(&mut config, "logprobs")?;
    conversation.output = output(&mut config)?;
    conversation.reasoning = reasoning(&mut config)?;
    keep_rest(&mut conversation.extra, "generationConfig", config.rest());
    Ok(())
}

/// A whole number, which some clients write as a float.
fn whole(config: &mut Members, name: &str) -> Result<Option<u64>, Mistake> {
    let name = spelled(config, name);
    let path = config.path_of(&name);
    let Some(number) = config.number(&name)? else { return Ok(None) };
    let fits = number.fract() == 0.0 && (0.0..=u64::from(u32::MAX) as f64).contains(&number);
    if fits {
        return Ok(Some(number as u64));
    }
    Err(Mistake::wrong_type(&path, "a whole number that is not negative"))
}

/// The form of the answer. A form that only this format has (`text/x.enum`) is left for `extra`.
fn output(config: &mut Members) -> Result<Output, Mistake> {
    const JSON: &str = "application/json";
    let mime = spelled(config, "responseMimeType");
    let is_json = match config.peek_str(&mime).as_deref() {
        Some(JSON) => true,
        Some("text/plain" | "") | None => false,
        Some(_) => return Ok(Output::Text),
    };
    config.take(&mime);
    let plain = ["responseJsonSchema", "_responseJsonSchema"]
        .iter()
        .find_map(|name| config.raw(&spelled(config, name)));
    let path = config.path_of("responseSchema");
    let schema = match (plain, config.raw(&spelled(config, "responseSchema"))) {
        (Some(schema), _) => schema,
        (None, Some(schema)) if schema.is_object() => from_proto(&schema),
        (None, Some(_)) => return Err(Mistake::wrong_type(&path, "an object")),
        (None, None) if is_json => return Ok(Output::JsonObject),
        (None, None) => return Ok(Output::Text),
    };
    Ok(Output::JsonSchema { name: None, description: None, schema, strict: None })
}

fn reasoning(config: &mut Members) -> Result<Option<Reasoning>, Mistake> {
    let name = spelled(config, "thinkingConfig");
    let Some(mut thinking) = config.object(&name)? else { return Ok(None) };
    let mut reasoning = Reasoning {
        show: thinking.bool(&spelled(&thinking, "includeThoughts"))?,
        ..Reasoning::default()
    };
    match thinking.signed(&spelled(&thinking, "thinkingBudget"))? {
        Some(0) => {
            reasoning.budget = Some(0);
            reasoning.mode = Some(ReasoningMode::Disabled);
        }
        Some(tokens @ 1..) => reasoning.budget = u64::try_from(tokens).ok(),
        Some(_) => reasoning.mode = Some(ReasoningMode::Adaptive),
        None => {}
    }
    let name = spelled(&thinking, "thinkingLevel");
    let path = thinking.path_of(&name);
    if let Some(word) = thinking.string(&name)?.map(|word| word.to_ascii_lowercase())
        && word != "thinking_level_unspecified"
    {
        let Some(effort) = Effort::from_word(&word) else {
            let message = "The level must be minimal, low, medium or high.";
            return Err(Mistake::invalid(&path, message));
        };
        reasoning.effort = Some(effort);
    }
    reasoning.extra = thinking.rest();
    Ok(Some(reasoning))
}
