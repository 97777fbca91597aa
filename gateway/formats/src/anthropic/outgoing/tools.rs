//! `tools` and `tool_choice`.

use super::{output::Form, thinking::Thinking, turns::sent_name};
use crate::{
    anthropic::{
        carry::{cache_control, cache_mark, kept},
        model::Traits,
        schema::{object_rooted, strict},
    },
    conversation::{
        Conversation, Extra, Fit, Format, PartKind, Tool, ToolChoice, ToolKind, Turn, label,
    },
    json::{List, Members, Node, Object, Raw},
    mistake::Mistake,
};
use std::collections::HashSet;

/// Which tool to use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    Auto,
    None,
    Any,
    Tool(String),
}

/// The tools that the model gets, under names that it takes.
pub(super) fn offered(
    conversation: &Conversation,
    turns: &[Turn],
    traits: &Traits,
    fit: &mut Fit,
) -> Result<Vec<Tool>, Mistake> {
    let origin = conversation.origin;
    let mut tools = Vec::with_capacity(conversation.tools.len());
    let mut seen = HashSet::new();
    for tool in conversation.tools.iter().filter(|tool| is_allowed(conversation, tool)) {
        if let Some(tool) = sent(tool, origin, fit) {
            if !seen.insert(tool.name.clone()) {
                let message = format!("Tool names must be unique: `{}` is there twice.", tool.name);
                return Err(Mistake::invalid("tools", message));
            }
            tools.push(tool);
        }
    }
    if origin != Format::Anthropic {
        keep_strict(&mut tools, traits, fit);
        if tools.is_empty() {
            tools = remembered(turns);
        }
    }
    Ok(tools)
}

fn is_allowed(conversation: &Conversation, tool: &Tool) -> bool {
    match &conversation.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        _ => true,
    }
}

fn sent(tool: &Tool, origin: Format, fit: &mut Fit) -> Option<Tool> {
    let mut sent = tool.clone();
    match &tool.kind {
        ToolKind::Native(_) if origin == Format::Anthropic => return Some(sent),
        ToolKind::Native(_) => {
            fit.cannot("tools", &tool.only_at(origin));
            return None;
        }
        ToolKind::Custom { .. } => {
            fit.cannot("tools", "it has no tools that take a plain text");
            return None;
        }
        ToolKind::Function { parameters, strict } => {
            if origin != Format::Anthropic {
                let parameters = Some(object_rooted(parameters.as_ref()));
                sent.kind = ToolKind::Function { parameters, strict: *strict };
                sent.extra.clear();
            }
        }
    }
    sent.name = sent_name(&mut fit.names, &tool.name);
    Some(sent)
}

/// Keeps `strict` where the provider can keep it: for schemas of its subset, at most 20 in a request.
fn keep_strict(tools: &mut [Tool], traits: &Traits, fit: &mut Fit) {
    const MOST_STRICT: usize = 20;
    let is_strict =
        |tool: &Tool| matches!(tool.kind, ToolKind::Function { strict: Some(true), .. });
    let possible =
        traits.schemas && tools.iter().filter(|tool| is_strict(tool)).count() <= MOST_STRICT;
    for tool in tools {
        let ToolKind::Function { parameters, strict: wanted } = &mut tool.kind else { continue };
        if wanted.take() != Some(true) {
            continue;
        }
        match parameters.as_ref().filter(|_| possible).and_then(strict) {
            Some(told) => {
                *parameters = Some(object_rooted(Some(&told)));
                *wanted = Some(true);
            }
            None => fit.hint("strict"),
        }
    }
}

/// Tools that only earlier calls tell of: a history with calls needs the tools to be declared.
fn remembered(turns: &[Turn]) -> Vec<Tool> {
    let mut seen = HashSet::new();
    let names = turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.kind {
        PartKind::ToolCall { name, .. } => Some(name.clone()),
        _ => None,
    });
    let names = names.filter(|name| seen.insert(name.clone()));
    let tool = |name| Tool {
        name,
        description: None,
        kind: ToolKind::Function { parameters: Some(object_rooted(None)), strict: None },
        cache: None,
        extra: Extra::new(),
    };
    names.map(tool).collect()
}

