//! `toolConfig`: the tools on offer and the choice among them.

use super::{content::write_cache_point, form::Form, turns::sent_name};
use crate::{
    anthropic::claude::{object_rooted, strict},
    bedrock::model::Model,
    conversation::{Conversation, Extra, Fit, PartKind, Tool, ToolChoice, ToolKind, Turn, label},
    json::{List, Object},
    mistake::Mistake,
};
use std::collections::HashSet;

/// Which tool must be called. That the model decides is the default, and not said: said, it would contradict what Claude
/// is told beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Forced {
    /// Any of them.
    Any,
    /// This one.
    One(String),
}

/// What is offered.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// The tools, by the names that they are sent under.
    pub tools: Vec<Tool>,
    /// Which of them must be called.
    pub forced: Option<Forced>,
    /// Whether Claude is told to call one at a time.
    pub one_by_one: bool,
}

impl Offer {
    /// The tools that the model gets. Those that only the history knows are declared again: it cannot be sent without.
    pub fn of(
        conversation: &Conversation,
        turns: &[Turn],
        model: &Model,
        fit: &mut Fit,
    ) -> Result<Self, Mistake> {
        let used = turns.iter().flat_map(|turn| &turn.parts).any(is_of_tools);
        let mut tools = Vec::with_capacity(conversation.tools.len());
        let mut seen = HashSet::new();
        let choice = conversation.tool_choice.as_ref();
        let none = choice == Some(&ToolChoice::None);
        for tool in conversation.tools.iter().filter(|tool| is_allowed(conversation, tool, model)) {
            // There is no word for it, so that the tools go.
            if none && !used {
                break;
            }
            let Some(tool) = sent(tool, conversation, model, fit) else { continue };
            if !seen.insert(tool.name.clone()) {
                let message = format!("Tool names must be unique: `{}` is there twice.", tool.name);
                return Err(Mistake::invalid(label(conversation.origin, "tools"), message));
            }
            tools.push(tool);
        }
        let offered = !tools.is_empty();
        if tools.is_empty() && used {
            tools = remembered(turns);
        }
        let mut offer = Self { tools, forced: None, one_by_one: false };
        if offered {
            offer.choose(conversation, model, fit);
        } else {
            let origin = conversation.origin;
            if choice.is_some() && !none {
                fit.hint(label(origin, "tool_choice"));
            }
            if conversation.parallel_tools.is_some() {
                fit.hint(label(origin, "parallel_tool_calls"));
            }
        }
        Ok(offer)
    }

