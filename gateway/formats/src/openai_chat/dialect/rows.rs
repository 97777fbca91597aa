//! The rows. What is not said in one is as in [`CLONE`].

use super::{
    CacheMarks, Dialect, Files, MessageRules, OpenaiModels, Replay, Required, Schema, Takes,
    Thinking, ToolRules,
};
use crate::conversation::Effort;
use tollgate_contract::provider::ProviderKind;

/// The row of a kind; `None` for kinds that speak another format.
pub(super) const fn row(kind: ProviderKind) -> Option<&'static Dialect> {
    use ProviderKind as Kind;
    Some(match kind {
        Kind::Openai => &OPENAI,
        Kind::AzureOpenai => &AZURE_OPENAI,
        Kind::AzureAi => &AZURE_AI,
        Kind::GithubModels => &GITHUB_MODELS,
        Kind::OpenaiCompatible => &PLAIN,
        Kind::Vercel => &VERCEL,
        Kind::Openrouter => &OPENROUTER,
        Kind::Mistral => &MISTRAL,
        Kind::Deepseek => &DEEPSEEK,
        Kind::Qwen => &QWEN,
        Kind::Groq => &GROQ,
        Kind::Xai => &XAI,
        Kind::Together => &TOGETHER,
        Kind::Fireworks => &FIREWORKS,
        Kind::Cerebras => &CEREBRAS,
        Kind::Perplexity => &PERPLEXITY,
        Kind::Moonshot => &MOONSHOT,
        Kind::Zai => &ZAI,
        Kind::Minimax => &MINIMAX,
        Kind::Volcengine => &VOLCENGINE,
        Kind::Vllm => &VLLM,
        Kind::Sglang => &SGLANG,
        Kind::Ollama => &OLLAMA,
        Kind::LlamaCpp => &LLAMA_CPP,
        Kind::NvidiaNim | Kind::Sambanova => &TEMPLATED_HOST,
        Kind::LmStudio | Kind::Tgi => &LOCAL,
        Kind::Ai21
        | Kind::Deepinfra
        | Kind::Huggingface
        | Kind::Hyperbolic
        | Kind::Nebius
        | Kind::Novita => &HOST,
        // They rerank and embed; chat completions are OpenAI's as far as they have them.
        Kind::Voyage | Kind::Jina => &CLONE,
        Kind::Anthropic | Kind::Gemini | Kind::Vertex | Kind::Bedrock | Kind::Cohere => {
            return None;
        }
    })
}

const LOW_TO_HIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const NONE_TO_HIGH: &[Effort] = &[Effort::None, Effort::Low, Effort::Medium, Effort::High];

/// OpenAI's own API.
const OPENAI: Dialect = Dialect {
    max_output_field: "max_completion_tokens",
    asks_usage: true,
    think_tags: false,
    both_limits: true,
    takes: Takes::OpenaiBut(&["top_k"]),
    renames: &[],
    tiers: &["auto", "default", "flex", "scale", "priority", "fast"],
    temperature: (0.0, 2.0),
    reasoning_fixes_temperature: false,
    stops_max: Some(4),
    reasoning_refuses_stop: false,
    logprobs_number: false,
    schema: Schema::All,
    thinking: Thinking::Words(&[]),
    openai_models: OpenaiModels::All,
    tools: ToolRules {
        openais: true,
        legacy: true,
        required: Required::Word,
        named: true,
        strips: &[],
    },
    messages: MessageRules {
        developer: true,
        joins_text: false,
        speaker_names: true,
        tool_names: false,
        alternates: false,
        empty_assistant: true,
        prefill: None,
        short_ids: false,
        replay: Replay::Never,
        placeholder: None,
        refusals: true,
        cache_marks: CacheMarks::Never,
        google_signatures: false,
        image_urls: true,
        files: Files::File,
        video: false,
    },
};

const AZURE_OPENAI: Dialect = Dialect { tiers: &[], ..OPENAI };

/// Foundry serves other makers' models too.
const AZURE_AI: Dialect = Dialect {
    tiers: &[],
    openai_models: OpenaiModels::ByName,
    messages: MessageRules { joins_text: true, ..OPENAI.messages },
    ..OPENAI
};

const GITHUB_MODELS: Dialect =
    Dialect { tiers: &[], openai_models: OpenaiModels::ByName, ..OPENAI };

