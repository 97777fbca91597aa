//! `POST /v1/completions`, the API before chats: a text goes on.

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::answers;
use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::chat_request::{field, wrong_type};
use super::super::directives::{Directives, Fault};
use super::super::errors::{ApiError, ErrorBody};
use super::super::pieces::Pieces;
use super::super::provider_error::ProviderError;
use super::super::requests::unix_ms;
use super::super::stream_answer::{self, Script, Step};
use super::super::tokens::{self, PromptTokens};
use super::super::usage::report;

/// What an answer has at most if the request does not say.
const TOKENS: u64 = 16;
const CHOICES_MAX: u64 = 128;

/// A request that makes sense, and the texts that answer it.
#[derive(Debug)]
struct Completion {
    id: String,
    model: String,
    texts: Vec<(Pieces, &'static str)>,
    prompt_tokens: u64,
    stream: bool,
    include_usage: bool,
    directives: Directives,
}

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let completion = match Completion::new(&body, &call) {
        Ok(completion) => completion,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(completion.stream).await? {
        return Ok(response);
    }
    call.progress.bill().charge_prompt(PromptTokens::uncached(completion.prompt_tokens));
    call.wait().await;
    if completion.stream {
        let script = CompletionStream { completion, at: 0 };
        return Ok(answers::events(stream_answer::body(call, script)));
    }
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return std::future::pending().await;
    }
    call.progress.bill().charge_completion(completion.tokens());
    let document = completion.document();
    Ok(answers::document(call, &document))
}

impl Completion {
    fn new(body: &Map<String, Value>, call: &Call) -> Result<Self, ApiError> {
        let number = |name: &str| match field(body, name).map(Value::as_u64) {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => Err(wrong_type(name, "an integer")),
        };
        let prompts = prompts(body)?;
        let each = number("n")?.unwrap_or(1);
        if !(1..=CHOICES_MAX).contains(&each) {
            return Err(wrong_type("n", "an integer from 1 to 128"));
        }
        let stops = match field(body, "stop") {
            None => vec![],
            Some(Value::String(stop)) => vec![stop.clone()],
            Some(Value::Array(stops)) if stops.len() <= 4 && stops.iter().all(Value::is_string) => {
                stops.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(_) => return Err(wrong_type("stop", "a string, or up to four")),
        };
        let stream = field(body, "stream").is_some_and(|stream| stream == true);
        let options = field(body, "stream_options");
        if options.is_some() && !stream {
            let message =
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(ApiError::invalid("stream_options", None, message));
        }
        let tokens_max = number("max_tokens")?.unwrap_or(TOKENS);
        let choices = prompts.len() * usize::try_from(each).unwrap_or(1);
        let text = |choice| {
            let words = Pieces::words(choice, call.directives.tokens, &call.directives);
            let (words, stop) = words.until(&stops);
            let (words, complete) = words.capped(tokens_max);
            (words, if stop.is_none() && !complete { "length" } else { "stop" })
        };
        Ok(Self {
            id: format!("cmpl-{:016x}", call.number),
            model: call.requested.clone(),
            texts: (0..choices).map(text).collect(),
            prompt_tokens: prompts.iter().map(tokens::of_embedding_input).sum(),
            stream,
            include_usage: options.is_some_and(|options| options["include_usage"] == true),
            directives: call.directives.clone(),
        })
    }

    fn tokens(&self) -> u64 {
        self.texts.iter().map(|(text, _)| text.tokens()).sum()
    }

    fn document(&self) -> Value {
        let choices = self.texts.iter().enumerate().map(|(index, (text, finish))| {
            json!({ "text": text.whole(), "index": index, "logprobs": null, "finish_reason": finish })
        });
        let mut document = self.head();
        document["choices"] = choices.collect();
        if let Some(usage) = self.usage() {
            document["usage"] = usage;
        }
        document
    }

    fn head(&self) -> Value {
        let created = unix_ms() / 1_000;
        json!({ "id": self.id, "object": "text_completion", "created": created, "model": self.model })
    }

    fn usage(&self) -> Option<Value> {
        let (prompt, completion) = (
            report(self.prompt_tokens, &self.directives)?,
            report(self.tokens(), &self.directives)?,
        );
        let total = prompt.saturating_add(completion);
        Some(
            json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total }),
        )
    }
}

