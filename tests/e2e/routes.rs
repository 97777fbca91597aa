//! Where a request goes, and where it goes next.

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::http::{self, Answer, JSON_TYPE};
use tollgate_tests::simulator_process::SimulatorProcess;

use crate::stand::{Stand, chat, refusal, refused, streaming, with};

#[tokio::test]
async fn a_weighted_route_splits_traffic_by_weight() {
    let stand = Stand::start(
        r#"
[routes.split]
strategy = "weighted"
targets = [{ use = "alpha/sim-large", weight = 80 }, { use = "beta/sim-large", weight = 20 }]
"#,
    )
    .await;
    for _ in 0..100 {
        assert_eq!(stand.chat(&chat("split")).await.status, 200);
    }
    let counts = counts(stand.asked().await);
    // 80 expected; five standard deviations of the binomial to either side.
    assert!((60..100).contains(&counts["alpha"]), "{counts:?}");
}

#[tokio::test]
async fn a_weighted_route_falls_back_to_the_arms_that_were_not_drawn() {
    let stand = Stand::start(
        r#"
[routes.split]
strategy = "weighted"
targets = [{ use = "alpha/sim--status=500", weight = 100 }, { use = "beta/sim-large", weight = 0 }]
"#,
    )
    .await;
    let answer = stand.chat(&chat("split")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("2")));
    assert_eq!(stand.asked().await, ["alpha", "beta"]);
}

#[tokio::test]
async fn a_sticky_route_keeps_each_user_on_one_arm() {
    let stand = Stand::start(
        r#"
[routes.split]
strategy = "weighted"
sticky = "user"
targets = [{ use = "alpha/sim-large", weight = 50 }, { use = "beta/sim-large", weight = 50 }]
[routes.by_ticket]
strategy = "weighted"
sticky = "metadata.ticket"
targets = [{ use = "alpha/sim-large", weight = 50 }, { use = "beta/sim-large", weight = 50 }]
"#,
    )
    .await;
    let by_user = async |user: &str| {
        provider(&stand.chat(&with(chat("split"), json!({ "user": user }))).await)
    };
    let by_ticket = async |ticket: &str| {
        let metadata = json!({ "ticket": ticket }).to_string();
        let headers = [("x-tollgate-metadata", metadata.as_str())];
        provider(&stand.chat_with(&headers, &chat("by_ticket")).await)
    };
    let (mut users, mut tickets) = (Vec::new(), Vec::new());
    for index in 0..20 {
        let name = format!("n-{index}");
        let (user, ticket) = (by_user(&name).await, by_ticket(&name).await);
        for _ in 0..3 {
            assert_eq!(by_user(&name).await, user, "{name}");
            assert_eq!(by_ticket(&name).await, ticket, "{name}");
        }
        users.push(user);
        tickets.push(ticket);
    }
    // All twenty on one side: one chance in half a million.
    assert_eq!((counts(users).len(), counts(tickets).len()), (2, 2));
}

#[tokio::test]
async fn fallbacks_are_asked_in_the_order_written_and_no_further_than_needed() {
    let stand = Stand::start(
        r#"
[routes.three]
targets = [{ use = "beta/sim--status=500" }, { use = "alpha/sim--status=503" }, { use = "beta/sim-large" }, { use = "alpha/sim-large" }]
"#,
    )
    .await;
    for body in [chat("three"), streaming("three")] {
        let answer = stand.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-tollgate-attempts"), Some("3"));
        assert_eq!(answer.header("x-tollgate-model"), Some("beta/sim-large"));
    }
    assert_eq!(stand.asked().await, ["beta", "alpha", "beta", "beta", "alpha", "beta"]);
    let event = &stand.events(2).await[0];
    assert_eq!((&event["route"], &event["target"]), (&json!("three"), &json!("beta/sim-large")));
    let expected = json!([
        ["beta/sim--status=500", 500, "server_error"],
        ["alpha/sim--status=503", 503, "server_error"],
        ["beta/sim-large", 200, null],
    ]);
    assert_eq!(attempts(event), expected);
}

