//! `[tenants.NAME]` with its API keys and budgets.

use super::{
    At, SecretRef,
    node::on_outage,
    reader::{Item, Section},
};
use crate::{
    api_key::ApiKeyHash,
    budget::{Limits, Mode, OnExceed, OnOutage, Window},
    money::NanoUsd,
    world::Unpriced,
};
use jiff::{Timestamp, tz::TimeZone};
use std::collections::BTreeMap;

/// `[tenants.NAME]`.
#[derive(Debug, Clone)]
pub struct TenantEntry {
    /// The zone of its windows.
    pub zone: TimeZone,
    /// What to do with targets that have no price.
    pub unpriced: Unpriced,
    /// The guards of its requests, in their order.
    pub guards: Vec<At<String>>,
    /// Teams, also those that no API key names.
    pub teams: Vec<At<String>>,
    /// Members, also those that no API key names.
    pub members: Vec<At<String>>,
    /// `[tenants.NAME.api_keys.NAME]`.
    pub api_keys: BTreeMap<String, ApiKeyEntry>,
    /// `[[tenants.NAME.budgets]]`.
    pub budgets: Vec<BudgetEntry>,
}

/// `[tenants.NAME.api_keys.NAME]`.
#[derive(Debug, Clone)]
pub struct ApiKeyEntry {
    /// The id that the control plane gave it; its name in a file.
    pub id: Option<String>,
    /// What an app presents; absent only in a document with mistakes.
    pub secret: Option<ApiKeySecret>,
    /// Its team.
    pub team: Option<String>,
    /// Whose it is.
    pub member: Option<String>,
    /// What it may use.
    pub models: Vec<At<String>>,
    /// Its limits.
    pub limits: Limits,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Where it stands.
    pub place: At<()>,
}

/// How a document gives an API key.
#[derive(Debug, Clone)]
pub enum ApiKeySecret {
    /// The key itself.
    Plain(SecretRef),
    /// Its SHA-256.
    Sha256(ApiKeyHash),
}

/// `[[tenants.NAME.budgets]]`.
#[derive(Debug, Clone)]
pub struct BudgetEntry {
    /// The id that the control plane gave it; its name in a file.
    pub id: Option<String>,
    /// Its name; its position where it has none.
    pub name: String,
    /// Of this team.
    pub team: Option<At<String>>,
    /// Of this member.
    pub member: Option<At<String>>,
    /// With this API key.
    pub api_key: Option<At<String>>,
    /// Served by this provider.
    pub provider: Option<At<String>>,
    /// Served by one of these targets.
    pub models: Option<Vec<At<String>>>,
    /// How much a window allows.
    pub limit: NanoUsd,
    /// The window.
    pub window: Window,
    /// What happens to a request that does not fit.
    pub on_exceed: OnExceed,
    /// What happens while the counters are out of reach.
    pub on_outage: Option<OnOutage>,
    /// Percentages of the limit.
    pub alert_at: Vec<u8>,
    /// Whether it acts.
    pub mode: Mode,
    /// Where it stands.
    pub place: At<()>,
}

pub(super) fn tenant(table: Section) -> TenantEntry {
    let budgets: Vec<_> = table.sections("budgets").into_iter().enumerate().map(budget).collect();
    for (index, budget) in budgets.iter().enumerate() {
        if budgets[..index].iter().any(|earlier| earlier.name == budget.name) {
            table.complain(format!("two budgets are named \"{}\"", budget.name));
        }
    }
    TenantEntry {
        zone: table.item("timezone").and_then(|item| zone(&item)).unwrap_or(TimeZone::UTC),
        unpriced: table
            .word("unpriced", &[("deny", Unpriced::Deny), ("allow", Unpriced::Allow)])
            .unwrap_or_default(),
        guards: table.item("guards").map(|item| item.strings()).unwrap_or_default(),
        teams: table.item("teams").map(|item| item.strings()).unwrap_or_default(),
        members: table.item("members").map(|item| item.strings()).unwrap_or_default(),
        api_keys: table.named("api_keys", api_key),
        budgets,
    }
}

