//! Where a budget's window begins, and what the events from there on add up to.

use super::event::whole;
use crate::store::{
    budgets::BudgetRow,
    usage::{
        intake::EventRow,
        ledger::{Group, Range},
    },
};
use chrono::{DateTime, Duration, Utc};
use std::collections::HashMap;
use tollgate_contract::{
    budget::{Scope, Span},
    event::UsageEvent,
    ids::ProviderId,
};

/// Around the start of a window, clocks may differ this much.
const CLOCKS_DIFFER: Duration = Duration::seconds(5);
/// Gateways know of a new budget after this time.
const LEARNED_AFTER: Duration = Duration::seconds(15);
/// A request is read and planned in less than this.
const UNDERSTOOD_WITHIN: Duration = Duration::minutes(15);

/// Where a budget's window begins: at `usual`, or as near to it as the clocks allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begins {
    pub(super) usual: DateTime<Utc>,
    pub(super) earliest: DateTime<Utc>,
    pub(super) latest: DateTime<Utc>,
    pub(super) is_new: bool,
}

impl Begins {
    pub(super) fn of(budget: &BudgetRow, span: &Span) -> Self {
        let start = DateTime::from_timestamp_millis(span.start_ms).unwrap_or(DateTime::UNIX_EPOCH);
        if start + CLOCKS_DIFFER < budget.created_at {
            let at = budget.created_at;
            Self {
                usual: at,
                earliest: at - CLOCKS_DIFFER,
                latest: at + LEARNED_AFTER,
                is_new: true,
            }
        } else {
            Self {
                usual: start,
                earliest: start - CLOCKS_DIFFER,
                latest: start + CLOCKS_DIFFER,
                is_new: false,
            }
        }
    }

    pub(super) fn range(self, received_until: DateTime<Utc>, or_ids: Vec<String>) -> Range {
        Range {
            from: self.earliest,
            exact_until: self.latest,
            came_in_from: if self.is_new {
                self.earliest
            } else {
                self.earliest - UNDERSTOOD_WITHIN
            },
            by_arrival: self.is_new,
            received_until,
            or_ids,
        }
    }
}

/// An event that is still in the stream, if it is in the range.
pub(super) fn group_of(row: &EventRow, range: &Range, costs: &HashMap<&str, i64>) -> Option<Group> {
    let event: UsageEvent = serde_json::from_str(&row.event).ok()?;
    let stage = |name: &str| event.timing_us.get(name).copied().unwrap_or(0);
    let before =
        if range.by_arrival { 0 } else { stage("understand").saturating_add(stage("plan")) };
    let reserved_at = row.at.checked_add_signed(Duration::microseconds(whole(before)))?;
    (range.from <= reserved_at && range.came_in_from <= row.at).then(|| Group {
        reserved_at: (reserved_at < range.exact_until).then_some(reserved_at),
        team: row.team.clone(),
        member: row.member.clone(),
        api_key: row.api_key.clone(),
        target: row.target.clone(),
        plan: event
            .decision
            .as_ref()
            .and_then(|decision| serde_json::to_value(&decision.plan).ok()),
        passed: event.timing_us.contains_key("hold") || row.error.as_deref() == Some("expired"),
        original: row.adjusts.is_none(),
        charged: row.cost_nano_usd != 0,
        events: 1,
        cost_nano_usd: row.cost_nano_usd,
        corrected_nano_usd: row
            .adjusts
            .as_deref()
            .and_then(|id| costs.get(id).copied())
            .unwrap_or(0),
    })
}

/// What a group of events adds to a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) reserved_at: Option<DateTime<Utc>>,
    pub(super) cost: i64,
    /// Requests that certainly count.
    pub(super) certain: i64,
    /// Requests that may count.
    pub(super) possible: i64,
}

impl Part {
    pub(super) fn of(scope: &Scope, group: &Group) -> Option<Self> {
        use tollgate_contract::ids;
        let id = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (team, member) =
            (id(&group.team).map(ids::TeamId::new), id(&group.member).map(ids::MemberId::new));
        if !scope.covers_caller(
            team.as_ref(),
            member.as_ref(),
            &ids::ApiKeyId::new(group.api_key.as_str()),
        ) {
            return None;
        }
        let covers = |target: &str| {
            let provider = ProviderId::new(target.split('/').next().unwrap_or_default());
            !scope.names_targets() || scope.covers_target(&provider, target)
        };
        let plan = group.plan.as_ref().and_then(serde_json::Value::as_array);
        let planned = plan.into_iter().flatten().filter_map(serde_json::Value::as_str).any(covers);
        let served = if group.target.is_empty() {
            planned || !scope.names_targets()
        } else {
            covers(&group.target)
        };
        let counts = group.original && group.passed && (planned || served);
        let certain = counts && served && group.charged;
        Some(Self {
            reserved_at: group.reserved_at,
            cost: match (served, group.original) {
                (true, _) => group.cost_nano_usd,
                (false, true) => 0,
                // It was charged while nobody knew what had served.
                (false, false) => {
                    if planned {
                        -group.corrected_nano_usd
                    } else {
                        0
                    }
                }
            },
            certain: if certain { group.events } else { 0 },
            possible: if counts { group.events } else { 0 },
        })
    }
}

/// How far a counter is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) cost: i64,
    pub(super) cost_off: i64,
    pub(super) events_off: i64,
}

/// Compares a counter with the events from the window's beginning: wherever near to it the sums agree, otherwise from
/// where it usually is.
pub(super) fn difference(
    parts: Vec<Part>,
    usual: DateTime<Utc>,
    settled: i64,
    requests: i64,
) -> Difference {
    let (mut near, sure): (Vec<Part>, Vec<Part>) =
        parts.into_iter().partition(|part| part.reserved_at.is_some());
    near.sort_by_key(|part| std::cmp::Reverse(part.reserved_at));
    let mut sum = Part::default();
    for part in &sure {
        sum = sum.plus(part);
    }
    // Latest first: each step lets the window begin a little earlier.
    let mut at_usual = sum;
    let mut agreeing = Some(sum).filter(|sum| sum.against(settled, requests).agrees());
    for (index, part) in near.iter().enumerate() {
        sum = sum.plus(part);
        if Some(usual) <= part.reserved_at {
            at_usual = sum;
        }
        let between = near.get(index + 1).is_none_or(|next| next.reserved_at != part.reserved_at);
        if between && agreeing.is_none() && sum.against(settled, requests).agrees() {
            agreeing = Some(sum);
        }
    }
    let usually = at_usual.against(settled, requests);
    match agreeing {
        Some(sum) if !usually.agrees() => sum.against(settled, requests),
        _ => usually,
    }
}

impl Part {
    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            reserved_at: None,
            cost: self.cost.saturating_add(other.cost),
            certain: self.certain + other.certain,
            possible: self.possible + other.possible,
        }
    }

    pub(super) fn against(self, settled: i64, requests: i64) -> Difference {
        Difference {
            cost: self.cost,
            cost_off: settled.saturating_sub(self.cost),
            events_off: requests - requests.clamp(self.certain, self.possible),
        }
    }
}

impl Difference {
    pub(super) fn agrees(self) -> bool {
        self.cost_off == 0 && self.events_off == 0
    }
}
