//! The answer to a Messages request: planned, charged, and sent plain or as a stream.

use hyper::Response;
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Directives;
use super::super::generation::generate;
use super::super::message_plan::{Block, Content, MessagePlan, Stop};
use super::super::stream_answer;
use super::errors::MessagesError;
use super::request::{MessagesRequest, Purpose};
use super::stream::MessageStream;
use super::{Caller, usage};

/// Answers a call that was made for a message or for a count.
pub async fn answer(
    mut call: Call,
    caller: &Caller<'_>,
    purpose: Purpose,
) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match MessagesRequest::parse(&body, &call.name, caller, purpose) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<MessagesError>(request.stream).await? {
        return Ok(response);
    }
    if purpose == Purpose::Count {
        call.wait().await;
        return Ok(answers::document(call, &json!({ "input_tokens": request.prompt_tokens })));
    }
    let plan = MessagePlan::new(request.wanted(call.directives.tools), &call.directives, 0);
    let message = Message {
        number: call.number,
        model: call.requested.clone(),
        service_tier: request.service_tier,
        plan,
    };
    // The provider starts to work now, however long its first byte takes.
    call.progress.bill().charge_prompt(message.plan.prompt);
    if !request.stream {
        call.wait().await;
        generate(&call, &message.plan).await;
        let document = message.document(&call.directives);
        return Ok(answers::document(call, &document));
    }
    if !call.directives.head_first {
        call.wait().await;
    }
    let stream = MessageStream::new(message, call.directives.clone());
    Ok(answers::events(stream_answer::body(call, stream)))
}

/// A message as Anthropic writes it.
#[derive(Debug)]
pub struct Message {
    /// The number of the request, for ids.
    pub number: u64,
    /// The model as requested.
    pub model: String,
    /// The tier that served it.
    pub service_tier: &'static str,
    /// What it says.
    pub plan: MessagePlan,
}

impl Message {
    /// The whole message.
    pub fn document(&self, directives: &Directives) -> Value {
        let content = self.plan.blocks.iter().enumerate().map(|(at, block)| self.block(at, block));
        let (output, reasoning) = (self.plan.output(), self.plan.reasoning());
        let mut document = self.head(output, reasoning, directives);
        document["content"] = content.collect();
        if let (Value::Object(document), Value::Object(end)) = (&mut document, self.end(directives))
        {
            document.extend(end);
        }
        document
    }

    /// The message before it says anything, with what has been used of its output.
    pub fn head(&self, output: u64, reasoning: u64, directives: &Directives) -> Value {
        let mut document = json!({
            "id": format!("msg_{:024x}", self.number),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "stop_details": null,
        });
        let (prompt, tier) = (self.plan.prompt, self.service_tier);
        if let Some(usage) = usage::of_message(prompt, output, reasoning, tier, directives) {
            document["usage"] = usage;
        }
        document
    }

    /// How the message ends.
    pub fn end(&self, directives: &Directives) -> Value {
        let truth = match &self.plan.stop {
            Stop::End => "end_turn",
            Stop::Length => "max_tokens",
            Stop::Sequence(_) => "stop_sequence",
            Stop::Tool => "tool_use",
        };
        let reason = directives.stop.as_deref().unwrap_or(truth);
        let sequence = match &self.plan.stop {
            Stop::Sequence(sequence) if reason == "stop_sequence" => Some(sequence.as_str()),
            _ => None,
        };
        let details = (reason == "refusal")
            .then(|| json!({ "type": "refusal", "category": null, "explanation": null }));
        json!({ "stop_reason": reason, "stop_sequence": sequence, "stop_details": details })
    }

    /// A block with all that is in it.
    pub fn block(&self, at: usize, block: &Block) -> Value {
        let mut document = self.empty_block(at, block);
        match block.content {
            Content::Thinking => {
                document["thinking"] = json!(block.pieces.whole());
                document["signature"] = json!(self.plan.signature(at, self.number));
            }
            Content::Preamble | Content::Text => document["text"] = json!(block.pieces.whole()),
            Content::Tool(_) => document["input"] = block.input(),
            Content::Redacted => {}
        }
        document
    }

    /// A block as it begins: what redacted thinking holds is there at once.
    pub fn empty_block(&self, at: usize, block: &Block) -> Value {
        match &block.content {
            Content::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
            Content::Redacted => {
                json!({ "type": "redacted_thinking", "data": self.plan.signature(at, self.number) })
            }
            Content::Preamble | Content::Text => json!({ "type": "text", "text": "" }),
            Content::Tool(call) => {
                let id = self.plan.call_id(at, "toolu_", self.number);
                json!({ "type": "tool_use", "id": id, "name": call.name, "input": {} })
            }
        }
    }
}
