//! Turns as Cohere takes them: in order, with results behind their calls, without what only others can read.

use crate::conversation::{
    Conversation, Fit, Format, MediaKind, Part, PartKind, Role, Turn, alternating,
    fold_late_systems, label, legal_call_ids,
};
use sha2::{Digest, Sha256};

/// The rules, and the turns after them.
pub(super) struct Ordered {
    /// Texts only.
    pub system: Vec<Part>,
    /// Beginning with the user, and ending with them.
    pub turns: Vec<Turn>,
}

/// Brings the turns in order.
pub(super) fn ordered(conversation: &Conversation, fit: &mut Fit) -> Ordered {
    let origin = conversation.origin;
    let cleaned = conversation.turns.iter().filter_map(|turn| cleaned(turn, origin, fit));
    let mut turns: Vec<Turn> = cleaned.collect();
    legal_call_ids(&mut turns, |id| !id.is_empty(), made_id);
    for turn in &mut turns {
        for part in &mut turn.parts {
            if let PartKind::ToolCall { name, .. } = &mut part.kind {
                *name = sent_name(fit, name);
            }
        }
    }
    let (mut system, turns) = fold_late_systems(turns);
    system.retain(|part| !part.is_blank());
    let mut turns = alternating(turns);
    if turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
        let why = "it does not go on from a last turn of the assistant";
        fit.cannot(label(origin, "messages"), why);
        turns.push(Turn::new(Role::User, vec![Part::text("Continue.")]));
    }
    Ordered { system, turns }
}

/// The name of a tool as Cohere takes it.
pub(super) fn sent_name(fit: &mut Fit, name: &str) -> String {
    fit.names.sent(name, 64, true, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// An id that stands for one that is not there, or there already.
fn made_id(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("call_{hex}")
}

/// The turn without what cannot go to Cohere; `None` if that was all it had.
fn cleaned(turn: &Turn, origin: Format, fit: &mut Fit) -> Option<Turn> {
    if turn.name.is_some() {
        fit.hint("name");
    }
    let mut parts = Vec::with_capacity(turn.parts.len());
    parts.extend(plan(turn).map(Part::text));
    parts.extend(turn.parts.iter().filter_map(|part| sendable(part, turn.role, origin, fit)));
    let emptied = parts.is_empty() && !turn.parts.is_empty();
    (!emptied).then(|| Turn::new(turn.role, parts))
}

/// What was thought before calls, where nothing was said: that is what a plan was shown as.
fn plan(turn: &Turn) -> Option<String> {
    let calls = turn.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let said = turn.parts.iter().any(|part| part.as_text().is_some() && !part.is_blank());
    let thoughts = turn.parts.iter().filter_map(|part| match &part.kind {
        PartKind::Reasoning { text, signature: None } => Some(text.as_str()),
        _ => None,
    });
    let thoughts: Vec<&str> = thoughts.filter(|text| !text.trim().is_empty()).collect();
    (calls && !said && !thoughts.is_empty()).then(|| thoughts.join("\n"))
}

fn sendable(part: &Part, role: Role, origin: Format, fit: &mut Fit) -> Option<Part> {
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
        PartKind::Reasoning { .. } | PartKind::Sealed(_) => return None,
        PartKind::Media(file) if role == Role::Assistant => {
            // What an assistant says is text; a picture that it made is only mentioned.
            PartKind::Text(mention(file.kind).to_owned())
        }
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
            let parts = parts.iter().filter_map(|part| sendable(part, Role::User, origin, fit));
            PartKind::ToolResult {
                id: id.clone(),
                name: name.clone(),
                parts: parts.collect(),
                error: *error,
            }
        }
        other @ PartKind::Media(_) => other.clone(),
    };
    if part.cache.is_some() {
        fit.hint("cache_control");
    }
    Some(Part::new(kind))
}

/// The word for a file in the place of the file.
pub(super) const fn mention(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "[image]",
        MediaKind::Audio => "[audio]",
        MediaKind::Video => "[video]",
        MediaKind::Document => "[file]",
    }
}
