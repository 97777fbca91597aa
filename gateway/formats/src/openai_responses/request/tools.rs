//! Tools and the choice among them.

use crate::{
    conversation::{Conversation, Extra, Tool, ToolChoice, ToolKind},
    json::{Members, Node, Raw, object},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads the tools and everything about them.
pub(super) fn read(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    for (path, value) in members.list("tools")?.unwrap_or_default() {
        let tool = tool(&path, value)?;
        let same = |other: &Tool| other.name == tool.name && !tool.name.is_empty();
        if conversation.tools.iter().any(same) {
            let message = format!("Two tools have the name `{}`.", tool.name);
            return Err(Mistake::invalid(&format!("{path}.name"), message));
        }
        conversation.tools.push(tool);
    }
    if let Some(value) = members.peek("tool_choice") {
        // A choice that names a tool of the provider stays among the members that only this format knows.
        conversation.tool_choice = choice("tool_choice", value)?;
        if conversation.tool_choice.is_some() {
            members.take("tool_choice");
        }
    }
    conversation.parallel_tools = members.bool("parallel_tool_calls")?;
    Ok(())
}

fn tool(path: &str, value: &RawValue) -> Result<Tool, Mistake> {
    let mut members = Members::of(path, value)?;
    let kind = match members.required_string("type")?.as_str() {
        "function" => {
            let parameters = members.raw("parameters");
            let strict = match members.bool("strict")? {
                Some(strict) => Some(strict),
                None => by_default(parameters.as_ref()),
            };
            ToolKind::Function { parameters, strict }
        }
        "custom" => ToolKind::Custom { format: members.raw("format").map(nested) },
        _ => {
            return Ok(Tool {
                name: String::new(),
                description: None,
                kind: ToolKind::Native(value.into()),
                cache: None,
                extra: Extra::new(),
            });
        }
    };
    let name = members.required_string("name")?;
    if name.is_empty() {
        return Err(Mistake::missing(&members.path_of("name")));
    }
    let description = members.string("description")?;
    Ok(Tool { name, description, kind, cache: None, extra: members.rest() })
}

/// What `strict` is where a request does not say it. This API makes such a schema strict if it can, which no other
/// does: so it is said for a schema that is ready for it, and left open for any other.
fn by_default(parameters: Option<&Raw>) -> Option<bool> {
    let Some(raw) = parameters else { return Some(true) };
    Node::parse(raw.get()).is_some_and(|schema| is_strict(&schema)).then_some(true)
}

/// Whether every object of a schema names all its properties as required and takes no others.
fn is_strict(schema: &Node) -> bool {
    match schema {
        Node::Array(entries) => entries.iter().all(is_strict),
        Node::Object(members) => {
            let object = schema.get("type").and_then(Node::as_str) == Some("object")
                || schema.get("properties").is_some();
            (!object || is_closed(schema))
                && members.iter().all(|(name, value)| match (name.as_str(), value) {
                    ("properties" | "$defs" | "definitions", Node::Object(inner)) => {
                        inner.iter().all(|(_, schema)| is_strict(schema))
                    }
                    ("enum" | "const" | "default" | "examples" | "required", _) => true,
                    (_, value) => is_strict(value),
                })
        }
        Node::Scalar(_) | Node::Text(_) => true,
    }
}

fn is_closed(object: &Node) -> bool {
    let names = match object.get("properties") {
        Some(Node::Object(properties)) => properties.as_slice(),
        _ => &[],
    };
    let required = object.get("required").and_then(Node::as_array).unwrap_or_default();
    let closed = matches!(object.get("additionalProperties"), Some(Node::Scalar(raw)) if raw.get() == "false");
    let named = |name: &String| required.iter().any(|entry| entry.as_str() == Some(name));
    closed && names.iter().all(|(name, _)| named(name))
}

/// A text's format as chat completions have it: the grammar in an object of its own.
fn nested(format: Raw) -> Raw {
    let Some(mut members) = Members::of_text(format.get()) else { return format };
    if members.peek_str("type").as_deref() != Some("grammar") || members.has("grammar") {
        return format;
    }
    members.take("type");
    let inner = members.rest();
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put("type", "grammar").object("grammar", |o| {
            o.put_all(&inner);
        });
    });
    super::raw_of(&out)
}

/// `None` for a choice that only this format can say.
fn choice(path: &str, value: &RawValue) -> Result<Option<ToolChoice>, Mistake> {
    if value.get().starts_with('"') {
        return match value.get().trim_matches('"') {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => {
                let words = "must be none, auto, required, or an object that names a tool";
                Err(Mistake::invalid(path, format!("`{path}` {words}.")))
            }
        };
    }
    let mut members = Members::of(path, value)?;
    match members.required_string("type")?.as_str() {
        "function" | "custom" => Ok(Some(ToolChoice::Named(members.required_string("name")?))),
        "allowed_tools" => allowed(members),
        _ => Ok(None),
    }
}

fn allowed(mut members: Members) -> Result<Option<ToolChoice>, Mistake> {
    let required = members.string("mode")?.as_deref() == Some("required");
    let mut names = Vec::new();
    for (path, value) in members.list("tools")?.unwrap_or_default() {
        let mut tool = Members::of(path, value)?;
        match tool.required_string("type")?.as_str() {
            "function" | "custom" => names.push(tool.required_string("name")?),
            _ => return Ok(None),
        }
    }
    Ok(Some(ToolChoice::Allowed { names, required }))
}
