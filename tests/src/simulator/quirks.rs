//! The oddities of providers that say they speak OpenAI's format, and a few of Google's: each by a
//! name of its own, and those of one provider by the provider's.

/// One oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// Reasoning is shown as `reasoning_content`.
    ReasoningContent,
    /// Reasoning is shown as `reasoning`.
    Reasoning,
    /// Reasoning is shown as `reasoning`, and as `reasoning_details` too.
    ReasoningDetails,
    /// Content is a list of parts, and reasoning is some of them.
    ThinkingParts,
    /// Reasoning stands between `<think>` and `</think>` in the content.
    ThinkTags,
    /// Tool calls in a stream have no index.
    NoToolIndex,
    /// A tool call comes in one chunk.
    WholeCalls,
    /// Each chunk of a tool call repeats its id, and its type.
    RepeatedToolId,
    /// Each chunk of a tool call but the first has an empty id.
    EmptyToolId,
    /// A tool call has no type.
    NoToolType,
    /// Tool call ids have nine letters and digits.
    ShortToolIds,
    /// Arguments are an object instead of a text.
    ArgumentsObject,
    /// A call without arguments has null for them.
    ArgumentsNull,
    /// A call without arguments has an empty text for them.
    ArgumentsEmpty,
    /// A tool call is text of the content.
    CallAsText,
    /// An answer with tool calls ends with `stop`.
    FinishStop,
    /// Each chunk tells the usage so far.
    UsageOnChunks,
    /// The chunk with the finish tells the usage; there is none of its own.
    UsageWithFinish,
    /// The usage of a stream is in `x_groq`, and times are in it.
    XGroq,
    /// Completion tokens do not count reasoning.
    ReasoningApart,
    /// The prompt is told as cache hits and misses.
    CacheHitMiss,
    /// Cached tokens are at the top of the usage, without details.
    CachedAtTop,
    /// The usage has no details.
    NoUsageDetails,
    /// Chunks without choices, at the start and in between, some without the list itself.
    EmptyChoices,
    /// Comments between events.
    Comments,
    /// No `[DONE]`.
    NoDone,
    /// The last event has no blank line behind it.
    Unterminated,
    /// `data:` without a space.
    NoSpace,
    /// Each chunk repeats the role.
    RoleEverywhere,
    /// No chunk has a role.
    NoRole,
    /// Each chunk has an id of its own, and is created at 0.
    ChangingIds,
    /// Errors are a list of one.
    ErrorArray,
    /// `{"error": "text"}`.
    ErrorText,
    /// `{"code": "…", "error": "text"}`.
    ErrorCodeText,
    /// `{"detail": [{"loc", "msg", "type"}]}` where the request is wrong, else `{"detail": "text"}`.
    ErrorDetail,
    /// `{"message": "text"}`.
    ErrorMessage,
    /// `{"object": "error", "message", "type", "code"}`.
    ErrorObject,
    /// `{"code": …, "msg": "text"}`.
    ErrorCodeMsg,
    /// `{"error_message": "text"}`.
    ErrorErrorMessage,
    /// The code of an error is its HTTP status, as a number.
    ErrorNumber,
    /// Z.ai's codes: what is wrong stands in the code, hardly in the status.
    ErrorZai,
    /// The status of an error is 200.
    Error200,
    /// A page instead of an error.
    ErrorPage,
    /// The only hint of how long to wait is in the message.
    WaitInMessage,
    /// Azure's front answers rate limits: `{"statusCode", "message"}`.
    ErrorApim,
    /// Azure tells what it filtered only after the text.
    AsyncFilter,
    /// Azure's `innererror` is spelled `inner_error`.
    InnerError,
    /// Gemini counts thoughts among the candidates' tokens.
    ThoughtsInside,
    /// Gemini has all calls in one event.
    CallsTogether,
}

use Quirk as Q;

