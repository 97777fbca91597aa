//! A text in JSON that is read again and again.

use serde::Deserialize;
use std::borrow::Cow;

/// A text that is borrowed from the JSON unless it has escapes, also within an `Option` or a list: a plain [`Cow`] is
/// copied there.
#[derive(Deserialize, Debug, Default, Clone)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The text, or nothing where there is none.
    pub fn of(text: Option<&Self>) -> &str {
        text.map_or("", |text| text.0.as_ref())
    }

    /// The same as a text of its own.
    pub fn owned(text: Option<Self>) -> String {
        text.map(|text| text.0.into_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_escapes_is_borrowed() {
        let read = |json| serde_json::from_str::<Option<Text>>(json).unwrap();
        assert!(matches!(read(r#""plain ä""#), Some(Text(Cow::Borrowed("plain ä")))));
        assert!(matches!(read(r#""a\nb""#), Some(Text(Cow::Owned(_)))));
        assert_eq!(Text::of(read("null").as_ref()), "");
        assert_eq!(Text::owned(read(r#""a\nb""#)), "a\nb");
    }
}
