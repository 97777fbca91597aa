//! A response as a stream of named events, each with its number.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::super::directives::Directives;
use super::super::event_lines::EventLines;
use super::super::message_plan::Content;
use super::super::stream_answer::{Script, Step};
use super::object::{Answer, part};

/// The script of a response's stream.
#[derive(Debug)]
pub struct ResponsesStream {
    lines: EventLines,
    steps: VecDeque<(Value, Step)>,
    pieces: u64,
    sent: u64,
}

impl ResponsesStream {
    /// A stream that is about to start.
    pub fn new(answer: Answer, directives: Directives) -> Self {
        let mut steps = VecDeque::new();
        let mut put = |document: Value| steps.push_back((document, Step::default()));
        let begun = answer.object("in_progress", Vec::new());
        put(json!({ "type": "response.created", "response": begun }));
        put(json!({ "type": "response.in_progress", "response": begun }));
        let mut index = 0;
        if let Some(item) = answer.reasoning() {
            put(json!({ "type": "response.output_item.added", "output_index": 0, "item": item }));
            put(json!({ "type": "response.output_item.done", "output_index": 0, "item": item }));
            index = 1;
        }
        for at in 0..answer.plan.blocks.len() {
            block(&answer, at, index, &mut steps);
            index += 1;
        }
        let complete = answer.complete(&directives);
        let kind = if complete["status"] == "incomplete" {
            "response.incomplete"
        } else {
            "response.completed"
        };
        let last = Step { last: true, ..Step::default() };
        steps.push_back((json!({ "type": kind, "response": complete }), last));
        let pieces = answer.plan.pieces();
        Self { lines: EventLines::new(&directives), steps, pieces, sent: 0 }
    }
}

/// The ladder of one item.
fn block(answer: &Answer, at: usize, index: usize, steps: &mut VecDeque<(Value, Step)>) {
    let Some(block) = answer.plan.blocks.get(at) else { return };
    let item = answer.item(at, block, "in_progress");
    let id = item["id"].clone();
    let call = matches!(block.content, Content::Tool(_));
    let mut put = |document: Value, step: Step| steps.push_back((document, step));
    let head = |kind: &str| json!({ "type": kind, "item_id": id, "output_index": index });
    put(
        json!({ "type": "response.output_item.added", "output_index": index, "item": item }),
        Step::default(),
    );
    if !call {
        let mut added = head("response.content_part.added");
        added["content_index"] = json!(0);
        added["part"] = part("");
        put(added, Step::default());
    }
    for piece in (0..block.pieces.count()).map_while(|piece| block.pieces.get(piece)) {
        let kind = if call {
            "response.function_call_arguments.delta"
        } else {
            "response.output_text.delta"
        };
        let mut delta = head(kind);
        delta["delta"] = json!(piece.text);
        if !call {
            delta["content_index"] = json!(0);
            delta["logprobs"] = json!([]);
        }
        put(delta, Step { piece: true, gap: true, output: piece.tokens, ..Step::default() });
    }
    let whole = block.pieces.whole();
    if call {
        let mut done = head("response.function_call_arguments.done");
        done["arguments"] = json!(whole);
        put(done, Step::default());
    } else {
        let mut done = head("response.output_text.done");
        done["content_index"] = json!(0);
        done["text"] = json!(whole);
        done["logprobs"] = json!([]);
        put(done, Step::default());
        let mut done = head("response.content_part.done");
        done["content_index"] = json!(0);
        done["part"] = part(&whole);
        put(done, Step::default());
    }
    let item = answer.item(at, block, "completed");
    put(
        json!({ "type": "response.output_item.done", "output_index": index, "item": item }),
        Step::default(),
    );
}

impl Script for ResponsesStream {
    fn head(&self) -> usize {
        2
    }

    fn pieces(&self) -> u64 {
        self.pieces
    }

    fn next(&mut self) -> Option<Step> {
        let (mut document, mut step) = self.steps.pop_front()?;
        document["sequence_number"] = json!(self.sent);
        self.sent += 1;
        step.bytes = self.lines.event(&document);
        Some(step)
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        None
    }

    fn garbage(&self) -> Vec<u8> {
        self.lines.raw(
            "response.output_text.delta",
            b"{\"type\":\"response.output_text.delta\",\"delta\":\"\xff\xfe",
        )
    }

    fn failure(&self) -> Vec<u8> {
        self.lines.event(&json!({
            "type": "error",
            "code": "server_error",
            "message": "The server had an error while processing your request. Sorry about that!",
            "param": null,
            "sequence_number": self.sent,
        }))
    }
}
