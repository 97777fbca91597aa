//! The prices of one entry of LiteLLM's map → `price` of the config document.

use super::{Entry, decimal::Decimal};
use serde_json::{Map, Value, json, value::RawValue};
use std::collections::BTreeMap;
use tollgate_contract::{
    money::NanoUsd,
    provider::{Mode, ProviderKind},
};

/// LiteLLM's names of token prices, and ours.
const TOKENS: [(&str, &str); 14] = [
    ("input_cost_per_token", "input"),
    ("output_cost_per_token", "output"),
    ("output_cost_per_reasoning_token", "reasoning"),
    ("cache_read_input_token_cost", "cached_input"),
    ("cache_creation_input_token_cost", "cache_write_5m"),
    ("cache_creation_input_token_cost_above_1hr", "cache_write_1h"),
    // There is one long-lived cache: an hour at Claude, twelve at GPT.
    ("cache_creation_input_token_cost_above_12hr", "cache_write_1h"),
    ("input_cost_per_audio_token", "audio_input"),
    ("output_cost_per_audio_token", "audio_output"),
    ("cache_read_input_audio_token_cost", "cached_audio_input"),
    ("input_cost_per_image_token", "image_input"),
    ("output_cost_per_image_token", "image_output"),
    ("cache_read_input_image_token_cost", "cached_image_input"),
    ("input_cost_per_video_token", "video_input"),
];

/// LiteLLM's names of prices by number, ours, and how many of theirs make one of ours.
const UNITS: [(&str, &str, u32); 5] = [
    ("input_cost_per_request", "request", 1),
    ("input_cost_per_image", "input_image", 1),
    ("output_cost_per_image", "image", 1),
    ("input_cost_per_character", "million_characters", 1_000_000),
    ("input_cost_per_query", "search_unit", 1),
];

/// The service tiers, as their prices' names end.
const SERVICE_TIERS: [(&str, &str); 5] = [
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_ultrafast", "ultrafast"),
    ("_balanced", "balanced"),
];

type Rates = BTreeMap<&'static str, NanoUsd>;

/// Token prices of an entry, sorted out.
#[derive(Debug, Default)]
struct Sorted {
    base: Rates,
    /// By service tier.
    variants: BTreeMap<&'static str, Rates>,
    /// By the number of tokens above which they hold.
    tiers: BTreeMap<u64, Tier>,
}

#[derive(Debug, Default)]
struct Tier {
    standard: Rates,
    variants: BTreeMap<&'static str, Rates>,
}

/// The price, or why there is none.
pub(super) fn price(entry: &Entry) -> Result<Value, &'static str> {
    let mut sorted = sort(entry)?;
    tiered_pricing(entry, &mut sorted)?;
    half_an_hour_of_cache(entry, &mut sorted);
    let units = units(entry, &sorted.base)?;
    check(entry, &sorted.base, &units)?;
    let mut table = to_json(&sorted.base);
    table.extend(to_json(&units));
    if !sorted.tiers.is_empty() {
        let tier = |(edge, tier): (&u64, &Tier)| one_tier(entry, *edge, &tier.standard);
        table.insert("tiers".to_owned(), sorted.tiers.iter().map(tier).collect());
    }
    let service_tiers = service_tiers(entry, &sorted);
    if !service_tiers.is_empty() {
        table.insert("service_tiers".to_owned(), Value::Object(service_tiers));
    }
    if let Some(raw) = entry.get("off_peak_pricing") {
        table.insert("off_peak".to_owned(), off_peak(raw)?);
    }
    if let Some(raw) = entry.get("provider_specific_entry") {
        let factors = multipliers(raw)?;
        if !factors.is_empty() {
            table.insert("multipliers".to_owned(), Value::Object(factors));
        }
    }
    Ok(Value::Object(table))
}

const TOO_MUCH: &str = "a price is no amount that we can hold";
const NO_PRICE: &str = "it has no price, or one of zero: local, a preview, or not known";
const UNSAID: &str = "its price cannot be said in our terms";

