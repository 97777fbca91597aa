//! A whole answer of a provider: is it one, and what did it use?

use crate::formats::openai_chat::usage;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_contract::usage::Usage;

/// What a whole answer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// An answer, with its usage if it has one, and the bytes of its text.
    Good {
        /// The provider's count.
        usage: Option<Usage>,
        /// Whether it had a `usage` that could not be believed.
        usage_refused: bool,
        /// Bytes of text, for our own count.
        text_bytes: u64,
    },
    /// An error in the clothes of a 200.
    Error(String),
    /// Nothing that an app could use.
    Garbage,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Reads a whole body that came with a 2xx.
pub fn read(body: &[u8]) -> Answer {
    let Ok(wire) = serde_json::from_slice::<Wire>(body) else { return Answer::Garbage };
    let given = |value: Option<&RawValue>| {
        value.map(RawValue::get).filter(|text| *text != "null").map(str::to_owned)
    };
    if let Some(error) = given(wire.error) {
        return Answer::Error(super::error::message_of(
            format!("{{\"error\":{error}}}").as_bytes(),
        ));
    }
    let (choices, data) = (wire.choices, wire.data);
    if choices.is_none() && data.is_none() {
        return Answer::Garbage;
    }
    let reported = wire.usage.map(RawValue::get).filter(|text| *text != "null");
    let usage = reported.and_then(usage::read);
    let text_bytes =
        if usage.is_some() { 0 } else { choices.map_or(0, |choices| text_bytes(choices.get())) };
    Answer::Good { usage_refused: reported.is_some() && usage.is_none(), usage, text_bytes }
}

/// Bytes of content in `choices`; needed only where the provider gave no usage.
fn text_bytes(choices: &str) -> u64 {
    #[derive(Deserialize)]
    struct Choice<'a> {
        #[serde(borrow)]
        message: Option<Message<'a>>,
    }
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        content: Option<&'a RawValue>,
        #[serde(borrow)]
        reasoning_content: Option<&'a RawValue>,
        #[serde(borrow)]
        tool_calls: Option<&'a RawValue>,
    }
    let choices: Vec<Choice> = serde_json::from_str(choices).unwrap_or_default();
    let messages = choices.into_iter().filter_map(|choice| choice.message);
    messages
        .flat_map(|message| [message.content, message.reasoning_content, message.tool_calls])
        .flatten()
        .map(|text| text.get().len().saturating_sub(2) as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_errors_and_garbage_are_told_apart() {
        assert_eq!(read(b"<html>oops</html>"), Answer::Garbage);
        assert_eq!(read(b"{}"), Answer::Garbage);
        assert_eq!(read(b"{\"error\":{\"message\":\"no\"}}"), Answer::Error("no".into()));
        let body = br#"{"error":null,"choices":[{"message":{"content":"hello"}}],"usage":{"prompt_tokens":-4}}"#;
        assert_eq!(read(body), Answer::Good { usage: None, usage_refused: true, text_bytes: 5 });
    }
}
