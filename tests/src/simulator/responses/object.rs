//! The response object and its items.

use serde_json::{Map, Value, json};

use super::super::directives::Directives;
use super::super::message_plan::{Block, Content, MessagePlan, Stop};
use super::super::requests::unix_ms;
use super::super::usage::report;

/// An answer as OpenAI writes it.
#[derive(Debug)]
pub struct Answer {
    /// The number of the request, for ids.
    pub number: u64,
    /// The model as requested.
    pub model: String,
    /// What is repeated of the request.
    pub echoed: Map<String, Value>,
    /// Reasoning tokens that nobody sees.
    pub hidden: u64,
    /// Whether sealed reasoning comes along.
    pub sealed: bool,
    /// What it says.
    pub plan: MessagePlan,
}

impl Answer {
    /// The object with these items.
    pub fn object(&self, status: &str, output: Vec<Value>) -> Value {
        let mut object = json!({
            "id": format!("resp_{:048x}", self.number),
            "object": "response",
            "created_at": unix_ms() / 1000,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "model": self.model,
            "output": output,
            "usage": null,
        });
        if let Value::Object(members) = &mut object {
            members.extend(self.echoed.clone());
        }
        object
    }

    /// The object at the end.
    pub fn complete(&self, directives: &Directives) -> Value {
        let cut = self.plan.stop == Stop::Length;
        let status = if cut { "incomplete" } else { "completed" };
        let mut object = self.object(status, self.items());
        if cut {
            object["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        }
        if let Some(usage) = self.usage(directives) {
            object["usage"] = usage;
        }
        object
    }

    fn usage(&self, directives: &Directives) -> Option<Value> {
        let told = |count| report(count, directives);
        let (input, output) = (self.plan.prompt.total(), self.plan.output() + self.hidden);
        Some(json!({
            "input_tokens": told(input)?,
            "input_tokens_details": { "cached_tokens": told(self.plan.prompt.cache_read)? },
            "output_tokens": told(output)?,
            "output_tokens_details": { "reasoning_tokens": told(self.hidden)? },
            "total_tokens": told(input)?.saturating_add(told(output)?),
        }))
    }

    /// All items, complete.
    pub fn items(&self) -> Vec<Value> {
        let reasoning = self.reasoning().into_iter();
        let blocks = self.plan.blocks.iter().enumerate();
        reasoning.chain(blocks.map(|(at, block)| self.item(at, block, "completed"))).collect()
    }

    /// The reasoning, if there was some: its words stay where they are.
    pub fn reasoning(&self) -> Option<Value> {
        (self.hidden > 0).then(|| {
            let mut item = json!({ "type": "reasoning", "id": format!("rs_{:048x}", self.number), "summary": [] });
            if self.sealed {
                item["encrypted_content"] = json!(format!("gAAAAA{:x}", self.number));
            }
            item
        })
    }

    /// The item of a block, whole if it is completed, else as it begins.
    pub fn item(&self, at: usize, block: &Block, status: &str) -> Value {
        let whole = status == "completed";
        let text = if whole { block.pieces.whole() } else { String::new() };
        match &block.content {
            Content::Tool(call) => json!({
                "type": "function_call",
                "id": format!("fc_{:046x}{at:02x}", self.number),
                "call_id": self.plan.call_id(at, "call_", self.number),
                "name": call.name,
                "arguments": text,
                "status": status,
            }),
            _ => {
                let content = if whole { vec![part(&text)] } else { Vec::new() };
                json!({
                    "type": "message",
                    "id": format!("msg_{:046x}{at:02x}", self.number),
                    "role": "assistant",
                    "status": status,
                    "content": content,
                })
            }
        }
    }
}

/// A part with a text.
pub fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}
