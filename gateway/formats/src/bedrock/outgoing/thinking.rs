//! Whether and how the model reasons, in the words of each family. Converse has none of its own but the effort.

use crate::{
    anthropic::claude::{self, Thinking},
    bedrock::model::{Family, Model},
    conversation::{Conversation, Effort, Fit, Reasoning, Turn, label},
    json::Object,
};

/// What the request says about reasoning.
#[derive(Debug)]
pub(super) enum Reasons {
    /// Nothing.
    Unsaid,
    /// Claude's `thinking`, and the effort in `outputConfig`.
    Claude(Thinking),
    /// Nova's `reasoningConfig`; `None`: off.
    Nova(Option<Effort>),
    /// `reasoning_effort` of OpenAI's open models.
    Word(Effort),
    /// `reasoning.effort` of OpenAI's others.
    Nested(Effort),
}

/// Decides for a request whose turns are in order.
pub(super) fn decide(
    conversation: &Conversation,
    turns: &[Turn],
    model: &Model,
    fit: &mut Fit,
) -> Reasons {
    let Some(reasoning) = &conversation.reasoning else { return Reasons::Unsaid };
    let param = label(conversation.origin, "reasoning_effort");
    match &model.family {
        Family::Claude(traits) => {
            let lacks = claude::lacks_thinking(turns);
            Reasons::Claude(claude::thinking::decide(conversation, traits, lacks, fit))
        }
        Family::Nova { reasons: true } => {
            let limited = fit.max_output(conversation.max_output).is_some();
            Reasons::Nova(nova(reasoning, limited, param, fit))
        }
        Family::GptOss => {
            let told = [Effort::Low, Effort::Medium, Effort::High];
            nearest(reasoning, &told, param, fit).map_or(Reasons::Unsaid, Reasons::Word)
        }
        Family::Openai => {
            let told = if fit.target.efforts.is_empty() {
                vec![Effort::None, Effort::Low, Effort::Medium, Effort::High]
            } else {
                fit.target.efforts.to_vec()
            };
            nearest(reasoning, &told, param, fit).map_or(Reasons::Unsaid, Reasons::Nested)
        }
        Family::Nova { reasons: false } | Family::Mistral | Family::Unforced | Family::Other => {
            if !reasoning.is_off() {
                fit.hint(param);
            }
            Reasons::Unsaid
        }
    }
}

/// Nova takes three words. At the highest it takes no limit of the answer's tokens, and a limit is what a budget rests
/// on, so that the effort yields.
fn nova(reasoning: &Reasoning, limited: bool, param: &str, fit: &mut Fit) -> Option<Effort> {
    if reasoning.is_off() {
        return None;
    }
    let most = if limited { Effort::Medium } else { Effort::High };
    let wanted = reasoning.as_effort().unwrap_or(Effort::Medium);
    let told = wanted.clamp(Effort::Low, most);
    if told != wanted {
        fit.replaced(param, told.word());
    }
    Some(told)
}

fn nearest(reasoning: &Reasoning, told: &[Effort], param: &str, fit: &mut Fit) -> Option<Effort> {
    let wanted = reasoning.as_effort()?;
    let nearest = wanted.nearest(told)?;
    if nearest != wanted {
        fit.replaced(param, nearest.word());
    }
    Some(nearest)
}

impl Reasons {
    /// Whether Claude is told to think: then no tool can be forced.
    pub fn claude_thinks(&self) -> bool {
        matches!(self, Self::Claude(thinking) if thinking.is_on())
    }

    /// Whether Nova reasons at its highest: then it takes nothing that says how tokens are drawn.
    pub const fn is_nova_at_its_highest(&self) -> bool {
        matches!(self, Self::Nova(Some(Effort::High)))
    }

    /// The effort for `outputConfig`.
    pub const fn effort(&self) -> Option<Effort> {
        match self {
            Self::Claude(thinking) => thinking.effort,
            _ => None,
        }
    }

    /// Writes the model's own members.
    pub fn write(&self, fields: &mut Object) {
        match self {
            Self::Unsaid => {}
            Self::Claude(thinking) => thinking.write(fields),
            Self::Nova(effort) => {
                fields.object("reasoningConfig", |config| {
                    config.put("type", if effort.is_some() { "enabled" } else { "disabled" });
                    config.put_some("maxReasoningEffort", effort.map(Effort::word));
                });
            }
            Self::Word(effort) => {
                fields.put("reasoning_effort", effort.word());
            }
            Self::Nested(effort) => {
                fields.object("reasoning", |reasoning| {
                    reasoning.put("effort", effort.word());
                });
            }
        }
    }

    /// Whether [`Self::write`] writes anything.
    pub const fn says_something(&self) -> bool {
        match self {
            Self::Unsaid => false,
            Self::Claude(thinking) => thinking.kind.is_some(),
            Self::Nova(_) | Self::Word(_) | Self::Nested(_) => true,
        }
    }
}
