//! Tools and the choice among them, as this format has them.

use crate::{
    conversation::{Conversation, Fit, Format, Tool, ToolChoice, ToolKind, label},
    json::{Members, Node, Object, Raw, object},
    openai_responses::request::raw_of,
};

/// The name of a tool as OpenAI takes it.
pub(super) fn name(fit: &mut Fit, name: &str) -> String {
    fit.names.sent(name, 64, false, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The members of a function or custom tool; `own`: those that only this format knows are written too.
pub(in crate::openai_responses) fn members(o: &mut Object, tool: &Tool, name: &str, own: bool) {
    let kind = if matches!(tool.kind, ToolKind::Custom { .. }) { "custom" } else { "function" };
    o.put("type", kind).put("name", name).put_some("description", tool.description.as_deref());
    match &tool.kind {
        ToolKind::Function { parameters, strict } => {
            let parameters = parameters.as_ref();
            if own {
                o.put_some("parameters", parameters).put_some("strict", *strict);
            } else {
                // Left open, it would be true here, which is true nowhere else.
                o.put_some("parameters", parameters.map(complete));
                o.put("strict", strict.unwrap_or(false));
            }
        }
        ToolKind::Custom { format } => {
            o.put_some("format", format.as_ref().map(flat));
        }
        ToolKind::Native(_) => {}
    }
    if own {
        o.put_all(&tool.extra);
    }
}

/// OpenAI refuses an object without `properties`, which other providers take.
fn complete(parameters: &Raw) -> Raw {
    let Some(mut schema) = Node::parse(parameters.get()) else { return parameters.clone() };
    let bare = schema.get("type").and_then(Node::as_str) == Some("object")
        && ["properties", "$ref", "anyOf", "oneOf", "allOf"]
            .iter()
            .all(|name| schema.get(name).is_none());
    if !bare {
        return parameters.clone();
    }
    schema.set("properties", Node::Object(Vec::new()));
    schema.to_raw()
}

/// A text's format as this API has it: the grammar's members beside its type.
fn flat(format: &Raw) -> Raw {
    let grammar = Members::of_text(format.get())
        .and_then(|members| Members::of_text(members.peek("grammar")?.get()));
    let Some(grammar) = grammar else { return format.clone() };
    let inner = grammar.rest();
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put("type", "grammar").put_all(&inner);
    });
    raw_of(&out)
}

/// A choice as JSON text. `sent` gives a tool's name as it goes out.
pub(in crate::openai_responses) fn choice(
    conversation: &Conversation,
    choice: &ToolChoice,
    mut sent: impl FnMut(&str) -> String,
) -> Raw {
    let mut named = |o: &mut Object, name: &str| {
        let custom = conversation
            .tools
            .iter()
            .any(|tool| tool.name == name && matches!(tool.kind, ToolKind::Custom { .. }));
        o.put("type", if custom { "custom" } else { "function" }).put("name", sent(name));
    };
    let mut out = Vec::new();
    match choice {
        ToolChoice::Auto => return Raw::string("auto"),
        ToolChoice::None => return Raw::string("none"),
        ToolChoice::Required => return Raw::string("required"),
        ToolChoice::Named(name) => object(&mut out, |o| named(o, name)),
        ToolChoice::Allowed { names, required } => object(&mut out, |o| {
            o.put("type", "allowed_tools");
            o.put("mode", if *required { "required" } else { "auto" });
            o.list("tools", |l| {
                for name in names {
                    l.object(|o| named(o, name));
                }
            });
        }),
    }
    raw_of(&out)
}

/// The tools as JSON objects. Those that run at another provider are told.
pub(super) fn written(conversation: &Conversation, fit: &mut Fit) -> Vec<Vec<u8>> {
    let own = conversation.origin == Format::OpenaiResponses;
    let label = label(conversation.origin, "tools");
    let mut written = Vec::with_capacity(conversation.tools.len());
    for tool in &conversation.tools {
        match &tool.kind {
            ToolKind::Native(raw) if own => written.push(raw.get().as_bytes().to_vec()),
            ToolKind::Native(_) => {
                fit.cannot(label, &tool.only_at(conversation.origin));
            }
            ToolKind::Function { .. } | ToolKind::Custom { .. } => {
                if tool.cache.is_some() {
                    fit.hint("cache_control");
                }
                let name = name(fit, &tool.name);
                let mut out = Vec::new();
                object(&mut out, |o| members(o, tool, &name, own));
                written.push(out);
            }
        }
    }
    written
}
