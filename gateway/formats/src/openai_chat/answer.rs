//! A whole answer of a provider: is it one, and what did it use?

mod read;
mod write;

pub use read::{read_answer, read_answer_with_tags};
pub use write::write_answer;
pub(super) use write::{
    BETWEEN_THOUGHTS, is_details, joined_details, shown_id, write_block, write_image, write_members,
};

use crate::openai_chat::{error, finish, usage};
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
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<Groq<'a>>,
}

/// Groq's other place for usage.
#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// Reads a whole body that came with a 2xx.
pub fn read(body: &[u8]) -> Answer {
    // Serde would take the entries of an array for members.
    let object = !body.trim_ascii_start().starts_with(b"[");
    let wire = serde_json::from_slice::<Wire>(body).ok().filter(|_| object);
    let Some(wire) = wire else {
        return error::wrapped(body).map_or(Answer::Garbage, Answer::Error);
    };
    if given(wire.error).is_some() || given(wire.object) == Some("\"error\"") {
        return Answer::Error(error::message_of(body));
    }
    let choices = given(wire.choices);
    if choices.is_none() && wire.data.is_none() {
        return Answer::Garbage;
    }
    let reported = given(wire.usage).or_else(|| given(wire.x_groq.and_then(|groq| groq.usage)));
    let usage = reported.and_then(usage::read);
    let said = choices.map(said).unwrap_or_default();
    if let Some(message) = said.fault {
        return Answer::Error(message);
    }
    let text_bytes = if usage.is_some() { 0 } else { said.bytes };
    Answer::Good { usage_refused: reported.is_some() && usage.is_none(), usage, text_bytes }
}

/// The text of a value that says something.
fn given(value: Option<&RawValue>) -> Option<&str> {
    value.map(RawValue::get).filter(|text| !matches!(*text, "null" | "false"))
}

/// What choices say.
#[derive(Default)]
struct Said {
    /// Bytes of text; needed only where the provider gave no usage.
    bytes: u64,
    /// The failure that a reason to end tells.
    fault: Option<String>,
}

fn said(choices: &str) -> Said {
    #[derive(Deserialize)]
    struct Choice<'a> {
        #[serde(borrow)]
        message: Option<Message<'a>>,
        #[serde(borrow)]
        text: Option<&'a RawValue>,
        #[serde(borrow)]
        finish_reason: Option<&'a RawValue>,
    }
    #[derive(Deserialize, Default)]
    struct Message<'a> {
        #[serde(borrow)]
        content: Option<&'a RawValue>,
        #[serde(borrow)]
        reasoning_content: Option<&'a RawValue>,
        #[serde(borrow)]
        reasoning: Option<&'a RawValue>,
        #[serde(borrow)]
        tool_calls: Option<&'a RawValue>,
    }
    let mut said = Said::default();
    let choices: Vec<Choice> = serde_json::from_str(choices).unwrap_or_default();
    for choice in choices {
        let reason = choice.finish_reason.map(|reason| reason.get().trim_matches('"'));
        said.fault = said.fault.or(reason.and_then(finish::fault_of).map(|fault| fault.message));
        let message = choice.message.unwrap_or_default();
        let reasoning = message.reasoning_content.or(message.reasoning);
        for text in [choice.text, message.content, reasoning, message.tool_calls] {
            said.bytes += text.map_or(0, |text| text.get().len().saturating_sub(2) as u64);
        }
    }
    said
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
        for body in [
            r#"[{"error":{"message":"m"}}]"#,
            r#"{"object":"error","message":"m","code":400}"#,
            r#"{"error":"m"}"#,
        ] {
            assert_eq!(read(body.as_bytes()), Answer::Error("m".into()), "{body}");
        }
        let failed = br#"{"choices":[{"message":{"content":"half"},"finish_reason":"error"}]}"#;
        assert!(matches!(read(failed), Answer::Error(_)));
        let groq =
            br#"{"choices":[],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}}"#;
        assert!(matches!(read(groq), Answer::Good { usage: Some(_), .. }));
    }
}
