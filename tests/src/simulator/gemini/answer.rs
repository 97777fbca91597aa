//! The answer to a request for content or for a count.

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::{Directives, Fault, Refusal};
use super::super::generation::generate;
use super::super::message_plan::{Block, Content, MessagePlan, Stop};
use super::super::pieces::Pieces;
use super::super::provider_error::ProviderError;
use super::super::signatures::{self, Place};
use super::super::tokens::PromptTokens;
use super::super::{answers, stream_answer};
use super::contents::{SIGNED_TEXT, signed_call};
use super::errors::{GoogleError, InArray};
use super::families::Family;
use super::proto::Host;
use super::request::{self, GenerateRequest};
use super::stream::{Framing, GeminiStream};
use super::usage::Used;

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// As one document.
    Plain,
    /// As server-sent events.
    Events,
    /// As one JSON array, piece by piece.
    Array,
}

/// Answers a call for content.
pub async fn generate_content(
    call: Call,
    host: Host,
    sending: Sending,
) -> Result<Response<Body>, Cut> {
    if sending == Sending::Array {
        content::<InArray>(call, host, sending, InArray).await
    } else {
        content::<GoogleError>(call, host, sending, |error| error).await
    }
}

async fn content<E: ProviderError>(
    mut call: Call,
    host: Host,
    sending: Sending,
    shape: fn(GoogleError) -> E,
) -> Result<Response<Body>, Cut> {
    let checker = request::checker(&call.name, host);
    let request = match GenerateRequest::parse(&call.body, checker) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&shape(error))),
    };
    // A prompt that is not to be answered is no error here.
    if call.directives.fault == Some(Fault::Refuse(Refusal::ContentFilter)) {
        call.directives.fault = None;
        call.directives.blocked_prompt.get_or_insert_with(|| "SAFETY".to_owned());
    }
    if let Some(response) = call.fault_instead::<E>(sending != Sending::Plain).await? {
        return Ok(response);
    }
    let answer = Answer::new(&call, &request, host);
    call.progress.bill().charge_prompt(answer.prompt);
    if sending == Sending::Plain {
        call.wait().await;
        for plan in &answer.candidates {
            generate(&call, plan).await;
        }
        let document = answer.document();
        return Ok(answers::document(call, &document));
    }
    if !call.directives.head_first {
        call.wait().await;
    }
    let framing = Framing::new(sending == Sending::Array, &call.directives);
    let body = stream_answer::body(call, GeminiStream::new(answer, framing));
    Ok(if sending == Sending::Array { answers::array(body) } else { answers::events(body) })
}

