//! The blocks of Converse: unions of which exactly one member is set, each with what must be in it.

use serde_json::Value;

use super::super::fields::{Fields, Mistake, is_plain_word, join};
use super::super::{base64, tokens};

const IMAGES: [&str; 4] = ["png", "jpeg", "gif", "webp"];
const DOCUMENTS: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];
const VIDEOS: [&str; 9] = ["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"];
const AUDIOS: [&str; 15] = [
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg",
    "mpga", "pcm", "webm",
];
const USER: [&str; 9] = [
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolResult",
    "guardContent",
    "cachePoint",
    "searchResult",
];
const ASSISTANT: [&str; 5] =
    ["text", "toolUse", "reasoningContent", "citationsContent", "cachePoint"];
const SYSTEM: [&str; 3] = ["text", "guardContent", "cachePoint"];
const RESULT: [&str; 6] = ["json", "text", "image", "document", "video", "searchResult"];
const NAME_LENGTH_MAX: usize = 64;
const DOCUMENT_NAME_LENGTH_MAX: usize = 200;
/// What an image, a document or the like counts in the prompt.
const MEDIA_TOKENS: u64 = 85;

/// Who says a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The field `system`.
    System,
    /// A message of the user.
    User,
    /// A message of the assistant.
    Assistant,
    /// A tool, within `toolResult`.
    Tool,
}

/// What has been seen in the blocks of a request.
#[derive(Debug, Default)]
pub struct Seen<'a> {
    /// The names of documents.
    pub document_names: Vec<&'a str>,
    /// How many cache points there are.
    pub cache_points: usize,
    text_bytes: usize,
    media: u64,
}

impl Seen<'_> {
    /// The tokens of what was seen since the last time: 3 for a message, text/4, 85 for each image,
    /// document and the like.
    pub fn take_tokens(&mut self) -> u64 {
        let tokens = 3 + tokens::of_bytes(self.text_bytes) + MEDIA_TOKENS * self.media;
        (self.text_bytes, self.media) = (0, 0);
        tokens
    }
}

/// The only member of a union that is set.
pub fn union<'a>(
    value: &'a Value,
    path: &str,
    members: &[&str],
) -> Result<(&'a str, &'a Value), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(members)?;
    let mut set = fields.object.iter().filter(|(_, value)| !value.is_null());
    match (set.next(), set.next()) {
        (Some((member, value)), None) => Ok((member, value)),
        (None, _) => Err(Mistake::at(
            path,
            format!("must set one of the following keys: {}.", members.join(", ")),
        )),
        (Some(_), Some(_)) => Err(Mistake::at(path, "only one member of the union may be set")),
    }
}

/// Checks a block of a message, of the system prompt or of a result.
pub fn check<'a>(
    block: &'a Value,
    speaker: Speaker,
    path: &str,
    seen: &mut Seen<'a>,
) -> Result<(), Mistake> {
    let members: &[&str] = match speaker {
        Speaker::System => &SYSTEM,
        Speaker::User => &USER,
        Speaker::Assistant => &ASSISTANT,
        Speaker::Tool => &RESULT,
    };
    let (kind, value) = union(block, path, members)?;
    let path = join(path, kind);
    match kind {
        "text" => text(value, &path, seen),
        "json" => {
            let Value::Object(_) = value else {
                return Err(Mistake::at(&path, "the json member has to be an object"));
            };
            seen.text_bytes += value.to_string().len();
            Ok(())
        }
        "image" => media(value, &path, &IMAGES, &["format", "source"], seen),
        "video" => media(value, &path, &VIDEOS, &["format", "source"], seen),
        "audio" => media(value, &path, &AUDIOS, &["format", "source"], seen),
        "document" => document(value, &path, seen),
        "cachePoint" => {
            seen.cache_points += 1;
            cache_point(value, &path)
        }
        "toolUse" => tool_use(value, &path),
        "toolResult" => tool_result(value, &path, seen),
        "reasoningContent" => reasoning(value, &path),
        "guardContent" => guard_content(value, &path, seen),
        "searchResult" => search_result(value, &path, seen),
        // Citations come from the model itself.
        _ => Fields::of(value, &path)?.only(&["content", "citations"]),
    }
}

