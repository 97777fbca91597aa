//! A whole answer as apps get it.

use crate::{
    conversation::{Answer, Choice, Format, Media, MediaKind, Part, PartKind, Signature, Source},
    json::{List, Members, Object, Raw, object},
    openai_chat::{finish, usage},
    stream::Asked,
};

/// Members of answers that are passed on: those that apps of this format know.
const PASSED: [&str; 6] = [
    "system_fingerprint",
    "citations",
    "search_results",
    "moderation",
    "prompt_filter_results",
    "provider",
];

/// Writes an answer.
pub fn write_answer(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put("id", asked.id_with("chatcmpl-", answer.id.as_deref()));
        o.put("object", "chat.completion");
        o.put("created", answer.created.unwrap_or(asked.created));
        o.put("model", &asked.model);
        o.list("choices", |l| {
            for (index, choice) in answer.choices.iter().enumerate() {
                l.object(|o| write_choice(o, index, choice, asked));
            }
        });
        if let Some(shown) = answer.usage.shown() {
            o.object("usage", |o| usage::write_usage(o, &shown));
        }
        o.put_some("service_tier", answer.service_tier.as_deref().and_then(tier));
        o.put_all(answer.extra.iter().filter(|(name, _)| PASSED.contains(&name.as_str())));
    });
    out
}

/// A service tier in OpenAI's words; other words say nothing here.
fn tier(word: &str) -> Option<&str> {
    match word {
        "default" | "flex" | "scale" | "priority" => Some(word),
        "standard" | "on_demand" => Some("default"),
        _ => None,
    }
}

fn write_choice(o: &mut Object, index: usize, choice: &Choice, asked: &Asked) {
    let legacy = asked.conversation.legacy_functions;
    let calls: Vec<&Part> =
        choice.parts.iter().filter(|part| matches!(part.kind, PartKind::ToolCall { .. })).collect();
    let stop = choice.stop.given_calls(!calls.is_empty());
    o.put("index", index);
    o.object("message", |o| write_message(o, &choice.parts, &calls, asked));
    o.put("logprobs", &choice.logprobs);
    o.put("finish_reason", finish::word_of(stop, legacy));
    let passed = choice.extra.iter().filter(|(name, _)| name == "content_filter_results");
    o.put_all(passed);
}

