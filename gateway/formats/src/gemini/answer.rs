//! Whole answers.

use super::{Reader, said::Said, stop, usage};
use crate::{
    conversation::{Answer, Choice, Collector, Fault, Format, Part, PartKind, Signature},
    json::{Object, object},
    stream::{Asked, StreamReader},
};

/// Reads a whole answer of the provider. A refused prompt is an answer that a filter ended.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    let mut reader = Reader::default();
    let mut events = Vec::new();
    reader.read("", body, &mut events);
    reader.close(true, &mut events);
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    Ok(collector.finish())
}

/// Writes an answer for an app.
pub fn write_answer(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let said = Said::new(asked);
    let mut out = Vec::new();
    object(&mut out, |members| {
        members.list("candidates", |list| {
            for (index, choice) in answer.choices.iter().enumerate() {
                list.object(|candidate| write_choice(index, choice, &said, candidate));
            }
        });
        if let Some(shown) = answer.usage.shown() {
            members.object("usageMetadata", |members| usage::write_usage(members, &shown));
        }
        members.put("modelVersion", &asked.model);
        members.put("responseId", answer.id.as_deref().unwrap_or(&asked.id));
    });
    out
}

fn write_choice(index: usize, choice: &Choice, said: &Said, candidate: &mut Object) {
    candidate.object("content", |content| {
        content.list("parts", |list| {
            let mut wrote = false;
            for (place, part) in choice.parts.iter().enumerate() {
                let text = part.as_text();
                if loose(part).is_some() && place > 0 && choice.parts[place - 1].as_text().is_some()
                {
                    continue;
                }
                let signature = choice.parts.get(place + 1).and_then(loose);
                wrote |= match text {
                    Some(text) => {
                        said.text(text, signature, list);
                        true
                    }
                    None => said.part(part, list),
                };
            }
            if !wrote {
                said.text("", None, list);
            }
        });
        content.put("role", "model");
    });
    candidate.put("finishReason", stop::word(choice.stop)).put("index", index);
    for part in &choice.parts {
        said.beside(part, candidate);
    }
    if let Some(logprobs) = &choice.logprobs {
        super::logprobs::write(logprobs, candidate);
    }
}

/// The signature of a text: Google has it with the text, the internal form behind it.
fn loose(part: &Part) -> Option<&Signature> {
    match &part.kind {
        PartKind::Reasoning { text, signature: Some(signature) }
            if text.is_empty() && signature.by == Format::Gemini =>
        {
            Some(signature)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
