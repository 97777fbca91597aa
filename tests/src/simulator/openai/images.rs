//! `POST /v1/images/generations` and `/edits`: pictures that depend on nothing but what was asked for. GPT image models
//! are charged by the token and always give bytes, DALL·E by the picture.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::chat_request::{field, wrong_type};
use super::super::directives::Fault;
use super::super::errors::ApiError;
use super::super::event_lines::EventLines;
use super::super::form;
use super::super::requests::unix_ms;
use super::super::stream_answer::{self, Script, Step};
use super::super::tokens::{self, PromptTokens};
use super::super::{answers, base64};

/// Tokens of one picture, made or given.
const TOKENS_MADE: u64 = 272;
const TOKENS_GIVEN: u64 = 258;
const MOST: u64 = 10;

/// A request that makes sense.
#[derive(Debug, Clone)]
struct ImageRequest {
    prompt: String,
    count: u64,
    /// Pictures that are to be changed.
    given: u64,
    /// Whether it is one of the models that count tokens.
    by_token: bool,
    url: bool,
    stream: bool,
    partial: u64,
    edit: bool,
}

/// Answers a call; `edit`: of pictures that are given.
pub async fn answer(mut call: Call, edit: bool) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match ImageRequest::parse(&body, &call.name, edit) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(request.stream).await? {
        return Ok(response);
    }
    let bill = call.progress.bill();
    if request.by_token {
        bill.charge_prompt(PromptTokens::uncached(request.text_tokens() + request.image_tokens()));
    } else {
        bill.charge_images(request.count);
    }
    call.wait().await;
    if request.stream {
        let script = ImageStream { lines: EventLines::new(&call.directives), request, at: 0 };
        return Ok(answers::events(stream_answer::body(call, script)));
    }
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    if request.by_token {
        bill_output(&call, request.count);
    }
    let document = request.document();
    Ok(answers::document(call, &document))
}

fn bill_output(call: &Call, count: u64) {
    call.progress.bill().charge_completion(count * TOKENS_MADE);
}

impl ImageRequest {
    fn parse(body: &Map<String, Value>, model: &str, edit: bool) -> Result<Self, ApiError> {
        let missing = |name: &str| {
            let message = format!("Missing required parameter: '{name}'.");
            ApiError::invalid(name, Some("missing_required_parameter"), message)
        };
        let prompt = text(body, "prompt")?.filter(|prompt| !prompt.is_empty());
        let prompt = prompt.ok_or_else(|| missing("prompt"))?.to_owned();
        let by_token = model.starts_with("gpt-image");
        let url = match text(body, "response_format")? {
            Some(_) if by_token => {
                let message = "Unknown parameter: 'response_format'.";
                let code = Some("unknown_parameter");
                return Err(ApiError::invalid("response_format", code, message));
            }
            Some("b64_json") => false,
            None | Some("url") => !by_token,
            Some(_) => return Err(wrong_type("response_format", "'url' or 'b64_json'")),
        };
        let count = number(body, "n")?.unwrap_or(1);
        if !(1..=MOST).contains(&count) {
            let message = format!("Invalid 'n': expected 1 to {MOST}.");
            return Err(ApiError::invalid("n", Some("integer_above_max_value"), message));
        }
        let given = match field(body, "image") {
            None if edit => return Err(missing("image")),
            None => 0,
            Some(Value::Array(files)) => files.iter().filter(|file| is_png(file)).count() as u64,
            Some(file) => u64::from(is_png(file)),
        };
        if edit && given == 0 {
            let message = "Invalid image file or mode for image 0, please check your image file.";
            return Err(ApiError::invalid("image", Some("invalid_image_file"), message));
        }
        let stream = matches!(field(body, "stream"), Some(Value::Bool(true)))
            || text(body, "stream").ok().flatten() == Some("true");
        let partial = number(body, "partial_images")?.unwrap_or(0).min(3);
        Ok(Self { prompt, count, given, by_token, url, stream, partial, edit })
    }

    fn text_tokens(&self) -> u64 {
        tokens::of_embedding_input(&json!(self.prompt))
    }

    const fn image_tokens(&self) -> u64 {
        self.given * TOKENS_GIVEN
    }

    fn usage(&self) -> Value {
        let (text, image) = (self.text_tokens(), self.image_tokens());
        let output = self.count * TOKENS_MADE;
        json!({
            "input_tokens": text + image,
            "input_tokens_details": { "text_tokens": text, "image_tokens": image },
            "output_tokens": output,
            "total_tokens": text + image + output,
        })
    }

