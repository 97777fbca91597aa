//! The provider's own token counts: simple rules that a test can work out by hand.

use serde_json::Value;

use super::directives::Directives;

/// The tokens of a prompt in disjoint buckets, each of which has a price of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptTokens {
    /// Neither read from a cache nor written to one.
    pub uncached: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache for five minutes.
    pub cache_write_5m: u64,
    /// Written to a cache for an hour.
    pub cache_write_1h: u64,
}

impl PromptTokens {
    /// A prompt that counts `tokens`, with what the directives say of caches.
    pub fn new(tokens: u64, directives: &Directives) -> Self {
        let cached = directives.cached.min(tokens);
        Self {
            uncached: tokens - cached,
            cache_read: cached.saturating_add(directives.cache_read),
            cache_write_5m: directives.cache_write,
            cache_write_1h: directives.cache_write_1h,
        }
    }

    /// A prompt where no cache is involved.
    pub const fn uncached(tokens: u64) -> Self {
        Self { uncached: tokens, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0 }
    }

    /// Written to a cache, for whatever time.
    pub const fn cache_write(&self) -> u64 {
        self.cache_write_5m.saturating_add(self.cache_write_1h)
    }

    /// All of the prompt.
    pub const fn total(&self) -> u64 {
        self.uncached.saturating_add(self.cache_read).saturating_add(self.cache_write())
    }
}

/// One token per four bytes, rounded up.
pub const fn of_bytes(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// The prompt of a chat: 3, and 3 + text/4 for each message, 85 for each image, tools as JSON/4.
pub fn of_chat_prompt(messages: &[Value], tools: &[Value]) -> u64 {
    3 + of_tools(tools) + messages.iter().map(of_message).sum::<u64>()
}

/// Tools on offer: their length as compact JSON, whatever white space the caller sent.
pub fn of_tools(tools: &[Value]) -> u64 {
    let json = serde_json::to_vec(tools).unwrap_or_default();
    if tools.is_empty() { 0 } else { of_bytes(json.len()) }
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
    fn a_cache_serves_a_part_of_the_prompt_or_more_than_it() {
        let (_, directives) =
            Directives::of_model("m--cached=9--cache_read=90--cache_write=5--cache_write_1h=2")
                .unwrap();
        let prompt = PromptTokens::new(10, &directives);
        let expected =
            PromptTokens { uncached: 1, cache_read: 99, cache_write_5m: 5, cache_write_1h: 2 };
        assert_eq!((prompt, prompt.total()), (expected, 107));
        assert_eq!(PromptTokens::new(4, &directives).uncached, 0);
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
