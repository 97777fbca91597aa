//! What a parameter is called in the app's own format, for the reports of what became of it.

use crate::conversation::Format;

/// The name in `origin` of a parameter that OpenAI's chat completions call `word`.
pub(super) fn of(origin: Format, word: &'static str) -> &'static str {
    match (origin, word) {
        (Format::Gemini, "reasoning_effort") => "generationConfig.thinkingConfig",
        (Format::Gemini, "response_format") => "generationConfig.responseJsonSchema",
        (Format::Gemini, "stop") => "generationConfig.stopSequences",
        (Format::Gemini, "n") => "generationConfig.candidateCount",
        (Format::Gemini, "max_tokens") => "generationConfig.maxOutputTokens",
        (Format::Gemini, "temperature") => "generationConfig.temperature",
        (Format::Gemini, "top_p") => "generationConfig.topP",
        (Format::Gemini, "top_k") => "generationConfig.topK",
        (Format::Gemini, "seed") => "generationConfig.seed",
        (Format::Gemini, "frequency_penalty") => "generationConfig.frequencyPenalty",
        (Format::Gemini, "presence_penalty") => "generationConfig.presencePenalty",
        (Format::Gemini, "tool_choice") => "toolConfig.functionCallingConfig",
        (Format::Gemini, "service_tier") => "serviceTier",
        (Format::Gemini, "messages") => "contents",
        (Format::Anthropic, "reasoning_effort") => "thinking",
        (Format::Anthropic, "response_format") => "output_config.format",
        (Format::Anthropic, "stop") => "stop_sequences",
        (Format::Anthropic, "parallel_tool_calls") => "tool_choice.disable_parallel_tool_use",
        (Format::Anthropic, "user") => "metadata.user_id",
        (Format::OpenaiResponses, "reasoning_effort") => "reasoning.effort",
        (Format::OpenaiResponses, "response_format") => "text.format",
        (Format::OpenaiResponses, "max_tokens") => "max_output_tokens",
        (Format::OpenaiResponses, "messages") => "input",
        (_, word) => word,
    }
}