/// Checks `cachePoint`.
pub fn cache_point(value: &Value, path: &str) -> Result<(), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(&["type", "ttl"])?;
    fields.required_word("type", &["default"])?;
    fields.word("ttl", &["5m", "1h"])?;
    Ok(())
}

/// Checks the name of a tool.
pub fn tool_name<'a>(fields: Fields<'a, '_>, name: &str) -> Result<&'a str, Mistake> {
    let text = fields.required_text(name)?;
    if is_plain_word(text, NAME_LENGTH_MAX) {
        return Ok(text);
    }
    Err(fields.wrong(name, "Value failed to satisfy constraint: 1 to 64 of [a-zA-Z0-9_-]"))
}

fn text(value: &Value, path: &str, seen: &mut Seen<'_>) -> Result<(), Mistake> {
    let Value::String(text) = value else {
        return Err(Mistake::at(path, "Input should be a valid string"));
    };
    if text.trim().is_empty() {
        let message = "The text field in the ContentBlock object is blank. Add text to the text field, and try again.";
        return Err(Mistake::at(path, message));
    }
    seen.text_bytes += text.len();
    Ok(())
}

fn media(
    value: &Value,
    path: &str,
    formats: &[&str],
    known: &[&str],
    seen: &mut Seen<'_>,
) -> Result<(), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(known)?;
    fields.required_word("format", formats)?;
    source(fields, &["bytes", "s3Location"])?;
    seen.media += 1;
    Ok(())
}

fn source(fields: Fields<'_, '_>, members: &[&str]) -> Result<(), Mistake> {
    let path = fields.path_of("source");
    let (kind, value) = union(fields.required("source")?, &path, members)?;
    let path = join(&path, kind);
    match kind {
        "bytes" => {
            let bytes = value.as_str().and_then(base64::decode);
            if bytes.is_none_or(|bytes| bytes.is_empty()) {
                return Err(Mistake::at(&path, "Input should be base64 of at least one byte"));
            }
        }
        "s3Location" => {
            let location = Fields::of(value, &path)?;
            location.only(&["uri", "bucketOwner"])?;
            if !location.required_text("uri")?.starts_with("s3://") {
                return Err(location.wrong("uri", "Invalid S3 URI"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn document<'a>(value: &'a Value, path: &str, seen: &mut Seen<'a>) -> Result<(), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(&["format", "name", "source", "context", "citations"])?;
    fields.word("format", &DOCUMENTS)?;
    source(fields, &["bytes", "s3Location", "text", "content"])?;
    let name = fields.required_text("name")?;
    if !is_document_name(name) {
        let message = "The document file name can only contain alphanumeric characters, single whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.";
        return Err(fields.wrong("name", message));
    }
    if seen.document_names.contains(&name) {
        return Err(fields.wrong("name", "Duplicate document names are not allowed"));
    }
    seen.document_names.push(name);
    seen.media += 1;
    Ok(())
}

fn is_document_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " \t\n-()[]".contains(letter);
    let spaces = name.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_whitespace));
    (1..=DOCUMENT_NAME_LENGTH_MAX).contains(&name.len()) && name.chars().all(plain) && !spaces
}

fn tool_use(value: &Value, path: &str) -> Result<(), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(&["toolUseId", "name", "input", "type"])?;
    tool_use_id(fields)?;
    tool_name(fields, "name")?;
    if !fields.required("input")?.is_object() {
        return Err(fields.wrong("input", "The format of the value is invalid. Provide a json object for the field and try again."));
    }
    Ok(())
}

fn tool_use_id(fields: Fields<'_, '_>) -> Result<(), Mistake> {
    let id = fields.required_text("toolUseId")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    if (1..=NAME_LENGTH_MAX).contains(&id.len()) && id.bytes().all(plain) {
        return Ok(());
    }
    Err(fields.wrong("toolUseId", "Value failed to satisfy constraint: 1 to 64 of [a-zA-Z0-9_.:-]"))
}

fn tool_result<'a>(value: &'a Value, path: &str, seen: &mut Seen<'a>) -> Result<(), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(&["toolUseId", "content", "status", "type"])?;
    tool_use_id(fields)?;
    fields.word("status", &["success", "error"])?;
    fields.required("content")?;
    let path = fields.path_of("content");
    for (index, block) in fields.list("content")?.unwrap_or_default().iter().enumerate() {
        check(block, Speaker::Tool, &join(&path, index), seen)?;
    }
    Ok(())
}

