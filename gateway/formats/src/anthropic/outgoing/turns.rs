//! Turns as Anthropic takes them: in order, with legal ids, without what only others can read.

use super::media;
use crate::conversation::{
    Conversation, Fit, Format, Names, Part, PartKind, Role, Signature, Turn, alternating,
    fold_late_systems, label,
};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet, VecDeque};

/// What stands before the messages, and the messages.
#[derive(Debug)]
pub(super) struct Ordered {
    pub system: Vec<Part>,
    /// Alternating, but for system turns where the model takes them.
    pub turns: Vec<Turn>,
}

/// Brings the turns in order. `late_systems`: whether system turns may stand between messages.
pub(super) fn ordered(conversation: &Conversation, late_systems: bool, fit: &mut Fit) -> Ordered {
    let mut turns: Vec<Turn> =
        conversation.turns.iter().filter_map(|turn| cleaned(turn, conversation, fit)).collect();
    with_legal_ids(&mut turns);
    for turn in &mut turns {
        for part in &mut turn.parts {
            if let PartKind::ToolCall { name, .. } = &mut part.kind {
                *name = sent_name(&mut fit.names, name);
            }
        }
    }
    if late_systems {
        keeping_systems(turns)
    } else {
        let (mut system, turns) = fold_late_systems(turns);
        system.retain(|part| !part.is_blank());
        Ordered { system, turns: alternating(turns) }
    }
}

