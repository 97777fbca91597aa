//! An item of a streamed answer, from its beginning to its end.

use super::Sequence;
use crate::{
    conversation::{PartKind, Signature},
    json::{Object, Raw},
    openai_responses::output::{self, Called, Said},
};

/// An item.
pub(super) struct Item {
    id: String,
    index: usize,
    pub(super) body: Body,
    /// The whole item, once it is closed.
    pub(super) done: Option<Vec<u8>>,
}

/// What it is made of.
pub(super) enum Body {
    /// A message: texts and refusals. The last one is open.
    Message(Vec<Said>),
    /// Reasoning.
    Reasoning {
        text: String,
        signature: Option<Signature>,
        /// Whether the part of the summary was begun.
        shown: bool,
    },
    /// A call.
    Call(Called),
    /// What came whole.
    Whole(Vec<u8>),
}

impl Body {
    pub(super) const fn prefix(&self) -> &'static str {
        match self {
            Self::Message(_) => "msg",
            Self::Reasoning { .. } => "rs",
            Self::Call(called) => called.prefix(),
            Self::Whole(_) => "item",
        }
    }
}

/// The place of a content part.
struct Place<'p> {
    id: &'p str,
    output_index: usize,
    content_index: usize,
}

impl Place<'_> {
    fn put<'a, 'o>(&self, o: &'a mut Object<'o>) -> &'a mut Object<'o> {
        o.put("item_id", self.id)
            .put("output_index", self.output_index)
            .put("content_index", self.content_index)
    }
}

impl Item {
    pub(super) const fn new(id: String, index: usize, body: Body) -> Self {
        Self { id, index, body, done: None }
    }

    /// Says that it begins, as it is: empty.
    pub(super) fn added(&self, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let json = self.json("in_progress", true);
        sequence.emit(out, "response.output_item.added", |o| {
            o.put("output_index", self.index).put_text("item", &String::from_utf8_lossy(&json));
        });
    }

    /// The item as JSON.
    fn json(&self, status: &str, empty: bool) -> Vec<u8> {
        match &self.body {
            Body::Message(said) => output::message(&self.id, said, status),
            Body::Reasoning { text, signature, .. } => {
                let kind = PartKind::Reasoning { text: text.clone(), signature: signature.clone() };
                output::reasoning(&self.id, &kind, status)
            }
            Body::Call(called) => {
                let arguments = if empty { "" } else { called.arguments() };
                output::call(&self.id, called, arguments, status)
            }
            Body::Whole(json) => json.clone(),
        }
    }

    /// A piece of text or of a refusal.
    pub(super) fn said(
        &mut self,
        text: &str,
        refusal: bool,
        sequence: &mut Sequence,
        out: &mut Vec<u8>,
    ) {
        let Body::Message(all) = &mut self.body else { return };
        let fits = all.last().is_some_and(|last| last.refusal == refusal);
        let (id, output_index) = (self.id.as_str(), self.index);
        if !fits {
            if let Some(content_index) = all.len().checked_sub(1) {
                finish(all, &Place { id, output_index, content_index }, sequence, out);
            }
            let said = Said::new(String::new(), refusal);
            let place = Place { id, output_index, content_index: all.len() };
            sequence.emit(out, "response.content_part.added", |o| {
                place.put(o).object("part", |o| said.members(o));
            });
            all.push(said);
        }
        let place = Place { id, output_index, content_index: all.len().saturating_sub(1) };
        if let Some(last) = all.last_mut() {
            last.text.push_str(text);
        }
        if refusal {
            sequence.emit(out, "response.refusal.delta", |o| {
                place.put(o).put("delta", text);
            });
        } else {
            sequence.emit(out, "response.output_text.delta", |o| {
                place.put(o).put("delta", text).put_text("logprobs", "[]");
            });
        }
    }

    /// Log probabilities of the text so far. They come after its pieces, and are told when it is done.
    pub(super) fn add_logprobs(&mut self, logprobs: &Raw) {
        if let Body::Message(all) = &mut self.body
            && let Some(last) = all.last_mut().filter(|last| !last.refusal)
        {
            last.add_logprobs(logprobs);
        }
    }

    /// A piece of reasoning.
    pub(super) fn reasoned(&mut self, piece: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        self.show(sequence, out);
        let Body::Reasoning { text, .. } = &mut self.body else { return };
        text.push_str(piece);
        sequence.emit(out, "response.reasoning_summary_text.delta", |o| {
            o.put("item_id", &self.id).put("output_index", self.index).put("summary_index", 0);
            o.put("delta", piece);
        });
    }

