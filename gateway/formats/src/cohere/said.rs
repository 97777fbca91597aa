//! Pieces of an answer, as events. A whole answer is read by the rules of the stream, so that both tell the same.

use super::error::short;
use crate::{
    conversation::{Event, Fault, Stop, fresh_call_id},
    json::{Members, Text},
};
use serde::Deserialize;

/// The most calls of one answer.
const MOST_CALLS: usize = 1024;

/// A piece of content, or a whole one: its members are the same.
#[derive(Deserialize, Debug)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
}

/// A call, its beginning, or a piece of it.
#[derive(Deserialize, Debug)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub function: Option<Function<'a>>,
}

/// What is called.
#[derive(Deserialize, Debug)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub arguments: Option<Text<'a>>,
}

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The answer's id, for calls that have none.
    id: String,
    /// Each call by the provider's index.
    calls: Vec<(u64, Arguments)>,
    /// Whether the last thing said was thinking, which a plan is told apart from.
    thought: bool,
}

/// The arguments of a call.
#[derive(Debug)]
enum Arguments {
    /// Not told yet: they may become `null`, which is what tools without parameters are called with.
    Held(String),
    Flowing,
    Over,
}

impl Said {
    /// Of an answer with this id.
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Whether tools were called.
    pub fn called(&self) -> bool {
        !self.calls.is_empty()
    }

    /// A piece of content.
    pub fn content(&mut self, content: Content, out: &mut Vec<Event>) {
        let thinking = Text::owned(content.thinking);
        if !thinking.is_empty() {
            self.thought = true;
            out.push(Event::Reasoning { choice: 0, text: thinking });
        }
        let text = Text::owned(content.text);
        if !text.is_empty() {
            self.thought = false;
            out.push(Event::Text { choice: 0, text });
        }
    }

    /// A piece of the plan.
    pub fn plan(&mut self, mut text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.thought) {
            text.insert_str(0, "\n\n");
        }
        out.push(Event::Reasoning { choice: 0, text });
    }

    /// A call begins; what it has of arguments already is their first piece.
    pub fn call(&mut self, index: u64, call: Call, out: &mut Vec<Event>) -> Result<(), Fault> {
        let (name, arguments) = match call.function {
            Some(function) => (Text::owned(function.name), Text::owned(function.arguments)),
            None => return Err(Fault::garbage()),
        };
        if name.is_empty() || self.calls.len() >= MOST_CALLS {
            return Err(Fault::garbage());
        }
        self.thought = false;
        let number = self.calls.len();
        let id = match Text::owned(call.id) {
            id if id.is_empty() => fresh_call_id(&self.id, number),
            id => id,
        };
        self.calls.push((index, Arguments::Held(String::new())));
        let call = u32::try_from(number).unwrap_or(u32::MAX);
        out.push(Event::Call { choice: 0, call, id, name, custom: false, signature: None });
        self.arguments(index, arguments, out)
    }

    /// A piece of a call's arguments.
    pub fn arguments(
        &mut self,
        index: u64,
        json: String,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if json.is_empty() {
            return Ok(());
        }
        // Without a call of that index it is the last one's.
        let found = self.calls.iter().rposition(|(known, _)| *known == index);
        let at = found.or(self.calls.len().checked_sub(1));
        let number = at.and_then(|at| u32::try_from(at).ok());
        let place = at.and_then(|at| self.calls.get_mut(at)).map(|(_, arguments)| arguments);
        let (Some(place), Some(call)) = (place, number) else { return Err(Fault::garbage()) };
        let json = match place {
            Arguments::Over => return Ok(()),
            Arguments::Flowing => json,
            Arguments::Held(held) => {
                held.push_str(&json);
                if "null".starts_with(held.as_str()) {
                    return Ok(());
                }
                let json = std::mem::take(held);
                *place = Arguments::Flowing;
                json
            }
        };
        out.push(Event::Arguments { choice: 0, call, json });
        Ok(())
    }

    /// A call is complete.
    pub fn call_ends(&mut self, index: u64, out: &mut Vec<Event>) {
        if let Some(at) = self.calls.iter().rposition(|(known, _)| *known == index) {
            self.ends(at, out);
        }
    }

    /// Everything is complete.
    pub fn all_ends(&mut self, out: &mut Vec<Event>) {
        for at in 0..self.calls.len() {
            self.ends(at, out);
        }
    }

    fn ends(&mut self, at: usize, out: &mut Vec<Event>) {
        let Some((_, arguments)) = self.calls.get_mut(at) else { return };
        if let Arguments::Held(held) = std::mem::replace(arguments, Arguments::Over)
            && !held.is_empty()
            && held != "null"
        {
            let call = u32::try_from(at).unwrap_or(u32::MAX);
            out.push(Event::Arguments { choice: 0, call, json: held });
        }
    }
}

/// Why an answer ended; a word that is not known is an end. `error` is what a failed one says beside it.
pub(super) fn stop_of(word: &str, error: Option<&str>, called: bool) -> Result<Stop, Fault> {
    let stop = match word {
        "MAX_TOKENS" => Stop::Length,
        "STOP_SEQUENCE" => Stop::Sequence,
        "TOOL_CALL" => Stop::Tool,
        "ERROR_TOXIC" => return Ok(Stop::Filtered),
        _ => Stop::End,
    };
    let failed = word == "TIMEOUT" || word.starts_with("ERROR");
    match error.map(words_of).filter(|words| !words.is_empty()) {
        Some(words) => Err(Fault::reported(words)),
        None if failed => {
            Err(Fault::reported(format!("The provider could not finish the answer ({word}).")))
        }
        None => Ok(stop.given_calls(called)),
    }
}

/// The words of an error, which is a text or an object with a message; none of null.
fn words_of(error: &str) -> String {
    let text = serde_json::from_str::<String>(error).ok();
    let inner = || Members::of_text(error)?.peek_str("message");
    let known = text.or_else(inner);
    let other = || if matches!(error, "null" | "{}" | "false") { "" } else { error }.to_owned();
    short(&known.unwrap_or_else(other))
}
