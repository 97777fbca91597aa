//! The answer to Converse and ConverseStream: planned, charged, and sent plain or in frames.

use std::time::Instant;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Directives;
use super::super::generation::generate;
use super::super::message_plan::{Block, Content, MessagePlan, Stop};
use super::super::usage::report;
use super::super::{answers, stream_answer};
use super::errors::BedrockError;
use super::request::ConverseRequest;
use super::stream::ConverseStream;

/// Answers a call.
pub async fn answer(mut call: Call, stream: bool) -> Result<Response<Body>, Cut> {
    let started = Instant::now();
    let body = std::mem::take(&mut call.body);
    let request = match ConverseRequest::parse(&body, &call.name) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<BedrockError>(stream).await? {
        return Ok(response);
    }
    let plan = MessagePlan::new(request.wanted(call.directives.tools), &call.directives, 0);
    let message = Message {
        number: call.number,
        response_paths: request.response_paths.iter().map(|path| (*path).to_owned()).collect(),
        service_tier: request.service_tier.cloned(),
        started,
        plan,
    };
    // The provider starts to work now, however long its first byte takes.
    call.progress.bill().charge_prompt(message.plan.prompt);
    if !stream {
        call.wait().await;
        generate(&call, &message.plan).await;
        let document = message.document(&call.directives);
        return Ok(answers::document(call, &document));
    }
    if !call.directives.head_first {
        call.wait().await;
    }
    let stream = ConverseStream::new(message, call.directives.clone());
    Ok(answers::frames(stream_answer::body(call, stream)))
}

/// A message as Bedrock writes it.
#[derive(Debug)]
pub struct Message {
    /// The number of the request, for ids.
    pub number: u64,
    /// What it says.
    pub plan: MessagePlan,
    response_paths: Vec<String>,
    service_tier: Option<Value>,
    started: Instant,
}

impl Message {
    /// The whole answer.
    pub fn document(&self, directives: &Directives) -> Value {
        let content = self.plan.blocks.iter().enumerate().map(|(at, block)| self.block(at, block));
        let message = json!({ "role": "assistant", "content": content.collect::<Vec<_>>() });
        let mut document = json!({ "output": { "message": message } });
        if let Value::Object(document) = &mut document {
            document.extend(self.end(directives));
            document.extend(self.metadata(directives));
        }
        document
    }

    /// Why the answer ends, and what else the caller wanted to know of it.
    pub fn end(&self, directives: &Directives) -> Map<String, Value> {
        let (truth, sequence) = match &self.plan.stop {
            Stop::End => ("end_turn", None),
            Stop::Length => ("max_tokens", None),
            Stop::Sequence(sequence) => ("stop_sequence", Some(sequence)),
            Stop::Tool => ("tool_use", None),
        };
        let mut end = Map::new();
        let reason = directives.stop.as_deref().unwrap_or(truth);
        end.insert("stopReason".to_owned(), json!(reason));
        // The model's own answer is a message in Anthropic's format.
        let native = json!({ "stop_reason": reason, "stop_sequence": sequence });
        let found = self.response_paths.iter().filter_map(|path| {
            Some((path.trim_start_matches('/').to_owned(), native.pointer(path)?.clone()))
        });
        let found: Map<String, Value> = found.collect();
        if !found.is_empty() {
            end.insert("additionalModelResponseFields".to_owned(), Value::Object(found));
        }
        end
    }

    /// Usage and what goes with it.
    pub fn metadata(&self, directives: &Directives) -> Map<String, Value> {
        let mut metadata = Map::new();
        if let Some(usage) = self.usage(directives) {
            metadata.insert("usage".to_owned(), usage);
        }
        let latency = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        metadata.insert("metrics".to_owned(), json!({ "latencyMs": latency }));
        if let Some(tier) = &self.service_tier {
            metadata.insert("serviceTier".to_owned(), tier.clone());
        }
        metadata
    }

    /// Reasoning is part of the output, and told nowhere.
    fn usage(&self, directives: &Directives) -> Option<Value> {
        let told = |count| report(count, directives);
        let (prompt, output) = (self.plan.prompt, self.plan.output());
        let written = [("5m", prompt.cache_write_5m), ("1h", prompt.cache_write_1h)];
        let written = written.into_iter().filter(|(_, tokens)| *tokens != 0);
        let details =
            written.map(|(ttl, tokens)| json!({ "ttl": ttl, "inputTokens": told(tokens) }));
        Some(json!({
            "inputTokens": told(prompt.uncached)?,
            "outputTokens": told(output)?,
            "totalTokens": told(prompt.total() + output)?,
            "cacheReadInputTokens": told(prompt.cache_read)?,
            "cacheWriteInputTokens": told(prompt.cache_write())?,
            "cacheDetails": details.collect::<Vec<_>>(),
        }))
    }

    fn block(&self, at: usize, block: &Block) -> Value {
        let text = || block.pieces.whole();
        match &block.content {
            Content::Thinking => {
                let text =
                    json!({ "text": text(), "signature": self.plan.signature(at, self.number) });
                json!({ "reasoningContent": { "reasoningText": text } })
            }
            Content::Redacted => {
                json!({ "reasoningContent": { "redactedContent": self.plan.signature(at, self.number) } })
            }
            Content::Preamble | Content::Text => json!({ "text": text() }),
            Content::Tool(call) => {
                let (id, input) = (self.plan.call_id(at, "tooluse_", self.number), block.input());
                json!({ "toolUse": { "toolUseId": id, "name": call.name, "input": input } })
            }
        }
    }
}