fn amount(raw: &RawValue, times: u32) -> Result<Option<NanoUsd>, &'static str> {
    match raw.get() {
        "null" => Ok(None),
        text => {
            Decimal::parse(text).and_then(|decimal| decimal.usd(times)).map(Some).ok_or(TOO_MUCH)
        }
    }
}

fn sort(entry: &Entry) -> Result<Sorted, &'static str> {
    let mut sorted = Sorted::default();
    for (key, raw) in &entry.members {
        let (name, edge, service_tier) = split(key);
        let Some((_, ours)) = TOKENS.iter().find(|(theirs, _)| *theirs == name) else { continue };
        let Some(amount) = amount(raw, 1_000_000)? else { continue };
        let rates = match (edge, service_tier) {
            (None, None) => &mut sorted.base,
            (None, Some(word)) => sorted.variants.entry(word).or_default(),
            (Some(edge), None) => &mut sorted.tiers.entry(edge).or_default().standard,
            (Some(edge), Some(word)) => {
                sorted.tiers.entry(edge).or_default().variants.entry(word).or_default()
            }
        };
        // An hour of cache goes before twelve.
        if name.ends_with("_above_12hr") {
            rates.entry(ours).or_insert(amount);
        } else {
            rates.insert(ours, amount);
        }
    }
    Ok(sorted)
}

/// `input_cost_per_token_above_200k_tokens_priority` as its price, its edge and its service tier. The last two come in
/// either order.
fn split(key: &str) -> (String, Option<u64>, Option<&'static str>) {
    let (mut name, mut edge, mut service_tier) = (key.to_owned(), None, None);
    for (at, mark) in key.match_indices("_above_") {
        // `above_1hr` is no edge.
        if let Some((number, behind)) = edge_of(&key[at + mark.len()..]) {
            edge = Some(number);
            name = format!("{}{behind}", &key[..at]);
            break;
        }
    }
    for (suffix, word) in SERVICE_TIERS {
        if let Some(shorter) = name.strip_suffix(suffix) {
            service_tier = Some(word);
            name = shorter.to_owned();
            break;
        }
    }
    (name, edge, service_tier)
}

/// The number at the beginning of `200k_tokens…`, and what is behind it.
fn edge_of(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = text.split_at_checked(digits)?;
    let (behind, thousands) = match behind.strip_prefix('k') {
        Some(behind) => (behind, 1_000),
        None => (behind, 1),
    };
    let behind = behind.strip_prefix("_tokens")?;
    Some((number.parse::<u64>().ok()?.checked_mul(thousands)?, behind))
}

/// `tiered_pricing`: prices by ranges of the prompt, each of which excludes its start.
fn tiered_pricing(entry: &Entry, sorted: &mut Sorted) -> Result<(), &'static str> {
    type Row<'r> = BTreeMap<String, &'r RawValue>;
    let Some(raw) = entry.get("tiered_pricing") else { return Ok(()) };
    let Ok(rows) = serde_json::from_str::<Vec<Row>>(raw.get()) else { return Err(UNSAID) };
    for row in rows {
        let range =
            row.get("range").and_then(|raw| serde_json::from_str::<Vec<f64>>(raw.get()).ok());
        let Some(from) = range.and_then(|range| range.first().copied()) else { return Err(UNSAID) };
        let mut rates = Rates::new();
        for (theirs, ours) in TOKENS {
            if let Some(amount) = row.get(theirs).map(|raw| amount(raw, 1_000_000)).transpose()? {
                rates.extend(amount.map(|amount| (ours, amount)));
            }
        }
        if from <= 0.0 {
            for (name, amount) in rates {
                sorted.base.entry(name).or_insert(amount);
            }
        } else if !rates.is_empty() {
            sorted.tiers.entry(from as u64).or_default().standard.extend(rates);
        }
    }
    Ok(())
}

