//! What one event of a streamed answer says.

use crate::formats::openai_chat::{error, usage};
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_contract::usage::Usage;

/// The reading of one event's data.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Tokens of content that it brings, by our own rough count.
    pub tokens: u64,
    /// Whether a choice ends.
    pub finished: bool,
    /// The provider's usage.
    pub usage: Option<Usage>,
    /// Whether it had a `usage` that could not be believed.
    pub usage_refused: bool,
    /// Whether it carries nothing but usage: an app that did not ask for usage must not see it.
    pub only_usage: bool,
    /// Whether it is content that an app would show: from here on no other target may answer.
    pub content: bool,
}

/// What one event's data is.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk {
    /// A piece of the answer.
    Piece(Reading),
    /// `[DONE]`.
    Done,
    /// An error after the 200.
    Error(String),
    /// Nothing readable.
    Garbage,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
}

/// Reads an event's data.
pub fn read(data: &[u8]) -> Chunk {
    if data.trim_ascii().starts_with(b"[DONE]") {
        return Chunk::Done;
    }
    let wire: Wire = match serde_json::from_slice(data) {
        Ok(wire) => wire,
        // Valid JSON of another shape is somebody's extension; what is no JSON is no answer.
        Err(problem)
            if problem.is_data()
                && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok() =>
        {
            return Chunk::Piece(Reading::default());
        }
        Err(_) => return Chunk::Garbage,
    };
    if given(wire.error).is_some_and(|error| error != "false") {
        return Chunk::Error(error::message_of(data));
    }
    let mut reading = Reading::default();
    if let Some(reported) = given(wire.usage) {
        reading.usage = usage::read(reported);
        reading.usage_refused = reading.usage.is_none();
    }
    let choices = wire.choices.unwrap_or_default();
    reading.only_usage = choices.is_empty() && given(wire.usage).is_some();
    for choice in choices {
        reading.finished |= given(choice.finish_reason).is_some_and(|reason| reason != "\"\"");
        let Some(delta) = choice.delta else { continue };
        let texts = [delta.content, delta.reasoning_content.or(delta.reasoning), delta.refusal];
        for text in texts.into_iter().filter_map(given) {
            // Without the quotes.
            let bytes = text.len().saturating_sub(2) as u64;
            reading.tokens += tokens_of(bytes);
            reading.content |= bytes > 0;
        }
        if let Some(calls) = given(delta.tool_calls) {
            reading.tokens += arguments_of(calls).map_or(1, tokens_of);
            reading.content = true;
        }
    }
    reading.content |= reading.finished;
    Chunk::Piece(reading)
}

/// Tokens of a piece of text. Providers send about one token per event, so a short piece is one, and a long one is
/// taken at four bytes each.
fn tokens_of(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        1..=12 => 1,
        longer => longer.div_ceil(4),
    }
}

fn arguments_of(calls: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Call {
        function: Option<Function>,
    }
    #[derive(Deserialize)]
    struct Function {
        arguments: Option<String>,
    }
    let calls: Vec<Call> = serde_json::from_str(calls).ok()?;
    let arguments = calls
        .into_iter()
        .filter_map(|call| call.function)
        .filter_map(|function| function.arguments);
    Some(arguments.map(|text| text.len() as u64).sum())
}

fn given(value: Option<&RawValue>) -> Option<&str> {
    value.map(RawValue::get).filter(|text| *text != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_say_what_they_bring() {
        let piece = |text: &str| match read(text.as_bytes()) {
            Chunk::Piece(reading) => reading,
            other => panic!("{other:?} of {text}"),
        };
        let role = piece(
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        );
        assert_eq!(role, Reading::default());
        let text = piece(r#"{"choices":[{"delta":{"content":" river"}}]}"#);
        assert_eq!((text.tokens, text.content), (1, true));
        let end = piece(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#);
        assert!(end.finished && !end.only_usage);
        let usage = piece(r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#);
        assert!(usage.only_usage && usage.usage.is_some_and(|usage| usage.output == 2));
        let refused = piece(r#"{"choices":[],"usage":{"prompt_tokens":-9}}"#);
        assert!(refused.usage_refused && refused.usage.is_none());
    }

    #[test]
    fn ends_errors_and_garbage_are_told_apart() {
        assert_eq!(read(b"[DONE]"), Chunk::Done);
        assert_eq!(
            read(br#"{"error":{"message":"overloaded"}}"#),
            Chunk::Error("overloaded".into())
        );
        assert_eq!(read(b"{\"choices\":[{\"delta\""), Chunk::Garbage);
        assert_eq!(read(b"\xff\xfe"), Chunk::Garbage);
        assert_eq!(read(br#"{"choices":"odd"}"#), Chunk::Piece(Reading::default()));
    }
}
