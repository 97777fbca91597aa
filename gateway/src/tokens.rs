//! Counting tokens without asking anybody: OpenAI's newest public encoding (o200k), which is within some percent of what
//! other vendors' tokenizers give. Used where a provider tells no usage, and for counts that no provider is asked for.

use crate::formats::conversation::{Conversation, Part, PartKind, ToolKind};

/// Tokens around each message: role and separators.
const PER_TURN: u64 = 4;
/// Tokens of an image: what common providers charge for one of about a megapixel.
const PER_IMAGE: u64 = 1_500;
/// Tokens of a page or a minute of what is neither text nor image, by its bytes in base 64.
const BYTES_PER_TOKEN: u64 = 64;

/// Tokens of a text.
pub fn of_text(text: &str) -> u64 {
    if text.is_empty() { 0 } else { bpe_openai::o200k_base().count(text) as u64 }
}

/// Tokens of a prompt, tools included.
pub fn of_prompt(conversation: &Conversation) -> u64 {
    let turns = conversation.turns.iter().map(|turn| PER_TURN + of_parts(&turn.parts));
    let tools = conversation.tools.iter().map(|tool| {
        let definition = match &tool.kind {
            ToolKind::Function { parameters: Some(parameters), .. } => of_text(parameters.get()),
            ToolKind::Native(raw) => of_text(raw.get()),
            ToolKind::Function { .. } | ToolKind::Custom { .. } => 0,
        };
        let description = tool.description.as_deref().unwrap_or_default();
        PER_TURN + of_text(&tool.name) + of_text(description) + definition
    });
    3 + turns.chain(tools).sum::<u64>()
}

fn of_parts(parts: &[Part]) -> u64 {
    parts.iter().map(of_part).sum()
}

fn of_part(part: &Part) -> u64 {
    use crate::formats::conversation::{MediaKind, Source};
    match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => of_text(text),
        PartKind::Reasoning { text, .. } => of_text(text),
        PartKind::ToolCall { name, arguments, .. } => of_text(name) + of_text(arguments),
        PartKind::ToolResult { parts, .. } => of_parts(parts),
        PartKind::Media(media) => match (&media.source, media.kind) {
            (Source::Text(text), _) => of_text(text),
            (_, MediaKind::Image) => PER_IMAGE,
            (Source::Base64(data), _) => data.len() as u64 / BYTES_PER_TOKEN,
            (Source::Url(_) | Source::FileId(_), _) => PER_IMAGE,
        },
        PartKind::Sealed(_) => 0,
        PartKind::Native(_, raw) => of_text(raw.get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::conversation::{Format, Role, Turn};

    #[test]
    fn words_are_tokens_and_a_prompt_is_more_than_its_words() {
        assert_eq!((of_text(""), of_text("hello world")), (0, 2));
        let mut conversation = Conversation::new(Format::OpenaiChat, "m");
        conversation.turns.push(Turn::new(Role::User, vec![Part::text("hello world")]));
        assert_eq!(of_prompt(&conversation), 9);
    }
}
