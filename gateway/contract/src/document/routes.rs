//! `[routes.NAME]`.

use super::{
    At,
    providers::trust,
    reader::{Item, Section},
    strategies,
    values::DocDuration,
};
use crate::{
    money::NanoUsd,
    pricing::Rates,
    provider::Trust,
    route::{
        BreakerSettings, CacheMeaning, CacheScope, CacheSettings, FailureClass, Hedge, HedgeAfter,
        Semantic, Shadow, Strategy, Target, Timeouts,
    },
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

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
    /// Whether a second target is started beside a slow first.
    pub hedge: Option<Hedge>,
    /// Who gets a copy of some requests, as written.
    pub shadow_target: Option<At<String>>,
    /// Who gets a copy of some requests.
    pub shadow: Option<Shadow>,
    /// Whether equal requests get the answer that is already there.
    pub cache: Option<Arc<CacheSettings>>,
    /// The targets that turn prompts into vectors, for the route and for its cache, if it is not the node itself.
    pub embedders: Vec<At<String>>,
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
    let strategy = strategies::strategy(&table);
    let embedder = match &strategy.strategy {
        Strategy::Semantic(_) => table.string_at("embedder").filter(|at| at.value != "local"),
        _ => None,
    };
    let shadow = table.section("shadow").map(shadow);
    let (cache_embedder, cache) = table.section("cache").map(cache).unzip();
    RouteEntry {
        strategy: strategy.strategy,
        targets: strategy.targets,
        timeouts: table.section("timeouts").map(timeouts).unwrap_or_default(),
        fallback_on: table
            .item("fallback_on")
            .map_or_else(|| FailureClass::ALL.into(), |item| fallback_on(&item)),
        breaker: table.section("breaker").map(breaker).unwrap_or_default(),
        max_price: table.section("max_price").map(max_price),
        require_trust: trust(&table, "require_trust"),
        require_parameters: table.bool("require_parameters").unwrap_or(false),
        drop_unsupported: table.bool("drop_unsupported").unwrap_or(false),
        hedge: table.section("hedge").map(hedge),
        shadow_target: shadow.as_ref().and_then(|(at, _)| at.clone()),
        shadow: shadow.and_then(|(_, shadow)| shadow),
        cache: cache.map(Arc::new),
        embedders: embedder.into_iter().chain(cache_embedder.flatten()).collect(),
        place: table.place(),
    }
}

/// The settings, and the embedder as written.
fn cache(table: Section) -> (Option<At<String>>, CacheSettings) {
    let modes = [("exact", false), ("semantic", true)];
    let by_meaning = table.word("mode", &modes).unwrap_or(false);
    let embedder = table.string_at("embedder").filter(|at| at.value != "local");
    let meaning = CacheMeaning {
        threshold: table
            .item("threshold")
            .and_then(|item| item.ratio(1.0))
            .unwrap_or(CacheMeaning::THRESHOLD),
        embedder: embedder.as_ref().and_then(|at| Target::parse(&at.value)),
        embed_timeout: table
            .parsed::<DocDuration>("embed_timeout")
            .map_or(Semantic::EMBED_TIMEOUT, |duration| duration.0),
    };
    for key in ["threshold", "embedder", "embed_timeout"] {
        if !by_meaning && let Some(item) = table.item(key) {
            item.complain("only a cache with mode = \"semantic\" has this");
        }
    }
    let scopes = [
        ("tenant", CacheScope::Tenant),
        ("team", CacheScope::Team),
        ("api_key", CacheScope::ApiKey),
    ];
    let settings = CacheSettings {
        ttl: table.parsed::<DocDuration>("ttl").map_or(CacheSettings::TTL, |ttl| ttl.0),
        scope: table.word("scope", &scopes).unwrap_or(CacheScope::Tenant),
        any_temperature: table.bool("any_temperature").unwrap_or(true),
        meaning: by_meaning.then_some(meaning),
    };
    (embedder, settings)
}

fn hedge(table: Section) -> Hedge {
    let after = table.item("after").and_then(|item| match item.string()?.as_str() {
        "p95" => Some(HedgeAfter::P95),
        _ => item.parsed::<DocDuration>().map(|delay| HedgeAfter::Delay(delay.0)),
    });
    let budget = table.item("budget").and_then(|item| item.ratio(1.0));
    Hedge { after: after.unwrap_or(HedgeAfter::P95), budget: budget.unwrap_or(Hedge::BUDGET) }
}

fn shadow(table: Section) -> (Option<At<String>>, Option<Shadow>) {
    let Some(item) = table.required("use") else { return (None, None) };
    let at = item.string().map(|name| item.at(name));
    let percent = table.item("percent").and_then(|item| item.ratio(100.0)).unwrap_or(100.0);
    let target = at.as_ref().and_then(|at| Target::parse(&at.value));
    (at, target.map(|target| Shadow { target, percent }))
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
