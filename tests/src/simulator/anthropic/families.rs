//! What a Claude model accepts, told from its name. A name that is no Claude's gets no rules but
//! those of the API itself.

/// The kind and version of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    line: Line,
    version: (u32, u32),
}

/// The lines of models. Those of the other two think always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Haiku,
    Sonnet,
    Opus,
    FableOrMythos,
    /// Not a Claude.
    Unknown,
}

/// The ways to ask for thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingType {
    /// With a budget.
    Enabled,
    /// As much as the model sees fit.
    Adaptive,
    /// As much as it sees fit, but only between tool calls.
    BetweenTools,
    /// Not at all.
    Disabled,
}

impl Family {
    /// Reads names such as `claude-3-5-sonnet-20241022`, `claude-opus-4-6` and
    /// `us.anthropic.claude-haiku-4-5-20251001-v1:0`.
    pub fn of(model: &str) -> Self {
        let unknown = Self { line: Line::Unknown, version: (0, 0) };
        let Some((_, name)) = model.split_once("claude-") else { return unknown };
        let (mut line, mut numbers) = (Line::Unknown, Vec::new());
        for part in name.split(['-', '.', '@', ':']) {
            match part {
                "haiku" => line = Line::Haiku,
                "sonnet" => line = Line::Sonnet,
                "opus" => line = Line::Opus,
                "fable" | "mythos" => line = Line::FableOrMythos,
                // What is longer is a date.
                _ if part.len() <= 2 => numbers.extend(part.parse::<u32>()),
                _ => {}
            }
        }
        let version = match (numbers.as_slice(), line) {
            ([], Line::FableOrMythos) => (5, 0),
            (numbers, _) => {
                (numbers.first().copied().unwrap_or(0), numbers.get(1).copied().unwrap_or(0))
            }
        };
        if line == Line::Unknown { unknown } else { Self { line, version } }
    }

    /// Whether the conversation may end with the beginning of the answer.
    pub fn takes_prefill(self) -> bool {
        self.is_unknown() || self.version < (4, 6)
    }

    /// Whether `temperature`, `top_p` and `top_k` may differ from their defaults.
    pub fn takes_sampling(self) -> bool {
        self.is_unknown() || self.version < (4, 7)
    }

    /// Whether a tool call can be forced.
    pub fn takes_forced_tools(self) -> bool {
        match self.line {
            Line::Opus | Line::Sonnet => self.version != (5, 5),
            Line::FableOrMythos => self.version != (5, 1),
            Line::Haiku | Line::Unknown => true,
        }
    }

    /// Whether there may be messages of the role `system`.
    pub fn takes_system_messages(self) -> bool {
        match self.line {
            Line::Opus => (4, 8) <= self.version,
            Line::Sonnet | Line::Haiku => (5, 0) <= self.version,
            Line::FableOrMythos => true,
            Line::Unknown => false,
        }
    }

    /// Whether thinking can be asked for in this way.
    pub fn takes_thinking(self, asked: ThinkingType) -> bool {
        if self.is_unknown() {
            return true;
        }
        match asked {
            ThinkingType::Enabled => ((3, 7)..=(4, 6)).contains(&self.version),
            ThinkingType::Adaptive => (4, 6) <= self.version,
            ThinkingType::BetweenTools => (5, 0) <= self.version,
            ThinkingType::Disabled => !self.always_thinks(),
        }
    }

    /// Whether the model thinks if it is not told to.
    pub fn thinks_unasked(self) -> bool {
        let by_default = matches!(self.line, Line::Opus | Line::Sonnet) && self.version == (5, 0);
        self.always_thinks() || by_default
    }

    /// Whether the text of thinking is left out unless it is asked for.
    pub fn omits_thinking(self) -> bool {
        (4, 7) <= self.version
    }

    /// Whether the model takes this word for its effort.
    pub fn takes_effort(self, effort: &str) -> bool {
        let supported = (4, 6) <= self.version || (self.line, self.version) == (Line::Opus, (4, 5));
        match effort {
            _ if self.is_unknown() => true,
            "max" => (4, 6) <= self.version,
            "xhigh" => (4, 7) <= self.version,
            _ => supported,
        }
    }

