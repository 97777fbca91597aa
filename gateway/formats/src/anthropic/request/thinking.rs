//! `thinking` and `output_config.effort`.

use crate::{
    conversation::{Conversation, Effort, Reasoning, ReasoningMode},
    json::{Members, Raw},
    mistake::Mistake,
};

/// Reads `thinking`. A type that is not known stays in the extra members, and says nothing to other formats.
pub(super) fn read(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let Some(mut thinking) = members.object("thinking")? else { return Ok(()) };
    let mut reasoning = Reasoning::default();
    let word = thinking.required_string("type")?;
    reasoning.mode = match word.as_str() {
        "enabled" => Some(ReasoningMode::Enabled),
        "adaptive" => Some(ReasoningMode::Adaptive),
        "disabled" => Some(ReasoningMode::Disabled),
        _ => {
            reasoning.extra.push(("type".to_owned(), Raw::string(&word)));
            None
        }
    };
    reasoning.budget = thinking.integer("budget_tokens")?;
    if reasoning.mode == Some(ReasoningMode::Enabled) && reasoning.budget.is_none() {
        return Err(Mistake::missing("thinking.budget_tokens"));
    }
    reasoning.show = match thinking.peek_str("display").as_deref() {
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        _ => None,
    };
    if reasoning.show.is_some() || !thinking.has("display") {
        thinking.take("display");
    }
    reasoning.extra.extend(thinking.rest());
    conversation.reasoning = Some(reasoning);
    Ok(())
}

/// Reads `effort`. A word that is not known stays where it is.
pub(super) fn read_effort(
    config: &mut Members,
    conversation: &mut Conversation,
) -> Result<(), Mistake> {
    let Some(word) = config.peek_str("effort") else {
        config.string("effort")?;
        return Ok(());
    };
    if let Some(effort) = Effort::from_word(&word) {
        config.take("effort");
        conversation.reasoning.get_or_insert_default().effort = Some(effort);
    }
    Ok(())
}
