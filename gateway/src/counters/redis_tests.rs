//! The scripts and what calls them, against a real Redis that behaves.

use super::{
    Refusal,
    fixture::{budget, concurrent, id, rate, request, spend, tenant},
    fixture_redis::{HASTY, Node, Server, until},
    queue::{Ended, Job},
    remote::Timing,
    types::{DeniedBy, LimitRequest, RateKind},
};
use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};
use tollgate_contract::counter_keys::Partition;
use tollgate_contract::{
    budget::{Budget, Window},
    money::NanoUsd,
};

fn total(name: &str, limit: i64) -> Budget {
    Budget { window: Window::Total, ..budget(name, limit) }
}

fn denial<T>(result: Result<T, Refusal>) -> super::Denial {
    match result {
        Err(Refusal::Denied(denial)) => denial,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was granted"),
    }
}

#[tokio::test]
async fn what_is_held_counts_until_it_is_settled() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let (budget, tenant) = (total("b", 100), tenant());
    let hold = node.hold(vec![spend(&budget, 60), concurrent(5)]).await.expect("it fits");
    assert_eq!(server.under_way(&tenant).await, 1);

    let DeniedBy::Budget(state) = denial(node.hold(vec![spend(&budget, 41)]).await).by else {
        panic!("the budget denies")
    };
    assert_eq!((state.settled.as_nanos(), state.held.as_nanos()), (0, 60));
    assert_eq!(state.resets_at_ms, None);

    let id = hold.id;
    node.settle(hold, 40, 9).await;
    assert_eq!(server.spent(&tenant, "b").await, (40, 0));
    assert_eq!(server.under_way(&tenant).await, 0);
    let events = server.events(&tenant).await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].id.clone(), events[0].cost_nano_usd.as_nanos()), (id.0.to_string(), 40));
    node.hold(vec![spend(&budget, 60)]).await.expect("it fits");
    denial(node.hold(vec![spend(&budget, 1)]).await);
}

#[tokio::test]
async fn large_amounts_stay_exact() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let most = NanoUsd::MAX_LIMIT.as_nanos();
    let budget = total("b", most);
    let hold = node.hold(vec![spend(&budget, most)]).await.expect("it fits to the last");
    denial(node.hold(vec![spend(&budget, 1)]).await);
    node.settle(hold, most - 1, 0).await;
    assert_eq!(server.spent(&tenant(), "b").await, (most - 1, 0));
    let hold = node.hold(vec![spend(&budget, 1)]).await.expect("it fits to the last");
    denial(node.hold(vec![spend(&budget, 1)]).await);
    node.settle(hold, 1, 0).await;
    assert_eq!(server.spent(&tenant(), "b").await, (most, 0));
}

#[tokio::test]
async fn one_limit_that_refuses_leaves_all_others_untouched() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let narrow = total("narrow", 10);
    let asked = vec![
        spend(&total("b", 100), 20),
        concurrent(1),
        rate(RateKind::Requests, 60, 1),
        spend(&narrow, 20),
    ];
    let denial = denial(node.hold(asked).await);
    assert!(matches!(denial.by, DeniedBy::Budget(state) if state.budget.id.as_str() == "narrow"));
    assert_eq!(denial.rates[0].remaining, 10);
    let keys: Vec<String> = server.command(&["KEYS", "*"]).await;
    assert_eq!(keys, [Partition::of(&tenant()).epoch()]);
}

#[tokio::test]
async fn a_second_asking_or_settling_changes_nothing() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let budget = total("b", 100);
    let hold = node.hold(vec![spend(&budget, 60)]).await.expect("it fits");
    let again = node.hold_as(hold.id, vec![spend(&budget, 60)]).await;
    assert!(matches!(again, Err(Refusal::Duplicate)));
    assert_eq!(server.spent(&tenant(), "b").await, (0, 60));

    let remote = node.shared.remote.as_ref().expect("Redis");
    for _ in 0..3 {
        remote.queue.push(Job::Settle(Box::new(Ended {
            id: hold.id,
            tenant: tenant(),
            counters: hold.counters.clone(),
            cost: 50,
            tokens: 0,
            event: super::fixture::event(hold.id, 50),
        })));
    }
    node.written().await;
    assert_eq!(server.spent(&tenant(), "b").await, (50, 0));
    assert_eq!(server.events(&tenant()).await.len(), 1);
}

