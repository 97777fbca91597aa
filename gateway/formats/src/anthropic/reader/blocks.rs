//! Content blocks of an answer, from their start to their stop, as events. A whole answer is read by the same rules: a
//! block that starts with all that it has.

use crate::{
    anthropic::stand_in,
    conversation::{
        Event, Fault, Format, Part, PartKind, Signature, arguments_text, fresh_call_id,
    },
    json::{Members, Node, Raw, Text},
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most bytes that are kept of blocks which are told whole.
const MOST_KEPT: usize = 4 << 20;

/// The most blocks that may be open at once; Anthropic opens one.
const MOST_OPEN: usize = 64;

/// A delta of any kind.
#[derive(Deserialize, Debug)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_sequence: Option<Text<'a>>,
}

/// The blocks that are open, and what was seen so far.
#[derive(Debug, Default)]
pub(in crate::anthropic) struct Blocks {
    open: Vec<(u64, Block)>,
    /// How many calls there were.
    calls: u32,
    /// Bytes in blocks that are told whole.
    kept: usize,
    /// The answer's id, for calls that have none.
    answer_id: String,
}

/// An open block.
#[derive(Debug)]
enum Block {
    Text,
    Thinking {
        signature: String,
    },
    Call {
        call: u32,
        /// The input that it started with, unless pieces of it follow.
        whole: Option<Raw>,
    },
    /// An answer in the clothes of a call. One that has to be unwrapped is kept until it is whole.
    StandIn {
        name: &'static str,
        whole: Option<Raw>,
        pieces: String,
    },
    /// What only this format knows.
    Native {
        raw: Raw,
        input: String,
    },
}

impl Blocks {
    /// Of an answer with this id.
    pub fn of(answer_id: &str) -> Self {
        Self { answer_id: answer_id.to_owned(), ..Self::default() }
    }

    /// Whether tools of the app were called; the one that stands for an answer is none of them.
    pub fn called(&self) -> bool {
        self.calls > 0
    }

    /// A block starts.
    pub fn start(&mut self, index: u64, raw: &RawValue, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.open.len() >= MOST_OPEN {
            return Err(Fault::garbage());
        }
        self.stop(index, out);
        let members = Members::of_text(raw.get()).ok_or_else(Fault::garbage)?;
        let word = |name: &str| members.peek_str(name).unwrap_or_default();
        let block = match word("type").as_str() {
            "text" => {
                text(out, word("text"));
                Block::Text
            }
            "thinking" => {
                out.push(Event::Reasoning { choice: 0, text: word("thinking") });
                Block::Thinking { signature: word("signature") }
            }
            "redacted_thinking" => {
                let sealed = PartKind::Sealed(Signature::new(Format::Anthropic, word("data")));
                out.push(Event::Whole { choice: 0, part: Part::new(sealed) });
                return Ok(());
            }
            "tool_use" => self.call(word("id"), word("name"), members.peek("input"), out)?,
            _ => {
                self.keep(raw.get().len())?;
                Block::Native { raw: raw.into(), input: String::new() }
            }
        };
        self.open.push((index, block));
        Ok(())
    }

    fn call(
        &mut self,
        id: String,
        name: String,
        input: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) -> Result<Block, Fault> {
        let whole = input.filter(|input| input.get() != "{}").map(Raw::from);
        if let Some(name) = [stand_in::ANSWER, stand_in::VALUE].into_iter().find(|it| *it == name) {
            return Ok(Block::StandIn { name, whole, pieces: String::new() });
        }
        if name.is_empty() {
            return Err(Fault::garbage());
        }
        let call = self.calls;
        self.calls += 1;
        let id = match id.is_empty() {
            true => fresh_call_id(&self.answer_id, call as usize),
            false => id,
        };
        out.push(Event::Call { choice: 0, call, id, name, custom: false, signature: None });
        Ok(Block::Call { call, whole })
    }

    /// A block grows. What does not fit to the kind of the block is no part of it.
    pub(super) fn grow(
        &mut self,
        index: u64,
        delta: Delta,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let at = self.open.iter().rposition(|(open, _)| *open == index);
        let Some((_, block)) = at.and_then(|at| self.open.get_mut(at)) else {
            // Servers that only speak the format may leave out the start of a text.
            text(out, Text::owned(delta.text));
            return Ok(());
        };
        let mut kept = 0;
        match block {
            Block::Text => text(out, Text::owned(delta.text)),
            Block::Thinking { signature } => {
                let more = Text::owned(delta.thinking);
                if !more.is_empty() {
                    out.push(Event::Reasoning { choice: 0, text: more });
                }
                // Told whole, once: the last one counts.
                if let Some(Text(signed)) = delta.signature {
                    *signature = signed.into_owned();
                }
            }
            Block::Call { call, whole } => {
                let json = Text::owned(delta.partial_json);
                if !json.is_empty() {
                    *whole = None;
                    out.push(Event::Arguments { choice: 0, call: *call, json });
                }
            }
            Block::StandIn { name, whole, pieces } => {
                let json = Text::owned(delta.partial_json);
                if !json.is_empty() {
                    *whole = None;
                    if *name == stand_in::ANSWER {
                        text(out, json);
                    } else {
                        kept = json.len();
                        pieces.push_str(&json);
                    }
                }
            }
            Block::Native { input, .. } => {
                let json = Text::owned(delta.partial_json);
                kept = json.len();
                input.push_str(&json);
            }
        }
        self.keep(kept)
    }

    /// A block stops.
    pub fn stop(&mut self, index: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == index) else { return };
        match self.open.remove(at).1 {
            Block::Text => {}
            Block::Thinking { signature } => {
                if !signature.is_empty() {
                    let signature = Signature::new(Format::Anthropic, signature);
                    out.push(Event::Signed { choice: 0, signature });
                }
            }
            Block::Call { call, whole } => {
                if let Some(whole) = whole {
                    let json = arguments_text(&whole);
                    out.push(Event::Arguments { choice: 0, call, json });
                }
            }
            Block::StandIn { name, whole, pieces } => {
                let input = whole.map_or(pieces, |whole| arguments_text(&whole));
                text(out, stand_in::answer_of(name, &input));
            }
            Block::Native { raw, input } => {
                let native = PartKind::Native(Format::Anthropic, with_input(raw, &input));
                out.push(Event::Whole { choice: 0, part: Part::new(native) });
            }
        }
    }

    /// Stops what the provider left open.
    pub fn stop_all(&mut self, out: &mut Vec<Event>) {
        while let Some((index, _)) = self.open.first() {
            self.stop(*index, out);
        }
    }

    fn keep(&mut self, more: usize) -> Result<(), Fault> {
        self.kept += more;
        if self.kept > MOST_KEPT {
            let message = format!("The provider sent a block above {MOST_KEPT} bytes.");
            return Err(Fault { message, ..Fault::garbage() });
        }
        Ok(())
    }
}

fn text(out: &mut Vec<Event>, text: String) {
    if !text.is_empty() {
        out.push(Event::Text { choice: 0, text });
    }
}

/// A block of the provider's own tool with the input that came in pieces.
fn with_input(raw: Raw, input: &str) -> Raw {
    let pair = Node::parse(raw.get()).zip(Node::parse(input));
    match pair {
        Some((mut block, input)) => {
            block.set("input", input);
            block.to_raw()
        }
        None => raw,
    }
}
