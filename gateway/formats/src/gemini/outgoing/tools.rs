//! Tools and which of them to use.

use super::{
    super::schema::{parameters_json, parameters_proto, rename_properties},
    Writing,
};
use crate::{
    conversation::{Names, Tool, ToolChoice, ToolKind},
    json::{Node, Raw, list, object},
    mistake::Mistake,
};

/// The tools of a request.
pub(super) struct Tools {
    /// `tools` as JSON text.
    pub(super) list: Vec<u8>,
    /// Whether functions are among them.
    pub(super) functions: bool,
}

/// Characters of a function's name.
fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:-".contains(c)
}

impl Writing<'_> {
    /// The name of a function as it is sent.
    pub(super) fn name(&mut self, name: &str) -> String {
        self.fit.names.sent(name, self.model.longest_name(), true, in_name)
    }

    /// The tools. Functions that follow each other share one entry of the list.
    pub(super) fn tools(&mut self) -> Result<Option<Tools>, Mistake> {
        let (mut entries, mut group) = (Vec::<Vec<u8>>::new(), Vec::new());
        let mut names: Vec<String> = Vec::new();
        for tool in &self.asked.tools {
            if tool.cache.is_some() {
                self.fit.hint("cache_control");
            }
            match &tool.kind {
                ToolKind::Function { parameters, .. } => {
                    if self.is_left_out(&tool.name) {
                        continue;
                    }
                    if names.contains(&tool.name) {
                        let message = format!("Two tools are called `{}`.", tool.name);
                        return Err(Mistake::invalid("tools", message));
                    }
                    names.push(tool.name.clone());
                    group.push(self.declaration(tool, parameters.as_ref()));
                }
                ToolKind::Native(raw) if self.own => {
                    entries.extend(declarations(&mut group));
                    entries.push(raw.get().as_bytes().to_vec());
                }
                ToolKind::Native(_) => {
                    self.fit.cannot("tools", &tool.only_at(self.asked.origin));
                }
                ToolKind::Custom { .. } => {
                    let why =
                        format!("`{}` takes a text, and Gemini has only functions", tool.name);
                    self.fit.cannot("tools", &why);
                }
            }
        }
        entries.extend(declarations(&mut group));
        if entries.is_empty() {
            return Ok(None);
        }
        Ok(Some(Tools { list: joined(&entries), functions: !names.is_empty() }))
    }

    fn declaration(&mut self, tool: &Tool, parameters: Option<&Raw>) -> Vec<u8> {
        let name = self.name(&tool.name);
        let parameters = parameters.and_then(|schema| {
            let (word, mut schema) = if self.model.takes_json_schema() {
                ("parametersJsonSchema", parameters_json(schema)?)
            } else {
                ("parameters", parameters_proto(&Node::parse(schema.get())?)?)
            };
            rename_properties(&mut schema, &mut |name| parameter(&mut self.fit.names, name));
            Some((word, schema))
        });
        let description = tool.description.as_deref().filter(|text| !text.is_empty());
        let mut out = Vec::new();
        object(&mut out, |members| {
            members.put("name", name).put_some("description", description);
            if let Some((word, schema)) = parameters {
                members.put(word, schema);
            }
            if self.own {
                members.put_all(&tool.extra);
            }
        });
        out
    }

    /// Whether a function is not among those that may be called, where the model cannot be told so.
    fn is_left_out(&self, name: &str) -> bool {
        match &self.asked.tool_choice {
            Some(ToolChoice::Allowed { names, required: false }) => {
                !self.model.validates_calls() && !names.iter().any(|allowed| allowed == name)
            }
            _ => false,
        }
    }

    /// Which tools to use. Without functions there is nothing to choose from.
    pub(super) fn tool_config(&mut self, functions: bool) -> Option<Vec<u8>> {
        let choice = self.asked.tool_choice.as_ref();
        let (mode, names) = if functions {
            self.mode(choice)
        } else {
            if matches!(choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
                self.fit.hint(self.word("tool_choice"));
            }
            (None, Vec::new())
        };
        let names: Vec<String> = names.iter().map(|name| self.name(name)).collect();
        let (calling, rest) = (self.inside("functionCallingConfig"), self.inside("toolConfig"));
        let mut out = Vec::new();
        object(&mut out, |members| {
            if mode.is_some() || !calling.is_empty() {
                members.object("functionCallingConfig", |members| {
                    members.put_some("mode", mode);
                    members.put_some("allowedFunctionNames", (!names.is_empty()).then_some(&names));
                    members.put_all(&calling);
                });
            }
            members.put_all(&rest);
        });
        (out != b"{}").then_some(out)
    }

    fn mode(&mut self, choice: Option<&ToolChoice>) -> (Option<&'static str>, Vec<String>) {
        let strict = self
            .asked
            .tools
            .iter()
            .any(|tool| matches!(&tool.kind, ToolKind::Function { strict: Some(true), .. }));
        let validated = strict && self.model.validates_calls();
        if strict && !validated {
            self.fit.hint("strict");
        }
        let free = if validated { "VALIDATED" } else { "AUTO" };
        let forced = matches!(
            choice,
            Some(
                ToolChoice::Required
                    | ToolChoice::Named(_)
                    | ToolChoice::Allowed { required: true, .. }
            )
        );
        if forced && self.fit.target.forced_tool_use == Some(false) {
            let why = "the model cannot be made to call a tool";
            self.fit.cannot(self.word("tool_choice"), why);
            return (Some(free), Vec::new());
        }
        match choice {
            None => (validated.then_some(free), Vec::new()),
            Some(ToolChoice::Auto) => (Some(free), Vec::new()),
            Some(ToolChoice::None) => (Some("NONE"), Vec::new()),
            Some(ToolChoice::Required) => (Some("ANY"), Vec::new()),
            Some(ToolChoice::Named(name)) => (Some("ANY"), vec![name.clone()]),
            Some(ToolChoice::Allowed { names, required: true }) => (Some("ANY"), names.clone()),
            // Names go with ANY and VALIDATED only; the others were left out of the tools.
            Some(ToolChoice::Allowed { names, .. }) if self.model.validates_calls() => {
                (Some("VALIDATED"), names.clone())
            }
            Some(ToolChoice::Allowed { .. }) => (Some(free), Vec::new()),
        }
    }
}

/// The name of a parameter as it is sent.
fn parameter(names: &mut Names, name: &str) -> String {
    names.sent_parameter(name, 64, true, |c| c.is_ascii_alphanumeric() || c == '_')
}

/// An entry with the functions gathered so far.
fn declarations(group: &mut Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if group.is_empty() {
        return None;
    }
    let all = joined(&std::mem::take(group));
    let mut out = Vec::new();
    object(&mut out, |members| {
        members.put_text("functionDeclarations", std::str::from_utf8(&all).unwrap_or("[]"));
    });
    Some(out)
}

fn joined(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    list(&mut out, |all| {
        for entry in entries {
            all.put_text(std::str::from_utf8(entry).unwrap_or("{}"));
        }
    });
    out
}