/// All of them by name.
pub const QUIRKS: [(&str, Quirk); 49] = [
    ("reasoning_content", Q::ReasoningContent),
    ("reasoning", Q::Reasoning),
    ("reasoning_details", Q::ReasoningDetails),
    ("thinking_parts", Q::ThinkingParts),
    ("think_tags", Q::ThinkTags),
    ("no_tool_index", Q::NoToolIndex),
    ("whole_calls", Q::WholeCalls),
    ("repeated_tool_id", Q::RepeatedToolId),
    ("empty_tool_id", Q::EmptyToolId),
    ("no_tool_type", Q::NoToolType),
    ("short_tool_ids", Q::ShortToolIds),
    ("arguments_object", Q::ArgumentsObject),
    ("arguments_null", Q::ArgumentsNull),
    ("arguments_empty", Q::ArgumentsEmpty),
    ("call_as_text", Q::CallAsText),
    ("finish_stop", Q::FinishStop),
    ("usage_on_chunks", Q::UsageOnChunks),
    ("usage_with_finish", Q::UsageWithFinish),
    ("x_groq", Q::XGroq),
    ("reasoning_apart", Q::ReasoningApart),
    ("cache_hit_miss", Q::CacheHitMiss),
    ("cached_at_top", Q::CachedAtTop),
    ("no_usage_details", Q::NoUsageDetails),
    ("empty_choices", Q::EmptyChoices),
    ("comments", Q::Comments),
    ("no_done", Q::NoDone),
    ("unterminated", Q::Unterminated),
    ("no_space", Q::NoSpace),
    ("role_everywhere", Q::RoleEverywhere),
    ("no_role", Q::NoRole),
    ("changing_ids", Q::ChangingIds),
    ("error_array", Q::ErrorArray),
    ("error_text", Q::ErrorText),
    ("error_code_text", Q::ErrorCodeText),
    ("error_detail", Q::ErrorDetail),
    ("error_message", Q::ErrorMessage),
    ("error_object", Q::ErrorObject),
    ("error_code_msg", Q::ErrorCodeMsg),
    ("error_error_message", Q::ErrorErrorMessage),
    ("error_number", Q::ErrorNumber),
    ("error_zai", Q::ErrorZai),
    ("error_200", Q::Error200),
    ("error_page", Q::ErrorPage),
    ("wait_in_message", Q::WaitInMessage),
    ("error_apim", Q::ErrorApim),
    ("async_filter", Q::AsyncFilter),
    ("inner_error", Q::InnerError),
    ("thoughts_inside", Q::ThoughtsInside),
    ("calls_together", Q::CallsTogether),
];

/// The oddities of one provider each.
const PROVIDERS: [(&str, &[Quirk]); 12] = [
    ("deepseek", &[Q::ReasoningContent, Q::CacheHitMiss, Q::UsageWithFinish, Q::Comments]),
    (
        "gemini_compatible",
        &[Q::NoToolIndex, Q::WholeCalls, Q::FinishStop, Q::ErrorArray, Q::NoUsageDetails],
    ),
    ("groq", &[Q::Reasoning, Q::WholeCalls, Q::XGroq]),
    (
        "mistral",
        &[Q::ThinkingParts, Q::NoToolType, Q::ShortToolIds, Q::UsageWithFinish, Q::ErrorObject],
    ),
    ("moonshot", &[Q::ReasoningContent, Q::CachedAtTop]),
    ("ollama", &[Q::Reasoning, Q::WholeCalls, Q::FinishStop, Q::NoUsageDetails]),
    ("openrouter", &[Q::ReasoningDetails, Q::Comments, Q::ErrorNumber]),
    ("perplexity", &[Q::UsageOnChunks, Q::RoleEverywhere]),
    ("qwen", &[Q::ReasoningContent, Q::EmptyToolId]),
    ("vllm", &[Q::ReasoningContent, Q::UsageOnChunks, Q::ErrorNumber]),
    (
        "xai",
        &[
            Q::ReasoningContent,
            Q::NoToolIndex,
            Q::WholeCalls,
            Q::ReasoningApart,
            Q::UsageOnChunks,
            Q::ErrorCodeText,
        ],
    ),
    ("zai", &[Q::ReasoningContent, Q::ErrorZai]),
];

/// A set of oddities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u64);

impl Quirks {
    /// Whether it is odd in this way.
    pub const fn has(self, quirk: Quirk) -> bool {
        self.0 & (1 << quirk as u64) != 0
    }

    /// Whether it is odd in one of these ways.
    pub fn has_any(self, quirks: &[Quirk]) -> bool {
        quirks.iter().any(|&quirk| self.has(quirk))
    }

    /// Whether there is nothing odd.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds an oddity or a provider's by name; whether there is such a name.
    pub fn add(&mut self, name: &str) -> bool {
        if let Some((_, quirk)) = QUIRKS.iter().find(|(known, _)| *known == name) {
            self.insert(*quirk);
            return true;
        }
        let provider = PROVIDERS.iter().find(|(known, _)| *known == name);
        for quirk in provider.iter().flat_map(|(_, quirks)| *quirks) {
            self.insert(*quirk);
        }
        provider.is_some()
    }

    const fn insert(&mut self, quirk: Quirk) {
        self.0 |= 1 << quirk as u64;
    }

    /// Whether reasoning is shown at all.
    pub fn show_reasoning(self) -> bool {
        self.has_any(&[
            Q::ReasoningContent,
            Q::Reasoning,
            Q::ReasoningDetails,
            Q::ThinkingParts,
            Q::ThinkTags,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_oddity_has_a_name_and_a_place_of_its_own() {
        let mut all = Quirks::default();
        for (index, (name, quirk)) in QUIRKS.iter().enumerate() {
            assert!(!all.has(*quirk), "{name}");
            assert!(all.add(name), "{name}");
            assert_eq!(all.0.count_ones() as usize, index + 1, "{name}");
        }
        assert_eq!(all.0, (1 << QUIRKS.len()) - 1);
    }

    #[test]
    fn a_provider_is_odd_in_several_ways() {
        let mut quirks = Quirks::default();
        assert!(quirks.add("xai") && quirks.has(Quirk::ReasoningApart));
        assert!(quirks.show_reasoning() && !quirks.has(Quirk::Comments));
        assert!(!quirks.add("nobody"));
    }
}
