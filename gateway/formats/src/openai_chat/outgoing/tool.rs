//! The tools on offer and the choice among them.

use super::{Split, Writing};
use crate::{
    conversation::{Tool, ToolChoice, ToolKind},
    json::{list, object, string},
    openai_chat::dialect::{Fate, Required, Seen},
};

/// What is offered, as the provider can be told.
#[derive(Default)]
pub(super) struct Offer {
    /// The tools as JSON text; absent: none.
    pub(super) tools: Option<String>,
    /// `tool_choice` as JSON text, in OpenAI's words.
    pub(super) choice: Option<String>,
    /// Whether functions are among the tools.
    pub(super) functions: bool,
    /// Whether a sentence has to ask for a tool.
    pub(super) nudge: bool,
}

/// The characters of names.
fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

impl Writing<'_> {
    /// The name of a tool as the provider takes it.
    pub(super) fn tool_name(&mut self, name: &str) -> String {
        self.fit.names.sent(name, 64, false, allowed)
    }

    /// Decides what is offered.
    pub(super) fn offer(&mut self) -> Offer {
        let tools: Vec<&Tool> = self.conversation.tools.iter().collect();
        let (tools, choice) = self.chosen(tools);
        let written: Vec<String> = tools.iter().filter_map(|tool| self.tool(tool)).collect();
        let functions = tools.iter().any(|tool| matches!(tool.kind, ToolKind::Function { .. }));
        let mut offer = Offer {
            tools: (!written.is_empty()).then(|| format!("[{}]", written.join(","))),
            functions,
            ..Offer::default()
        };
        let forced = !matches!(choice, None | Some(ToolChoice::Auto | ToolChoice::None));
        if offer.tools.is_none() {
            // A choice without tools is refused by several providers.
            if choice.is_some() {
                self.fit.hint("tool_choice");
            }
        } else if forced && self.facts.forced_tool_use == Some(false) {
            self.fit.hint(self.label("tool_choice"));
        } else if choice == Some(ToolChoice::Required)
            && self.dialect.tools.required == Required::Nudge
        {
            self.fit.hint(self.label("tool_choice"));
            offer.nudge = true;
        } else {
            offer.choice = choice.map(|choice| self.choice(&choice));
        }
        offer
    }

    /// Narrows the tools where the provider has no word for the choice.
    fn chosen<'t>(&self, mut tools: Vec<&'t Tool>) -> (Vec<&'t Tool>, Option<ToolChoice>) {
        let choice = self.conversation.tool_choice.clone();
        let rules = &self.dialect.tools;
        match choice {
            Some(ToolChoice::None) if self.refuses_choice() => (Vec::new(), None),
            Some(ToolChoice::Named(name)) if !rules.named => {
                tools.retain(|tool| tool.name == name);
                (tools, Some(ToolChoice::Required))
            }
            Some(ToolChoice::Allowed { names, required }) if !rules.openais => {
                tools.retain(|tool| names.contains(&tool.name));
                let choice = if required { ToolChoice::Required } else { ToolChoice::Auto };
                (tools, Some(choice))
            }
            other => (tools, other),
        }
    }

    /// Whether the provider does not even take `tool_choice: "none"`.
    fn refuses_choice(&self) -> bool {
        let seen = Seen {
            facts: &self.facts,
            effort: None,
            tools: true,
            functions: true,
            both_limits: false,
            top_logprobs: None,
        };
        self.dialect.fate("tool_choice", "\"none\"", &seen) == Fate::Whole
    }

    fn choice(&mut self, choice: &ToolChoice) -> String {
        match choice {
            ToolChoice::Auto => string("auto"),
            ToolChoice::None => string("none"),
            ToolChoice::Required => string("required"),
            ToolChoice::Named(name) => self.named(name),
            ToolChoice::Allowed { names, required } => {
                let tools: Vec<String> = names.iter().map(|name| self.named(name)).collect();
                let mut out = Vec::new();
                object(&mut out, |o| {
                    o.put("type", "allowed_tools").object("allowed_tools", |o| {
                        o.put("mode", if *required { "required" } else { "auto" });
                        o.list("tools", |l| {
                            for tool in &tools {
                                l.put_text(tool);
                            }
                        });
                    });
                });
                String::from_utf8(out).unwrap_or_default()
            }
        }
    }

    fn named(&mut self, name: &str) -> String {
        let custom = self
            .conversation
            .tools
            .iter()
            .any(|tool| tool.name == name && matches!(tool.kind, ToolKind::Custom { .. }));
        let kind = if custom { "custom" } else { "function" };
        let sent = self.tool_name(name);
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("type", kind).object(kind, |o| {
                o.put("name", sent);
            });
        });
        String::from_utf8(out).unwrap_or_default()
    }

    /// A tool as JSON text; `None` if the provider does not take it, which is told.
    fn tool(&mut self, tool: &Tool) -> Option<String> {
        let label = self.label("tools");
        let kind = match &tool.kind {
            ToolKind::Native(raw) if self.own() => return Some(raw.get().to_owned()),
            ToolKind::Native(_) => {
                self.fit.cannot(label, &tool.only_at(self.conversation.origin));
                return None;
            }
            ToolKind::Custom { .. } if !self.dialect.tools.openais => {
                self.fit.cannot(label, "it takes functions only");
                return None;
            }
            ToolKind::Custom { .. } => "custom",
            ToolKind::Function { .. } => "function",
        };
        let name = self.tool_name(&tool.name);
        let cache = self.cache_control(tool.cache);
        let Split { inside, beside } = Split::of(self.extra(&tool.extra), kind);
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("type", kind).object(kind, |o| {
                o.put("name", name).put_some("description", tool.description.as_deref());
                match &tool.kind {
                    ToolKind::Function { parameters, strict } => {
                        o.put_some("parameters", parameters.as_ref()).put_some("strict", *strict);
                    }
                    ToolKind::Custom { format } => {
                        o.put_some("format", format.as_ref());
                    }
                    ToolKind::Native(_) => {}
                }
                o.put_all(&inside);
            });
            o.put_all(&beside);
            if let Some(cache) = cache {
                o.put_text("cache_control", cache);
            }
        });
        String::from_utf8(out).ok()
    }
}

/// Texts as a JSON array.
pub(super) fn strings(texts: &[String]) -> String {
    let mut out = Vec::new();
    list(&mut out, |l| {
        for text in texts {
            l.put(text);
        }
    });
    String::from_utf8(out).unwrap_or_default()
}
