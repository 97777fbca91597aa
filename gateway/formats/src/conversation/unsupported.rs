//! Parameters that a format has no word for: what is a mere hint is left out and reported, what changes the answer is
//! refused.

use super::{Conversation, Fit, Sampling, label};
use crate::json::{Raw, compact};

/// A parameter of [`Sampling`], by OpenAI's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// `seed`.
    Seed,
    /// `frequency_penalty` and `presence_penalty`.
    Penalties,
    /// `n`.
    Choices,
    /// `logprobs` and `top_logprobs`.
    Logprobs,
    /// `logit_bias`.
    LogitBias,
}

/// Notes parameters that the target's format has no word for. Values that are the default anyway are hints.
pub fn note_unsupported(conversation: &Conversation, kinds: &[Unsupported], fit: &mut Fit) {
    for kind in kinds {
        for (name, harmless, why) in given(*kind, &conversation.sampling) {
            let name = label(conversation.origin, name);
            if harmless { fit.hint(name) } else { fit.cannot(name, why) }
        }
    }
}

/// The parameters that are there: the name, whether the value is as good as none, and why it cannot be honoured.
fn given(kind: Unsupported, sampling: &Sampling) -> Vec<(&'static str, bool, &'static str)> {
    let mut found = Vec::new();
    let mut note = |name, harmless: Option<bool>, why| {
        found.extend(harmless.map(|harmless| (name, harmless, why)));
    };
    match kind {
        Unsupported::Seed => note("seed", sampling.seed.map(|_| true), ""),
        Unsupported::Penalties => {
            let why = "it has no penalties";
            let harmless = |penalty: Option<f64>| penalty.map(|penalty| penalty == 0.0);
            note("frequency_penalty", harmless(sampling.frequency_penalty), why);
            note("presence_penalty", harmless(sampling.presence_penalty), why);
        }
        Unsupported::Choices => {
            note("n", sampling.choices.map(|choices| choices <= 1), "it gives one choice");
        }
        Unsupported::Logprobs => {
            let why = "it tells no log probabilities in a form that apps know";
            let wanted = sampling.logprobs == Some(true);
            note("logprobs", sampling.logprobs.map(|_| !wanted), why);
            note("top_logprobs", sampling.top_logprobs.map(|_| !wanted), why);
        }
        Unsupported::LogitBias => {
            let empty = |bias: &Raw| compact(bias.get()) == "{}";
            note("logit_bias", sampling.logit_bias.as_ref().map(empty), "it takes no bias");
        }
    }
    found
}

/// Notes members that only the origin knows, for a target of another format: hints, unless they ask for something that
/// the answer would lack. Those in `placed` have a place in the target's format.
pub fn note_foreign(conversation: &Conversation, placed: &[&str], fit: &mut Fit) {
    if conversation.previous_response_id.is_some() {
        fit.cannot("previous_response_id", "the answer that it names is kept at another provider");
    }
    let rest = conversation.extra.iter().filter(|(name, _)| !placed.contains(&name.as_str()));
    for (name, raw) in rest {
        match wanted(name, raw) {
            Some(why) => fit.cannot(name, why),
            None => fit.hint(name),
        }
    }
}

/// Why a member of another format cannot be left out silently; `None` for a mere hint.
fn wanted(name: &str, raw: &Raw) -> Option<&'static str> {
    let value = compact(raw.get());
    if matches!(value.as_str(), "null" | "false" | "{}" | "[]" | "[\"text\"]" | "[\"TEXT\"]") {
        return None;
    }
    match name {
        "audio" | "modalities" | "responseModalities" => Some("it answers with text only"),
        "web_search_options" => Some("it has no search of its own"),
        "container" | "mcp_servers" => Some("it runs no tools itself"),
        "cachedContent" | "conversation" | "prompt" => {
            Some("a part of the prompt is kept at another provider")
        }
        "background" => Some("it answers at once only"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Format, TargetFacts};
    use tollgate_contract::provider::ProviderKind;

    const ALL: [Unsupported; 5] = [
        Unsupported::Seed,
        Unsupported::Penalties,
        Unsupported::Choices,
        Unsupported::Logprobs,
        Unsupported::LogitBias,
    ];

    /// What is dropped, or the parameter that is refused.
    fn noted(origin: Format, sampling: Sampling, extra: &str) -> Result<String, String> {
        let mut conversation = Conversation::new(origin, "m");
        conversation.sampling = sampling;
        let extra = crate::json::Members::of_text(extra).unwrap();
        conversation.extra = extra.rest();
        let mut fit = Fit::new(TargetFacts::new(ProviderKind::Bedrock, "m"));
        note_unsupported(&conversation, &ALL, &mut fit);
        note_foreign(&conversation, &["placed"], &mut fit);
        let outgoing = fit.finish(Vec::new());
        outgoing.map(|it| it.dropped.join(",")).map_err(|it| it.param.unwrap_or_default())
    }

    #[test]
    fn defaults_and_hints_are_reported_and_what_changes_the_answer_is_refused() {
        let nothing = Sampling::default;
        let chat = Format::OpenaiChat;
        let cases = [
            (chat, Sampling { seed: Some(7), ..nothing() }, "{}", Ok("seed")),
            (
                Format::Gemini,
                Sampling { seed: Some(7), ..nothing() },
                "{}",
                Ok("generationConfig.seed"),
            ),
            (chat, Sampling { choices: Some(1), ..nothing() }, "{}", Ok("n")),
            (chat, Sampling { choices: Some(2), ..nothing() }, "{}", Err("n")),
            (
                chat,
                Sampling { presence_penalty: Some(0.0), ..nothing() },
                "{}",
                Ok("presence_penalty"),
            ),
            (
                chat,
                Sampling { presence_penalty: Some(0.5), ..nothing() },
                "{}",
                Err("presence_penalty"),
            ),
            (chat, Sampling { logprobs: Some(false), ..nothing() }, "{}", Ok("logprobs")),
            (chat, Sampling { logprobs: Some(true), ..nothing() }, "{}", Err("logprobs")),
            (chat, Sampling { top_logprobs: Some(3), ..nothing() }, "{}", Ok("top_logprobs")),
            (chat, Sampling { logit_bias: Raw::parse("{ }"), ..nothing() }, "{}", Ok("logit_bias")),
            (
                chat,
                Sampling { logit_bias: Raw::parse(r#"{"1":2}"#), ..nothing() },
                "{}",
                Err("logit_bias"),
            ),
            (
                chat,
                nothing(),
                r#"{"store":true,"placed":1,"modalities":["text"]}"#,
                Ok("store,modalities"),
            ),
            (chat, nothing(), r#"{"modalities":["text","audio"]}"#, Err("modalities")),
            (chat, nothing(), r#"{"web_search_options":{}}"#, Ok("web_search_options")),
            (Format::Gemini, nothing(), r#"{"cachedContent":"c/1"}"#, Err("cachedContent")),
        ];
        for (origin, sampling, extra, expected) in cases {
            let told = format!("{sampling:?} {extra}");
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(noted(origin, sampling, extra), expected, "{told}");
        }
    }
}