    fn document(&self) -> Value {
        let data = (0..self.count).map(|index| {
            if self.url {
                json!({ "url": format!("https://images.example/{index}.png"), "revised_prompt": self.prompt })
            } else {
                json!({ "b64_json": base64::encode(&picture(&self.prompt, index)) })
            }
        });
        let data: Vec<Value> = data.collect();
        let mut document = json!({ "created": unix_ms() / 1_000, "data": data });
        if self.by_token {
            document["usage"] = self.usage();
        }
        document
    }
}

/// Bytes that begin like a PNG and hold the prompt.
fn picture(prompt: &str, index: u64) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(index.to_be_bytes());
    bytes.extend(prompt.as_bytes());
    bytes
}

fn is_png(file: &Value) -> bool {
    form::bytes_of(file).is_some_and(|bytes| bytes.starts_with(b"\x89PNG"))
}

/// Forms have texts only.
fn number(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, ApiError> {
    match field(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| wrong_type(name, "an integer"))
        }
        Some(value) => value.as_u64().map(Some).ok_or_else(|| wrong_type(name, "an integer")),
    }
}

fn text<'b>(body: &'b Map<String, Value>, name: &str) -> Result<Option<&'b str>, ApiError> {
    match field(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_)) => Ok(None),
        Some(_) => Err(wrong_type(name, "a string")),
    }
}

/// A picture that comes into sight, and then is there.
#[derive(Debug)]
struct ImageStream {
    lines: EventLines,
    request: ImageRequest,
    at: u64,
}

impl ImageStream {
    const fn name(&self) -> &'static str {
        if self.request.edit { "image_edit" } else { "image_generation" }
    }
}

impl Script for ImageStream {
    fn head(&self) -> usize {
        0
    }

    fn pieces(&self) -> u64 {
        self.request.partial + 1
    }

    fn next(&mut self) -> Option<Step> {
        let (at, partial) = (self.at, self.request.partial);
        self.at += 1;
        if at > partial {
            return None;
        }
        let picture =
            base64::encode(&picture(&self.request.prompt, if at < partial { at + 1 } else { 0 }));
        let document = if at < partial {
            json!({ "type": format!("{}.partial_image", self.name()), "b64_json": picture, "partial_image_index": at })
        } else {
            let name = format!("{}.completed", self.name());
            json!({ "type": name, "b64_json": picture, "usage": self.request.usage() })
        };
        let last = at == partial;
        Some(Step {
            bytes: self.lines.event(&document),
            output: if last { TOKENS_MADE } else { 0 },
            piece: true,
            gap: true,
            last,
            ..Step::default()
        })
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        Some(self.lines.comment())
    }

    fn garbage(&self) -> Vec<u8> {
        self.lines.raw("image_generation.partial_image", b"{\"type\":\"\xff\xfe")
    }

    fn failure(&self) -> Vec<u8> {
        let error = json!({ "type": "error", "error": { "type": "server_error", "message": "The server had an error." } });
        self.lines.event(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: Value, model: &str, edit: bool) -> Result<ImageRequest, ApiError> {
        ImageRequest::parse(body.as_object().unwrap(), model, edit)
    }

    #[test]
    fn models_differ_in_what_they_give_and_charge() {
        let gpt = parse(json!({ "prompt": "a cat", "n": 2 }), "gpt-image-1", false).unwrap();
        let document = gpt.document();
        assert_eq!(document["data"].as_array().unwrap().len(), 2);
        assert_eq!(document["usage"]["output_tokens"], 2 * TOKENS_MADE);
        let dalle = parse(json!({ "prompt": "a cat" }), "dall-e-3", false).unwrap().document();
        assert_eq!((dalle["usage"].is_null(), dalle["data"][0]["url"].is_string()), (true, true));
    }

    #[test]
    fn an_edit_needs_a_picture() {
        let png = json!({ "filename": "a.png", "bytes": base64::encode(b"\x89PNG\r\n\x1a\nx") });
        let edit =
            |image: Value| parse(json!({ "prompt": "p", "image": image }), "gpt-image-1", true);
        assert_eq!(edit(json!([png, png])).unwrap().given, 2);
        assert_eq!(edit(png).unwrap().image_tokens(), TOKENS_GIVEN);
        assert!(edit(json!({ "filename": "a.png", "bytes": "AAAA" })).is_err());
        for wrong in [json!({}), json!({ "prompt": "" }), json!({ "prompt": "p", "n": 11 })] {
            assert!(parse(wrong.clone(), "gpt-image-1", false).is_err(), "{wrong}");
        }
    }
}
