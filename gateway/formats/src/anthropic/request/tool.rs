//! `tools` and `tool_choice`.

use super::{cache_mark, keep_rest};
use crate::{
    conversation::{Conversation, Tool, ToolChoice, ToolKind},
    json::{Members, Raw},
    mistake::Mistake,
};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Reads both.
pub(super) fn read(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let tools = members.list("tools")?.unwrap_or_default();
    let tools: Vec<Tool> =
        tools.into_iter().map(|(path, raw)| tool(path, raw)).collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = tools.iter().find(|tool| !seen.insert(&tool.name)) {
        let message = format!("Tool names must be unique: `{}` is there twice.", twice.name);
        return Err(Mistake::invalid("tools", message));
    }
    conversation.tools = tools;
    choice(members, conversation)
}

/// A tool of the app, or one that runs at the provider or is known to it: those have a type of their own.
fn tool(path: String, raw: &RawValue) -> Result<Tool, Mistake> {
    let mut members = Members::of(path, raw)?;
    let kind = members.peek_str("type");
    if kind.as_deref().is_some_and(|kind| kind != "custom") {
        // A toolset has no name of its own; its type stands for it.
        let name = members.peek_str("name").or(kind).unwrap_or_default();
        let cache = cache_mark(&mut members);
        let kind = ToolKind::Native(raw.into());
        return Ok(Tool { name, description: None, kind, cache, extra: Vec::new() });
    }
    let name = members.required_string("name")?;
    let description = members.string("description")?;
    let path = members.path_of("input_schema");
    let schema = members.raw("input_schema").ok_or_else(|| Mistake::missing(&path))?;
    if !schema.is_object() {
        return Err(Mistake::wrong_type(&path, "an object"));
    }
    let kind = ToolKind::Function { parameters: Some(schema), strict: members.bool("strict")? };
    let cache = cache_mark(&mut members);
    Ok(Tool { name, description, kind, cache, extra: members.rest() })
}

/// A choice of a type that is not known is carried on as it is.
fn choice(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let Some(raw) = members.peek("tool_choice") else {
        members.take("tool_choice");
        return Ok(());
    };
    let Some(mut choice) = members.object("tool_choice")? else { return Ok(()) };
    let word = choice.required_string("type")?;
    conversation.tool_choice = Some(match word.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.required_string("name")?),
        _ => {
            conversation.extra.push(("tool_choice".to_owned(), Raw::from(raw)));
            return Ok(());
        }
    });
    conversation.parallel_tools = choice.bool("disable_parallel_tool_use")?.map(|off| !off);
    keep_rest(&mut conversation.extra, "tool_choice", choice);
    Ok(())
}
