//! A dead node's holds are ended by the others; a dead or hung Redis is what `on_outage` says, and over soon after its
//! return.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tollgate_tests::{
    gateway_process::Gateway,
    http::{Answer, post_json},
    ledger::Ledger,
    redis_server::RedisServer,
    simulator_process::SimulatorProcess,
    sse::post_stream,
};

const KEY: &str = "tgk_0123456789abcdef";
const FREE_KEY: &str = "tgk_without_any_limit";

fn config(simulator: &SimulatorProcess, redis: &RedisServer, on_outage: &str) -> String {
    format!(
        r#"
allow_inline_secrets = true
[server]
listen = "{{listen}}"
admin_listen = "{{admin}}"
[counters]
backend = "redis"
url = "{}"
on_outage = "{on_outage}"
[usage]
sink = "redis"
[providers.sim]
kind = "openai_compatible"
base_url = "{}/v1"
keys = ["sk-provider"]
allow_private_network = true
price = {{ input = "1.00", output = "10.00" }}
[tenants.acme.api_keys.app]
secret = "{KEY}"
team = "limited"
[tenants.acme.api_keys.free]
secret = "{FREE_KEY}"
[[tenants.acme.budgets]]
name = "daily"
team = "limited"
limit = "5.00"
window = "day"
"#,
        redis.url(),
        simulator.url()
    )
}

fn request(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 1000, "messages": [{ "role": "user", "content": "hello there, gateway" }] })
}

async fn ask(gateway: &Gateway, key: &str) -> Answer {
    post_json(&format!("{}/v1/chat/completions", gateway.url()), key, &request("sim/sim--tokens=4"))
        .await
}

/// Asks until the status is the wanted one; gives back how long that took.
async fn until_status(gateway: &Gateway, wanted: u16, limit: Duration) -> Duration {
    let started = Instant::now();
    loop {
        let answer = ask(gateway, KEY).await;
        if answer.status == wanted {
            return started.elapsed();
        }
        assert!(
            started.elapsed() < limit,
            "still {} after {limit:?}: {}",
            answer.status,
            answer.text()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holds_of_a_killed_node_are_swept_by_another_and_charged_for_what_was_produced() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    let text = config(&simulator, &redis, "deny");
    let mut dying = Gateway::start(&text).await;
    let _other = Gateway::start(&text).await;
    let mut body = request("sim/sim--tokens=400--gap=100");
    body["stream"] = json!(true);
    let mut stream = post_stream(&format!("{}/v1/chat/completions", dying.url()), KEY, &body).await;
    assert_eq!(stream.status, 200);
    // Long enough for a heartbeat to tell the counters of some progress.
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        stream.next().await.expect("the stream goes on");
    }
    let mut ledger = Ledger::open(&redis).await;
    assert!(ledger.budget("daily").await.held > 0);

    dying.kill();

    let events = ledger.until_settled(1, Duration::from_secs(37)).await;
    let event = &events[0];
    assert_eq!(
        (&event["error"], &event["estimated"]),
        (&json!("expired"), &json!(true)),
        "{event}"
    );
    let output = event["usage"]["output"].as_i64().unwrap();
    assert!((20..=85).contains(&output), "what the last heartbeat had seen: {output}");
    let reading = ledger.budget("daily").await;
    assert_eq!((reading.held, reading.settled), (0, event["cost_nano_usd"].as_i64().unwrap()));
    assert!(reading.settled >= output * 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hung_redis_denies_quickly_and_is_forgiven_soon_after() {
    let simulator = SimulatorProcess::start().await;
    let mut redis = RedisServer::start().await;
    let gateway = Gateway::start(&config(&simulator, &redis, "deny")).await;
    assert_eq!(ask(&gateway, KEY).await.status, 200);

    redis.pause();
    for _ in 0..10 {
        let asked = Instant::now();
        let answer = ask(&gateway, KEY).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].clone()),
            (503, json!("budget_unavailable"))
        );
        assert_eq!(answer.header("retry-after"), Some("2"));
        // A bound for safety; what it really takes is measured by the benchmarks.
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
        assert_eq!(ask(&gateway, FREE_KEY).await.status, 200, "what no budget counts goes on");
    }
    redis.resume();

    until_status(&gateway, 200, Duration::from_secs(5)).await;
    let mut ledger = Ledger::open(&redis).await;
    let events = ledger.until_settled(22, Duration::from_secs(10)).await;
    let charged: i64 = events
        .iter()
        .filter(|event| event["api_key"] == "app")
        .map(|event| event["cost_nano_usd"].as_i64().unwrap())
        .sum();
    let reading = ledger.budget("daily").await;
    assert_eq!((reading.held, reading.settled), (0, charged));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_redis_denies_and_is_forgiven_soon_after_its_return() {
    let simulator = SimulatorProcess::start().await;
    let mut redis = RedisServer::start().await;
    let gateway = Gateway::start(&config(&simulator, &redis, "deny")).await;
    assert_eq!(ask(&gateway, KEY).await.status, 200);
    Ledger::open(&redis).await.until_settled(1, Duration::from_secs(5)).await;

    redis.stop().await;
    assert_eq!(ask(&gateway, KEY).await.status, 503);
    assert_eq!(ask(&gateway, FREE_KEY).await.status, 200);
    redis.restart().await;

    until_status(&gateway, 200, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_an_outage_allow_serves_and_lease_serves_its_allowance_and_both_are_charged_later() {
    for (on_outage, refused_in_the_end) in [("allow", false), ("lease", true)] {
        let simulator = SimulatorProcess::start().await;
        let mut redis = RedisServer::start().await;
        let gateway = Gateway::start(&config(&simulator, &redis, on_outage)).await;
        assert_eq!(ask(&gateway, KEY).await.status, 200);

        redis.pause();
        let mut served = 0;
        let mut refused = false;
        // A hold is at most 1,000 × 10 + prompt ≈ 0.0102 USD; the allowance is 1 % of 5.00 USD. An answer costs about
        // 0.00005 USD, so only answers under way together can use it up.
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let url = format!("{}/v1/chat/completions", gateway.url());
                tokio::spawn(async move {
                    post_json(&url, KEY, &request("sim/sim--tokens=4--gap=200")).await.status
                })
            })
            .collect();
        for task in tasks {
            match task.await.unwrap() {
                200 => served += 1,
                status => {
                    assert!(matches!(status, 429 | 503), "{status}");
                    refused = true;
                }
            }
        }
        assert!(served >= 4, "{on_outage}: {served}");
        assert_eq!(refused, refused_in_the_end, "{on_outage}");
        redis.resume();

        until_status(&gateway, 200, Duration::from_secs(5)).await;
        let mut ledger = Ledger::open(&redis).await;
        let events = ledger.until_settled(served + 2, Duration::from_secs(15)).await;
        let charged: i64 =
            events.iter().map(|event| event["cost_nano_usd"].as_i64().unwrap()).sum();
        let reading = ledger.budget("daily").await;
        assert_eq!((reading.held, reading.settled), (0, charged), "{on_outage}");
    }
}
