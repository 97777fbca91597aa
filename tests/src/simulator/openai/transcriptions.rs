//! `POST /v1/audio/transcriptions` and `/translations`: words as many as the sound has seconds. Whisper is charged by the
//! second, the GPT models by the token.

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
use super::super::tokens::PromptTokens;
use super::super::{answers, form, words};

/// Tokens of a second of sound.
const TOKENS_PER_SECOND: u64 = 10;
const FORMATS: [&str; 5] = ["json", "text", "srt", "verbose_json", "vtt"];

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq)]
struct SoundRequest {
    task: &'static str,
    seconds: f64,
    format: String,
    stream: bool,
    by_token: bool,
}

/// Answers a call; `task`: `transcribe` or `translate`.
pub async fn answer(mut call: Call, task: &'static str) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match SoundRequest::parse(&body, &call.name, task) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(request.stream).await? {
        return Ok(response);
    }
    let bill = call.progress.bill();
    if request.by_token {
        bill.charge_prompt(PromptTokens::uncached(request.input_tokens()));
    } else {
        bill.charge_sound((request.seconds * 1e3).round() as u64);
    }
    call.wait().await;
    if request.stream {
        let script = TextStream { lines: EventLines::new(&call.directives), request, at: 0 };
        return Ok(answers::events(stream_answer::body(call, script)));
    }
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    if request.by_token {
        call.progress.bill().charge_completion(request.words());
    }
    Ok(match request.format.as_str() {
        "json" => answers::document(call, &request.document()),
        "verbose_json" => answers::document(call, &request.verbose()),
        "text" => {
            answers::bytes(call, "text/plain; charset=utf-8", format!("{}\n", request.text()))
        }
        "srt" => answers::bytes(call, "text/plain; charset=utf-8", request.subtitles("", ',')),
        _ => answers::bytes(call, "text/vtt; charset=utf-8", request.subtitles("WEBVTT\n\n", '.')),
    })
}

impl SoundRequest {
    fn parse(body: &Map<String, Value>, model: &str, task: &'static str) -> Result<Self, ApiError> {
        let file = field(body, "file").ok_or_else(|| {
            let message = "Missing required parameter: 'file'.";
            ApiError::invalid("file", Some("missing_required_parameter"), message)
        })?;
        let seconds =
            form::bytes_of(file).as_deref().and_then(seconds_of_wav).ok_or_else(|| {
                ApiError::invalid("file", None, "Invalid file format. Supported formats: ['wav']")
            })?;
        let by_token = model.starts_with("gpt-");
        let text = |name: &str| field(body, name).and_then(Value::as_str);
        let format = text("response_format").unwrap_or("json").to_owned();
        let known = FORMATS.contains(&format.as_str())
            && (!by_token || format == "json" || format == "text");
        if !known {
            let message =
                format!("response_format '{format}' is not compatible with model '{model}'.");
            return Err(ApiError::invalid("response_format", Some("unsupported_value"), message));
        }
        // Whisper knows no streams, and ignores the wish.
        let stream = match text("stream") {
            None | Some("false") => false,
            Some("true") => by_token && task == "transcribe",
            Some(_) => return Err(wrong_type("stream", "a boolean")),
        };
        Ok(Self { task, seconds, format, stream, by_token })
    }

    fn words(&self) -> u64 {
        self.seconds.ceil() as u64
    }

    fn input_tokens(&self) -> u64 {
        (self.seconds * TOKENS_PER_SECOND as f64).ceil() as u64
    }

    fn text(&self) -> String {
        words::text(0, usize::try_from(self.words()).unwrap_or(0))
    }

    fn usage(&self) -> Value {
        let (input, output) = (self.input_tokens(), self.words());
        if !self.by_token {
            return json!({ "type": "duration", "seconds": self.seconds.ceil() as u64 });
        }
        json!({
            "type": "tokens",
            "input_tokens": input,
            "input_token_details": { "text_tokens": 0, "audio_tokens": input },
            "output_tokens": output,
            "total_tokens": input + output,
        })
    }

    fn document(&self) -> Value {
        json!({ "text": self.text(), "usage": self.usage() })
    }

