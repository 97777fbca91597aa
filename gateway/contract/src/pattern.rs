//! Globs over names of models and targets: `*` stands for any run of characters, everything else for itself.

use serde::{Deserialize, Serialize};

/// A list of globs; a name matches the list when it matches one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// The list `["*"]`.
    pub fn any() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// A list of globs.
    pub fn new(globs: Vec<String>) -> Self {
        Self(globs)
    }

    /// Whether `name` matches one of the globs.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob == "*" || glob_matches(glob.as_bytes(), name.as_bytes()))
    }

    /// The globs as written.
    pub fn globs(&self) -> &[String] {
        &self.0
    }
}

/// Linear in practice: on a mismatch only the last `*` is tried again, one character further on.
fn glob_matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if glob.get(g) == Some(&b'*') {
            retry = Some((g, n));
            g += 1;
        } else if glob.get(g) == Some(&name[n]) {
            g += 1;
            n += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            g = star + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_run_and_nothing_else_is_special() {
        let cases = [
            ("*", "openai/gpt-4o", true),
            ("openai/*", "openai/gpt-4o", true),
            ("openai/*", "azure/gpt-4o", false),
            ("*/gpt-4o", "openai/gpt-4o", true),
            ("*gpt*mini", "openai/gpt-4o-mini", true),
            ("*gpt*mini", "openai/gpt-4o-mini-2", false),
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4?", "gpt-4o", false),
            ("a*b*c", "axxbxxbxxc", true),
            ("", "", true),
        ];
        for (glob, name, expected) in cases {
            assert_eq!(Patterns::new(vec![glob.into()]).matches(name), expected, "{glob} {name}");
        }
    }
}
