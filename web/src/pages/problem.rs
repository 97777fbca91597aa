//! What is shown instead of a page.

use crate::layout::{Shell, Theme};
use askama::Template;

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// What happened, in a sentence.
    pub detail: String,
    /// What to do now.
    pub what_to_do: String,
    /// The request's id, for whoever is asked for help.
    pub request_id: Option<String>,
}

/// A problem for somebody who is not signed in.
#[derive(Debug, Clone, Template)]
#[template(path = "problem/alone.html")]
pub struct ProblemPage {
    /// The theme of the cookie.
    pub theme: Theme,
    /// Why there is no page.
    pub problem: Problem,
}

/// A problem for somebody who is signed in.
#[derive(Debug, Clone, Template)]
#[template(path = "problem/in_shell.html")]
pub struct ProblemInShellPage {
    /// What surrounds it.
    pub shell: Shell,
    /// Why there is no page.
    pub problem: Problem,
}
