//! LiteLLM's price map (`model_prices_and_context_window.json`) → rows of the price book. Pure: text in, rows out. What
//! is taken are numbers and flags; what cannot be taken is named with the reason.

mod decimal;
mod price;

use serde_json::{Map, Value, json, value::RawValue};
use std::collections::BTreeMap;
use tollgate_contract::{
    price_book::Subject,
    provider::{Mode, ProviderKind},
};

/// What came of a map.
#[derive(Debug, Default)]
pub struct Conversion {
    /// Facts by what they are of, as `[models."…"]` of the config document.
    pub rows: BTreeMap<Subject, Value>,
    /// What was left out: the keys by the reason.
    pub skipped: BTreeMap<String, Vec<String>>,
}

/// An entry of the map.
struct Entry<'e> {
    subject: Subject,
    mode: Mode,
    members: BTreeMap<String, &'e RawValue>,
}

impl<'e> Entry<'e> {
    /// A member that is there and is not null.
    fn get(&self, name: &str) -> Option<&'e RawValue> {
        self.members.get(name).copied().filter(|raw| raw.get() != "null")
    }

    fn is(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    fn number(&self, name: &str) -> Option<u64> {
        // Some numbers are written as text or as floats.
        let text = self.get(name)?.get().trim_matches('"');
        text.strip_suffix(".0").unwrap_or(text).parse().ok().filter(|number| *number > 0)
    }
}

const SAME_MODEL: &str = "another entry is of the same model";

/// Reads a map. The error says why it is none.
pub fn read(text: &str) -> Result<Conversion, String> {
    let map: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))?;
    let mut conversion = Conversion::default();
    let mut keys: BTreeMap<Subject, String> = BTreeMap::new();
    for (key, raw) in map {
        match row(&key, raw) {
            Ok((subject, spec)) => {
                let first = keys.get(&subject).cloned();
                if first.as_ref().is_some_and(|first| rank(first) >= rank(&key)) {
                    conversion.skip(SAME_MODEL, key);
                    continue;
                }
                if let Some(first) = first {
                    conversion.skip(SAME_MODEL, first);
                }
                keys.insert(subject.clone(), key);
                conversion.rows.insert(subject, spec);
            }
            Err(reason) => conversion.skip(reason, key),
        }
    }
    Ok(conversion)
}

/// Of two entries of one model, the one whose key has the provider in it counts, else the first. What Bedrock serves at
/// its second address has prices of its own and does not stand for the first.
fn rank(key: &str) -> u8 {
    match key.split_once('/') {
        Some(("bedrock_mantle", _)) => 0,
        None => 1,
        Some(_) => 2,
    }
}

impl Conversion {
    fn skip(&mut self, reason: impl Into<String>, key: String) {
        self.skipped.entry(reason.into()).or_default().push(key);
    }
}

fn row(key: &str, raw: &RawValue) -> Result<(Subject, Value), String> {
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| "it is no object")?;
    let text = |name: &str| {
        let raw = members.get(name)?;
        serde_json::from_str::<String>(raw.get()).ok()
    };
    if key == "sample_spec" {
        return Err("it is the map's own description".to_owned());
    }
    let provider = text("litellm_provider").ok_or("it names no provider")?;
    let (kind, prefixes) =
        kind_of(&provider).ok_or_else(|| format!("no kind of provider is {provider}"))?;
    let word = text("mode").unwrap_or_default();
    let (mode, responses_only) =
        mode_of(&word).ok_or_else(|| format!("mode \"{word}\" is not priced"))?;
    let subject = identify(kind, key, prefixes).ok_or("it is a price point and no model")?;
    let entry = Entry { subject, mode, members };
    let mut spec = facts(&entry);
    if responses_only {
        spec.insert("responses_only".to_owned(), json!(true));
    }
    spec.insert("price".to_owned(), price::price(&entry)?);
    Ok((entry.subject, Value::Object(spec)))
}

