//! What the tests of whole conversions share: short ways in and out.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

#[path = "../../fuzz/drive.rs"]
pub mod drive;

pub use drive::grammar::{check_chat_grammar, check_messages_grammar, messages};

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tollgate_contract::provider::ProviderKind;
use tollgate_formats::{
    anthropic,
    conversation::{Answer, Conversation, Event, Fit, Format, TargetFacts},
    facts::Api,
    gemini, openai_chat, openai_responses,
};

/// Every provider's format, its folder of recorded exchanges, and a model that nothing special is known of.
pub const PROVIDERS: [(&str, Format, ProviderKind, &str); 6] = [
    ("openai_chat", Format::OpenaiChat, ProviderKind::Openai, "gpt-4o"),
    ("openai_responses", Format::OpenaiResponses, ProviderKind::Openai, "gpt-4o"),
    ("anthropic", Format::Anthropic, ProviderKind::Anthropic, "claude-sonnet-4-5"),
    ("gemini", Format::Gemini, ProviderKind::Gemini, "gemini-3-pro"),
    ("bedrock", Format::Bedrock, ProviderKind::Bedrock, "anthropic.claude-sonnet-4-5-v1:0"),
    ("cohere", Format::Cohere, ProviderKind::Cohere, "command-a-03-2025"),
];

/// A request of an app in the internal form.
pub fn request(api: Api, body: &Value) -> Conversation {
    drive::read_request(api, body.to_string().as_bytes()).expect("a valid request")
}

/// A chat request with these members.
pub fn chat(members: Value) -> Conversation {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let all = body.as_object_mut().expect("an object");
    all.extend(members.as_object().expect("an object").clone());
    request(Api::Chat, &body)
}

/// What the provider of a format gets.
pub fn sent(format: Format, conversation: &Conversation) -> Value {
    let (.., kind, model) =
        *PROVIDERS.iter().find(|(_, known, ..)| *known == format).expect("a provider");
    sent_to(format, TargetFacts::new(kind, model), conversation)
}

/// What a certain target gets.
pub fn sent_to(format: Format, target: TargetFacts, conversation: &Conversation) -> Value {
    let out = drive::write_request(format, conversation, Fit::new(target))
        .unwrap_or_else(|mistake| panic!("{format:?}: {}", mistake.message));
    serde_json::from_slice(&out.body).expect("a request is JSON")
}

/// The events of a stream of JSON messages.
pub fn events(format: Format, messages: &[Value]) -> Vec<Event> {
    let mut bytes = String::new();
    for message in messages {
        if let Some(name) = message["type"].as_str() {
            bytes.push_str(&format!("event: {name}\n"));
        }
        bytes.push_str(&format!("data: {message}\n\n"));
    }
    if format == Format::OpenaiChat {
        bytes.push_str("data: [DONE]\n\n");
    }
    drive::read_sse(format, bytes.as_bytes(), bytes.len())
}

/// The text of an app's stream, by the name of its writer in [`drive::writers`].
pub fn streamed(app: &str, events: &[Event]) -> String {
    let (_, mut writer) =
        drive::writers().into_iter().find(|(name, _)| *name == app).expect("a writer");
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).expect("streams are UTF-8")
}

/// What apps get of a whole answer.
pub fn answers(answer: &Answer) -> [(&'static str, Value); 4] {
    let asked = drive::asked();
    [
        ("chat", openai_chat::write_answer(answer, &asked)),
        ("responses", openai_responses::write_answer(answer, &asked)),
        ("messages", anthropic::write_answer(answer, &asked)),
        ("gemini", gemini::write_answer(answer, &asked)),
    ]
    .map(|(app, out)| (app, serde_json::from_slice(&out).expect("an answer is JSON")))
}

/// What the apps of one format get of a provider's answer.
pub fn answered(format: Format, body: &Value, app: &str) -> Value {
    let answer = drive::read_answer(format, body.to_string().as_bytes()).expect("an answer");
    let all = answers(&answer);
    all.into_iter().find(|(name, _)| *name == app).expect("a format of apps").1
}

/// The folders of the recorded exchanges of a format.
pub fn exchanges(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(folder);
    let entries = fs::read_dir(root).expect("the format has a folder");
    let mut all: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    assert!(all.len() >= 6, "{folder} has {} exchanges", all.len());
    all
}

/// The bytes of a recorded stream.
pub fn stream_bytes(exchange: &Path) -> Option<Vec<u8>> {
    if let Ok(bytes) = fs::read(exchange.join("stream.sse")) {
        return Some(bytes);
    }
    let hex = fs::read_to_string(exchange.join("stream.hex")).ok()?;
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

/// The events of a recorded stream that comes in pieces of `size` bytes.
pub fn read_stream(format: Format, bytes: &[u8], size: usize) -> Vec<Event> {
    match format {
        Format::Bedrock => drive::read_frames(bytes, size),
        _ => drive::read_sse(format, bytes, size),
    }
}