/// Answers a call for a count. It costs nothing.
pub async fn count_tokens(mut call: Call, host: Host) -> Result<Response<Body>, Cut> {
    let tokens = match request::count(&call.body, request::checker(&call.name, host)) {
        Ok(tokens) => tokens,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<GoogleError>(false).await? {
        return Ok(response);
    }
    call.wait().await;
    let details = json!([{ "modality": "TEXT", "tokenCount": tokens }]);
    let document = json!({ "totalTokens": tokens, "promptTokensDetails": details });
    Ok(answers::document(call, &document))
}

/// An answer as Google writes it.
#[derive(Debug)]
pub struct Answer {
    /// What each candidate says.
    pub candidates: Vec<MessagePlan>,
    /// The prompt that they answer.
    pub prompt: PromptTokens,
    /// What was asked of the simulator.
    pub directives: Directives,
    host: Host,
    number: u64,
    model: String,
    family: Family,
}

impl Answer {
    fn new(call: &Call, request: &GenerateRequest, host: Host) -> Self {
        let mut directives = call.directives.clone();
        directives.omitted_thinking |= !request.config.shows_thoughts;
        // Nobody is charged for writing to a cache here.
        (directives.cache_write, directives.cache_write_1h) = (0, 0);
        let plan = MessagePlan::new(request.wanted(directives.tools), &directives, 0);
        let prompt = plan.prompt;
        let count = if directives.blocked_prompt.is_some() { 0 } else { request.config.candidates };
        Self {
            candidates: (0..count).map(|run| of_run(&plan, run)).collect(),
            prompt,
            directives,
            host,
            number: call.number,
            model: call.name.clone(),
            family: Family::of(&call.name),
        }
    }

    /// The whole answer.
    pub fn document(&self) -> Value {
        if self.candidates.is_empty() {
            return self.blocked();
        }
        let candidates = self.candidates.iter().enumerate().map(|(index, plan)| {
            let blocks = plan.blocks.iter().enumerate();
            let parts = blocks
                .filter_map(|(at, block)| self.part(index, at, &block.pieces.whole(), true))
                .collect();
            self.candidate(index, parts, true)
        });
        let mut document = self.envelope();
        document.insert("candidates".to_owned(), candidates.collect());
        self.add_usage(&mut document, self.used());
        Value::Object(document)
    }

    /// What stands in place of an answer to a prompt that is blocked.
    pub fn blocked(&self) -> Value {
        let mut document = self.envelope();
        let reason = self.directives.blocked_prompt.as_deref().unwrap_or("OTHER");
        document.insert("promptFeedback".to_owned(), json!({ "blockReason": reason }));
        self.add_usage(&mut document, Used { prompt: self.prompt, ..Used::default() });
        Value::Object(document)
    }

    /// One event of a stream: some parts of a candidate.
    pub fn chunk(&self, index: usize, parts: Vec<Value>, last: bool, usage: Option<Used>) -> Value {
        let mut document = self.envelope();
        let candidate = self.candidate(index, parts, last);
        document.insert("candidates".to_owned(), json!([candidate]));
        match usage {
            Some(used) => self.add_usage(&mut document, used),
            None => {
                document.insert("usageMetadata".to_owned(), super::usage::traffic().into());
            }
        }
        Value::Object(document)
    }

    /// A candidate; `last` says whether it ends here.
    fn candidate(&self, index: usize, parts: Vec<Value>, last: bool) -> Value {
        let mut candidate = Map::from_iter([("index".to_owned(), json!(index))]);
        // Where nothing was said, there is not even an empty list.
        let content = if parts.is_empty() {
            json!({ "role": "model" })
        } else {
            json!({ "role": "model", "parts": parts })
        };
        candidate.insert("content".to_owned(), content);
        if last && !self.directives.no_finish {
            candidate.insert("finishReason".to_owned(), json!(self.finish_reason(index)));
        }
        Value::Object(candidate)
    }

    fn finish_reason(&self, index: usize) -> &str {
        let cut = self.candidates.get(index).is_some_and(|plan| plan.stop == Stop::Length);
        let truth = if cut { "MAX_TOKENS" } else { "STOP" };
        self.directives.stop.as_deref().unwrap_or(truth)
    }

    /// A part of a block, if it is shown; `whole` says whether the block ends with it.
    pub fn part(&self, index: usize, at: usize, text: &str, whole: bool) -> Option<Value> {
        let plan = self.candidates.get(index)?;
        let block = plan.blocks.get(at)?;
        match &block.content {
            Content::Thinking if text.is_empty() => None,
            Content::Redacted => None,
            Content::Thinking => Some(json!({ "text": text, "thought": true })),
            Content::Preamble | Content::Text => {
                let mut part = json!({ "text": text });
                let last = at + 1 == plan.blocks.len();
                if whole && last && self.family.signs_calls() {
                    part["thoughtSignature"] = json!(self.sign(0, SIGNED_TEXT));
                }
                Some(part)
            }
            Content::Tool(call) => {
                if !self.is_called(index, at) {
                    return None;
                }
                let mut function = json!({ "name": call.name, "args": block.input() });
                let mut part = json!({});
                if self.family.signs_calls() {
                    function["id"] = json!(plan.call_id(at, "call_", self.number));
                    if is_first_call(&plan.blocks, at) {
                        part["thoughtSignature"] = json!(self.sign(at, &signed_call(&call.name)));
                    }
                }
                part["functionCall"] = function;
                Some(part)
            }
        }
    }

    /// A call whose arguments are cut short is not made at all, nor one that is said to be broken.
    pub fn is_called(&self, index: usize, at: usize) -> bool {
        let Some(plan) = self.candidates.get(index) else { return false };
        let Some(block) = plan.blocks.get(at) else { return false };
        let broken = ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"];
        let text = block.pieces.whole();
        let complete = text.is_empty() || serde_json::from_str::<Value>(&text).is_ok();
        complete && !self.directives.stop.as_deref().is_some_and(|stop| broken.contains(&stop))
    }

    fn sign(&self, at: usize, text: &str) -> String {
        let index = u8::try_from(at).unwrap_or(u8::MAX);
        signatures::sign(Place { answer: self.number, index, of: 1 }, text)
    }

    /// All that the answer uses.
    fn used(&self) -> Used {
        let sum = |of: fn(&MessagePlan) -> u64| self.candidates.iter().map(of).sum::<u64>();
        let thoughts = sum(MessagePlan::reasoning);
        Used { prompt: self.prompt, candidates: sum(MessagePlan::output) - thoughts, thoughts }
    }

    fn add_usage(&self, document: &mut Map<String, Value>, used: Used) {
        if let Some(usage) = used.told(self.host, &self.directives) {
            document.insert("usageMetadata".to_owned(), usage);
        }
    }

    fn envelope(&self) -> Map<String, Value> {
        Map::from_iter([
            ("modelVersion".to_owned(), json!(self.model)),
            ("responseId".to_owned(), json!(format!("{:016x}", self.number))),
        ])
    }

    /// Whether the end of a candidate comes in an event of its own.
    pub fn finishes_later(&self) -> bool {
        self.directives.finish_later || self.family.finishes_later()
    }
}

fn is_first_call(blocks: &[Block], at: usize) -> bool {
    !blocks.iter().take(at).any(|block| matches!(block.content, Content::Tool(_)))
}

/// The same plan with the words of another run, so that mixed-up candidates show.
fn of_run(plan: &MessagePlan, candidate: usize) -> MessagePlan {
    let mut plan = plan.clone();
    for block in &mut plan.blocks {
        if let (Content::Text, Pieces::Words { run, .. }) = (&block.content, &mut block.pieces) {
            *run = candidate;
        }
    }
    plan
}
