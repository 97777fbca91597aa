//! `[guards.NAME]`.

use super::{At, reader::Section};
use crate::guard::{self, Guard, GuardAction, GuardMode, PATTERNS_MAX};

/// `[guards.NAME]`; its name is its key.
#[derive(Debug, Clone)]
pub struct GuardEntry {
    /// The guard, without its name.
    pub guard: Guard,
    /// Where it stands.
    pub place: At<()>,
}

pub(super) fn guard(table: Section) -> GuardEntry {
    for name in ["detect", "label", "restore"] {
        table.not_yet(name);
    }
    for item in table.item("apply").map(|item| item.items()).unwrap_or_default() {
        item.word(&[("request", ())]);
    }
    let _ = table.word("on_error", &[("block", ())]);
    let mut patterns = Vec::new();
    for (name, item) in table.section("patterns").map(|section| section.each()).unwrap_or_default()
    {
        match item.string().map(|text| guard::pattern(&text)) {
            Some(Ok(pattern)) => patterns.push((name, pattern)),
            Some(Err(why)) => item.complain(format!("no regular expression: {why}")),
            None => {}
        }
    }
    if patterns.is_empty() || PATTERNS_MAX < patterns.len() {
        table.complain(format!("a guard needs `patterns`, 1 to {PATTERNS_MAX}: name = \"regex\""));
    }
    let actions = [("block", GuardAction::Block), ("log", GuardAction::Log)];
    let modes =
        [("enforce", GuardMode::Enforce), ("shadow", GuardMode::Shadow), ("off", GuardMode::Off)];
    GuardEntry {
        guard: Guard {
            name: String::new(),
            patterns,
            action: table.word("action", &actions).unwrap_or(GuardAction::Block),
            mode: table.word("mode", &modes).unwrap_or_default(),
        },
        place: table.place(),
    }
}