/// The prompts one by one, whichever of the four shapes they came in.
fn prompts(body: &Map<String, Value>) -> Result<Vec<Value>, ApiError> {
    let expected = || wrong_type("prompt", "a string, an array of strings, or arrays of token ids");
    let prompts = match field(body, "prompt") {
        None => vec![json!("<|endoftext|>")],
        Some(text @ Value::String(_)) => vec![text.clone()],
        Some(Value::Array(ids)) if ids.first().is_some_and(Value::is_u64) => vec![json!(ids)],
        Some(Value::Array(prompts)) => prompts.clone(),
        Some(_) => return Err(expected()),
    };
    let well_formed = |prompt: &Value| match prompt {
        Value::String(_) => true,
        Value::Array(ids) => ids.iter().all(Value::is_u64),
        _ => false,
    };
    (!prompts.is_empty() && prompts.iter().all(well_formed)).then_some(prompts).ok_or_else(expected)
}

/// The texts as a stream, a piece of each in turn.
#[derive(Debug)]
struct CompletionStream {
    completion: Completion,
    at: usize,
}

impl CompletionStream {
    fn line(&self, data: &[u8]) -> Vec<u8> {
        let end: &[u8] = if self.completion.directives.crlf { b"\r\n" } else { b"\n" };
        [b"data: ", data, end, end].concat()
    }

    fn chunk(&self, choices: Value, usage: Option<Value>) -> Vec<u8> {
        let mut chunk = self.completion.head();
        chunk["choices"] = choices;
        if self.completion.include_usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        self.line(chunk.to_string().as_bytes())
    }

    fn choice(index: usize, text: &str, finish: Option<&str>) -> Value {
        json!([{ "text": text, "index": index, "logprobs": null, "finish_reason": finish }])
    }
}

impl Script for CompletionStream {
    fn head(&self) -> usize {
        0
    }

    fn pieces(&self) -> u64 {
        self.completion.texts.iter().map(|(text, _)| text.count() as u64).sum()
    }

    fn next(&mut self) -> Option<Step> {
        let texts = &self.completion.texts;
        let longest = texts.iter().map(|(text, _)| text.count()).max().unwrap_or(0);
        loop {
            let (at, of) = (self.at, texts.len());
            self.at += 1;
            let (choice, index) = (at % of, at / of);
            if let Some(piece) = texts[choice].0.get(index) {
                let bytes = self.chunk(Self::choice(choice, &piece.text, None), None);
                let output = piece.tokens;
                return Some(Step {
                    bytes,
                    output,
                    piece: true,
                    gap: choice == 0,
                    ..Step::default()
                });
            }
            if index < longest {
                continue;
            }
            let bytes = match at - longest * of {
                finished if finished < of => {
                    self.chunk(Self::choice(finished, "", Some(texts[finished].1)), None)
                }
                beyond if beyond == of && self.completion.include_usage => {
                    self.chunk(json!([]), self.completion.usage())
                }
                beyond if beyond <= of + usize::from(self.completion.include_usage) => {
                    return Some(Step {
                        bytes: self.line(b"[DONE]"),
                        last: true,
                        ..Step::default()
                    });
                }
                _ => return None,
            };
            return Some(Step { bytes, ..Step::default() });
        }
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(b": waiting\n\n".to_vec())
    }

    fn garbage(&self) -> Vec<u8> {
        self.line(b"{\"id\":\"cmpl-\xff\xfe\",\"choices\":[{")
    }

    fn failure(&self) -> Vec<u8> {
        let error = ApiError::failure(&self.completion.directives);
        let error = serde_json::to_vec(&ErrorBody { error: &error });
        self.line(&error.unwrap_or_default())
    }
}
