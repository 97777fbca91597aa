//! The rules, checked against a model that is too simple to be wrong.

use super::{
    core::Core,
    fixture::{budget, concurrent, id, limits, rate, spend},
    limits::{Counter, Verdict},
    types::{DeniedBy, HoldId, RateKind},
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};
use tollgate_contract::{
    budget::{Budget, Mode, OnExceed, Scope, Window},
    ids::{ProviderId, TenantId},
};

/// 2026-11-22, noon in UTC.
const NOON: i64 = 1_795_348_800_000;
const HOUR: i64 = 3_600_000;
const DAY_KEY: &str = "b:acme:bud:b:d20261122";

fn granted(verdict: Verdict) -> Vec<Counter> {
    match verdict {
        Verdict::Granted { counters, .. } => counters,
        other => panic!("it was not granted: {other:?}"),
    }
}

fn denied(verdict: Verdict) -> super::Denial {
    match verdict {
        Verdict::Denied(denial) => denial,
        other => panic!("it was not denied: {other:?}"),
    }
}

fn key(name: &str) -> String {
    format!("{}{name}", tollgate_contract::counter_keys::Partition::of(&TenantId::new("acme")))
}

#[test]
fn what_is_held_counts_until_it_is_settled() {
    let mut core = Core::default();
    let budget = budget("b", 100);
    let first = id();
    let counters = granted(core.hold(NOON, first, &limits(NOON, vec![spend(&budget, 60)])));

    let denial = denied(core.hold(NOON, id(), &limits(NOON, vec![spend(&budget, 41)])));
    let DeniedBy::Budget(state) = denial.by else { panic!("the budget denies") };
    assert_eq!((state.settled.as_nanos(), state.held.as_nanos()), (0, 60));
    assert_eq!(denial.retry_after, Some(Duration::from_millis(12 * HOUR as u64)));

    core.settle(NOON, first, &counters, |_| 40, 0);
    assert_eq!(core.spent(&key(DAY_KEY)), (40, 0));
    core.settle(NOON, first, &counters, |_| 40, 0);
    assert_eq!(core.spent(&key(DAY_KEY)), (40, 0), "a second settlement counts nothing");
    granted(core.hold(NOON, id(), &limits(NOON, vec![spend(&budget, 60)])));
    denied(core.hold(NOON, id(), &limits(NOON, vec![spend(&budget, 1)])));
}

#[test]
fn one_limit_that_refuses_leaves_all_others_untouched() {
    let mut core = Core::default();
    let (wide, narrow) = (budget("b", 100), budget("narrow", 10));
    let all =
        vec![spend(&wide, 20), concurrent(1), rate(RateKind::Requests, 60, 1), spend(&narrow, 20)];
    let denial = denied(core.hold(NOON, id(), &limits(NOON, all)));
    assert!(matches!(denial.by, DeniedBy::Budget(state) if state.budget.id.as_str() == "narrow"));
    assert_eq!(denial.rates[0].remaining, 10);
    assert_eq!(core.entries(), 0);
}

#[test]
fn a_hold_is_settled_in_the_window_in_which_it_was_made() {
    let mut core = Core::default();
    let (budget, hold) = (budget("b", 100), id());
    let counters = granted(core.hold(NOON, hold, &limits(NOON, vec![spend(&budget, 60)])));
    let tomorrow = NOON + 13 * HOUR;
    granted(core.hold(tomorrow, id(), &limits(NOON, vec![spend(&budget, 100)])));
    core.settle(tomorrow, hold, &counters, |_| 50, 0);
    assert_eq!(core.spent(&key(DAY_KEY)), (50, 0));
    assert_eq!(core.spent(&key("b:acme:bud:b:d20261123")), (0, 100));
}

#[test]
fn candidate_windows_that_are_both_over_are_not_used() {
    let mut core = Core::default();
    let later = NOON + 72 * HOUR;
    let verdict = core.hold(later, id(), &limits(NOON, vec![spend(&budget("b", 100), 1)]));
    assert!(matches!(verdict, Verdict::Window(now) if now == later));
}

#[test]
fn a_budget_that_only_reports_counts_and_refuses_nothing() {
    let soft = [
        Budget { mode: Mode::Shadow, ..budget("b", 10) },
        Budget { on_exceed: OnExceed::Alert, ..budget("b", 10) },
    ];
    for budget in soft {
        let mut core = Core::default();
        granted(core.hold(NOON, id(), &limits(NOON, vec![spend(&budget, 1_000)])));
        assert_eq!(core.spent(&key(DAY_KEY)), (0, 1_000));
    }
}

#[test]
fn rates_and_concurrency_say_when_to_come_again() {
    let mut core = Core::default();
    let hold = id();
    let asked = vec![concurrent(1), rate(RateKind::Tokens, 60, 8)];
    let counters = granted(core.hold(NOON, hold, &limits(NOON, asked)));

    let busy = denied(core.hold(NOON, id(), &limits(NOON, vec![concurrent(1)])));
    assert!(matches!(busy.by, DeniedBy::Concurrent(1)));
    assert_eq!(busy.retry_after, Some(Duration::from_secs(1)));
    let slow = denied(core.hold(NOON, id(), &limits(NOON, vec![rate(RateKind::Tokens, 60, 5)])));
    assert_eq!(slow.retry_after, Some(Duration::from_secs(3)));

    core.settle(NOON, hold, &counters, |_| 0, 3);
    granted(core.hold(NOON, id(), &limits(NOON, vec![concurrent(1)])));
    granted(core.hold(NOON, id(), &limits(NOON, vec![rate(RateKind::Tokens, 60, 7)])));
}

