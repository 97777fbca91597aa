//! Prices as the document writes them, in both directions: `"free"`, or a table of amounts in USD.

use super::reader::{Item, Section};
use crate::{
    money::NanoUsd,
    pricing::{
        Factor, MULTIPLIERS_MOST, Multiplier, OffPeak, Price, Rates, Tier, UnitPrices, Variant,
        Window,
    },
};
use serde_json::{Map, Value, json};

/// A list of tiers, service tiers or windows has at most this many entries.
const ENTRIES_MOST: usize = 16;

/// `"free"` or a table of prices in USD per million tokens, and more.
pub(super) fn price(item: &Item) -> Option<Price> {
    if let Some(word) = item.as_plain_string() {
        if word != "free" {
            item.complain(
                "must be \"free\" or a table like { input = \"2.50\", output = \"10.00\" }",
            );
        }
        return (word == "free").then_some(Price::FREE);
    }
    let table = item.section()?;
    let mut priced = false;
    let mut units = UnitPrices::FREE;
    for name in UnitPrices::NAMES {
        if let Some(amount) = table.parsed::<NanoUsd>(name) {
            priced |= units.set(name, amount);
        }
    }
    let rates = rates(&table, Rates::FREE);
    priced |= table.item("input").is_some() || table.item("output").is_some();
    if !priced {
        table.complain(format!(
            "give at least `input`, `output` or one of: {}, in USD (tokens: per million); or \"free\"",
            UnitPrices::NAMES.join(", ")
        ));
    }
    let tiers = tiers(&table, rates);
    Some(Price {
        rates,
        units,
        variants: variants(&table, rates, &tiers),
        tiers,
        off_peak: table.item("off_peak").and_then(|item| off_peak(&item, rates)),
        multipliers: multipliers(&table),
    })
}

/// The token prices of a table; what it leaves open is as in `base`.
fn rates(table: &Section, base: Rates) -> Rates {
    let mut rates = base;
    for name in Rates::NAMES {
        if let Some(amount) = table.parsed::<NanoUsd>(name) {
            rates.set(name, amount);
        }
    }
    rates
}

/// `tiers = [ { above_input_tokens = 200000, input = "…" } ]`.
fn tiers(table: &Section, base: Rates) -> Vec<Tier> {
    let mut all: Vec<Tier> = Vec::new();
    for entry in table.sections("tiers") {
        let edge = entry.required("above_input_tokens").and_then(|item| item.number(1, 1 << 40));
        let rates = rates(&entry, base);
        let Some(above_input_tokens) = edge else { continue };
        if all.last().is_some_and(|last| last.above_input_tokens >= above_input_tokens) {
            entry.complain("must come in rising order of `above_input_tokens`");
        }
        all.push(Tier { above_input_tokens, rates });
    }
    few(table, "tiers", all.len());
    all
}

/// `service_tiers = { batch = { input = "…", tiers = […] } }`.
fn variants(table: &Section, base: Rates, standard: &[Tier]) -> Vec<Variant> {
    let Some(words) = table.section("service_tiers") else { return Vec::new() };
    let mut all = Vec::new();
    for (word, item) in words.each() {
        let Some(entry) = item.section() else { continue };
        let rates = rates(&entry, base);
        all.push(Variant::new(word, rates, tiers(&entry, rates), standard));
    }
    few(table, "service_tiers", all.len());
    all
}

/// `off_peak = { windows = [ { days = [6, 7], from = "00:00", until = "00:00" } ], input = "…" }`.
fn off_peak(item: &Item, base: Rates) -> Option<OffPeak> {
    let table = item.section()?;
    let windows: Vec<_> = table.sections("windows").iter().filter_map(window).collect();
    if windows.is_empty() {
        table.complain("give `windows` of days and hours in UTC");
    }
    few(&table, "windows", windows.len());
    Some(OffPeak { windows, rates: rates(&table, base) })
}

