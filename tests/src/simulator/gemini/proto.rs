//! JSON as Google reads it: into messages whose fields and types are known. Whatever is not among
//! them is refused, wherever it stands.

use serde_json::{Map, Value};

use super::super::base64;
use super::errors::GoogleError;

/// Which of Google's two doors a request came through. They do not know all of the same fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// AI Studio, with an API key.
    Studio,
    /// Vertex AI, with an access token.
    Vertex,
}

/// A message: its fields by their names as Google prints them.
#[derive(Debug)]
pub struct Message(pub &'static [Field]);

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// Its name in camel case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The only host that knows it; nothing if both do.
    pub only: Option<Host>,
}

/// What a field holds.
#[derive(Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// A truth.
    Flag,
    /// A whole number, which may come as a text.
    Whole,
    /// A number.
    Number,
    /// Bytes in base64, of either alphabet.
    Bytes,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, in small letters too.
    AnyCaseWord(&'static [&'static str]),
    /// A message.
    One(&'static Message),
    /// A list of one kind.
    Many(&'static Kind),
    /// An object whose members are of one kind and have names of the app's own.
    Named(&'static Kind),
    /// Any object.
    Object,
    /// Anything.
    Any,
}

/// A field that both hosts know.
pub const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, only: None }
}

/// A field that one host knows.
pub const fn field_of(only: Host, name: &'static str, kind: Kind) -> Field {
    Field { name, kind, only: Some(only) }
}

impl Message {
    /// Reads an object that stands at `path`. What comes back has its names in camel case, and no
    /// nulls: they are the same as nothing.
    pub fn read(&self, value: &Value, path: &str, host: Host) -> Result<Value, GoogleError> {
        let Value::Object(members) = value else {
            return Err(GoogleError::bad_value(path, "TYPE_MESSAGE", value));
        };
        let mut read = Map::new();
        for (given, value) in members {
            let name = camel(given);
            let known = |field: &&Field| field.name == name && field.only.is_none_or(|o| o == host);
            let Some(field) = self.0.iter().find(known) else {
                return Err(GoogleError::unknown_name(given, path));
            };
            if !value.is_null() {
                let value = field.kind.read(value, &join(path, &snake(&name)), host)?;
                read.insert(name, value);
            }
        }
        Ok(Value::Object(read))
    }
}

impl Kind {
    fn read(&self, value: &Value, path: &str, host: Host) -> Result<Value, GoogleError> {
        let wrong = |expected: &str| Err(GoogleError::bad_value(path, expected, value));
        match self {
            Self::Text if value.is_string() => Ok(value.clone()),
            Self::Text => wrong("TYPE_STRING"),
            Self::Flag if value.is_boolean() => Ok(value.clone()),
            Self::Flag => wrong("TYPE_BOOL"),
            Self::Number if value.is_number() => Ok(value.clone()),
            Self::Number => wrong("TYPE_FLOAT"),
            Self::Whole => match whole(value) {
                Some(number) => Ok(number.into()),
                None => wrong("TYPE_INT32"),
            },
            Self::Bytes => match value.as_str().and_then(bytes) {
                Some(_) => Ok(value.clone()),
                None => Err(GoogleError::bad_value(path, "TYPE_BYTES", value)),
            },
            Self::Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(value.clone()),
                _ => wrong("TYPE_ENUM"),
            },
            Self::AnyCaseWord(words) => {
                let word = value.as_str().unwrap_or_default().to_ascii_uppercase();
                if words.contains(&word.as_str()) { Ok(word.into()) } else { wrong("TYPE_ENUM") }
            }
            Self::One(message) => message.read(value, path, host),
            Self::Many(kind) => match value {
                Value::Array(items) => {
                    let read = |(at, item)| kind.read(item, &format!("{path}[{at}]"), host);
                    items.iter().enumerate().map(read).collect()
                }
                // One item may stand for a list of it.
                _ => Ok(Value::Array(vec![kind.read(value, &format!("{path}[0]"), host)?])),
            },
            Self::Named(kind) => match value {
                Value::Object(members) => {
                    let read = |(at, (name, value)): (usize, (&String, &Value))| {
                        let path = format!("{path}[{at}].value");
                        Ok((name.clone(), kind.read(value, &path, host)?))
                    };
                    let read = members.iter().enumerate().map(read);
                    read.collect::<Result<_, _>>().map(Value::Object)
                }
                _ => wrong("TYPE_MESSAGE"),
            },
            Self::Object if value.is_object() => Ok(value.clone()),
            Self::Object => wrong("TYPE_MESSAGE"),
            Self::Any => Ok(value.clone()),
        }
    }
}

/// Base64 of either alphabet, padded or not: Google's own clients write the one that is safe in
/// addresses.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let plain = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let padding = "=".repeat(plain.len().wrapping_neg() % 4);
    base64::decode(&(plain + &padding))
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        // `3.0` is a whole number to Google.
        _ => value.as_i64().or_else(|| {
            let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
            (number.abs() < 9e15).then_some(number as i64)
        }),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel + letters.as_str()
    })
}

/// A name as errors spell it.
pub fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    static INNER: Message = Message(&[
        field("someText", Kind::Text),
        field("again", Kind::Many(&Kind::One(&INNER))),
        field("own", Kind::Named(&Kind::Whole)),
        field("data", Kind::Bytes),
        field("level", Kind::AnyCaseWord(&["LOW"])),
        field_of(Host::Vertex, "labels", Kind::Object),
    ]);

    #[test]
    fn both_spellings_are_read_and_nulls_are_nothing() {
        let value = json!({ "some_text": "a", "own": { "a_b": "7" }, "again": [{ "someText": "b", "data": null }], "level": "low" });
        let expected = json!({ "someText": "a", "own": { "a_b": 7 }, "again": [{ "someText": "b" }], "level": "LOW" });
        assert_eq!(INNER.read(&value, "", Host::Studio), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let cases = [
            (json!({ "x": 1 }), "Unknown name \"x\": Cannot find field."),
            (json!({ "again": [{}, { "$x": 1 }] }), "Unknown name \"$x\" at 'again[1]'"),
            (json!({ "labels": {} }), "Unknown name \"labels\""),
            (json!({ "someText": 1 }), "Invalid value at 'some_text' (TYPE_STRING), 1"),
            (json!({ "own": { "a": 1.5 } }), "Invalid value at 'own[0].value' (TYPE_INT32), 1.5"),
            (json!({ "data": "?" }), "Invalid value at 'data' (TYPE_BYTES), \"?\""),
            (json!({ "level": "HIGH" }), "Invalid value at 'level' (TYPE_ENUM), \"HIGH\""),
        ];
        for (value, message) in cases {
            let error = INNER.read(&value, "", Host::Studio).unwrap_err();
            assert!(error.message.contains(message), "{value} {}", error.message);
        }
        assert!(INNER.read(&json!({ "labels": {} }), "", Host::Vertex).is_ok());
    }

    #[test]
    fn base64_comes_in_two_alphabets() {
        for text in ["+/8=", "-_8=", "-_8", "+/8"] {
            assert_eq!(bytes(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(bytes("a?"), None);
    }
}
