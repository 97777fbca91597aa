//! Whether and how much to reason: OpenAI's word, and the members that clones have for it.

use crate::{
    conversation::{Effort, Extra, Reasoning, ReasoningMode},
    json::{Members, Raw},
    mistake::Mistake,
};

/// Reads every member about reasoning. Those that OpenAI does not have are also kept as they came: a provider that
/// knows them gets them unchanged.
pub(super) fn read(members: &mut Members) -> Result<Option<Reasoning>, Mistake> {
    let mut reasoning = Reasoning::default();
    if let Some(word) = members.string("reasoning_effort")? {
        match Effort::from_word(&word) {
            Some(effort) => reasoning.effort = Some(effort),
            None => reasoning.extra.push(("reasoning_effort".to_owned(), Raw::string(&word))),
        }
    }
    thinking(members, &mut reasoning)?;
    object(members, &mut reasoning)?;
    switches(members, &mut reasoning)?;
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

fn kept(members: &mut Members, name: &str, extra: &mut Extra) {
    extra.extend(members.raw(name).map(|raw| (name.to_owned(), raw)));
}

/// `thinking: {"type":"enabled"|"disabled"|"adaptive","budget_tokens"}`: DeepSeek, Z.ai, Moonshot, and LiteLLM's apps.
fn thinking(members: &mut Members, reasoning: &mut Reasoning) -> Result<(), Mistake> {
    let Some(value) = members.peek("thinking") else { return Ok(()) };
    let mut thinking = Members::of("thinking", value)?;
    reasoning.mode = match thinking.string("type")?.as_deref() {
        Some("enabled") => Some(ReasoningMode::Enabled),
        Some("adaptive" | "auto") => Some(ReasoningMode::Adaptive),
        Some("disabled") => Some(ReasoningMode::Disabled),
        _ => None,
    };
    reasoning.budget = thinking.integer("budget_tokens")?;
    kept(members, "thinking", &mut reasoning.extra);
    Ok(())
}

/// `reasoning: {"effort","max_tokens","enabled","exclude"}`: OpenRouter and Together.
fn object(members: &mut Members, reasoning: &mut Reasoning) -> Result<(), Mistake> {
    let Some(value) = members.peek("reasoning") else { return Ok(()) };
    let mut object = Members::of("reasoning", value)?;
    if let Some(effort) = object.string("effort")?.as_deref().and_then(Effort::from_word) {
        reasoning.effort = Some(effort);
    }
    reasoning.budget = object.integer("max_tokens")?.or(reasoning.budget);
    reasoning.show = object.bool("exclude")?.map(|exclude| !exclude);
    if let Some(enabled) = object.bool("enabled")? {
        reasoning.mode = Some(mode(enabled));
    }
    kept(members, "reasoning", &mut reasoning.extra);
    Ok(())
}

/// Qwen's `enable_thinking` and `thinking_budget`, and `include_reasoning`.
fn switches(members: &mut Members, reasoning: &mut Reasoning) -> Result<(), Mistake> {
    if let Some(raw) = members.peek("enable_thinking").map(Raw::from) {
        reasoning.mode = members.bool("enable_thinking")?.map(mode);
        reasoning.extra.push(("enable_thinking".to_owned(), raw));
    }
    if let Some(raw) = members.peek("thinking_budget").map(Raw::from) {
        reasoning.budget = members.integer("thinking_budget")?;
        reasoning.extra.push(("thinking_budget".to_owned(), raw));
    }
    if let Some(raw) = members.peek("include_reasoning").map(Raw::from) {
        reasoning.show = members.bool("include_reasoning")?;
        reasoning.extra.push(("include_reasoning".to_owned(), raw));
    }
    Ok(())
}

const fn mode(enabled: bool) -> ReasoningMode {
    if enabled { ReasoningMode::Enabled } else { ReasoningMode::Disabled }
}