fn window(table: &Section) -> Option<Window> {
    let days = table.required("days")?;
    let days: Vec<u8> =
        days.items().iter().filter_map(|day| day.number(1, 7)).map(|day| day as u8).collect();
    let (from, until) = (table.string("from"), table.string("until"));
    let window = Window::new(&days, &from.unwrap_or_default(), &until.unwrap_or_default());
    if window.is_none() {
        table.complain(
            "must be like { days = [1, 7], from = \"10:00\", until = \"00:00\" }: days from 1 (Monday) to 7, \
             hours in UTC, the end after the beginning",
        );
    }
    window
}

/// `multipliers = { us = "1.1" }`.
fn multipliers(table: &Section) -> Vec<Multiplier> {
    let Some(words) = table.section("multipliers") else { return Vec::new() };
    let read =
        |(word, item): (String, Item)| Some(Multiplier { word, factor: item.parsed::<Factor>()? });
    let all: Vec<_> = words.each().into_iter().filter_map(read).collect();
    if all.len() > MULTIPLIERS_MOST {
        words.complain(format!("has more than {MULTIPLIERS_MOST} entries"));
    }
    all
}

fn few(table: &Section, key: &str, entries: usize) {
    if entries > ENTRIES_MOST {
        table.complain(format!("`{key}` has more than {ENTRIES_MOST} entries"));
    }
}

/// A price as the document writes it, as JSON: what [`price`] makes the same price of.
pub fn price_to_json(price: &Price) -> Value {
    if *price == Price::FREE {
        return json!("free");
    }
    let mut table = Map::new();
    for name in Rates::NAMES {
        put(&mut table, name, price.rates.get(name));
    }
    for name in UnitPrices::NAMES {
        put(&mut table, name, price.units.get(name).filter(|amount| *amount != NanoUsd::ZERO));
    }
    put_tiers(&mut table, &price.tiers, &price.rates);
    if !price.variants.is_empty() {
        let variants = price.variants.iter().map(|variant| {
            let mut entry = differing(&variant.rates, &price.rates);
            put_tiers(&mut entry, &variant.tiers, &variant.rates);
            (variant.service_tier.clone(), Value::Object(entry))
        });
        table.insert("service_tiers".to_owned(), Value::Object(variants.collect()));
    }
    if let Some(off_peak) = &price.off_peak {
        let mut entry = differing(&off_peak.rates, &price.rates);
        let windows = off_peak.windows.iter().map(|window| {
            let (from, until) = window.hours();
            json!({ "days": window.days(), "from": from, "until": until })
        });
        entry.insert("windows".to_owned(), windows.collect());
        table.insert("off_peak".to_owned(), Value::Object(entry));
    }
    if !price.multipliers.is_empty() {
        let factor = |m: &Multiplier| (m.word.clone(), Value::String(m.factor.to_string()));
        let factors = price.multipliers.iter().map(factor).collect();
        table.insert("multipliers".to_owned(), Value::Object(factors));
    }
    Value::Object(table)
}

fn put(table: &mut Map<String, Value>, name: &str, amount: Option<NanoUsd>) {
    if let Some(amount) = amount {
        table.insert(name.to_owned(), Value::String(amount.to_string()));
    }
}

fn put_tiers(table: &mut Map<String, Value>, tiers: &[Tier], base: &Rates) {
    if tiers.is_empty() {
        return;
    }
    let entry = |tier: &Tier| {
        let mut entry = differing(&tier.rates, base);
        entry.insert("above_input_tokens".to_owned(), tier.above_input_tokens.into());
        Value::Object(entry)
    };
    table.insert("tiers".to_owned(), tiers.iter().map(entry).collect());
}

/// The prices that are not as in `base`.
fn differing(rates: &Rates, base: &Rates) -> Map<String, Value> {
    let mut table = Map::new();
    for name in Rates::NAMES {
        put(&mut table, name, rates.get(name).filter(|amount| base.get(name) != Some(*amount)));
    }
    table
}
