//! OpenAI's older text completions (`POST /v1/completions`), served by models that chat: the prompt is what the user
//! says, the answer's text is the completion.

mod logprobs;

use super::{error, finish, request, usage};
use crate::{
    conversation::{
        Answer, Choice, Conversation, Event, Format, Part, PartKind, Reported, Role, Stop, Turn,
    },
    json::{Members, Object, Raw, items, object},
    mistake::Mistake,
    stream::{Asked, StreamWriter},
};

/// What OpenAI gives where the request says nothing.
const DEFAULT_MAX_TOKENS: u64 = 16;

/// Reads the body of a text completion.
pub fn read_request(body: &[u8]) -> Result<Conversation, Mistake> {
    let mut members = Members::of_body(body)?;
    let model = members.required_string("model")?;
    let mut conversation = Conversation::new(Format::OpenaiChat, model);
    let prompt = prompt(&mut members)?;
    conversation.turns.push(Turn::new(Role::User, vec![Part::text(prompt)]));
    conversation.max_output = Some(members.integer("max_tokens")?.unwrap_or(DEFAULT_MAX_TOKENS));
    conversation.sampling = request::sampling(&mut members)?;
    refuse_unsupported(&mut members, conversation.sampling.choices.unwrap_or(1))?;
    conversation.user = members.string("user")?;
    request::stream(&mut members, &mut conversation)?;
    conversation.extra.extend(members.rest());
    Ok(conversation)
}

/// The prompt: one text, also as a list of one.
fn prompt(members: &mut Members) -> Result<String, Mistake> {
    let Some(value) = members.take("prompt") else { return Err(Mistake::missing("prompt")) };
    let text = |value: &str| serde_json::from_str::<String>(value).ok();
    if let Some(prompt) = text(value.get()) {
        return Ok(prompt);
    }
    let entries = items("prompt", value)
        .map_err(|_| Mistake::wrong_type("prompt", "a string or a list of one string"))?;
    match entries.as_slice() {
        [] => Err(Mistake::missing("prompt")),
        [(_, only)] if only.get().starts_with('"') => {
            text(only.get()).ok_or_else(|| Mistake::wrong_type("prompt[0]", "a valid string"))
        }
        several => {
            let strings = several.iter().all(|(_, entry)| entry.get().starts_with('"'));
            let what = if strings {
                "Send one prompt per request: this model answers one at a time."
            } else {
                "Send the prompt as text: tokens of one model mean nothing to another."
            };
            Err(Mistake::new("unsupported_parameter", Some("prompt"), what))
        }
    }
}

/// What a model that chats has no equal for.
fn refuse_unsupported(members: &mut Members, choices: u64) -> Result<(), Mistake> {
    let refused = |param: &str, message: &str| {
        Err(Mistake::new("unsupported_parameter", Some(param), message))
    };
    if members.string("suffix")?.is_some_and(|suffix| !suffix.is_empty()) {
        return refused("suffix", "This model cannot fill a gap: leave `suffix` out.");
    }
    if members.bool("echo")? == Some(true) {
        return refused("echo", "Leave `echo` out and put the prompt before the answer yourself.");
    }
    if members.integer("best_of")?.is_some_and(|best_of| best_of > choices) {
        return refused(
            "best_of",
            "This model gives no more answers than `n`: leave `best_of` out.",
        );
    }
    Ok(())
}

/// Writes an answer.
pub fn write_answer(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| {
        write_head(o, answer.id.as_deref(), answer.created, asked);
        o.list("choices", |l| {
            for (index, choice) in answer.choices.iter().enumerate() {
                l.object(|o| write_choice(o, index, choice));
            }
        });
        if let Some(shown) = answer.usage.shown() {
            o.object("usage", |o| usage::write_usage(o, &shown));
        }
    });
    out
}

fn write_head(o: &mut Object, id: Option<&str>, created: Option<i64>, asked: &Asked) {
    o.put("id", asked.id_with("cmpl-", id)).put("object", "text_completion");
    o.put("created", created.unwrap_or(asked.created)).put("model", &asked.model);
}