#[tokio::test]
async fn when_all_fail_the_message_names_each_attempt_in_the_providers_words() {
    let stand = Stand::start(
        r#"
[routes.doomed]
targets = [{ use = "alpha/sim--status=503" }, { use = "beta/sim--status=500" }]
"#,
    )
    .await;
    let answer = stand.chat(&chat("doomed")).await;
    assert_eq!(refusal(&answer), refused(502, "upstream_error"));
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    for part in [
        "alpha/sim--status=503",
        "The engine is currently overloaded",
        "beta/sim--status=500",
        "The server had an error while processing your request",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test]
async fn a_route_may_lead_through_another_route() {
    let stand = Stand::start(
        r#"
[routes.outer]
targets = [{ use = "inner" }, { use = "beta/sim-large" }]
[routes.inner]
targets = [{ use = "alpha/sim--status=500" }, { use = "alpha/sim--status=503" }]
"#,
    )
    .await;
    let answer = stand.chat(&chat("outer")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("3")));
    assert_eq!(stand.asked().await, ["alpha", "alpha", "beta"]);
    assert_eq!(stand.event().await["route"], "outer");
}

#[tokio::test]
async fn a_key_that_may_use_a_route_may_use_its_targets_through_it_only() {
    let stand = Stand::start(
        r#"
[routes.fast]
targets = [{ use = "alpha/sim-large" }]
[tenants.acme.api_keys.narrow]
secret = "tgk_a_narrow_key_0001"
models = ["fast"]
"#,
    )
    .await;
    let ask = async |model: &str| {
        http::post_json(&stand.url("/v1/chat/completions"), "tgk_a_narrow_key_0001", &chat(model))
            .await
    };
    assert_eq!(ask("fast").await.status, 200);
    assert_eq!(refusal(&ask("alpha/sim-large").await), refused(403, "model_not_allowed"));
}

#[tokio::test]
async fn the_callers_own_mistake_comes_back_as_it_is_and_is_asked_once() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--strict", retries = 2 }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    for body in [chat("pair"), streaming("pair")] {
        let answer = stand.chat(&with(body, json!({ "colour": "red" }))).await;
        assert_eq!(refusal(&answer), refused(400, "unknown_parameter"));
        let error = &answer.json()["error"];
        assert_eq!(error["message"], "Unknown parameter: 'colour'.");
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &json!("colour"))
        );
    }
    assert_eq!(stand.asked().await, ["alpha", "alpha"]);
    let event = &stand.events(2).await[0];
    assert_eq!((&event["status"], &event["error"]), (&json!(400), &json!("unknown_parameter")));
    assert_eq!(attempts(event), json!([["alpha/sim--strict", 400, "rejected"]]));
    assert_eq!(event["cost_nano_usd"], 0);
}

#[tokio::test]
async fn what_a_route_does_not_fall_back_on_comes_back_at_once() {
    let stand = Stand::start(
        r#"
[routes.picky]
targets = [{ use = "alpha/sim--context_length" }, { use = "beta/sim-large" }]
fallback_on = ["5xx", "timeout"]
"#,
    )
    .await;
    let answer = stand.chat(&chat("picky")).await;
    assert_eq!(refusal(&answer), refused(400, "context_length_exceeded"));
    assert_eq!(stand.asked().await, ["alpha"]);
}

#[tokio::test]
async fn a_rate_limit_goes_on_at_once() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--rate_limit=30" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let answer = stand.chat(&chat("pair")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("2")));
    // As long as the provider asked for, it is left in peace.
    let answer = stand.chat(&chat("pair")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("1")));
    assert_eq!(stand.asked().await, ["alpha", "beta", "beta"]);
}

