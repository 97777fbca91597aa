//! What a model on Bedrock takes, by its name and by what the target says of it. Converse is one format, but what stands
//! behind it is not.

use crate::{
    anthropic::claude::{self, Traits},
    conversation::TargetFacts,
};

/// Whose model it is, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's, with what is known of this one.
    Claude(Box<Traits>),
    /// Amazon's Nova; the second generation reasons.
    Nova {
        /// Whether it has a `reasoningConfig`.
        reasons: bool,
    },
    /// Mistral's.
    Mistral,
    /// OpenAI's open models.
    GptOss,
    /// OpenAI's others.
    Openai,
    /// Makers whose models cannot be made to call a tool: Meta, AI21, Cohere, Google, Writer.
    Unforced,
    /// Any other.
    Other,
}

/// What the model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    /// Whose it is.
    pub family: Family,
    /// Whether any of the tools can be made to be called.
    pub forces_any: bool,
    /// Whether one of them can.
    pub forces_one: bool,
    /// Whether it can be kept from calling several tools at once.
    pub calls_one_by_one: bool,
    /// Whether it keeps to schemas, of the answer and of tools.
    pub keeps_schemas: bool,
    /// Where it takes cache points.
    pub caches: Caches,
    /// Whether what it caches may live an hour.
    pub caches_for_an_hour: bool,
    /// The betas that it may be sent.
    pub betas: &'static [&'static str],
}

/// Where a model takes cache points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caches {
    /// Nowhere.
    Nothing,
    /// In the rules and messages.
    Messages,
    /// There and behind tools.
    All,
}

impl Model {
    /// What is known of a target.
    pub fn of(target: &TargetFacts) -> Self {
        let family = family(target);
        let version = claude::version(target.upstream_model);
        let claude = matches!(family, Family::Claude(_));
        let at_least = |major, minor| claude && version.is_none_or(|it| it >= (major, minor));
        let forces = match &family {
            Family::Claude(traits) => traits.forced_tools,
            Family::Unforced => target.forced_tool_use == Some(true),
            _ => target.forced_tool_use != Some(false),
        };
        Self {
            forces_any: forces,
            forces_one: forces && matches!(family, Family::Claude(_) | Family::Nova { .. }),
            calls_one_by_one: at_least(4, 5),
            keeps_schemas: target.json_schema == Some(true) && keeps_schemas(&family, version),
            caches: match family {
                Family::Claude(_) if at_least(3, 5) => Caches::All,
                Family::Nova { .. } => Caches::Messages,
                _ => Caches::Nothing,
            },
            caches_for_an_hour: at_least(4, 5),
            betas: betas(version),
            family,
        }
    }

    /// What is known of Claude, if it is that.
    pub fn claude(&self) -> Option<&Traits> {
        match &self.family {
            Family::Claude(traits) => Some(traits),
            _ => None,
        }
    }

    /// Whether it wants its own reasoning back.
    pub fn takes_reasoning(&self) -> bool {
        match &self.family {
            Family::Claude(traits) => traits.thinking != claude::Takes::None,
            Family::Nova { reasons } => *reasons,
            _ => false,
        }
    }

    /// Whether a result can be told to be that of a tool that failed.
    pub fn takes_status(&self) -> bool {
        matches!(self.family, Family::Claude(_) | Family::Nova { .. })
    }
}

/// Reads names such as `eu.anthropic.claude-…` and ARNs of models and profiles. What is only an id tells nothing; then
/// facts that are only told of Claude tell that it is one.
fn family(target: &TargetFacts) -> Family {
    let name = target.upstream_model.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let of_claude = target.adaptive_thinking.is_some() || target.thinking_always_on.is_some();
    if has(&["claude"]) {
        Family::Claude(Box::new(Traits::of(target)))
    } else if has(&["amazon.nova", "nova-"]) {
        Family::Nova { reasons: has(&["nova-2"]) }
    } else if has(&["mistral", "mixtral", "pixtral"]) {
        Family::Mistral
    } else if has(&["gpt-oss"]) {
        Family::GptOss
    } else if has(&["openai."]) {
        Family::Openai
    } else if has(&["meta.", "llama", "ai21.", "cohere.", "titan", "gemma", "palmyra"]) {
        Family::Unforced
    } else if of_claude {
        Family::Claude(Box::new(Traits::of(target)))
    } else {
        Family::Other
    }
}

