//! `tools`, `tool_choice` and `strict_tools`.

use super::turns::sent_name;
use crate::{
    anthropic::claude::object_rooted,
    conversation::{Conversation, Fit, Tool, ToolChoice, ToolKind, label},
    json::{Members, Object, Raw},
    mistake::Mistake,
};
use std::collections::HashSet;

/// What is offered.
#[derive(Debug, Default)]
pub(super) struct Offer {
    tools: Vec<Function>,
    choice: Option<&'static str>,
    strict: bool,
}

#[derive(Debug)]
struct Function {
    name: String,
    description: Option<String>,
    parameters: Raw,
}

impl Offer {
    /// The tools that may be called. One that is named stands alone: there is no word for it.
    pub fn of(conversation: &Conversation, fit: &mut Fit) -> Result<Self, Mistake> {
        let origin = conversation.origin;
        let param = label(origin, "tool_choice");
        let mut choice = conversation.tool_choice.as_ref();
        if let Some(ToolChoice::Named(name)) = choice
            && !conversation.tools.iter().any(|tool| tool.name == *name)
            && !conversation.tools.is_empty()
        {
            fit.cannot(param, &format!("there is no tool `{name}`"));
            choice = None;
        }
        let mut offer = Self::default();
        let mut strict = Strict::default();
        let mut seen = HashSet::new();
        for tool in conversation.tools.iter().filter(|tool| is_allowed(choice, tool)) {
            let Some(function) = sent(tool, conversation, &mut strict, fit) else { continue };
            if !seen.insert(function.name.clone()) {
                let message = format!("Tool names must be unique: `{}` is there twice.", tool.name);
                return Err(Mistake::invalid(label(origin, "tools"), message));
            }
            offer.tools.push(function);
        }
        if conversation.parallel_tools.is_some() {
            fit.hint(label(origin, "parallel_tool_calls"));
        }
        if offer.is_empty() {
            if choice.is_some_and(|choice| *choice != ToolChoice::None) {
                fit.hint(param);
            }
            return Ok(offer);
        }
        offer.choice = word(choice);
        if offer.choice == Some("REQUIRED") && fit.target.forced_tool_use == Some(false) {
            fit.replaced(param, "auto");
            offer.choice = None;
        }
        offer.strict = strict.wanted == offer.tools.len() && strict.possible == offer.tools.len();
        if strict.wanted > 0 && !offer.strict {
            fit.hint("strict");
        }
        Ok(offer)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Writes them.
    pub fn write(&self, body: &mut Object) {
        if self.is_empty() {
            return;
        }
        body.list("tools", |list| {
            for tool in &self.tools {
                list.object(|entry| {
                    entry.put("type", "function").object("function", |function| {
                        function
                            .put("name", &tool.name)
                            .put_some("description", tool.description.as_ref())
                            .put("parameters", &tool.parameters);
                    });
                });
            }
        });
        body.put_some("tool_choice", self.choice);
        if self.strict {
            body.put("strict_tools", true);
        }
    }
}

/// Strictness is one switch for all tools, and tools must require something for it.
#[derive(Debug, Default)]
struct Strict {
    wanted: usize,
    possible: usize,
}

fn word(choice: Option<&ToolChoice>) -> Option<&'static str> {
    match choice? {
        ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => None,
        ToolChoice::None => Some("NONE"),
        ToolChoice::Required
        | ToolChoice::Named(_)
        | ToolChoice::Allowed { required: true, .. } => Some("REQUIRED"),
    }
}

fn is_allowed(choice: Option<&ToolChoice>, tool: &Tool) -> bool {
    match choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        _ => true,
    }
}

fn sent(
    tool: &Tool,
    conversation: &Conversation,
    counted: &mut Strict,
    fit: &mut Fit,
) -> Option<Function> {
    let origin = conversation.origin;
    let param = label(origin, "tools");
    let (parameters, strict) = match &tool.kind {
        ToolKind::Native(_) => {
            fit.cannot(param, &tool.only_at(origin));
            return None;
        }
        ToolKind::Custom { .. } => {
            fit.cannot(param, "it has no tools that take a plain text");
            return None;
        }
        ToolKind::Function { parameters, strict } => (parameters.as_ref(), *strict),
    };
    if tool.cache.is_some() {
        fit.hint("cache_control");
    }
    let parameters = object_rooted(parameters);
    counted.wanted += usize::from(strict == Some(true));
    counted.possible += usize::from(requires_something(&parameters));
    Some(Function {
        name: sent_name(fit, &tool.name),
        description: tool.description.clone().filter(|words| !words.trim().is_empty()),
        parameters,
    })
}

fn requires_something(parameters: &Raw) -> bool {
    let members = Members::of_text(parameters.get());
    let required = members.and_then(|mut members| members.strings("required").ok().flatten());
    required.is_some_and(|names| !names.is_empty())
}
