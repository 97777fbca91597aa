//! What a Claude model takes, by its name and by what the target says of it.

use crate::conversation::{Effort, TargetFacts};

/// What the model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Which types of `thinking`.
    pub thinking: Thinking,
    /// Whether thinking cannot be switched off.
    pub thinks_always: bool,
    /// Whether thinking cannot be switched off at the efforts above `high`.
    pub thinks_at_high_efforts: bool,
    /// The words of `output_config.effort`; empty: it has no such member.
    pub efforts: Vec<Effort>,
    /// Whether it takes temperature, top_p and top_k.
    pub sampling: bool,
    /// Whether it takes temperature and top_p together.
    pub temperature_with_top_p: bool,
    /// Whether a tool can be forced.
    pub forced_tools: bool,
    /// Whether it takes `output_config.format`, and `strict` of tools.
    pub schemas: bool,
    /// Whether it goes on from an assistant turn.
    pub prefill: bool,
    /// Whether system texts may stand between messages.
    pub late_systems: bool,
}

/// Which types of `thinking` a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// It does not think.
    None,
    /// `enabled` with a budget.
    Budget,
    /// Both.
    Either,
    /// `adaptive`, steered by the effort.
    Adaptive,
    /// Nobody knows: what an app of this format sent is sent, and a budget stands for anybody else's effort.
    Unknown,
}

impl Traits {
    /// What is known of a target. What it says of itself goes before what the name says.
    pub fn of(target: &TargetFacts) -> Self {
        let model = Claude::parse(target.upstream_model);
        let at_least = |major, minor| model.is_some_and(|model| model.version >= (major, minor));
        let below = |major, minor| model.is_some_and(|model| model.version < (major, minor));
        let family = model.map(|model| model.family);
        let is = |families: &[Family]| family.is_some_and(|family| families.contains(&family));
        let apex = is(&[Family::Fable, Family::Mythos]);
        let no_force =
            (apex && at_least(5, 1)) || (is(&[Family::Opus, Family::Sonnet]) && at_least(5, 5));
        let always = apex || (is(&[Family::Opus, Family::Sonnet]) && at_least(5, 5));
        let thinking = thinking(target, model);
        Self {
            thinking,
            thinks_always: target.thinking_always_on.unwrap_or(always),
            thinks_at_high_efforts: at_least(5, 0),
            efforts: efforts(target, model, thinking),
            sampling: target.sampling_params.unwrap_or(!at_least(4, 7)),
            temperature_with_top_p: below(4, 1),
            forced_tools: target.forced_tool_use.unwrap_or(!no_force),
            // Catalogs call a model able to keep to a schema if a forced tool makes it; the old ones are known by name.
            schemas: target.json_schema != Some(false)
                && !below(4, if family == Some(Family::Opus) { 1 } else { 5 }),
            prefill: !at_least(4, 6),
            late_systems: (family == Some(Family::Opus) && at_least(4, 8)) || apex,
        }
    }
}

fn thinking(target: &TargetFacts, model: Option<Claude>) -> Thinking {
    let by_name = model.map(|model| match model.version {
        (..=2, _) => Thinking::None,
        (3, minor) if minor < 7 => Thinking::None,
        (3, _) | (4, ..=5) => Thinking::Budget,
        (4, 6) => Thinking::Either,
        _ => Thinking::Adaptive,
    });
    match (target.reasoning, target.adaptive_thinking, by_name) {
        (Some(false), _, _) => Thinking::None,
        (_, Some(false), None | Some(Thinking::Adaptive | Thinking::Either)) => Thinking::Budget,
        (_, Some(true), None) => Thinking::Adaptive,
        (_, _, Some(by_name)) => by_name,
        (_, None, None) => Thinking::Unknown,
    }
}

/// The version that a model's name tells; `None` for what is no Claude, or does not tell which.
pub(crate) fn version(name: &str) -> Option<(u32, u32)> {
    Claude::parse(name).map(|model| model.version)
}

/// Low, medium and high are taken wherever there is an effort at all; catalogs only tell the words above.
fn efforts(target: &TargetFacts, model: Option<Claude>, thinking: Thinking) -> Vec<Effort> {
    use Effort::{High, Low, Max, Medium, Xhigh};
    let opus_4_5 =
        model.is_some_and(|model| model.family == Family::Opus && model.version == (4, 5));
    match thinking {
        Thinking::None => return Vec::new(),
        Thinking::Budget if !opus_4_5 => return Vec::new(),
        _ => {}
    }
    let mut efforts = vec![Low, Medium, High];
    let above = target.efforts.iter().copied().filter(|effort| *effort > High);
    efforts.extend(above);
    if target.efforts.is_empty() {
        match model.map(|model| model.version) {
            Some((4, ..=5)) => {}
            Some((4, 6)) => efforts.push(Max),
            Some(_) | None => efforts.extend([Xhigh, Max]),
        }
    }
    efforts
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Opus,
    Sonnet,
    Haiku,
    Fable,
    Mythos,
    /// Before there were families.
    Old,
}

/// A Claude model's name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claude {
    family: Family,
    version: (u32, u32),
}

