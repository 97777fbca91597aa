//! Which version of the API is spoken to a provider.

use super::model::Traits;
use crate::conversation::{Conversation, Format, TargetFacts};

/// The version that takes temperature, top_p and top_k.
const CLASSIC: &str = "2023-06-01";

/// The version without them.
const NEWER: &str = "2026-10-21";

/// The `anthropic-version` for a request that the gateway writes: the app's own, if it speaks this format and nothing
/// would be lost by it, else the classic one.
pub fn api_version(conversation: &Conversation, target: &TargetFacts) -> &'static str {
    let sampling = &conversation.sampling;
    let draws =
        sampling.temperature.is_some() || sampling.top_p.is_some() || sampling.top_k.is_some();
    let newer = conversation.origin == Format::Anthropic
        && conversation.header("anthropic-version") == Some(NEWER);
    if newer && !(draws && Traits::of(target).sampling) { NEWER } else { CLASSIC }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::provider::ProviderKind;

    #[test]
    fn a_temperature_is_not_lost_by_the_version() {
        let cases = [
            (Some("2026-10-21"), None, "claude-sonnet-4-5", NEWER),
            (Some("2026-10-21"), Some(0.5), "claude-sonnet-4-5", CLASSIC),
            (Some("2026-10-21"), Some(0.5), "claude-opus-5", NEWER),
            (Some("2023-06-01"), None, "claude-opus-5", CLASSIC),
            (Some("made-up"), None, "claude-opus-5", CLASSIC),
            (None, None, "claude-opus-5", CLASSIC),
        ];
        for (version, temperature, model, expected) in cases {
            let mut conversation = Conversation::new(Format::Anthropic, "m");
            conversation.sampling.temperature = temperature;
            let header =
                version.map(|version| ("anthropic-version".to_owned(), version.to_owned()));
            conversation.headers.extend(header);
            let target = TargetFacts::new(ProviderKind::Anthropic, model);
            assert_eq!(api_version(&conversation, &target), expected, "{version:?} {model}");
        }
        let foreign = Conversation::new(Format::OpenaiChat, "m");
        let target = TargetFacts::new(ProviderKind::Anthropic, "claude-opus-5");
        assert_eq!(api_version(&foreign, &target), CLASSIC);
    }
}
