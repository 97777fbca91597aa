//! What happens when Redis is gone, hangs, or comes back empty.

use super::{
    Refusal,
    fixture::{budget, concurrent, id, limits, rate, request, spend, spend_or, tenant},
    fixture_redis::{HASTY, Node, Server, until},
    memory::Memory,
    outage::{Breaker, Health, decide},
    remote::Timing,
    types::{DeniedBy, RateKind},
};
use std::time::{Duration, Instant};
use tollgate_contract::budget::{
    Budget,
    OnOutage::{Allow, Deny, Lease},
    Window,
};

const TIMEOUT: Duration = Duration::from_millis(50);
const DOLLAR: i64 = 1_000_000_000;

fn total(name: &str, limit: i64) -> Budget {
    Budget { window: Window::Total, ..budget(name, limit) }
}

fn node(server: &Server) -> Node {
    let mut node = Node::with_timeout(server, Timing::USUAL, TIMEOUT);
    node.start_background();
    node
}

/// Asks until it is granted: the first decision also makes the connection, which may take longer than a decision.
async fn warm(node: &Node, budget: &Budget) {
    until("Redis decides", || async {
        let Ok(hold) = node.hold(vec![spend(budget, 0)]).await else { return false };
        node.settle(hold, 0, 0).await;
        true
    })
    .await;
}

#[test]
fn the_breaker_opens_after_five_failures_in_a_second_or_one_refusal() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut breaker = Breaker::default();
    for ms in [0, 100, 200, 300] {
        assert!(!breaker.failed(at(ms), false));
    }
    assert!(!breaker.failed(at(1_150), false), "the first two are too long ago");
    assert!(!breaker.failed(at(1_190), false));
    assert!(breaker.failed(at(1_200), false));
    assert!(!breaker.failed(at(1_201), false), "it is open already");
    breaker.recovered(at(2_000));
    assert!(breaker.failed(at(2_001), true));
}

#[test]
fn a_budget_does_in_an_outage_what_it_says() {
    // 1 % of 200 USD is more than a dollar, 1 % of 20 USD is less.
    let cases = [
        (Deny, 200 * DOLLAR, 1, false),
        (Allow, 200 * DOLLAR, 150 * DOLLAR, true),
        (Lease, 200 * DOLLAR, DOLLAR, true),
        (Lease, 200 * DOLLAR, DOLLAR + 1, false),
        (Lease, 20 * DOLLAR, DOLLAR / 5, true),
        (Lease, 20 * DOLLAR, DOLLAR / 5 + 1, false),
    ];
    for (policy, limit, amount, served) in cases {
        let request = request(id(), vec![spend_or(&budget("b", limit), amount, policy)]);
        let limits = super::limits::prepare(&request, request.now);
        let result = decide(&Memory::new(), &Health::default(), &request, &limits);
        assert_eq!(result.is_ok(), served, "{policy:?} {limit} {amount}");
        assert!(result.is_ok() || matches!(result, Err(Refusal::Unavailable)));
    }
}

#[test]
fn a_lease_is_spent_once_and_settled_amounts_count() {
    let (memory, health) = (Memory::new(), Health::default());
    let budget = budget("b", 200 * DOLLAR);
    let ask = |amount: i64| {
        let request = request(id(), vec![spend_or(&budget, amount, Lease)]);
        let limits = super::limits::prepare(&request, request.now);
        decide(&memory, &health, &request, &limits).map(|local| (request.id, local))
    };
    let (id, local) = ask(DOLLAR).expect("the whole allowance");
    assert!(ask(1).is_err());
    let event = super::fixture::event(id, 0);
    memory.settle(&tenant(), id, &local.counters, DOLLAR / 4, 0, &event);
    assert!(ask(DOLLAR * 3 / 4 + 1).is_err());
    assert!(ask(DOLLAR * 3 / 4).is_ok());
}

#[test]
fn rates_and_concurrency_are_counted_by_the_node_meanwhile() {
    let (memory, health) = (Memory::new(), Health::default());
    let ask = |asked| {
        let request = request(id(), asked);
        decide(
            &memory,
            &health,
            &request,
            &limits(request.now.as_millisecond(), request.limits.clone()),
        )
    };
    assert!(ask(vec![concurrent(1)]).is_ok());
    let busy = ask(vec![concurrent(1)]);
    assert!(
        matches!(busy, Err(Refusal::Denied(denial)) if matches!(denial.by, DeniedBy::Concurrent(1)))
    );
    assert!(ask(vec![rate(RateKind::Requests, 6, 1)]).is_ok());
    assert!(ask(vec![rate(RateKind::Requests, 6, 1)]).is_err());
}

