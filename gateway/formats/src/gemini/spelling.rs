//! Two spellings of one member: JSON has `camelCase`, and protobuf's own `snake_case` is taken as well.

use crate::json::Members;
use std::borrow::Cow;

/// The spelling in which a member is there; the camel-case one where it is not.
pub(super) fn spelled<'n>(members: &Members, camel: &'n str) -> Cow<'n, str> {
    if members.has(camel) {
        return Cow::Borrowed(camel);
    }
    let snake = snake(camel);
    if members.has(&snake) { Cow::Owned(snake) } else { Cow::Borrowed(camel) }
}

/// `mimeType` as `mime_type`.
pub(super) fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `mime_type` as `mimeType`.
pub(super) fn camel(snake: &str) -> String {
    let mut out = String::with_capacity(snake.len());
    let mut raise = false;
    for c in snake.chars() {
        match c {
            '_' if !out.is_empty() => raise = true,
            c if raise => {
                out.push(c.to_ascii_uppercase());
                raise = false;
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_found_and_the_camel_case_one_goes_first() {
        let read = |text: &'static str| Members::of_text(text).unwrap();
        assert_eq!(spelled(&read(r#"{"mime_type":"a"}"#), "mimeType"), "mime_type");
        assert_eq!(spelled(&read(r#"{"mime_type":"a","mimeType":"b"}"#), "mimeType"), "mimeType");
        assert_eq!(spelled(&read(r#"{"mimeType":null}"#), "mimeType"), "mimeType");
        assert_eq!((snake("topP"), camel("any_of")), ("top_p".into(), "anyOf".into()));
    }
}
