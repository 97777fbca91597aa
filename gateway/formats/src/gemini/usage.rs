//! `usageMetadata`, as disjoint buckets.
//!
//! `promptTokenCount` includes cached tokens and all modalities. `candidatesTokenCount` is without
//! `thoughtsTokenCount`, as a rule: some answers of Vertex have the thoughts inside, which their total tells.
//! `toolUsePromptTokenCount` is charged like the prompt, but for what a search brought: that is charged per search.
//! Counts that are zero are left out.

use crate::{conversation::Reported, json::Object};
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use tollgate_contract::usage::Usage;

/// Reads a `usageMetadata` object. One without counts says nothing, and is no usage; one with impossible counts
/// (negative, no numbers) is refused.
pub fn read_usage(raw: &str) -> Reported {
    read(raw, false)
}

/// The same, where it is known whether a search gave the answer its grounds.
pub(super) fn read(raw: &str, searched: bool) -> Reported {
    let refused = Reported { refused: true, ..Reported::default() };
    if raw.trim() == "null" {
        return Reported::default();
    }
    if !raw.trim_start().starts_with('{') {
        return refused;
    }
    let Ok(wire) = serde_json::from_str::<Wire>(raw) else { return refused };
    let counts = [wire.prompt, wire.cached, wire.candidates, wire.thoughts, wire.tools, wire.total];
    if counts.contains(&Tokens::Bad) {
        return refused;
    }
    if counts.iter().all(|count| *count == Tokens::Absent) {
        return Reported::default();
    }
    let tools = wire.tools.number();
    let counted = buckets(&wire, tools);
    if !searched || tools == 0 {
        return Reported::of(counted);
    }
    Reported { billed: Some(buckets(&wire, 0)), counted: Some(counted), refused: false }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    #[serde(rename = "promptTokenCount")]
    prompt: Tokens,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Tokens,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Tokens,
    /// The name in Google's streaming API for voices.
    #[serde(rename = "responseTokenCount")]
    response: Tokens,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Tokens,
    #[serde(rename = "toolUsePromptTokenCount")]
    tools: Tokens,
    #[serde(rename = "totalTokenCount")]
    total: Tokens,
    prompt_tokens_details: Details,
    cache_tokens_details: Details,
    candidates_tokens_details: Details,
}

fn buckets(wire: &Wire, tools: u64) -> Usage {
    let prompt = wire.prompt.number();
    let cached = wire.cached.number().min(prompt);
    let candidates = wire.candidates.number().max(wire.response.number());
    let thoughts = wire.thoughts.number();
    let inside = wire.total.number() == prompt + candidates + wire.tools.number();
    let output = if inside { candidates } else { candidates + thoughts };

    let cached_of = |modality| wire.cache_tokens_details.of(modality);
    let mut cache_left = cached;
    let cache_read_audio = take(&mut cache_left, cached_of(Modality::Audio));
    let cache_read_image = take(&mut cache_left, cached_of(Modality::Image));
    let mut fresh = prompt - cached;
    let mut fresh_of = |modality| {
        let all = wire.prompt_tokens_details.of(modality);
        take(&mut fresh, all.saturating_sub(cached_of(modality)))
    };
    let audio_input = fresh_of(Modality::Audio);
    let image_input = fresh_of(Modality::Image);
    let video_input = fresh_of(Modality::Video);
    let mut said = output;
    let audio_output = take(&mut said, wire.candidates_tokens_details.of(Modality::Audio));
    let image_output = take(&mut said, wire.candidates_tokens_details.of(Modality::Image));
    Usage {
        input_uncached: fresh + tools,
        cache_read: cache_left,
        cache_read_audio,
        cache_read_image,
        output: said,
        reasoning: thoughts.min(said),
        audio_input,
        image_input,
        video_input,
        audio_output,
        image_output,
        requests: 1,
        ..Usage::default()
    }
}

/// Takes a part out of what is left.
fn take(left: &mut u64, part: u64) -> u64 {
    let part = part.min(*left);
    *left -= part;
    part
}

/// A number of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tokens {
    #[default]
    Absent,
    Number(u64),
    /// What cannot be a number of tokens.
    Bad,
}

