//! Where budgets stand in their running windows: as the counters say, or, while they are out of reach, as the stored
//! events say.

use crate::{
    domain::ledger,
    error::ApiError,
    ids::{ApiKeyId, BudgetId, MemberId, TeamId},
    state::State,
    store::{TenantTx, budgets::BudgetRow},
};
use jiff::{Timestamp, tz::TimeZone};
use std::{collections::HashMap, time::Duration};
use tollgate_contract::{budget::Span, money::NanoUsd};

/// A page does not wait longer for the counters.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a budget stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Used in this window.
    pub used: NanoUsd,
    /// Held for requests under way; nothing while the counters are out of reach.
    pub held: NanoUsd,
    /// When the window ends; absent for `total`.
    pub resets_at: Option<Timestamp>,
}

/// Where budgets stand, in their order.
pub async fn of(
    state: &State,
    tx: &mut TenantTx,
    budgets: &[BudgetRow],
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Vec<Standing>, ApiError> {
    let spans: Vec<Span> =
        budgets.iter().map(|budget| ledger::window_of(budget).current_and_next(now, zone).0).collect();
    let amounts = match counted(state, tx, budgets, &spans).await {
        Some(amounts) => amounts,
        None => spent(tx, budgets, &spans).await?,
    };
    let standing = |((used, held), span): ((i64, i64), &Span)| Standing {
        used: NanoUsd::new(used),
        held: NanoUsd::new(held),
        resets_at: Some(span.end_ms)
            .filter(|end| *end != i64::MAX)
            .and_then(|end| Timestamp::from_millisecond(end).ok()),
    };
    Ok(amounts.into_iter().zip(&spans).map(standing).collect())
}

/// Settled and held amounts by the counters; `None` while they are out of reach.
async fn counted(state: &State, tx: &TenantTx, budgets: &[BudgetRow], spans: &[Span]) -> Option<Vec<(i64, i64)>> {
    if budgets.is_empty() {
        return Some(Vec::new());
    }
    let mut pipe = redis::pipe();
    for (budget, span) in budgets.iter().zip(spans) {
        let key = ledger::counter_key(tx.tenant(), BudgetId(budget.id), span);
        pipe.cmd("HMGET").arg(key).arg("s").arg("h");
    }
    let mut redis = state.redis.clone();
    let answer = pipe.query_async::<Vec<(Option<i64>, Option<i64>)>>(&mut redis);
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(amounts)) => {
            Some(amounts.into_iter().map(|(used, held)| (used.unwrap_or(0), held.unwrap_or(0))).collect())
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "The counters cannot be read");
            None
        }
        Err(_) => None,
    }
}

async fn spent(tx: &mut TenantTx, budgets: &[BudgetRow], spans: &[Span]) -> Result<Vec<(i64, i64)>, ApiError> {
    let mut amounts = Vec::with_capacity(budgets.len());
    for (budget, span) in budgets.iter().zip(spans) {
        amounts.push((ledger::spent(tx, budget, span).await?, 0));
    }
    Ok(amounts)
}

/// A budget's scope in words. `names` has what people call the ids.
pub fn scope(budget: &BudgetRow, names: &HashMap<String, String>) -> String {
    let named = |id: String| names.get(&id).cloned().unwrap_or(id);
    let parts = [
        budget.team_id.map(|id| format!("team {}", named(TeamId(id).to_string()))),
        budget.member_id.map(|id| format!("member {}", named(MemberId(id).to_string()))),
        budget.api_key_id.map(|id| format!("API key {}", named(ApiKeyId(id).to_string()))),
        budget.provider.as_ref().map(|name| format!("provider {name}")),
        budget.models.as_ref().map(|models| format!("models {}", models.join(", "))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "All requests".to_owned() } else { parts.join(" · ") }
}

/// The ids that a budget's scope names, to be looked up.
pub fn scope_ids(budget: &BudgetRow) -> impl Iterator<Item = String> + use<> {
    let ids = [
        budget.team_id.map(|id| TeamId(id).to_string()),
        budget.member_id.map(|id| MemberId(id).to_string()),
        budget.api_key_id.map(|id| ApiKeyId(id).to_string()),
    ];
    ids.into_iter().flatten()
}