#[tokio::test]
async fn a_rate_limit_that_is_all_there_is_comes_back_with_its_retry_after() {
    let stand = Stand::start("").await;
    let answer = stand.chat(&chat("alpha/sim--rate_limit=30")).await;
    assert_eq!(refusal(&answer), refused(429, "rate_limit_exceeded"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(
        answer.json()["error"]["message"],
        "Rate limit reached for sim on requests per min (RPM)."
    );
    let event = stand.event().await;
    assert_eq!(attempts(&event), json!([["alpha/sim--rate_limit=30", 429, "rate_limited"]]));
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_where_the_route_retries_and_the_time_suffices() {
    let stand = Stand::start(
        r#"
[routes.patient]
targets = [{ use = "alpha/sim--rate_limit=1--percent=50", retries = 1 }]
[routes.hurried]
targets = [{ use = "beta/sim--rate_limit=30", retries = 1 }]
timeouts = { total = "5s" }
"#,
    )
    .await;
    // Every second request shows the fault.
    for _ in 0..2 {
        assert_eq!(stand.chat(&chat("patient")).await.status, 200);
    }
    assert_eq!(stand.asked().await.len(), 3);
    let answer = stand.chat(&chat("hurried")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("30")));
    assert_eq!(stand.asked().await.len(), 4);
}

#[tokio::test]
async fn traffic_is_spread_over_the_keys_of_a_provider() {
    let stand = with_keys(&["sk-first", "sk-second"], &["sk-first", "sk-second"]).await;
    for _ in 0..40 {
        assert_eq!(stand.chat(&chat("alpha/sim-large")).await.status, 200);
    }
    let requests = stand.simulator.requests().await;
    let used = counts(requests.iter().map(|request| format!("{:?}", request.key)).collect());
    assert_eq!(used.len(), 2, "{used:?}");
    let events = stand.events(40).await;
    let named = |event: &Value| event["provider_key"].as_str().unwrap().to_owned();
    assert_eq!(counts(events.iter().map(named).collect()).len(), 2);
}

#[tokio::test]
async fn a_bad_provider_key_is_out_at_once_and_nobody_notices() {
    let stand = with_keys(&["sk-good"], &["sk-revoked", "sk-good"]).await;
    for index in 0..20 {
        let body = if index % 2 == 0 { chat("alpha/sim") } else { streaming("alpha/sim") };
        assert_eq!(stand.chat(&body).await.status, 200);
    }
    let requests = stand.simulator.requests().await;
    let refused = requests.iter().filter(|request| request.key.is_none()).count();
    assert_eq!(refused, 1, "a refused key is not tried again");
    assert!(!stand.gateway.logs().contains("sk-revoked"), "the log names a key");
}

#[tokio::test]
async fn when_all_provider_keys_are_bad_nobody_blames_their_own() {
    let stand = with_keys(&["sk-good"], &["sk-revoked", "sk-expired"]).await;
    // The second one is not even sent, and is told the same.
    for _ in 0..2 {
        let answer = stand.chat(&chat("alpha/sim-large")).await;
        assert_eq!(refusal(&answer), refused(502, "upstream_credentials_exhausted"));
        assert!(!answer.text().contains("sk-"), "{}", answer.text());
    }
    assert_eq!(stand.asked().await.len(), 2);
    let event = &stand.events(2).await[0];
    let codes = attempts(event);
    assert_eq!(codes[0][2], "bad_provider_key");
    assert_eq!(codes[1][2], "bad_provider_key");
}

#[tokio::test]
async fn a_bad_provider_key_goes_on_to_the_next_target() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--status=401" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    for attempts in ["2", "1"] {
        let answer = stand.chat(&chat("pair")).await;
        assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some(attempts)));
    }
}

#[tokio::test]
async fn what_is_forbidden_says_nothing_about_the_key() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--status=403" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    assert_eq!(stand.chat(&chat("pair")).await.header("x-tollgate-attempts"), Some("2"));
    let answer = stand.chat(&chat("alpha/sim--status=403")).await;
    assert_eq!(refusal(&answer), refused(403, "unsupported_country_region_territory"));
    assert_eq!(stand.chat(&chat("alpha/sim-large")).await.status, 200, "the key is still in use");
}