/// The name of a tool as Anthropic takes it.
pub(super) fn sent_name(names: &mut Names, name: &str) -> String {
    names.sent(name, 128, false, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The turn without what cannot go to Anthropic; `None` if that was all it had.
fn cleaned(turn: &Turn, conversation: &Conversation, fit: &mut Fit) -> Option<Turn> {
    let origin = conversation.origin;
    if turn.name.is_some() {
        fit.hint("name");
    }
    let mut sent = Turn::new(turn.role, Vec::with_capacity(turn.parts.len()));
    if origin == Format::Anthropic {
        sent.extra.clone_from(&turn.extra);
    }
    sent.parts.extend(turn.parts.iter().filter_map(|part| sendable(part, turn.role, origin, fit)));
    let emptied = sent.parts.is_empty() && !turn.parts.is_empty();
    (!emptied).then_some(sent)
}

/// A part as it goes to Anthropic, if it does.
fn sendable(part: &Part, role: Role, origin: Format, fit: &mut Fit) -> Option<Part> {
    let messages = label(origin, "messages");
    let mut sent = match &part.kind {
        PartKind::Text(_) => part.clone(),
        PartKind::Refusal(text) => Part { kind: PartKind::Text(text.clone()), ..part.clone() },
        PartKind::Native(Format::Anthropic, _) => part.clone(),
        PartKind::Native(by, _) => {
            // What a provider did for itself in an earlier answer can be left out, what a user says cannot.
            if role == Role::User {
                let why = format!("it has a part that only {} has", by.name());
                fit.cannot(messages, &why);
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
            if by.by != Format::Anthropic {
                return None;
            }
            part.clone()
        }
        PartKind::Reasoning { signature: None, .. } => return None,
        PartKind::Media(file) => {
            Part { kind: media::fitted(file, role, origin, fit)?, ..part.clone() }
        }
        PartKind::ToolCall { custom, arguments, .. } => {
            let mut call = part.clone();
            if *custom && let PartKind::ToolCall { arguments: input, .. } = &mut call.kind {
                *input = serde_json::json!({ "input": arguments }).to_string();
            }
            call
        }
        PartKind::ToolResult { id, name, parts, error } => {
            let inner = parts.iter().filter(|part| !part.is_blank());
            let parts = inner.filter_map(|part| sendable(part, Role::User, origin, fit)).collect();
            let kind =
                PartKind::ToolResult { id: id.clone(), name: name.clone(), parts, error: *error };
            Part { kind, ..part.clone() }
        }
    };
    if origin != Format::Anthropic {
        sent.extra.clear();
    }
    Some(sent)
}

/// Makes the ids of calls legal (`[a-zA-Z0-9_-]+`) and unique in the whole request, and those of their results the
/// same: some providers number the calls of each answer from 0 again. Deterministic, for prompt caches.
fn with_legal_ids(turns: &mut [Turn]) {
    let mut seen: HashSet<String> = HashSet::new();
    let mut open: HashMap<String, VecDeque<String>> = HashMap::new();
    let mut last = Role::User;
    for turn in turns.iter_mut().filter(|turn| !turn.role.is_system()) {
        if turn.role == Role::Assistant && last == Role::User {
            open.clear();
        }
        last = turn.role;
        for part in &mut turn.parts {
            match &mut part.kind {
                PartKind::ToolCall { id, .. } => {
                    let legal = legal_id(id);
                    let mut sent = legal.clone();
                    let mut number = 1_u32;
                    while !seen.insert(sent.clone()) {
                        number += 1;
                        sent = format!("{legal}_{number}");
                    }
                    open.entry(std::mem::replace(id, sent.clone())).or_default().push_back(sent);
                }
                PartKind::ToolResult { id, .. } => match open.get_mut(id.as_str()) {
                    Some(sent) if sent.len() > 1 => *id = sent.pop_front().unwrap_or_default(),
                    Some(sent) => *id = sent.front().cloned().unwrap_or_default(),
                    None => *id = legal_id(id),
                },
                _ => {}
            }
        }
    }
}

fn legal_id(id: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(legal) {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let plain: String = id.chars().map(|c| if legal(c) { c } else { '_' }).collect();
    format!("{plain}_{hash}")
}

/// Orders turns for a model that takes system texts between messages: directly after a user turn, before an assistant's
/// or at the end. Any other place is no place for them, so there they become text of the next user turn.
fn keeping_systems(turns: Vec<Turn>) -> Ordered {
    let mut segments: Vec<(Vec<Turn>, Option<Turn>)> = Vec::new();
    let mut open: Vec<Turn> = Vec::new();
    let mut rest = turns.into_iter().peekable();
    while let Some(mut turn) = rest.next() {
        let after_user = open.last().is_some_and(|last| last.role == Role::User);
        if !turn.role.is_system() || !after_user {
            open.push(turn);
            continue;
        }
        while let Some(more) = rest.next_if(|next| next.role.is_system()) {
            turn.parts.extend(more.parts);
        }
        let legal = rest.peek().is_none_or(|next| next.role == Role::Assistant);
        turn.parts.retain(|part| !part.is_blank());
        if legal && !turn.parts.is_empty() {
            segments.push((std::mem::take(&mut open), Some(turn)));
        } else {
            open.push(turn);
        }
    }
    if !open.is_empty() || segments.is_empty() {
        segments.push((open, None));
    }
    let mut ordered = Ordered { system: Vec::new(), turns: Vec::new() };
    for (index, (turns, late)) in segments.into_iter().enumerate() {
        let (systems, turns) = fold_late_systems(turns);
        ordered.system.extend(systems);
        // What follows a late system text begins with the assistant, and needs no user turn before that.
        let begun = index > 0 && turns.first().is_some_and(|turn| turn.role == Role::Assistant);
        ordered.turns.extend(alternating(turns).into_iter().skip(usize::from(begun)));
        ordered.turns.extend(late.map(|late| Turn { role: Role::System, ..late }));
    }
    ordered.system.retain(|part| !part.is_blank());
    ordered
}

/// Whether the request goes on in a loop of tool calls whose assistant turn does not begin with its reasoning: then
/// thinking with a budget is refused.
pub(crate) fn lacks_thinking(turns: &[Turn]) -> bool {
    let is_result = |part: &Part| matches!(part.kind, PartKind::ToolResult { .. });
    let mut backwards = turns.iter().rev().skip_while(|turn| turn.role.is_system());
    let goes_on = backwards
        .next()
        .is_some_and(|turn| turn.role == Role::User && turn.parts.first().is_some_and(is_result));
    let assistant = backwards.find(|turn| turn.role == Role::Assistant);
    goes_on
        && assistant.is_some_and(|turn| {
            !turn.parts.first().is_some_and(|part| {
                matches!(part.kind, PartKind::Reasoning { .. } | PartKind::Sealed(_))
            })
        })
}

/// The signature that Anthropic wants back with reasoning.
pub(super) fn own(signature: &Option<Signature>) -> &str {
    match signature {
        Some(signature) if signature.by == Format::Anthropic => &signature.data,
        _ => "",
    }
}
