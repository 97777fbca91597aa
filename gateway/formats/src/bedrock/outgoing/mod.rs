//! A request as Bedrock gets it.
//!
//! Rules that are decided here and not by the wire format: reasoning that Bedrock did not sign is left out; system texts
//! between messages are text of the next user turn; there is no way to say that no tool may be called, so that the tools
//! go, or stay where the history needs them; files are given inline or in S3; an answer that goes on from an assistant
//! turn does so where the model does.

mod cache;
mod content;
mod envelope;
mod form;
mod ids;
mod inference;
mod media;
mod thinking;
mod tools;
mod turns;

use super::model::Model;
use crate::{
    anthropic::claude::Traits,
    conversation::{Conversation, Fit, Format, Outgoing, Part, Role, Turn, label},
    json::{Object, object},
    mistake::Mistake,
};
use form::Form;
use inference::Inference;
use thinking::Reasons;
use tools::Offer;

/// Writes the body of a call of `converse` or `converse-stream`. The model is in the path.
pub fn write_request(conversation: &Conversation, mut fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let plan = Plan::of(conversation, &mut fit)?;
    let mut out = Vec::new();
    object(&mut out, |body| {
        content::write_messages(body, &plan.turns, &plan.model);
        content::write_system(body, &plan.system);
        plan.inference.write(body);
        plan.offer.write(body);
        plan.write_own_fields(body);
        plan.write_output_config(body);
        envelope::write(body, conversation, &mut fit);
    });
    fit.finish(out)
}

/// What the prompt and its answer will be.
struct Plan {
    model: Model,
    system: Vec<Part>,
    turns: Vec<Turn>,
    reasons: Reasons,
    inference: Inference,
    form: Form,
    offer: Offer,
    betas: Vec<&'static str>,
}

impl Plan {
    fn of(conversation: &Conversation, fit: &mut Fit) -> Result<Self, Mistake> {
        let model = Model::of(&fit.target);
        let turns::Ordered { mut system, mut turns } = turns::ordered(conversation, &model, fit);
        let mut reasons = thinking::decide(conversation, &turns, &model, fit);
        prefill(&mut turns, conversation, &model, &mut reasons, fit);
        let inference = Inference::decide(conversation, &model, &mut reasons, fit);
        let forcible = model.forces_any && !reasons.claude_thinks();
        let form = form::decide(conversation, &model, forcible);
        if let Form::Told(sentence) = &form {
            system.push(Part::text(sentence));
        }
        let mut offer = Offer::of(conversation, &turns, &model, fit)?;
        offer.unless_forcible(forcible, conversation, fit);
        offer.stand_in(&form, conversation, &model);
        cache::fit_marks(&model, &mut offer.tools, &mut system, &mut turns, fit);
        let betas = betas(conversation, &model);
        Ok(Self { model, system, turns, reasons, inference, form, offer, betas })
    }

    /// The members that go to the model in its own words, and those of its own answer that are wanted.
    fn write_own_fields(&self, body: &mut Object) {
        let top_k = self.inference.top_k.is_some();
        let any = top_k || self.reasons.says_something() || self.offer.one_by_one;
        if any || !self.betas.is_empty() {
            body.object("additionalModelRequestFields", |fields| {
                self.reasons.write(fields);
                self.inference.write_own(fields, &self.model);
                self.offer.write_own(fields);
                if !self.betas.is_empty() {
                    fields.put("anthropic_beta", &self.betas);
                }
            });
        }
        // Which of the texts ended the answer, only the model's own answer says.
        if self.model.claude().is_some() && !self.inference.stop.is_empty() {
            body.put("additionalModelResponseFieldPaths", ["/stop_sequence"]);
        }
    }

    fn write_output_config(&self, body: &mut Object) {
        let effort = self.reasons.effort();
        if effort.is_none() && !matches!(self.form, Form::Schema { .. }) {
            return;
        }
        body.object("outputConfig", |config| {
            self.form.write(config);
            config.put_some("effort", effort.map(crate::conversation::Effort::word));
        });
    }
}

/// The betas that an app of Anthropic's format asked for and that Bedrock knows.
fn betas(conversation: &Conversation, model: &Model) -> Vec<&'static str> {
    if conversation.origin != Format::Anthropic {
        return Vec::new();
    }
    let asked = conversation.header("anthropic-beta").unwrap_or_default();
    let asked: Vec<&str> = asked.split(',').map(str::trim).collect();
    model.betas.iter().copied().filter(|beta| asked.contains(beta)).collect()
}

/// A last turn of the assistant is the beginning of the answer, where the model takes that; Claude does without thinking
/// only.
fn prefill(
    turns: &mut Vec<Turn>,
    conversation: &Conversation,
    model: &Model,
    reasons: &mut Reasons,
    fit: &mut Fit,
) {
    let last = turns.last().is_some_and(|turn| turn.role == Role::Assistant);
    let Some(Traits { prefill, .. }) = model.claude().filter(|_| last) else { return };
    let origin = conversation.origin;
    if !prefill {
        let why = "the model does not go on from a last turn of the assistant";
        fit.cannot(label(origin, "messages"), why);
        turns.push(Turn::new(Role::User, vec![Part::text("Continue.")]));
    } else if let Reasons::Claude(thinking) = reasons
        && thinking.is_on()
    {
        fit.hint(label(origin, "reasoning_effort"));
        thinking.kind = None;
    }
}

#[cfg(test)]
mod tests;