fn write_message(o: &mut Object, parts: &[Part], calls: &[&Part], asked: &Asked) {
    let text = joined(parts, "", |kind| match kind {
        PartKind::Text(text) => Some(text),
        _ => None,
    });
    let refusal = joined(parts, "", |kind| match kind {
        PartKind::Refusal(text) => Some(text),
        _ => None,
    });
    let reasoning = joined(parts, BETWEEN_THOUGHTS, |kind| match kind {
        PartKind::Reasoning { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    });
    let silent = text.is_none() && (!calls.is_empty() || refusal.is_some());
    o.put("role", "assistant");
    o.put("content", (!silent).then(|| text.unwrap_or_default()));
    o.put("refusal", refusal);
    o.put_some("reasoning_content", reasoning);
    write_signed(o, parts);
    if asked.conversation.legacy_functions {
        if let Some(call) = calls.first() {
            o.object("function_call", |o| write_function(o, call));
        }
    } else if !calls.is_empty() {
        o.list("tool_calls", |l| {
            for call in calls {
                l.object(|o| write_call(o, call));
            }
        });
    }
    write_media(o, parts, asked);
    for part in parts {
        if let PartKind::Native(Format::OpenaiChat, raw) = &part.kind {
            write_members(o, raw);
        }
    }
}

/// What stands between the texts of two blocks of reasoning.
pub(in crate::openai_chat) const BETWEEN_THOUGHTS: &str = "\n\n";

/// Texts of one kind as one; `None` if there is none.
fn joined<'p>(
    parts: &'p [Part],
    between: &str,
    pick: impl Fn(&'p PartKind) -> Option<&'p String>,
) -> Option<String> {
    let texts: Vec<&str> =
        parts.iter().filter_map(|part| pick(&part.kind)).map(String::as_str).collect();
    (!texts.is_empty()).then(|| texts.join(between))
}

/// Signed and sealed reasoning: what the provider wants back.
fn write_signed(o: &mut Object, parts: &[Part]) {
    let (mut details, mut blocks) = (Vec::new(), Vec::new());
    for part in parts {
        match &part.kind {
            PartKind::Reasoning { signature: Some(signature), .. } if is_details(signature) => {
                details.push(signature.data.as_str());
            }
            PartKind::Reasoning { signature: Some(_), .. } | PartKind::Sealed(_) => {
                blocks.push(part)
            }
            _ => {}
        }
    }
    if !details.is_empty() {
        o.put_text("reasoning_details", &joined_details(&details));
    }
    if !blocks.is_empty() {
        o.list("thinking_blocks", |l| blocks.iter().for_each(|part| write_block(l, &part.kind)));
    }
}

/// Several JSON arrays as one.
pub(in crate::openai_chat) fn joined_details(arrays: &[&str]) -> String {
    let inner: Vec<&str> = arrays
        .iter()
        .filter_map(|array| array.trim().strip_prefix('[')?.strip_suffix(']'))
        .filter(|inner| !inner.trim().is_empty())
        .collect();
    format!("[{}]", inner.join(","))
}

/// Whether a signature is a list of `reasoning_details`.
pub(in crate::openai_chat) fn is_details(signature: &Signature) -> bool {
    signature.by == Format::OpenaiChat && signature.data.starts_with('[')
}

/// A block of signed or sealed reasoning, in LiteLLM's shape.
pub(in crate::openai_chat) fn write_block(l: &mut List, kind: &PartKind) {
    match kind {
        PartKind::Reasoning { text, signature: Some(signature) } => {
            l.object(|o| {
                o.put("type", "thinking").put("thinking", text);
                o.put("signature", signature.shown_in(Format::OpenaiChat));
            });
        }
        PartKind::Sealed(signature) => {
            l.object(|o| {
                o.put("type", "redacted_thinking");
                o.put("data", signature.shown_in(Format::OpenaiChat));
            });
        }
        _ => {}
    }
}

/// A call's id, which carries another format's signature: apps give it back unchanged, other members they drop.
pub(in crate::openai_chat) fn shown_id(id: &str, signature: Option<&Signature>) -> String {
    match signature {
        Some(signature) if signature.by != Format::OpenaiChat => signature.clone().into_id(id),
        _ => id.to_owned(),
    }
}

fn write_call(o: &mut Object, part: &Part) {
    let PartKind::ToolCall { id, name, arguments, custom, signature } = &part.kind else { return };
    o.put("id", shown_id(id, signature.as_ref()));
    if *custom {
        o.put("type", "custom").object("custom", |o| {
            o.put("name", name).put("input", arguments);
        });
    } else {
        o.put("type", "function").object("function", |o| write_function(o, part));
    }
}

fn write_function(o: &mut Object, part: &Part) {
    let PartKind::ToolCall { name, arguments, .. } = &part.kind else { return };
    let arguments = arguments.trim_start();
    o.put("name", name).put("arguments", if arguments.is_empty() { "{}" } else { arguments });
}

/// Images as `images`, the shape that OpenRouter made common; a sound as OpenAI's `audio`.
fn write_media(o: &mut Object, parts: &[Part], asked: &Asked) {
    let media: Vec<&Media> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Media(media) => Some(media),
            _ => None,
        })
        .collect();
    let urls: Vec<String> = media
        .iter()
        .filter(|media| media.kind == MediaKind::Image)
        .filter_map(|media| media.to_url())
        .collect();
    if !urls.is_empty() {
        o.list("images", |l| urls.iter().for_each(|url| write_image(l, url)));
    }
    let sound = media.iter().find_map(|media| match (&media.source, media.kind) {
        (Source::Base64(data), MediaKind::Audio) => Some(data),
        _ => None,
    });
    if let Some(data) = sound {
        o.object("audio", |o| {
            o.put("id", asked.id_with("audio_", None)).put("data", data);
            // It cannot be referred to later.
            o.put("expires_at", asked.created).put("transcript", "");
        });
    }
}

/// An entry of `images`.
pub(in crate::openai_chat) fn write_image(l: &mut List, url: &str) {
    l.object(|o| {
        o.put("type", "image_url").object("image_url", |o| {
            o.put("url", url);
        });
    });
}

/// The members of a message that only this format has.
pub(in crate::openai_chat) fn write_members(o: &mut Object, raw: &Raw) {
    if let Some(members) = Members::of_text(raw.get()) {
        o.put_all(&members.rest());
    }
}