/// The kind that a provider of the map is, and what its keys begin with.
fn kind_of(provider: &str) -> Option<(ProviderKind, &'static [&'static str])> {
    use ProviderKind as Kind;
    // Vertex and Fireworks have several, by publisher.
    let family = ["vertex_ai", "fireworks_ai"]
        .into_iter()
        .find(|family| provider.strip_prefix(family).is_some_and(|rest| rest.starts_with('-')));
    Some(match family.unwrap_or(provider) {
        "openai" => (Kind::Openai, &["openai/"]),
        "azure" => (Kind::AzureOpenai, &["azure/"]),
        "azure_ai" => (Kind::AzureAi, &["azure_ai/"]),
        "anthropic" => (Kind::Anthropic, &["anthropic/"]),
        "gemini" => (Kind::Gemini, &["gemini/"]),
        "bedrock" | "bedrock_converse" => (Kind::Bedrock, &["bedrock/"]),
        "bedrock_mantle" => (Kind::Bedrock, &["bedrock_mantle/"]),
        "vertex_ai" => (Kind::Vertex, &["vertex_ai/"]),
        "mistral" | "codestral" => (Kind::Mistral, &["mistral/", "codestral/"]),
        "cohere" | "cohere_chat" => (Kind::Cohere, &["cohere/", "cohere_chat/"]),
        "deepseek" => (Kind::Deepseek, &["deepseek/"]),
        "xai" => (Kind::Xai, &["xai/"]),
        "dashscope" => (Kind::Qwen, &["dashscope/"]),
        "moonshot" => (Kind::Moonshot, &["moonshot/"]),
        "zai" => (Kind::Zai, &["zai/"]),
        "minimax" => (Kind::Minimax, &["minimax/"]),
        "volcengine" => (Kind::Volcengine, &["volcengine/"]),
        "groq" => (Kind::Groq, &["groq/"]),
        "cerebras" => (Kind::Cerebras, &["cerebras/"]),
        "together_ai" => (Kind::Together, &["together_ai/"]),
        "fireworks_ai" => (Kind::Fireworks, &["fireworks_ai/"]),
        "deepinfra" => (Kind::Deepinfra, &["deepinfra/"]),
        "sambanova" => (Kind::Sambanova, &["sambanova/"]),
        "nebius" => (Kind::Nebius, &["nebius/"]),
        "novita" => (Kind::Novita, &["novita/"]),
        "hyperbolic" => (Kind::Hyperbolic, &["hyperbolic/"]),
        "ai21" => (Kind::Ai21, &["ai21/"]),
        "perplexity" => (Kind::Perplexity, &["perplexity/"]),
        "nvidia_nim" => (Kind::NvidiaNim, &["nvidia_nim/"]),
        "openrouter" => (Kind::Openrouter, &["openrouter/"]),
        "vercel_ai_gateway" => (Kind::Vercel, &["vercel_ai_gateway/"]),
        "voyage" => (Kind::Voyage, &["voyage/"]),
        "jina_ai" => (Kind::Jina, &["jina_ai/"]),
        _ => return None,
    })
}

fn mode_of(word: &str) -> Option<(Mode, bool)> {
    Some(match word {
        "chat" => (Mode::Chat, false),
        "responses" => (Mode::Chat, true),
        "embedding" => (Mode::Embeddings, false),
        "rerank" => (Mode::Rerank, false),
        "image_generation" | "image_edit" => (Mode::Images, false),
        "audio_transcription" => (Mode::Transcription, false),
        "audio_speech" => (Mode::Speech, false),
        "moderation" => (Mode::Moderation, false),
        _ => return None,
    })
}

/// What an entry is of; `None` for prices of sizes, qualities, parameter counts and reserved capacity.
fn identify(kind: ProviderKind, key: &str, prefixes: &[&str]) -> Option<Subject> {
    let name = prefixes.iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(key);
    let quality = ["low/", "medium/", "high/", "hd/", "standard/", "max-x-max"];
    let parameters = ["together-ai-", "fireworks-ai-"];
    if quality.iter().chain(&parameters).any(|word| name.starts_with(word))
        || is_size(name)
        || name.contains("-month-commitment")
        || name.contains("/container")
    {
        return None;
    }
    let regional =
        matches!(kind, ProviderKind::AzureOpenai | ProviderKind::Openai | ProviderKind::Bedrock)
            && !prefixes.contains(&"bedrock_mantle/");
    let (model, region) = match name.split_once('/') {
        Some((head, rest)) if regional && is_region(head) => {
            (rest, if head == "global-standard" { "global" } else { head })
        }
        _ => (name, ""),
    };
    let region = match model.split_once('.') {
        // An inference profile keeps its geography in its name.
        Some((geography, _))
            if kind == ProviderKind::Bedrock
                && regional
                && region.is_empty()
                && is_geography(geography) =>
        {
            geography
        }
        _ => region,
    };
    (!model.is_empty() && model.len() <= 256).then(|| Subject {
        kind,
        model: model.to_owned(),
        region: region.to_owned(),
    })
}

