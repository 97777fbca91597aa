//! What goes with a request: whom it is for, its tier, and what only other formats know.

use crate::{
    conversation::{Conversation, Fit, Format, note_foreign},
    json::{Members, Object},
};
use sha2::{Digest, Sha256};

/// Writes `requestMetadata` and `serviceTier`; notes the rest.
pub(super) fn write(body: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    let metadata = metadata(conversation, fit);
    if !metadata.is_empty() {
        body.object("requestMetadata", |object| {
            for (name, value) in &metadata {
                object.put(name, value);
            }
        });
    }
    if let Some(tier) = &conversation.service_tier {
        match service_tier(tier) {
            Some(word) => {
                body.object("serviceTier", |object| {
                    object.put("type", word);
                });
            }
            None => fit.hint("service_tier"),
        }
    }
}

/// The tier in Bedrock's words; `None` for the default and for what it has no word for.
fn service_tier(tier: &str) -> Option<&'static str> {
    Some(match tier.to_ascii_lowercase().as_str() {
        "default" | "standard" | "standard_only" => "default",
        "flex" => "flex",
        "priority" => "priority",
        "reserved" => "reserved",
        _ => return None,
    })
}

/// The pairs that Bedrock notes in its logs: the user, and OpenAI's `metadata`.
fn metadata(conversation: &Conversation, fit: &mut Fit) -> Vec<(String, String)> {
    /// The most pairs.
    const MOST: usize = 16;
    let mut pairs = Vec::new();
    pairs.extend(conversation.user.as_deref().map(|user| ("user".to_owned(), legal(user))));
    let openai = matches!(conversation.origin, Format::OpenaiChat | Format::OpenaiResponses);
    let given = conversation.extra.iter().find(|(name, _)| openai && name == "metadata");
    let mut lost = false;
    if let Some((_, raw)) = given {
        let members = Members::of_text(raw.get());
        for (name, value) in members.iter().flat_map(Members::iter) {
            let value = serde_json::from_str::<String>(value.get()).ok();
            let free = pairs.len() < MOST && pairs.iter().all(|(known, _)| known != name);
            match value.filter(|value| free && is_name(name) && is_value(value)) {
                Some(value) => pairs.push((name.to_owned(), value)),
                None => lost = true,
            }
        }
        lost |= members.is_none();
    }
    if lost {
        fit.hint("metadata");
    }
    note_foreign(conversation, if openai { &["metadata"] } else { &[] }, fit);
    pairs
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && is_value(text)
}

fn is_value(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || " :_@$#=/+,.-".contains(c);
    text.len() <= 256 && text.chars().all(legal)
}

/// A user as it may be written, else an opaque id that stands for it.
fn legal(user: &str) -> String {
    if is_name(user) {
        return user.to_owned();
    }
    Sha256::digest(user.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
