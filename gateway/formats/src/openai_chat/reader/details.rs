//! OpenRouter's `reasoning_details`, put together from pieces.

use crate::{conversation::Fault, json::Node};

/// The entries so far.
#[derive(Debug, Default)]
pub(super) struct Details {
    entries: Vec<Node>,
    bytes: usize,
}

impl Details {
    /// Bytes that are gathered at most.
    const MOST: usize = 1 << 20;

    /// Takes the entries of a delta; gives back their words.
    pub(super) fn take(&mut self, raw: &str) -> Result<String, Fault> {
        let Some(Node::Array(entries)) = Node::parse(raw) else { return Ok(String::new()) };
        self.bytes += raw.len();
        if self.bytes > Self::MOST {
            return Err(Fault::garbage());
        }
        let mut words = String::new();
        for entry in entries {
            let said = ["text", "summary"].into_iter().find_map(|name| entry.get(name)?.as_str());
            words.push_str(said.unwrap_or_default());
            self.put(entry);
        }
        Ok(words)
    }

    /// A piece goes on with the last entry if it is of the same kind and has the same index.
    fn put(&mut self, entry: Node) {
        let same = |last: &&mut Node| {
            last.get("type") == entry.get("type")
                && entry.get("index").is_some()
                && last.get("index") == entry.get("index")
        };
        let Some(last) = self.entries.last_mut().filter(same) else {
            self.entries.push(entry);
            return;
        };
        let Node::Object(members) = entry else { return };
        for (name, value) in members {
            let grown = matches!(name.as_str(), "text" | "summary" | "data");
            match (grown, last.get(&name).and_then(Node::as_str), &value) {
                (true, Some(old), Node::Text(more)) => {
                    let all = format!("{old}{more}");
                    last.set(&name, Node::Text(all));
                }
                (_, Some(_), Node::Scalar(null)) if null.get() == "null" => {}
                _ => last.set(&name, value),
            }
        }
    }

    /// All entries as a JSON array, if there are any; none are left.
    pub(super) fn finish(&mut self) -> Option<String> {
        let entries = std::mem::take(&mut self.entries);
        (!entries.is_empty()).then(|| Node::Array(entries).to_raw().get().to_owned())
    }
}