    fn verbose(&self) -> Value {
        let segment = json!({ "id": 0, "start": 0.0, "end": self.seconds, "text": self.text() });
        json!({
            "task": self.task,
            "language": "english",
            "duration": self.seconds,
            "text": self.text(),
            "segments": [segment],
            "usage": self.usage(),
        })
    }

    fn subtitles(&self, head: &str, point: char) -> String {
        let ms = (self.seconds * 1e3).round() as u64;
        let (minutes, seconds, ms) = (ms / 60_000, ms / 1_000 % 60, ms % 1_000);
        let end = format!("00:{minutes:02}:{seconds:02}{point}{ms:03}");
        format!("{head}1\n00:00:00{point}000 --> {end}\n{}\n\n", self.text())
    }
}

/// How long a WAV of uncompressed sound is; its chunks are looked for, as players do.
fn seconds_of_wav(bytes: &[u8]) -> Option<f64> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut rate = None;
    loop {
        let (name, size) = (rest.get(..4)?, rest.get(4..8)?);
        let size = u32::from_le_bytes(size.try_into().ok()?) as usize;
        rest = rest.get(8..)?;
        match name {
            b"fmt " => rate = Some(u32::from_le_bytes(rest.get(8..12)?.try_into().ok()?)),
            b"data" => return Some(size.min(rest.len()) as f64 / f64::from(rate?.max(1))),
            _ => {}
        }
        rest = rest.get(size + size % 2..)?;
    }
}

/// Words as they are understood.
#[derive(Debug)]
struct TextStream {
    lines: EventLines,
    request: SoundRequest,
    at: u64,
}

impl Script for TextStream {
    fn head(&self) -> usize {
        0
    }

    fn pieces(&self) -> u64 {
        self.request.words()
    }

    fn next(&mut self) -> Option<Step> {
        let at = self.at;
        self.at += 1;
        if at < self.request.words() {
            let word = words::word_of(0, usize::try_from(at).ok()?, false);
            let document = json!({ "type": "transcript.text.delta", "delta": word });
            let bytes = self.lines.event(&document);
            return Some(Step { bytes, output: 1, piece: true, gap: true, ..Step::default() });
        }
        let (text, usage) = (self.request.text(), self.request.usage());
        let document = json!({ "type": "transcript.text.done", "text": text, "usage": usage });
        let bytes = self.lines.event(&document);
        (at == self.request.words()).then(|| Step { bytes, last: true, ..Step::default() })
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(self.lines.comment())
    }

    fn garbage(&self) -> Vec<u8> {
        self.lines.raw("transcript.text.delta", b"{\"type\":\"\xff\xfe")
    }

    fn failure(&self) -> Vec<u8> {
        let error = json!({ "type": "error", "error": { "type": "server_error", "message": "The server had an error." } });
        self.lines.event(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two and a half seconds of silence, 8,000 bytes each.
    fn wav() -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(8_000_u32.to_le_bytes());
        bytes.extend(8_000_u32.to_le_bytes());
        bytes.extend([1, 0, 8, 0]);
        bytes.extend(b"data");
        bytes.extend(20_000_u32.to_le_bytes());
        bytes.extend(vec![128; 20_000]);
        bytes
    }

    #[test]
    fn a_sound_is_as_long_as_its_header_and_bytes_say() {
        assert_eq!(seconds_of_wav(&wav()), Some(2.5));
        assert_eq!(seconds_of_wav(b"ID3"), None);
        assert_eq!(seconds_of_wav(&wav()[..30]), None);
    }

    #[test]
    fn subtitles_end_with_the_sound() {
        let file =
            json!({ "filename": "a.wav", "bytes": super::super::super::base64::encode(&wav()) });
        let body = json!({ "file": file, "response_format": "srt" });
        let request =
            SoundRequest::parse(body.as_object().unwrap(), "whisper-1", "transcribe").unwrap();
        assert!(request.subtitles("", ',').starts_with("1\n00:00:00,000 --> 00:00:02,500\n"));
        let usage = request.usage();
        assert_eq!((&usage["type"], &usage["seconds"]), (&json!("duration"), &json!(3)));
        let gpt = SoundRequest::parse(body.as_object().unwrap(), "gpt-4o-transcribe", "transcribe");
        assert!(gpt.is_err(), "subtitles are Whisper's");
    }
}