    /// Begins the one part of the summary.
    fn show(&mut self, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let Body::Reasoning { shown, .. } = &mut self.body else { return };
        if !std::mem::replace(shown, true) {
            self.summary_part("response.reasoning_summary_part.added", "", sequence, out);
        }
    }

    fn summary_part(&self, kind: &str, text: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        sequence.emit(out, kind, |o| {
            o.put("item_id", &self.id).put("output_index", self.index).put("summary_index", 0);
            o.object("part", |o| {
                o.put("type", "summary_text").put("text", text);
            });
        });
    }

    /// The signature of the reasoning so far, be it empty.
    pub(super) fn signed(&mut self, given: &Signature, sequence: &mut Sequence, out: &mut Vec<u8>) {
        self.show(sequence, out);
        if let Body::Reasoning { signature, .. } = &mut self.body {
            *signature = Some(given.clone());
        }
    }

    /// A piece of a call's arguments. Blanks wait for what follows them: if nothing does, the arguments are `{}`.
    pub(super) fn argued(&mut self, piece: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let Body::Call(called) = &mut self.body else { return };
        if self.done.is_some() {
            return;
        }
        let only_blanks = called.only_blanks();
        called.arguments.push_str(piece);
        if called.only_blanks() && !called.arguments.is_empty() {
            return;
        }
        let piece = if only_blanks { called.arguments.as_str() } else { piece };
        let kind = if called.custom {
            "response.custom_tool_call_input.delta"
        } else {
            "response.function_call_arguments.delta"
        };
        sequence.emit(out, kind, |o| {
            o.put("item_id", &self.id).put("output_index", self.index).put("delta", piece);
        });
    }

    /// Ends it, once.
    pub(super) fn close(&mut self, status: &str, sequence: &mut Sequence, out: &mut Vec<u8>) {
        if self.done.is_some() {
            return;
        }
        match &self.body {
            Body::Message(all) => {
                if let Some(content_index) = all.len().checked_sub(1) {
                    let place = Place { id: &self.id, output_index: self.index, content_index };
                    finish(all, &place, sequence, out);
                }
            }
            Body::Reasoning { text, shown: true, .. } => {
                sequence.emit(out, "response.reasoning_summary_text.done", |o| {
                    o.put("item_id", &self.id).put("output_index", self.index);
                    o.put("summary_index", 0).put("text", text);
                });
                self.summary_part("response.reasoning_summary_part.done", text, sequence, out);
            }
            Body::Call(called) => self.called(called, sequence, out),
            Body::Reasoning { .. } | Body::Whole(_) => {}
        }
        let json = self.json(status, false);
        sequence.emit(out, "response.output_item.done", |o| {
            o.put("output_index", self.index).put_text("item", &String::from_utf8_lossy(&json));
        });
        self.done = Some(json);
    }

    /// Ends the arguments. Pieces of nothing add up to what a whole answer has.
    fn called(&self, called: &Called, sequence: &mut Sequence, out: &mut Vec<u8>) {
        let (id, index, arguments) = (&self.id, self.index, called.arguments());
        if called.custom {
            return sequence.emit(out, "response.custom_tool_call_input.done", |o| {
                o.put("item_id", id).put("output_index", index).put("input", arguments);
            });
        }
        if called.only_blanks() {
            sequence.emit(out, "response.function_call_arguments.delta", |o| {
                o.put("item_id", id).put("output_index", index).put("delta", arguments);
            });
        }
        sequence.emit(out, "response.function_call_arguments.done", |o| {
            o.put("item_id", id).put("output_index", index);
            o.put("name", &called.name).put("arguments", arguments);
        });
    }
}

/// Ends the last content part.
fn finish(all: &[Said], place: &Place, sequence: &mut Sequence, out: &mut Vec<u8>) {
    let Some(last) = all.last() else { return };
    if last.refusal {
        sequence.emit(out, "response.refusal.done", |o| {
            place.put(o).put("refusal", &last.text);
        });
    } else {
        sequence.emit(out, "response.output_text.done", |o| {
            place.put(o).put("text", &last.text).put("logprobs", &last.logprobs);
        });
    }
    sequence.emit(out, "response.content_part.done", |o| {
        place.put(o).object("part", |o| last.members(o));
    });
}
