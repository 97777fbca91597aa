//! Streams of `InvokeModel`: the model's own events, wrapped in frames.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

/// The event inside of a frame of the type `chunk`: for Claude an event of Anthropic's stream. The frame's padding is
/// left out. `None` if the payload is not of that form.
pub fn invoke_chunk(payload: &[u8]) -> Option<Vec<u8>> {
    let chunk: Chunk = serde_json::from_slice(payload).ok()?;
    STANDARD.decode(chunk.bytes.as_ref()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_own_event_comes_out_of_its_frame() {
        let event = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#;
        let payload = serde_json::json!({ "bytes": STANDARD.encode(event), "p": "abcd" });
        assert_eq!(invoke_chunk(payload.to_string().as_bytes()).as_deref(), Some(&event[..]));
        for bad in ["", "{}", r#"{"bytes":7}"#, r#"{"bytes":"?"}"#, "[]"] {
            assert_eq!(invoke_chunk(bad.as_bytes()), None, "{bad}");
        }
    }
}