/// Batches halve all prices of Claude, but the map does not mention the hour of cache.
fn half_an_hour_of_cache(entry: &Entry, sorted: &mut Sorted) {
    let half = |amount: NanoUsd| NanoUsd::new(amount.as_nanos() / 2);
    let Some(batch) = sorted.variants.get_mut("batch") else { return };
    let halves = batch.get("input").copied() == sorted.base.get("input").copied().map(half);
    if let Some(hour) = sorted.base.get("cache_write_1h")
        && entry.subject.model.contains("claude")
        && halves
    {
        batch.entry("cache_write_1h").or_insert(half(*hour));
    }
}

fn units(entry: &Entry, base: &Rates) -> Result<Rates, &'static str> {
    let mut units = Rates::new();
    let mut put = |name, raw: Option<&RawValue>, times| {
        let Some(amount) = raw.map(|raw| amount(raw, times)).transpose()?.flatten() else {
            return Ok(());
        };
        if amount != NanoUsd::ZERO {
            units.insert(name, amount);
        }
        Ok::<_, &'static str>(())
    };
    for (theirs, ours, times) in UNITS {
        put(ours, entry.get(theirs), times)?;
    }
    // One charge for one piece of audio, even where both directions are priced.
    let second = entry.get("input_cost_per_second").or(entry.get("output_cost_per_second"));
    put("audio_minute", second, 60)?;
    let search = entry
        .get("search_context_cost_per_query")
        .and_then(|raw| serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()).ok());
    let medium = search.as_ref().and_then(|sizes| sizes.get("search_context_size_medium"));
    put("web_search", medium.copied(), 1)?;
    // Another way to say the price of the tokens.
    if base.values().any(|amount| *amount != NanoUsd::ZERO) {
        units.remove("million_characters");
    }
    Ok(units)
}

fn check(entry: &Entry, base: &Rates, units: &Rates) -> Result<(), &'static str> {
    let costs = base.values().chain(units.values()).any(|amount| *amount != NanoUsd::ZERO);
    if !costs {
        return Err(NO_PRICE);
    }
    let chat = entry.mode == Mode::Chat;
    if chat && !(base.contains_key("input") && base.contains_key("output")) {
        return Err(UNSAID);
    }
    let by_pixel = ["input_cost_per_pixel", "output_cost_per_pixel", "output_cost_per_character"];
    let other_units = by_pixel.iter().any(|name| {
        entry.get(name).and_then(|raw| Decimal::parse(raw.get())).is_some_and(|d| !d.is_zero())
    });
    // A question or an image, not both: which of the two a request was, the price cannot tell.
    let ambiguous = entry.mode == Mode::Embeddings && units.contains_key("search_unit");
    // A fee on top of the price of the model that it chooses.
    let router = matches!(entry.subject.model.as_str(), "model-router" | "model_router");
    if other_units || ambiguous || router { Err(UNSAID) } else { Ok(()) }
}

fn to_json(rates: &Rates) -> Map<String, Value> {
    rates.iter().map(|(name, amount)| ((*name).to_owned(), json!(amount.to_string()))).collect()
}

/// xAI's tiers begin at their number, all others above it.
fn one_tier(entry: &Entry, edge: u64, rates: &Rates) -> Value {
    let edge = if entry.subject.kind == ProviderKind::Xai { edge.saturating_sub(1) } else { edge };
    let mut table = to_json(rates);
    table.insert("above_input_tokens".to_owned(), edge.into());
    Value::Object(table)
}

