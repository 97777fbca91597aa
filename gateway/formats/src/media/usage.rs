//! What an answer used.

use crate::{conversation::Reported, facts::Api};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tollgate_contract::usage::Usage;

/// More of anything than any answer has; floats are exact up to here.
const MOST: f64 = (1_u64 << 53) as f64;

/// The members of answers and of the events that end streams, as far as they say what was used.
#[derive(Deserialize, Default)]
struct Wire<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    duration: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Tokens<'a> {
    #[serde(borrow)]
    seconds: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    total_tokens: Option<&'a RawValue>,
    /// The singular is that of transcriptions.
    #[serde(borrow, alias = "input_token_details")]
    input_tokens_details: Option<&'a RawValue>,
    #[serde(borrow, alias = "output_token_details")]
    output_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_tokens_details: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Kinds<'a> {
    #[serde(borrow)]
    image_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    audio_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_image_tokens: Option<&'a RawValue>,
}

/// What the tokens of an API are where it does not tell them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Medium {
    /// Answers are images.
    Images,
    /// Prompts are sounds.
    Heard,
    /// Answers are sounds.
    Spoken,
}

/// Reads what a whole answer used. Nothing for speech, whose answer is a sound: [`usage_of_speech`] reads its request.
pub fn read_usage(api: Api, body: &[u8]) -> Reported {
    match api {
        Api::Images | Api::ImageEdits => drawn(body),
        Api::Transcriptions | Api::Translations => heard(body),
        Api::Moderations => Reported::of(one_request()),
        _ => Reported::default(),
    }
}

/// Reads what a stream used, from the event that tells it; `None` for any other.
pub fn read_event_usage(data: &[u8]) -> Option<Reported> {
    let wire: Wire = serde_json::from_slice(data).ok()?;
    let kind: Cow<str> = serde_json::from_str(wire.r#type?.get()).ok()?;
    let medium = match kind.as_ref() {
        "image_generation.completed" | "image_edit.completed" => Medium::Images,
        "transcript.text.done" => Medium::Heard,
        "speech.audio.done" => Medium::Spoken,
        _ => return None,
    };
    Some(counted(wire.usage?.get(), medium))
}

/// What a request for speech uses: the characters that are spoken.
pub fn usage_of_speech(request: &[u8]) -> Reported {
    #[derive(Deserialize)]
    struct Speech<'a> {
        #[serde(borrow)]
        input: Option<&'a RawValue>,
    }
    let speech: Option<Speech> = serde_json::from_slice(request).ok();
    let input = speech.and_then(|speech| speech.input);
    let text: Option<String> = input.and_then(|raw| serde_json::from_str(raw.get()).ok());
    text.map_or_else(Reported::default, |text| {
        Reported::of(Usage { characters: text.chars().count() as u64, ..one_request() })
    })
}

fn one_request() -> Usage {
    Usage { requests: 1, ..Usage::default() }
}

/// Images: by their tokens, else by their number.
fn drawn(body: &[u8]) -> Reported {
    let Ok(wire) = serde_json::from_slice::<Wire>(body) else { return Reported::default() };
    if let Some(usage) = wire.usage.filter(|usage| usage.get() != "null") {
        return counted(usage.get(), Medium::Images);
    }
    let images: Option<Vec<serde::de::IgnoredAny>> =
        wire.data.and_then(|data| serde_json::from_str(data.get()).ok());
    images.map_or_else(Reported::default, |images| {
        Reported::of(Usage { images: images.len() as u64, ..one_request() })
    })
}

/// Text from speech: by its tokens, else by the time of the sound. Subtitles tell when the last one ends.
fn heard(body: &[u8]) -> Reported {
    let milliseconds = match serde_json::from_slice::<Wire>(body) {
        Ok(wire) => {
            if let Some(usage) = wire.usage.filter(|usage| usage.get() != "null") {
                return counted(usage.get(), Medium::Heard);
            }
            wire.duration.and_then(|raw| milliseconds(raw.get()))
        }
        Err(_) => std::str::from_utf8(body).ok().and_then(last_cue),
    };
    milliseconds.map_or_else(Reported::default, |audio_ms| {
        Reported::of(Usage { audio_ms, ..one_request() })
    })
}