/// Catalogs call a model able to keep to a schema if a forced tool makes it. These are known to have nothing else: Nova,
/// Claude before it could, and Claude from 4.7 on, which Bedrock's copy of the API does not know how to tell.
fn keeps_schemas(family: &Family, version: Option<(u32, u32)>) -> bool {
    match family {
        Family::Claude(traits) => traits.schemas && version.is_some_and(|it| it < (4, 7)),
        Family::Nova { .. } => false,
        Family::Mistral | Family::GptOss | Family::Openai | Family::Unforced | Family::Other => {
            true
        }
    }
}

/// Bedrock refuses a request with a beta that it does not know.
const fn betas(version: Option<(u32, u32)>) -> &'static [&'static str] {
    match version {
        Some((4, 0..=5)) => &["interleaved-thinking-2025-05-14", "context-1m-2025-08-07"],
        Some((4.., _)) => &["interleaved-thinking-2025-05-14"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::provider::ProviderKind;

    fn facts(name: &str) -> TargetFacts<'_> {
        TargetFacts { json_schema: Some(true), ..TargetFacts::new(ProviderKind::Bedrock, name) }
    }

    /// Family, forcing of any tool and of one, schemas, caches, an hour.
    fn told(name: &str) -> String {
        let model = Model::of(&facts(name));
        let family = match &model.family {
            Family::Claude(_) => "claude",
            Family::Nova { reasons: true } => "nova2",
            Family::Nova { reasons: false } => "nova",
            Family::Mistral => "mistral",
            Family::GptOss => "gpt-oss",
            Family::Openai => "openai",
            Family::Unforced => "unforced",
            Family::Other => "other",
        };
        let mut words = vec![family];
        let facts = [
            (model.forces_any, "any"),
            (model.forces_one, "one"),
            (model.keeps_schemas, "schema"),
            (model.caches == Caches::Messages, "cache"),
            (model.caches == Caches::All, "cache-all"),
            (model.caches_for_an_hour, "hour"),
            (model.calls_one_by_one, "serial"),
            (model.takes_reasoning(), "reasoning"),
        ];
        words.extend(facts.into_iter().filter(|(is, _)| *is).map(|(_, word)| word));
        words.join(" ")
    }

    #[test]
    fn each_family_takes_what_it_takes() {
        let cases = [
            ("anthropic.claude-3-opus-20240229-v1:0", "claude any one"),
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude any one cache-all"),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude any one cache-all reasoning"),
            (
                "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "claude any one schema cache-all hour serial reasoning",
            ),
            ("anthropic.claude-opus-4-7", "claude any one cache-all hour serial reasoning"),
            ("global.anthropic.claude-opus-5-5", "claude cache-all hour serial reasoning"),
            ("us.amazon.nova-pro-v1:0", "nova any one cache"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-2-lite-v1:0",
                "nova2 any one cache reasoning",
            ),
            ("mistral.mistral-large-2407-v1:0", "mistral any schema"),
            ("openai.gpt-oss-120b-1:0", "gpt-oss any schema"),
            ("us.openai.gpt-6-sol", "openai any schema"),
            ("meta.llama4-scout-17b-instruct-v1:0", "unforced schema"),
            ("qwen.qwen3-32b-v1:0", "other any schema"),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "other any schema"),
        ];
        for (name, expected) in cases {
            assert_eq!(told(name), expected, "{name}");
        }
    }

    #[test]
    fn what_the_target_says_goes_before_its_name() {
        let profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc";
        let claude = TargetFacts { adaptive_thinking: Some(true), ..facts(profile) };
        assert!(Model::of(&claude).claude().is_some(), "only Claude thinks adaptively");
        let stubborn = TargetFacts { forced_tool_use: Some(false), ..facts("qwen.qwen3-32b-v1:0") };
        assert!(!Model::of(&stubborn).forces_any);
        let obedient = TargetFacts { forced_tool_use: Some(true), ..facts("meta.llama3-1-8b") };
        assert!(Model::of(&obedient).forces_any);
        let unknown = TargetFacts { json_schema: None, ..facts("qwen.qwen3-32b-v1:0") };
        assert!(!Model::of(&unknown).keeps_schemas);
    }
}
