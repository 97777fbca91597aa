//! Fields of JSON objects as strict providers check them: by name, by type, and none that they do not
//! know.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// What is wrong with a request, and where. Each format says it in its own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Such as `messages.0.content`.
    pub path: String,
    /// A sentence, or the half of one that follows the path.
    pub message: String,
}

impl Mistake {
    /// A mistake at a path.
    pub fn at(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into() }
    }
}

/// An object of the request, and where it stands: empty at the top, else `messages.0` and the like.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a, 'p> {
    /// The object.
    pub object: &'a Map<String, Value>,
    path: &'p str,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// The fields of a value, which has to be an object.
    pub fn of(value: &'a Value, path: &'p str) -> Result<Self, Mistake> {
        match value {
            Value::Object(object) => Ok(Self { object, path }),
            _ => Err(Mistake::at(path, "Input should be an object")),
        }
    }

    /// The fields of the request itself.
    pub const fn at_top(object: &'a Map<String, Value>) -> Self {
        Self { object, path: "" }
    }

    /// Refuses any field that is not among these.
    pub fn only(self, known: &[&str]) -> Result<(), Mistake> {
        match self.object.keys().find(|key| !known.contains(&key.as_str())) {
            Some(unknown) => Err(self.wrong(unknown, "Extra inputs are not permitted")),
            None => Ok(()),
        }
    }

    /// A field that is there and not null.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A field that has to be there.
    pub fn required(self, name: &str) -> Result<&'a Value, Mistake> {
        self.object.get(name).ok_or_else(|| self.wrong(name, "Field required"))
    }

    /// A text that has to be there.
    pub fn required_text(self, name: &str) -> Result<&'a str, Mistake> {
        let value = self.required(name)?;
        value.as_str().ok_or_else(|| self.wrong(name, "Input should be a valid string"))
    }

    /// A text that may be there.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, Mistake> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "Input should be a valid string")),
        }
    }

    /// A truth that may be there.
    pub fn boolean(self, name: &str) -> Result<Option<bool>, Mistake> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.wrong(name, "Input should be a valid boolean")),
        }
    }

    /// A number that may be there, within bounds.
    pub fn number(self, name: &str, bounds: RangeInclusive<f64>) -> Result<Option<f64>, Mistake> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64();
        let number = number.ok_or_else(|| self.wrong(name, "Input should be a valid number"))?;
        self.bounded(name, number, &bounds).map(Some)
    }

    /// A whole number that may be there, within bounds.
    pub fn count(self, name: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Mistake> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let low = *bounds.start();
        match value.as_u64() {
            Some(count) => self.bounded(name, count, &bounds).map(Some),
            None if value.is_i64() => {
                let message = format!("Input should be greater than or equal to {low}");
                Err(self.wrong(name, message))
            }
            None => Err(self.wrong(name, "Input should be a valid integer")),
        }
    }

    /// A list that may be there.
    pub fn list(self, name: &str) -> Result<Option<&'a [Value]>, Mistake> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.wrong(name, "Input should be a valid list")),
        }
    }

    /// A list of texts that may be there.
    pub fn texts(self, name: &str) -> Result<Option<Vec<&'a str>>, Mistake> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        texts.map(Some).ok_or_else(|| self.wrong(name, "Input should be a list of strings"))
    }

    /// One of these words.
    pub fn required_word(self, name: &str, words: &[&str]) -> Result<&'a str, Mistake> {
        let word = self.required_text(name)?;
        if words.contains(&word) { Ok(word) } else { Err(self.not_one_of(name, words)) }
    }

    /// One of these words, if the field is there.
    pub fn word(self, name: &str, words: &[&str]) -> Result<Option<&'a str>, Mistake> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => Err(self.not_one_of(name, words)),
            word => Ok(word),
        }
    }

    /// Where a field stands.
    pub fn path_of(self, name: &str) -> String {
        join(self.path, name)
    }

    /// The error for a field.
    pub fn wrong(self, name: &str, message: impl Into<String>) -> Mistake {
        Mistake::at(&self.path_of(name), message)
    }

    /// The error for a word that is not among those expected.
    pub fn not_one_of(self, name: &str, words: &[&str]) -> Mistake {
        self.wrong(name, format!("Input should be '{}'", words.join("' or '")))
    }

    fn bounded<T: PartialOrd + fmt::Display>(
        self,
        name: &str,
        value: T,
        bounds: &RangeInclusive<T>,
    ) -> Result<T, Mistake> {
        let (low, high) = (bounds.start(), bounds.end());
        let message = if value < *low {
            format!("Input should be greater than or equal to {low}")
        } else if *high < value {
            format!("Input should be less than or equal to {high}")
        } else {
            return Ok(value);
        };
        Err(self.wrong(name, message))
    }
}

/// The path of a field, or of an item of a list.
pub fn join(path: &str, name: impl fmt::Display) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// Whether a text is made of letters, digits, `_` and `-`, as most ids and names have to be.
pub fn is_plain_word(text: &str, length_max: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=length_max).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mistake_names_the_field_and_its_place() {
        let value =
            json!({ "word": "red", "number": 1.5, "count": -1, "list": ["a", 1], "none": null });
        let fields = Fields::of(&value, "messages.0").unwrap();
        let mistakes = [
            (fields.only(&["word", "number", "count", "list"]).err(), "none"),
            (fields.required_word("word", &["green"]).err(), "word"),
            (fields.required_text("number").err(), "number"),
            (fields.required_text("none").err(), "none"),
            (fields.number("number", 0.0..=1.0).err(), "number"),
            (fields.number("number", 2.0..=3.0).err(), "number"),
            (fields.count("number", 0..=9).err(), "number"),
            (fields.count("count", 0..=9).err(), "count"),
            (fields.texts("list").err(), "list"),
            (fields.boolean("word").err(), "word"),
            (fields.required("colour").err(), "colour"),
        ];
        for (mistake, name) in mistakes {
            assert_eq!(mistake.unwrap().path, format!("messages.0.{name}"));
        }
        assert_eq!(fields.text("none"), Ok(None));
        assert_eq!(fields.number("number", 0.0..=2.0), Ok(Some(1.5)));
    }
}
