//! Turns as input items.

use super::content::{Content, Speaker};
use crate::{
    conversation::{Fit, Format, Part, PartKind, Role, Signature, Source, Turn, label},
    json::{List, Members, Object, Raw},
    openai_responses::{marks, request::summary_of},
};
use sha2::{Digest, Sha256};
use std::collections::HashSet;

const NO_RESULT: &str = "The tool gave no result.";

/// Where items go.
pub(in crate::openai_responses) enum Target<'w, 'f> {
    /// To a provider, whose signatures alone it understands.
    Provider(&'w mut Fit<'f>),
    /// Into our own store, where nothing may be lost.
    Store,
}

/// Writes items.
pub(in crate::openai_responses) struct Items<'w, 'f, 't> {
    pub(super) target: Target<'w, 'f>,
    pub(super) origin: Format,
    /// Calls so far, and whether the tool is a custom one.
    calls: Vec<(&'t str, bool)>,
    /// Results that the request has.
    results: HashSet<&'t str>,
    /// Results written so far.
    written: HashSet<&'t str>,
}

impl<'w, 'f, 't> Items<'w, 'f, 't> {
    pub(in crate::openai_responses) fn new(
        target: Target<'w, 'f>,
        origin: Format,
        turns: &'t [Turn],
    ) -> Self {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        let results = parts.filter_map(|part| match &part.kind {
            PartKind::ToolResult { id, .. } => Some(id.as_str()),
            _ => None,
        });
        let results = results.collect();
        Self { target, origin, calls: Vec::new(), results, written: HashSet::new() }
    }

    /// Whether the request came in this format: then its items are whole, and go as they came.
    pub(super) fn own(&self) -> bool {
        self.origin == Format::OpenaiResponses
    }

    /// Reports what has no place here.
    pub(super) fn hint(&mut self, param: &str) {
        if let Target::Provider(fit) = &mut self.target {
            fit.hint(param);
        }
    }

    /// Reports content that the provider does not take.
    pub(super) fn cannot(&mut self, why: &str) {
        let label = label(self.origin, "messages");
        if let Target::Provider(fit) = &mut self.target {
            fit.cannot(label, why);
        }
    }

    /// A tool's name as it goes out.
    fn name(&mut self, name: &str) -> String {
        match &mut self.target {
            Target::Provider(fit) => super::tools::name(fit, name),
            Target::Store => name.to_owned(),
        }
    }

    /// Writes a turn.
    pub(in crate::openai_responses) fn turn(&mut self, turn: &'t Turn, list: &mut List) {
        let assistant = turn.role == Role::Assistant;
        let parts = if assistant { self.followed(&turn.parts) } else { &turn.parts };
        if turn.name.is_some() {
            self.hint("name");
        }
        let mut message = Message::new(turn.role);
        for part in parts {
            let starts = marks::find(&part.extra, marks::MESSAGE).is_some();
            if starts || !message.takes(part) {
                message.flush(self, list);
            }
            if message.takes(part) {
                message.parts.push(part);
            } else {
                self.item(part, list);
            }
        }
        message.flush(self, list);
        if assistant && !self.own() {
            self.missing_results(&turn.parts, list);
        }
    }