impl Tokens {
    const fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Absent | Self::Bad => 0,
        }
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        /// Floats are exact up to here, and no request has that many tokens.
        const MOST: u64 = 1 << 53;
        impl de::Visitor<'_> for Count {
            type Value = Tokens;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of tokens")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Tokens, E> {
                Ok(if number <= MOST { Tokens::Number(number) } else { Tokens::Bad })
            }

            fn visit_i64<E>(self, number: i64) -> Result<Tokens, E> {
                Ok(u64::try_from(number).map_or(Tokens::Bad, Tokens::Number))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Tokens, E> {
                let fits = (0.0..=MOST as f64).contains(&number);
                Ok(if fits { Tokens::Number(number.round() as u64) } else { Tokens::Bad })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tokens, E> {
                // 64 bits are a string in protobuf's JSON.
                text.parse().map_or(Ok(Tokens::Bad), |number| self.visit_u64(number))
            }

            fn visit_unit<E>(self) -> Result<Tokens, E> {
                Ok(Tokens::Absent)
            }
        }
        deserializer.deserialize_any(Count)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Modality {
    Audio,
    Image,
    Video,
}

/// Tokens by modality; text is what is left.
#[derive(Default)]
struct Details([u64; 3]);

impl Details {
    const fn of(&self, modality: Modality) -> u64 {
        self.0[modality as usize]
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry {
            #[serde(default)]
            modality: Kind,
            #[serde(default)]
            token_count: Tokens,
        }
        #[derive(Deserialize, Default)]
        enum Kind {
            #[serde(rename = "AUDIO")]
            Audio,
            #[serde(rename = "IMAGE")]
            Image,
            #[serde(rename = "VIDEO")]
            Video,
            #[default]
            #[serde(other)]
            Other,
        }
        let entries = Option::<Vec<Entry>>::deserialize(deserializer)?.unwrap_or_default();
        let mut details = Self::default();
        for entry in entries {
            let modality = match entry.modality {
                Kind::Audio => Modality::Audio,
                Kind::Image => Modality::Image,
                Kind::Video => Modality::Video,
                Kind::Other => continue,
            };
            let sum = &mut details.0[modality as usize];
            *sum = sum.saturating_add(entry.token_count.number());
        }
        Ok(details)
    }
}

/// Writes the members of a `usageMetadata` object.
pub fn write_usage(object: &mut Object, usage: &Usage) {
    let some = |count: u64| (count > 0).then_some(count);
    object
        .put("promptTokenCount", usage.input())
        .put_some("cachedContentTokenCount", some(usage.cached()))
        .put("candidatesTokenCount", usage.total_output().saturating_sub(usage.reasoning))
        .put_some("thoughtsTokenCount", some(usage.reasoning))
        .put("totalTokenCount", usage.tokens());
    let prompt = [
        ("AUDIO", usage.audio_input.saturating_add(usage.cache_read_audio)),
        ("IMAGE", usage.image_input.saturating_add(usage.cache_read_image)),
        ("VIDEO", usage.video_input),
    ];
    write_details(object, "promptTokensDetails", usage.input(), &prompt);
    let cached = [("AUDIO", usage.cache_read_audio), ("IMAGE", usage.cache_read_image)];
    write_details(object, "cacheTokensDetails", usage.cached(), &cached);
    let said = usage.total_output().saturating_sub(usage.reasoning);
    let answer = [("AUDIO", usage.audio_output), ("IMAGE", usage.image_output)];
    if answer.iter().any(|(_, count)| *count > 0) {
        write_details(object, "candidatesTokensDetails", said, &answer);
    }
}

/// Writes the tokens of all modalities that there are any of.
fn write_details(object: &mut Object, name: &str, all: u64, others: &[(&str, u64)]) {
    if all == 0 {
        return;
    }
    let text = others.iter().fold(all, |left, (_, count)| left.saturating_sub(*count));
    object.list(name, |list| {
        for (modality, count) in [("TEXT", text)].iter().chain(others) {
            if *count > 0 {
                list.object(|entry| {
                    entry.put("modality", modality).put("tokenCount", count);
                });
            }
        }
    });
}

#[cfg(test)]
mod tests;
