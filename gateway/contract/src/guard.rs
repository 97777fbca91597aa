//! Guards: rules that inspect what goes out to providers.

use regex::{Regex, RegexBuilder};

/// The most patterns of a guard.
pub const PATTERNS_MAX: usize = 64;
/// A pattern whose program is larger is refused.
const PROGRAM_BYTES_MAX: usize = 1 << 20;

/// A guard of a tenant.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Its name.
    pub name: String,
    /// What it looks for, by name.
    pub patterns: Vec<(String, Regex)>,
    /// What happens to a request in which something is found.
    pub action: GuardAction,
    /// Whether it acts.
    pub mode: GuardMode,
}

/// What a guard does with a request in which it finds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardAction {
    /// It is refused.
    Block,
    /// It goes on, and what was found is in its usage event.
    Log,
}

/// Whether a guard acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// It acts.
    #[default]
    Enforce,
    /// It only says what it would have done.
    Shadow,
    /// It does not look.
    Off,
}

/// Compiles a pattern. The error says what is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(PROGRAM_BYTES_MAX).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        // The last line says what; those before it draw where.
        error => error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    })
}

impl Guard {
    /// The name of the first pattern that is in a text.
    pub fn finds(&self, text: &str) -> Option<&str> {
        let found = self.patterns.iter().find(|(_, pattern)| pattern.is_match(text));
        found.map(|(name, _)| name.as_str())
    }

    /// Whether a request in which something was found is refused.
    pub fn blocks(&self) -> bool {
        self.action == GuardAction::Block && self.mode == GuardMode::Enforce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_by_name_and_wrong_ones_are_explained() {
        let guard = Guard {
            name: "pii".to_owned(),
            patterns: vec![("case_no".to_owned(), pattern("CASE-[0-9]{6}").unwrap())],
            action: GuardAction::Block,
            mode: GuardMode::Enforce,
        };
        assert_eq!(guard.finds("see CASE-123456"), Some("case_no"));
        assert_eq!(guard.finds("see CASE-12345"), None);
        assert!(guard.blocks());
        assert!(!Guard { mode: GuardMode::Shadow, ..guard }.blocks());
        assert!(pattern("(").unwrap_err().contains("unclosed group"), "{:?}", pattern("("));
        assert!(pattern(r"\w{1000}{100}").is_err());
    }
}
