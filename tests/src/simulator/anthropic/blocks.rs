//! The blocks of messages: each kind with its fields, its place, and what must be in it.

use serde_json::Value;

use super::super::fields::{Fields, is_plain_word, join};
use super::super::{base64, tokens};
use super::Version;
use super::cache::Breakpoints;
use super::errors::MessagesError;

const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const ID_LENGTH_MAX: usize = 256;
/// What an image or a document counts in the prompt.
const MEDIA_TOKENS: u64 = 85;

/// Who says a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The system prompt, or a message of the role `system`.
    System,
    /// A message of the user.
    User,
    /// A message of the assistant.
    Assistant,
    /// A tool, within `tool_result`.
    Tool,
}

/// Checks blocks one after another, and counts them.
#[derive(Debug)]
pub struct BlockReader<'a> {
    /// The version of the API that the request is made for.
    pub version: Version,
    /// Takes the cache breakpoints.
    pub breakpoints: &'a mut Breakpoints,
}

/// The size of some blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    text_bytes: usize,
    media: u64,
}

impl Size {
    /// The tokens of a message of this size: 3, text/4, and 85 for each image or document.
    pub fn tokens(self) -> u64 {
        3 + tokens::of_bytes(self.text_bytes) + MEDIA_TOKENS * self.media
    }
}

impl BlockReader<'_> {
    /// Checks content that is a text or a list of blocks.
    pub fn content(
        &mut self,
        content: &Value,
        speaker: Speaker,
        path: &str,
    ) -> Result<Size, MessagesError> {
        let mut size = Size::default();
        match content {
            Value::String(text) => size.text_bytes = text.len(),
            Value::Array(blocks) => {
                for (index, block) in blocks.iter().enumerate() {
                    let path = join(path, index);
                    self.block(block, speaker, &path, &mut size)?;
                    self.breakpoints.take(block.get("cache_control"), &path)?;
                }
            }
            _ => return Err(MessagesError::at(path, "Input should be a valid string or list")),
        }
        Ok(size)
    }

    fn block(
        &mut self,
        block: &Value,
        speaker: Speaker,
        path: &str,
        size: &mut Size,
    ) -> Result<(), MessagesError> {
        let fields = Fields::of(block, path)?;
        let kind = fields.required_text("type")?;
        let path = join(path, kind);
        let fields = Fields::of(block, &path)?;
        check_speaker(kind, speaker, self.version, &path)?;
        match kind {
            "text" => {
                size.text_bytes += self.text(fields, speaker)?;
            }
            "image" => {
                fields.only(&["type", "source", "cache_control", "transformations"])?;
                source(fields, &IMAGE_TYPES)?;
                size.media += 1;
            }
            "document" => {
                fields.only(&[
                    "type",
                    "source",
                    "cache_control",
                    "citations",
                    "context",
                    "title",
                ])?;
                source(fields, &["application/pdf"])?;
                size.media += 1;
            }
            "search_result" => {
                let known = ["type", "content", "source", "title", "cache_control", "citations"];
                fields.only(&known)?;
                fields.required_text("source")?;
                fields.required_text("title")?;
                self.nested(fields.required("content")?, &join(&path, "content"), size)?;
            }
            "tool_use" => tool_use(fields)?,
            "tool_result" => {
                let known =
                    ["type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"];
                fields.only(&known)?;
                id(fields, "tool_use_id")?;
                fields.boolean("is_error")?;
                if let Some(content) = fields.get("content") {
                    self.nested(content, &join(&path, "content"), size)?;
                }
            }
            "thinking" => {
                fields.only(&["type", "thinking", "signature"])?;
                fields.required_text("thinking")?;
                fields.required_text("signature")?;
            }
            "redacted_thinking" => {
                fields.only(&["type", "data"])?;
                fields.required_text("data")?;
            }
            // Blocks of the tools that Anthropic runs itself: not played here, but welcome in a history.
            _ if is_of_server_tool(kind) => {}
            _ => {
                let message = format!(
                    "Input tag '{kind}' found using 'type' does not match any of the expected tags"
                );
                return Err(MessagesError::at(&path, &message));
            }
        }
        Ok(())
    }

    fn nested(
        &mut self,
        content: &Value,
        path: &str,
        size: &mut Size,
    ) -> Result<(), MessagesError> {
        let inner = self.content(content, Speaker::Tool, path)?;
        size.text_bytes += inner.text_bytes;
        size.media += inner.media;
        Ok(())
    }

    fn text(&self, fields: Fields<'_, '_>, speaker: Speaker) -> Result<usize, MessagesError> {
        fields.only(&["type", "text", "cache_control", "citations"])?;
        let text = fields.required_text("text")?;
        let cited = fields.get("citations").and_then(Value::as_array);
        if self.version == Version::V2026
            && speaker == Speaker::User
            && cited.is_some_and(|citations| !citations.is_empty())
        {
            return Err(fields
                .wrong("citations", "citations are not allowed in user messages")
                .into());
        }
        if text.is_empty() {
            return Err(MessagesError::at("messages", "text content blocks must be non-empty"));
        }
        if text.trim().is_empty() {
            let message = "text content blocks must contain non-whitespace text";
            return Err(MessagesError::at("messages", message));
        }
        Ok(text.len())
    }
}

