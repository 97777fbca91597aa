//! The SSE events of a chat answer: their order, and how each one is written.

use serde::Serialize;
use serde_json::{Value, json};

use super::chat_request::ChatRequest;
use super::directives::{Directives, UsageReport};
use super::identity::Identity;
use super::plan::{Part, Plan};
use super::usage::{self, ChatUsage, Counts};

/// Padding of varying length on each chunk, so that lengths tell an eavesdropper nothing.
const PADDING: &str = "aB3dE5gH7jK9mN1pQ2sT4vW6";

/// One event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The first chunk of a choice.
    Role(usize),
    /// A piece of the answer.
    Piece {
        /// Which choice.
        choice: usize,
        /// Which piece of it.
        index: usize,
    },
    /// The last chunk of a choice.
    Finish(usize),
    /// The chunk without choices.
    Usage,
    /// `[DONE]`.
    Done,
}

/// Writes the events of one stream.
#[derive(Debug)]
pub struct Chunks {
    plan: Plan,
    identity: Identity,
    model: String,
    service_tier: &'static str,
    include_usage: bool,
    usage_everywhere: bool,
    obfuscation: bool,
    line_end: &'static str,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: Vec<Choice<'a>>,
    // Absent, null or there: three different things on this wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<ChatUsage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obfuscation: Option<&'static str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    delta: Value,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

impl Chunks {
    /// The stream that answers `request` as planned.
    pub fn new(
        plan: Plan,
        identity: Identity,
        request: &ChatRequest,
        directives: &Directives,
    ) -> Self {
        Self {
            plan,
            identity,
            model: request.model.clone(),
            service_tier: request.service_tier,
            include_usage: (request.include_usage || directives.tells_usage)
                && directives.usage != UsageReport::None,
            usage_everywhere: directives.usage == UsageReport::Cumulative,
            obfuscation: request.include_obfuscation,
            line_end: if directives.crlf { "\r\n" } else { "\n" },
        }
    }

    /// The answer that is streamed.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The event at a position, or nothing behind the last. Choices take turns.
    pub fn event(&self, at: usize) -> Option<Event> {
        let choices = self.plan.choices;
        let pieces = choices * self.plan.pieces();
        let after_roles = match at.checked_sub(choices) {
            None => return Some(Event::Role(at)),
            Some(rest) => rest,
        };
        let after_pieces = match after_roles.checked_sub(pieces) {
            None => {
                return Some(Event::Piece {
                    choice: after_roles % choices,
                    index: after_roles / choices,
                });
            }
            Some(rest) => rest,
        };
        match after_pieces.checked_sub(choices) {
            None => Some(Event::Finish(after_pieces)),
            Some(0) if self.include_usage => Some(Event::Usage),
            Some(rest) if rest == usize::from(self.include_usage) => Some(Event::Done),
            Some(_) => None,
        }
    }

    /// The bytes of an event. `so_far` is the usage at this point.
    pub fn write(&self, event: Event, so_far: Counts, directives: &Directives) -> Vec<u8> {
        let (choices, counts) = match event {
            Event::Done => return self.line(b"[DONE]"),
            Event::Usage => (vec![], Some(self.plan.counts)),
            Event::Role(choice) => (vec![chosen(choice, self.role(), None)], None),
            Event::Piece { choice, index } => {
                let delta = self.delta(choice, &self.plan.piece(choice, index).part);
                (vec![chosen(choice, delta, None)], None)
            }
            Event::Finish(choice) => {
                (vec![chosen(choice, json!({}), Some(&self.plan.finish_reason))], None)
            }
        };
        let counts = counts.or(self.usage_everywhere.then_some(so_far));
        let usage = counts.map(|counts| usage::of_chat(counts, directives));
        let padded = self.obfuscation && !choices.is_empty();
        let chunk = Chunk {
            id: &self.identity.id,
            object: "chat.completion.chunk",
            created: self.identity.created,
            model: &self.model,
            service_tier: self.service_tier,
            system_fingerprint: Identity::FINGERPRINT,
            choices,
            usage: usage.or(self.include_usage.then_some(None)),
            obfuscation: padded
                .then(|| &PADDING[..1 + (so_far.completion as usize * 7) % (PADDING.len() - 1)]),
        };
        self.line(&serde_json::to_vec(&chunk).unwrap_or_default())
    }

    /// An event of other content.
    pub fn line(&self, data: &[u8]) -> Vec<u8> {
        [b"data: ", data, self.line_end.as_bytes(), self.line_end.as_bytes()].concat()
    }

    /// A comment, which clients skip.
    pub fn comment(&self) -> Vec<u8> {
        format!(": waiting{0}{0}", self.line_end).into_bytes()
    }