#[test]
fn a_budget_for_certain_targets_is_not_charged_for_others() {
    let scope = Scope { provider: Some(ProviderId::new("alpha")), ..Scope::default() };
    let budget = Arc::new(Budget { scope, ..budget("b", 100) });
    let counter = limits(NOON, vec![spend(&budget, 10)])[0].counter(0).expect("a counter");
    for (target, charge) in [(Some("alpha/m"), 9), (Some("beta/m"), 0), (None, 9)] {
        let mut event = super::fixture::event(id(), 9);
        event.target = target.map(str::to_owned);
        assert_eq!(counter.charge(9, &event), charge, "{target:?}");
    }
}

#[test]
fn each_alert_is_seen_by_one_settlement() {
    let mut core = Core::default();
    let budget = budget("b", 1_000);
    let mut seen = Vec::new();
    for cost in [100, 0, 500] {
        let hold = id();
        let counters = granted(core.hold(NOON, hold, &limits(NOON, vec![spend(&budget, 500)])));
        let charged = core.settle(NOON, hold, &counters, |_| cost, 0);
        seen.extend(charged.iter().map(|charged| (charged.before, charged.after)));
    }
    assert_eq!(seen, [(0, 100), (100, 600)]);
}

#[test]
fn memory_is_bounded_by_what_is_in_use() {
    let mut core = Core::default();
    let daily = Budget { window: Window::Hour, ..budget("b", 100) };
    for day in 0..200 {
        let now = NOON + day * 24 * HOUR;
        let hold = id();
        let asked = vec![spend(&daily, 10), rate(RateKind::Tokens, 60, 5), concurrent(9)];
        let counters = granted(core.hold(now, hold, &limits(now, asked)));
        core.settle(now, hold, &counters, |_| 10, 5);
        assert!(core.entries() <= 4, "{} entries on day {day}", core.entries());
    }
}

/// What a client may do. Indices are taken modulo what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Hold { first: i64, second: i64 },
    Settle { which: usize, percent: i64 },
    Wait { ms: i64 },
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0i64..60, 0i64..60).prop_map(|(first, second)| Step::Hold { first, second }),
        2 => (any::<usize>(), 0i64..=100).prop_map(|(which, percent)| Step::Settle { which, percent }),
        1 => (0i64..10 * HOUR).prop_map(|ms| Step::Wait { ms }),
    ];
    prop::collection::vec(step, 1..80)
}

const LIMITS: [i64; 2] = [100, 140];
const CONCURRENT: u64 = 4;

/// A hold that the model knows.
struct Open {
    id: HoldId,
    counters: Vec<Counter>,
    amounts: [i64; 2],
    day: i64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_the_model_does(steps in steps()) {
        let budgets = [budget("b", LIMITS[0]), budget("c", LIMITS[1])];
        let mut core = Core::default();
        let mut now = NOON;
        let mut open: Vec<Open> = Vec::new();
        // Settled by day and budget.
        let mut settled: std::collections::HashMap<(i64, usize), i64> = Default::default();
        for step in steps {
            let day = now.div_euclid(24 * HOUR);
            match step {
                Step::Wait { ms } => now += ms,
                Step::Hold { first, second } => {
                    let amounts = [first, second];
                    let id = id();
                    let asked = vec![spend(&budgets[0], first), spend(&budgets[1], second), concurrent(CONCURRENT)];
                    let held = |which: usize| -> i64 {
                        open.iter().filter(|hold| hold.day == day).map(|hold| hold.amounts[which]).sum()
                    };
                    let fits = (0..2).all(|which| {
                        let settled = settled.get(&(day, which)).copied().unwrap_or(0);
                        settled + held(which) + amounts[which] <= LIMITS[which]
                    }) && (open.len() as u64) < CONCURRENT;
                    match core.hold(now, id, &limits(now, asked)) {
                        Verdict::Granted { counters, .. } => {
                            prop_assert!(fits, "granted what does not fit");
                            open.push(Open { id, counters, amounts, day });
                        }
                        Verdict::Denied(_) => prop_assert!(!fits, "denied what fits"),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                Step::Settle { which, percent } if !open.is_empty() => {
                    let hold = open.swap_remove(which % open.len());
                    let cost = |amount: i64| amount * percent / 100;
                    let cost_of = |counter: &Counter| cost(counter.held);
                    core.settle(now, hold.id, &hold.counters, cost_of, 0);
                    for (which, amount) in hold.amounts.iter().enumerate() {
                        *settled.entry((hold.day, which)).or_default() += cost(*amount);
                    }
                }
                Step::Settle { .. } => {}
            }
            let day = now.div_euclid(24 * HOUR);
            for (which, budget) in budgets.iter().enumerate() {
                let counter = limits(now, vec![spend(budget, 0)])[0].counter(0).expect("a counter");
                let (in_core, held) = core.spent(&counter.key);
                prop_assert!(in_core + held <= LIMITS[which]);
                prop_assert_eq!(in_core, settled.get(&(day, which)).copied().unwrap_or(0));
            }
        }
        for hold in open {
            core.settle(now, hold.id, &hold.counters, |_| 0, 0);
        }
        prop_assert_eq!(core.under_way(&key("c:acme:k:ci")), 0);
        prop_assert_eq!(core.held_in_all(), 0);
    }
}
