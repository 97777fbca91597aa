//! The form of the answer: a schema that the model keeps to, a tool that stands for it, or words.

use super::thinking::Thinking;
use crate::{
    anthropic::{
        model::Traits,
        schema::{object_rooted, strict, wrapped},
        stand_in,
    },
    conversation::{Conversation, Format, Output, ToolChoice},
    json::{Raw, object},
};

/// How the form of the answer is asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Form {
    /// Any text.
    Text,
    /// `output_config.format` with this schema.
    Schema(Raw),
    /// A forced tool, as JSON, by its name.
    StandIn { name: &'static str, tool: Vec<u8> },
    /// A sentence after the system texts.
    Told(String),
}

/// Decides how to ask for the form of the answer. Only a schema in the subset is kept to the letter by the provider; for
/// any other, and for older models, a tool stands in, whose schema may be any; where no tool can be forced, words do.
pub(super) fn decide(conversation: &Conversation, traits: &Traits, thinking: &Thinking) -> Form {
    let (name, description, schema) = match &conversation.output {
        Output::Text => return Form::Text,
        Output::JsonObject => {
            let sentence = "Answer with one JSON object and nothing else: no words and no code fence around it.";
            return Form::Told(sentence.to_owned());
        }
        Output::JsonSchema { name, description, schema, .. } => (name, description, schema),
    };
    if traits.schemas {
        if conversation.origin == Format::Anthropic {
            return Form::Schema(schema.clone());
        }
        if let Some(schema) = strict(schema) {
            return Form::Schema(schema);
        }
    }
    let a_tool_is_named = matches!(conversation.tool_choice, Some(ToolChoice::Named(_)));
    if traits.forced_tools && !thinking.has_budget() && !a_tool_is_named {
        return stand_in(name.as_deref(), description.as_deref(), schema);
    }
    Form::Told(format!(
        "Answer with one JSON value and nothing else: no words and no code fence around it. It must be valid by this JSON Schema:\n{}",
        crate::json::compact(schema.get())
    ))
}

fn stand_in(name: Option<&str>, description: Option<&str>, schema: &Raw) -> Form {
    let (tool_name, schema) = match wrapped(schema) {
        Some(wrapped) => (stand_in::VALUE, wrapped),
        None => (stand_in::ANSWER, object_rooted(Some(schema))),
    };
    let mut words = "Gives the answer. Call it once, with the whole answer.".to_owned();
    for more in [name, description].into_iter().flatten().filter(|more| !more.is_empty()) {
        words.push('\n');
        words.push_str(more);
    }
    let mut tool = Vec::new();
    object(&mut tool, |tool| {
        tool.put("name", tool_name).put("description", words).put("input_schema", schema);
    });
    Form::StandIn { name: tool_name, tool }
}
