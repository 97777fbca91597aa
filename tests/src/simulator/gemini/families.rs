//! What a model of Google's accepts, told from its name. A name that is none of Google's gets no
//! rules but those of the API itself.

/// The kind and generation of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    line: Line,
    version: (u32, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Pro,
    Flash,
    FlashLite,
    /// The open models.
    Gemma,
    /// None of Google's.
    Unknown,
}

impl Family {
    /// Reads names such as `gemini-2.5-flash-lite`, `gemini-3-pro-preview` and `gemma-3-27b-it`.
    pub fn of(model: &str) -> Self {
        let model = model.rsplit('/').next().unwrap_or(model);
        if model.starts_with("gemma") {
            return Self { line: Line::Gemma, version: (0, 0) };
        }
        let line = if model.contains("flash-lite") {
            Line::FlashLite
        } else if model.contains("flash") {
            Line::Flash
        } else {
            Line::Pro
        };
        match model.strip_prefix("gemini-").and_then(version) {
            Some(version) => Self { line, version },
            None => Self { line: Line::Unknown, version: (0, 0) },
        }
    }

    fn since(self, version: (u32, u32)) -> bool {
        self.is_gemini() && version <= self.version
    }

    fn before(self, version: (u32, u32)) -> bool {
        self.is_gemini() && self.version < version
    }

    const fn is_gemini(self) -> bool {
        matches!(self.line, Line::Pro | Line::Flash | Line::FlashLite)
    }

    /// Whether calls and their results may have ids.
    pub fn takes_ids(self) -> bool {
        !self.before((3, 0))
    }

    /// Whether its calls have ids, and signatures that have to come back.
    pub fn signs_calls(self) -> bool {
        self.since((3, 0))
    }

    /// Whether results may hold images and files.
    pub fn takes_media_in_results(self) -> bool {
        !self.before((3, 0))
    }

    /// Whether repetition can be penalised.
    pub fn takes_penalties(self) -> bool {
        !self.since((3, 0))
    }

    /// Whether schemas may be JSON Schema.
    pub fn takes_json_schema(self) -> bool {
        !self.before((2, 0)) && self.line != Line::Gemma
    }

    /// Whether answers can be JSON.
    pub fn has_json_mode(self) -> bool {
        self.line != Line::Gemma
    }

    /// Whether they can be while functions are on offer.
    pub fn has_json_mode_with_tools(self) -> bool {
        !self.before((3, 0))
    }

    /// Whether functions go together with Google's own tools.
    pub fn mixes_tools(self) -> bool {
        !self.before((3, 0))
    }

    /// Whether there is a place for instructions.
    pub fn takes_instructions(self) -> bool {
        self.line != Line::Gemma
    }

    /// Whether it can think at all.
    pub fn thinks(self) -> bool {
        !self.before((2, 5)) && self.line != Line::Gemma
    }

    /// Whether thinking goes by this level.
    pub fn takes_level(self, level: &str) -> bool {
        if self.before((3, 0)) {
            return false;
        }
        let flash = matches!(self.line, Line::Flash | Line::FlashLite | Line::Unknown);
        match level {
            "MINIMAL" => flash,
            "MEDIUM" => flash || self.since((3, 1)),
            "XHIGH" => self.line == Line::Unknown || self.since((3, 5)),
            _ => true,
        }
    }

    /// Whether thinking may have a budget of so many tokens; zero turns it off.
    pub fn takes_budget(self, budget: i64) -> bool {
        let (least, most) = match self.line {
            _ if !self.is_gemini() => (0, i64::MAX),
            Line::Pro => (128, 32_768),
            Line::FlashLite => (512, 24_576),
            _ => (0, 24_576),
        };
        let off = budget == 0 && self.line != Line::Pro;
        budget == -1 || off || (least..=most).contains(&budget)
    }

    /// The longest name of a function.
    pub fn name_length_max(self) -> usize {
        if self.before((3, 0)) { 64 } else { 128 }
    }

    /// Whether a stream tells why it ends in an event of its own.
    pub fn finishes_later(self) -> bool {
        self.since((3, 5))
    }
}

/// The generation: `2.5` of `2.5-flash`, `3` of `3-pro`, and the newest for `flash-latest`.
fn version(rest: &str) -> Option<(u32, u32)> {
    if rest.ends_with("-latest") && rest.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return Some((3, 0));
    }
    let number = rest.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_line_and_generation() {
        let cases = [
            ("gemini-2.5-pro", Line::Pro, (2, 5)),
            ("gemini-2.5-flash-lite-preview-06-17", Line::FlashLite, (2, 5)),
            ("gemini-2.0-flash-001", Line::Flash, (2, 0)),
            ("gemini-3-pro-preview", Line::Pro, (3, 0)),
            ("gemini-3.5-flash", Line::Flash, (3, 5)),
            ("gemini-flash-latest", Line::Flash, (3, 0)),
            ("gemma-3-27b-it", Line::Gemma, (0, 0)),
            ("gemini-embedding-001", Line::Unknown, (0, 0)),
            ("sim-large", Line::Unknown, (0, 0)),
            ("1234567890", Line::Unknown, (0, 0)),
        ];
        for (name, line, version) in cases {
            assert_eq!(Family::of(name), Family { line, version }, "{name}");
        }
    }

    #[test]
    fn each_generation_is_told_how_much_to_think_in_its_own_way() {
        let cases: [(&str, &[i64], &[&str]); 6] = [
            ("gemini-2.5-pro", &[-1, 128, 32_768], &[]),
            ("gemini-2.5-flash", &[-1, 0, 128], &[]),
            ("gemini-2.5-flash-lite", &[-1, 0], &[]),
            ("gemini-3-pro", &[-1, 128, 32_768], &["LOW", "HIGH"]),
            ("gemini-3.5-flash", &[-1, 0, 128], &["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]),
            ("sim-large", &[-1, 0, 128, 32_768], &["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]),
        ];
        for (name, budgets, levels) in cases {
            let family = Family::of(name);
            let taken: Vec<_> =
                [-1, 0, 128, 32_768].into_iter().filter(|&b| family.takes_budget(b)).collect();
            assert_eq!(taken, budgets, "{name}");
            let known = ["MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"];
            let taken: Vec<_> = known.into_iter().filter(|l| family.takes_level(l)).collect();
            assert_eq!(taken, levels, "{name}");
        }
    }
}
