//! Reads an answer of Google's, whole or in pieces: a stream is a row of answers, each with a piece of the text.

mod wire;

use super::{logprobs, model::Model, signature, stop, stop::Finish, usage};
use crate::{
    conversation::{
        Event, Fault, FaultKind, Format, Media, MediaKind, Part, PartKind, Signature, Source, Stop,
        arguments_text, fresh_call_id,
    },
    json::{Raw, compact},
    stream::StreamReader,
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use wire::{Candidate, Chunk, Refused, Said};

/// Reads a stream. Nothing of it is kept but what the end depends on.
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    over: bool,
    /// What ids of calls are made from where there are none.
    seed: String,
    calls: usize,
    choices: Vec<Choice>,
    /// The prompt was refused.
    blocked: bool,
    /// Searches that the model made.
    searches: u64,
    /// Whether the model is charged for each of them and not for each prompt.
    per_search: bool,
}

#[derive(Debug, Default)]
struct Choice {
    seen: bool,
    calls: u32,
    /// Whether anything came that is of use.
    said: bool,
    finish: Option<Finish>,
    /// Google's words on the end.
    words: String,
}

impl StreamReader for Reader {
    fn read(&mut self, _: &str, data: &[u8], out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        let data = data.trim_ascii();
        if data.first() == Some(&b'[') {
            match serde_json::from_slice::<Vec<&RawValue>>(data) {
                Ok(chunks) => {
                    for chunk in chunks {
                        self.chunk(chunk.get().as_bytes(), out);
                    }
                }
                Err(_) => self.fail(Fault::garbage(), out),
            }
        } else if !data.is_empty() && data != b"[DONE]" {
            self.chunk(data, out);
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.close(false, out);
    }
}

impl Reader {
    /// The most choices that are followed.
    const MOST_CHOICES: usize = 128;

