//! Anthropic's `usage` object, as disjoint buckets.
//!
//! `input_tokens` is without what was read from or written to caches; `output_tokens` includes thinking. In a stream the
//! numbers are running totals, and a later object may leave out what did not change: the last word on each member
//! counts, never the sum. `iterations` has what the top level leaves out: summaries (`compaction`), which the model itself
//! wrote, and the work of another model that it asked (`advisor_message`). Both are charged; apps are shown the top level.

use crate::{conversation::Reported, json::Object};
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_contract::usage::Usage;

/// The numbers that were told so far; a number that cannot be one is remembered as such.
#[derive(Debug, Default, Clone)]
pub(super) struct Told {
    input: Option<u64>,
    cache_creation: Option<u64>,
    cache_read: Option<u64>,
    written_5m: Option<u64>,
    written_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
    searches: Option<u64>,
    /// What the top level leaves out.
    apart: Option<Usage>,
    refused: bool,
}

#[derive(Deserialize, Default)]
struct Wire<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_read_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_creation: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    server_tool_use: Option<&'a RawValue>,
    #[serde(borrow)]
    iterations: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Details<'a> {
    #[serde(borrow)]
    ephemeral_5m_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    ephemeral_1h_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    web_search_requests: Option<&'a RawValue>,
}

impl<'a> Details<'a> {
    fn of(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

impl Told {
    /// Takes one `usage` object.
    pub fn update(&mut self, raw: &str) {
        match serde_json::from_str::<Wire>(raw) {
            Ok(wire) => self.take(&wire),
            Err(_) => self.refused |= raw.trim() != "null",
        }
    }

    fn take(&mut self, wire: &Wire) {
        let cache = Details::of(wire.cache_creation);
        let output = Details::of(wire.output_tokens_details);
        let tools = Details::of(wire.server_tool_use);
        let pairs = [
            (&mut self.input, wire.input_tokens),
            (&mut self.cache_creation, wire.cache_creation_input_tokens),
            (&mut self.cache_read, wire.cache_read_input_tokens),
            (&mut self.written_5m, cache.ephemeral_5m_input_tokens),
            (&mut self.written_1h, cache.ephemeral_1h_input_tokens),
            (&mut self.output, wire.output_tokens),
            (&mut self.thinking, output.thinking_tokens),
            (&mut self.searches, tools.web_search_requests),
        ];
        for (known, raw) in pairs {
            match count(raw) {
                Ok(Some(number)) => *known = Some(number),
                Ok(None) => {}
                Err(()) => self.refused = true,
            }
        }
        if let Some(apart) = wire.iterations.and_then(|raw| left_out(raw.get())) {
            self.apart = Some(apart);
        }
    }

    /// What is known; nothing believable if any number could not be one.
    pub fn reported(&self) -> Reported {
        if self.refused {
            return Reported { refused: true, ..Reported::default() };
        }
        if self.input.is_none() && self.output.is_none() {
            return Reported::default();
        }
        let shown = self.buckets();
        match self.apart {
            None => Reported::of(shown),
            Some(apart) => {
                Reported { billed: Some(sum(shown, apart)), counted: Some(shown), refused: false }
            }
        }
    }

    fn buckets(&self) -> Usage {
        let written_1h = self.written_1h.unwrap_or(0);
        let written_5m = self.written_5m.unwrap_or(0);
        // The whole may be told without its parts, which are then of the kind that is the default.
        let whole = self.cache_creation.unwrap_or(0);
        let rest = whole.saturating_sub(written_5m.saturating_add(written_1h));
        let output = self.output.unwrap_or(0);
        Usage {
            input_uncached: self.input.unwrap_or(0),
            cache_read: self.cache_read.unwrap_or(0),
            cache_write_5m: written_5m.saturating_add(rest),
            cache_write_1h: written_1h,
            output,
            reasoning: self.thinking.unwrap_or(0).min(output),
            web_searches: self.searches.unwrap_or(0),
            requests: 1,
            ..Usage::default()
        }
    }
}

/// A number of tokens: `None` if it is absent, an error if it cannot be one.
fn count(raw: Option<&RawValue>) -> Result<Option<u64>, ()> {
    /// No request has that many tokens.
    const MOST: u64 = 1 << 53;
    let Some(text) = raw.map(RawValue::get).filter(|text| *text != "null") else {
        return Ok(None);
    };
    let number = match text.parse::<u64>() {
        Ok(number) => number,
        // Some servers write whole numbers as floats.
        Err(_) => match text.parse::<f64>() {
            Ok(number) if (0.0..=MOST as f64).contains(&number) => number.round() as u64,
            _ => return Err(()),
        },
    };
    if number <= MOST { Ok(Some(number)) } else { Err(()) }
}

/// The sum of what the top level leaves out.
fn left_out(iterations: &str) -> Option<Usage> {
    let entries: Vec<&RawValue> = serde_json::from_str(iterations).ok()?;
    let mut all: Option<Usage> = None;
    for entry in entries {
        let Ok(wire) = serde_json::from_str::<Wire>(entry.get()) else { continue };
        let kind = wire.kind.map(RawValue::get);
        if !matches!(kind, Some("\"compaction\"" | "\"advisor_message\"")) {
            continue;
        }
        let mut told = Told::default();
        told.take(&Wire { iterations: None, ..wire });
        if !told.refused {
            all = Some(sum(all.unwrap_or_default(), told.buckets()));
        }
    }
    all
}

fn sum(one: Usage, other: Usage) -> Usage {
    Usage {
        input_uncached: one.input_uncached.saturating_add(other.input_uncached),
        cache_read: one.cache_read.saturating_add(other.cache_read),
        cache_write_5m: one.cache_write_5m.saturating_add(other.cache_write_5m),
        cache_write_1h: one.cache_write_1h.saturating_add(other.cache_write_1h),
        output: one.output.saturating_add(other.output),
        reasoning: one.reasoning.saturating_add(other.reasoning),
        web_searches: one.web_searches.saturating_add(other.web_searches),
        requests: 1,
        ..one
    }
}

/// Reads a whole `usage` object: null is none, what cannot be believed is refused.
pub fn read_usage(raw: &str) -> Reported {
    let mut told = Told::default();
    told.update(raw);
    let reported = told.reported();
    if reported.billed.is_none() && raw.trim() != "null" {
        return Reported { refused: true, ..reported };
    }
    reported
}

/// Writes the members of a `usage` object. Audio, images and video have no place of their own here: they count among
/// input, cache and output.
pub fn write_usage(object: &mut Object, usage: &Usage) {
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    let apart = usage.cached().saturating_add(written);
    object
        .put("input_tokens", usage.input().saturating_sub(apart))
        .put("cache_creation_input_tokens", written)
        .put("cache_read_input_tokens", usage.cached())
        .object("cache_creation", |cache| {
            cache
                .put("ephemeral_5m_input_tokens", usage.cache_write_5m)
                .put("ephemeral_1h_input_tokens", usage.cache_write_1h);
        })
        .put("output_tokens", usage.total_output());
    if usage.reasoning > 0 {
        object.object("output_tokens_details", |details| {
            details.put("thinking_tokens", usage.reasoning);
        });
    }
    if usage.web_searches > 0 {
        object.object("server_tool_use", |tools| {
            tools.put("web_search_requests", usage.web_searches).put("web_fetch_requests", 0);
        });
    }
}

#[cfg(test)]
mod tests;
