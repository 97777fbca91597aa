//! A hard budget is never exceeded, whatever the concurrency and however many nodes; and what is left of it can be
//! spent.

use serde_json::{Value, json};
use std::time::Duration;
use tollgate_tests::{
    gateway_process::Gateway,
    http::{Answer, post_json},
    ledger::{BudgetReading, Ledger},
    redis_server::RedisServer,
    simulator_process::SimulatorProcess,
};

const KEY: &str = "tgk_0123456789abcdef";
/// 100 answer tokens at 10 USD per million; the prompt is free, so that this is exactly what is held.
const HOLD: i64 = 1_000_000;
/// 40 answer tokens.
const COST: i64 = 400_000;
/// Ten holds.
const LIMIT: i64 = 10 * HOLD;
const LIMIT_USD: &str = "0.01";

fn config(simulator: &SimulatorProcess, counters: &str, limits: &str) -> String {
    format!(
        r#"
allow_inline_secrets = true
[server]
listen = "{{listen}}"
admin_listen = "{{admin}}"
{counters}
[providers.sim]
kind = "openai_compatible"
base_url = "{}/v1"
keys = ["sk-provider"]
allow_private_network = true
price = {{ input = "0", output = "10.00" }}
[tenants.acme.api_keys.app]
secret = "{KEY}"
{limits}
[[tenants.acme.budgets]]
name = "daily"
limit = "{LIMIT_USD}"
window = "day"
"#,
        simulator.url()
    )
}

/// With more patience than usual: this is about money, and two cores cannot give every process its turn in 50 ms.
/// With more patience than usual: this is about money, and two cores cannot give every process its turn in 50 ms.
fn redis_counters(redis: &RedisServer) -> String {
    format!(
        "[counters]\nbackend = \"redis\"\nurl = \"{}\"\ntimeout = \"2s\"\n[usage]\nsink = \"redis\"\n",
        redis.url()
    )
}

fn request() -> Value {
    json!({
        "model": "sim/sim--tokens=40--gap=2",
        "max_tokens": 100,
        "messages": [{ "role": "user", "content": "hello" }],
    })
}

async fn ask(gateway: &str) -> Answer {
    post_json(&format!("{gateway}/v1/chat/completions"), KEY, &request()).await
}

/// Sends `count` requests at once, spread over the gateways; gives back the answers.
async fn rush(gateways: &[String], count: usize) -> Vec<Answer> {
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let gateway = gateways[index % gateways.len()].clone();
            tokio::spawn(async move { ask(&gateway).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a request ends"));
    }
    answers
}

/// Spends one request after the other until one is refused; gives back how many were served.
async fn spend_the_rest(gateway: &str) -> i64 {
    for served in 0..100 {
        if ask(gateway).await.status != 200 {
            return served;
        }
    }
    panic!("a budget of ten holds never ends");
}

fn check(answers: &[Answer]) -> i64 {
    let served = answers.iter().filter(|answer| answer.status == 200).count() as i64;
    assert!((LIMIT / HOLD..=LIMIT / COST).contains(&served), "{served} were served");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(refused.status, 429, "{}", refused.text());
        let error = &refused.json()["error"];
        assert_eq!(error["code"], "budget_exceeded");
        assert_eq!(error["budget"]["name"], "daily");
        assert_eq!(error["budget"]["window"], "day");
        assert_eq!(error["budget"]["limit_usd"], LIMIT_USD);
        for field in ["used_usd", "held_usd", "resets_at"] {
            assert!(error["budget"][field].is_string(), "{error}");
        }
        assert!(refused.header("retry-after").is_some_and(|text| text.parse::<u64>().is_ok()));
        assert_eq!(refused.header("x-should-retry"), Some("false"));
    }
    served
}

