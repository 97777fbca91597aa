//! The rules of OpenAI's own models, by their names, where the catalog says nothing.

use crate::conversation::Effort;

/// Whether a model of OpenAI reasons: the o series and GPT-5 and later, but the `-chat` variants. `None` for names that
/// say nothing, such as those of Azure's deployments.
pub fn reasons(model: &str) -> Option<bool> {
    let name = plain(model);
    if let Some(rest) = name.strip_prefix('o') {
        return rest.starts_with(|c: char| c.is_ascii_digit()).then_some(true);
    }
    let (major, _) = version(name)?;
    Some(major >= 5 && !name.contains("-chat"))
}

/// Whether a model takes functions in chat completions only if it does not reason: GPT-5.4 and later. With reasoning
/// they need the responses API.
pub fn refuses_functions_with_reasoning(model: &str) -> bool {
    reasons(model) == Some(true) && version(plain(model)).is_some_and(|version| version >= (5, 4))
}

/// Whether a request with functions is better sent to the responses API: the model would have to do without reasoning
/// here, although it was asked for or cannot be switched off.
pub fn wants_responses(model: &str, asked: Option<Effort>, efforts: &[Effort]) -> bool {
    refuses_functions_with_reasoning(model)
        && (asked.is_some_and(|effort| effort != Effort::None)
            || !accepted(model, efforts).contains(&Effort::None))
}

/// Whether a model takes `temperature`, `top_p` and log probabilities as long as it does not reason: GPT-5.1 and later.
pub(crate) fn samples_without_reasoning(model: &str) -> bool {
    version(plain(model)).is_some_and(|version| version >= (5, 1))
}

/// The efforts that a model takes: as far as they are known, else by its name.
pub(crate) fn accepted(model: &str, known: &[Effort]) -> Vec<Effort> {
    use Effort::{High, Low, Max, Medium, Minimal, None, Xhigh};
    if !known.is_empty() {
        return completed(known);
    }
    let name = plain(model);
    let mut words = match version(name) {
        Some((5, 0)) => vec![Minimal, Low, Medium, High],
        Some((5, 1)) => vec![None, Low, Medium, High],
        Some((5, _)) => vec![None, Low, Medium, High, Xhigh],
        Some((6.., _)) => vec![None, Low, Medium, High, Xhigh, Max],
        _ => vec![Low, Medium, High],
    };
    if name.contains("-pro") {
        words.retain(|effort| *effort != None);
    }
    words
}

/// Efforts that are known to be taken. The catalog leaves the three common ones unsaid where it only names the others.
pub(super) fn completed(known: &[Effort]) -> Vec<Effort> {
    const COMMON: [Effort; 3] = [Effort::Low, Effort::Medium, Effort::High];
    let mut all = known.to_vec();
    if !known.is_empty() && !known.iter().any(|effort| COMMON.contains(effort)) {
        all.extend(COMMON);
    }
    all
}

/// The name without a maker before it and without the mark of a fine-tune.
fn plain(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.strip_prefix("ft:").unwrap_or(name)
}

/// `(5, 4)` of `gpt-5.4-mini`.
fn version(name: &str) -> Option<(u32, u32)> {
    let digits = name.strip_prefix("gpt-")?;
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let mut numbers = digits.get(..end)?.split('.');
    let major: u32 = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
    // `gpt-35-turbo` is Azure's name of GPT-3.5.
    if major >= 10 { Some((major / 10, major % 10)) } else { Some((major, minor)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_model_takes() {
        let cases = [
            ("o1", Some(true), false),
            ("o3-mini", Some(true), false),
            ("gpt-4o", Some(false), false),
            ("gpt-4.1-mini", Some(false), false),
            ("gpt-35-turbo", Some(false), false),
            ("ft:gpt-4o-2024-08-06", Some(false), false),
            ("gpt-5", Some(true), false),
            ("gpt-5-chat-latest", Some(false), false),
            ("gpt-5.1", Some(true), false),
            ("openai/gpt-5.4-mini", Some(true), true),
            ("gpt-5.6", Some(true), true),
            ("gpt-6-sol", Some(true), true),
            ("gpt-oss-120b", None, false),
            ("omni-moderation-latest", None, false),
            ("our-deployment", None, false),
            ("", None, false),
        ];
        for (model, reasoning, refuses) in cases {
            assert_eq!(reasons(model), reasoning, "{model}");
            assert_eq!(refuses_functions_with_reasoning(model), refuses, "{model}");
        }
    }

    #[test]
    fn functions_with_reasoning_want_the_responses_api() {
        let high = Some(Effort::High);
        assert!(wants_responses("gpt-5.4", high, &[]));
        assert!(!wants_responses("gpt-5.4", None, &[]));
        assert!(!wants_responses("gpt-5.4", Some(Effort::None), &[]));
        assert!(wants_responses("gpt-5.4-pro", None, &[]));
        assert!(wants_responses("gpt-6-astra", None, &[Effort::Xhigh, Effort::Max]));
        assert!(!wants_responses("gpt-5.2", high, &[]));
    }

    #[test]
    fn the_common_efforts_are_taken_unless_one_of_them_is_named() {
        use Effort::{High, Low, Max, Medium, None, Xhigh};
        assert_eq!(completed(&[None, Xhigh]), [None, Xhigh, Low, Medium, High]);
        assert_eq!(completed(&[Low, High, Max]), [Low, High, Max]);
        assert_eq!(completed(&[]), []);
        assert_eq!(accepted("o3", &[]), [Low, Medium, High]);
        assert!(!accepted("gpt-5-pro", &[]).contains(&None));
    }
}
