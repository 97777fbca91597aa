//! Messages.

use super::{
    Split, Writing,
    content::{Content, stand_in},
    pairs::{Message, paired},
};
use crate::{
    conversation::{
        Extra, Format, Part, PartKind, Reasoning, Role, Signature, Source, Turn, alternating,
        fold_late_systems,
    },
    json::{Object, Raw, object, string},
    openai_chat::{answer::joined_details, dialect::Replay},
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What makes a model use a tool where no parameter does.
const NUDGE: &str = "Use one of the tools for this.";
/// What a message of files says that tools gave.
const GIVEN: &str = "The tools gave these files:";
const NO_RESULT: &str = "The tool gave no result.";
const FAILED: &str = "The tool failed.";

impl<'c> Writing<'c> {
    /// All messages as a JSON array. `words` are rules of ours, `nudge` asks for a tool.
    pub(super) fn messages(&mut self, words: Option<&str>, nudge: bool) -> String {
        let turns: Cow<'c, [Turn]> = if self.dialect.messages.alternates {
            Cow::Owned(in_turns(&self.conversation.turns))
        } else {
            Cow::Borrowed(&self.conversation.turns)
        };
        let messages = paired(&turns);
        let mut written: Vec<String> = Vec::with_capacity(messages.len() + 2);
        let mut words = words;
        let first_is_system =
            matches!(messages.first(), Some(Message::Spoken { role, .. }) if role.is_system());
        if !first_is_system && let Some(words) = words.take() {
            written.push(said("system", words));
        }
        let mut files = Vec::new();
        let last = messages.len().saturating_sub(1);
        for (index, message) in messages.iter().enumerate() {
            match message {
                Message::Result { part, tool } => {
                    written.push(self.result(part, tool, &mut files));
                }
                Message::NoResult { id, tool } => {
                    let name = self.dialect.messages.tool_names.then_some(*tool);
                    written.push(self.tool_message(id, name, &string(NO_RESULT), &[]));
                }
                Message::Spoken { role, parts, name, extra } => {
                    written.extend(self.files_of_tools(&mut files));
                    let spoken = Spoken { parts, name: *name, extra, last: index == last };
                    if *role == Role::Assistant {
                        written.extend(self.assistant(&spoken));
                    } else {
                        written.push(self.spoken(*role, &spoken, words.take()));
                    }
                }
            }
        }
        written.extend(self.files_of_tools(&mut files));
        if written.is_empty() {
            // Nothing but results without their calls: no provider takes a request without messages.
            written.push(said("user", "."));
        }
        if nudge {
            written.push(said("user", NUDGE));
        }
        format!("[{}]", written.join(","))
    }

    fn spoken(&mut self, role: Role, message: &Spoken, words: Option<&str>) -> String {
        let word = match role {
            Role::Developer if self.dialect.messages.developer => "developer",
            Role::System | Role::Developer => "system",
            Role::User | Role::Assistant => "user",
        };
        let mut content = Content::default();
        for part in message.parts {
            self.put_part(part, &mut content);
        }
        if let Some(words) = words {
            content.text(words);
        }
        let content = content.written(self.dialect.messages.joins_text);
        let name = self.name(message.name);
        let extra = self.extra(message.extra);
        written(|o| {
            o.put("role", word).put_text("content", &content).put_some("name", name);
            o.put_all(extra);
        })
    }

    fn name<'n>(&mut self, name: Option<&'n str>) -> Option<&'n str> {
        let name = name?;
        if self.dialect.messages.speaker_names {
            return Some(name);
        }
        self.fit.hint("name");
        None
    }

    /// An assistant's message; `None` for an empty one where the provider refuses these.
    fn assistant(&mut self, message: &Spoken) -> Option<String> {
        let rules = self.dialect.messages;
        let mut content = Content::default();
        let thought = Thought::of(message.parts);
        if rules.replay == Replay::Parts && !thought.text.is_empty() {
            content.thinking(&thought.text);
        }
        let refusal = self.refusal(message.parts);
        for part in message.parts {
            let apart = matches!(part.kind, PartKind::Refusal(_)) && refusal.is_some();
            if matches!(part.kind, PartKind::Media(_)) {
                // What a model drew has no place in its own messages here.
                self.fit.hint("content");
            } else if !apart {
                self.put_part(part, &mut content);
            }
        }
        let calls: Vec<String> = message.parts.iter().filter_map(|part| self.call(part)).collect();
        let silent = content.says_nothing() && calls.is_empty() && refusal.is_none();
        if silent && !rules.empty_assistant {
            return None;
        }
        let nothing_said = content.is_empty() && (!calls.is_empty() || refusal.is_some());
        let content =
            if nothing_said { "null".to_owned() } else { content.written(rules.joins_text) };
        let reasoning = self.replayed(&thought, !calls.is_empty());
        let name = self.name(message.name);
        let extra = self.extra(message.extra);
        let prefill = rules.prefill.filter(|member| {
            message.last && calls.is_empty() && !extra.iter().any(|(name, _)| name == member)
        });
        Some(written(|o| {
            o.put("role", "assistant").put_text("content", &content);
            o.put_some("refusal", refusal).put_some("name", name);
            for (name, value) in &reasoning {
                o.put_text(name, value);
            }
            if !calls.is_empty() {
                o.put_text("tool_calls", &format!("[{}]", calls.join(",")));
            }
            if let Some(member) = prefill {
                o.put(member, true);
            }
            o.put_all(extra);
        }))
    }

    /// What was refused, where that has a place of its own.
    fn refusal(&self, parts: &[&Part]) -> Option<String> {
        let refused = parts.iter().filter_map(|part| match &part.kind {
            PartKind::Refusal(text) => Some(text.as_str()),
            _ => None,
        });
        let all: Vec<&str> = refused.collect();
        (self.dialect.messages.refusals && !all.is_empty()).then(|| all.concat())
    }

    /// The members that bring earlier reasoning back.
    fn replayed(&self, thought: &Thought, calls: bool) -> Vec<(&'static str, String)> {
        let rules = &self.dialect.messages;
        let words = |name: &'static str| {
            let text = Some(&thought.text).filter(|text| !text.is_empty());
            text.map(|text| (name, string(text))).into_iter().collect::<Vec<_>>()
        };
        let details = || {
            let told = (!thought.details.is_empty()).then(|| joined_details(&thought.details));
            told.map(|details| vec![("reasoning_details", details)])
        };
        let told = match rules.replay {
            Replay::Never | Replay::Parts => Vec::new(),
            Replay::Content => words("reasoning_content"),
            Replay::Reasoning => words("reasoning"),
            Replay::Details => details().unwrap_or_else(|| words("reasoning")),
            Replay::AsItCame if !self.own() => Vec::new(),
            Replay::AsItCame => details()
                .or_else(|| Some(vec![("thinking_blocks", thought.blocks.clone()?)]))
                .unwrap_or_else(|| words("reasoning_content")),
        };
        let off = self.conversation.reasoning.as_ref().is_some_and(Reasoning::is_off);
        match rules.placeholder {
            Some(placeholder) if told.is_empty() && calls && !off => {
                vec![("reasoning_content", string(placeholder))]
            }
            _ => told,
        }
    }

    /// A call of a tool, if the part is one.
    fn call(&mut self, part: &Part) -> Option<String> {
        let PartKind::ToolCall { id, name, arguments, custom, signature } = &part.kind else {
            return None;
        };
        let name = self.tool_name(name);
        let id = self.call_id(id);
        // A text is no JSON: where there are only functions it becomes their one argument.
        let wrapped = (*custom && !self.dialect.tools.openais)
            .then(|| format!("{{\"input\":{}}}", string(arguments)));
        let custom = *custom && wrapped.is_none();
        let arguments = wrapped.as_deref().unwrap_or(arguments);
        let kind = if custom { "custom" } else { "function" };
        let Split { inside, beside } = Split::of(self.extra(&part.extra), kind);
        let google = signature.as_ref().filter(|signature| {
            signature.by == Format::Gemini && self.dialect.messages.google_signatures
        });
        Some(written(|o| {
            o.put("id", id).put("type", kind);
            o.object(kind, |o| {
                o.put("name", name);
                if custom {
                    o.put("input", arguments);
                } else {
                    o.put("arguments", if arguments.trim().is_empty() { "{}" } else { arguments });
                }
                o.put_all(&inside);
            });
            if let Some(signature) = google {
                o.object("extra_content", |o| {
                    o.object("google", |o| {
                        o.put("thought_signature", &signature.data);
                    });
                });
            }
            o.put_all(&beside);
        }))
    }

    /// A result of a tool. Files in it are put aside: they may only stand in a message of the user.
    fn result<'m>(&mut self, part: &'m Part, tool: &str, files: &mut Vec<&'m Part>) -> String {
        let PartKind::ToolResult { id, name, parts, error } = &part.kind else {
            return String::new();
        };
        let mut content = Content::default();
        for inner in parts {
            match &inner.kind {
                PartKind::Media(media) if matches!(media.source, Source::Text(_)) => {
                    self.put_media(media, inner, &mut content);
                }
                PartKind::Media(media) => {
                    content.text(stand_in(media.kind));
                    files.push(inner);
                }
                PartKind::Native(format, raw) if *format != Format::OpenaiChat => {
                    content.text(raw.get());
                }
                _ => self.put_part(inner, &mut content),
            }
        }
        if content.is_empty() && *error {
            content.text(FAILED);
        }
        if let Some(mark) = self.cache_control(part.cache) {
            content.mark_last(mark);
        }
        let content = content.written(self.dialect.messages.joins_text);
        // An app that names the tool in its own message of this format means it so.
        let named = name.as_deref().filter(|_| self.own() && self.dialect.messages.speaker_names);
        let name = named.or(self.dialect.messages.tool_names.then_some(tool));
        self.tool_message(id, name, &content, self.extra(&part.extra))
    }

    fn tool_message(
        &mut self,
        id: &str,
        name: Option<&str>,
        content: &str,
        extra: &[(String, Raw)],
    ) -> String {
        let id = self.call_id(id);
        let name = name.map(|name| self.tool_name(name));
        written(|o| {
            o.put("role", "tool").put("tool_call_id", id);
            o.put_some("name", name).put_text("content", content).put_all(extra);
        })
    }

    /// The files that tools gave, in a message of the user.
    fn files_of_tools(&mut self, files: &mut Vec<&Part>) -> Option<String> {
        if files.is_empty() {
            return None;
        }
        let mut content = Content::default();
        content.text(GIVEN);
        for part in files.drain(..) {
            self.put_part(part, &mut content);
        }
        let content = content.written(false);
        Some(written(|o| {
            o.put("role", "user").put_text("content", &content);
        }))
    }

    /// A call's id as the provider takes it: the same text gives the same id, so calls and results stay together.
    fn call_id(&self, id: &str) -> String {
        /// Longer ids are refused by OpenAI.
        const LONGEST: usize = 64;
        let short = self.dialect.messages.short_ids;
        let fine = if short {
            id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric())
        } else {
            id.len() <= LONGEST && !id.is_empty()
        };
        if fine {
            return id.to_owned();
        }
        let digest = Sha256::digest(id.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        if short { hex.chars().take(9).collect() } else { format!("call_{hex}") }
    }
}