    fn chunk(&mut self, data: &[u8], out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
            return self.fail(Fault::garbage(), out);
        };
        if let Some(error) = chunk.error {
            return self.fail(fault(error), out);
        }
        self.start(&chunk, data, out);
        let reason = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason);
        self.blocked |= reason.is_some_and(|it| !it.is_empty() && it != "BLOCK_REASON_UNSPECIFIED");
        for (place, candidate) in chunk.candidates.into_iter().flatten().enumerate() {
            let index = candidate.index.map_or(place, |index| index as usize);
            if index < Self::MOST_CHOICES {
                self.candidate(index, candidate, out);
            }
            if self.over {
                return;
            }
        }
        if let Some(raw) = chunk.usage_metadata {
            let mut reported = usage::read(raw.get(), self.searches > 0);
            for usage in [&mut reported.billed, &mut reported.counted].into_iter().flatten() {
                usage.web_searches =
                    if self.per_search { self.searches } else { self.searches.min(1) };
            }
            if reported.billed.is_some() || reported.refused {
                out.push(Event::Usage(reported));
            }
        }
    }

    fn start(&mut self, chunk: &Chunk, data: &[u8], out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = chunk.response_id.as_deref().filter(|id| !id.is_empty());
        self.seed = id.map_or_else(
            || Sha256::digest(data).iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            str::to_owned,
        );
        let model = chunk.model_version.as_deref().map(str::to_owned);
        self.per_search = model.as_deref().is_some_and(|name| Model::of(name).takes_ids());
        out.push(Event::Start { id: id.map(str::to_owned), model });
    }

    fn candidate(&mut self, index: usize, candidate: Candidate, out: &mut Vec<Event>) {
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Choice::default);
        }
        self.choices[index].seen = true;
        let choice = u32::try_from(index).unwrap_or_default();
        let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
        for raw in parts {
            match serde_json::from_str::<Said>(raw.get()) {
                Ok(said) => self.part(index, choice, said, raw, out),
                Err(_) => self.fail(Fault::garbage(), out),
            }
            if self.over {
                return;
            }
        }
        if let Some(found) = candidate.grounding_metadata {
            self.searches = self.searches.max(wire::searches(found));
        }
        for (name, member) in [
            ("groundingMetadata", candidate.grounding_metadata),
            ("citationMetadata", candidate.citation_metadata),
            ("urlContextMetadata", candidate.url_context_metadata),
        ] {
            let member = member.filter(|raw| raw.get() != "{}");
            let whole = member
                .and_then(|raw| Raw::parse(&format!("{{\"{name}\":{}}}", compact(raw.get()))));
            out.extend(whole.map(|raw| native(choice, raw)));
        }
        let logprobs = candidate.logprobs_result.and_then(|raw| logprobs::read(raw.get()));
        out.extend(logprobs.map(|logprobs| Event::Logprobs { choice, logprobs }));
        if let Some(word) = candidate.finish_reason.filter(|word| !word.is_empty()) {
            let state = &mut self.choices[index];
            state.finish = Some(stop::read(&word));
            let words = candidate.finish_message.unwrap_or_default();
            state.words = if words.is_empty() { word.into_owned() } else { words.into_owned() };
        }
    }

    fn part(
        &mut self,
        index: usize,
        choice: u32,
        said: Said,
        raw: &RawValue,
        out: &mut Vec<Event>,
    ) {
        let signed = said.thought_signature.filter(|text| !text.is_empty());
        let signed = signed.map(|text| Signature::new(Format::Gemini, text));
        let thought = said.thought.unwrap_or(false);
        let before = out.len();
        if let Some(call) = said.function_call {
            return self.call(index, choice, call, signed, out);
        }
        match (said.text, said.inline_data, said.file_data) {
            (Some(text), ..) => {
                let text = text.into_owned();
                match (text.is_empty(), thought) {
                    (true, _) => {}
                    (false, true) => out.push(Event::Reasoning { choice, text }),
                    (false, false) => out.push(Event::Text { choice, text }),
                }
            }
            // Drafts of an image are no answer.
            (None, Some(blob), _) if !thought => {
                let source = Source::Base64(signature::standard_base64(blob.data.into_owned()));
                out.push(media(choice, source, blob.mime_type.as_deref()));
            }
            (None, None, Some(file)) if !thought => {
                let source = Source::Url(file.file_uri.into_owned());
                out.push(media(choice, source, file.mime_type.as_deref()));
            }
            _ if raw.get() == "{}" => {}
            _ => return out.extend(Raw::parse(&compact(raw.get())).map(|raw| native(choice, raw))),
        }
        self.choices[index].said |= out.len() > before && !thought;
        out.extend(signed.map(|signature| Event::Signed { choice, signature }));
    }

    /// Calls come whole.
    fn call(
        &mut self,
        index: usize,
        choice: u32,
        call: wire::Call,
        signature: Option<Signature>,
        out: &mut Vec<Event>,
    ) {
        if call.name.is_empty() {
            return self.fail(Fault::garbage(), out);
        }
        let given = call.id.filter(|id| !id.is_empty()).map(std::borrow::Cow::into_owned);
        let id = given.unwrap_or_else(|| fresh_call_id(&self.seed, self.calls));
        self.calls += 1;
        let state = &mut self.choices[index];
        let number = state.calls;
        state.calls += 1;
        state.said = true;
        let name = call.name.into_owned();
        out.push(Event::Call { choice, call: number, id, name, custom: false, signature });
        let args = call.args.filter(|raw| raw.get().starts_with('{')).map(Raw::from);
        let json = args.map_or_else(|| "{}".to_owned(), |args| arguments_text(&args));
        out.push(Event::Arguments { choice, call: number, json });
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.over, true) {
            out.push(Event::Fault(fault));
        }
    }

    /// The end. `whole`: the answer came in one piece, so nothing of it can be missing.
    pub(super) fn close(&mut self, whole: bool, out: &mut Vec<Event>) {
        if self.over {
            return;
        }
        match self.stops(whole) {
            Ok(stops) => {
                self.over = true;
                let stop = |(choice, stop)| Event::Stop { choice, stop, sequence: None };
                out.extend(stops.into_iter().map(stop));
                out.push(Event::End);
            }
            Err(fault) => self.fail(fault, out),
        }
    }

    fn stops(&self, whole: bool) -> Result<Vec<(u32, Stop)>, Fault> {
        let nothing = || if whole { Fault::garbage() } else { Fault::truncated() };
        let mut stops = Vec::new();
        for (index, choice) in self.choices.iter().enumerate().filter(|(_, choice)| choice.seen) {
            let stop = match choice.finish {
                Some(Finish::Stop(stop)) => stop,
                Some(Finish::Broken) if choice.said => Stop::End,
                Some(Finish::Broken) => {
                    let message = format!("The provider broke off: {}.", choice.words);
                    return Err(Fault::reported(message));
                }
                None if self.blocked => Stop::Filtered,
                None if whole && choice.said => Stop::End,
                None => return Err(nothing()),
            };
            let index = u32::try_from(index).unwrap_or_default();
            stops.push((index, stop.given_calls(choice.calls > 0)));
        }
        match stops.is_empty() {
            true if self.blocked => Ok(vec![(0, Stop::Filtered)]),
            true => Err(nothing()),
            false => Ok(stops),
        }
    }
}

fn native(choice: u32, raw: Raw) -> Event {
    Event::Whole { choice, part: Part::new(PartKind::Native(Format::Gemini, raw)) }
}

fn media(choice: u32, source: Source, mime: Option<&str>) -> Event {
    let kind = match mime.and_then(|mime| mime.split('/').next()) {
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        Some("image") | None => MediaKind::Image,
        Some(_) => MediaKind::Document,
    };
    let mime = mime.map(str::to_owned);
    let media = Media { kind, source, mime, name: None, detail: None };
    Event::Whole { choice, part: Part::new(PartKind::Media(media)) }
}

/// An error in the clothes of an answer.
fn fault(error: &RawValue) -> Fault {
    let refused: Refused = serde_json::from_str(error.get()).unwrap_or_default();
    let kind = match (refused.status.as_deref(), refused.code) {
        (Some("RESOURCE_EXHAUSTED"), _) | (_, Some(429)) => FaultKind::RateLimited,
        (Some("UNAVAILABLE"), _) | (_, Some(503)) => FaultKind::Overloaded,
        _ => FaultKind::Reported,
    };
    let message = refused.message.filter(|message| !message.is_empty()).map_or_else(
        || "The provider reported an error without a reason.".to_owned(),
        |message| message.chars().take(500).collect(),
    );
    Fault { kind, message }
}

#[cfg(test)]
mod tests;
