//! What differs between kinds of providers that speak the same wire format, as data.

use tollgate_contract::provider::ProviderKind;

/// The field in which a kind takes the most answer tokens.
pub const fn max_output_field(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Openai => "max_completion_tokens",
        ProviderKind::OpenaiCompatible | ProviderKind::Vllm | ProviderKind::Ollama => "max_tokens",
    }
}