/// Which of the tools to use.
pub(super) fn choice(
    conversation: &Conversation,
    tools: &[Tool],
    traits: &Traits,
    thinking: &Thinking,
    form: &Form,
    fit: &mut Fit,
) -> Option<Chosen> {
    let origin = conversation.origin;
    let param = label(origin, "tool_choice");
    if let Form::StandIn { name, .. } = form {
        let alone = tools.is_empty()
            || conversation.tools.is_empty()
            || conversation.tool_choice == Some(ToolChoice::None);
        return Some(if alone { Chosen::Tool((*name).to_owned()) } else { Chosen::Any });
    }
    if tools.is_empty() {
        if conversation.tool_choice.is_some() {
            fit.hint(param);
        }
        if conversation.parallel_tools.is_some() {
            fit.hint(label(origin, "parallel_tool_calls"));
        }
        return None;
    }
    if conversation.tools.is_empty() {
        // Declared only because the history has calls.
        return Some(Chosen::None);
    }
    let chosen = match &conversation.tool_choice {
        None if conversation.parallel_tools == Some(false) => Chosen::Auto,
        None => return None,
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => Chosen::Auto,
        Some(ToolChoice::None) => Chosen::None,
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => Chosen::Any,
        Some(ToolChoice::Named(name)) => Chosen::Tool(sent_name(&mut fit.names, name)),
    };
    if let Chosen::Tool(name) = &chosen
        && !tools.iter().any(|tool| tool.name == *name)
    {
        fit.cannot(param, &format!("there is no tool `{name}`"));
        return Some(Chosen::Auto);
    }
    let forced = matches!(chosen, Chosen::Any | Chosen::Tool(_));
    if forced && (thinking.has_budget() || !traits.forced_tools) {
        fit.replaced(param, "auto");
        return Some(Chosen::Auto);
    }
    Some(chosen)
}

/// Writes both.
pub(super) fn write(
    body: &mut Object,
    conversation: &Conversation,
    tools: &[Tool],
    chosen: Option<&Chosen>,
    form: &Form,
) {
    let stand_in = match form {
        Form::StandIn { tool, .. } => std::str::from_utf8(tool).ok(),
        _ => None,
    };
    if !tools.is_empty() || stand_in.is_some() {
        body.list("tools", |list| {
            for tool in tools {
                write_tool(list, tool);
            }
            if let Some(tool) = stand_in {
                list.put_text(tool);
            }
        });
    }
    let own = conversation.origin == Format::Anthropic;
    let carried = if own { kept(&conversation.extra, "tool_choice") } else { Extra::new() };
    match chosen {
        None if carried.is_empty() => {}
        None => {
            body.object("tool_choice", |choice| {
                choice.put_all(&carried);
            });
        }
        Some(chosen) => {
            body.object("tool_choice", |choice| {
                match chosen {
                    Chosen::Auto => choice.put("type", "auto"),
                    Chosen::None => choice.put("type", "none"),
                    Chosen::Any => choice.put("type", "any"),
                    Chosen::Tool(name) => choice.put("type", "tool").put("name", name),
                };
                if *chosen != Chosen::None {
                    match conversation.parallel_tools {
                        Some(false) => {
                            choice.put("disable_parallel_tool_use", true);
                        }
                        Some(true) if own => {
                            choice.put("disable_parallel_tool_use", false);
                        }
                        Some(true) | None => {}
                    }
                }
                choice.put_all(&carried);
            });
        }
    }
}

fn write_tool(list: &mut List, tool: &Tool) {
    match &tool.kind {
        ToolKind::Native(raw) => {
            list.put_text(unmarked(raw, tool.cache.is_some()).get());
        }
        ToolKind::Function { parameters, strict } => {
            list.object(|object| {
                object
                    .put("name", &tool.name)
                    .put_some("description", tool.description.as_ref())
                    .put_some("input_schema", parameters.as_ref())
                    .put_some("strict", strict.as_ref());
                if let Some(mark) = tool.cache {
                    object.put_text("cache_control", cache_control(mark));
                }
                object.put_all(&tool.extra);
            });
        }
        // Left out where the tools are chosen.
        ToolKind::Custom { .. } => {}
    }
}

/// JSON of an app's own, without its cache mark where that was one too many.
pub(super) fn unmarked(raw: &Raw, marked: bool) -> Raw {
    let mark = || Members::of_text(raw.get()).and_then(|mut members| cache_mark(&mut members));
    if marked || mark().is_none() {
        return raw.clone();
    }
    let Some(mut node) = Node::parse(raw.get()) else { return raw.clone() };
    node.remove("cache_control");
    node.to_raw()
}
