//! Gateways get their world from the control plane, and keep working without it.

use std::time::Duration;

use hyper::Method;
use serde_json::json;

use tollgate_tests::simulator_process::SimulatorProcess;

use crate::tenants::{APP_KEY, Platform, chat, until_status};

#[tokio::test]
async fn what_is_called_is_metered_and_logged_as_the_provider_bills_it() {
    let platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    let (id, key) = platform.api_key("made in the console").await;
    until_status(&gateway, &key, 200).await;
    let log = platform.until_logged(1).await;
    let bill = platform.simulator.bill().await.total;
    assert_eq!(log[0]["api_key"], json!(id), "{log:#?}");
    let usage = platform.do_it(Method::GET, "/api/v1/usage?group_by=api_key", None).await;
    let row = &usage["data"][0];
    assert_eq!(row["requests"], 1, "{usage}");
    assert_eq!(row["input_tokens"].as_u64(), Some(bill.prompt_tokens), "{usage}");
    assert_eq!(row["output_tokens"].as_u64(), Some(bill.completion_tokens), "{usage}");
    let nanos = bill.prompt_tokens * 500 + bill.completion_tokens * 1_500;
    let usd = row["cost"].as_str().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    assert!((usd * 1e9 - nanos as f64).abs() < 0.5, "{usage} is not {nanos} nano-USD");
}

#[tokio::test]
async fn a_change_and_a_revocation_hold_at_every_gateway() {
    let platform = Platform::start().await;
    let (one, two) = tokio::join!(platform.gateway("one"), platform.gateway("two"));
    let (id, key) = platform.api_key("short-lived").await;
    for gateway in [&one, &two] {
        until_status(gateway, &key, 200).await;
    }
    let budgets = platform.do_it(Method::GET, "/api/v1/budgets", None).await;
    let path = format!("/api/v1/budgets/{}", budgets["data"][0]["id"].as_str().unwrap_or_default());
    let (mut budget, etag) = platform.read(&path).await;
    budget["limit"] = json!("0.000001");
    budget.as_object_mut().expect("a budget is an object").remove("id");
    let changed = platform
        .call_with(Method::PUT, &path, &platform.owner, &[("if-match", &etag)], Some(budget))
        .await;
    assert_eq!(changed.status, 204, "{}", changed.text());
    for gateway in [&one, &two] {
        let took = until_status(gateway, &key, 429).await;
        println!("a changed budget held after {took:?}");
    }
    platform.do_it(Method::DELETE, &format!("/api/v1/api-keys/{id}"), None).await;
    for gateway in [&one, &two] {
        let took = until_status(gateway, &key, 401).await;
        println!("a revocation held after {took:?}");
    }
}

#[tokio::test]
async fn a_revocation_holds_while_the_control_link_is_cut() {
    let mut platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    let (id, key) = platform.api_key("to be revoked").await;
    until_status(&gateway, &key, 200).await;
    // The link is cut at the node: the control plane moves elsewhere, and Redis is all that they share.
    let elsewhere = platform.control.second().await;
    platform.control.kill();
    let url = format!("{}/api/v1/api-keys/{id}", elsewhere.base_url());
    let bearer = format!("Bearer {}", platform.owner);
    let revoked =
        tollgate_tests::http::send(Method::DELETE, &url, &[("authorization", &bearer)], Vec::new())
            .await;
    assert_eq!(revoked.status, 204, "{}", revoked.text());
    let took = until_status(&gateway, &key, 401).await;
    println!("a revocation held after {took:?} with the link cut");
    assert_eq!(chat(&gateway, APP_KEY, "demo").await.status, 200, "other keys live on");
}

#[tokio::test]
async fn gateways_serve_and_start_without_control_plane_and_database() {
    let mut platform = Platform::start().await;
    let mut gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    // The snapshot is written within a second of a change.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    platform.control.kill();
    platform.control.postgres.kill();
    assert_eq!(chat(&gateway, APP_KEY, "demo").await.status, 200);
    let started = std::time::Instant::now();
    gateway.restart().await;
    println!("a gateway was ready from its snapshot after {:?}", started.elapsed());
    let answer = chat(&gateway, APP_KEY, "demo").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // When they are back, changes arrive again.
    platform.control.postgres.restart().await;
    platform.control.restart().await;
    let (_, key) = platform.api_key("made afterwards").await;
    until_status(&gateway, &key, 200).await;
    assert!(platform.until_logged(3).await.len() >= 3, "what was used meanwhile is in the log");
}

#[tokio::test]
async fn two_tenants_with_equal_names_never_share_anything() {
    let keys = ["sk-planted-provider-key", "sk-the-others-provider-key"];
    let platform = Platform::before(SimulatorProcess::start_with_keys(&keys).await).await;
    platform.control.tenant("other");
    let other = platform.control.management_token("other", "owner");
    let document = crate::tenants::DOCUMENT
        .replace("{simulator}", &platform.simulator.url())
        .replace("tenants.acme", "tenants.other")
        .replace("app_planted_api_key_0123456789abcdef", "app_the_other_tenants_key_0123456789")
        .replace("sk-planted-provider-key", "sk-the-others-provider-key");
    let applied = platform.control.apply(&other, &document);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    until_status(&gateway, "app_the_other_tenants_key_0123456789", 200).await;
    let asked = platform.simulator.requests().await;
    let keys: Vec<_> = asked.iter().map(|request| request.key).collect();
    assert_ne!(
        keys.first(),
        keys.last(),
        "each tenant is called with its own provider key: {keys:?}"
    );
    platform.until_logged(1).await;
    assert_eq!(platform.requests().await.len(), 1, "the other tenant's request is not in this log");
}
