//! A text that must not leak: no `Debug` of the content, no `Display`, no `Serialize`; wiped when dropped.

use std::fmt;
use zeroize::Zeroizing;

/// A secret in memory. [`Secret::expose`] is the only way to its text, so its uses can be searched for.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