/// A `usage` object. What cannot be believed (negative, or no numbers) is refused.
fn counted(text: &str, medium: Medium) -> Reported {
    match buckets(text, medium) {
        Some(usage) => Reported::of(usage),
        None => Reported { refused: text.trim() != "null", ..Reported::default() },
    }
}

fn buckets(text: &str, medium: Medium) -> Option<Usage> {
    let wire: Tokens = serde_json::from_str(text).ok()?;
    if let Some(seconds) = wire.seconds {
        return Some(Usage { audio_ms: milliseconds(seconds.get())?, ..one_request() });
    }
    let (input, output) = (count(wire.input_tokens)?, count(wire.output_tokens)?);
    let total = count(wire.total_tokens)?;
    if input.is_none() && output.is_none() && total.is_none() {
        return None;
    }
    let output = output.unwrap_or(0);
    let input = input.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(output));
    let some = |raw: Option<&RawValue>| count(raw).flatten();
    let (before, after) = (kinds(wire.input_tokens_details), kinds(wire.output_tokens_details));
    let cached = some(wire.cached_tokens).or(some(before.cached_tokens)).unwrap_or(0).min(input);
    let kept = kinds(wire.cached_tokens_details);
    let cache_read_image = some(kept.cached_image_tokens).unwrap_or(0).min(cached);
    let fresh = input - cached;
    // Details count cached tokens too.
    let images = some(before.image_tokens).unwrap_or(0).saturating_sub(cache_read_image);
    let image_input = images.min(fresh);
    let audio_input = some(before.audio_tokens).unwrap_or(0).min(fresh - image_input);
    let told = |given: Option<&RawValue>, all: bool| {
        some(given).unwrap_or(if all { output } else { 0 }).min(output)
    };
    let image_output = told(after.image_tokens, medium == Medium::Images);
    let audio_output =
        told(after.audio_tokens, medium == Medium::Spoken).min(output - image_output);
    Some(Usage {
        input_uncached: fresh - image_input - audio_input,
        cache_read: cached - cache_read_image,
        cache_read_image,
        image_input,
        audio_input,
        output: output - image_output - audio_output,
        image_output,
        audio_output,
        ..one_request()
    })
}

/// The kinds of tokens; none where there is no such object.
fn kinds(raw: Option<&RawValue>) -> Kinds<'_> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A number that counts something: `Some(None)` if it is absent, `None` if it cannot be one.
fn count(raw: Option<&RawValue>) -> Option<Option<u64>> {
    let Some(text) = raw.map(RawValue::get).filter(|text| *text != "null") else {
        return Some(None);
    };
    let number: f64 = text.parse().ok()?;
    (0.0..=MOST).contains(&number).then_some(Some(number.round() as u64))
}

/// Seconds, as a number or a text, in milliseconds; what was begun is charged.
fn milliseconds(text: &str) -> Option<u64> {
    let seconds: f64 = text.trim_matches('"').parse().ok()?;
    let milliseconds = (seconds * 1000.0).ceil();
    (0.0..=MOST).contains(&milliseconds).then_some(milliseconds as u64)
}

/// When the last subtitle ends (`00:01:02,500` or `01:02.500`).
fn last_cue(text: &str) -> Option<u64> {
    let (_, end) = text.rsplit_once("-->")?;
    let end = end.split_whitespace().next()?;
    let mut seconds = 0.0;
    for number in end.replace(',', ".").split(':') {
        seconds = seconds * 60.0 + number.parse::<f64>().ok().filter(|number| *number >= 0.0)?;
    }
    milliseconds(&seconds.to_string())
}

#[cfg(test)]
mod tests;
