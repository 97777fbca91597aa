//! What an app calls a parameter, for reports about it.

use super::Format;

/// The name that apps of `origin` know a parameter by; `name` is OpenAI's in chat completions.
pub fn label(origin: Format, name: &str) -> &str {
    let table: &[(&str, &str)] = match origin {
        Format::OpenaiChat => &[],
        Format::OpenaiResponses => RESPONSES,
        Format::Anthropic => ANTHROPIC,
        Format::Gemini => GEMINI,
        Format::Bedrock => BEDROCK,
        Format::Cohere => COHERE,
    };
    table.iter().find(|(own, _)| *own == name).map_or(name, |(_, theirs)| theirs)
}

const RESPONSES: &[(&str, &str)] = &[
    ("max_tokens", "max_output_tokens"),
    ("messages", "input"),
    ("reasoning_effort", "reasoning.effort"),
    ("response_format", "text.format"),
];

const ANTHROPIC: &[(&str, &str)] = &[
    ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ("reasoning_effort", "thinking"),
    ("response_format", "output_config.format"),
    ("stop", "stop_sequences"),
    ("user", "metadata.user_id"),
];

const GEMINI: &[(&str, &str)] = &[
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("logprobs", "generationConfig.responseLogprobs"),
    ("max_tokens", "generationConfig.maxOutputTokens"),
    ("messages", "contents"),
    ("n", "generationConfig.candidateCount"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("reasoning_effort", "generationConfig.thinkingConfig"),
    ("response_format", "generationConfig.responseJsonSchema"),
    ("seed", "generationConfig.seed"),
    ("stop", "generationConfig.stopSequences"),
    ("temperature", "generationConfig.temperature"),
    ("tool_choice", "toolConfig.functionCallingConfig"),
    ("top_k", "generationConfig.topK"),
    ("top_logprobs", "generationConfig.logprobs"),
    ("top_p", "generationConfig.topP"),
];

const BEDROCK: &[(&str, &str)] = &[
    ("max_tokens", "inferenceConfig.maxTokens"),
    ("stop", "inferenceConfig.stopSequences"),
    ("temperature", "inferenceConfig.temperature"),
    ("tool_choice", "toolConfig.toolChoice"),
    ("tools", "toolConfig.tools"),
    ("top_p", "inferenceConfig.topP"),
];

const COHERE: &[(&str, &str)] =
    &[("reasoning_effort", "thinking"), ("stop", "stop_sequences"), ("top_k", "k"), ("top_p", "p")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_reported_by_the_name_that_the_app_sent() {
        let cases = [
            (Format::OpenaiChat, "stop", "stop"),
            (Format::Anthropic, "stop", "stop_sequences"),
            (Format::Gemini, "stop", "generationConfig.stopSequences"),
            (Format::OpenaiResponses, "max_tokens", "max_output_tokens"),
            (Format::Cohere, "top_p", "p"),
            (Format::Anthropic, "tools", "tools"),
        ];
        for (origin, name, expected) in cases {
            assert_eq!(label(origin, name), expected);
        }
    }
}
