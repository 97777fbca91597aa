//! By which names a model is found: what an app or a provider writes around it, and the versions of a name.

use crate::provider::ProviderKind;

const FIREWORKS: &str = "accounts/fireworks/models/";

/// The spellings under which the catalog may have a model, the most exact first.
pub(super) fn spellings(kind: ProviderKind, model: &str) -> Vec<String> {
    let mut all = vec![model.to_owned()];
    let mut add = |name: &str| {
        if !name.is_empty() && !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    };
    match kind {
        ProviderKind::Bedrock => {
            // An ARN ends with the id of a model or of an inference profile.
            let id = model.rsplit('/').next().unwrap_or(model);
            add(id);
            add(without_geography(id));
            add(without_revision(without_geography(id)));
        }
        ProviderKind::Gemini => add(model.strip_prefix("models/").unwrap_or(model)),
        ProviderKind::Vertex => {
            let name = model.rsplit_once("models/").map_or(model, |(_, name)| name);
            add(name);
            add(name.rsplit('/').next().unwrap_or(name));
        }
        ProviderKind::Fireworks => match model.strip_prefix(FIREWORKS) {
            Some(name) => add(name),
            None => add(&format!("{FIREWORKS}{model}")),
        },
        ProviderKind::Openai | ProviderKind::AzureOpenai => {
            // A fine-tuned model is priced by what it was made of: `ft:gpt-4o-mini-2024-07-18:acme::id`.
            if let Some((base, _)) = model.strip_prefix("ft:").and_then(|rest| rest.split_once(':'))
            {
                add(&format!("ft:{base}"));
            }
        }
        _ => {}
    }
    all
}

/// Without what makes a Bedrock id an inference profile across regions: `us.`, `eu.`, `global.`, ….
fn without_geography(id: &str) -> &str {
    const GEOGRAPHIES: [&str; 9] = ["us", "us-gov", "eu", "apac", "au", "jp", "ca", "in", "global"];
    match id.split_once('.') {
        Some((geography, rest)) if GEOGRAPHIES.contains(&geography) => rest,
        _ => id,
    }
}

/// Without Bedrock's revision: `-v1:0` or `:0`.
fn without_revision(id: &str) -> &str {
    let name = strip_digits(id).and_then(|rest| rest.strip_suffix(':')).unwrap_or(id);
    strip_digits(name).and_then(|rest| rest.strip_suffix("-v")).unwrap_or(name)
}

/// Without what names a version: `-2024-11-20`, `-20241022`, `@20241022`, `@001`, `-001`, `@default`, `-latest`.
pub(super) fn without_version(name: &str) -> &str {
    if let Some(name) = name.strip_suffix("-latest").or_else(|| name.strip_suffix("@default")) {
        return name;
    }
    let Some(rest) = strip_digits(name) else { return name };
    let digits = name.len() - rest.len();
    let undated = match digits {
        2 => without_date(name),
        3 => rest.strip_suffix(['-', '@']),
        8 if name.get(rest.len()..rest.len() + 4).is_some_and(is_year) => {
            rest.strip_suffix(['-', '@'])
        }
        _ => None,
    };
    undated.filter(|name| !name.is_empty()).unwrap_or(name)
}

/// Without `-2024-11-20` at the end.
fn without_date(name: &str) -> Option<&str> {
    let (name, date) = name.split_at_checked(name.len().checked_sub("-2024-11-20".len())?)?;
    let mut parts = date.strip_prefix('-')?.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let two_digits = |text: &str| text.len() == 2 && strip_digits(text) == Some("");
    (is_year(year) && two_digits(month) && two_digits(day)).then_some(name)
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.starts_with("20") && strip_digits(text) == Some("")
}

/// Without the digits at the end; `None` where there are none.
fn strip_digits(text: &str) -> Option<&str> {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_date_a_number_of_three_digits_or_a_word() {
        for (name, expected) in [
            ("gpt-4o-2024-11-20", "gpt-4o"),
            ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
            ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
            ("text-bison@001", "text-bison"),
            ("gemini-2.0-flash-001", "gemini-2.0-flash"),
            ("claude-opus-4-6@default", "claude-opus-4-6"),
            ("mistral-large-latest", "mistral-large"),
            // No versions in this sense.
            ("gpt-4-0613", "gpt-4-0613"),
            ("mistral-large-2411", "mistral-large-2411"),
            ("claude-opus-4-1", "claude-opus-4-1"),
            ("o1", "o1"),
            ("llama-3.3-70b", "llama-3.3-70b"),
            ("x-12345678", "x-12345678"),
            ("12-11-20", "12-11-20"),
            ("2024-11-20", "2024-11-20"),
            ("-20", "-20"),
            ("é20", "é20"),
            ("", ""),
        ] {
            assert_eq!(without_version(name), expected, "{name}");
        }
    }

    #[test]
    fn what_providers_write_around_a_name_is_taken_off_or_put_on() {
        let has = |kind, model: &str, name: &str| spellings(kind, model).iter().any(|s| s == name);
        for (kind, model, name) in [
            (ProviderKind::Gemini, "models/gemini-2.5-pro", "gemini-2.5-pro"),
            (ProviderKind::Vertex, "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
            (ProviderKind::Vertex, "google/gemini-2.5-pro", "gemini-2.5-pro"),
            (ProviderKind::Fireworks, "kimi-k2", "accounts/fireworks/models/kimi-k2"),
            (ProviderKind::Fireworks, "accounts/fireworks/models/kimi-k2", "kimi-k2"),
            (ProviderKind::Openai, "ft:gpt-4o:acme::1", "ft:gpt-4o"),
            (ProviderKind::Bedrock, "eu.anthropic.claude-x-v1:0", "anthropic.claude-x-v1:0"),
            (ProviderKind::Bedrock, "global.anthropic.claude-x-v1:0", "anthropic.claude-x"),
            (
                ProviderKind::Bedrock,
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0",
                "amazon.nova-pro-v1:0",
            ),
        ] {
            assert!(has(kind, model, name), "{model} → {:?}", spellings(kind, model));
        }
        assert_eq!(spellings(ProviderKind::Groq, "models/x"), ["models/x"]);
    }

    proptest::proptest! {
        #[test]
        fn no_name_makes_them_panic(name in "[a-z@.:/é0-9-]{0,24}") {
            for kind in ProviderKind::ALL {
                proptest::prop_assert!(spellings(*kind, &name).len() <= 4);
            }
            let undated = without_version(&name);
            proptest::prop_assert!(name.starts_with(undated));
        }
    }
}
