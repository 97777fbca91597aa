//! Tools, the choice among them, and calls of them; also in their older shape as `functions`.

use super::{is_string, keep_rest, message::OpenCalls, part};
use crate::{
    conversation::{
        Conversation, Extra, Format, Part, PartKind, Signature, Tool, ToolChoice, ToolKind,
    },
    json::{Members, compact},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads the tools and everything about them.
pub(super) fn read(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    for (path, value) in members.list("tools")?.unwrap_or_default() {
        conversation.tools.push(tool(&path, value)?);
    }
    conversation.tool_choice =
        members.take("tool_choice").map(|value| choice("tool_choice", value)).transpose()?;
    conversation.parallel_tools = members.bool("parallel_tool_calls")?;
    legacy(members, conversation)?;
    for (index, tool) in conversation.tools.iter().enumerate() {
        let same = |other: &Tool| other.name == tool.name && !tool.name.is_empty();
        if conversation.tools.iter().take(index).any(same) {
            let at = format!("tools[{index}].function.name");
            let message = format!("Two tools have the name `{}`.", tool.name);
            return Err(Mistake::invalid(&at, message));
        }
    }
    Ok(())
}

/// `functions` and `function_call`, which tools took the place of.
fn legacy(members: &mut Members, conversation: &mut Conversation) -> Result<(), Mistake> {
    let functions = members.list("functions")?.unwrap_or_default();
    if !functions.is_empty() && !conversation.tools.is_empty() {
        let message = "Give `tools` or the older `functions`, not both.";
        return Err(Mistake::invalid("functions", message));
    }
    for (path, value) in functions {
        conversation.legacy_functions = true;
        // The older shape has room for one call.
        conversation.parallel_tools = Some(false);
        let mut extra = Extra::new();
        let tool = function(Members::of(path, value)?, &mut extra)?;
        conversation.tools.push(Tool { extra, ..tool });
    }
    let Some(value) = members.take("function_call") else { return Ok(()) };
    let chosen = if is_string(value) {
        choice("function_call", value)?
    } else {
        ToolChoice::Named(Members::of("function_call", value)?.required_string("name")?)
    };
    conversation.tool_choice.get_or_insert(chosen);
    Ok(())
}

fn tool(path: &str, value: &RawValue) -> Result<Tool, Mistake> {
    let mut members = Members::of(path, value)?;
    let kind = members.string("type")?;
    let mut extra = Extra::new();
    let mut tool = match kind.as_deref() {
        Some("function") | None if members.has("function") => {
            let inner = members.object("function")?;
            function(
                inner.ok_or_else(|| Mistake::missing(&members.path_of("function")))?,
                &mut extra,
            )?
        }
        // The flat shape of OpenAI's responses, which some apps send here.
        Some("function") if members.has("name") => {
            let inner = Members::of(path, value)?;
            let mut tool = function(inner, &mut Extra::new())?;
            for name in ["name", "description", "parameters", "strict"] {
                members.take(name);
            }
            tool.cache = None;
            tool
        }
        Some("custom") if members.has("custom") => {
            let inner = members.object("custom")?;
            custom(inner.ok_or_else(|| Mistake::missing(&members.path_of("custom")))?, &mut extra)?
        }
        Some("function") | None => return Err(Mistake::missing(&members.path_of("function"))),
        // A tool that runs at the provider.
        Some(_) => {
            return Ok(Tool {
                name: String::new(),
                description: None,
                kind: ToolKind::Native(value.into()),
                cache: None,
                extra: Extra::new(),
            });
        }
    };
    tool.cache = part::cache_mark(&mut members).or(tool.cache);
    extra.extend(members.rest());
    tool.extra = extra;
    Ok(tool)
}

fn function(mut inner: Members, extra: &mut Extra) -> Result<Tool, Mistake> {
    let tool = Tool {
        name: name(&mut inner)?,
        description: inner.string("description")?,
        kind: ToolKind::Function {
            parameters: inner.raw("parameters"),
            strict: inner.bool("strict")?,
        },
        cache: part::cache_mark(&mut inner),
        extra: Extra::new(),
    };
    keep_rest(extra, "function", inner);
    Ok(tool)
}

fn custom(mut inner: Members, extra: &mut Extra) -> Result<Tool, Mistake> {
    let tool = Tool {
        name: name(&mut inner)?,
        description: inner.string("description")?,
        kind: ToolKind::Custom { format: inner.raw("format") },
        cache: None,
        extra: Extra::new(),
    };
    keep_rest(extra, "custom", inner);
    Ok(tool)
}

fn name(inner: &mut Members) -> Result<String, Mistake> {
    let name = inner.required_string("name")?;
    if name.is_empty() { Err(Mistake::missing(&inner.path_of("name"))) } else { Ok(name) }
}

fn choice(path: &str, value: &RawValue) -> Result<ToolChoice, Mistake> {
    let words = "must be none, auto, required, or an object that names a tool";
    let unknown = || Mistake::invalid(path, format!("`{path}` {words}."));
    if is_string(value) {
        return match value.get().trim_matches('"') {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(unknown()),
        };
    }
    let mut members = Members::of(path, value)?;
    match members.required_string("type")?.as_str() {
        kind @ ("function" | "custom") => {
            // `{"type":"function","name"}` is how OpenAI's responses spell it.
            let name = match members.object(kind)? {
                Some(mut inner) => inner.required_string("name")?,
                None => members.required_string("name")?,
            };
            Ok(ToolChoice::Named(name))
        }
        "allowed_tools" => {
            let mut inner = match members.object("allowed_tools")? {
                Some(inner) => inner,
                None => members,
            };
            let required = inner.string("mode")?.as_deref() == Some("required");
            let mut names = Vec::new();
            for (path, tool) in inner.list("tools")?.unwrap_or_default() {
                let mut tool = Members::of(path, tool)?;
                let kind = tool.string("type")?.unwrap_or_else(|| "function".to_owned());
                names.push(match tool.object(&kind)? {
                    Some(mut inner) => inner.required_string("name")?,
                    None => tool.required_string("name")?,
                });
            }
            Ok(ToolChoice::Allowed { names, required })
        }
        _ => Err(unknown()),
    }
}

/// A call in an assistant's message.
pub(super) fn call(mut members: Members, open: &mut OpenCalls) -> Result<Part, Mistake> {
    let id = members.string("id")?.filter(|id| !id.is_empty());
    let (id, signature) = match id {
        Some(id) => Signature::out_of_id(&id),
        None => (open.made_up(), None),
    };
    let mut extra = Extra::new();
    let custom = members.string("type")?.as_deref() == Some("custom");
    let holder = if custom { "custom" } else { "function" };
    let path = members.path_of(holder);
    let mut inner = members.object(holder)?.ok_or_else(|| Mistake::missing(&path))?;
    let name = name(&mut inner)?;
    let arguments = if custom {
        inner.string("input")?.unwrap_or_default()
    } else {
        inner.take("arguments").map(arguments).unwrap_or_default()
    };
    keep_rest(&mut extra, holder, inner);
    open.opened(&id, &name);
    let signature = signature.or_else(|| google_signature(&mut members));
    extra.extend(members.rest());
    let kind = PartKind::ToolCall { id, name, arguments, custom, signature };
    Ok(Part { kind, cache: None, extra })
}

/// The one call of an older message.
pub(super) fn legacy_call(mut inner: Members, open: &mut OpenCalls) -> Result<Part, Mistake> {
    let id = open.made_up();
    let name = name(&mut inner)?;
    let arguments = inner.take("arguments").map(arguments).unwrap_or_default();
    open.opened(&id, &name);
    Ok(Part::new(PartKind::ToolCall { id, name, arguments, custom: false, signature: None }))
}

/// Arguments as text: a string as it is, an object (Ollama's way) without its white space.
pub(in crate::openai_chat) fn arguments(value: &RawValue) -> String {
    let text = if is_string(value) { serde_json::from_str(value.get()).ok() } else { None };
    text.unwrap_or_else(|| compact(value.get()))
}

/// `extra_content.google.thought_signature`, which Gemini's OpenAI endpoint wants back.
pub(in crate::openai_chat) fn google_signature(members: &mut Members) -> Option<Signature> {
    let content = Members::of_text(members.peek("extra_content")?.get())?;
    let google = Members::of_text(content.peek("google")?.get())?;
    let data = google.peek_str("thought_signature")?;
    let alone = content.iter().count() == 1 && google.iter().count() == 1;
    if alone {
        members.take("extra_content");
    }
    Some(Signature::new(Format::Gemini, data))
}