impl Claude {
    /// Reads names as Anthropic, Bedrock (`us.anthropic.claude-opus-4-6-v1:0`), Vertex (`claude-haiku-4-5@20251001`) and
    /// routers (`anthropic/claude-opus-4.6`) write them. `None` for what is no Claude, or does not tell which.
    fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (_, rest) = name.split_once("claude")?;
        let words: Vec<&str> = rest
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let family = words.iter().find_map(|word| {
            Some(match *word {
                "opus" => Family::Opus,
                "sonnet" => Family::Sonnet,
                "haiku" => Family::Haiku,
                "fable" => Family::Fable,
                "mythos" => Family::Mythos,
                "instant" => Family::Old,
                _ => return None,
            })
        });
        // A longer number is a date.
        let number = |word: &&str| word.parse::<u32>().ok().filter(|_| word.len() <= 2);
        let mut numbers = words.iter().skip_while(|word| number(word).is_none()).map_while(number);
        let version = match (numbers.next(), numbers.next()) {
            (Some(major), minor) => (major, minor.unwrap_or(0)),
            (None, _) => match family? {
                Family::Fable | Family::Mythos => (5, 0),
                Family::Old => (1, 0),
                Family::Opus | Family::Sonnet | Family::Haiku => return None,
            },
        };
        Some(Self { family: family.unwrap_or(Family::Old), version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::provider::ProviderKind;

    #[test]
    fn names_are_read_wherever_the_model_is_served() {
        use Family::{Fable, Haiku, Mythos, Old, Opus, Sonnet};
        let cases = [
            ("claude-opus-4-5-20251101", Some((Opus, (4, 5)))),
            ("claude-sonnet-4-20250514", Some((Sonnet, (4, 0)))),
            ("claude-3-5-sonnet-20241022", Some((Sonnet, (3, 5)))),
            ("anthropic.claude-3-opus-20240229-v1:0", Some((Opus, (3, 0)))),
            ("us.anthropic.claude-sonnet-4-6", Some((Sonnet, (4, 6)))),
            ("anthropic.claude-opus-4-6-v1:0", Some((Opus, (4, 6)))),
            ("claude-haiku-4-5@20251001", Some((Haiku, (4, 5)))),
            ("anthropic/claude-opus-4.6", Some((Opus, (4, 6)))),
            ("claude-fable-5-1", Some((Fable, (5, 1)))),
            ("claude-mythos-preview", Some((Mythos, (5, 0)))),
            ("claude-2.1", Some((Old, (2, 1)))),
            ("claude-instant-v1", Some((Old, (1, 0)))),
            ("claude-opus-latest", None),
            ("MiniMax-M2", None),
        ];
        for (name, expected) in cases {
            let parsed = Claude::parse(name).map(|model| (model.family, model.version));
            assert_eq!(parsed, expected, "{name}");
        }
    }

    fn traits(name: &str) -> Traits {
        Traits::of(&TargetFacts::new(ProviderKind::Anthropic, name))
    }

    #[test]
    fn each_generation_takes_what_it_takes() {
        use Effort::{High, Low, Max, Medium, Xhigh};
        let all = vec![Low, Medium, High, Xhigh, Max];
        let cases = [
            ("claude-3-5-haiku", Thinking::None, false, true, true, vec![]),
            ("claude-sonnet-4-5", Thinking::Budget, false, true, true, vec![]),
            ("claude-opus-4-5", Thinking::Budget, false, true, true, vec![Low, Medium, High]),
            (
                "claude-sonnet-4-6",
                Thinking::Either,
                false,
                true,
                true,
                vec![Low, Medium, High, Max],
            ),
            ("claude-opus-4-7", Thinking::Adaptive, false, false, true, all.clone()),
            ("claude-sonnet-5", Thinking::Adaptive, false, false, true, all.clone()),
            ("claude-haiku-5-5", Thinking::Adaptive, false, false, true, all.clone()),
            ("claude-fable-5", Thinking::Adaptive, true, false, true, all.clone()),
            ("claude-mythos-5-1", Thinking::Adaptive, true, false, false, all.clone()),
            ("claude-opus-5-5", Thinking::Adaptive, true, false, false, all.clone()),
            ("a-deployment", Thinking::Unknown, false, true, true, all),
        ];
        for (name, thinking, always, sampling, forced, efforts) in cases {
            let traits = traits(name);
            assert_eq!(traits.thinking, thinking, "{name}");
            assert_eq!(traits.thinks_always, always, "{name}");
            assert_eq!(traits.sampling, sampling, "{name}");
            assert_eq!(traits.forced_tools, forced, "{name}");
            assert_eq!(traits.efforts, efforts, "{name}");
        }
        assert!(traits("claude-opus-4-5").prefill && !traits("claude-sonnet-4-6").prefill);
        assert!(traits("claude-opus-4-1").schemas && !traits("claude-sonnet-4-0").schemas);
        assert!(traits("claude-opus-4-8").late_systems && !traits("claude-sonnet-5").late_systems);
        assert!(traits("claude-sonnet-4-0").temperature_with_top_p);
        assert!(!traits("claude-sonnet-4-5").temperature_with_top_p);
    }

    #[test]
    fn what_the_target_says_goes_before_its_name() {
        let facts = TargetFacts {
            sampling_params: Some(true),
            forced_tool_use: Some(false),
            thinking_always_on: Some(false),
            adaptive_thinking: Some(false),
            json_schema: Some(false),
            efforts: &[Effort::Max],
            ..TargetFacts::new(ProviderKind::Anthropic, "claude-fable-5")
        };
        let traits = Traits::of(&facts);
        assert!(traits.sampling && !traits.forced_tools && !traits.thinks_always);
        assert!(!traits.schemas);
        assert_eq!(traits.thinking, Thinking::Budget);
        let adaptive = TargetFacts { adaptive_thinking: Some(true), ..facts };
        let efforts = [Effort::Low, Effort::Medium, Effort::High, Effort::Max];
        assert_eq!(Traits::of(&adaptive).efforts, efforts);
    }
}