    fn choose(&mut self, conversation: &Conversation, model: &Model, fit: &mut Fit) {
        let param = label(conversation.origin, "tool_choice");
        self.forced = match &conversation.tool_choice {
            None | Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => None,
            // The tools are only there because of the history.
            Some(ToolChoice::None) => {
                fit.replaced(param, "auto");
                None
            }
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
                Some(Forced::Any)
            }
            Some(ToolChoice::Named(name)) => {
                let sent = sent_name(&mut fit.names, name);
                if self.tools.iter().any(|tool| tool.name == sent) {
                    Some(if model.forces_one { Forced::One(sent) } else { Forced::Any })
                } else {
                    fit.cannot(param, &format!("there is no tool `{name}`"));
                    None
                }
            }
        };
        if conversation.parallel_tools == Some(false) {
            self.one_by_one = model.calls_one_by_one;
            if !self.one_by_one {
                fit.hint(label(conversation.origin, "parallel_tool_calls"));
            }
        }
    }

    /// Lets go of a forced tool where none can be forced.
    pub fn unless_forcible(&mut self, forcible: bool, conversation: &Conversation, fit: &mut Fit) {
        if !forcible && self.forced.take().is_some() {
            fit.replaced(label(conversation.origin, "tool_choice"), "auto");
        }
    }

    /// Adds the tool that stands for the answer. Where the app's own tools may be called as well, one of all must be.
    pub fn stand_in(&mut self, form: &Form, conversation: &Conversation, model: &Model) {
        let Form::StandIn { name, description, schema } = form else { return };
        let none = conversation.tool_choice == Some(ToolChoice::None);
        let alone = none || conversation.tools.is_empty() || self.tools.is_empty();
        self.forced = Some(match (alone, model.forces_one) {
            (true, true) => Forced::One((*name).to_owned()),
            (true, false) => {
                self.tools.clear();
                Forced::Any
            }
            (false, _) => Forced::Any,
        });
        self.tools.push(Tool {
            name: (*name).to_owned(),
            description: Some(description.clone()),
            kind: ToolKind::Function { parameters: Some(schema.clone()), strict: None },
            cache: None,
            extra: Extra::new(),
        });
    }

    /// Writes `toolConfig`.
    pub fn write(&self, body: &mut Object) {
        if self.tools.is_empty() {
            return;
        }
        body.object("toolConfig", |config| {
            config.list("tools", |list| {
                self.tools.iter().for_each(|tool| write_tool(list, tool));
            });
            if let Some(forced) = &self.forced {
                config.object("toolChoice", |choice| {
                    match forced {
                        Forced::Any => choice.object("any", |_| {}),
                        Forced::One(name) => choice.object("tool", |tool| {
                            tool.put("name", name);
                        }),
                    };
                });
            }
        });
    }

    /// Writes Claude's own `tool_choice`, whose type must be there, unless `toolChoice` says it already.
    pub fn write_own(&self, fields: &mut Object) {
        if !self.one_by_one {
            return;
        }
        fields.object("tool_choice", |choice| {
            if self.forced.is_none() {
                choice.put("type", "auto");
            }
            choice.put("disable_parallel_tool_use", true);
        });
    }
}

fn is_of_tools(part: &crate::conversation::Part) -> bool {
    matches!(part.kind, PartKind::ToolCall { .. } | PartKind::ToolResult { .. })
}

/// Whether a tool may be called at all. One that is named stands alone where a name cannot be told.
fn is_allowed(conversation: &Conversation, tool: &Tool, model: &Model) -> bool {
    match &conversation.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        Some(ToolChoice::Named(name)) if !model.forces_one => {
            let there = conversation.tools.iter().any(|tool| tool.name == *name);
            tool.name == *name || !there
        }
        _ => true,
    }
}

fn sent(tool: &Tool, conversation: &Conversation, model: &Model, fit: &mut Fit) -> Option<Tool> {
    let origin = conversation.origin;
    let param = label(origin, "tools");
    let (parameters, wanted) = match &tool.kind {
        ToolKind::Native(_) => {
            fit.cannot(param, &tool.only_at(origin));
            return None;
        }
        ToolKind::Custom { .. } => {
            fit.cannot(param, "it has no tools that take a plain text");
            return None;
        }
        ToolKind::Function { parameters, strict } => (parameters.as_ref(), *strict == Some(true)),
    };
    let told = parameters.filter(|_| wanted && model.keeps_schemas).and_then(strict);
    if wanted && told.is_none() {
        fit.hint("strict");
    }
    let strict = told.is_some().then_some(true);
    let parameters = Some(object_rooted(told.as_ref().or(parameters)));
    Some(Tool {
        name: sent_name(&mut fit.names, &tool.name),
        description: tool.description.clone().filter(|words| !words.trim().is_empty()),
        kind: ToolKind::Function { parameters, strict },
        cache: tool.cache,
        extra: Extra::new(),
    })
}

/// Tools that only earlier calls tell of.
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

fn write_tool(list: &mut List, tool: &Tool) {
    let ToolKind::Function { parameters, strict } = &tool.kind else { return };
    list.object(|entry| {
        entry.object("toolSpec", |spec| {
            spec.put("name", &tool.name).put_some("description", tool.description.as_ref());
            spec.object("inputSchema", |schema| {
                schema.put_some("json", parameters.as_ref());
            });
            spec.put_some("strict", strict.as_ref());
        });
    });
    write_cache_point(list, tool.cache);
}
