//! The form of the answer: a schema that the model keeps to, a tool that stands for it, or words.

use crate::{
    anthropic::claude::{object_rooted, stand_in, strict, wrapped},
    bedrock::model::Model,
    conversation::{Conversation, Output, ToolChoice},
    json::{Object, Raw, compact},
};

/// How the form of the answer is asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// Any text.
    Text,
    /// `outputConfig.textFormat`.
    Schema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// In the subset that is kept to the letter.
        schema: Raw,
    },
    /// A forced tool, whose input is the answer.
    StandIn {
        /// By this name it is known on the way back.
        name: &'static str,
        /// What it is said to do.
        description: String,
        /// The schema of its input.
        schema: Raw,
    },
    /// A sentence after the rules.
    Told(String),
}

/// Decides how to ask for the form of the answer. `forces`: whether a tool can be made to be called in this request.
pub(super) fn decide(conversation: &Conversation, model: &Model, forces: bool) -> Form {
    let (name, description, schema) = match &conversation.output {
        Output::Text => return Form::Text,
        Output::JsonObject => {
            let sentence = "Answer with one JSON object and nothing else: no words and no code fence around it.";
            return Form::Told(sentence.to_owned());
        }
        Output::JsonSchema { name, description, schema, .. } => (name, description, schema),
    };
    if model.keeps_schemas
        && let Some(schema) = strict(schema)
    {
        let (name, description) = (name.clone(), description.clone());
        return Form::Schema { name, description, schema };
    }
    if forces && !matches!(conversation.tool_choice, Some(ToolChoice::Named(_))) {
        return standing_in(name.as_deref(), description.as_deref(), schema);
    }
    Form::Told(format!(
        "Answer with one JSON value and nothing else: no words and no code fence around it. It must be valid by this JSON Schema:\n{}",
        compact(schema.get())
    ))
}

fn standing_in(name: Option<&str>, description: Option<&str>, schema: &Raw) -> Form {
    let (tool, schema) = match wrapped(schema) {
        Some(wrapped) => (stand_in::VALUE, wrapped),
        None => (stand_in::ANSWER, object_rooted(Some(schema))),
    };
    let mut words = "Gives the answer. Call it once, with the whole answer.".to_owned();
    for more in [name, description].into_iter().flatten().filter(|more| !more.is_empty()) {
        words.push('\n');
        words.push_str(more);
    }
    Form::StandIn { name: tool, description: words, schema }
}

impl Form {
    /// Writes `textFormat`, whose schema is a text in itself.
    pub fn write(&self, config: &mut Object) {
        let Self::Schema { name, description, schema } = self else { return };
        config.object("textFormat", |format| {
            format.put("type", "json_schema").object("structure", |structure| {
                structure.object("jsonSchema", |definition| {
                    definition
                        .put_some("name", name.as_ref())
                        .put_some("description", description.as_ref())
                        .put("schema", schema.get());
                });
            });
        });
    }
}
