//! Tools and which of them to use.

use super::{
    super::{schema::from_proto, spelling::spelled},
    keep_rest,
};
use crate::{
    conversation::{Conversation, Tool, ToolChoice, ToolKind},
    json::{Members, Raw, object},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads `tools` and `toolConfig`.
pub(super) fn read(body: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    for (path, tool) in body.list("tools")?.unwrap_or_default() {
        let mut tool = Members::of(path, tool)?;
        let name = spelled(&tool, "functionDeclarations");
        for (path, declaration) in tool.list(&name)?.unwrap_or_default() {
            conversation.tools.push(function(&path, declaration)?);
        }
        // What runs at Google: each is a tool of its own.
        for (name, settings) in tool.rest() {
            let mut whole = Vec::new();
            object(&mut whole, |members| {
                members.put_text(&name, settings.get());
            });
            let whole = String::from_utf8(whole).ok().and_then(|text| Raw::parse(&text));
            conversation.tools.extend(whole.map(|whole| native(ToolKind::Native(whole))));
        }
    }
    let name = spelled(body, "toolConfig");
    let Some(mut config) = body.object(&name)? else { return Ok(()) };
    let name = spelled(&config, "functionCallingConfig");
    if let Some(calling) = config.object(&name)? {
        choice(calling, conversation)?;
    }
    keep_rest(&mut conversation.extra, "toolConfig", config.rest());
    Ok(())
}

fn native(kind: ToolKind) -> Tool {
    Tool { name: String::new(), description: None, kind, cache: None, extra: Vec::new() }
}

fn function(path: &str, declaration: &RawValue) -> Result<Tool, Mistake> {
    let mut declaration = Members::of(path, declaration)?;
    let name = declaration.required_string("name")?;
    let description = declaration.string("description")?;
    let plain = spelled(&declaration, "parametersJsonSchema");
    let plain = declaration.raw(&plain);
    let path = declaration.path_of("parameters");
    let parameters = match (plain, declaration.raw("parameters")) {
        (Some(schema), _) => Some(schema),
        (None, Some(schema)) if schema.is_object() => Some(from_proto(&schema)),
        (None, Some(_)) => return Err(Mistake::wrong_type(&path, "an object")),
        (None, None) => None,
    };
    let kind = ToolKind::Function { parameters, strict: None };
    Ok(Tool { name, description, extra: declaration.rest(), ..native(kind) })
}

/// Reads `functionCallingConfig`. `VALIDATED` promises what other formats promise for each function: arguments that
/// match the schema.
fn choice(mut calling: Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let path = calling.path_of("mode");
    let mode = calling.string("mode")?.unwrap_or_default().to_ascii_uppercase();
    let mut names =
        calling.strings(&spelled(&calling, "allowedFunctionNames"))?.unwrap_or_default();
    conversation.tool_choice = match mode.as_str() {
        "" | "MODE_UNSPECIFIED" => None,
        "NONE" => Some(ToolChoice::None),
        "ANY" if names.len() == 1 => names.pop().map(ToolChoice::Named),
        "ANY" if names.is_empty() => Some(ToolChoice::Required),
        "ANY" => Some(ToolChoice::Allowed { names, required: true }),
        "AUTO" | "VALIDATED" => {
            if mode == "VALIDATED" {
                for tool in &mut conversation.tools {
                    if let ToolKind::Function { strict, .. } = &mut tool.kind {
                        *strict = Some(true);
                    }
                }
            }
            Some(if names.is_empty() {
                ToolChoice::Auto
            } else {
                ToolChoice::Allowed { names, required: false }
            })
        }
        other => {
            let message = format!("The mode must be AUTO, ANY, NONE or VALIDATED, not `{other}`.");
            return Err(Mistake::invalid(&path, message));
        }
    };
    keep_rest(&mut conversation.extra, "functionCallingConfig", calling.rest());
    Ok(())
}
