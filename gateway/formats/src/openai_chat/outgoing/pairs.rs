//! Calls and their results in the order that OpenAI enforces: every call of a message is answered, in messages of their
//! own, before anything else is said, and nothing else is answered.

use crate::conversation::{Extra, Part, PartKind, Role, Turn};

/// A message to write.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message<'c> {
    /// Of a speaker.
    Spoken { role: Role, parts: Vec<&'c Part>, name: Option<&'c str>, extra: &'c Extra },
    /// A tool's result; the tool's name by the call.
    Result { part: &'c Part, tool: &'c str },
    /// What stands for a result that the request does not have.
    NoResult { id: &'c str, tool: &'c str },
}

/// Turns as messages. Results that answer no call of the assistant's last message are left out; a call without a result
/// gets one that says so.
pub(super) fn paired(turns: &[Turn]) -> Vec<Message<'_>> {
    let mut messages = Vec::with_capacity(turns.len());
    let mut rest = turns;
    while let Some((turn, behind)) = rest.split_first() {
        rest = behind;
        messages.extend(spoken(turn));
        if turn.role != Role::Assistant {
            continue;
        }
        let calls = calls(&turn.parts);
        if calls.is_empty() {
            continue;
        }
        let end = rest.iter().position(|turn| turn.role == Role::Assistant).unwrap_or(rest.len());
        let (answers, later) = rest.split_at(end);
        messages.extend(calls.into_iter().map(|(id, tool)| answer(answers, id, tool)));
        messages.extend(answers.iter().filter_map(spoken));
        rest = later;
    }
    messages
}

/// A turn without the results in it; nothing if it had nothing else.
fn spoken(turn: &Turn) -> Option<Message<'_>> {
    let is_result = |part: &&Part| matches!(part.kind, PartKind::ToolResult { .. });
    let parts: Vec<&Part> = turn.parts.iter().filter(|part| !is_result(part)).collect();
    let only_results = parts.is_empty() && !turn.parts.is_empty();
    let name = turn.name.as_deref();
    (!only_results).then_some(Message::Spoken { role: turn.role, parts, name, extra: &turn.extra })
}

fn calls(parts: &[Part]) -> Vec<(&str, &str)> {
    let mut calls: Vec<(&str, &str)> = Vec::new();
    for part in parts {
        if let PartKind::ToolCall { id, name, .. } = &part.kind
            && !calls.iter().any(|(known, _)| known == id)
        {
            calls.push((id, name));
        }
    }
    calls
}

fn answer<'c>(turns: &'c [Turn], id: &'c str, tool: &'c str) -> Message<'c> {
    let of_this =
        |part: &&Part| matches!(&part.kind, PartKind::ToolResult { id: of, .. } if of == id);
    match turns.iter().flat_map(|turn| &turn.parts).find(of_this) {
        Some(part) => Message::Result { part, tool },
        None => Message::NoResult { id, tool },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> Part {
        Part::new(PartKind::ToolCall {
            id: id.into(),
            name: format!("tool_{id}"),
            arguments: "{}".into(),
            custom: false,
            signature: None,
        })
    }

    fn result(id: &str) -> Part {
        let parts = vec![Part::text("r")];
        Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
    }

    fn told(turns: &[Turn]) -> String {
        let part = |part: &&Part| match &part.kind {
            PartKind::Text(text) => text.clone(),
            PartKind::ToolCall { id, .. } => format!("call {id}"),
            other => format!("{other:?}"),
        };
        let message = |message: &Message| match message {
            Message::Spoken { role, parts, .. } => {
                format!("{role:?}: {}", parts.iter().map(part).collect::<Vec<_>>().join(", "))
            }
            Message::Result { part, tool } => match &part.kind {
                PartKind::ToolResult { id, .. } => format!("result {id} of {tool}"),
                other => format!("{other:?}"),
            },
            Message::NoResult { id, tool } => format!("no result {id} of {tool}"),
        };
        paired(turns).iter().map(message).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn every_call_is_answered_before_anything_else_is_said_and_nothing_else_is() {
        use Role::{Assistant, User};
        let text = |role, text: &str| Turn::new(role, vec![Part::text(text)]);
        let cases = [
            (vec![text(User, "a"), text(User, "b")], "User: a | User: b"),
            (
                vec![
                    Turn::new(Assistant, vec![Part::text("t"), call("1"), call("2")]),
                    Turn::new(User, vec![result("2")]),
                    text(User, "and?"),
                    Turn::new(User, vec![result("1"), Part::text("more")]),
                ],
                "Assistant: t, call 1, call 2 | result 1 of tool_1 | result 2 of tool_2 | User: and? | User: more",
            ),
            (
                vec![Turn::new(Assistant, vec![call("1")]), text(User, "next")],
                "Assistant: call 1 | no result 1 of tool_1 | User: next",
            ),
            (
                vec![Turn::new(Assistant, vec![call("1")])],
                "Assistant: call 1 | no result 1 of tool_1",
            ),
            (vec![Turn::new(User, vec![result("lost")]), text(User, "a")], "User: a"),
            (
                vec![
                    Turn::new(Assistant, vec![call("1")]),
                    Turn::new(User, vec![result("1")]),
                    text(Assistant, "done"),
                    Turn::new(User, vec![result("1")]),
                ],
                "Assistant: call 1 | result 1 of tool_1 | Assistant: done",
            ),
            (vec![Turn::new(User, vec![])], "User: "),
        ];
        for (turns, expected) in cases {
            assert_eq!(told(&turns), expected);
        }
    }
}
