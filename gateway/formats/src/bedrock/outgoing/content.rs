//! Content blocks of a request. A block is an object with exactly one member, which says what it is.

use super::media::{self, DocumentNames};
use crate::{
    bedrock::model::Model,
    conversation::{
        CacheMark, Media, MediaKind, Part, PartKind, Role, Signature, Source, Turn,
        arguments_object,
    },
    json::{List, Object},
};

/// Writes the messages.
pub(super) fn write_messages(body: &mut Object, turns: &[Turn], model: &Model) {
    let mut names = DocumentNames::default();
    body.list("messages", |messages| {
        for turn in turns {
            let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
            messages.object(|message| {
                message.put("role", role).list("content", |content| {
                    for part in &turn.parts {
                        write_part(content, part, model, &mut names);
                        write_cache_point(content, part.cache);
                    }
                });
            });
        }
    });
}

/// Writes the rules.
pub(super) fn write_system(body: &mut Object, system: &[Part]) {
    if system.is_empty() {
        return;
    }
    body.list("system", |blocks| {
        for part in system {
            if let Some(text) = part.as_text() {
                write_text(blocks, text);
                write_cache_point(blocks, part.cache);
            }
        }
    });
}

/// Writes a cache point behind what is to be cached. Five minutes are the default, which all models know.
pub(super) fn write_cache_point(blocks: &mut List, mark: Option<CacheMark>) {
    let Some(mark) = mark else { return };
    blocks.object(|block| {
        block.object("cachePoint", |point| {
            point.put("type", "default");
            if mark == CacheMark::OneHour {
                point.put("ttl", "1h");
            }
        });
    });
}

fn write_text(blocks: &mut List, text: &str) {
    blocks.object(|block| {
        block.put("text", text);
    });
}

fn write_part(blocks: &mut List, part: &Part, model: &Model, names: &mut DocumentNames) {
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => write_text(blocks, text),
        PartKind::Media(file) => write_file(blocks, file, names),
        PartKind::Reasoning { text, signature } => {
            blocks.object(|block| {
                block.object("reasoningContent", |content| {
                    content.object("reasoningText", |reasoning| {
                        let signature = signature.as_ref().map(|signature| &signature.data);
                        reasoning.put("text", text).put_some("signature", signature);
                    });
                });
            });
        }
        PartKind::Sealed(Signature { data, .. }) => {
            blocks.object(|block| {
                block.object("reasoningContent", |content| {
                    content.put("redactedContent", data);
                });
            });
        }
        PartKind::ToolCall { id, name, arguments, .. } => {
            blocks.object(|block| {
                block.object("toolUse", |call| {
                    call.put("toolUseId", id)
                        .put("name", name)
                        .put("input", arguments_object(arguments));
                });
            });
        }
        PartKind::ToolResult { id, parts, error, .. } => {
            blocks.object(|block| {
                block.object("toolResult", |result| {
                    result.put("toolUseId", id).list("content", |content| {
                        if parts.is_empty() {
                            write_text(content, if *error { "The tool failed." } else { "." });
                        }
                        parts.iter().for_each(|part| write_part(content, part, model, names));
                    });
                    if *error && model.takes_status() {
                        result.put("status", "error");
                    }
                });
            });
        }
        // Left out where the turns are brought in order.
        PartKind::Native(..) => {}
    }
}

fn write_file(blocks: &mut List, file: &Media, names: &mut DocumentNames) {
    let kind = match file.kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    };
    blocks.object(|block| {
        block.object(kind, |object| {
            object.put_some("format", media::word(file));
            if file.kind == MediaKind::Document {
                object.put("name", names.name(file.name.as_deref()));
            }
            object.object("source", |source| match &file.source {
                Source::Base64(data) => {
                    source.put("bytes", data);
                }
                Source::Url(uri) => {
                    source.object("s3Location", |location| {
                        location.put("uri", uri);
                    });
                }
                // Refused or made base 64 where the file was fitted.
                Source::Text(_) | Source::FileId(_) => {}
            });
        });
    });
}
