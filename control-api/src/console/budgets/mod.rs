//! Budgets: list, one budget, its end. What is asked is in `fields`.

mod edit;
mod fields;
mod list;

pub use edit::{ask, ask_to_delete, change, create, delete, show};
pub use list::list;

use super::{Visit, clock::shown, scope};
use crate::{
    domain::usage::{self, BudgetState},
    error::ApiError,
    ids::BudgetId,
    store::{self, usage::report},
};
use std::collections::{BTreeMap, HashMap};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{layout::Shell, pages::budgets::BudgetRow};

/// Where the list is.
const LIST: &str = "/console/budgets";

/// Budgets with where they stand, and whether the counters could be read.
async fn rows<P>(
    visit: &Visit<P>,
    shell: &Shell,
    budgets: Vec<store::budgets::BudgetRow>,
) -> Result<(Vec<BudgetRow>, bool), ApiError> {
    let names = names(visit, &budgets).await?;
    let states =
        usage::budget_state(&visit.state, visit.actor.tenant, &budgets, &shell.zone).await?;
    let counters_known = states.values().all(|state| state.held.is_some());
    Ok((budgets.into_iter().map(|budget| row(budget, &names, &states)).collect(), counters_known))
}

/// What people call the ids in the scopes of budgets.
async fn names<P>(
    visit: &Visit<P>,
    budgets: &[store::budgets::BudgetRow],
) -> Result<HashMap<String, String>, ApiError> {
    let ids: Vec<String> = budgets.iter().flat_map(scope::ids).collect();
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    Ok(report::names(&mut tx, ids.iter().map(String::as_str)).await?)
}

fn row(
    budget: store::budgets::BudgetRow,
    names: &HashMap<String, String>,
    states: &BTreeMap<BudgetId, BudgetState>,
) -> BudgetRow {
    let id = BudgetId(budget.id);
    let state = states.get(&id);
    BudgetRow {
        id: id.to_string(),
        scope: scope::in_words(&budget, names),
        limit: NanoUsd::new(budget.limit_nano_usd),
        used: state.map_or(NanoUsd::ZERO, |state| state.settled),
        held: state.and_then(|state| state.held).unwrap_or(NanoUsd::ZERO),
        resets_at: state.and_then(|state| state.ends_at).map(shown),
        shadow: budget.mode == "shadow",
        name: budget.name,
        window: budget.time_window,
        on_exceed: budget.on_exceed,
    }
}