/// What most clones have in common.
const CLONE: Dialect = Dialect {
    max_output_field: "max_tokens",
    takes: Takes::CloneBut(&["service_tier", "prompt_cache_key"]),
    both_limits: false,
    tiers: &[],
    stops_max: None,
    openai_models: OpenaiModels::Never,
    tools: ToolRules { openais: false, legacy: false, ..OPENAI.tools },
    messages: MessageRules {
        developer: false,
        joins_text: true,
        refusals: false,
        files: Files::Never,
        ..OPENAI.messages
    },
    ..OPENAI
};

/// A server of which nothing is known: it gets what the app sent, as far as it can be meant for it.
pub(super) const PLAIN: Dialect = Dialect {
    both_limits: true,
    think_tags: true,
    takes: Takes::OpenaiBut(&[]),
    thinking: Thinking::AsItCame,
    tools: OPENAI.tools,
    messages: MessageRules {
        joins_text: false,
        developer: true,
        replay: Replay::AsItCame,
        refusals: true,
        cache_marks: CacheMarks::Own,
        google_signatures: true,
        tool_names: false,
        files: Files::File,
        video: true,
        ..CLONE.messages
    },
    ..CLONE
};

/// Vercel's gateway.
const VERCEL: Dialect = Dialect { think_tags: false, ..PLAIN };

const OPENROUTER: Dialect = Dialect {
    think_tags: false,
    thinking: Thinking::Object,
    messages: MessageRules {
        developer: false,
        cache_marks: CacheMarks::Known,
        replay: Replay::Details,
        google_signatures: false,
        ..PLAIN.messages
    },
    ..PLAIN
};

const MISTRAL: Dialect = Dialect {
    asks_usage: false,
    takes: Takes::Only(&[
        "temperature",
        "top_p",
        "n",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning_effort",
        "prediction",
        "service_tier",
        "metadata",
        "prompt_cache_key",
    ]),
    renames: &[("seed", "random_seed")],
    temperature: (0.0, 1.5),
    thinking: Thinking::Words(&[Effort::None, Effort::High]),
    // A named function is refused by older models: it stays the only one, and `any` is asked for.
    tools: ToolRules { required: Required::Any, named: false, ..CLONE.tools },
    messages: MessageRules {
        joins_text: false,
        speaker_names: false,
        tool_names: true,
        empty_assistant: false,
        prefill: Some("prefix"),
        short_ids: true,
        replay: Replay::Parts,
        files: Files::DocumentUrl,
        ..CLONE.messages
    },
    ..CLONE
};

const DEEPSEEK: Dialect = Dialect {
    takes: Takes::CloneBut(&[
        "seed",
        "n",
        "top_k",
        "logit_bias",
        "parallel_tool_calls",
        "user",
        "service_tier",
        "prompt_cache_key",
    ]),
    schema: Schema::Known,
    thinking: Thinking::ToggleAndWords(&[Effort::High, Effort::Max]),
    messages: MessageRules { replay: Replay::Content, placeholder: Some(" "), ..CLONE.messages },
    ..CLONE
};

const QWEN: Dialect = Dialect {
    takes: Takes::CloneBut(&[
        "frequency_penalty",
        "logit_bias",
        "user",
        "service_tier",
        "prompt_cache_key",
    ]),
    schema: Schema::Known,
    thinking: Thinking::Switch,
    tools: ToolRules { required: Required::Never, ..CLONE.tools },
    messages: MessageRules { cache_marks: CacheMarks::Known, video: true, ..CLONE.messages },
    ..CLONE
};

const GROQ: Dialect = Dialect {
    both_limits: true,
    max_output_field: "max_completion_tokens",
    takes: Takes::CloneBut(&[
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "top_k",
        "prompt_cache_key",
    ]),
    tiers: &["auto", "on_demand", "flex", "performance"],
    schema: Schema::Known,
    thinking: Thinking::Words(NONE_TO_HIGH),
    ..CLONE
};

const XAI: Dialect = Dialect {
    both_limits: true,
    max_output_field: "max_completion_tokens",
    takes: Takes::CloneBut(&["frequency_penalty", "presence_penalty", "top_k"]),
    reasoning_refuses_stop: true,
    thinking: Thinking::KnownWords,
    tools: ToolRules { strips: &["strict", "additionalProperties"], ..CLONE.tools },
    ..CLONE
};

const TOGETHER: Dialect = Dialect {
    takes: Takes::CloneBut(&["parallel_tool_calls", "user", "service_tier", "prompt_cache_key"]),
    logprobs_number: true,
    think_tags: true,
    schema: Schema::Known,
    thinking: Thinking::OffByObject(LOW_TO_HIGH),
    messages: MessageRules { replay: Replay::Content, ..CLONE.messages },
    ..CLONE
};

