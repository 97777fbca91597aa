//! Content blocks of a request.

use super::{tools::unmarked, turns::own};
use crate::{
    anthropic::carry::{cache_control, kept, raw_of},
    conversation::{Media, MediaKind, Part, PartKind, Source, arguments_object},
    json::{List, Object, Raw, list},
};

/// A part as the JSON of its block.
pub(in crate::anthropic) fn block_json(part: &Part) -> Raw {
    let mut out = Vec::new();
    list(&mut out, |list| write_block(list, part));
    let inner = out.get(1..out.len().saturating_sub(1)).unwrap_or_default();
    raw_of(inner)
}

/// Writes contents: one plain text as a string, anything else as blocks.
pub(super) fn write_contents(object: &mut Object, name: &str, parts: &[Part]) {
    match parts {
        [Part { kind: PartKind::Text(text), cache: None, extra }] if extra.is_empty() => {
            object.put(name, text);
        }
        _ => {
            object.list(name, |list| parts.iter().for_each(|part| write_block(list, part)));
        }
    }
}

fn write_block(list: &mut List, part: &Part) {
    if let PartKind::Native(_, raw) = &part.kind {
        list.put_text(unmarked(raw, part.cache.is_some()).get());
        return;
    }
    list.object(|block| {
        write_kind(block, part);
        if let Some(mark) = part.cache {
            block.put_text("cache_control", cache_control(mark));
        }
        let merged = |name: &str| name == "source" && matches!(part.kind, PartKind::Media(_));
        block.put_all(part.extra.iter().filter(|(name, _)| !merged(name)));
    });
}

fn write_kind(block: &mut Object, part: &Part) {
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => {
            block.put("type", "text").put("text", text);
        }
        PartKind::Media(file) => write_file(block, file, part),
        PartKind::Reasoning { text, signature } => {
            block.put("type", "thinking").put("thinking", text).put("signature", own(signature));
        }
        PartKind::Sealed(signature) => {
            block.put("type", "redacted_thinking").put("data", &signature.data);
        }
        PartKind::ToolCall { id, name, arguments, .. } => {
            block
                .put("type", "tool_use")
                .put("id", id)
                .put("name", name)
                .put("input", arguments_object(arguments));
        }
        PartKind::ToolResult { id, parts, error, .. } => {
            block.put("type", "tool_result").put("tool_use_id", id);
            if !parts.is_empty() {
                write_contents(block, "content", parts);
            }
            if *error {
                block.put("is_error", true);
            }
        }
        // Written as it is, outside of an object.
        PartKind::Native(..) => {}
    }
}

fn write_file(block: &mut Object, file: &Media, part: &Part) {
    let image = file.kind == MediaKind::Image;
    block.put("type", if image { "image" } else { "document" });
    block.object("source", |source| {
        match &file.source {
            Source::Base64(data) => source
                .put("type", "base64")
                .put("media_type", file.mime_or_sniffed())
                .put("data", data),
            Source::Text(text) => {
                let mime = file.mime.as_deref().unwrap_or("text/plain");
                source.put("type", "text").put("media_type", mime).put("data", text)
            }
            Source::Url(url) => source.put("type", "url").put("url", url),
            Source::FileId(id) => source.put("type", "file").put("file_id", id),
        };
        source.put_all(&kept(&part.extra, "source"));
    });
    if !image {
        block.put_some("title", file.name.as_ref());
    }
}
