//! The strategy of a route, and the targets that it chooses among.

use super::{
    reader::{Item, Section},
    routes::RouteTargetEntry,
    values::DocDuration,
};
use crate::{
    route::{Intent, Semantic, Sticky, Strategy, Target, Weights},
    rule::Rule,
};

/// A strategy and its targets.
pub(super) struct Chosen {
    pub strategy: Strategy,
    pub targets: Vec<RouteTargetEntry>,
}

/// The keys that belong to one strategy alone.
const OWN_KEYS: [(&str, &[&str]); 8] = [
    ("sticky", &["weighted"]),
    ("weights", &["balanced"]),
    ("embedder", &["semantic"]),
    ("embed_timeout", &["semantic"]),
    ("threshold", &["semantic"]),
    ("intents", &["semantic"]),
    ("rules", &["rules"]),
    ("default", &["semantic", "rules"]),
];

pub(super) fn strategy(table: &Section) -> Chosen {
    let name = table.word("strategy", &NAMES).unwrap_or("fallback");
    for (key, of) in OWN_KEYS {
        if !of.contains(&name)
            && let Some(item) = table.item(key)
        {
            item.complain(format!(
                "only a route with strategy = \"{}\" has this",
                of.join("\" or \"")
            ));
        }
    }
    match name {
        "semantic" => semantic(table),
        "rules" => rules(table),
        _ => Chosen { strategy: ordered(table, name), targets: listed(table, name) },
    }
}

const NAMES: [(&str, &str); 8] = [
    ("fallback", "fallback"),
    ("weighted", "weighted"),
    ("cheapest", "cheapest"),
    ("fastest", "fastest"),
    ("healthiest", "healthiest"),
    ("balanced", "balanced"),
    ("semantic", "semantic"),
    ("rules", "rules"),
];

fn ordered(table: &Section, name: &str) -> Strategy {
    match name {
        "weighted" => Strategy::Weighted {
            sticky: table.item("sticky").map_or(Sticky::None, |item| stickiness(&item)),
        },
        "cheapest" => Strategy::Cheapest,
        "fastest" => Strategy::Fastest,
        "healthiest" => Strategy::Healthiest,
        "balanced" => Strategy::Balanced(table.section("weights").map(weights).unwrap_or_default()),
        _ => Strategy::Fallback,
    }
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

fn weights(table: Section) -> Weights {
    let default = Weights::default();
    let weight =
        |key: &str, default| table.item(key).and_then(|item| item.share(1e6)).unwrap_or(default);
    let weights = Weights {
        cost: weight("cost", default.cost),
        latency: weight("latency", default.latency),
        errors: weight("errors", default.errors),
    };
    if weights.cost + weights.latency + weights.errors <= 0.0 {
        table.complain("at least one weight must be above 0");
    }
    weights
}

fn listed(table: &Section, strategy: &str) -> Vec<RouteTargetEntry> {
    let weighted = strategy == "weighted";
    let mut all = Vec::new();
    for entry in table.item("targets").iter().flat_map(Item::items) {
        let Some(section) = entry.section() else { continue };
        let weight = section.item("weight");
        if !weighted && let Some(weight) = &weight {
            weight.complain("only a route with strategy = \"weighted\" has weights");
        }
        let weight = weight.and_then(|item| item.number(0, 1_000_000)).unwrap_or(1) as u32;
        all.extend(used(&section).map(|entry| RouteTargetEntry { weight, ..entry }));
    }
    if all.is_empty() {
        table.complain("`targets` is missing: list at least one { use = \"provider/model\" }");
    } else if weighted && all.iter().all(|target| target.weight == 0) {
        table.complain("at least one target must have a weight above 0");
    }
    all
}

/// What `use` names, with what may stand beside it.
fn used(table: &Section) -> Option<RouteTargetEntry> {
    let to = table.required("use")?;
    Some(RouteTargetEntry {
        to: to.at(to.string()?),
        weight: 1,
        retries: table.number("retries", 0, 10).unwrap_or(0) as u32,
        first_byte: table.parsed::<DocDuration>("first_byte").map(|d| d.0),
    })
}

fn default(table: &Section) -> Option<RouteTargetEntry> {
    let to = table.string_at("default")?;
    Some(RouteTargetEntry { to, weight: 1, retries: 0, first_byte: None })
}

fn no_targets(table: &Section, instead: &str) {
    if let Some(item) = table.item("targets") {
        item.complain(format!(
            "a route of this strategy names its targets in `{instead}` and `default`"
        ));
    }
}

fn semantic(table: &Section) -> Chosen {
    no_targets(table, "intents");
    let (mut intents, mut targets) = (Vec::new(), Vec::new());
    for section in table.sections("intents") {
        let name = section.required("name").and_then(|item| item.string());
        let examples: Vec<_> = section
            .item("examples")
            .map(|item| item.strings().into_iter().map(|at| at.value).collect())
            .unwrap_or_default();
        if examples.is_empty() {
            section.complain("`examples` is missing: list a few prompts that have this intent");
        }
        let (Some(name), Some(target)) = (name, used(&section)) else { continue };
        if intents.iter().any(|intent: &Intent| intent.name == name) {
            section.complain(format!("there is another intent \"{name}\""));
        }
        intents.push(Intent { name, examples });
        targets.push(target);
    }
    if intents.is_empty() {
        table.complain("`intents` is missing: list at least one [[routes.NAME.intents]]");
    }
    match default(table) {
        Some(entry) => targets.push(entry),
        None => table.complain("`default` is missing: a route by meaning needs one, for prompts that are near no intent"),
    }
    let embedder = table.string("embedder").filter(|name| name != "local");
    let semantic = Semantic {
        embedder: embedder.and_then(|name| Target::parse(&name)),
        embed_timeout: table
            .parsed::<DocDuration>("embed_timeout")
            .map_or(Semantic::EMBED_TIMEOUT, |duration| duration.0),
        threshold: table
            .item("threshold")
            .and_then(|item| item.ratio(1.0))
            .unwrap_or(Semantic::THRESHOLD),
        intents,
    };
    Chosen { strategy: Strategy::Semantic(semantic.into()), targets }
}

fn rules(table: &Section) -> Chosen {
    no_targets(table, "rules");
    let (mut rules, mut targets) = (Vec::new(), Vec::new());
    for section in
        table.item("rules").iter().flat_map(Item::items).filter_map(|item| item.section())
    {
        let Some(when) = section.required("when") else { continue };
        let compiled = when.string().map(|text| Rule::compile(&text));
        if let Some(Err(message)) = &compiled {
            when.complain(message.clone());
        }
        let (Some(Ok(rule)), Some(target)) = (compiled, used(&section)) else { continue };
        rules.push(rule);
        targets.push(target);
    }
    if table.item("rules").is_none_or(|item| item.items().is_empty()) {
        table.complain("`rules` is missing: list at least one { when = \"…\", use = \"…\" }");
    }
    targets.extend(default(table));
    Chosen { strategy: Strategy::Rules(rules.into()), targets }
}
