//! Cache points: their number and their lifetime, as the model takes them.

use crate::{
    bedrock::model::{Caches, Model},
    conversation::{CacheMark, Fit, Part, PartKind, Tool, Turn},
};

/// The most cache points that a request may have.
const MOST: usize = 4;

/// Takes off the marks that the model does not take, and those that are too many, the first ones first: the last ones
/// save the most.
pub(super) fn fit_marks(
    model: &Model,
    tools: &mut [Tool],
    system: &mut [Part],
    turns: &mut [Turn],
    fit: &mut Fit,
) {
    let (mut kept, mut dropped, mut shortened) = (0, false, false);
    let mut take = |mark: &mut Option<CacheMark>, taken: bool| {
        if mark.is_some() && (!taken || kept == MOST) {
            *mark = None;
            dropped = true;
        }
        if mark.is_some() {
            kept += 1;
            let long = *mark == Some(CacheMark::OneHour) && !model.caches_for_an_hour;
            if long {
                *mark = Some(CacheMark::Default);
                shortened = true;
            }
        }
    };
    let messages = model.caches != Caches::Nothing;
    for part in turns.iter_mut().rev().flat_map(|turn| turn.parts.iter_mut().rev()) {
        match &part.kind {
            // Reasoning cannot be marked.
            PartKind::Reasoning { .. } | PartKind::Sealed(_) => part.cache = None,
            _ => take(&mut part.cache, messages),
        }
    }
    system.iter_mut().rev().for_each(|part| take(&mut part.cache, messages));
    let all = model.caches == Caches::All;
    tools.iter_mut().rev().for_each(|tool| take(&mut tool.cache, all));
    if dropped {
        fit.hint("cache_control");
    }
    if shortened {
        fit.replaced("cache_control.ttl", "5m");
    }
}
