//! Names of tools and parameters that a provider does not take, changed on the way out and back on the way in.

use super::{Answer, Event, PartKind};
use crate::json::Node;
use sha2::{Digest, Sha256};

/// The names of one request that were changed. The change is deterministic, so nothing has to be stored between
/// requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// As sent, and as the app knows it.
    changed: Vec<(String, String)>,
    /// Names of parameters, likewise.
    parameters: Vec<(String, String)>,
}

impl Names {
    /// The name of a tool as the provider takes it: at most `most` characters (at least 12), each of which is
    /// `allowed`, the first a letter or underscore if `letter_first`.
    pub fn sent(
        &mut self,
        name: &str,
        most: usize,
        letter_first: bool,
        allowed: impl Fn(char) -> bool,
    ) -> String {
        let Some(sent) = legalised(name, most, letter_first, allowed) else {
            return name.to_owned();
        };
        if !self.changed.iter().any(|(known, _)| *known == sent) {
            self.changed.push((sent.clone(), name.to_owned()));
        }
        sent
    }

    /// The name of a parameter as the provider takes it; the rules are those of [`Self::sent`]. Comes back in the keys
    /// of arguments, so only for providers that give the arguments of a call whole.
    pub fn sent_parameter(
        &mut self,
        name: &str,
        most: usize,
        letter_first: bool,
        allowed: impl Fn(char) -> bool,
    ) -> String {
        let Some(sent) = legalised(name, most, letter_first, allowed) else {
            return name.to_owned();
        };
        if !self.parameters.iter().any(|(known, _)| *known == sent) {
            self.parameters.push((sent.clone(), name.to_owned()));
        }
        sent
    }

    /// Arguments of an earlier call with the names that its parameters are sent under; `None` if none of them was
    /// changed.
    pub fn sent_arguments(&self, json: &str) -> Option<String> {
        self.with_keys(json, |(sent, own), key| (own == key).then_some(sent))
    }

    fn restored_arguments(&self, json: &str) -> Option<String> {
        self.with_keys(json, |(sent, own), key| (sent == key).then_some(own))
    }

    fn with_keys<'n>(
        &'n self,
        json: &str,
        other: impl Fn(&'n (String, String), &str) -> Option<&'n String>,
    ) -> Option<String> {
        if self.parameters.is_empty() {
            return None;
        }
        let mut tree = Node::parse(json)?;
        let mut changed = false;
        rename_keys(&mut tree, &mut |key| {
            if let Some(new) = self.parameters.iter().find_map(|pair| other(pair, key)) {
                new.clone_into(key);
                changed = true;
            }
        });
        changed.then(|| tree.to_raw().get().to_owned())
    }

    /// The app's name of a tool that the provider called.
    pub fn restored(&self, name: &str) -> Option<&str> {
        self.changed.iter().find(|(sent, _)| sent == name).map(|(_, own)| own.as_str())
    }

    /// Whether any name was changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.parameters.is_empty()
    }

    /// Puts the app's names back into an event.
    pub fn restore_event(&self, event: &mut Event) {
        match event {
            Event::Call { name, .. } => {
                if let Some(own) = self.restored(name) {
                    *name = own.to_owned();
                }
            }
            Event::Arguments { json, .. } => {
                if let Some(own) = self.restored_arguments(json) {
                    *json = own;
                }
            }
            _ => {}
        }
    }

    /// Puts the app's names back into an answer.
    pub fn restore_answer(&self, answer: &mut Answer) {
        let parts = answer.choices.iter_mut().flat_map(|choice| &mut choice.parts);
        for part in parts {
            let PartKind::ToolCall { name, arguments, .. } = &mut part.kind else { continue };
            if let Some(own) = self.restored(name) {
                *name = own.to_owned();
            }
            if let Some(own) = self.restored_arguments(arguments) {
                *arguments = own;
            }
        }
    }
}

/// A name that keeps to the rules, with a hash of the one that does not; `None` if it keeps to them as it is.
fn legalised(
    name: &str,
    most: usize,
    letter_first: bool,
    allowed: impl Fn(char) -> bool,
) -> Option<String> {
    let good_start = |c: char| !letter_first || c.is_ascii_alphabetic() || c == '_';
    let legal = name.chars().count() <= most
        && name.chars().all(&allowed)
        && name.chars().next().is_some_and(good_start);
    if legal {
        return None;
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut sent: String =
        name.chars().map(|c| if allowed(c) { c } else { '_' }).take(most - 10).collect();
    if !sent.chars().next().is_some_and(good_start) {
        sent.insert(0, '_');
    }
    sent.push('_');
    sent.push_str(&hash);
    Some(sent)
}

fn rename_keys(tree: &mut Node, rename: &mut impl FnMut(&mut String)) {
    match tree {
        Node::Object(members) => {
            for (key, value) in members {
                rename(key);
                rename_keys(value, rename);
            }
        }
        Node::Array(entries) => entries.iter_mut().for_each(|entry| rename_keys(entry, rename)),
        Node::Text(_) | Node::Scalar(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_names_become_legal_and_come_back() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let mut names = Names::default();
        assert_eq!(names.sent("get_weather", 64, true, allowed), "get_weather");
        assert!(names.is_empty());
        for name in ["a.b".to_owned(), "x".repeat(100), "9lives".to_owned(), "ü".to_owned()] {
            let sent = names.sent(&name, 64, true, allowed);
            assert!(sent.len() <= 64 && sent.chars().all(allowed), "{sent}");
            assert_eq!(names.restored(&sent), Some(name.as_str()));
            assert_eq!(names.sent(&name, 64, true, allowed), sent, "the same each time");
        }
        assert_ne!(
            names.sent(&"x".repeat(100), 64, true, allowed),
            names.sent(&"x".repeat(101), 64, true, allowed)
        );
    }

    #[test]
    fn illegal_parameters_come_back_in_the_keys_of_arguments() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut names = Names::default();
        assert_eq!(names.sent_parameter("limit", 64, true, allowed), "limit");
        let sent = names.sent_parameter("$filter", 64, true, allowed);
        assert!(sent.starts_with("_filter_") && !names.is_empty());
        let own = r#"{"$filter":{"a":1.0},"limit":[{"$filter":2}]}"#;
        let out = names.sent_arguments(own).unwrap();
        assert_eq!(out, own.replace("$filter", &sent));
        assert_eq!(names.sent_arguments(r#"{"limit":1}"#), None);
        let mut event = Event::Arguments { choice: 0, call: 0, json: out };
        names.restore_event(&mut event);
        assert_eq!(event, Event::Arguments { choice: 0, call: 0, json: own.to_owned() });
    }
}