fn service_tiers(entry: &Entry, sorted: &Sorted) -> Map<String, Value> {
    let of_tiers = sorted.tiers.values().flat_map(|tier| tier.variants.keys());
    let mut words: Vec<_> = sorted.variants.keys().chain(of_tiers).copied().collect();
    words.sort_unstable();
    words.dedup();
    let table = |word: &str| {
        let own = sorted.variants.get(word).cloned().unwrap_or_default();
        let mut table = to_json(&own);
        if sorted.tiers.values().any(|tier| tier.variants.contains_key(word)) {
            let tiers = sorted.tiers.iter().map(|(edge, tier)| {
                let mut rates = Rates::new();
                // Where nobody says what it costs, what is dearer of the two.
                let standard = sorted.base.iter().chain(&tier.standard);
                for (name, amount) in standard.collect::<BTreeMap<_, _>>() {
                    let here = own.get(name).or_else(|| sorted.base.get(name)).unwrap_or(amount);
                    rates.insert(name, *amount.max(here));
                }
                rates.extend(tier.variants.get(word).into_iter().flatten().map(|(n, a)| (*n, *a)));
                one_tier(entry, *edge, &rates)
            });
            table.insert("tiers".to_owned(), tiers.collect());
        }
        Value::Object(table)
    };
    words.into_iter().map(|word| (word.to_owned(), table(word))).collect()
}

fn off_peak(raw: &RawValue) -> Result<Value, &'static str> {
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| UNSAID)?;
    let mut table = Map::new();
    for (theirs, ours) in TOKENS {
        let found = members.get(theirs).map(|raw| amount(raw, 1_000_000)).transpose()?.flatten();
        if let Some(amount) = found {
            table.insert(ours.to_owned(), json!(amount.to_string()));
        }
    }
    let windows = members.get("windows").ok_or(UNSAID)?;
    let windows: Vec<Value> = serde_json::from_str(windows.get()).map_err(|_| UNSAID)?;
    let mut all = Vec::new();
    for window in windows {
        let hours = match &window["hours_utc"] {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        for span in hours {
            let (from, until) =
                span.as_str().and_then(|span| span.split_once('-')).ok_or(UNSAID)?;
            all.push(json!({ "days": window["weekdays"], "from": from, "until": until }));
        }
    }
    table.insert("windows".to_owned(), Value::Array(all));
    Ok(Value::Object(table))
}

fn multipliers(raw: &RawValue) -> Result<Map<String, Value>, &'static str> {
    let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()) else {
        return Err(UNSAID);
    };
    let numbers = members.into_iter().filter(|(_, raw)| Decimal::parse(raw.get()).is_some());
    // In the notation of money a factor has two decimals at least.
    let factor = |raw: &RawValue| {
        let amount = Decimal::parse(raw.get()).and_then(|factor| factor.usd(1))?;
        Some(amount.to_string().trim_end_matches('0').trim_end_matches('.').to_owned())
    };
    numbers
        .map(|(word, raw)| factor(raw).map(|factor| (word, Value::String(factor))).ok_or(TOO_MUCH))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_edge_and_its_service_tier_in_either_order() {
        for (key, name, edge, service_tier) in [
            ("input_cost_per_token", "input_cost_per_token", None, None),
            ("input_cost_per_token_batches", "input_cost_per_token", None, Some("batch")),
            ("input_cost_per_token_above_200k_tokens", "input_cost_per_token", Some(200_000), None),
            (
                "input_cost_per_token_above_272k_tokens_priority",
                "input_cost_per_token",
                Some(272_000),
                Some("priority"),
            ),
            (
                "input_cost_per_token_priority_above_272k_tokens",
                "input_cost_per_token",
                Some(272_000),
                Some("priority"),
            ),
            (
                "cache_creation_input_token_cost_above_1hr",
                "cache_creation_input_token_cost_above_1hr",
                None,
                None,
            ),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                "cache_creation_input_token_cost_above_1hr",
                Some(200_000),
                None,
            ),
            ("x_above_tokens", "x_above_tokens", None, None),
            (
                "x_above_99999999999999999999_tokens",
                "x_above_99999999999999999999_tokens",
                None,
                None,
            ),
        ] {
            assert_eq!(split(key), (name.to_owned(), edge, service_tier), "{key}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_key_makes_it_panic(key in "(x|_above_|200k|1hr|_tokens|_batches|é){0,8}") {
            let _ = split(&key);
        }
    }
}
