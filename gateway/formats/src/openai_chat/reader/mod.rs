//! A provider's stream as events. Lenient with every oddity that OpenAI-compatible servers are known for; strict in
//! what an end is: nothing that broke off looks complete.

mod calls;
mod details;
mod think;

pub(super) use think::without_tags;

use super::{
    Dialect, error, finish,
    request::{object_of, thinking_blocks},
    usage, wire,
};
use crate::{
    conversation::{Event, Fault, Format, Part, PartKind, Signature, Stop},
    json::Raw,
    stream::StreamReader,
};
use calls::Calls;
use details::Details;
use serde::Deserialize;
use serde_json::value::RawValue;
use think::Think;

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Reader {
    think_tags: bool,
    started: bool,
    over: bool,
    id: String,
    choices: Vec<Choice>,
}

/// A choice so far.
#[derive(Debug, Default)]
struct Choice {
    think: Think,
    calls: Calls,
    details: Details,
    stop: Option<Stop>,
    /// Whether any event named it: choices may come in any order.
    seen: bool,
    /// Whether it said anything.
    said: bool,
    /// Whether reasoning comes in plain words: richer forms then repeat it.
    plain_reasoning: bool,
}

impl Reader {
    /// A reader for a provider of this dialect. The default one knows no `<think>` tags.
    pub fn of(dialect: &Dialect) -> Self {
        Self { think_tags: dialect.think_tags, ..Self::default() }
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<WireChoice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x_groq: Option<Groq<'a>>,
}

#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireChoice<'a> {
    #[serde(borrow, default)]
    index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// Where a server sends the whole answer as one piece, or once more at the end.
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking_blocks: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    images: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

impl StreamReader for Reader {
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) {
        let data = data.trim_ascii();
        if self.over || data.is_empty() {
            return;
        }
        let read = if data.starts_with(b"[DONE]") {
            self.done(true, out)
        } else if name == "error" {
            Err(error::fault_of(data))
        } else {
            self.event(data, out)
        };
        self.close_on(read, out);
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if !self.over {
            let ended = self.done(false, out);
            self.close_on(ended, out);
        }
    }
}

impl Reader {
    /// More choices than any provider gives.
    const MOST_CHOICES: usize = 128;

    fn close_on(&mut self, read: Result<(), Fault>, out: &mut Vec<Event>) {
        if let Err(fault) = read {
            self.over = true;
            out.push(Event::Fault(fault));
        }
    }

    fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        // Serde would take the entries of an array for members.
        if data.starts_with(b"[") {
            return of_another_shape(data);
        }
        let chunk: Chunk = match serde_json::from_slice(data) {
            Ok(chunk) => chunk,
            // Valid JSON of another shape is somebody's extension; what is no JSON is no answer.
            Err(problem) if problem.is_data() => return of_another_shape(data),
            Err(_) => return Err(Fault::garbage()),
        };
        let failed = wire::given(chunk.error).is_some_and(|error| error != "false")
            || wire::given(chunk.object) == Some("\"error\"");
        if failed {
            return Err(error::fault_of(data));
        }
        let groq = chunk.x_groq.as_ref();
        if let Some(problem) = wire::given(groq.and_then(|groq| groq.error)) {
            return Err(error::fault_of(format!("{{\"error\":{problem}}}").as_bytes()));
        }
        let choices = chunk.choices.unwrap_or_default();
        let reported =
            wire::given(chunk.usage).or_else(|| wire::given(groq.and_then(|groq| groq.usage)));
        let begins = !choices.is_empty() || reported.is_some();
        self.start(chunk.id, chunk.model, begins, out);
        for choice in choices {
            self.choice(choice, out)?;
        }
        if let Some(reported) = reported {
            out.push(Event::Usage(usage::read_usage(reported)));
        }
        Ok(())
    }

    /// Azure's first event has filter results, no choices, and an empty id: the answer begins with the next one.
    fn start(
        &mut self,
        id: Option<&RawValue>,
        model: Option<&RawValue>,
        begins: bool,
        out: &mut Vec<Event>,
    ) {
        if self.started {
            return;
        }
        let id = wire::words(id);
        if id.is_none() && !begins {
            return;
        }
        self.started = true;
        self.id = id.clone().unwrap_or_default();
        out.push(Event::Start { id, model: wire::words(model) });
    }

    fn choice(&mut self, wire: WireChoice, out: &mut Vec<Event>) -> Result<(), Fault> {
        let index = wire::number(wire.index).unwrap_or(0);
        let at = usize::try_from(index).ok().filter(|at| *at < Self::MOST_CHOICES);
        let at = at.ok_or_else(Fault::garbage)?;
        while self.choices.len() <= at {
            let mut choice = Choice::default();
            if !self.think_tags {
                choice.think.off();
            }
            self.choices.push(choice);
        }
        let Some(choice) = self.choices.get_mut(at) else { return Ok(()) };
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        choice.seen = true;
        let message = wire.message.filter(|_| !choice.said);
        let delta = wire.delta.or(message).unwrap_or_default();
        choice.delta(delta, wire.text, number, &self.id, out)?;
        if let Some(raw) = wire.logprobs.filter(|raw| raw.get() != "null") {
            out.push(Event::Logprobs { choice: number, logprobs: Raw::from(raw) });
        }
        if let Some(word) = wire::words(wire.finish_reason) {
            if let Some(fault) = finish::fault_of(&word) {
                return Err(fault);
            }
            choice.stop = finish::stop_of(&word).or(choice.stop);
        }
        Ok(())
    }

    /// The stream is over: `told` by `[DONE]`, or without a word. Without one the choices have to say that they ended.
    fn done(&mut self, told: bool, out: &mut Vec<Event>) -> Result<(), Fault> {
        let complete = |choice: &Choice| choice.stop.is_some() || (told && choice.said);
        if self.choices.is_empty() || !self.choices.iter().all(|it| !it.seen || complete(it)) {
            return Err(Fault::truncated());
        }
        let seen = self.choices.iter_mut().enumerate().filter(|(_, choice)| choice.seen);
        for (index, choice) in seen {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            choice.end(number, out)?;
        }
        self.over = true;
        out.push(Event::End);
        Ok(())
    }
}

