//! What Converse refuses, whatever the model.

use serde_json::Value;
use std::collections::HashSet;

const FIELDS: [&str; 10] = [
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "serviceTier",
    "outputConfig",
    "guardrailConfig",
];

/// Panics where Bedrock would refuse.
pub(super) fn check(body: &Value) {
    let body = body.as_object().expect("an object");
    assert!(body.keys().all(|key| FIELDS.contains(&key.as_str())), "{:?}", body.keys());
    let messages = list(&body["messages"]);
    assert!(!messages.is_empty());
    let (mut names, mut ids, mut open) = (HashSet::new(), HashSet::new(), Vec::<&str>::new());
    let mut points = 0;
    for (at, message) in messages.iter().enumerate() {
        let user = at % 2 == 0;
        assert_eq!(message["role"], if user { "user" } else { "assistant" }, "alternating");
        let content = list(&message["content"]);
        assert!(!content.is_empty(), "an empty message");
        let mut results = Vec::new();
        let mut before_all_else = true;
        let (mut document, mut text) = (false, false);
        for block in content {
            let (kind, value) = only(block);
            match kind {
                "text" => {
                    assert!(!value.as_str().unwrap().trim().is_empty(), "a blank text");
                    text = true;
                }
                "toolResult" => {
                    assert!(user && before_all_else, "results come first");
                    results.push(id(value));
                    assert!(!list(&value["content"]).is_empty());
                    for inner in list(&value["content"]) {
                        file(inner, &mut names);
                    }
                }
                "toolUse" => {
                    assert!(!user && ids.insert(id(value)), "an id is there once");
                    assert!(value["input"].is_object());
                    assert!(is_name(value["name"].as_str().unwrap()));
                    open.push(id(value));
                }
                "reasoningContent" => assert!(!user),
                "cachePoint" => points += 1,
                _ => {
                    assert!(user, "files come from users");
                    document |= kind == "document";
                    file(block, &mut names);
                }
            }
            before_all_else &= matches!(kind, "toolResult" | "cachePoint");
        }
        assert!(!document || text, "a document has a text beside it");
        if user {
            assert_eq!(results, std::mem::take(&mut open), "each call has its result, in order");
        } else {
            let last = content.iter().filter_map(|block| block["text"].as_str()).next_back();
            let at_end = content.last().unwrap().get("text").is_some();
            assert!(!at_end || !last.unwrap().ends_with(char::is_whitespace));
        }
    }
    assert!(open.is_empty(), "each call has a result");
    for block in body.get("system").map(list).unwrap_or_default() {
        match only(block) {
            ("text", text) => assert!(!text.as_str().unwrap().trim().is_empty()),
            (kind, _) => {
                assert_eq!(kind, "cachePoint");
                points += 1;
            }
        }
    }
    check_tools(body.get("toolConfig"), !ids.is_empty(), &mut points);
    assert!(points <= 4, "{points} cache points");
    check_metadata(body.get("requestMetadata"));
}

fn check_tools(config: Option<&Value>, used: bool, points: &mut usize) {
    let Some(config) = config else { return assert!(!used, "who used tools must offer some") };
    let tools = list(&config["tools"]);
    assert!(!tools.is_empty());
    let mut names = HashSet::new();
    for tool in tools {
        let (kind, spec) = only(tool);
        if kind == "cachePoint" {
            *points += 1;
            continue;
        }
        let name = spec["name"].as_str().unwrap();
        assert!(is_name(name) && names.insert(name), "{name}");
        assert_eq!(spec["inputSchema"]["json"]["type"], "object");
        assert!(spec.get("description").is_none_or(|words| words != ""));
    }
    if let Some(choice) = config.get("toolChoice") {
        match only(choice) {
            ("any", _) => {}
            ("tool", tool) => assert!(names.contains(tool["name"].as_str().unwrap())),
            (kind, _) => panic!("{kind}"),
        }
    }
}

fn check_metadata(metadata: Option<&Value>) {
    let Some(metadata) = metadata else { return };
    let metadata = metadata.as_object().unwrap();
    assert!((1..=16).contains(&metadata.len()));
    for (name, value) in metadata {
        for text in [name, value.as_str().unwrap()] {
            let legal = |c: char| c.is_ascii_alphanumeric() || " :_@$#=/+,.-".contains(c);
            assert!(text.len() <= 256 && text.chars().all(legal), "{text}");
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// The only member of a union.
fn only(block: &Value) -> (&str, &Value) {
    let members = block.as_object().expect("an object");
    assert_eq!(members.len(), 1, "{block}");
    let (kind, value) = members.iter().next().unwrap();
    (kind.as_str(), value)
}

fn id(value: &Value) -> &str {
    let id = value["toolUseId"].as_str().unwrap();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    assert!((1..=64).contains(&id.len()) && id.chars().all(legal), "{id}");
    id
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(legal)
}

fn file<'a>(block: &'a Value, names: &mut HashSet<&'a str>) {
    let (kind, value) = only(block);
    if kind == "text" {
        return assert!(!value.as_str().unwrap().trim().is_empty());
    }
    assert!(["image", "document", "video", "audio"].contains(&kind), "{kind}");
    assert!(value["format"].is_string());
    let (source, value) = (only(&value["source"]), value);
    match source {
        ("bytes", bytes) => assert!(!bytes.as_str().unwrap().is_empty()),
        ("s3Location", place) => assert!(place["uri"].as_str().unwrap().starts_with("s3://")),
        (other, _) => panic!("{other}"),
    }
    if kind == "document" {
        let name = value["name"].as_str().unwrap();
        let legal = |c: char| c.is_ascii_alphanumeric() || " -()[]".contains(c);
        assert!((1..=200).contains(&name.len()) && name.chars().all(legal) && !name.contains("  "));
        assert!(names.insert(name), "{name} is there twice");
    }
}
