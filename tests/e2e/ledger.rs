//! Every event is stored once, whatever is killed meanwhile.

use std::time::Duration;

use crate::tenants::{APP_KEY, Platform, chat, until_status};

/// Compares Redis and Postgres; fails with what the command printed.
fn verify(platform: &Platform) {
    let output = platform.control.cli(&["ledger", "verify", "--wait", "60"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("difference 0 events, 0 nano-USD"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_the_control_plane_and_of_the_database_lose_and_double_nothing() {
    let mut platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    let load = async {
        let mut served = 1;
        for _ in 0..60 {
            let round: Vec<_> = (0..5).map(|_| chat(&gateway, APP_KEY, "demo")).collect();
            served += futures_util::future::join_all(round)
                .await
                .iter()
                .filter(|answer| answer.status == 200)
                .count();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        served
    };
    let control = &mut platform.control;
    let kills = async {
        for round in 0..3 {
            tokio::time::sleep(Duration::from_millis(300 + 130 * round)).await;
            control.restart().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        control.postgres.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        control.postgres.restart().await;
    };
    let (served, ()) = tokio::join!(load, kills);
    assert_eq!(served, 301, "gateways serve all the while");
    verify(&platform);
    let stored = platform.control.psql("select count(*), sum(cost_nano_usd) from usage_events");
    let bill = platform.simulator.bill().await.total;
    let nanos = bill.prompt_tokens * 500 + bill.completion_tokens * 1_500;
    assert_eq!(stored.trim(), format!("301|{nanos}"), "what is stored is what the provider bills");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_commit_and_acknowledgement_doubles_nothing() {
    let mut platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    platform.until_logged(1).await;
    for _ in 0..5 {
        assert_eq!(chat(&gateway, APP_KEY, "demo").await.status, 200);
    }
    platform.until_logged(6).await;
    platform.control.kill();
    // What was committed is delivered again, as after a lost acknowledgement.
    let events = platform.control.psql("select event from usage_events order by id");
    let mut redis = tollgate_tests::ledger::Ledger::open(&platform.control.redis).await;
    for event in events.lines() {
        redis.append_event(event).await;
    }
    platform.control.restart().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    verify(&platform);
    assert_eq!(platform.control.psql("select count(*) from usage_events").trim(), "6");
    assert_eq!(platform.control.psql("select sum(requests) from usage_rollup").trim(), "6");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_kept_aside_and_stops_nothing() {
    let platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    let mut redis = tollgate_tests::ledger::Ledger::open(&platform.control.redis).await;
    redis.append_raw("tg1:{p000}:u", "this is no event").await;
    assert_eq!(chat(&gateway, APP_KEY, "demo").await.status, 200);
    platform.until_logged(2).await;
    let started = std::time::Instant::now();
    while platform.control.psql("select count(*) from usage_dead").trim() != "1" {
        assert!(started.elapsed() < crate::stand::SOON, "the poison is not kept");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
