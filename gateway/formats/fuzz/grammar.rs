//! The grammars of apps' streams.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The JSON messages of a stream; `[DONE]` is a string.
pub fn messages(stream: &str) -> Vec<Value> {
    parsed(stream).expect("data is JSON")
}

/// The same; `None` if one is nested too deeply to look at.
pub fn parsed(stream: &str) -> Option<Vec<Value>> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| match data {
        "[DONE]" => Some(json!("[DONE]")),
        data => {
            serde_json::from_str::<&serde_json::value::RawValue>(data).expect("data is JSON");
            serde_json::from_str(data).ok()
        }
    })
    .collect()
}

/// Anthropic's grammar: `message_start`, blocks one after the other with indices without a gap, one `message_delta`,
/// `message_stop`; or an error at any place and nothing after it.
pub fn check_messages_grammar(stream: &str) {
    let mut open = None;
    let mut next = 0;
    let mut seen = Vec::new();
    for message in messages(stream) {
        let kind = message["type"].as_str().expect("a type").to_owned();
        let last = seen.last().map(String::as_str);
        assert!(
            !matches!(last, Some("message_stop" | "error")),
            "nothing follows the end: {stream}"
        );
        match kind.as_str() {
            "ping" => continue,
            "error" => {}
            "message_start" => assert!(last.is_none(), "{stream}"),
            "content_block_start" => {
                assert_eq!((open, &message["index"]), (None, &json!(next)), "{stream}");
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => {
                assert_eq!(open.map(|at| json!(at)), Some(message["index"].clone()))
            }
            "content_block_stop" => {
                assert_eq!(open.take().map(|at| json!(at)), Some(message["index"].clone()));
            }
            "message_delta" => {
                assert!(open.is_none() && last != Some("message_delta"), "{stream}");
                assert!(message["delta"]["stop_reason"].is_string(), "{stream}");
            }
            "message_stop" => assert_eq!(last, Some("message_delta"), "{stream}"),
            other => panic!("{other} is no event of Anthropic's: {stream}"),
        }
        seen.push(kind);
    }
    assert!(matches!(seen.last().map(String::as_str), Some("message_stop" | "error")), "{stream}");
    assert!(seen.len() == 1 || seen[0] == "message_start", "{stream}");
}

/// OpenAI's grammar: the role first, a call with its id and name first, one reason to end per choice and nothing of the
/// choice after it, the usage after all of them, `[DONE]` last and once; or an error last.
pub fn check_chat_grammar(stream: &str) {
    let mut roles = BTreeSet::new();
    let mut finished = BTreeSet::new();
    let mut calls: BTreeMap<u64, u64> = BTreeMap::new();
    let mut usage = false;
    let messages = messages(stream);
    let (last, chunks) = messages.split_last().expect("a stream says something");
    assert!(*last == "[DONE]" || last["error"].is_object(), "{stream}");
    for chunk in chunks {
        assert!(chunk["error"].is_null() && *chunk != "[DONE]" && !usage, "{stream}");
        let choices = chunk["choices"].as_array().expect("choices");
        usage |= choices.is_empty() && chunk["usage"].is_object();
        for choice in choices {
            let index = choice["index"].as_u64().expect("an index");
            assert!(!finished.contains(&index), "{stream}");
            assert_eq!(roles.insert(index), choice["delta"]["role"] == "assistant", "{stream}");
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let known = calls.entry(index).or_default();
                let at = call["index"].as_u64().expect("an index");
                let named =
                    ["function", "custom"].iter().any(|kind| call[kind]["name"].is_string());
                let begins = call["id"].is_string() && named;
                assert_eq!(begins, at == *known, "{stream}");
                assert!(at <= *known, "{stream}");
                *known += u64::from(begins);
            }
            if choice["finish_reason"].is_string() {
                finished.insert(index);
            }
        }
    }
    if *last == "[DONE]" {
        assert!(!roles.is_empty() && roles == finished, "{stream}");
    }
}