fn write_choice(o: &mut Object, index: usize, choice: &Choice) {
    let said = choice.parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => Some(text.as_str()),
        _ => None,
    });
    let logprobs = choice.logprobs.as_ref().and_then(|raw| logprobs::older(raw, 0));
    o.put("index", index).put("text", said.collect::<String>());
    o.put("logprobs", logprobs.map(|logprobs| logprobs.json));
    o.put("finish_reason", word_of(choice.stop));
}

/// Nothing can be called here.
const fn word_of(stop: Stop) -> &'static str {
    finish::word_of(stop.given_calls(false), false)
}

/// Writes a stream of text completions.
pub struct Writer {
    asked: Asked,
    id: Option<String>,
    choices: Vec<State>,
    reported: Reported,
    over: bool,
}

/// A choice so far.
#[derive(Clone, Copy, Default)]
struct State {
    begun: bool,
    stopped: bool,
    /// Characters of the tokens whose probabilities were told.
    offset: usize,
}

impl Writer {
    /// A writer for a request.
    pub fn new(asked: Asked) -> Self {
        let choices = Vec::new();
        Self { asked, id: None, choices, reported: Reported::default(), over: false }
    }

    fn state(&mut self, choice: u32) -> &mut State {
        /// More choices than any app can ask for.
        const MOST: usize = 128;
        let at = (choice as usize).min(MOST - 1);
        if self.choices.len() <= at {
            self.choices.resize(at + 1, State::default());
        }
        self.choices[at].begun = true;
        &mut self.choices[at]
    }

    fn chunk(
        &self,
        choice: u32,
        text: &str,
        logprobs: Option<Raw>,
        reason: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"data: ");
        object(out, |o| {
            write_head(o, self.id.as_deref(), None, &self.asked);
            o.list("choices", |l| {
                l.object(|o| {
                    o.put("index", choice).put("text", text);
                    o.put("logprobs", logprobs).put("finish_reason", reason);
                });
            });
            if self.asked.include_usage {
                o.put("usage", ());
            }
        });
        out.extend_from_slice(b"\n\n");
    }

    fn stop(&mut self, choice: u32, stop: Stop, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.state(choice).stopped, true) {
            self.chunk(choice, "", None, Some(word_of(stop)), out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        for at in 0..self.choices.len() {
            if self.choices[at].begun {
                self.stop(u32::try_from(at).unwrap_or(u32::MAX), Stop::End, out);
            }
        }
        if let Some(shown) = self.reported.shown().filter(|_| self.asked.include_usage) {
            out.extend_from_slice(b"data: ");
            object(out, |o| {
                write_head(o, self.id.as_deref(), None, &self.asked);
                o.list("choices", |_| {}).object("usage", |o| usage::write_usage(o, &shown));
            });
            out.extend_from_slice(b"\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.over = true;
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, .. } => self.id.clone_from(id),
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.state(*choice);
                self.chunk(*choice, text, None, None, out);
            }
            Event::Logprobs { choice, logprobs } => {
                let offset = self.state(*choice).offset;
                if let Some(older) = logprobs::older(logprobs, offset) {
                    self.state(*choice).offset = older.end;
                    self.chunk(*choice, "", Some(older.json), None, out);
                }
            }
            Event::Stop { choice, stop, .. } => self.stop(*choice, *stop, out),
            Event::Usage(reported) => self.reported.update(*reported),
            Event::Ping => self.keep_alive(out),
            Event::End => self.end(out),
            Event::Fault(fault) => {
                out.extend_from_slice(error::event(fault.code(), &fault.message).as_bytes());
                self.over = true;
            }
            // A completion has no place for what is no text.
            Event::Reasoning { .. }
            | Event::Signed { .. }
            | Event::Whole { .. }
            | Event::Call { .. }
            | Event::Arguments { .. } => {}
        }
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}

#[cfg(test)]
mod tests;
