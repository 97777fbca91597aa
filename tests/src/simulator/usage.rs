//! The `usage` object: the true counts, and the ways to misreport them.

use serde::Serialize;

use super::directives::{Directives, UsageReport};
use super::tokens::PromptTokens;

/// The counts of one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The prompt.
    pub prompt: PromptTokens,
    /// All of the output.
    pub completion: u64,
    /// The part of the output that was reasoning.
    pub reasoning: u64,
}

/// Usage of a chat. Signed, since a lie may be negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatUsage {
    prompt_tokens: i64,
    completion_tokens: i64,
    total_tokens: i64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct PromptDetails {
    cached_tokens: i64,
    cache_write_tokens: i64,
    audio_tokens: i64,
    text_tokens: i64,
    image_tokens: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct CompletionDetails {
    reasoning_tokens: i64,
    audio_tokens: i64,
    text_tokens: i64,
    accepted_prediction_tokens: i64,
    rejected_prediction_tokens: i64,
}

/// Usage of an embedding request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmbeddingUsage {
    prompt_tokens: i64,
    total_tokens: i64,
}

/// What a chat answer says it used.
pub fn of_chat(counts: Counts, directives: &Directives) -> Option<ChatUsage> {
    let reported = |count| report(count, directives);
    let (prompt_tokens, completion_tokens) =
        (reported(counts.prompt.total())?, reported(counts.completion)?);
    Some(ChatUsage {
        prompt_tokens,
        completion_tokens,
        total_tokens: prompt_tokens.saturating_add(completion_tokens),
        prompt_tokens_details: PromptDetails {
            cached_tokens: reported(counts.prompt.cache_read)?,
            cache_write_tokens: reported(counts.prompt.cache_write())?,
            ..Default::default()
        },
        completion_tokens_details: CompletionDetails {
            reasoning_tokens: reported(counts.reasoning)?,
            ..Default::default()
        },
    })
}

/// What an embedding answer says it used.
pub fn of_embedding(prompt: u64, directives: &Directives) -> Option<EmbeddingUsage> {
    let prompt_tokens = report(prompt, directives)?;
    Some(EmbeddingUsage { prompt_tokens, total_tokens: prompt_tokens })
}

/// A count as it is told: nothing if usage is not told at all.
pub fn report(count: u64, directives: &Directives) -> Option<i64> {
    // A cast saturates, which is all that an absurd factor deserves.
    let scaled = (count as f64 * directives.usage_factor).round() as i64;
    match directives.usage {
        UsageReport::None => None,
        UsageReport::Negative => Some(scaled.saturating_neg()),
        UsageReport::True | UsageReport::Cumulative => Some(scaled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(directives: &str) -> Option<ChatUsage> {
        let model = format!("m{directives}");
        let (_, directives) = Directives::of_model(&model).unwrap();
        let prompt = PromptTokens { uncached: 5, cache_read: 4, ..PromptTokens::default() };
        of_chat(Counts { prompt, completion: 5, reasoning: 2 }, &directives)
    }

    #[test]
    fn the_truth_adds_up() {
        let usage = reported("").unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (9, 5, 14));
        assert_eq!(usage.prompt_tokens_details.cached_tokens, 4);
        assert_eq!(usage.completion_tokens_details.reasoning_tokens, 2);
    }

    #[test]
    fn lies_are_as_told() {
        assert_eq!(reported("--usage=none"), None);
        assert_eq!(reported("--usage=negative").unwrap().total_tokens, -14);
        assert_eq!(reported("--usage_factor=1000").unwrap().total_tokens, 14_000);
    }
}