#[tokio::test]
async fn two_connections_never_grant_more_than_there_is() {
    let server = Server::start().await;
    let nodes = [Node::new(&server, Timing::USUAL), Node::new(&server, Timing::USUAL)];
    let budget = total("b", 10);
    let asking = (0..200).map(|which| nodes[which % 2].hold(vec![spend(&budget, 1)]));
    let granted: Vec<_> =
        futures_util::future::join_all(asking).await.into_iter().flatten().collect();
    assert_eq!(granted.len(), 10);
    assert_eq!(server.spent(&tenant(), "b").await, (0, 10));
    for hold in granted {
        nodes[0].settle_soon(hold, 1, 0);
    }
    nodes[0].written().await;
    assert_eq!(server.spent(&tenant(), "b").await, (10, 0));
}

#[tokio::test]
async fn rates_say_what_is_left_and_get_back_what_was_not_used() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    // Six a minute refill one token in ten seconds: no test is that slow.
    let six = || vec![rate(RateKind::Requests, 6, 1)];
    let hold = node.hold(six()).await.expect("the first passes");
    assert_eq!((hold.rates[0].limit, hold.rates[0].remaining), (6, 0));
    let refused = denial(node.hold(six()).await);
    let wait = refused.retry_after.expect("it will pass");
    assert!(Duration::from_secs(5) < wait && wait <= Duration::from_secs(10), "{wait:?}");
    assert!(matches!(refused.by, DeniedBy::Rate(state) if state.kind == RateKind::Requests));
    node.settle(hold, 0, 0).await;
    denial(node.hold(six()).await);

    let tokens = || vec![rate(RateKind::Tokens, 60, 1_000)];
    let hold = node.hold(tokens()).await.expect("a large one takes a full bucket into debt");
    denial(node.hold(vec![rate(RateKind::Tokens, 60, 1)]).await);
    node.settle(hold, 0, 2).await;
    let hold = node.hold(vec![rate(RateKind::Tokens, 60, 7)]).await.expect("the rest came back");
    assert!(hold.rates[0].remaining < 4);
    denial(node.hold(vec![rate(RateKind::Tokens, 0, 1)]).await);
}

#[tokio::test]
async fn a_wrong_clock_of_a_node_opens_no_other_window() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let daily = budget("b", 100);
    for days in [-400, 0, 400] {
        let mut request = request(id(), vec![spend(&daily, 50)]);
        request.now += jiff::SignedDuration::from_hours(24 * days);
        let result = node.counters.hold(request).await;
        assert_eq!(result.is_ok(), days != 400, "the third does not fit beside the first two");
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let limits = || vec![concurrent(5)];
    drop(node.hold(limits()).await.expect("it is valid yet"));
    let revocations = Partition::of(&tenant()).revocations();
    let _: i64 = server.command(&["HSET", &revocations, "k:acme:ci", "1"]).await;
    assert!(matches!(node.hold(limits()).await, Err(Refusal::Revoked)));
}

#[tokio::test]
async fn a_silent_hold_is_swept_and_charged_its_prompt() {
    let server = Server::start().await;
    let node = Node::new(&server, HASTY);
    let tenant = tenant();
    let limits: Vec<LimitRequest> = vec![spend(&total("b", 100), 60), concurrent(5)];
    // Dropped without a settlement, as if its gateway had died.
    drop(node.hold(limits).await.expect("it fits"));
    until("it is swept", || async { server.spent(&tenant, "b").await == (7, 0) }).await;
    assert_eq!(server.under_way(&tenant).await, 0);
    let events = server.events(&tenant).await;
    assert_eq!(events.len(), 1, "several sweeps wrote one event");
    assert_eq!((events[0].status, events[0].error.as_deref()), (499, Some("expired")));
    assert_eq!(events[0].cost_nano_usd, NanoUsd::new(7));
    assert_eq!((events[0].usage.input_uncached, events[0].usage.requests), (3, 1));
    assert!(events[0].estimated);
}

#[tokio::test]
async fn a_hold_that_beats_lives_on_and_one_that_stops_is_charged_what_it_told() {
    let server = Server::start().await;
    let node = Node::new(&server, HASTY);
    let tenant = tenant();
    let hold = node.hold(vec![spend(&total("b", 100), 60)]).await.expect("it fits");
    hold.progress.cost_nano_usd.store(33, Relaxed);
    hold.progress.input_tokens.store(4, Relaxed);
    hold.progress.output_tokens.store(5, Relaxed);
    let started = Instant::now();
    while started.elapsed() < 3 * HASTY.hold_ttl {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(server.spent(&tenant, "b").await, (0, 60));
    }
    drop(hold);
    until("it is swept", || async { server.spent(&tenant, "b").await == (33, 0) }).await;
    let usage = server.events(&tenant).await[0].usage;
    assert_eq!((usage.input_uncached, usage.output, usage.requests), (4, 5, 1));
}