fn check_speaker(
    kind: &str,
    speaker: Speaker,
    version: Version,
    path: &str,
) -> Result<(), MessagesError> {
    let allowed = match (kind, speaker) {
        ("text", _) => true,
        (_, Speaker::System) => false,
        ("image" | "search_result", Speaker::User | Speaker::Tool) => true,
        ("document", Speaker::Assistant) => version == Version::V2023,
        ("document", _) => true,
        ("tool_result", _) => speaker == Speaker::User,
        ("tool_use" | "thinking" | "redacted_thinking", _) => speaker == Speaker::Assistant,
        ("image" | "search_result", Speaker::Assistant) => false,
        _ => true,
    };
    if allowed {
        return Ok(());
    }
    let message = match kind {
        "tool_use" => "`tool_use` blocks can only be in `assistant` messages".to_owned(),
        "tool_result" => "`tool_result` blocks can only be in `user` messages".to_owned(),
        _ => format!("`{kind}` blocks are not permitted here"),
    };
    Err(MessagesError::at(path, &message))
}

fn tool_use(fields: Fields<'_, '_>) -> Result<(), MessagesError> {
    fields.only(&["type", "id", "name", "input", "cache_control", "caller", "toolset_name"])?;
    id(fields, "id")?;
    let name = fields.required_text("name")?;
    if !is_plain_word(name, 128) {
        return Err(fields
            .wrong("name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
            .into());
    }
    if !fields.required("input")?.is_object() {
        return Err(fields.wrong("input", "Input should be a valid dictionary").into());
    }
    Ok(())
}

fn id(fields: Fields<'_, '_>, name: &str) -> Result<(), MessagesError> {
    if is_plain_word(fields.required_text(name)?, ID_LENGTH_MAX) {
        return Ok(());
    }
    Err(fields.wrong(name, "String should match pattern '^[a-zA-Z0-9_-]+$'").into())
}

fn source(fields: Fields<'_, '_>, media_types: &[&str]) -> Result<(), MessagesError> {
    let value = fields.required("source")?;
    let path = fields.path_of("source");
    let source = Fields::of(value, &path)?;
    let is_document = fields.object.get("type").is_some_and(|kind| kind == "document");
    match source.required_text("type")? {
        "base64" => {
            source.only(&["type", "media_type", "data"])?;
            source.required_word("media_type", media_types)?;
            let data = source.required_text("data")?;
            if data.is_empty() || base64::decode(data).is_none() {
                return Err(source.wrong("base64.data", "invalid base64 data").into());
            }
        }
        "url" => {
            source.only(&["type", "url"])?;
            let url = source.required_text("url")?;
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(source.wrong("url.url", "Only HTTPS URLs are supported.").into());
            }
        }
        "text" if is_document => {
            source.only(&["type", "media_type", "data"])?;
            source.required_word("media_type", &["text/plain"])?;
            source.required_text("data")?;
        }
        "content" if is_document => {
            source.only(&["type", "content"])?;
            source.required("content")?;
        }
        "file" => {
            source.only(&["type", "file_id"])?;
            source.required_text("file_id")?;
        }
        kind => {
            let message = format!(
                "Input tag '{kind}' found using 'type' does not match any of the expected tags"
            );
            return Err(MessagesError::at(&path, &message));
        }
    }
    Ok(())
}

fn is_of_server_tool(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "container_upload" | "mcp_tool_use" | "compaction")
        || kind.ends_with("_tool_result")
}
