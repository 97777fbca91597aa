//! What budgets stand at now.

use super::span_of;
use crate::{
    domain::ledger::{Counter, counter_key, spent, window_of},
    error::ApiError,
    ids::{BudgetId, TenantId},
    state::State,
    store::budgets::BudgetRow,
};
use chrono::{DateTime, Utc};
use jiff::tz::TimeZone;
use redis::Value;
use std::collections::BTreeMap;
use tollgate_contract::{budget::Span, money::NanoUsd};

/// How long a page waits for the counters.
const COUNTERS_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// What a budget's running window stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetState {
    /// Charged.
    pub settled: NanoUsd,
    /// Reserved for requests under way; absent while the counters are out of reach.
    pub held: Option<NanoUsd>,
    /// When the window began; absent for one that never ends.
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends; absent if never.
    pub ends_at: Option<DateTime<Utc>>,
}

/// What budgets of one tenant stand at, by id: as the counters say, or else as the stored events do.
pub async fn budget_state(
    state: &State,
    tenant: TenantId,
    budgets: &[BudgetRow],
    zone: &TimeZone,
) -> Result<BTreeMap<BudgetId, BudgetState>, ApiError> {
    let now = Utc::now();
    let spans: Vec<Span> =
        budgets.iter().map(|budget| span_of(window_of(budget), now, zone)).collect();
    let counters = counters(state, tenant, budgets, &spans).await;
    let mut states = BTreeMap::new();
    let mut tx = None;
    for (index, (budget, span)) in budgets.iter().zip(&spans).enumerate() {
        let counter = counters.as_ref().and_then(|counters| counters.get(index));
        let settled = match counter {
            Some(counter) => counter.settled,
            None => {
                let tx = match &mut tx {
                    Some(tx) => tx,
                    none => none.insert(state.db.tenant(tenant).await?),
                };
                spent(tx, budget, span).await?
            }
        };
        let ends = span.end_ms < i64::MAX;
        let time = |ms: i64| DateTime::from_timestamp_millis(ms).filter(|_| ends);
        let budget_state = BudgetState {
            settled: NanoUsd::new(settled),
            held: counter.map(|counter| NanoUsd::new(counter.held)),
            starts_at: time(span.start_ms),
            ends_at: time(span.end_ms),
        };
        states.insert(BudgetId(budget.id), budget_state);
    }
    Ok(states)
}

pub(super) async fn counters(
    state: &State,
    tenant: TenantId,
    budgets: &[BudgetRow],
    spans: &[Span],
) -> Option<Vec<Counter>> {
    if budgets.is_empty() {
        return Some(Vec::new());
    }
    let mut pipe = redis::pipe();
    for (budget, span) in budgets.iter().zip(spans) {
        pipe.cmd("HMGET").arg(counter_key(tenant, BudgetId(budget.id), span)).arg(&Counter::FIELDS);
    }
    let mut redis = state.redis.clone();
    let asked = pipe.query_async::<Vec<Value>>(&mut redis);
    let answers = match tokio::time::timeout(COUNTERS_WAIT, asked).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => {
            tracing::warn!(%error, "The counters of budgets cannot be read: their stored events are summed instead");
            return None;
        }
        Err(_) => {
            tracing::warn!(
                "The counters of budgets do not answer: their stored events are summed instead"
            );
            return None;
        }
    };
    answers.into_iter().map(Counter::read).collect::<Result<_, _>>().ok()
}
