//! `[providers.NAME]` and `[models."provider/model"]`.

use super::{
    SecretRef,
    reader::{Item, Section},
};
use crate::{
    money::NanoUsd,
    pricing::{Price, Rates},
    provider::{Model, ProviderKind, Trust},
};

/// `[providers.NAME]`.
#[derive(Debug, Clone)]
pub struct ProviderEntry {
    /// Its kind; absent only in a document with mistakes.
    pub kind: Option<ProviderKind>,
    /// Without a trailing slash.
    pub base_url: Option<String>,
    /// Its keys.
    pub keys: Vec<ProviderKeyEntry>,
    /// How far it is trusted.
    pub trust: Trust,
    /// The most requests under way at once.
    pub max_concurrency: Option<usize>,
    /// Headers sent with each call.
    pub headers: Vec<(String, String)>,
    /// Whether private addresses may be connected to.
    pub allow_private_network: bool,
    /// The price of models that have none of their own.
    pub price: Option<Price>,
}

/// An entry of a provider's `keys`.
#[derive(Debug, Clone)]
pub struct ProviderKeyEntry {
    /// Where the secret is.
    pub secret: SecretRef,
    /// Its share of the traffic.
    pub weight: u32,
    /// Its key in the document, for messages.
    pub place: super::At<()>,
}

/// `[models."provider/model"]`.
#[derive(Debug, Clone)]
pub struct ModelEntry {
    /// What is known of it.
    pub model: Model,
    /// Where it stands.
    pub place: super::At<()>,
}

pub(super) fn provider(table: Section) -> ProviderEntry {
    let kind = table.required("kind").and_then(|item| kind(&item));
    let base_url = table.item("base_url").and_then(|item| base_url(&item));
    if base_url.is_none()
        && kind.is_some_and(|kind| kind.default_base_url().is_none())
        && table.item("base_url").is_none()
    {
        table.complain("`base_url` is missing: this kind has no default");
    }
    ProviderEntry {
        kind,
        base_url,
        keys: table
            .item("keys")
            .map(|item| item.items().iter().filter_map(provider_key).collect())
            .unwrap_or_default(),
        trust: trust(&table, "trust").unwrap_or_default(),
        max_concurrency: table.number("max_concurrency", 1, 1_000_000).map(|n| n as usize),
        headers: table.section("headers").map(headers).unwrap_or_default(),
        allow_private_network: table.bool("allow_private_network").unwrap_or(false),
        price: table.item("price").and_then(|item| price(&item)),
    }
}

pub(super) fn trust(table: &Section, key: &str) -> Option<Trust> {
    let words =
        [Trust::External, Trust::Private, Trust::SelfHosted].map(|trust| (trust.name(), trust));
    table.word(key, &words)
}

fn kind(item: &Item) -> Option<ProviderKind> {
    let name = item.string()?;
    let kind = ProviderKind::from_name(&name);
    if kind.is_none() {
        let known: Vec<_> = ProviderKind::ALL.iter().map(|kind| kind.name()).collect();
        let known = known.join(", ");
        item.complain(if ProviderKind::PLANNED.contains(&name.as_str()) {
            format!("kind \"{name}\" is not available in this version; available: {known}")
        } else {
            format!("must be one of: {known}")
        });
    }
    kind
}

fn base_url(item: &Item) -> Option<String> {
    let url = item.string()?;
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let complaint = match authority {
        None => Some("must be an http or https URL"),
        Some("") => Some("has no host"),
        Some(authority) if authority.contains('@') => {
            Some("must not contain a user or password: use `keys`")
        }
        Some(_) if url.contains(['?', '#']) => Some("must not contain a query or fragment"),
        Some(_) if !url.bytes().all(|b| b.is_ascii_graphic()) => {
            Some("must be plain ASCII without spaces")
        }
        Some(_) => None,
    };
    if let Some(complaint) = complaint {
        item.complain(complaint);
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

fn provider_key(item: &Item) -> Option<ProviderKeyEntry> {
    let mut weight = 1;
    let secret =
        item.secret(|table| weight = table.number("weight", 1, 1_000_000).unwrap_or(1) as u32)?;
    Some(ProviderKeyEntry { secret, weight, place: item.at(()) })
}

fn headers(table: Section) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, item) in table.each() {
        let lower = name.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let ours = [
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "content-type",
            "authorization",
        ];
        if !lower.bytes().all(token) {
            item.complain("is no header name");
        } else if ours.contains(&lower.as_str()) {
            item.complain("is a header that the gateway sets itself");
        } else if let Some(value) = item.string() {
            if value.bytes().all(|b| (32..127).contains(&b)) {
                all.push((lower, value));
            } else {
                item.complain("must be visible ASCII");
            }
        }
    }
    all
}

/// `"free"` or a table of prices in USD per million tokens.
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
    let amount = |key: &str| table.parsed::<NanoUsd>(key);
    table.not_yet("image");
    let price = Price {
        rates: Rates {
            input: amount("input").unwrap_or_default(),
            output: amount("output").unwrap_or_default(),
            cached_input: amount("cached_input"),
            cache_write_5m: amount("cache_write_5m"),
            cache_write_1h: amount("cache_write_1h"),
            audio_input: amount("audio_input"),
            audio_output: amount("audio_output"),
        },
        tiers: Vec::new(),
        request: amount("request").unwrap_or_default(),
    };
    if table.item("input").is_none()
        && table.item("output").is_none()
        && table.item("request").is_none()
    {
        table.complain("give at least `input`, `output` or `request`, in USD (tokens: per million); or \"free\"");
    }
    Some(price)
}

pub(super) fn model(table: Section) -> ModelEntry {
    let words = ["chat", "embeddings", "tools", "vision", "json_schema", "reasoning", "audio"];
    let capabilities = table.item("capabilities").map(|item| {
        let known = words.map(|word| (word, word));
        item.items().iter().filter_map(|entry| entry.word(&known)).map(str::to_owned).collect()
    });
    ModelEntry {
        model: Model {
            price: table.item("price").and_then(|item| price(&item)),
            context_window: table.number("context_window", 1, 100_000_000),
            max_output: table.number("max_output", 1, 100_000_000),
            capabilities,
        },
        place: table.place(),
    }
}
