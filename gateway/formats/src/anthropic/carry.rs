//! Carrying on what is not understood: leftovers of nested objects, cache marks.

use crate::{
    conversation::{CacheMark, Extra},
    json::{Members, Raw, object},
};

/// Keeps what is left of a nested object under the object's name, so that it is merged in again when it is written.
pub(super) fn keep_rest(extra: &mut Extra, name: &str, rest: Members) {
    let rest = rest.rest();
    if !rest.is_empty() {
        extra.push((name.to_owned(), object_of(&rest)));
    }
}

/// Members as an object.
pub(super) fn object_of(members: &[(String, Raw)]) -> Raw {
    let mut out = Vec::new();
    object(&mut out, |object| {
        object.put_all(members);
    });
    raw_of(&out)
}

/// JSON that was just written.
pub(super) fn raw_of(json: &[u8]) -> Raw {
    let text = std::str::from_utf8(json).ok();
    text.and_then(Raw::parse).unwrap_or_else(Raw::empty_object)
}

/// What [`keep_rest`] kept of an object.
pub(super) fn kept(extra: &Extra, name: &str) -> Extra {
    let raw = extra.iter().find(|(key, _)| key == name).map(|(_, raw)| raw.get());
    raw.and_then(Members::of_text).map(Members::rest).unwrap_or_default()
}

/// Takes a cache breakpoint. One with members or words that are not known stays where it is and is carried on.
pub(super) fn cache_mark(members: &mut Members) -> Option<CacheMark> {
    let Some(raw) = members.peek("cache_control") else {
        members.take("cache_control");
        return None;
    };
    let mut control = Members::of_text(raw.get())?;
    if control.peek_str("type")? != "ephemeral" {
        return None;
    }
    control.take("type");
    let mark = match control.peek("ttl").map(|ttl| ttl.get()) {
        None => CacheMark::Default,
        Some("\"5m\"") => CacheMark::FiveMinutes,
        Some("\"1h\"") => CacheMark::OneHour,
        Some(_) => return None,
    };
    control.take("ttl");
    if control.iter().next().is_some() {
        return None;
    }
    members.take("cache_control");
    Some(mark)
}

/// The `cache_control` of a mark.
pub(super) const fn cache_control(mark: CacheMark) -> &'static str {
    match mark {
        CacheMark::Default => r#"{"type":"ephemeral"}"#,
        CacheMark::FiveMinutes => r#"{"type":"ephemeral","ttl":"5m"}"#,
        CacheMark::OneHour => r#"{"type":"ephemeral","ttl":"1h"}"#,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_mark_that_is_not_understood_is_carried_on() {
        let cases = [
            (r#"{"type":"ephemeral"}"#, Some(CacheMark::Default)),
            (r#"{"type":"ephemeral","ttl":"5m"}"#, Some(CacheMark::FiveMinutes)),
            (r#"{"type":"ephemeral","ttl":"1h"}"#, Some(CacheMark::OneHour)),
            (r#"{"type":"ephemeral","ttl":"1d"}"#, None),
            (r#"{"type":"lasting"}"#, None),
            (r#"{"type":"ephemeral","scope":"global"}"#, None),
            ("7", None),
        ];
        for (control, expected) in cases {
            let body = format!("{{\"cache_control\":{control}}}");
            let mut members = Members::of_body(body.as_bytes()).unwrap();
            assert_eq!(cache_mark(&mut members), expected, "{control}");
            assert_eq!(members.has("cache_control"), expected.is_none(), "{control}");
            if let Some(mark) = expected {
                assert_eq!(cache_control(mark), control);
            }
        }
    }
}
