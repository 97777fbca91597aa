//! From events back to a whole answer.

use super::{Answer, Choice, Event, Fault, Part, PartKind, Signature, Stop};

/// Adds events up to the answer that they tell.
#[derive(Debug, Default)]
pub struct Collector {
    answer: Answer,
    states: Vec<State>,
}

/// What is open in a choice.
#[derive(Debug, Default)]
struct State {
    /// Where each call stands among the parts.
    calls: Vec<usize>,
    /// Whether the last part is reasoning that may still grow.
    reasoning_open: bool,
    logprobs: Vec<crate::json::Raw>,
}

impl Collector {
    /// Takes an event. A fault comes back as the error that it is.
    pub fn take(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Start { id, model } => {
                self.answer.id = id;
                self.answer.model = model;
            }
            Event::Text { choice, text } => self.grow(choice, text, Grown::Text),
            Event::Refusal { choice, text } => self.grow(choice, text, Grown::Refusal),
            Event::Reasoning { choice, text } => self.grow(choice, text, Grown::Reasoning),
            Event::Signed { choice, signature } => self.sign(choice, signature),
            Event::Whole { choice, part } => self.put(choice, part),
            Event::Call { choice, id, name, custom, signature, .. } => {
                let kind =
                    PartKind::ToolCall { id, name, arguments: String::new(), custom, signature };
                self.put(choice, Part::new(kind));
                let (parts, state) = self.choice(choice);
                state.calls.push(parts.len() - 1);
            }
            Event::Arguments { choice, call, json } => {
                let (parts, state) = self.choice(choice);
                let at = usize::try_from(call).ok().and_then(|call| state.calls.get(call));
                if let Some(PartKind::ToolCall { arguments, .. }) =
                    at.and_then(|at| parts.get_mut(*at)).map(|part| &mut part.kind)
                {
                    arguments.push_str(&json);
                }
            }
            Event::Logprobs { choice, logprobs } => self.choice(choice).1.logprobs.push(logprobs),
            Event::Stop { choice, stop, sequence } => {
                self.choice(choice);
                if let Some(choice) = self.answer.choices.get_mut(choice as usize) {
                    choice.stop = stop;
                    choice.stop_sequence = sequence;
                }
            }
            Event::Usage(usage) => self.answer.usage.update(usage),
            Event::Ping | Event::End => {}
            Event::Fault(fault) => return Err(fault),
        }
        Ok(())
    }

    /// The answer.
    pub fn finish(mut self) -> Answer {
        for (choice, state) in self.answer.choices.iter_mut().zip(&self.states) {
            let called = !state.calls.is_empty();
            choice.stop = choice.stop.given_calls(called);
            choice.logprobs = joined(&state.logprobs);
            for part in &mut choice.parts {
                if let PartKind::ToolCall { arguments, custom: false, .. } = &mut part.kind
                    && arguments.trim().is_empty()
                {
                    *arguments = "{}".to_owned();
                }
            }
        }
        self.answer
    }

    fn choice(&mut self, index: u32) -> (&mut Vec<Part>, &mut State) {
        /// More choices than any provider gives.
        const MOST: usize = 128;
        let index = (index as usize).min(MOST - 1);
        if self.answer.choices.len() <= index {
            self.answer.choices.resize_with(index + 1, Choice::default);
            self.states.resize_with(index + 1, State::default);
        }
        (&mut self.answer.choices[index].parts, &mut self.states[index])
    }

    fn put(&mut self, choice: u32, part: Part) {
        let (parts, state) = self.choice(choice);
        state.reasoning_open = false;
        parts.push(part);
    }

    fn grow(&mut self, choice: u32, text: String, grown: Grown) {
        let (parts, state) = self.choice(choice);
        let open = state.reasoning_open;
        state.reasoning_open = matches!(grown, Grown::Reasoning);
        let last = parts.last_mut().map(|part| &mut part.kind);
        match (grown, last) {
            (Grown::Text, Some(PartKind::Text(old))) => old.push_str(&text),
            (Grown::Refusal, Some(PartKind::Refusal(old))) => old.push_str(&text),
            (Grown::Reasoning, Some(PartKind::Reasoning { text: old, .. })) if open => {
                old.push_str(&text);
            }
            (Grown::Text, _) => parts.push(Part::text(text)),
            (Grown::Refusal, _) => parts.push(Part::new(PartKind::Refusal(text))),
            (Grown::Reasoning, _) => {
                parts.push(Part::new(PartKind::Reasoning { text, signature: None }));
            }
        }
    }

    /// A signature without reasoning before it signs an omitted block.
    fn sign(&mut self, choice: u32, given: Signature) {
        let (parts, state) = self.choice(choice);
        let open = std::mem::replace(&mut state.reasoning_open, false);
        match parts.last_mut().map(|part| &mut part.kind) {
            Some(PartKind::Reasoning { signature, .. }) if open => *signature = Some(given),
            _ => parts.push(Part::new(PartKind::Reasoning {
                text: String::new(),
                signature: Some(given),
            })),
        }
    }
}