/// An error that Google wraps into an array; anything else is passed over.
fn of_another_shape(data: &[u8]) -> Result<(), Fault> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err() {
        return Err(Fault::garbage());
    }
    match error::wrapped(data) {
        Some(_) => Err(error::fault_of(data)),
        None => Ok(()),
    }
}

impl Choice {
    fn delta(
        &mut self,
        delta: Delta,
        text: Option<&RawValue>,
        choice: u32,
        answer_id: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let before = out.len();
        self.reasoning(&delta, choice, out)?;
        for raw in [wire::given(text), wire::given(delta.content)].into_iter().flatten() {
            for piece in wire::content(raw) {
                self.piece(piece, choice, out);
            }
        }
        if let Some(text) = wire::words(delta.refusal) {
            self.close_reasoning(choice, out);
            out.push(Event::Refusal { choice, text });
        }
        for media in wire::given(delta.images).map(wire::images).unwrap_or_default() {
            self.whole(PartKind::Media(media), choice, out);
        }
        if let Some(raw) = wire::given(delta.tool_calls).filter(|raw| *raw != "[]") {
            self.flush(choice, out);
            self.close_reasoning(choice, out);
            self.calls.take(raw, choice, answer_id, out)?;
        }
        if let Some(raw) = wire::given(delta.function_call) {
            self.flush(choice, out);
            self.close_reasoning(choice, out);
            self.calls.take_legacy(raw, choice, answer_id, out)?;
        }
        for (name, value) in [("annotations", delta.annotations), ("audio", delta.audio)] {
            if let Some(value) = value.filter(|raw| !matches!(raw.get(), "null" | "[]" | "{}")) {
                let own = object_of(&[(name.to_owned(), Raw::from(value))]);
                self.whole(PartKind::Native(Format::OpenaiChat, own), choice, out);
            }
        }
        self.said |= out.len() > before;
        Ok(())
    }

    /// Reasoning comes under one of several names, and under two of them it is the same.
    fn reasoning(&mut self, delta: &Delta, choice: u32, out: &mut Vec<Event>) -> Result<(), Fault> {
        let mut text =
            wire::words(delta.reasoning_content).or_else(|| wire::words(delta.reasoning));
        self.plain_reasoning |= text.is_some();
        let mut repeated = String::new();
        if let Some(raw) = wire::given(delta.reasoning_details) {
            repeated = self.details.take(raw)?;
        }
        let blocks = delta.thinking_blocks.filter(|blocks| blocks.get() != "null");
        let blocks = blocks.and_then(|raw| thinking_blocks("thinking_blocks", raw).ok());
        let mut signed = Vec::new();
        for block in blocks.unwrap_or_default() {
            match block.kind {
                PartKind::Reasoning { text: words, signature } => {
                    if repeated.is_empty() {
                        repeated = words;
                    }
                    signed.extend(signature.map(|signature| Event::Signed { choice, signature }));
                }
                sealed => signed.push(Event::Whole { choice, part: Part::new(sealed) }),
            }
        }
        if !self.plain_reasoning && !repeated.is_empty() {
            text = Some(repeated);
        }
        if let Some(text) = text {
            self.think.off();
            out.push(Event::Reasoning { choice, text });
        }
        out.append(&mut signed);
        Ok(())
    }

    fn piece(&mut self, piece: wire::Piece, choice: u32, out: &mut Vec<Event>) {
        match piece {
            wire::Piece::Text(text) => {
                let mut told = Vec::new();
                self.think.take(text, &mut told);
                self.tell(told, choice, out);
            }
            wire::Piece::Reasoning(text) => out.push(Event::Reasoning { choice, text }),
            wire::Piece::Media(media) => self.whole(PartKind::Media(media), choice, out),
        }
    }

    fn tell(&mut self, told: Vec<think::Told>, choice: u32, out: &mut Vec<Event>) {
        for (reasoning, text) in told {
            if reasoning {
                out.push(Event::Reasoning { choice, text });
            } else {
                self.close_reasoning(choice, out);
                out.push(Event::Text { choice, text });
            }
        }
    }

    fn whole(&mut self, kind: PartKind, choice: u32, out: &mut Vec<Event>) {
        self.flush(choice, out);
        self.close_reasoning(choice, out);
        out.push(Event::Whole { choice, part: Part::new(kind) });
    }

    /// Tells what was held back as the beginning of a tag.
    fn flush(&mut self, choice: u32, out: &mut Vec<Event>) {
        let mut told = Vec::new();
        self.think.end(&mut told);
        self.tell(told, choice, out);
    }

    /// The details that the provider wants back are whole when something else begins.
    fn close_reasoning(&mut self, choice: u32, out: &mut Vec<Event>) {
        if let Some(details) = self.details.finish() {
            let signature = Signature::new(Format::OpenaiChat, details);
            out.push(Event::Signed { choice, signature });
        }
    }

    fn end(&mut self, choice: u32, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.flush(choice, out);
        self.close_reasoning(choice, out);
        self.calls.end()?;
        let stop = self.stop.unwrap_or(Stop::End).given_calls(self.calls.any());
        out.push(Event::Stop { choice, stop, sequence: None });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
