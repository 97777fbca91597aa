//! What must change in a body on its way to a provider of the same format; every other byte stays.

use crate::facts::Request;
use bytes::Bytes;
use std::ops::Range;

/// The changes for one target.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'c> {
    /// The provider's own name of the model.
    pub upstream_model: &'c str,
    /// The most answer tokens, where the gateway sets it; the field to put it in where the app sent none, after the
    /// name of the object that it stands in (`generationConfig.maxOutputTokens`).
    pub max_output: Option<(u64, &'static str)>,
    /// Whether the format has to be asked for the usage of a stream.
    pub ask_usage: bool,
    /// What the provider's dialect wants otherwise.
    pub edits: &'c [Edit],
}

/// A change of one top-level member, by its place in [`members`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// It goes.
    Remove(usize),
    /// It gets another name.
    Rename(usize, &'static str),
    /// It gets another value, as JSON text.
    Replace(usize, String),
}

/// A top-level member of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'b> {
    /// Its name, without escapes.
    pub name: &'b str,
    /// Its value as JSON text.
    pub value: &'b str,
}

/// The top-level members whose names have no escapes, in their order.
pub fn members(request: &Request) -> Vec<Member<'_>> {
    let text = |range: Range<usize>| {
        request.body.get(range).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    };
    (0..request.places.keys.len())
        .map(|index| Member {
            name: text(inside_quotes(&request.places.keys[index])),
            value: text(value_place(request, index)),
        })
        .collect()
}

fn inside_quotes(key: &Range<usize>) -> Range<usize> {
    key.start + 1..key.end.saturating_sub(1).max(key.start + 1)
}

/// The value of a member: between its colon and the comma before the next, or the brace that ends the body.
fn value_place(request: &Request, index: usize) -> Range<usize> {
    let keys = &request.places.keys;
    let body: &[u8] = &request.body;
    let from = keys[index].end;
    let to = keys.get(index + 1).map_or(body.len(), |next| next.start).max(from);
    let between = body.get(from..to).unwrap_or_default();
    let start = from + between.iter().position(|b| *b == b':').map_or(0, |at| at + 1);
    let lead = body.get(start..to).unwrap_or_default();
    let start = start + lead.len() - lead.trim_ascii_start().len();
    let end_mark = if index + 1 < keys.len() { b',' } else { b'}' };
    let end = body.get(start..to).and_then(|rest| memchr::memrchr(end_mark, rest));
    let end = start + end.unwrap_or(0);
    let trimmed = body.get(start..end).unwrap_or_default().trim_ascii_end().len();
    start..start + trimmed
}

/// The body for a target.
pub fn rewrite(request: &Request, changes: Changes) -> Bytes {
    let mut edits: Vec<(Range<usize>, String)> = Vec::with_capacity(4);
    let places = &request.places;
    if request.facts.model != changes.upstream_model && !places.model.is_empty() {
        edits.push((places.model.clone(), json_string(changes.upstream_model)));
    }
    let mut put_in = String::new();
    if let Some((number, field)) = changes.max_output {
        if places.max_output.is_empty() {
            limit(request, number, field, &mut put_in, &mut edits);
        }
        edits.extend(places.max_output.iter().map(|place| (place.clone(), number.to_string())));
    }
    // Usage is always asked for: without it a stream could not be metered.
    if changes.ask_usage && request.facts.stream && !request.facts.include_usage {
        match &places.stream_options {
            None => put_in.push_str("\"stream_options\":{\"include_usage\":true},"),
            Some(place) => edits.push((place.clone(), with_usage(&request.body[place.clone()]))),
        }
    }
    if !put_in.is_empty() {
        edits.push((places.first_member..places.first_member, put_in));
    }
    for edit in changes.edits {
        edits.push(splice_of(request, edit, changes.edits));
    }
    if edits.is_empty() {
        return request.body.clone();
    }
    splice(&request.body, edits)
}

