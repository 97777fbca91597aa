//! What a model can do, told by its name: Google publishes no list that a request could be checked against.

use crate::conversation::Effort;

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Model {
    family: Family,
    /// Such as (2, 5).
    version: (u32, u32),
    tier: Tier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Gemini,
    /// The open models: no system instruction and no JSON mode.
    Gemma,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Pro,
    Flash,
    FlashLite,
    Other,
}

/// How a model is told how much to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It does not think.
    None,
    /// In tokens, within these bounds.
    Budget {
        /// The fewest, above zero.
        least: u64,
        /// The most.
        most: u64,
        /// Whether it can be switched off.
        off: bool,
    },
    /// In one of these words.
    Levels(&'static [Effort]),
}

impl Model {
    /// The model that a provider knows by this name: `gemini-2.5-pro`, `models/…`, or a path of Vertex. A name that says
    /// nothing (a tuned model's number) is taken for one of 2.5, whose requests the neighbours understand too.
    pub(super) fn of(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        let name = name.split('@').next().unwrap_or_default();
        let family = if name.starts_with("gemma") { Family::Gemma } else { Family::Gemini };
        let tier = if name.contains("flash-lite") {
            Tier::FlashLite
        } else if name.contains("flash") {
            Tier::Flash
        } else if name.contains("pro") {
            Tier::Pro
        } else {
            Tier::Other
        };
        Self { family, version: version(name), tier }
    }

    fn gemini(self, least: (u32, u32)) -> bool {
        self.family == Family::Gemini && self.version >= least
    }

    /// Whether calls and results have ids; older models refuse them.
    pub(super) fn takes_ids(self) -> bool {
        self.gemini((3, 0))
    }

    /// Whether a call in the history must have its signature.
    pub(super) fn wants_signatures(self) -> bool {
        self.gemini((3, 0))
    }

    /// Whether signatures are known at all.
    pub(super) fn knows_signatures(self) -> bool {
        self.gemini((2, 5))
    }

    /// Whether schemas may be plain JSON Schema.
    pub(super) fn takes_json_schema(self) -> bool {
        self.gemini((2, 0))
    }

    /// Whether there is a place for system texts.
    pub(super) fn takes_system(self) -> bool {
        self.gemini((1, 5))
    }

    /// Whether an answer in JSON can be had.
    pub(super) fn has_json_mode(self) -> bool {
        self.gemini((1, 5))
    }

    /// Whether it can be had while functions are offered.
    pub(super) fn has_json_mode_with_tools(self) -> bool {
        self.gemini((3, 0))
    }

    /// Whether calls can be checked against their schema (`VALIDATED`).
    pub(super) fn validates_calls(self) -> bool {
        self.gemini((2, 5))
    }

    /// Whether results of tools may hold files.
    pub(super) fn takes_media_in_results(self) -> bool {
        self.gemini((3, 0))
    }

    /// Whether the resolution of a single image can be set.
    pub(super) fn takes_resolution(self) -> bool {
        self.gemini((3, 0))
    }

    /// Whether repeated tokens can be punished.
    pub(super) fn takes_penalties(self) -> bool {
        !self.gemini((3, 0))
    }

    /// The most characters of a function's name.
    pub(super) fn longest_name(self) -> usize {
        if self.gemini((3, 0)) { 128 } else { 64 }
    }

    /// How it is told how much to think.
    pub(super) fn thinking(self) -> Thinking {
        use Effort::{High, Low, Medium, Minimal};
        if !self.gemini((2, 5)) {
            return Thinking::None;
        }
        if self.version.0 < 3 {
            return match self.tier {
                Tier::Pro => Thinking::Budget { least: 128, most: 32_768, off: false },
                Tier::FlashLite => Thinking::Budget { least: 512, most: 24_576, off: true },
                Tier::Flash | Tier::Other => Thinking::Budget { least: 1, most: 24_576, off: true },
            };
        }
        Thinking::Levels(match (self.tier, self.version) {
            (Tier::Flash | Tier::FlashLite, _) => &[Minimal, Low, Medium, High],
            (Tier::Pro, (3, 0)) => &[Low, High],
            (Tier::Pro | Tier::Other, _) => &[Low, Medium, High],
        })
    }
}

/// The generation in a model's name.
fn version(name: &str) -> (u32, u32) {
    const UNKNOWN: (u32, u32) = (2, 5);
    let Some(rest) = name.strip_prefix("gemini-") else { return UNKNOWN };
    let number = rest.split('-').next().unwrap_or_default();
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    match (major.parse(), minor.parse()) {
        (Ok(major), Ok(minor)) => (major, minor),
        _ if rest.ends_with("-latest") => (3, 0),
        _ if matches!(number, "pro" | "ultra") => (1, 0),
        _ if number == "exp" => (2, 0),
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_generation_and_tier() {
        let cases = [
            ("gemini-2.5-pro", (2, 5), Tier::Pro),
            ("models/gemini-2.5-flash-lite", (2, 5), Tier::FlashLite),
            ("gemini-1.5-flash-002", (1, 5), Tier::Flash),
            ("publishers/google/models/gemini-2.0-flash@001", (2, 0), Tier::Flash),
            ("gemini-3-pro-preview", (3, 0), Tier::Pro),
            ("Gemini-3.1-Pro", (3, 1), Tier::Pro),
            ("gemini-flash-latest", (3, 0), Tier::Flash),
            ("gemini-pro-vision", (1, 0), Tier::Pro),
            ("1234567890", (2, 5), Tier::Other),
        ];
        for (name, version, tier) in cases {
            let model = Model::of(name);
            assert_eq!((model.version, model.tier), (version, tier), "{name}");
        }
    }

    #[test]
    fn thinking_is_told_in_the_way_of_the_generation() {
        use Effort::{High, Low};
        let budget = |least, most, off| Thinking::Budget { least, most, off };
        assert_eq!(Model::of("gemini-2.0-flash").thinking(), Thinking::None);
        assert_eq!(Model::of("gemini-2.5-flash").thinking(), budget(1, 24_576, true));
        assert_eq!(Model::of("gemini-2.5-flash-lite").thinking(), budget(512, 24_576, true));
        assert_eq!(Model::of("gemini-2.5-pro").thinking(), budget(128, 32_768, false));
        assert_eq!(Model::of("gemini-3-pro-preview").thinking(), Thinking::Levels(&[Low, High]));
        assert_eq!(Model::of("gemma-3-27b-it").thinking(), Thinking::None);
    }

    #[test]
    fn open_models_have_no_system_instruction_and_no_json_mode() {
        let gemma = Model::of("gemma-3-27b-it");
        assert!(!gemma.takes_system() && !gemma.has_json_mode() && !gemma.takes_json_schema());
        let gemini = Model::of("gemini-2.0-flash");
        assert!(gemini.takes_system() && gemini.has_json_mode() && gemini.takes_json_schema());
        assert!(!gemini.has_json_mode_with_tools() && !gemini.takes_ids());
    }
}
