//! `[providers.NAME]` and `[models."provider/model"]`.

use super::{
    keys::{self, ProviderKeyEntry, place_name},
    prices::price,
    reader::{Item, Section},
};
use crate::{
    pricing::Price,
    provider::{Mode, Model, ProviderKind, Trust, bedrock_url, vertex_url},
};

/// `[providers.NAME]`.
#[derive(Debug, Clone)]
pub struct ProviderEntry {
    /// Its kind; absent only in a document with mistakes.
    pub kind: Option<ProviderKind>,
    /// Without a trailing slash; absent: the kind's.
    pub base_url: Option<String>,
    /// Azure OpenAI's dated API.
    pub api_version: Option<String>,
    /// The region of AWS, its keys' if it has none of its own; or the data zone of Azure.
    pub region: Option<String>,
    /// The Google Cloud project.
    pub project: Option<String>,
    /// The Google Cloud location.
    pub location: Option<String>,
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
    let keys = table.item("keys").map(|item| keys::keys(&item, kind)).unwrap_or_default();
    let api_version = only_for(&table, kind, "api_version", &[ProviderKind::AzureOpenai]);
    let with_region = [ProviderKind::Bedrock, ProviderKind::AzureOpenai, ProviderKind::AzureAi];
    let of_keys = keys::common_region(&table, &keys);
    let region = only_for(&table, kind, "region", &with_region);
    if let (Some(region), Some(of_keys)) = (&region, &of_keys)
        && region != of_keys
    {
        table.complain(format!("its keys are of another region, \"{of_keys}\""));
    }
    let region = region.or(of_keys);
    let project = only_for(&table, kind, "project", &[ProviderKind::Vertex]);
    let location = only_for(&table, kind, "location", &[ProviderKind::Vertex]);
    if kind == Some(ProviderKind::Bedrock) && region.is_none() {
        table.complain("`region` is missing, as in region = \"us-east-1\"");
    }
    let by_place = match kind {
        Some(ProviderKind::Bedrock) => region.as_deref().map(bedrock_url),
        Some(ProviderKind::Vertex) => Some(vertex_url(location.as_deref().unwrap_or("global"))),
        _ => None,
    };
    ProviderEntry {
        kind,
        base_url: written_base_url(&table, kind).or(by_place),
        api_version,
        region,
        project,
        location,
        keys,
        trust: trust(&table, "trust").unwrap_or_default(),
        max_concurrency: table.number("max_concurrency", 1, 1_000_000).map(|n| n as usize),
        headers: table.section("headers").map(headers).unwrap_or_default(),
        allow_private_network: table.bool("allow_private_network").unwrap_or(false),
        price: table.item("price").and_then(|item| price(&item)),
    }
}

/// A word of the kinds that have it.
fn only_for(
    table: &Section,
    kind: Option<ProviderKind>,
    key: &str,
    kinds: &[ProviderKind],
) -> Option<String> {
    let item = table.item(key)?;
    if kind.is_some_and(|kind| !kinds.contains(&kind)) {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        item.complain(format!("is only for providers of kind {}", names.join(", ")));
    }
    place_name(&item)
}

fn written_base_url(table: &Section, kind: Option<ProviderKind>) -> Option<String> {
    let Some(item) = table.item("base_url") else {
        let found_otherwise = |kind: ProviderKind| {
            kind.default_base_url().is_some()
                || matches!(kind, ProviderKind::Bedrock | ProviderKind::Vertex)
        };
        if kind.is_some_and(|kind| !found_otherwise(kind)) {
            table.complain("`base_url` is missing: this kind has no default");
        }
        return None;
    };
    let url = base_url(&item)?;
    if kind == Some(ProviderKind::AzureOpenai) {
        // People copy it with the path that their client wants.
        let resource = url.strip_suffix("/openai/v1").or_else(|| url.strip_suffix("/openai"));
        return Some(resource.unwrap_or(&url).to_owned());
    }
    Some(url)
}

pub(super) fn trust(table: &Section, key: &str) -> Option<Trust> {
    let words =
        [Trust::External, Trust::Private, Trust::SelfHosted].map(|trust| (trust.name(), trust));
    table.word(key, &words)
}

pub(super) fn kind(item: &Item) -> Option<ProviderKind> {
    let name = item.string()?;
    let kind = ProviderKind::from_name(&name);
    if kind.is_none() {
        let known: Vec<_> = ProviderKind::ALL.iter().map(|kind| kind.name()).collect();
        item.complain(format!("must be one of: {}", known.join(", ")));
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

/// What a model can be said to do, beside what it is for.
const CAPABILITIES: [&str; 15] = [
    "vision",
    "tools",
    "parallel_tools",
    "tool_choice",
    "json_schema",
    "reasoning",
    "caching",
    "pdf",
    "audio",
    "audio_in",
    "audio_out",
    "video_in",
    "web_search",
    "system",
    "prefill",
];

/// The words for how much to reason, rising.
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

pub(super) fn model(table: Section) -> ModelEntry {
    let modes = Mode::ALL.map(Mode::name);
    let words = |key: &str, known: &mut dyn Iterator<Item = &'static str>| {
        let known: Vec<_> = known.map(|word| (word, word)).collect();
        let items = table.item(key)?.items();
        Some(items.iter().filter_map(|entry| entry.word(&known)).collect::<Vec<_>>())
    };
    let can = words("capabilities", &mut modes.into_iter().chain(CAPABILITIES));
    let efforts = words("reasoning_efforts", &mut EFFORTS.into_iter()).unwrap_or_default();
    let rising = EFFORTS.into_iter().filter(|word| efforts.contains(word));
    ModelEntry {
        model: Model {
            price: table.item("price").and_then(|item| price(&item)),
            context_window: table.number("context_window", 1, 100_000_000),
            max_output: table.number("max_output", 1, 100_000_000),
            mode: None,
            only_these: can.is_some(),
            capabilities: can.map(|words| words.into_iter().map(str::to_owned).collect()),
            responses_only: table.bool("responses_only").unwrap_or(false),
            embedding_dimensions: table.number("embedding_dimensions", 1, 1_000_000),
            sampling_params: table.bool("sampling_params"),
            forced_tool_use: table.bool("forced_tool_use"),
            adaptive_thinking: table.bool("adaptive_thinking"),
            thinking_always_on: table.bool("thinking_always_on"),
            reasoning_efforts: rising.map(str::to_owned).collect(),
        },
        place: table.place(),
    }
}
