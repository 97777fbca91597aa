//! Tells once when a budget's window crosses one of its alert thresholds.

use tollgate_contract::{budget::Budget, ids::TenantId};

/// Reports the thresholds between what was charged when somebody last looked and what is charged now.
pub(super) fn report(tenant: &TenantId, budget: &Budget, before: i64, after: i64) {
    for percent in crossed(budget, before, after) {
        tracing::warn!(
            tenant.id = %tenant, budget = %budget.name, percent,
            "Budget {} of tenant {tenant} has used {percent} % of its limit", budget.name,
        );
    }
}

fn crossed(budget: &Budget, before: i64, after: i64) -> impl Iterator<Item = u8> {
    let limit = i128::from(budget.limit.as_nanos());
    let threshold = move |percent: u8| limit * i128::from(percent);
    let between = move |percent: &u8| {
        let threshold = threshold(*percent);
        i128::from(before) * 100 < threshold && threshold <= i128::from(after) * 100
    };
    budget.alert_at.iter().copied().filter(between)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use tollgate_contract::money::NanoUsd;

    #[test]
    fn a_threshold_is_told_when_it_is_reached_and_not_again() {
        let budget = Budget {
            limit: NanoUsd::new(1_000),
            alert_at: vec![50, 80, 100],
            ..fixture::budget("b", 0)
        };
        let cases: [(i64, i64, &[u8]); 6] = [
            (0, 499, &[]),
            (0, 500, &[50]),
            (500, 799, &[]),
            (499, 1_000, &[50, 80, 100]),
            (1_000, 5_000, &[]),
            (900, 800, &[]),
        ];
        for (before, after, expected) in cases {
            assert_eq!(
                crossed(&budget, before, after).collect::<Vec<_>>(),
                expected,
                "{before} to {after}"
            );
        }
    }
}
