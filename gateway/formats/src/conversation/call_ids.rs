//! Ids of tool calls that a provider takes.

use super::{PartKind, Role, Turn};
use std::collections::{HashMap, HashSet, VecDeque};

/// Makes the ids of calls legal, and unique in the whole request: some providers number the calls of each answer from 0
/// again. Those of their results stay the same as the calls'. `made` gives a legal id that stands for another text, the
/// same for the same text, for prompt caches.
pub fn legal_call_ids(
    turns: &mut [Turn],
    is_legal: impl Fn(&str) -> bool,
    made: impl Fn(&str) -> String,
) {
    let legal = |id: &str| if is_legal(id) { id.to_owned() } else { made(id) };
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
                    let mut sent = legal(id);
                    let mut number = 1_u32;
                    while !seen.insert(sent.clone()) {
                        number += 1;
                        sent = made(&format!("{id} {number}"));
                    }
                    open.entry(std::mem::replace(id, sent.clone())).or_default().push_back(sent);
                }
                PartKind::ToolResult { id, .. } => match open.get_mut(id.as_str()) {
                    Some(sent) if sent.len() > 1 => *id = sent.pop_front().unwrap_or_default(),
                    Some(sent) => *id = sent.front().cloned().unwrap_or_default(),
                    None => *id = legal(id),
                },
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Part;

    fn call(id: &str) -> Part {
        Part::new(PartKind::ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: String::new(),
            custom: false,
            signature: None,
        })
    }

    fn result(id: &str) -> Part {
        let parts = vec![Part::text("x")];
        Part::new(PartKind::ToolResult { id: id.to_owned(), name: None, parts, error: false })
    }

    #[test]
    fn legal_ids_stay_repeated_ones_are_told_apart_and_results_follow_their_calls() {
        let mut turns = vec![
            Turn::new(Role::Assistant, vec![call("a"), call("a"), call("b c")]),
            Turn::new(Role::User, vec![result("b c"), result("a"), result("a")]),
            Turn::new(Role::Assistant, vec![call("a")]),
            Turn::new(Role::User, vec![result("a"), result("lost one")]),
        ];
        let is_legal = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        legal_call_ids(&mut turns, is_legal, |text| text.replace(' ', ""));
        let ids: Vec<Vec<&str>> = turns
            .iter()
            .map(|turn| {
                turn.parts
                    .iter()
                    .filter_map(|part| match &part.kind {
                        PartKind::ToolCall { id, .. } | PartKind::ToolResult { id, .. } => {
                            Some(id.as_str())
                        }
                        _ => None,
                    })
                    .collect()
            })
            .collect();
        assert_eq!(
            ids,
            [vec!["a", "a2", "bc"], vec!["bc", "a", "a2"], vec!["a3"], vec!["a3", "lostone"]]
        );
    }
}
