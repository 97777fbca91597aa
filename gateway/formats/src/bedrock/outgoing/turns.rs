//! Turns as Bedrock takes them: alternating, with legal ids and names, without what only others can read.

use super::{ids, media};
use crate::{
    bedrock::model::{Family, Model},
    conversation::{
        CacheMark, Conversation, Fit, Format, MediaKind, Names, Part, PartKind, Role, Turn,
        alternating, fold_late_systems, label,
    },
};

/// What stands before the messages, and the messages.
#[derive(Debug)]
pub(super) struct Ordered {
    /// Texts only.
    pub system: Vec<Part>,
    /// Beginning with the user.
    pub turns: Vec<Turn>,
}

/// Brings the turns in order.
pub(super) fn ordered(conversation: &Conversation, model: &Model, fit: &mut Fit) -> Ordered {
    let cleaned =
        conversation.turns.iter().filter_map(|turn| cleaned(turn, conversation, model, fit));
    let mut turns: Vec<Turn> = cleaned.collect();
    ids::make_legal(&mut turns, model.family == Family::Mistral);
    for turn in &mut turns {
        for part in &mut turn.parts {
            if let PartKind::ToolCall { name, .. } = &mut part.kind {
                *name = sent_name(&mut fit.names, name);
            }
        }
    }
    let (mut system, turns) = fold_late_systems(turns);
    system.retain(|part| !part.is_blank());
    let mut turns = alternating(turns);
    for turn in &mut turns {
        give_documents_a_text(turn);
        trim_end(turn);
    }
    Ordered { system, turns }
}

/// The name of a tool as Bedrock takes it. Some models want a letter first.
pub(super) fn sent_name(names: &mut Names, name: &str) -> String {
    names.sent(name, 64, true, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// A message with a document needs a text too.
fn give_documents_a_text(turn: &mut Turn) {
    let document = |part: &Part| match &part.kind {
        PartKind::Media(file) => file.kind == MediaKind::Document,
        _ => false,
    };
    if turn.parts.iter().any(document) && !turn.parts.iter().any(|part| part.as_text().is_some()) {
        turn.parts.push(Part::text("."));
    }
}

/// The text at the end of an assistant's message must not end in white space.
fn trim_end(turn: &mut Turn) {
    if turn.role != Role::Assistant {
        return;
    }
    if let Some(PartKind::Text(text)) = turn.parts.last_mut().map(|part| &mut part.kind) {
        text.truncate(text.trim_end().len());
    }
}

/// The turn without what cannot go to Bedrock; `None` if that was all it had.
fn cleaned(turn: &Turn, conversation: &Conversation, model: &Model, fit: &mut Fit) -> Option<Turn> {
    if turn.name.is_some() {
        fit.hint("name");
    }
    let origin = conversation.origin;
    let parts = turn.parts.iter().filter_map(|part| sendable(part, turn.role, origin, model, fit));
    let sent = Turn::new(turn.role, parts.collect());
    let emptied = sent.parts.is_empty() && !turn.parts.is_empty();
    (!emptied).then_some(sent)
}

/// A part as it goes to Bedrock, if it does.
fn sendable(part: &Part, role: Role, origin: Format, model: &Model, fit: &mut Fit) -> Option<Part> {
    let messages = label(origin, "messages");
    let kind = match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => PartKind::Text(text.clone()),
        PartKind::Native(by, _) => {
            // What a provider did for itself in an earlier answer can be left out, what a user says cannot.
            if role == Role::User {
                fit.cannot(messages, &format!("it has a part that only {} has", by.name()));
            } else {
                fit.hint(messages);
            }
            return None;
        }
        _ if role.is_system() => {
            fit.cannot(messages, "system texts of this provider are texts only");
            return None;
        }
        // Nobody else can read it, and unsigned reasoning is refused.
        PartKind::Reasoning { signature: Some(by), .. } | PartKind::Sealed(by) => {
            let own = by.by == Format::Bedrock && model.takes_reasoning();
            return (own && role == Role::Assistant).then(|| Part::new(part.kind.clone()));
        }
        PartKind::Reasoning { signature: None, .. } => return None,
        PartKind::Media(file) => media::fitted(file, role, origin, fit)?,
        // Only the model calls, and only users have results.
        PartKind::ToolCall { .. } if role != Role::Assistant => return None,
        PartKind::ToolResult { .. } if role != Role::User => return None,
        PartKind::ToolCall { id, name, arguments, custom, .. } => {
            // A text is no JSON: here there are only functions, so it becomes their one argument.
            let wrapped = custom.then(|| serde_json::json!({ "input": arguments }).to_string());
            PartKind::ToolCall {
                id: id.clone(),
                name: name.clone(),
                arguments: wrapped.unwrap_or_else(|| arguments.clone()),
                custom: false,
                signature: None,
            }
        }
        PartKind::ToolResult { id, name, parts, error } => {
            let parts = parts.iter().filter_map(|part| in_result(part, origin, model, fit));
            PartKind::ToolResult {
                id: id.clone(),
                name: name.clone(),
                parts: parts.collect(),
                error: *error,
            }
        }
    };
    Some(Part { kind, cache: mark(part), extra: Vec::new() })
}

/// A part of a tool's result: texts and files, but no sounds.
fn in_result(part: &Part, origin: Format, model: &Model, fit: &mut Fit) -> Option<Part> {
    if matches!(part.kind, PartKind::ToolResult { .. }) {
        return None;
    }
    let sent = sendable(part, Role::User, origin, model, fit)?;
    let sound = matches!(&sent.kind, PartKind::Media(file) if file.kind == MediaKind::Audio);
    if sound {
        fit.cannot(label(origin, "messages"), "results of tools have no sounds");
        return None;
    }
    (!sent.is_blank()).then_some(sent)
}

/// The cache mark of a part. Within results there is no place for one, so it stands behind the whole.
fn mark(part: &Part) -> Option<CacheMark> {
    match &part.kind {
        PartKind::ToolResult { parts, .. } => {
            part.cache.or_else(|| parts.iter().rev().find_map(|part| part.cache))
        }
        _ => part.cache,
    }
}