    /// The parts without reasoning at their end: what it led to has to follow it, or the request is refused.
    fn followed(&self, parts: &'t [Part]) -> &'t [Part] {
        let thought =
            |part: &Part| matches!(part.kind, PartKind::Reasoning { .. } | PartKind::Sealed(_));
        let end = parts.iter().rposition(|part| !thought(part)).map_or(0, |last| last + 1);
        if self.own() { parts } else { parts.get(..end).unwrap_or_default() }
    }

    /// Writes a part that is an item of its own.
    fn item(&mut self, part: &'t Part, list: &mut List) {
        match &part.kind {
            PartKind::Reasoning { signature, .. } => {
                self.reasoning(part, signature.as_ref(), list);
            }
            PartKind::Sealed(signature) => self.reasoning(part, Some(signature), list),
            PartKind::ToolCall { .. } => self.call(part, list),
            PartKind::ToolResult { .. } => self.result(part, list),
            PartKind::Native(Format::OpenaiResponses, raw) => {
                list.put_text(raw.get());
            }
            PartKind::Media(media) => {
                let extra = self.extra(part);
                match &media.source {
                    Source::Base64(data) if self.own() => {
                        list.object(|o| {
                            o.put_all(&extra).put("result", data);
                        });
                    }
                    // What a model drew has no place in its own messages here.
                    _ => self.hint(label(self.origin, "messages")),
                }
            }
            PartKind::Native(..) => self.hint(label(self.origin, "messages")),
            PartKind::Text(_) | PartKind::Refusal(_) => {}
        }
    }

    /// Members that only this format knows, if these are such.
    pub(super) fn extra(&self, part: &Part) -> Vec<(String, Raw)> {
        let extra = marks::unmarked(&part.extra).filter(|member| self.own() && self.known(member));
        extra.cloned().collect()
    }

    /// Whether a member means something where the item goes: a provider would look for an id of ours and not find it.
    fn known(&self, (name, raw): &(String, Raw)) -> bool {
        matches!(self.target, Target::Store) || name != "id" || !marks::is_ours(raw)
    }

    /// Reasoning goes back to whoever can read it; that of others is left out.
    fn reasoning(&mut self, part: &Part, signature: Option<&Signature>, list: &mut List) {
        let sealed = match (&self.target, signature) {
            (Target::Store, Some(signature)) => Some(signature.shown_in(Format::OpenaiResponses)),
            (Target::Provider(_), Some(signature)) if signature.by != Format::OpenaiResponses => {
                return;
            }
            (Target::Provider(_), Some(signature)) => Some(signature.data.clone()),
            // Without a seal the id is all that a provider knows it by.
            (_, None) if self.own() && part.extra.iter().all(|member| self.known(member)) => None,
            (_, None) => return,
        };
        let extra = self.extra(part);
        let has_summary = extra.iter().any(|(name, _)| name == "summary");
        list.object(|o| {
            o.put("type", "reasoning");
            if !has_summary {
                o.put("summary", summary_of(&part.kind));
            }
            o.put_some("encrypted_content", sealed).put_all(&extra);
        });
    }

    fn call(&mut self, part: &'t Part, list: &mut List) {
        let PartKind::ToolCall { id, name, arguments, custom, signature } = &part.kind else {
            return;
        };
        self.calls.push((id, *custom));
        let call_id = match (&self.target, signature) {
            (Target::Store, Some(signature)) => signature.clone().into_id(id),
            _ => self.call_id(id),
        };
        let name = self.name(name);
        let extra = self.extra(part);
        list.object(|o| {
            o.put("type", if *custom { "custom_tool_call" } else { "function_call" });
            o.put("call_id", call_id).put("name", name);
            if *custom {
                o.put("input", arguments);
            } else {
                let empty = arguments.trim().is_empty();
                o.put("arguments", if empty { "{}" } else { arguments });
            }
            o.put_all(&extra);
        });
    }

    fn result(&mut self, part: &'t Part, list: &mut List) {
        let PartKind::ToolResult { id, parts, error, .. } = &part.kind else { return };
        let known = self.calls.iter().find(|(call, _)| call == id);
        // OpenAI refuses results of calls that it has not seen. An app of this format may go on from calls that the
        // provider keeps.
        if !self.own() && (known.is_none() || !self.written.insert(id)) {
            return;
        }
        let custom = if self.own() {
            marks::find(&part.extra, marks::CUSTOM).is_some()
        } else {
            known.is_some_and(|(_, custom)| *custom)
        };
        let mut content = Content::new(Speaker::Tool);
        for inner in parts {
            content.put(self, inner);
        }
        if content.is_empty() && *error {
            content.text("The tool failed.");
        }
        let extra = self.extra(part);
        let id = self.call_id(id);
        list.object(|o| {
            output(o, custom, &id).put_text("output", &content.written(true)).put_all(&extra);
        });
    }

    /// OpenAI refuses calls without a result.
    fn missing_results(&mut self, parts: &'t [Part], list: &mut List) {
        for part in parts {
            let PartKind::ToolCall { id, custom, .. } = &part.kind else { continue };
            if !self.results.contains(id.as_str()) && self.written.insert(id) {
                let id = self.call_id(id);
                list.object(|o| {
                    output(o, *custom, &id).put("output", NO_RESULT);
                });
            }
        }
    }

    /// A call's id as the provider takes it: the same text gives the same id, so calls and results stay together.
    fn call_id(&self, id: &str) -> String {
        /// Longer ids are refused by OpenAI.
        const LONGEST: usize = 64;
        if matches!(self.target, Target::Store) || (!id.is_empty() && id.len() <= LONGEST) {
            return id.to_owned();
        }
        let digest = Sha256::digest(id.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("call_{hex}")
    }
}

fn output<'a, 'o>(o: &'a mut Object<'o>, custom: bool, id: &str) -> &'a mut Object<'o> {
    let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
    o.put("type", kind).put("call_id", id)
}

/// The parts of one message.
struct Message<'t> {
    role: Role,
    parts: Vec<&'t Part>,
}

impl<'t> Message<'t> {
    const fn new(role: Role) -> Self {
        Self { role, parts: Vec::new() }
    }

    /// Whether a part is content of a message.
    fn takes(&self, part: &Part) -> bool {
        match &part.kind {
            PartKind::Text(_) | PartKind::Refusal(_) => true,
            PartKind::Media(_) => self.role != Role::Assistant,
            PartKind::Native(Format::OpenaiResponses, _) => marks::is_content(part),
            _ => false,
        }
    }

    fn flush(&mut self, items: &mut Items<'_, '_, 't>, list: &mut List) {
        let parts = std::mem::take(&mut self.parts);
        let Some(first) = parts.first() else { return };
        let speaker =
            if self.role == Role::Assistant { Speaker::Assistant } else { Speaker::Other };
        let mut content = Content::new(speaker);
        for part in &parts {
            content.put(items, part);
        }
        // An assistant that only called tools often comes with an empty text.
        if content.is_blank() && self.role == Role::Assistant && !items.own() {
            return;
        }
        let members = marks::find(&first.extra, marks::MESSAGE).filter(|_| items.own());
        let mut members = members
            .and_then(|raw| Members::of_text(raw.get()))
            .map_or_else(Vec::new, Members::rest);
        members.retain(|member| items.known(member));
        list.object(|o| {
            o.put("type", "message").put("role", word(self.role));
            o.put_text("content", &content.written(members.is_empty())).put_all(&members);
        });
    }
}

const fn word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}
