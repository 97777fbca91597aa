//! Bringing turns into the order that strict formats demand.

use super::{Part, PartKind, Role, Turn};
use std::collections::HashSet;

/// Splits off the system texts before the first other turn. Later ones stay where they are said, as text of the next
/// user turn (a user turn of their own where none follows): hoisting them would change their meaning and spoil prompt
/// caches.
pub fn fold_late_systems(turns: Vec<Turn>) -> (Vec<Part>, Vec<Turn>) {
    let (mut systems, mut rest) = (Vec::new(), Vec::<Turn>::new());
    let mut late: Vec<Part> = Vec::new();
    for mut turn in turns {
        if turn.role.is_system() {
            let place = if rest.is_empty() { &mut systems } else { &mut late };
            place.append(&mut turn.parts);
            continue;
        }
        if turn.role == Role::User && !late.is_empty() {
            // Results of tools come first in any case ([`alternating`]).
            late.append(&mut turn.parts);
            turn.parts = std::mem::take(&mut late);
        }
        rest.push(turn);
    }
    if !late.is_empty() {
        rest.push(Turn::new(Role::User, late));
    }
    (systems, rest)
}

/// Turns that alternate, begin with the user, and are never empty. Neighbours of the same role become one turn; in a
/// user turn the results of tools come first, in the order of the calls; blank texts are dropped, and what is left
/// empty says ".". Calls and results are paired ([`repaired`]). System turns must be gone before.
pub fn alternating(turns: Vec<Turn>) -> Vec<Turn> {
    let mut merged: Vec<Turn> = Vec::with_capacity(turns.len());
    for mut turn in turns {
        turn.parts.retain(|part| !part.is_blank());
        match merged.last_mut() {
            Some(last) if last.role == turn.role => last.parts.append(&mut turn.parts),
            _ => merged.push(turn),
        }
    }
    if merged.first().is_none_or(|turn| turn.role == Role::Assistant) {
        merged.insert(0, Turn::new(Role::User, Vec::new()));
    }
    let mut repaired = repaired(merged);
    for turn in &mut repaired {
        if turn.parts.is_empty() {
            turn.parts.push(Part::text("."));
        }
    }
    repaired
}

/// Pairs calls and results in turns that alternate: a result without its call is left out, a call without its result
/// gets one that says so, and results stand in the order of the calls, before anything else of their turn.
pub fn repaired(turns: Vec<Turn>) -> Vec<Turn> {
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len() + 1);
    let mut open: Vec<(String, String)> = Vec::new();
    for mut turn in turns {
        if turn.role == Role::Assistant {
            if !open.is_empty() {
                out.push(Turn::new(Role::User, answers(&mut open, Vec::new())));
            }
            open = calls(&turn.parts);
        } else {
            let (results, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut turn.parts)
                .into_iter()
                .partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
            turn.parts = answers(&mut open, results);
            turn.parts.extend(rest);
        }
        out.push(turn);
    }
    if !open.is_empty() {
        out.push(Turn::new(Role::User, answers(&mut open, Vec::new())));
    }
    out
}

fn calls(parts: &[Part]) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let calls = parts.iter().filter_map(|part| match &part.kind {
        PartKind::ToolCall { id, name, .. } => Some((id.clone(), name.clone())),
        _ => None,
    });
    calls.filter(|(id, _)| seen.insert(id.clone())).collect()
}

/// One result for each open call, in the order of the calls.
fn answers(open: &mut Vec<(String, String)>, mut results: Vec<Part>) -> Vec<Part> {
    let named = std::mem::take(open).into_iter().map(|(id, name)| {
        let of_this =
            |part: &Part| matches!(&part.kind, PartKind::ToolResult { id: of, .. } if *of == id);
        match results.iter().position(of_this) {
            Some(at) => {
                let mut part = results.remove(at);
                if let PartKind::ToolResult { name: tool, .. } = &mut part.kind {
                    tool.get_or_insert(name);
                }
                part
            }
            None => Part::new(PartKind::ToolResult {
                id,
                name: Some(name),
                parts: vec![Part::text("The tool gave no result.")],
                error: true,
            }),
        }
    });
    named.collect()
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
        let parts = vec![Part::text(format!("result of {id}"))];
        Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
    }

    /// Roles and parts in short.
    fn told(turns: &[Turn]) -> String {
        let part = |part: &Part| match &part.kind {
            PartKind::Text(text) => text.clone(),
            PartKind::ToolCall { id, .. } => format!("call {id}"),
            PartKind::ToolResult { id, error, .. } => {
                format!("{} {id}", if *error { "no result" } else { "result" })
            }
            other => format!("{other:?}"),
        };
        let turn = |turn: &Turn| {
            let parts: Vec<_> = turn.parts.iter().map(part).collect();
            format!("{:?}: {}", turn.role, parts.join(", "))
        };
        turns.iter().map(turn).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn turns_alternate_and_results_come_first_in_the_order_of_the_calls() {
        use Role::{Assistant, User};
        let text = |role, text: &str| Turn::new(role, vec![Part::text(text)]);
        let cases = [
            (vec![text(Assistant, "hi")], "User: . | Assistant: hi"),
            (vec![text(User, "a"), text(User, " "), text(User, "b")], "User: a, b"),
            (
                vec![
                    text(User, "q"),
                    Turn::new(Assistant, vec![call("1"), call("2")]),
                    Turn::new(User, vec![result("2")]),
                    text(User, "and?"),
                    Turn::new(User, vec![result("1")]),
                ],
                "User: q | Assistant: call 1, call 2 | User: result 1, result 2, and?",
            ),
            (
                vec![text(User, "q"), Turn::new(Assistant, vec![call("1")]), text(User, "next")],
                "User: q | Assistant: call 1 | User: no result 1, next",
            ),
            (
                vec![text(User, "q"), Turn::new(Assistant, vec![call("1")])],
                "User: q | Assistant: call 1 | User: no result 1",
            ),
            (vec![Turn::new(User, vec![result("lost")])], "User: ."),
            (vec![], "User: ."),
        ];
        for (turns, expected) in cases {
            assert_eq!(told(&alternating(turns)), expected);
        }
    }

    #[test]
    fn late_system_texts_stay_where_they_are_said() {
        let text = |role, text: &str| Turn::new(role, vec![Part::text(text)]);
        let (systems, rest) = fold_late_systems(vec![
            text(Role::System, "s1"),
            text(Role::Developer, "s2"),
            text(Role::User, "u"),
            text(Role::System, "late"),
            text(Role::Assistant, "a"),
            text(Role::User, "u2"),
            text(Role::System, "end"),
        ]);
        assert_eq!(systems.len(), 2);
        assert_eq!(told(&rest), "User: u | Assistant: a | User: late, u2 | User: end");
    }
}