async fn provider_charged(simulator: &SimulatorProcess) -> i64 {
    i64::try_from(simulator.bill().await.total.completion_tokens).expect("a few tokens") * 10_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_over_three_nodes_never_exceed_a_hard_budget() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    let text = config(&simulator, &redis_counters(&redis), "");
    let gateways =
        [Gateway::start(&text).await, Gateway::start(&text).await, Gateway::start(&text).await];
    let urls: Vec<_> = gateways.iter().map(Gateway::url).collect();

    let served = check(&rush(&urls, 1000).await);

    assert!(provider_charged(&simulator).await <= LIMIT);
    let mut ledger = Ledger::open(&redis).await;
    let events = ledger.until_settled(1000, Duration::from_secs(10)).await;
    assert_eq!(events.len(), 1000, "one event for each request, refused ones too");
    assert_eq!(ledger.budget("daily").await, BudgetReading { settled: served * COST, held: 0 });

    let rest = spend_the_rest(&urls[0]).await;
    let charged = provider_charged(&simulator).await;
    assert_eq!(charged, (served + rest) * COST);
    assert!(charged <= LIMIT && LIMIT - charged < HOLD, "{charged} of {LIMIT}");
    let events = ledger.until_settled(1000 + rest as usize + 1, Duration::from_secs(10)).await;
    let billed: i64 = events.iter().map(|event| event["cost_nano_usd"].as_i64().unwrap()).sum();
    assert_eq!(billed, charged, "the events add up to the provider's bill");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_on_one_node_never_exceed_a_hard_budget() {
    let simulator = SimulatorProcess::start().await;
    let gateway = Gateway::start(&config(&simulator, "", "")).await;

    let served = check(&rush(&[gateway.url()], 1000).await);

    assert!(provider_charged(&simulator).await <= LIMIT);
    let rest = spend_the_rest(&gateway.url()).await;
    let charged = provider_charged(&simulator).await;
    assert_eq!(charged, (served + rest) * COST);
    assert!(charged <= LIMIT && LIMIT - charged < HOLD, "{charged} of {LIMIT}");
}

#[tokio::test(flavor = "multi_thread")]
async fn near_its_end_a_budget_pays_for_a_shorter_answer() {
    let simulator = SimulatorProcess::start().await;
    let gateway = Gateway::start(&config(&simulator, "", "")).await;
    let long = json!({
        "model": "sim/sim--tokens=2000",
        "max_tokens": 2000,
        "messages": [{ "role": "user", "content": "hello" }],
    });

    let answer = post_json(&format!("{}/v1/chat/completions", gateway.url()), KEY, &long).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-clamped"), Some("max_tokens=1000"));
    assert_eq!(answer.json()["usage"]["completion_tokens"], 1000);
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "length");
    assert_eq!(provider_charged(&simulator).await, LIMIT);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_key_refuse_with_headers_that_say_when() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    for counters in [String::new(), redis_counters(&redis)] {
        let limits = "limits = { requests_per_minute = 12, concurrent = 50 }";
        let gateway = Gateway::start(&config(&simulator, &counters, limits)).await;
        let first = ask(&gateway.url()).await;
        assert_eq!(first.status, 200);
        assert_eq!(first.header("x-ratelimit-limit-requests"), Some("12"));
        assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("1"));
        assert_eq!(ask(&gateway.url()).await.status, 200, "the burst is ten seconds' worth");
        let refused = ask(&gateway.url()).await;
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].clone()),
            (429, json!("rate_limit_exceeded"))
        );
        assert!(refused.header("retry-after").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_requests_at_once_frees_its_places() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    for counters in [String::new(), redis_counters(&redis)] {
        let gateway =
            Gateway::start(&config(&simulator, &counters, "limits = { concurrent = 3 }")).await;
        let answers = rush(&[gateway.url()], 20).await;
        let served = answers.iter().filter(|answer| answer.status == 200).count();
        assert!((3..20).contains(&served), "{served}");
        let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
        assert_eq!(refused.json()["error"]["code"], "concurrency_limit_exceeded");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(ask(&gateway.url()).await.status, 200);
    }
}