const FIREWORKS: Dialect = Dialect {
    takes: Takes::CloneBut(&[]),
    tiers: &["priority"],
    think_tags: true,
    thinking: Thinking::Words(LOW_TO_HIGH),
    tools: ToolRules { required: Required::Any, ..CLONE.tools },
    ..CLONE
};

const CEREBRAS: Dialect = Dialect {
    max_output_field: "max_completion_tokens",
    takes: Takes::Only(&[
        "temperature",
        "top_p",
        "stop",
        "seed",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "user",
        "reasoning_effort",
    ]),
    thinking: Thinking::Words(LOW_TO_HIGH),
    ..CLONE
};

const PERPLEXITY: Dialect = Dialect {
    asks_usage: false,
    think_tags: true,
    takes: Takes::Only(&[
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "response_format",
        "reasoning_effort",
        "web_search_options",
    ]),
    thinking: Thinking::Words(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]),
    messages: MessageRules { alternates: true, ..CLONE.messages },
    ..CLONE
};

const MOONSHOT: Dialect = Dialect {
    takes: Takes::CloneBut(&[
        "seed",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "top_k",
        "parallel_tool_calls",
        "user",
        "service_tier",
        "prompt_cache_key",
    ]),
    temperature: (0.0, 1.0),
    reasoning_fixes_temperature: true,
    stops_max: Some(5),
    schema: Schema::Known,
    thinking: Thinking::ToggleAndKnownWords,
    tools: ToolRules { required: Required::Nudge, ..CLONE.tools },
    messages: MessageRules {
        replay: Replay::Content,
        placeholder: Some(" "),
        prefill: Some("partial"),
        ..CLONE.messages
    },
    ..CLONE
};

const ZAI: Dialect = Dialect {
    asks_usage: false,
    takes: Takes::Only(&[
        "temperature",
        "top_p",
        "stop",
        "response_format",
        "tools",
        "tool_choice",
        "reasoning_effort",
    ]),
    temperature: (0.0, 1.0),
    schema: Schema::Words,
    thinking: Thinking::Toggle,
    tools: ToolRules { required: Required::Never, named: false, ..CLONE.tools },
    messages: MessageRules {
        replay: Replay::Content,
        cache_marks: CacheMarks::Known,
        video: true,
        ..CLONE.messages
    },
    ..CLONE
};

const MINIMAX: Dialect = Dialect { think_tags: true, thinking: Thinking::Never, ..CLONE };

const VOLCENGINE: Dialect = Dialect {
    thinking: Thinking::Toggle,
    messages: MessageRules { replay: Replay::Content, video: true, ..CLONE.messages },
    ..CLONE
};

const VLLM: Dialect = Dialect {
    both_limits: true,
    think_tags: true,
    takes: Takes::CloneBut(&["user", "service_tier", "prompt_cache_key"]),
    thinking: Thinking::OffByTemplate(&[]),
    tools: ToolRules { strips: &["strict", "additionalProperties"], ..CLONE.tools },
    messages: MessageRules { replay: Replay::Content, video: true, ..CLONE.messages },
    ..CLONE
};

const SGLANG: Dialect = Dialect { tools: CLONE.tools, ..VLLM };

const LLAMA_CPP: Dialect = Dialect {
    tools: CLONE.tools,
    messages: MessageRules { replay: Replay::Content, ..CLONE.messages },
    ..VLLM
};

const OLLAMA: Dialect = Dialect {
    think_tags: true,
    takes: Takes::CloneBut(&[
        "n",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "top_k",
        "tool_choice",
        "parallel_tool_calls",
        "user",
        "service_tier",
        "prompt_cache_key",
    ]),
    thinking: Thinking::Words(NONE_TO_HIGH),
    messages: MessageRules { replay: Replay::Reasoning, image_urls: false, ..CLONE.messages },
    ..CLONE
};

/// Hosts of open models.
const HOST: Dialect = Dialect { think_tags: true, ..CLONE };

/// Hosts whose models are switched by their chat template.
const TEMPLATED_HOST: Dialect = Dialect { thinking: Thinking::OffByTemplate(&[]), ..HOST };

/// Servers on one's own machine.
const LOCAL: Dialect =
    Dialect { takes: Takes::CloneBut(&["user", "service_tier", "prompt_cache_key"]), ..HOST };
