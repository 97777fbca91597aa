//! Output items as events: the one way in which whole answers and streams are read, so that both say the same.

use super::error::fault_of;
use crate::{
    conversation::{
        Event, Format, Media, MediaKind, Part, PartKind, Reported, Signature, Source, Stop,
    },
    json::{Members, Raw, Text, compact, items},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What is known of the answer so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// How many calls there were.
    pub(super) calls: u32,
    /// Whether the last event was reasoning in words that another piece would go on with.
    reasoning_open: bool,
}

/// What of an item was told already, while it was streamed.
#[derive(Debug, Default)]
pub(super) struct Streamed {
    /// Bytes of text, reasoning or arguments.
    pub(super) bytes: usize,
    /// The number of its call, if it is one.
    pub(super) call: Option<u32>,
    /// The part of the reasoning that the last piece belongs to.
    pub(super) part: u64,
    /// Whether the reasoning comes in full instead of as a summary.
    pub(super) full: bool,
}

/// The members of items that say something in every format.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    encrypted_content: Option<Text<'a>>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow)]
    output_format: Option<Text<'a>>,
}

/// A content part of a message or of reasoning.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default)]
    r#type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

impl Told {
    /// Tells what an event brings.
    pub(super) fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        self.reasoning_open = match &event {
            Event::Reasoning { text, .. } => !text.is_empty() || self.reasoning_open,
            // These belong to no part.
            Event::Ping | Event::Usage(_) | Event::Start { .. } => self.reasoning_open,
            _ => false,
        };
        out.push(event);
    }

    /// Tells a piece of an item's text.
    pub(super) fn text(&mut self, text: Cow<str>, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.push(Event::Text { choice: 0, text: text.into_owned() }, out);
        }
    }

    /// Tells a piece of a refusal.
    pub(super) fn refusal(&mut self, text: Cow<str>, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.push(Event::Refusal { choice: 0, text: text.into_owned() }, out);
        }
    }

    /// Tells log probabilities of the text just before.
    pub(super) fn logprobs(&mut self, entries: Option<&RawValue>, out: &mut Vec<Event>) {
        let entries = entries.map(RawValue::get).filter(|text| !matches!(*text, "null" | "[]"));
        let logprobs = entries.and_then(|text| Raw::parse(&format!("{{\"content\":{text}}}")));
        if let Some(logprobs) = logprobs {
            self.push(Event::Logprobs { choice: 0, logprobs }, out);
        }
    }

    /// Tells a piece of reasoning of part `part` of its item. Parts are paragraphs.
    pub(super) fn reasoning(
        &mut self,
        text: Cow<str>,
        part: u64,
        item: &mut Streamed,
        out: &mut Vec<Event>,
    ) {
        if text.is_empty() {
            return;
        }
        let next = if item.bytes == 0 { self.reasoning_open } else { item.part != part };
        item.part = part;
        item.bytes += text.len();
        let text = if next { format!("\n\n{text}") } else { text.into_owned() };
        self.push(Event::Reasoning { choice: 0, text }, out);
    }

    /// Tells that a call begins; `None` if there is no name to call it by.
    pub(super) fn call(
        &mut self,
        id: &str,
        name: &str,
        custom: bool,
        out: &mut Vec<Event>,
    ) -> Option<u32> {
        if name.is_empty() || id.is_empty() {
            return None;
        }
        let call = self.calls;
        self.calls += 1;
        let (id, name) = (id.to_owned(), name.to_owned());
        self.push(Event::Call { choice: 0, call, id, name, custom, signature: None }, out);
        Some(call)
    }

    /// Tells a piece of a call's arguments.
    pub(super) fn arguments(&mut self, text: Cow<str>, item: &mut Streamed, out: &mut Vec<Event>) {
        if let Some(call) = item.call.filter(|_| !text.is_empty()) {
            item.bytes += text.len();
            self.push(Event::Arguments { choice: 0, call, json: text.into_owned() }, out);
        }
    }

    /// Tells that an item begins, as far as it says something already.
    pub(super) fn begin(&mut self, item: &RawValue, out: &mut Vec<Event>) -> Streamed {
        let mut streamed = Streamed::default();
        let Ok(item) = serde_json::from_str::<Item>(item.get()) else { return streamed };
        let custom = match item.r#type.0.as_ref() {
            "function_call" => false,
            "custom_tool_call" => true,
            _ => return streamed,
        };
        streamed.call = self.call(item.call(), item.name(), custom, out);
        streamed
    }

    /// Tells what is left to tell of an item that is complete.
    pub(super) fn complete(
        &mut self,
        raw: &RawValue,
        streamed: &mut Streamed,
        out: &mut Vec<Event>,
    ) {
        let Ok(item) = serde_json::from_str::<Item>(raw.get()) else { return };
        match item.r#type.0.as_ref() {
            "message" => self.message(&item, streamed, out),
            "reasoning" => self.thought(&item, streamed, out),
            "function_call" => self.called(&item, false, streamed, out),
            "custom_tool_call" => self.called(&item, true, streamed, out),
            "image_generation_call" if item.result.is_some() => {
                let kind = PartKind::Media(image(&item));
                self.push(Event::Whole { choice: 0, part: Part::new(kind) }, out);
            }
            _ => {
                let raw = Raw::parse(&compact(raw.get())).unwrap_or_else(|| raw.into());
                let kind = PartKind::Native(Format::OpenaiResponses, raw);
                self.push(Event::Whole { choice: 0, part: Part::new(kind) }, out);
            }
        }
    }

    fn message(&mut self, item: &Item, streamed: &Streamed, out: &mut Vec<Event>) {
        if streamed.bytes > 0 {
            return;
        }
        for piece in pieces(item.content) {
            match piece.r#type.0.as_ref() {
                "refusal" => self.refusal(piece.refusal.unwrap_or_default().0, out),
                _ => {
                    self.text(piece.text.unwrap_or_default().0, out);
                    self.logprobs(piece.logprobs, out);
                }
            }
        }
    }

    fn thought(&mut self, item: &Item, streamed: &mut Streamed, out: &mut Vec<Event>) {
        let mut words = pieces(item.summary);
        if words.is_empty() {
            words = pieces(item.content);
        }
        let silent = words.is_empty() && streamed.bytes == 0;
        if streamed.bytes == 0 {
            for (part, piece) in words.into_iter().enumerate() {
                let text = piece.text.unwrap_or_default().0;
                self.reasoning(text, part as u64, streamed, out);
            }
        }
        let Some(sealed) = item.encrypted_content.as_ref().filter(|text| !text.0.is_empty()) else {
            return;
        };
        let signature = Signature::read_in(Format::OpenaiResponses, &sealed.0);
        let event = if silent {
            Event::Whole { choice: 0, part: Part::new(PartKind::Sealed(signature)) }
        } else {
            if streamed.bytes == 0 {
                self.push(Event::Reasoning { choice: 0, text: String::new() }, out);
            }
            Event::Signed { choice: 0, signature }
        };
        self.push(event, out);
    }

    fn called(&mut self, item: &Item, custom: bool, streamed: &mut Streamed, out: &mut Vec<Event>) {
        if streamed.call.is_none() {
            streamed.call = self.call(item.call(), item.name(), custom, out);
        }
        let whole = match (custom, item.arguments) {
            (true, _) => item.input.as_ref().map(|text| text.0.to_string()),
            (false, Some(raw)) if raw.get().starts_with('"') => {
                serde_json::from_str(raw.get()).ok()
            }
            // Some servers give the object itself.
            (false, raw) => raw.map(|raw| compact(raw.get())),
        };
        let rest = whole.as_deref().and_then(|whole| whole.get(streamed.bytes..));
        self.arguments(Cow::Borrowed(rest.unwrap_or_default()), streamed, out);
    }
}

