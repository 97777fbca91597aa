//! `POST /v1/audio/speech`: sounds that depend on nothing but the text. Charged by the character; a stream of events
//! tells tokens at its end.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::chat_request::{field, wrong_type};
use super::super::directives::Fault;
use super::super::errors::ApiError;
use super::super::event_lines::EventLines;
use super::super::stream_answer::{self, Script, Step};
use super::super::tokens;
use super::super::{answers, base64};

const CHARACTERS_MAX: usize = 4_096;
/// A second of sound is so many tokens and says so many characters.
const TOKENS_PER_PIECE: u64 = 20;
const CHARACTERS_PER_PIECE: usize = 15;
const TYPES: [(&str, &str); 6] = [
    ("mp3", "audio/mpeg"),
    ("opus", "audio/opus"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("pcm", "audio/pcm"),
];

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SpeechRequest {
    input: String,
    content_type: &'static str,
    events: bool,
}

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let request = match SpeechRequest::parse(&call.body) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(request.events).await? {
        return Ok(response);
    }
    call.progress.bill().charge_characters(request.input.chars().count() as u64);
    call.wait().await;
    if request.events {
        let script = SpeechStream { lines: EventLines::new(&call.directives), request, at: 0 };
        return Ok(answers::events(stream_answer::body(call, script)));
    }
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let sound = request.pieces().concat();
    Ok(answers::bytes(call, request.content_type, sound))
}

impl SpeechRequest {
    fn parse(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let text = |name: &str| {
            let message = format!("Missing required parameter: '{name}'.");
            let missing = || ApiError::invalid(name, Some("missing_required_parameter"), message);
            let value = field(body, name).ok_or_else(missing)?;
            value.as_str().filter(|text| !text.is_empty()).ok_or_else(|| wrong_type(name, "a text"))
        };
        let input = text("input")?.to_owned();
        if input.chars().count() > CHARACTERS_MAX {
            let message = format!(
                "Invalid 'input': string too long. Expected a string with maximum length {CHARACTERS_MAX}."
            );
            return Err(ApiError::invalid("input", Some("string_above_max_length"), message));
        }
        if !field(body, "voice").is_some_and(Value::is_object) {
            text("voice")?;
        }
        let format = field(body, "response_format").and_then(Value::as_str).unwrap_or("mp3");
        let known = TYPES.iter().find(|(name, _)| *name == format);
        let (_, content_type) =
            known.ok_or_else(|| wrong_type("response_format", "a known format"))?;
        let events = field(body, "stream_format").and_then(Value::as_str) == Some("sse");
        Ok(Self { input, content_type, events })
    }

    /// The sound, a second at a time.
    fn pieces(&self) -> Vec<Vec<u8>> {
        let characters: Vec<char> = self.input.chars().collect();
        let piece = |chars: &[char]| {
            let text: String = chars.iter().collect();
            [b"\xff\xfb".as_slice(), text.as_bytes()].concat()
        };
        characters.chunks(CHARACTERS_PER_PIECE).map(piece).collect()
    }
}

/// A sound in events.
#[derive(Debug)]
struct SpeechStream {
    lines: EventLines,
    request: SpeechRequest,
    at: usize,
}

impl Script for SpeechStream {
    fn head(&self) -> usize {
        0
    }

    fn pieces(&self) -> u64 {
        self.request.pieces().len() as u64
    }

    fn next(&mut self) -> Option<Step> {
        let pieces = self.request.pieces();
        let at = self.at;
        self.at += 1;
        if let Some(piece) = pieces.get(at) {
            let document = json!({ "type": "speech.audio.delta", "audio": base64::encode(piece) });
            let bytes = self.lines.event(&document);
            return Some(Step {
                bytes,
                output: TOKENS_PER_PIECE,
                piece: true,
                gap: true,
                ..Step::default()
            });
        }
        let input = tokens::of_embedding_input(&json!(self.request.input));
        let output = pieces.len() as u64 * TOKENS_PER_PIECE;
        let usage = json!({ "input_tokens": input, "output_tokens": output, "total_tokens": input + output });
        let document = json!({ "type": "speech.audio.done", "usage": usage });
        let bytes = self.lines.event(&document);
        (at == pieces.len()).then(|| Step { bytes, last: true, ..Step::default() })
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(self.lines.comment())
    }

    fn garbage(&self) -> Vec<u8> {
        self.lines.raw("speech.audio.delta", b"{\"type\":\"\xff\xfe")
    }

    fn failure(&self) -> Vec<u8> {
        let error = json!({ "type": "error", "error": { "type": "server_error", "message": "The server had an error." } });
        self.lines.event(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_a_voice_are_needed() {
        let parse = |body: Value| SpeechRequest::parse(body.as_object().unwrap()).ok();
        let good = parse(json!({ "input": "hello", "voice": "alloy", "response_format": "wav" }));
        assert_eq!(good.map(|request| request.content_type), Some("audio/wav"));
        for wrong in [
            json!({ "input": "hello" }),
            json!({ "voice": "alloy" }),
            json!({ "input": "x".repeat(4_097), "voice": "alloy" }),
            json!({ "input": "hello", "voice": "alloy", "response_format": "midi" }),
        ] {
            assert_eq!(parse(wrong.clone()), None, "{wrong}");
        }
    }
}