#[tokio::test]
async fn a_target_that_keeps_failing_is_left_alone() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--status=500" }, { use = "beta/sim-large" }]
breaker = { failures = 3, cooldown = "60s" }
[routes.alone]
targets = [{ use = "alpha/sim--status=500" }]
"#,
    )
    .await;
    for _ in 0..6 {
        assert_eq!(stand.chat(&chat("pair")).await.status, 200);
    }
    let counts = counts(stand.asked().await);
    assert_eq!((counts["alpha"], counts["beta"]), (3, 6));
    let answer = stand.chat(&chat("alone")).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert!(answer.text().contains("circuit"), "{}", answer.text());
}

#[tokio::test]
async fn a_provider_takes_no_more_at_once_than_it_may() {
    let stand = Stand::start(
        r#"
[providers.tiny]
kind = "openai_compatible"
base_url = "{simulator}/tiny/v1"
keys = ["sk-tiny"]
allow_private_network = true
max_concurrency = 1
price = "free"
[routes.pair]
targets = [{ use = "tiny/sim--stall=2" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let mut first = stand.stream(&streaming("pair")).await;
    assert!(first.next().await.is_some());
    let answer = stand.chat(&chat("pair")).await;
    assert_eq!(answer.header("x-tollgate-model"), Some("beta/sim-large"), "{}", answer.text());
    let answer = stand.chat(&chat("tiny/sim-large")).await;
    assert_eq!(refusal(&answer), refused(503, "upstream_busy"));
    assert!(answer.header("retry-after").is_some());
    first.close().await;
    stand.simulator.until_idle(crate::stand::SOON).await;
    // The place is given back a moment after the call has ended.
    let mut status = 0;
    for _ in 0..50 {
        status = stand.chat(&chat("tiny/sim-large")).await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_target_that_cannot_do_it_is_not_asked() {
    let stand = Stand::start(
        r#"
[models."alpha/words-only"]
capabilities = ["chat"]
context_window = 100
[routes.pair]
targets = [{ use = "alpha/words-only" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
    let long = json!({ "messages": [{ "role": "user", "content": "word ".repeat(200) }] });
    for members in [json!({ "tools": tool }), long] {
        let answer = stand.chat(&with(chat("pair"), members.clone())).await;
        assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, Some("beta")));
        let answer = stand.chat(&with(chat("alpha/words-only"), members)).await;
        assert_eq!(refusal(&answer), refused(400, "no_eligible_target"));
        assert!(answer.text().contains("alpha/words-only"), "{}", answer.text());
    }
    assert_eq!(stand.chat(&chat("pair")).await.header("x-tollgate-provider"), Some("alpha"));
    let embeddings = stand.url("/v1/embeddings");
    let bearer = format!("Bearer {}", crate::stand::KEY);
    let body = json!({ "model": "alpha/words-only", "input": "x" }).to_string().into_bytes();
    let headers = [("authorization", bearer.as_str()), JSON_TYPE];
    assert_eq!(http::send(Method::POST, &embeddings, &headers, body).await.status, 400);
}

/// A simulator that knows some keys, and one provider with some keys.
async fn with_keys(known: &[&str], used: &[&str]) -> Stand {
    let world = format!(
        r#"
[providers.alpha]
kind = "openai_compatible"
base_url = "{{simulator}}/alpha/v1"
keys = {used:?}
allow_private_network = true
[tenants.acme.api_keys.app]
secret = "tgk_0123456789abcdef"
"#
    );
    Stand::before(SimulatorProcess::start_with_keys(known).await, "", &world).await
}

fn provider(answer: &Answer) -> String {
    answer.header("x-tollgate-provider").expect("an answer names its provider").to_owned()
}

fn counts(names: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Target, status and error of each attempt.
fn attempts(event: &Value) -> Value {
    let attempts = event["attempts"].as_array().expect("an event has its attempts");
    let row = |attempt: &Value| json!([attempt["target"], attempt["status"], attempt["error"]]);
    attempts.iter().map(row).collect()
}