impl Item<'_> {
    /// The call's id; servers that know one id only put it into the other's place.
    fn call(&self) -> &str {
        let call = Text::of(self.call_id.as_ref());
        if call.is_empty() { Text::of(self.id.as_ref()) } else { call }
    }

    fn name(&self) -> &str {
        Text::of(self.name.as_ref())
    }
}

/// The entries of a list of content; entries of another shape are left out.
fn pieces(content: Option<&RawValue>) -> Vec<Piece<'_>> {
    let Some(content) = content.filter(|content| content.get().starts_with('[')) else {
        return Vec::new();
    };
    let entries = items("content", content).unwrap_or_default();
    entries.into_iter().filter_map(|(_, entry)| serde_json::from_str(entry.get()).ok()).collect()
}

fn image(item: &Item) -> Media {
    let data = item.result.as_ref().map_or_else(String::new, |text| text.0.to_string());
    let mime = item.output_format.as_ref().map(|format| format!("image/{}", format.0));
    Media { source: Source::Base64(data), mime, ..Media::of_url(MediaKind::Image, "") }
}

/// The members of a response object that say something in every format.
#[derive(Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) created_at: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) incomplete_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) output: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service_tier: Option<Text<'a>>,
    #[serde(borrow)]
    tool_usage: Option<&'a RawValue>,
}

impl Response<'_> {
    pub(super) fn status(&self) -> &str {
        Text::of(self.status.as_ref())
    }

    /// The failure, if it is one.
    pub(super) fn fault(&self) -> Option<crate::conversation::Fault> {
        let error = self.error.map(RawValue::get).filter(|error| *error != "null");
        match self.status() {
            "failed" => Some(fault_of(error)),
            "cancelled" => {
                Some(crate::conversation::Fault::reported("The response was cancelled."))
            }
            _ if self.output.is_none() => error.map(|error| fault_of(Some(error))),
            _ => None,
        }
    }

    /// Why it ended.
    pub(super) fn stop(&self, called: bool) -> Stop {
        let details = self.incomplete_details.and_then(|raw| Members::of_text(raw.get()));
        let reason = details.and_then(|details| details.peek_str("reason"));
        let stop = match (self.status(), reason.as_deref()) {
            (_, Some("content_filter")) => Stop::Filtered,
            ("incomplete", _) | (_, Some("max_output_tokens")) => Stop::Length,
            _ => Stop::End,
        };
        stop.given_calls(called)
    }

    /// What it used. Searches of the web are charged beside the tokens.
    pub(super) fn usage(&self) -> Reported {
        let Some(usage) = self.usage else { return Reported::default() };
        let mut reported = super::usage::read_usage(usage.get());
        if let Some(billed) = &mut reported.billed {
            billed.web_searches = self.searches();
        }
        reported
    }

    fn searches(&self) -> u64 {
        let searches = || {
            let tools = Members::of_text(self.tool_usage?.get())?;
            let mut search = Members::of_text(tools.peek("web_search")?.get())?;
            search.integer("num_requests").ok()?
        };
        searches().unwrap_or(0)
    }
}
