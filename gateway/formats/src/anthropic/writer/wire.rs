//! The events of a stream.

use crate::{anthropic::usage::write_usage, json::object};
use serde::Serialize;
use std::io::Write;
use tollgate_contract::usage::Usage;

/// A block of text at its start.
pub(super) const TEXT_BLOCK: &str = r#"{"type":"text","text":""}"#;

/// A block of thinking at its start.
pub(super) const THINKING_BLOCK: &str = r#"{"type":"thinking","thinking":"","signature":""}"#;

/// The type of a delta, and the member that has its piece.
pub(super) type Delta = (&'static str, &'static str);

pub(super) const TEXT: Delta = ("text_delta", "text");
pub(super) const THINKING: Delta = ("thinking_delta", "thinking");
pub(super) const SIGNATURE: Delta = ("signature_delta", "signature");
pub(super) const INPUT: Delta = ("input_json_delta", "partial_json");

/// Writing to memory cannot fail, and texts and whole numbers can always be written.
fn json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

pub(super) fn message_start(id: &str, model: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: message_start\ndata: ");
    object(out, |event| {
        event.put("type", "message_start").object("message", |message| {
            message
                .put("id", id)
                .put("type", "message")
                .put("role", "assistant")
                .put("model", model)
                .put_text("content", "[]")
                .put_text("stop_reason", "null")
                .put_text("stop_sequence", "null")
                .object("usage", |usage| write_usage(usage, &Usage::default()));
        });
    });
    out.extend_from_slice(b"\n\n");
}

/// A block starts; `block` is JSON.
pub(super) fn block_start(index: u64, block: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
    );
    json(&index, out);
    out.extend_from_slice(b",\"content_block\":");
    // An event's data is one line; between the tokens of JSON any white space is the same.
    out.extend(block.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    out.extend_from_slice(b"}\n\n");
}

pub(super) fn call_start(index: u64, id: &str, name: &str, out: &mut Vec<u8>) {
    let mut block = Vec::with_capacity(96);
    object(&mut block, |block| {
        block.put("type", "tool_use").put("id", id).put("name", name).put_text("input", "{}");
    });
    block_start(index, &String::from_utf8_lossy(&block), out);
}

pub(super) fn delta(index: u64, (kind, member): Delta, piece: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
    );
    json(&index, out);
    let _ = write!(out, ",\"delta\":{{\"type\":\"{kind}\",\"{member}\":");
    json(piece, out);
    out.extend_from_slice(b"}}\n\n");
}

pub(super) fn block_stop(index: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
    );
    json(&index, out);
    out.extend_from_slice(b"}\n\n");
}

/// Why the answer ended and what it used, as far as the provider told.
pub(super) fn message_delta(
    reason: &str,
    sequence: Option<&str>,
    usage: Option<&Usage>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"event: message_delta\ndata: ");
    object(out, |event| {
        event
            .put("type", "message_delta")
            .object("delta", |delta| {
                delta.put("stop_reason", reason).put("stop_sequence", sequence);
            })
            .object("usage", |object| match usage {
                Some(usage) => write_usage(object, usage),
                // The only number that clients demand.
                None => {
                    object.put("output_tokens", 0);
                }
            });
    });
    out.extend_from_slice(b"\n\n");
}

pub(super) fn message_stop(out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}
