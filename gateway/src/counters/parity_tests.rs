//! The same operations against the rules in memory and the scripts in Redis: both must count the same.

use super::{
    Refusal,
    core::Core,
    core_tests::{Step, steps},
    fixture::{budget, concurrent, id, request, spend},
    fixture_redis::{Node, Server},
    limits::{Counter, Verdict, prepare},
    remote::Timing,
    types::{Hold, HoldRequest},
};
use jiff::Timestamp;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{
    budget::{Budget, Window},
    ids::TenantId,
};

const CONCURRENT: u64 = 4;

/// A hold that both granted.
struct Both {
    request: HoldRequest,
    core: Vec<Counter>,
    redis: Hold,
}

fn budgets() -> [Budget; 2] {
    // Windows that never end: the two clocks may differ.
    let total = |name, limit| Budget { window: Window::Total, ..budget(name, limit) };
    [total("b", 100), total("c", 140)]
}

async fn run(
    server: &Server,
    node: &Node,
    tenant: TenantId,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let now = Timestamp::now();
    let now_ms = now.as_millisecond();
    let budgets = budgets();
    let mut core = Core::default();
    let mut open: Vec<Both> = Vec::new();
    for step in steps {
        match step {
            Step::Wait { .. } => {}
            Step::Hold { first, second } => {
                let asked = vec![
                    spend(&budgets[0], first),
                    spend(&budgets[1], second),
                    concurrent(CONCURRENT),
                ];
                let request = HoldRequest { tenant: tenant.clone(), ..request(id(), asked) };
                let in_core = core.hold(now_ms, request.id, &prepare(&request, now));
                let in_redis = node.counters.hold(request.clone()).await;
                match (in_core, in_redis) {
                    (Verdict::Granted { counters, .. }, Ok(redis)) => {
                        open.push(Both { request, core: counters, redis })
                    }
                    (Verdict::Denied(core), Err(Refusal::Denied(redis))) => {
                        proptest::prop_assert_eq!(
                            format!("{:?}", core.by),
                            format!("{:?}", redis.by)
                        );
                    }
                    (core, redis) => {
                        return Err(TestCaseError::fail(format!("{core:?} but {redis:?}")));
                    }
                }
            }
            Step::Settle { which, percent } if !open.is_empty() => {
                let Both { request, core: counters, redis } = open.swap_remove(which % open.len());
                let cost = percent;
                core.settle(now_ms, request.id, &counters, |_| cost, 0);
                node.settle_soon_for(&tenant, redis, cost);
                node.written().await;
            }
            Step::Settle { .. } => {}
        }
    }
    for budget in &budgets {
        let key = Partition::of(&tenant).budget(&tenant, &budget.id, "t");
        proptest::prop_assert_eq!(
            server.spent(&tenant, budget.id.as_str()).await,
            core.spent(&key)
        );
    }
    let key = Partition::of(&tenant).concurrent(&tenant, "k:ci");
    proptest::prop_assert_eq!(server.under_way(&tenant).await, core.under_way(&key) as i64);
    Ok(())
}

#[test]
fn memory_and_redis_count_the_same() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (server, node) = runtime.block_on(async {
        let server = Server::start().await;
        let node = Node::new(&server, Timing::USUAL);
        (server, node)
    });
    let cases = Cell::new(0);
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let result = runner.run(&steps(), |steps| {
        // Each case has counters of its own.
        cases.set(cases.get() + 1);
        let tenant = TenantId::new(format!("acme-{}", cases.get()));
        runtime.block_on(run(&server, &node, tenant, steps))
    });
    runtime.block_on(async { drop(node) });
    result.expect("both count the same");
}
