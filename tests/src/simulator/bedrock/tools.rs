//! Tools and the choice among them.

use std::collections::HashSet;

use serde_json::Value;

use super::super::anthropic::families::Family;
use super::super::fields::{Fields, Mistake, join};
use super::super::tokens;
use super::super::tool_calls::{self, ToolCall};
use super::content::{self, Seen};
use super::errors::BedrockError;

/// The tools of a request and how they are to be used.
#[derive(Debug, Default)]
pub struct Tools<'a> {
    tools: Vec<(&'a str, &'a Value)>,
    choice: Choice<'a>,
    /// The provider's count of them.
    pub tokens: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Choice<'a> {
    #[default]
    Auto,
    Any,
    Named(&'a str),
}

impl<'a> Tools<'a> {
    /// Checks the field `toolConfig`.
    pub fn parse(
        fields: Fields<'a, '_>,
        family: Family,
        seen: &mut Seen<'a>,
    ) -> Result<Self, BedrockError> {
        let Some(config) = fields.get("toolConfig") else { return Ok(Self::default()) };
        let fields = Fields::of(config, "toolConfig")?;
        fields.only(&["tools", "toolChoice"])?;
        fields.required("tools")?;
        let listed = fields.list("tools")?.unwrap_or_default();
        if listed.is_empty() {
            let message = "Member must have length greater than or equal to 1";
            return Err(fields.wrong("tools", message).into());
        }
        let (mut tools, mut names) = (Vec::new(), HashSet::new());
        for (index, tool) in listed.iter().enumerate() {
            let path = join("toolConfig.tools", index);
            let Some((name, schema, strict)) = tool_of(tool, &path, seen)? else { continue };
            if !names.insert(name) {
                let message = format!("The tool name {name} is used more than once.");
                return Err(BedrockError::validation(message));
            }
            if strict && family.lacks_schemas_on_bedrock() {
                let message =
                    format!("tools.{index}.custom.strict: Extra inputs are not permitted");
                return Err(BedrockError::of_model(&message));
            }
            tools.extend(schema.map(|schema| (name, schema)));
        }
        let choice = choice(fields, &names)?;
        let tools = Self { tools, choice, tokens: tokens::of_tools(listed) };
        if tools.are_forced() && !family.takes_forced_tools() {
            return Err(BedrockError::of_model(
                "`tool_choice` that forces tool use is not supported for this model.",
            ));
        }
        Ok(tools)
    }

    /// Whether the answer has to call a tool.
    pub const fn are_forced(&self) -> bool {
        matches!(self.choice, Choice::Any | Choice::Named(_))
    }

    /// The calls of the answer; `wanted` is the directive's number of them.
    pub fn calls(&self, wanted: Option<usize>, parallel: bool) -> Vec<ToolCall> {
        let count = wanted.unwrap_or(usize::from(self.are_forced()));
        let count = if parallel { count } else { count.min(1) };
        let allowed = |name: &str| match self.choice {
            Choice::Named(chosen) => chosen == name,
            Choice::Auto | Choice::Any => true,
        };
        let tools = self.tools.iter().copied().filter(move |(name, _)| allowed(name));
        tool_calls::in_turns(tools, count)
    }
}

type Tool<'a> = (&'a str, Option<&'a Value>, bool);

/// Name, schema and strictness of a tool; no schema if Bedrock runs the tool itself.
fn tool_of<'a>(
    tool: &'a Value,
    path: &str,
    seen: &mut Seen<'a>,
) -> Result<Option<Tool<'a>>, Mistake> {
    let (kind, value) = content::union(tool, path, &["toolSpec", "systemTool", "cachePoint"])?;
    let path = join(path, kind);
    let fields = Fields::of(value, &path)?;
    match kind {
        "cachePoint" => {
            seen.cache_points += 1;
            content::cache_point(value, &path)?;
            Ok(None)
        }
        "systemTool" => {
            fields.only(&["name"])?;
            Ok(Some((content::tool_name(fields, "name")?, None, false)))
        }
        _ => {
            fields.only(&["name", "description", "inputSchema", "strict"])?;
            let name = content::tool_name(fields, "name")?;
            if fields.text("description")? == Some("") {
                let message = "Member must have length greater than or equal to 1";
                return Err(fields.wrong("description", message));
            }
            let path = fields.path_of("inputSchema");
            let (_, schema) = content::union(fields.required("inputSchema")?, &path, &["json"])?;
            if schema["type"] != "object" {
                let message = "The value at the json.type field is not valid. It must be object.";
                return Err(Mistake::at(&path, message));
            }
            let strict = fields.boolean("strict")?.unwrap_or(false);
            Ok(Some((name, Some(schema), strict)))
        }
    }
}

fn choice<'a>(fields: Fields<'a, '_>, names: &HashSet<&str>) -> Result<Choice<'a>, Mistake> {
    let Some(choice) = fields.get("toolChoice") else { return Ok(Choice::Auto) };
    let path = fields.path_of("toolChoice");
    let (kind, value) = content::union(choice, &path, &["auto", "any", "tool"])?;
    let path = join(&path, kind);
    let fields = Fields::of(value, &path)?;
    match kind {
        "tool" => {
            fields.only(&["name"])?;
            let name = content::tool_name(fields, "name")?;
            if names.contains(name) {
                return Ok(Choice::Named(name));
            }
            Err(fields.wrong("name", format!("The tool {name} is not in the list of tools.")))
        }
        kind => {
            fields.only(&[])?;
            Ok(if kind == "any" { Choice::Any } else { Choice::Auto })
        }
    }
}