fn zone(item: &Item) -> Option<TimeZone> {
    let name = item.string()?;
    TimeZone::get(&name).ok().or_else(|| {
        item.complain(format!("\"{name}\" is no time zone: write one like \"Europe/Berlin\""));
        None
    })
}

fn api_key(table: Section) -> ApiKeyEntry {
    let plain = table.item("secret");
    let hashed = table.item("sha256");
    if plain.is_none() == hashed.is_none() {
        table.complain("give either `secret` or `sha256`");
    }
    let secret = match (plain, hashed) {
        (Some(item), _) => item.secret(|_| ()).map(ApiKeySecret::Plain),
        (None, Some(item)) => item.string().and_then(|hex| {
            let hash = ApiKeyHash::from_hex(&hex);
            if hash.is_none() {
                item.complain("must be 64 hexadecimal digits");
            }
            hash.map(ApiKeySecret::Sha256)
        }),
        (None, None) => None,
    };
    ApiKeyEntry {
        id: table.string("id"),
        secret,
        team: table.string("team"),
        member: table.string("member"),
        models: table
            .item("models")
            .map_or_else(|| vec![table.place_with("*".to_owned())], |item| item.strings()),
        limits: table.section("limits").map(limits).unwrap_or_default(),
        expires: table.item("expires").and_then(|item| item.timestamp()),
        place: table.place(),
    }
}

fn limits(table: Section) -> Limits {
    let limit = |key: &str| table.number(key, 1, 1_000_000_000_000);
    Limits {
        requests_per_minute: limit("requests_per_minute"),
        tokens_per_minute: limit("tokens_per_minute"),
        concurrent: limit("concurrent"),
    }
}

fn budget((index, table): (usize, Section)) -> BudgetEntry {
    table.not_yet("throttle");
    table.not_yet("downgrade_to");
    let windows = [Window::Hour, Window::Day, Window::Week, Window::Month, Window::Total];
    let window = table
        .required("window")
        .and_then(|item| item.word(&windows.map(|window| (window.name(), window))));
    later(&table, "hold", &["hard"], &["sliced", "soft"]);
    later(&table, "on_exceed", &["block", "alert"], &["throttle", "downgrade"]);
    BudgetEntry {
        id: table.string("id"),
        name: table.string("name").unwrap_or_else(|| format!("budget {}", index + 1)),
        team: table.string_at("team"),
        member: table.string_at("member"),
        api_key: table.string_at("api_key"),
        provider: table.string_at("provider"),
        models: table.item("models").map(|item| item.strings()),
        limit: table.required("limit").and_then(|item| item.parsed()).unwrap_or_default(),
        window: window.unwrap_or(Window::Day),
        on_exceed: match table.string("on_exceed").as_deref() {
            Some("alert") => OnExceed::Alert,
            _ => OnExceed::Block,
        },
        on_outage: on_outage(&table),
        alert_at: table
            .item("alert_at")
            .map_or_else(|| vec![50, 80, 100], |item| percentages(&item)),
        mode: table
            .word("mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)])
            .unwrap_or_default(),
        place: table.place(),
    }
}

/// Refuses words that the format has and this version cannot honour, and words that it does not have.
fn later(table: &Section, key: &str, available: &[&str], planned: &[&str]) {
    let Some(item) = table.item(key) else { return };
    let Some(word) = item.as_plain_string() else { return item.complain("must be a string") };
    let list = available.join(", ");
    if planned.contains(&word.as_str()) {
        item.complain(format!("\"{word}\" is not available in this version; available: {list}"));
    } else if !available.contains(&word.as_str()) {
        item.complain(format!("must be one of: {list}"));
    }
}

fn percentages(item: &Item) -> Vec<u8> {
    let mut all: Vec<u8> =
        item.items().iter().filter_map(|entry| entry.number(1, 100)).map(|n| n as u8).collect();
    all.sort_unstable();
    all.dedup();
    all
}
