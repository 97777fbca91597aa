//! A JSON value as text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// A JSON value kept as the text that it came as. Equal if the texts are equal.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// The value's text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Takes a text if it is one whole JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Box<RawValue>>(text).ok().map(Self)
    }

    /// `{}`.
    pub fn empty_object() -> Self {
        Self::of(&serde_json::Map::new())
    }

    /// A JSON string.
    pub fn string(text: &str) -> Self {
        Self::of(text)
    }

    /// Any value; what cannot be written (a map with keys that are no strings) becomes `null`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self(serde_json::value::to_raw_value(value).unwrap_or_default())
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.get().trim_start().starts_with('{')
    }
}

impl From<&RawValue> for Raw {
    fn from(value: &RawValue) -> Self {
        Self(value.to_owned())
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.get())
    }
}

/// A JSON text without the white space between its tokens; keys and numbers stay as they are.
pub fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if !matches!(c, ' ' | '\n' | '\r' | '\t') {
            out.push(c);
            in_string = c == '"';
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn compacting_keeps_strings_and_numbers() {
        assert_eq!(
            compact("{ \"a b\" : [ 1.0 , 12345678901234567890 ],\n \"c\\\" d\": \"e\\\\\" }"),
            "{\"a b\":[1.0,12345678901234567890],\"c\\\" d\":\"e\\\\\"}"
        );
    }

    proptest! {
        #[test]
        fn a_compacted_value_is_the_same_value(text in ".{0,40}", number in any::<i64>()) {
            let value = serde_json::json!({"t": text, "n": [number, {"x": text}]});
            let compacted = compact(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(compacted, value.to_string());
        }
    }
}
