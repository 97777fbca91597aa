//! `[routes.NAME]`.

use super::{
    At,
    providers::trust,
    reader::{Item, Section},
    values::DocDuration,
};
use crate::{
    money::NanoUsd,
    pricing::Rates,
    provider::Trust,
    route::{BreakerSettings, FailureClass, Sticky, Strategy, Timeouts},
};
use std::{collections::BTreeSet, time::Duration};

/// `[routes.NAME]`.
#[derive(Debug, Clone)]
pub struct RouteEntry {
    /// How targets are ordered.
    pub strategy: Strategy,
    /// The targets.
    pub targets: Vec<RouteTargetEntry>,
    /// Timeouts of each attempt.
    pub timeouts: Timeouts,
    /// Which failures go on to the next target.
    pub fallback_on: BTreeSet<FailureClass>,
    /// When a target is left alone.
    pub breaker: BreakerSettings,
    /// Dearer targets are out.
    pub max_price: Option<Rates>,
    /// Less trusted targets are out.
    pub require_trust: Option<Trust>,
    /// Targets that cannot honour a parameter are passed over.
    pub require_parameters: bool,
    /// A parameter that a target cannot honour is left out.
    pub drop_unsupported: bool,
    /// Where it stands.
    pub place: At<()>,
}

/// An entry of a route's `targets`.
#[derive(Debug, Clone)]
pub struct RouteTargetEntry {
    /// A target or another route.
    pub to: At<String>,
    /// Its share in a weighted route.
    pub weight: u32,
    /// Retries on it before the next.
    pub retries: u32,
    /// Time to its first byte.
    pub first_byte: Option<Duration>,
}

pub(super) fn route(table: Section) -> RouteEntry {
    for key in [
        "hedge",
        "cache",
        "weights",
        "shadow",
        "embedder",
        "embed_timeout",
        "threshold",
        "intents",
        "rules",
        "default",
    ] {
        table.not_yet(key);
    }
    let strategy = strategy(&table);
    let weighted = matches!(strategy, Strategy::Weighted { .. });
    let targets = table.item("targets").map(|item| targets(&item, weighted));
    if targets.as_ref().is_none_or(Vec::is_empty) {
        table.complain("`targets` is missing: list at least one { use = \"provider/model\" }");
    }
    RouteEntry {
        strategy,
        targets: targets.unwrap_or_default(),
        timeouts: table.section("timeouts").map(timeouts).unwrap_or_default(),
        fallback_on: table
            .item("fallback_on")
            .map_or_else(|| FailureClass::ALL.into(), |item| fallback_on(&item)),
        breaker: table.section("breaker").map(breaker).unwrap_or_default(),
        max_price: table.section("max_price").map(max_price),
        require_trust: trust(&table, "require_trust"),
        require_parameters: table.bool("require_parameters").unwrap_or(false),
        drop_unsupported: table.bool("drop_unsupported").unwrap_or(false),
        place: table.place(),
    }
}

fn strategy(table: &Section) -> Strategy {
    let sticky = table.item("sticky");
    let Some(item) = table.item("strategy") else {
        if let Some(sticky) = sticky {
            sticky.complain("only a route with strategy = \"weighted\" can be sticky");
        }
        return Strategy::Fallback;
    };
    match item.string().as_deref() {
        Some("weighted") => {
            return Strategy::Weighted {
                sticky: sticky.map_or(Sticky::None, |item| stickiness(&item)),
            };
        }
        Some("fallback") | None => {}
        Some(
            name @ ("cheapest" | "fastest" | "healthiest" | "balanced" | "semantic" | "rules"),
        ) => {
            item.complain(format!("strategy \"{name}\" is not available in this version; available: fallback, weighted"));
        }
        Some(_) => item.complain("must be one of: fallback, weighted"),
    }
    if let Some(sticky) = sticky {
        sticky.complain("only a route with strategy = \"weighted\" can be sticky");
    }
    Strategy::Fallback
}

fn stickiness(item: &Item) -> Sticky {
    match item.string().as_deref() {
        Some("none") | None => Sticky::None,
        Some("user") => Sticky::User,
        Some("api_key") => Sticky::ApiKey,
        Some(text) => match text.strip_prefix("metadata.") {
            Some(name) if !name.is_empty() => Sticky::Metadata(name.to_owned()),
            _ => {
                item.complain("must be one of: none, user, api_key, metadata.NAME");
                Sticky::None
            }
        },
    }
}

fn targets(item: &Item, weighted: bool) -> Vec<RouteTargetEntry> {
    let mut all = Vec::new();
    for entry in item.items() {
        let Some(table) = entry.section() else { continue };
        let Some(to) = table.required("use") else { continue };
        let weight = table.item("weight");
        if !weighted && let Some(weight) = &weight {
            weight.complain("only a route with strategy = \"weighted\" has weights");
        }
        let Some(name) = to.string() else { continue };
        all.push(RouteTargetEntry {
            to: to.at(name),
            weight: weight.and_then(|item| item.number(0, 1_000_000)).unwrap_or(1) as u32,
            retries: table.number("retries", 0, 10).unwrap_or(0) as u32,
            first_byte: table.parsed::<DocDuration>("first_byte").map(|d| d.0),
        });
    }
    if weighted && !all.is_empty() && all.iter().all(|target| target.weight == 0) {
        item.complain("at least one target must have a weight above 0");
    }
    all
}

fn timeouts(table: Section) -> Timeouts {
    let default = Timeouts::default();
    let duration = |key: &str| table.parsed::<DocDuration>(key).map(|d| d.0);
    Timeouts {
        connect: duration("connect").unwrap_or(default.connect),
        first_byte: duration("first_byte"),
        idle: duration("idle").unwrap_or(default.idle),
        total: duration("total").unwrap_or(default.total),
    }
}

fn fallback_on(item: &Item) -> BTreeSet<FailureClass> {
    let words = FailureClass::ALL.map(|class| (class.name(), class));
    item.items().iter().filter_map(|entry| entry.word(&words)).collect()
}

fn breaker(table: Section) -> BreakerSettings {
    let default = BreakerSettings::default();
    BreakerSettings {
        failures: table.number("failures", 1, 1_000_000).map_or(default.failures, |n| n as u32),
        ratio: table.item("ratio").and_then(|item| item.ratio(1.0)).unwrap_or(default.ratio),
        min_requests: table
            .number("min_requests", 1, 1_000_000)
            .map_or(default.min_requests, |n| n as u32),
        window: table.parsed::<DocDuration>("window").map_or(default.window, |d| d.0),
        cooldown: table.parsed::<DocDuration>("cooldown").map_or(default.cooldown, |d| d.0),
    }
}

fn max_price(table: Section) -> Rates {
    let cap = |key: &str| table.parsed::<NanoUsd>(key).unwrap_or(NanoUsd::new(i64::MAX));
    Rates { input: cap("input"), output: cap("output"), ..Rates::default() }
}
