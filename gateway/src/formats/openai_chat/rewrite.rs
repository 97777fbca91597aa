//! What must change in a body on its way to a provider of the same format; every other byte stays.

use crate::formats::facts::Request;
use bytes::Bytes;
use std::ops::Range;

/// The changes for one target.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'c> {
    /// The provider's own name of the model.
    pub upstream_model: &'c str,
    /// The most answer tokens, where the gateway sets it; the field to put it in where the app sent none.
    pub max_output: Option<(u64, &'static str)>,
}

/// The body for a target.
pub fn rewrite(request: &Request, changes: Changes) -> Bytes {
    let mut edits: Vec<(Range<usize>, String)> = Vec::with_capacity(4);
    let places = &request.places;
    if request.facts.model != changes.upstream_model {
        edits.push((places.model.clone(), json_string(changes.upstream_model)));
    }
    let mut members = String::new();
    if let Some((number, field)) = changes.max_output {
        if places.max_output.is_empty() {
            members.push_str(&format!("\"{field}\":{number},"));
        }
        edits.extend(places.max_output.iter().map(|place| (place.clone(), number.to_string())));
    }
    // Usage is always asked for: without it a stream could not be metered.
    if request.facts.stream && !request.facts.include_usage {
        match &places.stream_options {
            None => members.push_str("\"stream_options\":{\"include_usage\":true},"),
            Some(place) => edits.push((place.clone(), with_usage(&request.body[place.clone()]))),
        }
    }
    if !members.is_empty() {
        edits.push((places.first_member..places.first_member, members));
    }
    if edits.is_empty() {
        return request.body.clone();
    }
    splice(&request.body, edits)
}

fn splice(body: &[u8], mut edits: Vec<(Range<usize>, String)>) -> Bytes {
    edits.sort_by_key(|(place, _)| place.start);
    let mut out =
        Vec::with_capacity(body.len() + edits.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut from = 0;
    for (place, text) in edits {
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
    use crate::formats::{facts::Api, openai_chat::request::understand};
    use proptest::prelude::*;

    fn through(body: &str, max_output: Option<(u64, &'static str)>) -> String {
        let request = understand(Api::Chat, Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let out = rewrite(&request, Changes { upstream_model: "up/stream", max_output });
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