/// A message of a speaker.
struct Spoken<'m, 'c> {
    parts: &'m [&'c Part],
    name: Option<&'c str>,
    extra: &'c Extra,
    /// Whether it is the last of all.
    last: bool,
}

/// The reasoning of a message.
#[derive(Default)]
struct Thought<'c> {
    text: String,
    /// The `reasoning_details` that it came in.
    details: Vec<&'c str>,
    /// The `thinking_blocks` that it came in.
    blocks: Option<String>,
}

impl<'c> Thought<'c> {
    fn of(parts: &[&'c Part]) -> Self {
        let own = |signature: &'c Signature| {
            (signature.by == Format::OpenaiChat).then_some(signature.data.as_str())
        };
        let mut thought = Self::default();
        let (mut blocks, mut signed) = (Vec::new(), false);
        for part in parts {
            match &part.kind {
                PartKind::Reasoning { text, signature } => {
                    if !thought.text.is_empty() && !text.is_empty() {
                        thought.text.push('\n');
                    }
                    thought.text.push_str(text);
                    let signature = signature.as_ref().and_then(own);
                    match signature.filter(|data| data.starts_with('[')) {
                        Some(details) => thought.details.push(details),
                        None => {
                            signed |= signature.is_some();
                            blocks.push(written(|o| {
                                o.put("type", "thinking").put("thinking", text);
                                o.put_some("signature", signature);
                            }));
                        }
                    }
                }
                PartKind::Sealed(signature) => {
                    if let Some(data) = own(signature) {
                        signed = true;
                        blocks.push(written(|o| {
                            o.put("type", "redacted_thinking").put("data", data);
                        }));
                    }
                }
                _ => {}
            }
        }
        thought.blocks = signed.then(|| format!("[{}]", blocks.join(",")));
        thought
    }
}

/// Turns that alternate, the rules first.
fn in_turns(turns: &[Turn]) -> Vec<Turn> {
    let (systems, rest) = fold_late_systems(turns.to_vec());
    let mut all = alternating(rest);
    if !systems.is_empty() {
        all.insert(0, Turn::new(Role::System, systems));
    }
    all
}

fn said(role: &str, text: &str) -> String {
    written(|o| {
        o.put("role", role).put("content", text);
    })
}

fn written(members: impl FnOnce(&mut Object)) -> String {
    let mut out = Vec::new();
    object(&mut out, members);
    String::from_utf8(out).unwrap_or_default()
}
