//! The answer to a request for content or for a count.

use hyper::Response;
use serde_json::{Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Directives;
use super::super::generation::generate;
use super::super::message_plan::{Block, Content, MessagePlan, Stop};
use super::super::signatures::{self, Place};
use super::super::{answers, stream_answer};
use super::errors::GeminiError;
use super::request::{GenerateRequest, is_third};
use super::stream::GeminiStream;
use super::{Verb, contents, usage};

/// Answers a call.
pub async fn answer(mut call: Call, verb: Verb) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match GenerateRequest::parse(&body, &call.name) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    let streams = matches!(verb, Verb::StreamArray | Verb::StreamEvents);
    if let Some(response) = call.fault_instead::<GeminiError>(streams).await? {
        return Ok(response);
    }
    if verb == Verb::Count {
        call.wait().await;
        return Ok(answers::document(call, &json!({ "totalTokens": request.prompt_tokens })));
    }
    let plan = MessagePlan::new(request.wanted(call.directives.tools), &call.directives, 0);
    let message = Message {
        number: call.number,
        model: call.name.clone(),
        shows_thoughts: request.shows_thoughts,
        plan,
    };
    call.progress.bill().charge_prompt(message.plan.prompt);
    if !streams {
        call.wait().await;
        generate(&call, &message.plan).await;
        let document = message.document(&call.directives);
        return Ok(answers::document(call, &document));
    }
    if !call.directives.head_first {
        call.wait().await;
    }
    let array = verb == Verb::StreamArray;
    let stream = GeminiStream::new(message, call.directives.clone(), array);
    let body = stream_answer::body(call, stream);
    Ok(if array { answers::array(body) } else { answers::events(body) })
}

/// An answer as Google writes it.
#[derive(Debug)]
pub struct Message {
    /// The number of the request, for ids.
    pub number: u64,
    /// The model that answers.
    pub model: String,
    /// Whether thoughts are shown.
    pub shows_thoughts: bool,
    /// What it says.
    pub plan: MessagePlan,
}

impl Message {
    /// The whole answer.
    pub fn document(&self, directives: &Directives) -> Value {
        let blocks = self.plan.blocks.iter().enumerate();
        let parts: Vec<Value> =
            blocks.filter_map(|(at, block)| self.part(at, block, &block.pieces.whole())).collect();
        let mut document = self.chunk(parts, Some(directives));
        if let Some(usage) = usage::of(&self.plan, directives) {
            document["usageMetadata"] = usage;
        }
        document
    }

    /// A chunk with these parts; with its end if it is the last.
    pub fn chunk(&self, parts: Vec<Value>, end: Option<&Directives>) -> Value {
        let mut candidate = json!({ "index": 0 });
        if !parts.is_empty() || end.is_none() {
            candidate["content"] = json!({ "role": "model", "parts": parts });
        }
        if let Some(directives) = end {
            let truth = match self.plan.stop {
                Stop::Length => "MAX_TOKENS",
                Stop::End | Stop::Sequence(_) | Stop::Tool => "STOP",
            };
            candidate["finishReason"] = json!(directives.stop.as_deref().unwrap_or(truth));
        }
        json!({
            "candidates": [candidate],
            "modelVersion": self.model,
            "responseId": format!("resp{:020x}", self.number),
        })
    }

    /// A part of a block, if it is shown.
    pub fn part(&self, at: usize, block: &Block, text: &str) -> Option<Value> {
        match &block.content {
            Content::Thinking if self.shows_thoughts && !text.is_empty() => {
                Some(json!({ "text": text, "thought": true }))
            }
            Content::Thinking | Content::Redacted => None,
            Content::Preamble | Content::Text => Some(json!({ "text": text })),
            Content::Tool(call) => {
                let mut part =
                    json!({ "functionCall": { "name": call.name, "args": block.input() } });
                if is_third(&self.model) {
                    part["functionCall"]["id"] = json!(self.plan.call_id(at, "fc_", self.number));
                    if self.is_first_call(at) {
                        let place = Place { answer: self.number, index: 0, of: 1 };
                        let signature = signatures::sign(place, &contents::signed(&call.name));
                        part["thoughtSignature"] = json!(signature);
                    }
                }
                Some(part)
            }
        }
    }

    fn is_first_call(&self, at: usize) -> bool {
        let mut before = self.plan.blocks.iter().take(at);
        !before.any(|block| matches!(block.content, Content::Tool(_)))
    }
}
