//! Whole answers.

use super::{
    object::{self, State, status_of},
    output::{self, Called, Ids, Said},
    told::{Response, Streamed, Told},
    usage,
};
use crate::{
    conversation::{Answer, Choice, Collector, Event, Fault, PartKind, Stop},
    json::items,
    stream::Asked,
};

/// Reads a whole answer. A response that failed is a fault although it came with a 200; one that is still queued or
/// under way is an answer without content.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    let response: Response = serde_json::from_slice(body).map_err(|_| Fault::garbage())?;
    if let Some(fault) = response.fault() {
        return Err(fault);
    }
    let output = response.output.ok_or_else(Fault::garbage)?;
    let output = items("output", output).map_err(|_| Fault::garbage())?;
    let mut told = Told::default();
    let mut events = Vec::new();
    for (_, item) in output {
        told.complete(item, &mut Streamed::default(), &mut events);
    }
    let stop = response.stop(told.calls > 0);
    events.push(Event::Stop { choice: 0, stop, sequence: None });
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    let created = response.created_at.and_then(|raw| raw.get().parse::<f64>().ok());
    Ok(Answer {
        usage: response.usage(),
        id: response.id.map(|id| id.0.into_owned()),
        model: response.model.map(|model| model.0.into_owned()),
        created: created.map(|seconds| seconds as i64),
        service_tier: response.service_tier.map(|tier| tier.0.into_owned()),
        ..collector.finish()
    })
}

/// The id of a response. A provider's own is kept, for it may keep the answer under it; the ids of other formats are
/// not always unique, and ours is.
pub(super) fn id_of(asked: &Asked, given: Option<&str>) -> String {
    asked.id_with("resp_", given.filter(|id| id.starts_with("resp_")))
}

/// Writes a whole answer. There is one choice here; of several the first is told.
pub fn write_answer(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let id = id_of(asked, answer.id.as_deref());
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let stop = choice.stop.given_calls(called(choice));
    let output = output_of(choice, stop, &Ids::of(&id));
    let (status, incomplete) = status_of(stop);
    let state = State {
        id: &id,
        status,
        incomplete,
        error: None,
        output: &output,
        usage: &usage::written(&answer.usage),
        service_tier: answer.service_tier.as_deref(),
    };
    let echo = object::echo(&asked.conversation);
    let mut out = Vec::new();
    crate::json::object(&mut out, |o| object::members(o, asked, &echo, &state));
    out
}

fn called(choice: &Choice) -> bool {
    choice.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }))
}

/// Neighbouring texts and refusals are one message; everything else is an item of its own.
fn output_of(choice: &Choice, stop: Stop, ids: &Ids) -> Vec<Vec<u8>> {
    let mut items: Vec<Item> = Vec::new();
    for part in &choice.parts {
        let said = match &part.kind {
            PartKind::Text(text) if text.is_empty() => continue,
            PartKind::Text(text) => Some(Said::new(text.clone(), false)),
            PartKind::Refusal(text) => Some(Said::new(text.clone(), true)),
            _ => None,
        };
        let item = match (said, &part.kind) {
            (Some(said), _) => {
                if let Some(Item::Message(open)) = items.last_mut() {
                    open.push(said);
                    continue;
                }
                Item::Message(vec![said])
            }
            (None, PartKind::Reasoning { .. }) => Item::Reasoning(&part.kind),
            (None, PartKind::ToolCall { id, name, arguments, custom, signature }) => {
                let called = Called::new(id, name, *custom, signature.as_ref());
                Item::Call(Called { arguments: arguments.clone(), ..called })
            }
            (None, _) => match output::whole(part, ids, items.len()) {
                Some(json) => Item::Whole(json),
                None => continue,
            },
        };
        items.push(item);
    }
    if let Some(logprobs) = &choice.logprobs
        && let Some(said) = items.iter_mut().rev().find_map(Item::last_text)
    {
        said.add_logprobs(logprobs);
    }
    let last = items.len().saturating_sub(1);
    let (status, _) = status_of(stop);
    let written = items.iter().enumerate().map(|(index, item)| {
        item.written(ids, index, if index == last { status } else { "completed" })
    });
    written.collect()
}

enum Item<'p> {
    Message(Vec<Said>),
    Reasoning(&'p PartKind),
    Call(Called),
    Whole(Vec<u8>),
}

impl Item<'_> {
    fn last_text(&mut self) -> Option<&mut Said> {
        let Self::Message(said) = self else { return None };
        said.iter_mut().rev().find(|said| !said.refusal)
    }

    fn written(&self, ids: &Ids, index: usize, status: &str) -> Vec<u8> {
        match self {
            Self::Message(said) => output::message(&ids.item("msg", index), said, status),
            Self::Reasoning(kind) => output::reasoning(&ids.item("rs", index), kind, status),
            Self::Call(called) => {
                let id = ids.item(called.prefix(), index);
                output::call(&id, called, called.arguments(), status)
            }
            Self::Whole(json) => json.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
