//! `POST /v2/chat`: planned, charged, and sent plain or as a stream.

use hyper::Response;
use serde_json::{Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Directives;
use super::super::generation::generate;
use super::super::message_plan::{Content, MessagePlan, Stop};
use super::super::{answers, stream_answer};
use super::errors::CohereError;
use super::request::ChatRequest;
use super::stream::ChatStream;
use super::usage::{self, OVERHEAD_INPUT, OVERHEAD_OUTPUT};

/// The words of the plan that Cohere makes before it calls tools.
const PLAN_WORDS: usize = 4;

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match ChatRequest::parse(&body, &call.name) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<CohereError>(request.stream).await? {
        return Ok(response);
    }
    let wanted = request.wanted(call.directives.tools);
    let plan = MessagePlan::new(wanted, &call.directives, PLAN_WORDS);
    let message = Message { number: call.number, plan };
    // The provider starts to work now, however long its first byte takes.
    let bill = call.progress.bill();
    bill.charge_prompt(message.plan.prompt);
    bill.count_unbilled(OVERHEAD_INPUT, OVERHEAD_OUTPUT);
    if !request.stream {
        call.wait().await;
        generate(&call, &message.plan).await;
        let document = message.document(&call.directives);
        return Ok(answers::document(call, &document));
    }
    if !call.directives.head_first {
        call.wait().await;
    }
    let stream = ChatStream::new(message, call.directives.clone());
    Ok(answers::events(stream_answer::body(call, stream)))
}

/// A message as Cohere writes it.
#[derive(Debug)]
pub struct Message {
    /// The number of the request, for ids.
    pub number: u64,
    /// What it says.
    pub plan: MessagePlan,
}

impl Message {
    /// The whole answer. Thinking that is not shown is not there at all.
    pub fn document(&self, directives: &Directives) -> Value {
        let mut message = json!({ "role": "assistant" });
        let (mut content, mut calls) = (Vec::new(), Vec::new());
        for (at, block) in self.plan.blocks.iter().enumerate() {
            let text = block.pieces.whole();
            match &block.content {
                Content::Thinking if text.is_empty() => {}
                Content::Redacted => {}
                Content::Thinking => content.push(json!({ "type": "thinking", "thinking": text })),
                Content::Text => content.push(json!({ "type": "text", "text": text })),
                Content::Preamble => message["tool_plan"] = json!(text),
                Content::Tool(call) => {
                    // A call without arguments: this is what the real one has been seen to say.
                    let arguments = if block.pieces.count() == 0 { "null" } else { &text };
                    calls.push(self.call(at, &call.name, arguments));
                }
            }
        }
        if !content.is_empty() {
            message["content"] = Value::Array(content);
        }
        if !calls.is_empty() {
            message["tool_calls"] = Value::Array(calls);
        }
        let mut document = self.end(directives);
        document["id"] = json!(super::answer_id(self.number));
        document["message"] = message;
        document
    }

    /// Why the answer ends, and what it used.
    pub fn end(&self, directives: &Directives) -> Value {
        let truth = match self.plan.stop {
            Stop::End => "COMPLETE",
            Stop::Length => "MAX_TOKENS",
            Stop::Sequence(_) => "STOP_SEQUENCE",
            Stop::Tool => "TOOL_CALL",
        };
        let mut end = json!({ "finish_reason": directives.stop.as_deref().unwrap_or(truth) });
        if let Some(usage) = usage::of_chat(self.plan.prompt, self.plan.output(), directives) {
            end["usage"] = usage;
        }
        end
    }

    /// The tool call at this place.
    pub fn call(&self, at: usize, name: &str, arguments: &str) -> Value {
        let id = self.plan.call_id(at, &format!("{name}_"), self.number);
        let function = json!({ "name": name, "arguments": arguments });
        json!({ "id": id, "type": "function", "function": function })
    }
}
