//! What the tests of the counters are about.

use tollgate_contract::{
    budget::{Budget, Mode, OnExceed, Scope, Window},
    ids::BudgetId,
    money::NanoUsd,
};

/// A hard budget per day.
pub(super) fn budget(id: &str, limit: i64) -> Budget {
    Budget {
        id: BudgetId::new(id),
        scope: Scope::default(),
        limit: NanoUsd::new(limit),
        window: Window::Day,
        on_exceed: OnExceed::Block,
        on_outage: None,
        alert_at: Vec::new(),
        mode: Mode::Enforce,
    }
}