fn reasoning(value: &Value, path: &str) -> Result<(), Mistake> {
    let (kind, value) = union(value, path, &["reasoningText", "redactedContent"])?;
    let path = join(path, kind);
    if kind == "reasoningText" {
        let fields = Fields::of(value, &path)?;
        fields.only(&["text", "signature"])?;
        fields.required_text("text")?;
        fields.text("signature")?;
    } else if value.as_str().and_then(base64::decode).is_none() {
        return Err(Mistake::at(&path, "Input should be base64"));
    }
    Ok(())
}

fn guard_content(value: &Value, path: &str, seen: &mut Seen<'_>) -> Result<(), Mistake> {
    let (kind, value) = union(value, path, &["text", "image"])?;
    let path = join(path, kind);
    if kind == "image" {
        return media(value, &path, &["png", "jpeg"], &["format", "source"], seen);
    }
    let fields = Fields::of(value, &path)?;
    fields.only(&["text", "qualifiers"])?;
    text(fields.required("text")?, &fields.path_of("text"), seen)
}

fn search_result(value: &Value, path: &str, seen: &mut Seen<'_>) -> Result<(), Mistake> {
    let fields = Fields::of(value, path)?;
    fields.only(&["source", "title", "content", "citations"])?;
    fields.required_text("source")?;
    fields.required_text("title")?;
    fields.required("content")?;
    for part in fields.list("content")?.unwrap_or_default() {
        text(&part["text"], &fields.path_of("content"), seen)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_block_is_exactly_one_thing_and_that_is_well_formed() {
        let image = |source: Value| json!({ "image": { "format": "png", "source": source } });
        let document = |name: &str| json!({ "document": { "format": "pdf", "name": name, "source": { "bytes": "AAAA" } } });
        let call = |id: &str, input: Value| json!({ "toolUse": { "toolUseId": id, "name": "f", "input": input } });
        let result =
            |content: Value| json!({ "toolResult": { "toolUseId": "t", "content": [content] } });
        let cases = [
            (Speaker::User, json!({ "text": "hi" }), true),
            (Speaker::User, json!({ "text": " " }), false),
            (Speaker::User, json!({}), false),
            (Speaker::User, json!({ "text": "hi", "cachePoint": { "type": "default" } }), false),
            (Speaker::User, json!({ "type": "text", "text": "hi" }), false),
            (Speaker::User, image(json!({ "bytes": "AAAA" })), true),
            (Speaker::User, image(json!({ "bytes": "" })), false),
            (Speaker::User, image(json!({ "url": "https://x/y.png" })), false),
            (Speaker::User, image(json!({ "s3Location": { "uri": "https://x/y.png" } })), false),
            (Speaker::Assistant, image(json!({ "bytes": "AAAA" })), false),
            (
                Speaker::User,
                json!({ "image": { "format": "jpg", "source": { "bytes": "AAAA" } } }),
                false,
            ),
            (Speaker::User, document("doc 1 (a) [b]-c"), true),
            (Speaker::User, document("doc.pdf"), false),
            (Speaker::User, document("doc  1"), false),
            (Speaker::User, json!({ "cachePoint": { "type": "default", "ttl": "1h" } }), true),
            (Speaker::User, json!({ "cachePoint": { "type": "ephemeral" } }), false),
            (Speaker::Assistant, call("t.1:a-b", json!({})), true),
            (Speaker::Assistant, call("t 1", json!({})), false),
            (Speaker::Assistant, call(&"t".repeat(65), json!({})), false),
            (Speaker::Assistant, call("t", json!("{}")), false),
            (Speaker::User, call("t", json!({})), false),
            (Speaker::User, result(json!({ "json": {} })), true),
            (Speaker::User, result(json!({ "json": [1] })), false),
            (
                Speaker::Assistant,
                json!({ "reasoningContent": { "redactedContent": "AAAA" } }),
                true,
            ),
            (Speaker::Assistant, json!({ "reasoningContent": { "text": "a" } }), false),
            (Speaker::System, json!({ "text": "rules" }), true),
            (Speaker::System, image(json!({ "bytes": "AAAA" })), false),
        ];
        for (speaker, block, good) in cases {
            let found = check(&block, speaker, "messages.0.content.0", &mut Seen::default());
            assert_eq!(found.is_ok(), good, "{block}: {found:?}");
        }
    }
}
