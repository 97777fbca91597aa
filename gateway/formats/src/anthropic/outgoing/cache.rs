//! At most four cache breakpoints.

use crate::conversation::{Part, PartKind, Tool, Turn};

/// The most breakpoints that a request may have.
const MOST: usize = 4;

/// Takes the marks off that are too many, the first ones first: the last ones save the most. Tells whether any was.
pub(super) fn keep_the_last(tools: &mut [Tool], system: &mut [Part], turns: &mut [Turn]) -> bool {
    let mut kept = 0;
    let mut dropped = false;
    let mut count = |mark: &mut Option<_>| {
        if mark.is_some() && kept == MOST {
            *mark = None;
            dropped = true;
        } else if mark.is_some() {
            kept += 1;
        }
    };
    for part in turns.iter_mut().rev().flat_map(|turn| turn.parts.iter_mut().rev()) {
        match &mut part.kind {
            // Reasoning cannot be marked.
            PartKind::Reasoning { .. } | PartKind::Sealed(_) => part.cache = None,
            PartKind::ToolResult { parts, .. } => {
                count(&mut part.cache);
                parts.iter_mut().rev().for_each(|part| count(&mut part.cache));
            }
            _ => count(&mut part.cache),
        }
    }
    system.iter_mut().rev().for_each(|part| count(&mut part.cache));
    tools.iter_mut().rev().for_each(|tool| count(&mut tool.cache));
    dropped
}
