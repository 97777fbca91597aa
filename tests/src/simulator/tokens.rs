//! The provider's own token counts: simple rules that a test can work out by hand.

use serde_json::Value;

/// One token per four bytes, rounded up.
pub const fn of_bytes(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// The prompt of a chat: 3, and 3 + text/4 for each message, 85 for each image, tools as JSON/4.
pub fn of_chat_prompt(messages: &[Value], tools: &[Value]) -> u64 {
    let tools_tokens = if tools.is_empty() { 0 } else { of_bytes(json_bytes(tools)) };
    3 + tools_tokens + messages.iter().map(of_message).sum::<u64>()
}

/// One input of an embedding request: text by its bytes, token ids by their number.
pub fn of_embedding_input(input: &Value) -> u64 {
    match input {
        Value::String(text) => of_bytes(text.len()),
        Value::Array(ids) => ids.len() as u64,
        _ => 0,
    }
}

fn of_message(message: &Value) -> u64 {
    let (text_bytes, images) = match &message["content"] {
        Value::String(text) => (text.len(), 0),
        Value::Array(parts) => {
            let text_bytes =
                parts.iter().filter_map(|part| part["text"].as_str()).map(str::len).sum();
            let images = parts.iter().filter(|part| part["type"] == "image_url").count();
            (text_bytes, images)
        }
        _ => (0, 0),
    };
    3 + of_bytes(text_bytes) + 85 * images as u64
}

/// The length of the tools as compact JSON, whatever white space the caller sent.
fn json_bytes(tools: &[Value]) -> usize {
    serde_json::to_vec(tools).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_prompt_is_counted_by_rule() {
        let text = |content: Value| vec![json!({ "role": "user", "content": content })];
        let image = json!({ "type": "image_url", "image_url": { "url": "https://x/y.png" } });
        let cases = [
            (vec![], 3),
            (text(json!("")), 6),
            (text(json!("abcd")), 7),
            (text(json!("abcde")), 8),
            (text(json!("é")), 7),
            (text(json!([{ "type": "text", "text": "abc" }, { "type": "text", "text": "de" }])), 8),
            (text(json!([{ "type": "text", "text": "abcd" }, image, image])), 177),
            (text(Value::Null), 6),
        ];
        for (messages, expected) in cases {
            assert_eq!(of_chat_prompt(&messages, &[]), expected, "{messages:?}");
        }
    }

    #[test]
    fn tools_count_as_compact_json() {
        // [{"type":"x"}] has 14 bytes.
        assert_eq!(of_chat_prompt(&[], &[json!({ "type": "x" })]), 3 + 4);
    }

    #[test]
    fn embedding_inputs_are_text_or_ids() {
        assert_eq!(of_embedding_input(&json!("abcde")), 2);
        assert_eq!(of_embedding_input(&json!([1, 2, 3])), 3);
    }
}
