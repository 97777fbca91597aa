//! What one event of a streamed answer says.

use crate::openai_chat::{error, finish, usage};
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
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    /// Groq's place for usage and errors.
    #[serde(borrow, default)]
    x_groq: Option<Groq<'a>>,
}

#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// The older text completions.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
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
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
}

/// Reads an event's data.
pub fn read(data: &[u8]) -> Chunk {
    if data.trim_ascii().starts_with(b"[DONE]") {
        return Chunk::Done;
    }
    // Serde would take the entries of an array for members.
    if data.starts_with(b"[") && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok() {
        return of_another_shape(data);
    }
    let wire: Wire = match serde_json::from_slice(data) {
        Ok(wire) => wire,
        // Valid JSON of another shape is somebody's extension; what is no JSON is no answer.
        Err(problem)
            if problem.is_data()
                && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok() =>
        {
            return of_another_shape(data);
        }
        Err(_) => return Chunk::Garbage,
    };
    let groq = wire.x_groq.as_ref();
    if given(wire.error).is_some_and(|error| error != "false")
        || given(wire.object) == Some("\"error\"")
    {
        return Chunk::Error(error::message_of(data));
    }
    if let Some(problem) = given(groq.and_then(|groq| groq.error)) {
        return Chunk::Error(error::message_of(format!("{{\"error\":{problem}}}").as_bytes()));
    }
    let mut reading = Reading::default();
    let reported = given(wire.usage).or_else(|| given(groq.and_then(|groq| groq.usage)));
    if let Some(reported) = reported {
        reading.usage = usage::read(reported);
        reading.usage_refused = reading.usage.is_none();
    }
    let choices = wire.choices.unwrap_or_default();
    reading.only_usage = choices.is_empty() && given(wire.usage).is_some();
    for choice in choices {
        if let Some(reason) = given(choice.finish_reason) {
            if let Some(fault) = finish::fault_of(reason.trim_matches('"')) {
                return Chunk::Error(fault.message);
            }
            reading.finished |= reason != "\"\"";
        }
        count(choice, &mut reading);
    }
    reading.content |= reading.finished;
    Chunk::Piece(reading)
}

/// Counts what a choice brings.
fn count(choice: Choice, reading: &mut Reading) {
    let delta = choice.delta.unwrap_or_default();
    let reasoning = given(delta.reasoning_content).or_else(|| given(delta.reasoning));
    let texts = [given(choice.text), given(delta.content), reasoning, given(delta.refusal)];
    for text in texts.into_iter().flatten() {
        // Without the quotes, or the brackets of a list of parts.
        let bytes = text.len().saturating_sub(2) as u64;
        reading.tokens += tokens_of(bytes);
        reading.content |= bytes > 0;
    }
    for calls in [given(delta.tool_calls), given(delta.function_call)] {
        if let Some(calls) = calls.filter(|calls| *calls != "[]") {
            reading.tokens += arguments_of(calls).map_or(1, tokens_of);
            reading.content = true;
        }
    }
}

/// JSON that is no chunk: Google wraps errors into an array.
fn of_another_shape(data: &[u8]) -> Chunk {
    if let Some(message) = error::wrapped(data) {
        return Chunk::Error(message);
    }
    Chunk::Piece(Reading::default())
}

/// Tokens of a piece of text. Providers send about one token per event, so a short piece is one, and a long one is
/// taken at four bytes each.
pub fn tokens_of(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        1..=12 => 1,
        longer => longer.div_ceil(4),
    }
}

/// Bytes of the arguments, which some servers write as an object.
fn arguments_of(calls: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Call<'a> {
        #[serde(borrow)]
        function: Option<Function<'a>>,
        #[serde(borrow)]
        arguments: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Function<'a> {
        #[serde(borrow)]
        arguments: Option<&'a RawValue>,
    }
    let calls: Vec<Call> = match calls.as_bytes().first() {
        Some(b'{') => vec![serde_json::from_str(calls).ok()?],
        _ => serde_json::from_str(calls).ok()?,
    };
    let mut bytes = 0;
    for call in calls {
        let arguments = call.function.and_then(|function| function.arguments).or(call.arguments);
        bytes += match given(arguments) {
            Some(text) if text.starts_with('"') => text.len().saturating_sub(2) as u64,
            Some(text) => text.len() as u64,
            None => 0,
        };
    }
    Some(bytes)
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
    fn pieces_are_counted_in_the_odd_shapes_too() {
        let cases = [
            (r#"{"choices":[{"delta":{"content":[{"type":"text","text":"hi"}]}}]}"#, true, false),
            (r#"{"choices":[{"delta":{"content":[]}}]}"#, false, false),
            (r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#, true, false),
            (r#"{"choices":[{"text":"hi","finish_reason":null}]}"#, true, false),
            (r#"{"choices":[{"delta":{"tool_calls":[]}}]}"#, false, false),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":{"x":1}}}]}}]}"#,
                true,
                false,
            ),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\"x\":1}"}}]}}]}"#,
                true,
                false,
            ),
            (
                r#"{"choices":[{"delta":{"function_call":{"name":"f","arguments":"{}"}}}]}"#,
                true,
                false,
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":1}}}"#,
                true,
                true,
            ),
        ];
        for (text, content, usage) in cases {
            let Chunk::Piece(reading) = read(text.as_bytes()) else { panic!("{text}") };
            assert_eq!((reading.content, reading.usage.is_some()), (content, usage), "{text}");
            assert_eq!(reading.tokens > 0, content && !reading.finished, "{text}");
            assert!(!reading.only_usage, "{text}");
        }
    }

    #[test]
    fn ends_errors_and_garbage_are_told_apart() {
        assert_eq!(read(b"[DONE]"), Chunk::Done);
        assert_eq!(
            read(br#"{"error":{"message":"overloaded"}}"#),
            Chunk::Error("overloaded".into())
        );
        let errors = [
            r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
            r#"[{"error":{"code":400,"message":"m"}}]"#,
            r#"{"choices":[],"x_groq":{"id":"r","error":"m"}}"#,
        ];
        for text in errors {
            assert_eq!(read(text.as_bytes()), Chunk::Error("m".into()), "{text}");
        }
        let starved =
            br#"{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}"#;
        assert!(matches!(read(starved), Chunk::Error(_)));
        assert_eq!(read(b"{\"choices\":[{\"delta\""), Chunk::Garbage);
        assert_eq!(read(b"\xff\xfe"), Chunk::Garbage);
        assert_eq!(read(br#"{"choices":"odd"}"#), Chunk::Piece(Reading::default()));
    }
}