    fn role(&self) -> Value {
        let content = if self.plan.tool_calls.is_empty() { json!("") } else { Value::Null };
        json!({ "role": "assistant", "content": content, "refusal": null })
    }

    fn delta(&self, choice: usize, part: &Part) -> Value {
        let call = match part {
            Part::Text(text) => return json!({ "content": text }),
            Part::ToolStart(index) => {
                let call = &self.plan.tool_calls[*index];
                let id = self.identity.tool_call(choice, *index);
                if call.custom {
                    let custom = json!({ "name": call.name, "input": "" });
                    json!({ "index": index, "id": id, "type": "custom", "custom": custom })
                } else {
                    let function = json!({ "name": call.name, "arguments": "" });
                    json!({ "index": index, "id": id, "type": "function", "function": function })
                }
            }
            Part::ToolArguments(index, text) if self.plan.tool_calls[*index].custom => {
                json!({ "index": index, "custom": { "input": text } })
            }
            Part::ToolArguments(index, text) => {
                json!({ "index": index, "function": { "arguments": text } })
            }
        };
        json!({ "tool_calls": [call] })
    }
}

const fn chosen(index: usize, delta: Value, finish_reason: Option<&str>) -> Choice<'_> {
    Choice { index, delta, logprobs: None, finish_reason }
}

#[cfg(test)]
mod tests {
    use super::super::plan::for_test;
    use super::*;

    fn stream(directives: &str, body: Value) -> Vec<String> {
        let (request, directives, plan) = for_test(directives, body);
        let chunks = Chunks::new(plan, Identity::for_test(), &request, &directives);
        let events = (0..).map_while(|at| chunks.event(at));
        let written = events.map(|event| chunks.write(event, Counts::default(), &directives));
        written.map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    fn chunk(line: &str) -> Value {
        serde_json::from_str(line.strip_prefix("data: ").unwrap().trim_end()).unwrap()
    }

    #[test]
    fn a_stream_is_role_words_finish_done() {
        let lines = stream("--tokens=2", json!({ "stream": true }));
        assert_eq!(lines.len(), 5);
        let chunks: Vec<_> = lines[..4].iter().map(|line| chunk(line)).collect();
        assert_eq!(
            chunks[0]["choices"][0]["delta"],
            json!({ "role": "assistant", "content": "", "refusal": null })
        );
        assert_eq!(chunks[1]["choices"][0]["delta"], json!({ "content": "the" }));
        assert_eq!(chunks[2]["choices"][0]["delta"], json!({ "content": " river" }));
        assert_eq!(chunks[3]["choices"][0]["delta"], json!({}));
        assert_eq!(chunks[3]["choices"][0]["finish_reason"], "stop");
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
        assert_eq!(lines[4], "data: [DONE]\n\n");
    }

    #[test]
    fn usage_comes_last_and_is_null_before() {
        let body = json!({ "stream": true, "stream_options": { "include_usage": true } });
        let lines = stream("--tokens=2--crlf", body);
        assert_eq!(lines.len(), 6);
        let chunks: Vec<_> = lines[..5].iter().map(|line| chunk(line)).collect();
        assert!(
            chunks[..4]
                .iter()
                .all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some())
        );
        assert_eq!(chunks[4]["choices"], json!([]));
        assert_eq!(chunks[4]["usage"]["total_tokens"], 9);
        assert_eq!(lines[5], "data: [DONE]\r\n\r\n");
    }

    #[test]
    fn choices_take_turns_and_finish_each() {
        let lines = stream("--tokens=1", json!({ "stream": true, "n": 2 }));
        let indices: Vec<_> =
            lines[..6].iter().map(|line| chunk(line)["choices"][0]["index"].clone()).collect();
        assert_eq!(indices, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn tool_calls_come_one_after_another() {
        let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
        let lines = stream("--tools=2", json!({ "stream": true, "tools": tools }));
        let deltas: Vec<_> =
            lines[..6].iter().map(|line| chunk(line)["choices"][0]["delta"].clone()).collect();
        assert_eq!(deltas[0]["content"], Value::Null);
        let starts = [&deltas[1]["tool_calls"][0], &deltas[3]["tool_calls"][0]];
        assert_eq!(starts[0]["function"], json!({ "name": "f", "arguments": "" }));
        assert_ne!(starts[0]["id"], starts[1]["id"]);
        assert_eq!(
            deltas[2]["tool_calls"],
            json!([{ "index": 0, "function": { "arguments": "{}" } }])
        );
        assert_eq!(
            deltas[4]["tool_calls"],
            json!([{ "index": 1, "function": { "arguments": "{}" } }])
        );
        assert_eq!(chunk(&lines[5])["choices"][0]["finish_reason"], "tool_calls");
    }
}
