//! Whether and how the model thinks: `thinking` and `output_config.effort`.

use crate::{
    anthropic::model::{Thinking as Takes, Traits},
    conversation::{Conversation, Effort, Extra, Fit, Format, Reasoning, ReasoningMode, label},
    json::{Object, Raw},
};

/// What the request says about thinking.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Thinking {
    /// `thinking`; absent: nothing is said.
    pub kind: Option<Kind>,
    /// Whether the text of the thinking is shown; absent: as the model does.
    pub show: Option<bool>,
    /// `output_config.effort`.
    pub effort: Option<Effort>,
    /// Members of an app's own `thinking` object that are not understood.
    pub extra: Extra,
}

/// The type of `thinking`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Adaptive,
    /// With this budget in tokens.
    Enabled(u64),
    Disabled,
    /// One that only the app knows.
    Other(Raw),
}

impl Thinking {
    /// Whether the model thinks with a budget: no tool can be forced then, and a loop of tool calls needs its signed
    /// reasoning back.
    pub fn has_budget(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_)))
    }

    /// Whether the request switches thinking on.
    pub fn is_on(&self) -> bool {
        matches!(self.kind, Some(Kind::Enabled(_) | Kind::Adaptive))
    }

    /// Writes `thinking`.
    pub fn write(&self, body: &mut Object) {
        let Some(kind) = &self.kind else { return };
        body.object("thinking", |object| {
            match kind {
                Kind::Adaptive => object.put("type", "adaptive"),
                Kind::Enabled(budget) => object.put("type", "enabled").put("budget_tokens", budget),
                Kind::Disabled => object.put("type", "disabled"),
                Kind::Other(word) => object.put("type", word),
            };
            let shown = matches!(kind, Kind::Adaptive | Kind::Enabled(_));
            if let Some(show) = self.show.filter(|_| shown) {
                object.put("display", if show { "summarized" } else { "omitted" });
            }
            object.put_all(&self.extra);
        });
    }
}

/// Decides for a request whose turns are in order; `lacks_thinking` is what those say of a loop of tool calls.
pub(crate) fn decide(
    conversation: &Conversation,
    traits: &Traits,
    lacks_thinking: bool,
    fit: &mut Fit,
) -> Thinking {
    let Some(reasoning) = &conversation.reasoning else { return Thinking::default() };
    let origin = conversation.origin;
    let param = label(origin, "reasoning_effort");
    let own = origin == Format::Anthropic;
    let extra = if own { reasoning.extra.clone() } else { Extra::new() };
    if let Some(other) = other_kind(&extra) {
        let extra = extra.into_iter().filter(|(name, _)| name != "type").collect();
        let effort = accepted(reasoning.effort, traits, param, fit);
        return Thinking { kind: Some(Kind::Other(other)), show: None, effort, extra };
    }
    if traits.thinking == Takes::None {
        if !reasoning.is_off() {
            fit.hint(param);
        }
        return Thinking::default();
    }
    if reasoning.is_off() {
        return Thinking { extra, ..off(reasoning, traits, param, fit) };
    }
    let kind = kind(reasoning, own, traits, fit);
    let effort = match kind {
        Some(Kind::Adaptive) => accepted(reasoning.as_effort(), traits, param, fit),
        // A budget says it all; only an app that knows both words may mean both.
        _ if own && !traits.efforts.is_empty() => accepted(reasoning.effort, traits, param, fit),
        _ => None,
    };
    if own && reasoning.effort.is_some() && effort.is_none() {
        fit.hint("output_config.effort");
    }
    if matches!(kind, Some(Kind::Enabled(_))) && lacks_thinking {
        fit.hint(param);
        return Thinking { effort, ..Thinking::default() };
    }
    Thinking { kind, show: reasoning.show, effort, extra }
}

/// A type of thinking that is not known here.
fn other_kind(extra: &Extra) -> Option<Raw> {
    extra.iter().find(|(name, _)| name == "type").map(|(_, raw)| raw.clone())
}

/// The type of thinking where some is wanted; `None` where only the effort says so.
fn kind(reasoning: &Reasoning, own: bool, traits: &Traits, fit: &mut Fit) -> Option<Kind> {
    let budget = || reasoning.as_budget().unwrap_or(Effort::Medium.budget());
    let told = reasoning.budget.filter(|_| reasoning.mode != Some(ReasoningMode::Adaptive));
    if own && reasoning.mode.is_none() && reasoning.budget.is_none() {
        return None;
    }
    match traits.thinking {
        Takes::None => None,
        Takes::Adaptive => {
            if own && reasoning.mode == Some(ReasoningMode::Enabled) {
                fit.replaced("thinking.type", "adaptive");
            }
            Some(Kind::Adaptive)
        }
        Takes::Either => Some(told.map_or(Kind::Adaptive, Kind::Enabled)),
        Takes::Unknown if own && told.is_none() => Some(Kind::Adaptive),
        Takes::Budget | Takes::Unknown => {
            if own && reasoning.mode == Some(ReasoningMode::Adaptive) {
                fit.replaced("thinking.type", "enabled");
            }
            Some(Kind::Enabled(budget()))
        }
    }
}

/// Thinking switched off. A model that always thinks does so as little as it can.
fn off(reasoning: &Reasoning, traits: &Traits, param: &str, fit: &mut Fit) -> Thinking {
    let wanted = reasoning.effort.filter(|effort| *effort != Effort::None);
    if traits.thinks_always {
        let lowest = traits.efforts.iter().copied().min();
        if let Some(lowest) = lowest {
            fit.replaced(param, lowest.word());
        }
        return Thinking { effort: lowest, ..Thinking::default() };
    }
    let mut effort = accepted(wanted, traits, param, fit);
    if traits.thinks_at_high_efforts && effort > Some(Effort::High) {
        fit.replaced("output_config.effort", Effort::High.word());
        effort = Some(Effort::High);
    }
    Thinking { kind: Some(Kind::Disabled), effort, ..Thinking::default() }
}

/// The nearest effort that the model takes.
fn accepted(effort: Option<Effort>, traits: &Traits, param: &str, fit: &mut Fit) -> Option<Effort> {
    let effort = effort?;
    let nearest = effort.nearest(&traits.efforts)?;
    if nearest != effort {
        fit.replaced(param, nearest.word());
    }
    Some(nearest)
}