enum Grown {
    Text,
    Refusal,
    Reasoning,
}

/// `{"content":[…]}` objects as one.
fn joined(pieces: &[crate::json::Raw]) -> Option<crate::json::Raw> {
    use crate::json::{Node, Raw};
    let (first, more) = pieces.split_first()?;
    let mut all = Node::parse(first.get())?;
    for piece in more {
        let Some(Node::Object(members)) = Node::parse(piece.get()) else { continue };
        for (name, value) in members {
            match (all.remove(&name), value) {
                (Some(Node::Array(mut old)), Node::Array(new)) => {
                    old.extend(new);
                    all.set(&name, Node::Array(old));
                }
                (Some(Node::Array(old)), _) => all.set(&name, Node::Array(old)),
                (_, value) => all.set(&name, value),
            }
        }
    }
    Some(Raw::of(&all))
}

/// The events that tell an answer, for formats whose upstream only answers whole.
impl Answer {
    /// Turns the answer into the events of a stream.
    pub fn into_events(self) -> Vec<Event> {
        let mut events = vec![Event::Start { id: self.id, model: self.model }];
        for (index, choice) in self.choices.into_iter().enumerate() {
            let at = u32::try_from(index).unwrap_or(u32::MAX);
            let mut calls = 0;
            for part in choice.parts {
                events.extend(part_events(at, part, &mut calls));
            }
            let logprobs = choice.logprobs.map(|logprobs| Event::Logprobs { choice: at, logprobs });
            events.extend(logprobs);
            let stop: Stop = choice.stop.given_calls(calls > 0);
            events.push(Event::Stop { choice: at, stop, sequence: choice.stop_sequence });
        }
        events.push(Event::Usage(self.usage));
        events.push(Event::End);
        events
    }
}

fn part_events(choice: u32, part: Part, calls: &mut u32) -> Vec<Event> {
    match part.kind {
        PartKind::Text(text) if text.is_empty() => Vec::new(),
        PartKind::Text(text) => vec![Event::Text { choice, text }],
        PartKind::Refusal(text) => vec![Event::Refusal { choice, text }],
        PartKind::Reasoning { text, signature } => {
            let mut events = vec![Event::Reasoning { choice, text }];
            events.extend(signature.map(|signature| Event::Signed { choice, signature }));
            events
        }
        PartKind::ToolCall { id, name, arguments, custom, signature } => {
            let call = *calls;
            *calls += 1;
            let mut events = vec![Event::Call { choice, call, id, name, custom, signature }];
            if !arguments.is_empty() {
                events.push(Event::Arguments { choice, call, json: arguments });
            }
            events
        }
        _ => vec![Event::Whole { choice, part }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Format;

    #[test]
    fn events_of_an_answer_add_up_to_it_again() {
        let signature = Some(Signature::new(Format::Anthropic, "sig"));
        let parts = vec![
            Part::new(PartKind::Reasoning { text: "hm".into(), signature }),
            Part::new(PartKind::Reasoning { text: "again".into(), signature: None }),
            Part::text("hello"),
            Part::new(PartKind::ToolCall {
                id: "c1".into(),
                name: "f".into(),
                arguments: "{\"x\":1}".into(),
                custom: false,
                signature: None,
            }),
        ];
        let choice = Choice { parts, stop: Stop::Tool, ..Choice::default() };
        let answer = Answer { id: Some("a".into()), choices: vec![choice], ..Answer::default() };
        let mut collector = Collector::default();
        for event in answer.clone().into_events() {
            collector.take(event).unwrap();
        }
        assert_eq!(collector.finish(), answer);
    }
}