    /// Whether thinking cannot be turned off at this effort.
    pub fn thinks_at_effort(self, effort: &str) -> bool {
        self.line == Line::Opus && self.version == (5, 0) && matches!(effort, "xhigh" | "max")
    }

    /// Whether answers can be bound to a JSON schema.
    pub fn takes_schema(self) -> bool {
        let opus = self.line == Line::Opus && (4, 1) <= self.version;
        self.is_unknown() || opus || (4, 5) <= self.version
    }

    /// The most output tokens of an answer.
    pub fn tokens_max(self) -> u64 {
        match (self.line, self.version) {
            (Line::Unknown, _) => u64::MAX,
            (Line::Opus, (4, 0 | 1)) => 32_000,
            (_, (..=2, _) | (3, 0)) => 4_096,
            (_, (3, ..=6)) => 8_192,
            (_, (3, _) | (4, ..=5)) => 64_000,
            _ => 128_000,
        }
    }

    fn always_thinks(self) -> bool {
        let newest = matches!(self.line, Line::Opus | Line::Sonnet) && (5, 5) <= self.version;
        self.line == Line::FableOrMythos || newest
    }

    /// Whether this is no Claude.
    pub fn is_unknown(self) -> bool {
        self.line == Line::Unknown
    }

    /// Whether Bedrock lags behind with this model's answers and tools that are bound to a schema.
    pub fn lacks_schemas_on_bedrock(self) -> bool {
        (4, 7) <= self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_line_and_version() {
        let cases = [
            ("claude-3-5-sonnet-20241022", Line::Sonnet, (3, 5)),
            ("claude-3-opus-20240229", Line::Opus, (3, 0)),
            ("claude-opus-4-20250514", Line::Opus, (4, 0)),
            ("claude-opus-4-5-20251101", Line::Opus, (4, 5)),
            ("claude-sonnet-4.6", Line::Sonnet, (4, 6)),
            ("claude-haiku-4-5@20251001", Line::Haiku, (4, 5)),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Line::Sonnet, (4, 5)),
            ("anthropic.claude-opus-4-6-v1", Line::Opus, (4, 6)),
            ("claude-opus-5", Line::Opus, (5, 0)),
            ("claude-fable-5-1", Line::FableOrMythos, (5, 1)),
            ("claude-mythos-preview", Line::FableOrMythos, (5, 0)),
            ("sim-large", Line::Unknown, (0, 0)),
        ];
        for (name, line, version) in cases {
            assert_eq!(Family::of(name), Family { line, version }, "{name}");
        }
    }

    #[test]
    fn each_family_thinks_in_its_own_ways() {
        use ThinkingType::{Adaptive, BetweenTools, Disabled, Enabled};
        let cases: [(&str, &[ThinkingType], bool); 8] = [
            ("claude-3-5-sonnet-20241022", &[Disabled], false),
            ("claude-sonnet-4-5", &[Enabled, Disabled], false),
            ("claude-sonnet-4-6", &[Enabled, Adaptive, Disabled], false),
            ("claude-opus-4-8", &[Adaptive, Disabled], false),
            ("claude-sonnet-5", &[Adaptive, BetweenTools, Disabled], true),
            ("claude-opus-5-5", &[Adaptive, BetweenTools], true),
            ("claude-haiku-5-5", &[Adaptive, BetweenTools, Disabled], false),
            ("sim-large", &[Enabled, Adaptive, BetweenTools, Disabled], false),
        ];
        for (name, taken, unasked) in cases {
            let family = Family::of(name);
            let ways = [Enabled, Adaptive, BetweenTools, Disabled];
            let found: Vec<_> =
                ways.into_iter().filter(|&way| family.takes_thinking(way)).collect();
            assert_eq!((found.as_slice(), family.thinks_unasked()), (taken, unasked), "{name}");
        }
    }
}
