//! Reading an object member by member, with the path of each for messages.

use super::Raw;
use crate::mistake::Mistake;
use serde::{
    Deserialize,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// An object's members in their order. Take what is known; what is left is carried on.
pub struct Members<'a> {
    path: String,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// An array's entries, each with its path.
pub type Items<'a> = Vec<(String, &'a RawValue)>;

impl<'a> Members<'a> {
    /// Reads a whole body. Also bounds its nesting.
    pub fn of_body(body: &'a [u8]) -> Result<Self, Mistake> {
        // Values that are only skipped over below have no limit of depth.
        serde_json::from_slice::<Walked>(body).map_err(|error| Mistake::unreadable(&error))?;
        let members: Pairs =
            serde_json::from_slice(body).map_err(|error| Mistake::unreadable(&error))?;
        Ok(Self { path: String::new(), members: members.0 })
    }

    /// Reads an object; `path` is where it stands, empty for the body itself.
    pub fn of(path: impl Into<String>, value: &'a RawValue) -> Result<Self, Mistake> {
        let path = path.into();
        match serde_json::from_str::<Pairs>(value.get()) {
            Ok(members) => Ok(Self { path, members: members.0 }),
            Err(_) => Err(Mistake::wrong_type(&path, "an object")),
        }
    }

    /// An object out of a value that nobody vouches for, such as a provider's; `None` if it is none.
    pub fn of_text(text: &'a str) -> Option<Self> {
        let members: Pairs = serde_json::from_str(text).ok()?;
        Some(Self { path: String::new(), members: members.0 })
    }

    /// The path of a member.
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Where the object itself stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether a member is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(key, value)| key == name && value.get() != "null")
    }

    /// Looks at a member without taking it; null counts as absent.
    pub fn peek(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.members.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        found.filter(|value| value.get() != "null")
    }

    /// Looks at a member that is a string, without taking it.
    pub fn peek_str(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.peek(name)?.get()).ok()
    }

    /// Takes a member; null counts as absent. The last of several with one name counts.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.members.retain(|(key, value)| {
            let hit = key == name;
            if hit {
                found = Some(*value);
            }
            !hit
        });
        found.filter(|value| value.get() != "null")
    }

    fn typed<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Mistake> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let read = serde_json::from_str(value.get());
        read.map(Some).map_err(|_| Mistake::wrong_type(&self.path_of(name), expected))
    }

    /// Takes a string.
    pub fn string(&mut self, name: &str) -> Result<Option<String>, Mistake> {
        self.typed(name, "a string")
    }

    /// Takes a string that has to be there.
    pub fn required_string(&mut self, name: &str) -> Result<String, Mistake> {
        self.string(name)?.ok_or_else(|| Mistake::missing(&self.path_of(name)))
    }

    /// Takes true or false.
    pub fn bool(&mut self, name: &str) -> Result<Option<bool>, Mistake> {
        self.typed(name, "true or false")
    }

    /// Takes a whole number that is not negative.
    pub fn integer(&mut self, name: &str) -> Result<Option<u64>, Mistake> {
        self.typed(name, "a whole number that is not negative")
    }

    /// Takes a whole number of either sign.
    pub fn signed(&mut self, name: &str) -> Result<Option<i64>, Mistake> {
        self.typed(name, "a whole number")
    }

    /// Takes a number.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, Mistake> {
        self.typed(name, "a number")
    }

    /// Takes any value as it is.
    pub fn raw(&mut self, name: &str) -> Option<Raw> {
        self.take(name).map(Raw::from)
    }

    /// Takes a list of strings.
    pub fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, Mistake> {
        self.typed(name, "a list of strings")
    }

    /// Takes an object.
    pub fn object(&mut self, name: &str) -> Result<Option<Members<'a>>, Mistake> {
        let path = self.path_of(name);
        self.take(name).map(|value| Members::of(path, value)).transpose()
    }

    /// Takes an array.
    pub fn list(&mut self, name: &str) -> Result<Option<Items<'a>>, Mistake> {
        let path = self.path_of(name);
        self.take(name).map(|value| items(&path, value)).transpose()
    }

    /// What nobody took, as it came; nulls too.
    pub fn rest(self) -> Vec<(String, Raw)> {
        self.members.into_iter().map(|(key, value)| (key.into_owned(), Raw::from(value))).collect()
    }

    /// The members that are left, to walk through.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

/// The entries of a value that must be an array at `path`.
pub(crate) fn items<'a>(path: &str, value: &'a RawValue) -> Result<Items<'a>, Mistake> {
    let entries: Vec<&'a RawValue> =
        serde_json::from_str(value.get()).map_err(|_| Mistake::wrong_type(path, "an array"))?;
    let numbered = entries.into_iter().enumerate();
    Ok(numbered.map(|(index, entry)| (format!("{path}[{index}]"), entry)).collect())
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
        let mut members = Vec::with_capacity(map.size_hint().unwrap_or(8));
        while let Some(key) = map.next_key::<Key<'de>>()? {
            members.push((key.0, map.next_value()?));
        }
        Ok(Pairs(members))
    }
}

/// Any value, walked through and forgotten: serde bounds how deep it goes.
struct Walked;

impl<'de> Deserialize<'de> for Walked {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Walked {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<de::IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

/// A key, borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_the_rest_keeps_its_order_and_digits() {
        let body = br#"{"b":1.0,"a":"x","n":null,"z":12345678901234567890,"list":[{"c":true}]}"#;
        let mut members = Members::of_body(body).unwrap();
        assert_eq!(members.string("a").unwrap().as_deref(), Some("x"));
        assert_eq!(members.integer("n").unwrap(), None);
        let items = members.list("list").unwrap().unwrap();
        let mut item = Members::of(items[0].0.clone(), items[0].1).unwrap();
        assert_eq!(item.path_of("c"), "list[0].c");
        assert_eq!(item.bool("c").unwrap(), Some(true));
        let rest: Vec<_> =
            members.rest().into_iter().map(|(key, raw)| (key, raw.get().to_owned())).collect();
        assert_eq!(rest, [("b".into(), "1.0".into()), ("z".into(), "12345678901234567890".into())]);
    }

    #[test]
    fn a_wrong_type_names_the_path() {
        let mut members = Members::of_body(br#"{"a":{"b":5}}"#).unwrap();
        let mut inner = members.object("a").unwrap().unwrap();
        let mistake = inner.string("b").unwrap_err();
        assert_eq!((mistake.code, mistake.param.as_deref()), ("invalid_type", Some("a.b")));
        assert!(Members::of_body(b"[]").is_err());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(Members::of_body(deep.as_bytes()).err().map(|m| m.code), Some("invalid_json"));
    }
}
