//! A JSON value as an ordered tree, for schemas that have to be rebuilt.

use super::Raw;
use serde::{
    Deserialize, Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::value::RawValue;

/// An ordered tree. Scalars keep their text. Whoever builds one from foreign text has bounded its depth before:
/// [`super::Members::of_body`] does.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A number, true, false or null, as text.
    Scalar(Raw),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in its order.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// How deep a tree may be: as deep as serde takes a body.
    const MAX_DEPTH: usize = 128;

    /// Reads a JSON text; `None` if it is none, or too deep.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        Self::read(raw, 0)
    }

    fn read(raw: &RawValue, depth: usize) -> Option<Self> {
        if depth > Self::MAX_DEPTH {
            return None;
        }
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'{' => {
                let members = super::Members::of_text(text)?;
                let read = members
                    .iter()
                    .map(|(key, value)| Some((key.to_owned(), Self::read(value, depth + 1)?)));
                Self::Object(read.collect::<Option<_>>()?)
            }
            b'[' => {
                let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let read = entries.into_iter().map(|entry| Self::read(entry, depth + 1));
                Self::Array(read.collect::<Option<_>>()?)
            }
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            _ => Self::Scalar(raw.into()),
        })
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Takes a member out of an object.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(key, _)| key == name)?;
        Some(members.remove(at).1)
    }

    /// Puts a member into an object, in the place of one with that name, else at the end.
    pub fn set(&mut self, name: &str, value: Self) {
        let Self::Object(members) = self else { return };
        match members.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(entries) => Some(entries),
            _ => None,
        }
    }

    /// A number, true, false or null from Rust.
    pub fn scalar(value: impl Serialize) -> Self {
        Self::Scalar(Raw::of(&value))
    }

    /// The tree as JSON text.
    pub fn to_raw(&self) -> Raw {
        Raw::of(self)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scalar(raw) => raw.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(entries) => {
                let mut seq = serializer.serialize_seq(Some(entries.len()))?;
                for entry in entries {
                    seq.serialize_element(entry)?;
                }
                seq.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Self::read(raw, 0).ok_or_else(|| serde::de::Error::custom("nested too deeply"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_order_and_digits() {
        let text = r#"{"z":[1.0,null,true],"a":{"n":12345678901234567890,"s":"é\n"}}"#;
        let tree = Node::parse(text).unwrap();
        assert_eq!(tree.to_raw().get(), text);
        assert_eq!(tree.get("a").and_then(|a| a.get("s")).and_then(Node::as_str), Some("é\n"));
        assert!(Node::parse(&"[".repeat(300)).is_none());
    }
}
