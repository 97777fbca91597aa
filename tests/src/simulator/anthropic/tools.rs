//! Tools and the choice among them.

use std::collections::HashSet;

use serde_json::Value;

use super::super::fields::{Fields, is_plain_word, join};
use super::super::tool_calls::{self, ToolCall};
use super::cache::Breakpoints;
use super::errors::MessagesError;
use super::families::Family;

const NAME_LENGTH_MAX: usize = 128;

/// The tools of a request and how they are to be used.
#[derive(Debug, Default)]
pub struct Tools<'a> {
    /// Name and schema of each tool that the caller runs.
    own: Vec<(&'a str, &'a Value)>,
    choice: Choice<'a>,
    parallel: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Choice<'a> {
    #[default]
    Auto,
    Any,
    Named(&'a str),
    None,
}

impl<'a> Tools<'a> {
    /// Checks the fields `tools` and `tool_choice`.
    pub fn parse(
        fields: Fields<'a, '_>,
        family: Family,
        breakpoints: &mut Breakpoints,
    ) -> Result<Self, MessagesError> {
        let tools = fields.list("tools")?.unwrap_or_default();
        let (mut own, mut names) = (Vec::new(), HashSet::new());
        for (index, tool) in tools.iter().enumerate() {
            let path = join("tools", index);
            let (name, schema) = tool_of(tool, &path)?;
            if !names.insert(name) {
                return Err(MessagesError::at("tools", "Tool names must be unique."));
            }
            own.extend(schema.map(|schema| (name, schema)));
            breakpoints.take(tool.get("cache_control"), &path)?;
        }
        let (choice, parallel) = match fields.get("tool_choice") {
            None => (Choice::Auto, true),
            Some(_) if tools.is_empty() => {
                let message = "tool_choice may only be specified while providing tools.";
                return Err(MessagesError::at("tool_choice", message));
            }
            Some(choice) => choice_of(choice, &names)?,
        };
        let tools = Self { own, choice, parallel };
        if tools.are_forced() && !family.takes_forced_tools() {
            let message = "`tool_choice` that forces tool use is not supported for this model.";
            return Err(MessagesError::invalid(message));
        }
        Ok(tools)
    }

    /// Whether the answer has to call a tool.
    pub const fn are_forced(&self) -> bool {
        matches!(self.choice, Choice::Any | Choice::Named(_))
    }

    /// The calls of the answer; `wanted` is the directive's number of them.
    pub fn calls(&self, wanted: Option<usize>) -> Vec<ToolCall> {
        let count = match (self.choice, self.parallel) {
            (Choice::None, _) => 0,
            (Choice::Auto, true) => wanted.unwrap_or(0),
            (Choice::Auto, false) => wanted.unwrap_or(0).min(1),
            (_, true) => wanted.unwrap_or(1),
            (_, false) => 1,
        };
        let allowed = |name: &str| match self.choice {
            Choice::Named(chosen) => chosen == name,
            Choice::Auto | Choice::Any | Choice::None => true,
        };
        tool_calls::in_turns(self.own.iter().copied().filter(move |(name, _)| allowed(name)), count)
    }
}

/// Name and schema of a tool; no schema if Anthropic runs the tool itself.
fn tool_of<'a>(tool: &'a Value, path: &str) -> Result<(&'a str, Option<&'a Value>), MessagesError> {
    let at_root = Fields::of(tool, path)?;
    let kind = at_root.text("type")?.unwrap_or("custom");
    if kind != "custom" {
        // `web_search_20260318` and the like have fields of their own.
        let dated = kind.rsplit_once('_').is_some_and(|(_, date)| {
            date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit())
        });
        if !dated {
            let message = format!(
                "Input tag '{kind}' found using 'type' does not match any of the expected tags"
            );
            return Err(MessagesError::at(path, &message));
        }
        return Ok((at_root.required_text("name")?, None));
    }
    let path = join(path, "custom");
    let fields = Fields::of(tool, &path)?;
    fields.only(&[
        "type",
        "name",
        "description",
        "input_schema",
        "cache_control",
        "strict",
        "defer_loading",
        "input_examples",
        "allowed_callers",
        "eager_input_streaming",
    ])?;
    let name = fields.required_text("name")?;
    if !is_plain_word(name, NAME_LENGTH_MAX) {
        return Err(fields
            .wrong("name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
            .into());
    }
    fields.text("description")?;
    fields.boolean("strict")?;
    let schema = fields.required("input_schema")?;
    let schema_path = fields.path_of("input_schema");
    let schema_fields = Fields::of(schema, &schema_path)?;
    schema_fields.required_word("type", &["object"])?;
    if ["oneOf", "allOf", "anyOf"].iter().any(|name| schema_fields.get(name).is_some()) {
        let message = "input_schema does not support oneOf, allOf, or anyOf at the top level";
        return Err(MessagesError::at(&schema_path, message));
    }
    Ok((name, Some(schema)))
}

fn choice_of<'a>(
    choice: &'a Value,
    names: &HashSet<&str>,
) -> Result<(Choice<'a>, bool), MessagesError> {
    let fields = Fields::of(choice, "tool_choice")?;
    let kind = fields.required_text("type")?;
    let known: &[&str] = match kind {
        "auto" | "any" => &["type", "disable_parallel_tool_use"],
        "tool" => &["type", "name", "disable_parallel_tool_use"],
        "none" => &["type"],
        _ => return Err(fields.not_one_of("type", &["auto", "any", "tool", "none"]).into()),
    };
    fields.only(known)?;
    let parallel = !fields.boolean("disable_parallel_tool_use")?.unwrap_or(false);
    let choice = match kind {
        "auto" => Choice::Auto,
        "any" => Choice::Any,
        "none" => Choice::None,
        _ => {
            let name = fields.required_text("name")?;
            if !names.contains(name) {
                let message = format!("Tool '{name}' not found in provided tools");
                return Err(fields.wrong("name", message).into());
            }
            Choice::Named(name)
        }
    };
    Ok((choice, parallel))
}
