//! How long the answer may be, and how its tokens are drawn.

use super::thinking::Reasons;
use crate::{
    anthropic::claude::{self, Drawn},
    bedrock::model::{Family, Model},
    conversation::{Conversation, Fit, Unsupported, label, note_unsupported},
    json::Object,
};

/// What is said of it.
#[derive(Debug, Default)]
pub(super) struct Inference {
    max_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    /// In the model's own words, beside `inferenceConfig`.
    pub top_k: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

impl Inference {
    /// Decides. A budget for thinking is made to fit.
    pub fn decide(
        conversation: &Conversation,
        model: &Model,
        reasons: &mut Reasons,
        fit: &mut Fit,
    ) -> Self {
        let max_tokens = max_tokens(conversation, reasons, fit);
        let drawn = match (model.claude(), &*reasons) {
            (Some(traits), Reasons::Claude(thinking)) => {
                Drawn::of(conversation, traits, thinking, fit)
            }
            (Some(traits), _) => Drawn::of(conversation, traits, &Default::default(), fit),
            (None, _) => drawn(conversation, model, reasons, fit),
        };
        let wanted = &conversation.sampling.stop;
        let stop: Vec<String> =
            wanted.iter().filter(|text| !text.trim().is_empty()).cloned().collect();
        if stop.len() < wanted.len() {
            fit.hint(label(conversation.origin, "stop"));
        }
        let kinds = [
            Unsupported::Seed,
            Unsupported::Penalties,
            Unsupported::Choices,
            Unsupported::Logprobs,
            Unsupported::LogitBias,
        ];
        note_unsupported(conversation, &kinds, fit);
        let Drawn { temperature, top_p, top_k } = drawn;
        Self { max_tokens, temperature, top_p, top_k, stop }
    }

    /// Writes `inferenceConfig`.
    pub fn write(&self, body: &mut Object) {
        let nothing = self.max_tokens.is_none() && self.temperature.is_none();
        if nothing && self.top_p.is_none() && self.stop.is_empty() {
            return;
        }
        body.object("inferenceConfig", |config| {
            config
                .put_some("maxTokens", self.max_tokens)
                .put_some("temperature", self.temperature)
                .put_some("topP", self.top_p);
            if !self.stop.is_empty() {
                config.put("stopSequences", &self.stop);
            }
        });
    }

    /// Writes what has its place among the model's own members.
    pub fn write_own(&self, fields: &mut Object, model: &Model) {
        let Some(top_k) = self.top_k else { return };
        match model.family {
            Family::Nova { .. } => {
                fields.object("inferenceConfig", |config| {
                    config.put("topK", top_k);
                });
            }
            _ => {
                fields.put("top_k", top_k);
            }
        }
    }
}

/// The most answer tokens, if anybody says; without, the model's own most is the default.
fn max_tokens(conversation: &Conversation, reasons: &mut Reasons, fit: &mut Fit) -> Option<u64> {
    let asked = fit.max_output(conversation.max_output);
    match reasons {
        Reasons::Claude(thinking) if asked.is_some() || thinking.has_budget() => {
            Some(claude::max_tokens(conversation, thinking, fit))
        }
        _ => {
            let asked = asked?;
            let most = fit.target.model_max_output.unwrap_or(asked);
            if most < asked {
                fit.changed(label(conversation.origin, "max_tokens"), most);
            }
            Some(asked.min(most))
        }
    }
}

/// For models that are not Claude.
fn drawn(conversation: &Conversation, model: &Model, reasons: &Reasons, fit: &mut Fit) -> Drawn {
    let origin = conversation.origin;
    let sampling = &conversation.sampling;
    let fixed = reasons.is_nova_at_its_highest() || fit.target.sampling_params == Some(false);
    let mut number = |name: &str, value: Option<f64>| {
        let value = value.filter(|number| number.is_finite())?;
        if fixed {
            fit.hint(label(origin, name));
            return None;
        }
        Some(fit.clamp(label(origin, name), value, 0.0, 1.0))
    };
    let temperature = number("temperature", sampling.temperature);
    let top_p = number("top_p", sampling.top_p);
    let known = matches!(model.family, Family::Nova { .. } | Family::Mistral) && !fixed;
    let top_k = sampling.top_k.filter(|_| known);
    if top_k.is_none() && sampling.top_k.is_some() {
        fit.hint(label(origin, "top_k"));
    }
    Drawn { temperature, top_p, top_k }
}
