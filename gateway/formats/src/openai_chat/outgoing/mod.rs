//! A request as an OpenAI-compatible provider gets it, in the provider's dialect.

mod content;
mod message;
mod pairs;
mod params;
mod tool;

use super::dialect::Dialect;
use crate::{
    conversation::{Conversation, Extra, Fit, Format, Outgoing, Output, TargetFacts, label},
    json::{Members, Raw, object},
    mistake::Mistake,
};

/// Writes a request for the target of `fit`. What a provider cannot honour is told through `fit`.
pub fn write_request(conversation: &Conversation, fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let dialect = Dialect::of(fit.target.kind).unwrap_or(Dialect::plain());
    write_in(dialect, conversation, fit)
}

pub(super) fn write_in(
    dialect: &'static Dialect,
    conversation: &Conversation,
    fit: Fit<'_>,
) -> Result<Outgoing, Mistake> {
    let facts = fit.target;
    let mut writing = Writing { conversation, facts, dialect, fit };
    let offer = writing.offer();
    let schema_words = writing.schema_in_words();
    let messages = writing.messages(schema_words.as_deref(), offer.nudge);
    let params = writing.params(&offer);
    let mut body = Vec::new();
    object(&mut body, |o| {
        o.put("model", writing.facts.upstream_model);
        o.put_text("messages", &messages);
        for (name, value) in &params {
            o.put_text(name, value);
        }
    });
    writing.fit.finish(body)
}

/// A request being written.
struct Writing<'c> {
    conversation: &'c Conversation,
    facts: TargetFacts<'c>,
    dialect: &'static Dialect,
    fit: Fit<'c>,
}

impl<'c> Writing<'c> {
    /// Whether the request came in this format: then it has members that only this format knows.
    fn own(&self) -> bool {
        self.conversation.origin == Format::OpenaiChat
    }

    /// Members that only this format knows, if these are such.
    fn extra<'e>(&self, extra: &'e Extra) -> &'e [(String, Raw)] {
        if self.own() { extra } else { &[] }
    }

    /// A parameter by its name in the app's request.
    fn label<'n>(&self, name: &'n str) -> &'n str {
        label(self.conversation.origin, name)
    }

    /// The schema in words, where the target does not keep to schemas.
    fn schema_in_words(&mut self) -> Option<String> {
        let Output::JsonSchema { schema, .. } = &self.conversation.output else { return None };
        if self.dialect.keeps_to_schemas(&self.facts) {
            return None;
        }
        let label = self.label("response_format");
        self.fit.replaced(label, "json_object");
        Some(format!(
            "Answer with one JSON object, without any text around it, that matches this JSON Schema:\n{}",
            schema.get()
        ))
    }
}

/// Members that only this format knows, where some belong into an inner object.
#[derive(Default)]
struct Split {
    inside: Extra,
    beside: Extra,
}

impl Split {
    /// Those of the inner object were kept under its name.
    fn of(extra: &[(String, Raw)], inner: &str) -> Self {
        let mut split = Self::default();
        for (name, raw) in extra {
            match Members::of_text(raw.get()) {
                Some(members) if name == inner => split.inside.extend(members.rest()),
                _ => split.beside.push((name.clone(), raw.clone())),
            }
        }
        split
    }
}

#[cfg(test)]
mod tests;