#[tokio::test]
async fn a_settlement_that_comes_after_the_sweep_corrects_it() {
    let server = Server::start().await;
    let mut silent = Node::without_background(&server, HASTY);
    let sweeper = Node::new(&server, HASTY);
    let tenant = tenant();
    let limits = vec![spend(&total("b", 100), 60), rate(RateKind::Tokens, 600, 90)];
    let hold = silent.hold(limits).await.expect("it fits");
    let id = hold.id.0.to_string();
    until("it is swept", || async { server.spent(&tenant, "b").await == (7, 0) }).await;

    silent.start_background();
    silent.settle(hold, 50, 20).await;
    assert_eq!(server.spent(&tenant, "b").await, (50, 0));
    let events = server.events(&tenant).await;
    assert_eq!(events.len(), 2);
    assert_eq!(
        (events[1].id.as_str(), events[1].adjusts.as_deref()),
        (format!("{id}:1").as_str(), Some(&*id))
    );
    let costs: i64 = events.iter().map(|event| event.cost_nano_usd.as_nanos()).sum();
    let input: u64 = events.iter().map(|event| event.usage.input_uncached).sum();
    assert_eq!((costs, input, events[1].usage.output), (50, 5, 20));
    drop(sweeper);
}

#[tokio::test]
async fn a_late_release_takes_back_what_the_sweep_charged() {
    let server = Server::start().await;
    let node = Node::new(&server, HASTY);
    let tenant = tenant();
    let hold = node.hold(vec![spend(&total("b", 100), 60)]).await.expect("it fits");
    let (id, stub) = (hold.id, request(hold.id, Vec::new()).stub);
    drop(hold);
    until("it is swept", || async { server.spent(&tenant, "b").await == (7, 0) }).await;
    let remote = node.shared.remote.as_ref().expect("Redis");
    remote.queue.push(Job::Release { id, tenant: tenant.clone(), stub });
    node.written().await;
    assert_eq!(server.spent(&tenant, "b").await, (0, 0));
    let events = server.events(&tenant).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].cost_nano_usd, NanoUsd::new(-7));
    assert_eq!(events[1].usage.tokens(), 0, "the prompt was not used a second time");
}

#[tokio::test]
async fn a_sweep_that_comes_too_early_ends_nothing() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing { sweep: Duration::from_millis(50), ..Timing::USUAL });
    let hold = node.hold(vec![spend(&total("b", 100), 60)]).await.expect("it fits");
    // Swept as if it were overdue: the script looks at the deadline in the hold itself.
    let partition = Partition::of(&tenant());
    let (deadlines, name) = (partition.deadlines(), partition.hold(hold.id.0));
    let _: i64 = server.command(&["ZADD", &deadlines, "0", &name]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.spent(&tenant(), "b").await, (0, 60));
    node.settle(hold, 50, 0).await;
    assert_eq!(server.spent(&tenant(), "b").await, (50, 0));
}

#[tokio::test]
async fn a_caller_who_gives_up_leaves_no_hold_behind() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let budget = total("b", 100);
    node.hold(vec![spend(&budget, 0)]).await.map(drop).expect("connects");
    server.signal("STOP");
    let asking = node.hold(vec![spend(&budget, 60)]);
    assert!(tokio::time::timeout(Duration::from_millis(50), asking).await.is_err());
    server.signal("CONT");
    until("it is released", || async { node.shared.pending_settlements() == 0 }).await;
    assert_eq!(server.spent(&tenant(), "b").await, (0, 0));
}

#[tokio::test]
async fn counters_expire_after_their_window_and_alerts_are_noted_once() {
    let server = Server::start().await;
    let node = Node::new(&server, Timing::USUAL);
    let tenant = tenant();
    let hold = node.hold(vec![spend(&budget("b", 100), 60)]).await.expect("it fits");
    let key = hold.counters[0].key.clone();
    let ttl: i64 = server.command(&["TTL", &key]).await;
    assert!((48 * 3600..=73 * 3600).contains(&ttl), "{ttl} s");
    node.settle(hold, 60, 0).await;
    let seen: String = server.command(&["HGET", &key, "a"]).await;
    assert_eq!(seen, "60");
    let state: Vec<String> =
        server.command(&["KEYS", &format!("{}h:*", Partition::of(&tenant))]).await;
    let ttl: i64 = server.command(&["TTL", &state[0]]).await;
    assert!((890..=900).contains(&ttl), "a tombstone of 15 minutes, not {ttl} s");
}

#[tokio::test]
async fn a_redis_that_could_lose_counters_is_refused_at_the_start() {
    let server = Server::start().await;
    let node = Node::without_background(&server, Timing::USUAL);
    node.shared.check().await.expect("it is fit");
    let _: String = server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let error = node.shared.check().await.expect_err("it evicts").to_string();
    assert!(error.contains("noeviction"), "{error}");
}
