//! What this format has to find again and the internal form has no member for. The marks stand in `extra`, which no
//! other format reads; their names have parentheses, which no member of this API has.

use crate::{
    conversation::{Conversation, Extra, Part, Turn},
    json::Raw,
};

/// On a turn: it came as `instructions`.
pub(super) const INSTRUCTIONS: &str = "(instructions)";
/// On the first part of a message: the message's own members. Always there if the part before it belongs to another
/// message of the same turn.
pub(super) const MESSAGE: &str = "(message)";
/// On a part as it came: it is content of a message, no item of its own.
pub(super) const CONTENT: &str = "(content)";
/// On the result of a tool: the tool is a custom one.
pub(super) const CUSTOM: &str = "(custom)";
/// On the first turn: the id of the stored answer that the turns before the new input come from.
pub(super) const CONTINUES: &str = "(previous_response_id)";

/// What the ids of items that we made begin with, behind the prefix of their kind. OpenAI's go on with hex digits.
pub(super) const OURS: &str = "tg";

/// Whether an id is one that we made: no provider knows it.
pub(super) fn is_ours(id: &Raw) -> bool {
    let plain = id.get().trim_matches('"');
    plain.rsplit_once('_').is_some_and(|(_, rest)| rest.starts_with(OURS))
}

/// The value of a member that only this format knows.
pub(super) fn find<'e>(extra: &'e Extra, name: &str) -> Option<&'e Raw> {
    extra.iter().find(|(known, _)| known == name).map(|(_, raw)| raw)
}

/// The members that are none of the marks.
pub(super) fn unmarked(extra: &Extra) -> impl Iterator<Item = &(String, Raw)> {
    extra.iter().filter(|(name, _)| !name.starts_with('('))
}

/// Whether a turn came as `instructions`.
pub(super) fn is_instructions(turn: &Turn) -> bool {
    find(&turn.extra, INSTRUCTIONS).is_some()
}

/// Whether a part as it came is content of a message.
pub(super) fn is_content(part: &Part) -> bool {
    find(&part.extra, CONTENT).is_some()
}

/// The id of the stored answer that a request goes on from, whether its turns are there already or not.
pub(super) fn continues(conversation: &Conversation) -> Option<String> {
    let resolved = conversation.turns.first().and_then(|turn| find(&turn.extra, CONTINUES));
    let id = resolved.and_then(|raw| serde_json::from_str(raw.get()).ok());
    id.or_else(|| conversation.previous_response_id.clone())
}