/// Puts in a limit that the app did not give.
fn limit(
    request: &Request,
    number: u64,
    field: &'static str,
    put_in: &mut String,
    edits: &mut Vec<(Range<usize>, String)>,
) {
    let Some((object, field)) = field.split_once('.') else {
        put_in.push_str(&format!("\"{field}\":{number},"));
        return;
    };
    let index = members(request).iter().position(|member| member.name == object);
    match index.map(|index| value_place(request, index)) {
        Some(place) if request.body.get(place.start) == Some(&b'{') => {
            let empty = request.body[place.start + 1..].trim_ascii_start().starts_with(b"}");
            let comma = if empty { "" } else { "," };
            let inside = place.start + 1;
            edits.push((inside..inside, format!("\"{field}\":{number}{comma}")));
        }
        _ => put_in.push_str(&format!("\"{object}\":{{\"{field}\":{number}}},")),
    }
}

fn splice_of(request: &Request, edit: &Edit, edits: &[Edit]) -> (Range<usize>, String) {
    let keys = &request.places.keys;
    match edit {
        Edit::Rename(index, name) => (keys[*index].clone(), json_string(name)),
        Edit::Replace(index, value) => (value_place(request, *index), value.clone()),
        Edit::Remove(index) => {
            let start = keys[*index].start;
            let removed = |at: usize| edits.contains(&Edit::Remove(at));
            let last = keys.len() - 1;
            if !(*index..=last).all(removed) {
                // Up to the next key, the comma between them included.
                return (start..keys[index + 1].start, String::new());
            }
            // The last ones go together and take the comma before them along.
            let end = value_place(request, last).end;
            if *index > 0 && removed(index - 1) {
                return (end..end, String::new());
            }
            let before = memchr::memrchr(b',', &request.body[..start]);
            let start = before
                .filter(|at| request.body[at + 1..start].trim_ascii().is_empty())
                .unwrap_or(start);
            (start..end, String::new())
        }
    }
}