/// `1024-x-1792/dall-e-3`.
fn is_size(name: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let width = digits(name);
    let rest = name.get(width..).unwrap_or_default();
    width > 0 && rest.strip_prefix("-x-").is_some_and(|height| digits(height) > 0)
}

/// `us-east-1` or a data zone.
fn is_region(text: &str) -> bool {
    let words = ["eu", "us", "global", "global-standard"];
    let aws = || {
        let mut parts = text.split('-');
        let area = parts.next().is_some_and(|area| {
            ["us", "eu", "ap", "ca", "sa", "af", "me", "il", "mx"].contains(&area)
        });
        let number = text
            .rsplit('-')
            .next()
            .is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()));
        area && number && (3..=4).contains(&text.split('-').count())
    };
    words.contains(&text) || aws()
}

fn is_geography(text: &str) -> bool {
    ["us-gov", "us", "eu", "apac", "au", "jp", "ca", "global", "sa", "af", "me", "il", "in", "kr"]
        .contains(&text)
}

/// LiteLLM's flags and our words.
const CAPABILITIES: [(&str, &[&str]); 14] = [
    ("vision", &["supports_vision", "supports_image_input"]),
    ("tools", &["supports_function_calling"]),
    ("parallel_tools", &["supports_parallel_function_calling"]),
    ("tool_choice", &["supports_tool_choice"]),
    ("json_schema", &["supports_response_schema", "supports_native_structured_output"]),
    ("reasoning", &["supports_reasoning"]),
    ("caching", &["supports_prompt_caching"]),
    ("pdf", &["supports_pdf_input"]),
    ("audio_in", &["supports_audio_input"]),
    ("audio_out", &["supports_audio_output"]),
    ("video_in", &["supports_video_input"]),
    ("web_search", &["supports_web_search"]),
    ("system", &["supports_system_messages"]),
    ("prefill", &["supports_assistant_prefill"]),
];

const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

fn facts(entry: &Entry) -> Map<String, Value> {
    let mut spec = Map::new();
    for (ours, theirs, most) in [
        ("context_window", "max_input_tokens", 100_000_000),
        ("max_output", "max_output_tokens", 100_000_000),
        ("embedding_dimensions", "output_vector_size", 1_000_000),
    ] {
        if let Some(number) = entry.number(theirs).filter(|number| *number <= most) {
            spec.insert(ours.to_owned(), json!(number));
        }
    }
    let claims = |flags: &[&str]| flags.iter().any(|flag| entry.is(flag) == Some(true));
    let capabilities =
        CAPABILITIES.iter().filter(|(_, flags)| claims(flags)).map(|(word, _)| *word);
    let capabilities: Vec<_> = std::iter::once(entry.mode.name()).chain(capabilities).collect();
    spec.insert("capabilities".to_owned(), json!(capabilities));
    for (ours, theirs) in [
        ("sampling_params", "supports_sampling_params"),
        ("forced_tool_use", "supports_forced_tool_use"),
        ("adaptive_thinking", "supports_adaptive_thinking"),
        ("thinking_always_on", "thinking_always_on"),
    ] {
        if let Some(flag) = entry.is(theirs) {
            spec.insert(ours.to_owned(), json!(flag));
        }
    }
    let efforts = efforts(entry);
    if !efforts.is_empty() {
        spec.insert("reasoning_efforts".to_owned(), json!(efforts));
    }
    spec
}

/// The efforts that a model takes, if anything is said about them. The usual three are taken unless that is denied.
fn efforts(entry: &Entry) -> Vec<&'static str> {
    let listed = entry.get("reasoning_effort_levels").and_then(|raw| {
        serde_json::from_str::<Vec<String>>(raw.get()).ok().filter(|words| !words.is_empty())
    });
    if let Some(listed) = listed {
        return EFFORTS.into_iter().filter(|word| listed.iter().any(|one| one == word)).collect();
    }
    let said: Vec<_> = EFFORTS
        .into_iter()
        .map(|word| (word, entry.is(&format!("supports_{word}_reasoning_effort"))))
        .collect();
    if said.iter().all(|(_, said)| said.is_none()) {
        return Vec::new();
    }
    let usual = |word: &str| matches!(word, "low" | "medium" | "high");
    let taken = said.into_iter().filter(|(word, said)| said.unwrap_or_else(|| usual(word)));
    taken.map(|(word, _)| word).collect()
}

#[cfg(test)]
mod tests;
