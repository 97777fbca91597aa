//! Mistakes in a document, gathered while it is read.

use std::{cell::RefCell, fmt};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The key, as in `tenants.acme.budgets[0].limit`; empty for a syntax error.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// The mistakes found so far.
pub(super) struct Problems<'a> {
    text: &'a str,
    found: RefCell<Vec<(usize, String, String)>>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, found: RefCell::new(Vec::new()) }
    }

    pub(super) fn add(&self, offset: usize, key: &str, message: impl Into<String>) {
        self.found.borrow_mut().push((offset, key.to_owned(), message.into()));
    }

    pub(super) fn into_list(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort();
        found.dedup();
        let place = |offset: usize| {
            let before = self.text.get(..offset).unwrap_or(self.text);
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        };
        found
            .into_iter()
            .map(|(offset, key, message)| {
                let (line, column) = place(offset);
                Problem { line, column, key, message }
            })
            .collect()
    }
}