#[tokio::test]
async fn a_dead_redis_refuses_at_once_and_its_return_loses_nothing() {
    let mut server = Server::start().await;
    let node = node(&server);
    let (hard, soft) = (total("hard", DOLLAR), total("soft", 200 * DOLLAR));
    warm(&node, &hard).await;
    let before = node.hold(vec![spend(&hard, 500), concurrent(9)]).await.expect("it fits");
    server.kill();

    until("it is noticed", || async {
        node.hold(vec![spend(&hard, 1)]).await.is_err() && !node.shared.is_healthy()
    })
    .await;
    let started = Instant::now();
    for _ in 0..100 {
        assert!(matches!(node.hold(vec![spend(&hard, 1)]).await, Err(Refusal::Unavailable)));
    }
    assert!(started.elapsed() < Duration::from_millis(100), "open decisions ask nobody");

    let leased = node.hold(vec![spend_or(&soft, DOLLAR, Lease)]).await.expect("the allowance");
    let allowed =
        node.hold(vec![spend_or(&hard, 300, Allow), concurrent(9)]).await.expect("served");
    assert!(node.hold(vec![spend_or(&soft, 1, Lease)]).await.is_err());
    node.settle_soon(before, 400, 0);
    node.settle_soon(leased, DOLLAR / 2, 0);
    node.settle_soon(allowed, 250, 0);
    // A question that was under way when Redis died is taken back as well.
    assert!(3 <= node.shared.drain(Duration::from_millis(200)).await);

    let returned = Instant::now();
    server.run().await;
    until("decisions are normal", || async { node.hold(vec![spend(&hard, 0)]).await.is_ok() })
        .await;
    node.written().await;
    assert!(returned.elapsed() < Duration::from_secs(5), "{:?}", returned.elapsed());
    assert!(node.shared.is_healthy());
    assert_eq!(server.spent(&tenant(), "hard").await, (650, 0));
    assert_eq!(server.spent(&tenant(), "soft").await, (DOLLAR / 2, 0));
    assert_eq!(server.under_way(&tenant()).await, 0);
    let costs: i64 =
        server.events(&tenant()).await.iter().map(|event| event.cost_nano_usd.as_nanos()).sum();
    assert_eq!(costs, 650 + DOLLAR / 2);
}

#[tokio::test]
async fn a_hanging_redis_delays_a_few_and_its_late_answers_change_nothing() {
    let server = Server::start().await;
    let node = node(&server);
    let budget = total("b", 1_000);
    warm(&node, &budget).await;
    server.signal("STOP");
    let mut slow = 0;
    let mut unknown = Vec::new();
    for which in 0..20 {
        let started = Instant::now();
        let policy = if which % 2 == 0 { Deny } else { Allow };
        match node.hold(vec![spend_or(&budget, 10, policy)]).await {
            Ok(hold) => unknown.push(hold),
            Err(refusal) => assert!(matches!(refusal, Refusal::Unavailable), "{refusal:?}"),
        }
        slow += usize::from(started.elapsed() >= TIMEOUT);
        assert!(started.elapsed() < 5 * TIMEOUT, "{:?}", started.elapsed());
    }
    assert!((1..=5).contains(&slow), "{slow} decisions waited");
    assert_eq!(unknown.len(), 10);
    for hold in unknown {
        node.settle_soon(hold, 4, 0);
    }
    server.signal("CONT");
    until("decisions are normal", || async {
        match node.hold(vec![spend(&budget, 0)]).await {
            Ok(hold) => {
                node.settle_soon(hold, 0, 0);
                true
            }
            Err(_) => false,
        }
    })
    .await;
    node.written().await;
    // Ten were served at 4 each; those that were refused hold nothing, even where Redis granted them late.
    assert_eq!(server.spent(&tenant(), "b").await, (40, 0));
}

#[tokio::test]
async fn counters_that_are_gone_are_no_free_budget() {
    let server = Server::start().await;
    let node = node(&server);
    let budget = total("b", 100);
    warm(&node, &budget).await;
    let hold = node.hold(vec![spend(&budget, 60)]).await.expect("it fits");
    let _: String = server.command(&["FLUSHALL"]).await;
    for _ in 0..10 {
        let refused = node.hold(vec![spend(&budget, 1)]).await;
        assert!(
            matches!(refused, Err(Refusal::Unavailable)),
            "it took the loss for an empty budget"
        );
    }
    node.settle_soon(hold, 50, 0);
    assert_eq!(node.shared.drain(Duration::from_millis(300)).await, 1, "it waits for counters");
    assert_eq!(server.spent(&tenant(), "b").await, (0, 0));

    // A gateway that was restarted accepts counters that start at zero; the others follow.
    let restarted = self::node(&server);
    warm(&restarted, &budget).await;
    node.hold(vec![spend(&budget, 0)]).await.map(drop).expect("the new epoch is adopted");
    node.written().await;
    assert_eq!(server.spent(&tenant(), "b").await.0, 50);
}

#[tokio::test]
async fn a_sweeper_follows_counters_into_a_new_epoch() {
    let server = Server::start().await;
    let sweeper = Node::new(&server, HASTY);
    let budget = total("b", 100);
    warm(&sweeper, &budget).await;
    let _: String = server.command(&["FLUSHALL"]).await;
    // A gateway that starts after the loss, and dies with a hold.
    let short_lived = Node::without_background(&server, HASTY);
    short_lived.hold(vec![spend(&budget, 60)]).await.map(drop).expect("it fits");
    until("it is swept", || async { server.spent(&tenant(), "b").await == (7, 0) }).await;
}

#[tokio::test]
async fn an_idle_connection_that_died_costs_no_decision() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let budget = total("b", 100);
    warm(&node, &budget).await;
    let _: i64 = server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    node.hold(vec![spend(&budget, 60)]).await.map(drop).expect("it is asked again");
    assert_eq!(server.spent(&tenant(), "b").await, (0, 60));
}
