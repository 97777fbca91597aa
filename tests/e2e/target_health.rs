//! How targets do can be watched live, by whose they are.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::stand::SOON;
use crate::tenants::{APP_KEY, Platform, SHAKY, chat, until_status};

async fn targets(platform: &Platform, token: &str) -> Value {
    let answer = platform.call(Method::GET, "/api/v1/health/targets", token, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn of<'h>(health: &'h Value, target: &str) -> &'h Value {
    let mut all = health["data"].as_array().into_iter().flatten();
    all.find(|row| row["target"] == target).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_target_that_fails_is_down_within_seconds_and_the_other_is_up() {
    let platform = Platform::start().await;
    platform.control.tenant("other");
    let stranger = platform.control.management_token("other", "owner");
    platform.apply_with(SHAKY);
    let (one, two) = tokio::join!(platform.gateway("one"), platform.gateway("two"));
    for gateway in [&one, &two] {
        until_status(gateway, APP_KEY, 200).await;
        for _ in 0..8 {
            assert_eq!(chat(gateway, APP_KEY, "shaky").await.status, 200);
        }
    }
    let started = Instant::now();
    let health = loop {
        let health = targets(&platform, &platform.owner).await;
        let bad = of(&health, "alpha/sim--status=503");
        if bad["condition"] == "down" && bad["provider_keys"][0]["open"] == 2 {
            break health;
        }
        assert!(started.elapsed() < SOON, "{health:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(health["nodes"], 2);
    let bad = of(&health, "alpha/sim--status=503");
    assert_eq!(bad["failures"], bad["failures_by_class"]["5xx"]);
    assert!(bad["failures"].as_u64().unwrap() >= 6, "{bad}");
    let good = of(&health, "alpha/sim-large");
    assert_eq!((&good["condition"], &good["failures"]), (&json!("up"), &json!(0)), "{good}");
    assert!(good["calls"].as_u64().unwrap() >= 16, "{good}");
    assert!(good["p99_ms"].as_u64() >= good["p50_ms"].as_u64());
    assert_eq!(good["per_second"].as_array().unwrap().len(), 60);
    let theirs = targets(&platform, &stranger).await;
    assert_eq!(theirs["data"], json!([]), "what is another tenant's is not seen");
}

#[tokio::test]
async fn the_live_stream_tells_every_second_what_the_question_tells_once() {
    let platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    let url = format!("{}/api/v1/health/targets/stream", platform.control.base_url());
    let bearer = format!("Bearer {}", platform.owner);
    let mut stream =
        tollgate_tests::http::open(Method::GET, &url, &[("authorization", &bearer)], Vec::new())
            .await
            .unwrap();
    let (mut text, mut events) = (String::new(), Vec::<Value>::new());
    let started = Instant::now();
    while !events.iter().any(|event| of(event, "alpha/sim-large")["calls"].as_u64() > Some(0)) {
        assert!(started.elapsed() < SOON, "{events:#?}");
        let bytes = stream.next_bytes().await.unwrap().expect("the stream goes on");
        text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.strip_prefix("event: targets\ndata: ").expect(event);
            events.push(serde_json::from_str(data).unwrap());
            text = rest.to_owned();
        }
    }
}
