//! An answer as a stream: each event is an answer of its own with a few more parts; a call comes in
//! one piece; usage is told again and again, and grows.

use serde_json::Value;

use super::super::directives::Directives;
use super::super::message_plan::Content;
use super::super::provider_error::ProviderError;
use super::super::quirks::Quirk;
use super::super::stream_answer::{Script, Step};
use super::answer::Answer;
use super::errors::GoogleError;
use super::usage::Used;

/// How events become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As server-sent events whose lines end so.
    Events(&'static str),
    /// As the items of one JSON array.
    Array,
}

/// The script of a stream.
#[derive(Debug)]
pub struct GeminiStream {
    answer: Answer,
    framing: Framing,
    /// For each candidate, which block and which piece of it comes next; nothing when it has ended.
    cursors: Vec<Option<(usize, usize)>>,
    /// Whose turn it is.
    turn: usize,
    used: Used,
    /// Reasoning that is charged with the next event, since no piece shows it.
    hidden: u64,
    begun: bool,
    over: bool,
}

/// Some parts and what they cost.
#[derive(Default)]
struct Said {
    parts: Vec<Value>,
    output: u64,
    reasoning: u64,
}

impl Framing {
    /// The framing of an array, or of events.
    pub const fn new(array: bool, directives: &Directives) -> Self {
        match (array, directives.crlf) {
            (true, _) => Self::Array,
            (false, true) => Self::Events("\r\n"),
            (false, false) => Self::Events("\n"),
        }
    }

    fn write(self, data: &[u8], first: bool, last: bool) -> Vec<u8> {
        match self {
            Self::Events(end) => [b"data: ", data, end.as_bytes(), end.as_bytes()].concat(),
            Self::Array => {
                let before: &[u8] = if first { b"[" } else { b",\r\n" };
                let after: &[u8] = if last { b"\n]\n" } else { b"\n" };
                [before, data, after].concat()
            }
        }
    }
}

impl GeminiStream {
    /// A stream that is about to start.
    pub fn new(answer: Answer, framing: Framing) -> Self {
        let plans = &answer.candidates;
        let hidden =
            plans.iter().flat_map(|plan| &plan.blocks).map(|block| block.hidden_reasoning).sum();
        let cursors = vec![Some((0, 0)); plans.len()];
        let used = Used { prompt: answer.prompt, ..Used::default() };
        Self { answer, framing, cursors, turn: 0, used, hidden, begun: false, over: false }
    }

    /// The next parts of a candidate; nothing when all is said.
    fn say(&mut self, index: usize) -> Option<Said> {
        let together = self.answer.directives.quirks.has(Quirk::CallsTogether);
        let mut said = Said::default();
        loop {
            let (at, piece_at) = self.cursors.get(index).copied().flatten()?;
            let plan = self.answer.candidates.get(index)?;
            let Some(block) = plan.blocks.get(at) else {
                // Calls that were kept for one event.
                return (!said.parts.is_empty()).then_some(said);
            };
            if let Content::Tool(_) = block.content {
                said.output += block.pieces.tokens();
                said.parts.extend(self.answer.part(index, at, "", true));
                self.set(index, (at + 1, 0));
                if !together || said.parts.is_empty() {
                    return Some(said);
                }
                continue;
            }
            let Some(piece) = block.pieces.get(piece_at) else {
                self.set(index, (at + 1, 0));
                continue;
            };
            if block.is_thinking() {
                said.reasoning = piece.tokens;
            } else {
                said.output = piece.tokens;
            }
            let whole = piece_at + 1 == block.pieces.count();
            said.parts.extend(self.answer.part(index, at, &piece.text, whole));
            self.set(index, (at, piece_at + 1));
            return Some(said);
        }
    }

    fn set(&mut self, index: usize, cursor: (usize, usize)) {
        if let Some(slot) = self.cursors.get_mut(index) {
            *slot = Some(cursor);
        }
    }

    /// Whether a candidate has nothing more to say.
    fn is_through(&self, index: usize) -> bool {
        let Some((at, piece)) = self.cursors.get(index).copied().flatten() else { return true };
        let Some(plan) = self.answer.candidates.get(index) else { return true };
        plan.blocks.iter().enumerate().skip(at).all(|(block_at, block)| {
            let seen = if block_at == at { piece } else { 0 };
            !matches!(block.content, Content::Tool(_)) && block.pieces.count() <= seen
        })
    }

    /// The event of the candidate whose turn it is.
    fn event(&mut self) -> Option<(Value, Step)> {
        let index = self.turn;
        self.cursors.get(index).copied().flatten()?;
        let said = self.say(index);
        let piece = said.as_ref().is_some_and(|said| !said.parts.is_empty());
        let nothing = said.is_none();
        let mut said = said.unwrap_or_default();
        said.reasoning += std::mem::take(&mut self.hidden);
        self.used.candidates += said.output;
        self.used.thoughts += said.reasoning;

        let later = self.answer.finishes_later();
        let last = if later { nothing } else { nothing || self.is_through(index) };
        if last {
            self.cursors[index] = None;
            if later {
                said.parts.push(serde_json::json!({ "text": "" }));
            }
        }
        self.take_turns();
        // Where the end comes later, so does the usage.
        let told = (!later || last).then_some(self.used);
        let document = self.answer.chunk(index, said.parts, last, told);
        let step = Step {
            output: said.output,
            reasoning: said.reasoning,
            piece,
            gap: piece,
            ..Step::default()
        };
        Some((document, step))
    }

    fn take_turns(&mut self) {
        let count = self.cursors.len();
        let next = (1..=count).map(|ahead| (self.turn + ahead) % count.max(1));
        let open = |&index: &usize| self.cursors.get(index).copied().flatten().is_some();
        match next.into_iter().find(open) {
            Some(next) => self.turn = next,
            None => self.over = true,
        }
    }
}

impl Script for GeminiStream {
    fn head(&self) -> usize {
        0
    }

    fn pieces(&self) -> u64 {
        let together = self.answer.directives.quirks.has(Quirk::CallsTogether);
        let of_plan = |(index, plan): (usize, &super::super::message_plan::MessagePlan)| {
            let (mut pieces, mut calls) = (0, 0);
            for (at, block) in plan.blocks.iter().enumerate() {
                match block.content {
                    Content::Tool(_) => calls += u64::from(self.answer.is_called(index, at)),
                    _ => pieces += block.pieces.count() as u64,
                }
            }
            pieces + if together { calls.min(1) } else { calls }
        };
        self.answer.candidates.iter().enumerate().map(of_plan).sum()
    }

    fn next(&mut self) -> Option<Step> {
        if self.over {
            return None;
        }
        let (document, mut step) = if self.answer.candidates.is_empty() {
            self.over = true;
            (self.answer.blocked(), Step::default())
        } else {
            self.event()?
        };
        step.last = self.over;
        let first = !std::mem::replace(&mut self.begun, true);
        step.bytes = self.framing.write(document.to_string().as_bytes(), first, self.over);
        Some(step)
    }

    fn waiting(&self) -> Option<Vec<u8>> {
        match self.framing {
            Framing::Events(end) => Some(format!(": waiting{end}{end}").into_bytes()),
            Framing::Array => None,
        }
    }

    fn garbage(&self) -> Vec<u8> {
        self.framing.write(b"{\"candidates\":[{\"content\":\xff\xfe", !self.begun, false)
    }

    fn failure(&self) -> Vec<u8> {
        let error = GoogleError::failure(&self.answer.directives).document();
        self.framing.write(error.to_string().as_bytes(), !self.begun, true)
    }
}