fn splice(body: &[u8], mut edits: Vec<(Range<usize>, String)>) -> Bytes {
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let mut out =
        Vec::with_capacity(body.len() + edits.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut from = 0;
    for (place, text) in edits {
        // Two changes of one place: the first one counts.
        if place.start < from {
            continue;
        }
        out.extend_from_slice(&body[from..place.start]);
        out.extend_from_slice(text.as_bytes());
        from = place.end;
    }
    out.extend_from_slice(&body[from..]);
    out.into()
}

/// `stream_options` with usage asked for and its other members as they were.
fn with_usage(options: &[u8]) -> String {
    let mut members = match serde_json::from_slice(options) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    members.insert("include_usage".to_owned(), true.into());
    serde_json::Value::Object(members).to_string()
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{Api, RequestHead},
        understand::understand,
    };
    use proptest::prelude::*;

    fn through(body: &str, max_output: Option<(u64, &'static str)>) -> String {
        let request =
            understand(Api::Chat, RequestHead::default(), Bytes::copy_from_slice(body.as_bytes()))
                .unwrap();
        let out = rewrite(
            &request,
            Changes { upstream_model: "up/stream", max_output, ask_usage: true, edits: &[] },
        );
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn only_what_must_change_changes() {
        let cases = [
            (
                r#"{"model":"m","messages":[{}] , "x" : 1.50}"#,
                None,
                r#"{"model":"up/stream","messages":[{}] , "x" : 1.50}"#,
            ),
            (
                r#"{ "messages":[{}],"model":"m","stream":true}"#,
                None,
                r#"{"stream_options":{"include_usage":true}, "messages":[{}],"model":"up/stream","stream":true}"#,
            ),
            (
                r#"{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}"#,
                None,
                r#"{"model":"up/stream","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_obfuscation":false}}"#,
                None,
                r#"{"model":"up/stream","messages":[{}],"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","messages":[{}],"max_completion_tokens":9999}"#,
                Some((300, "max_tokens")),
                r#"{"model":"up/stream","messages":[{}],"max_completion_tokens":300}"#,
            ),
            (
                r#"{"model":"m","messages":[{}]}"#,
                Some((300, "max_tokens")),
                r#"{"max_tokens":300,"model":"up/stream","messages":[{}]}"#,
            ),
        ];
        for (body, max_output, expected) in cases {
            assert_eq!(through(body, max_output), expected);
        }
    }

    #[test]
    fn members_are_removed_renamed_and_replaced_wherever_they_stand() {
        let body = r#"{ "seed" : 7, "model":"m","messages":[{"a":","}] , "user" : "u}" }"#;
        let request =
            understand(Api::Chat, RequestHead::default(), Bytes::from_static(body.as_bytes()))
                .unwrap();
        let names: Vec<_> = members(&request).iter().map(|m| (m.name, m.value)).collect();
        let expected = [
            ("seed", "7"),
            ("model", "\"m\""),
            ("messages", "[{\"a\":\",\"}]"),
            ("user", "\"u}\""),
        ];
        assert_eq!(names, expected);
        let with = |edits: &[Edit]| {
            let changes =
                Changes { upstream_model: "m", max_output: None, ask_usage: false, edits };
            String::from_utf8(rewrite(&request, changes).to_vec()).unwrap()
        };
        let cases = [
            (Edit::Remove(0), r#"{ "model":"m","messages":[{"a":","}] , "user" : "u}" }"#),
            (Edit::Remove(3), r#"{ "seed" : 7, "model":"m","messages":[{"a":","}]  }"#),
            (
                Edit::Rename(0, "random_seed"),
                r#"{ "random_seed" : 7, "model":"m","messages":[{"a":","}] , "user" : "u}" }"#,
            ),
            (
                Edit::Replace(3, "null".into()),
                r#"{ "seed" : 7, "model":"m","messages":[{"a":","}] , "user" : null }"#,
            ),
        ];
        for (edit, expected) in cases {
            assert_eq!(with(&[edit]), expected);
        }
        let several = [
            (vec![2, 3], r#"{ "seed" : 7, "model":"m" }"#),
            (vec![3, 1], r#"{ "seed" : 7, "messages":[{"a":","}]  }"#),
            (vec![0, 1], r#"{ "messages":[{"a":","}] , "user" : "u}" }"#),
            (vec![0, 1, 2, 3], r#"{  }"#),
        ];
        for (gone, expected) in several {
            let edits: Vec<Edit> = gone.into_iter().map(Edit::Remove).collect();
            assert_eq!(with(&edits), expected);
        }
    }

    #[test]
    fn a_limit_goes_into_the_object_it_belongs_to() {
        let head = || RequestHead { model: Some("m".into()), ..RequestHead::default() };
        let field = "generationConfig.maxOutputTokens";
        let cases = [
            (
                r#"{"contents":[{}]}"#,
                r#"{"generationConfig":{"maxOutputTokens":9},"contents":[{}]}"#,
            ),
            (
                r#"{"contents":[{}],"generationConfig":{"topK":1}}"#,
                r#"{"contents":[{}],"generationConfig":{"maxOutputTokens":9,"topK":1}}"#,
            ),
            (
                r#"{"contents":[{}],"generationConfig":{ "maxOutputTokens": 50 }}"#,
                r#"{"contents":[{}],"generationConfig":{ "maxOutputTokens": 9 }}"#,
            ),
        ];
        for (body, expected) in cases {
            let request =
                understand(Api::Generate, head(), Bytes::from_static(body.as_bytes())).unwrap();
            let changes = Changes {
                upstream_model: "up",
                max_output: Some((9, field)),
                ask_usage: false,
                edits: &[],
            };
            assert_eq!(rewrite(&request, changes), expected);
        }
    }

    proptest! {
        #[test]
        fn all_other_members_survive(content in ".{0,60}", extra in ".{0,30}", number in any::<i64>()) {
            let body = serde_json::json!({"a": extra, "model": "m", "messages": [{"content": content}], "stream": true, "z": number});
            let mut out: serde_json::Value = serde_json::from_str(&through(&body.to_string(), None)).unwrap();
            prop_assert_eq!(&out["model"], "up/stream");
            prop_assert_eq!(&out["stream_options"]["include_usage"], &serde_json::Value::Bool(true));
            out.as_object_mut().unwrap().remove("stream_options");
            out["model"] = "m".into();
            prop_assert_eq!(out, body);
        }
    }
}
