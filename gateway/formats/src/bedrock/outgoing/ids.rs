//! Ids of tool calls as Bedrock takes them: 1 to 64 of `[a-zA-Z0-9_.:-]`.

use crate::conversation::{Turn, legal_call_ids};
use sha2::{Digest, Sha256};

/// Makes the ids of calls legal and unique, and those of their results the same. `short`: Mistral's models take exactly
/// nine letters and digits.
pub(super) fn make_legal(turns: &mut [Turn], short: bool) {
    legal_call_ids(turns, |id| is_legal(id, short), |id| hashed(id, short));
}

fn is_legal(id: &str, short: bool) -> bool {
    if short {
        return id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(legal)
}

fn hashed(id: &str, short: bool) -> String {
    let digest = Sha256::digest(id.as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    if short { hex.chars().take(9).collect() } else { format!("tooluse_{hex}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Part, PartKind, Role};
    use proptest::prelude::*;
    use std::collections::HashSet;

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

    fn ids(turns: &[Turn]) -> Vec<&str> {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        parts
            .filter_map(|part| match &part.kind {
                PartKind::ToolCall { id, .. } | PartKind::ToolResult { id, .. } => {
                    Some(id.as_str())
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn legal_ids_stay_and_repeated_ones_are_told_apart() {
        let turn = |role, parts| Turn::new(role, parts);
        let mut turns = vec![
            turn(Role::Assistant, vec![call("call.1:a"), call("b c")]),
            turn(Role::User, vec![result("b c"), result("call.1:a")]),
            turn(Role::Assistant, vec![call("call.1:a")]),
            turn(Role::User, vec![result("call.1:a")]),
        ];
        make_legal(&mut turns, false);
        let ids = ids(&turns);
        assert_eq!((ids[0], ids[3]), ("call.1:a", "call.1:a"));
        assert_eq!(ids[1], ids[2]);
        assert!(ids[1].starts_with("tooluse_") && ids[1].len() == 40);
        assert_eq!(ids[4], ids[5]);
        assert_ne!(ids[4], ids[0], "an id is there once");
    }

    #[test]
    fn mistral_gets_nine_letters_and_digits() {
        let mut turns = vec![
            Turn::new(Role::Assistant, vec![call("tooluse_abc"), call("aB3dE6gH9")]),
            Turn::new(Role::User, vec![result("tooluse_abc"), result("aB3dE6gH9")]),
        ];
        make_legal(&mut turns, true);
        let ids = ids(&turns);
        assert!(
            ids.iter().all(|id| id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
        );
        assert_eq!((ids[0], ids[1]), (ids[2], "aB3dE6gH9"));
    }

    proptest! {
        #[test]
        fn any_ids_become_legal_and_stay_pairs(given in proptest::collection::vec(".{0,80}", 1..6), short in any::<bool>()) {
            let mut turns = vec![
                Turn::new(Role::Assistant, given.iter().map(|id| call(id)).collect()),
                Turn::new(Role::User, given.iter().map(|id| result(id)).collect()),
            ];
            make_legal(&mut turns, short);
            let ids = ids(&turns);
            let (calls, results) = ids.split_at(given.len());
            prop_assert_eq!(calls.iter().collect::<HashSet<_>>().len(), calls.len());
            prop_assert_eq!(calls.iter().collect::<HashSet<_>>(), results.iter().collect::<HashSet<_>>());
            for id in calls {
                prop_assert!((1..=64).contains(&id.len()));
                prop_assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b)));
            }
        }
    }
}
