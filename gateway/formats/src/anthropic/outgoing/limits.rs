//! How long the answer may be, and how its tokens are drawn.

use super::thinking::{Kind, Thinking};
use crate::{
    anthropic::model::Traits,
    conversation::{Conversation, Fit, Format, label},
    json::Object,
};

/// The least budget that thinking takes.
const LEAST_BUDGET: u64 = 1024;

/// The most answer tokens: the gateway's, else the app's, else all that the model gives. A budget for thinking is made to
/// fit into them: thinking counts inside.
pub(crate) fn max_tokens(
    conversation: &Conversation,
    thinking: &mut Thinking,
    fit: &mut Fit,
) -> u64 {
    /// What an answer gets beside its thinking where nobody says how much, and the whole where nothing is known.
    const ENOUGH: u64 = 4096;
    let origin = conversation.origin;
    let cap = fit.target.model_max_output;
    let asked = fit.max_output(conversation.max_output);
    let budget = match thinking.kind {
        Some(Kind::Enabled(budget)) => Some(budget),
        _ => None,
    };
    let mut most = asked.unwrap_or_else(|| {
        cap.unwrap_or_else(|| budget.map_or(ENOUGH, |budget| budget.saturating_add(ENOUGH)))
    });
    if let Some(cap) = cap.filter(|cap| *cap < most) {
        most = cap;
        fit.changed(label(origin, "max_tokens"), cap);
    }
    if let Some(budget) = budget {
        let fitting = fitting(budget, most, interleaves(conversation));
        match fitting {
            Some(fitting) if fitting == budget => {}
            Some(fitting) => {
                fit.changed("thinking.budget_tokens", fitting);
                thinking.kind = Some(Kind::Enabled(fitting));
            }
            None => {
                fit.hint(label(origin, "reasoning_effort"));
                thinking.kind = None;
            }
        }
    }
    most
}

/// The budget that fits below a limit; `None` if none does. One that would leave nothing for the answer gets half.
fn fitting(budget: u64, most: u64, interleaves: bool) -> Option<u64> {
    let budget = budget.max(LEAST_BUDGET);
    if interleaves || budget < most {
        Some(budget)
    } else if most > LEAST_BUDGET {
        Some((most / 2).max(LEAST_BUDGET))
    } else {
        None
    }
}

/// With interleaved thinking the budget is that of all thinking in a turn, and may be larger than one answer.
fn interleaves(conversation: &Conversation) -> bool {
    let betas = conversation.header("anthropic-beta").unwrap_or_default();
    betas.split(',').any(|beta| beta.trim().starts_with("interleaved-thinking"))
}

/// Writes temperature, top_p, top_k and the texts that end the answer; notes what has no place here.
pub(super) fn write_sampling(
    body: &mut Object,
    conversation: &Conversation,
    traits: &Traits,
    thinking: &Thinking,
    fit: &mut Fit,
) {
    let origin = conversation.origin;
    let drawn = Drawn::of(conversation, traits, thinking, fit);
    body.put_some("temperature", drawn.temperature)
        .put_some("top_p", drawn.top_p)
        .put_some("top_k", drawn.top_k);
    let wanted = &conversation.sampling.stop;
    let stop: Vec<&String> = wanted.iter().filter(|text| !text.trim().is_empty()).collect();
    if stop.len() < wanted.len() {
        fit.hint(label(origin, "stop"));
    }
    if !stop.is_empty() {
        body.put("stop_sequences", stop);
    }
    note_the_rest(conversation, fit);
}

/// What is said of how tokens are drawn.
pub(crate) struct Drawn {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
}

impl Drawn {
    /// What the model takes of it; the rest is noted.
    pub fn of(
        conversation: &Conversation,
        traits: &Traits,
        thinking: &Thinking,
        fit: &mut Fit,
    ) -> Self {
        let origin = conversation.origin;
        let sampling = &conversation.sampling;
        let mut drawn = Self {
            temperature: sampling.temperature.filter(|number| number.is_finite()),
            top_p: sampling.top_p.filter(|number| number.is_finite()),
            top_k: sampling.top_k,
        };
        if !traits.sampling {
            drawn.drop_unless(origin, fit, |_| false, |_| false, false);
        } else if thinking.is_on() {
            let nearly_all = |top_p: f64| (0.95..=1.0).contains(&top_p);
            drawn.drop_unless(origin, fit, |temperature| temperature == 1.0, nearly_all, false);
        }
        if let Some(temperature) = &mut drawn.temperature {
            *temperature = fit.clamp(label(origin, "temperature"), *temperature, 0.0, 1.0);
        }
        if let Some(top_p) = &mut drawn.top_p {
            *top_p = fit.clamp(label(origin, "top_p"), *top_p, 0.0, 1.0);
        }
        if let (Some(temperature), Some(top_p)) = (drawn.temperature, drawn.top_p)
            && !traits.temperature_with_top_p
        {
            // The one that says something stays; temperature if both do.
            if temperature == 1.0 && top_p < 1.0 {
                fit.hint(label(origin, "temperature"));
                drawn.temperature = None;
            } else {
                fit.hint(label(origin, "top_p"));
                drawn.top_p = None;
            }
        }
        drawn
    }

    fn drop_unless(
        &mut self,
        origin: Format,
        fit: &mut Fit,
        temperature: impl Fn(f64) -> bool,
        top_p: impl Fn(f64) -> bool,
        top_k: bool,
    ) {
        if self.temperature.take_if(|number| !temperature(*number)).is_some() {
            fit.hint(label(origin, "temperature"));
        }
        if self.top_p.take_if(|number| !top_p(*number)).is_some() {
            fit.hint(label(origin, "top_p"));
        }
        if self.top_k.take_if(|_| !top_k).is_some() {
            fit.hint(label(origin, "top_k"));
        }
    }
}

/// Parameters that this format has no word for.
fn note_the_rest(conversation: &Conversation, fit: &mut Fit) {
    let origin = conversation.origin;
    let sampling = &conversation.sampling;
    let mut note = |name: &str, given: bool, harmless: bool, why: &str| match (given, harmless) {
        (false, _) => {}
        (true, true) => fit.hint(label(origin, name)),
        (true, false) => fit.cannot(label(origin, name), why),
    };
    note("seed", sampling.seed.is_some(), true, "");
    let penalty = "it has no penalties";
    let zero = |penalty: Option<f64>| penalty == Some(0.0);
    note(
        "frequency_penalty",
        sampling.frequency_penalty.is_some(),
        zero(sampling.frequency_penalty),
        penalty,
    );
    note(
        "presence_penalty",
        sampling.presence_penalty.is_some(),
        zero(sampling.presence_penalty),
        penalty,
    );
    note("n", sampling.choices.is_some(), sampling.choices <= Some(1), "it gives one choice");
    let logprobs = "it tells no log probabilities";
    note("logprobs", sampling.logprobs.is_some(), sampling.logprobs == Some(false), logprobs);
    let alone = sampling.logprobs != Some(true);
    note("top_logprobs", sampling.top_logprobs.is_some(), alone, logprobs);
    let no_bias =
        sampling.logit_bias.as_ref().is_some_and(|bias| crate::json::compact(bias.get()) == "{}");
    note("logit_bias", sampling.logit_bias.is_some(), no_bias, "it takes no bias");
}
