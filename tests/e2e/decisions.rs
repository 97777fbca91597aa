//! What was decided can be asked for: the log by what was decided, the arms of a route, its shadows, what the cache saved.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use tollgate_tests::control_process::ConnectedGateway;
use tollgate_tests::http;

use crate::stand::{SOON, with};
use crate::tenants::{APP_KEY, DOCUMENT, Platform, chat, until_status};

const ROUTES: &str = r#"
[models."alpha/sim"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 1024

[models."alpha/sim--status=503"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 1024

[models."alpha/sim--slow=300"]
price = { input = "5.00", output = "15.00" }
context_window = 128000
max_output = 1024

[routes.cached]
targets = [{ use = "alpha/sim-large" }]
cache = { mode = "exact", ttl = "10m" }

[routes.split]
strategy = "weighted"
targets = [{ use = "alpha/sim-large", weight = 3 }, { use = "alpha/sim", weight = 1 }]

[routes.shaky]
targets = [{ use = "alpha/sim--status=503" }, { use = "alpha/sim-large" }]
breaker = { failures = 1000, ratio = 1.0, min_requests = 1000 }

[routes.mirrored]
targets = [{ use = "alpha/sim-large" }]
shadow = { use = "alpha/sim--slow=300", percent = 100 }
"#;

/// A platform with these routes, and a gateway that knows them.
async fn started() -> (Platform, ConnectedGateway) {
    let platform = Platform::start().await;
    platform.apply_with(ROUTES);
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    (platform, gateway)
}

async fn get(platform: &Platform, path: &str) -> Value {
    platform.do_it(Method::GET, path, None).await
}

fn number(text: &Value) -> f64 {
    let number = text.as_str().and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{text} is no decimal number"))
}

/// The figures of a route, by its name.
async fn figures(platform: &Platform, route: &str, kind: &str) -> Value {
    let routes = get(platform, "/api/v1/routes").await;
    let mut all = routes["data"].as_array().into_iter().flatten();
    let id = all.find(|row| row["name"] == route).and_then(|row| row["id"].as_str());
    let id = id.expect("the route is there");
    get(platform, &format!("/api/v1/routes/{id}/{kind}")).await
}

#[tokio::test]
async fn the_usage_api_shows_that_a_replay_with_seven_repeats_in_ten_saves_two_thirds() {
    let (platform, gateway) = started().await;
    let url = format!("{}/v1/chat/completions", gateway.url());
    for number in 0..100 {
        let question =
            json!({"messages": [{"role": "user", "content": format!("question {}", number % 30)}]});
        let body = with(crate::stand::chat("cached"), question);
        assert_eq!(http::post_json(&url, APP_KEY, &body).await.status, 200);
    }
    platform.until_logged(101).await;
    let usage = get(&platform, "/api/v1/usage?group_by=route&route=cached").await;
    let row = &usage["data"][0];
    assert_eq!((&row["requests"], &row["cache_hits"]), (&json!(100), &json!(70)), "{usage}");
    let (cost, saved) = (number(&row["cost"]), number(&row["saved"]));
    assert!(saved / (saved + cost) >= 0.65, "{saved} of {}", saved + cost);
    let hits = get(&platform, "/api/v1/requests?cache=hit&limit=200").await;
    assert_eq!(hits["data"].as_array().unwrap().len(), 70);
    assert!(number(&hits["data"][0]["saved"]) > 0.0);
    let by_cache = get(&platform, "/api/v1/requests/summary?by=cache&route=cached").await;
    assert_eq!(by_cache["data"][0]["group"], json!({"cache": "hit"}), "{by_cache}");
    assert_eq!(by_cache["data"][0]["requests"], 70);
}

#[tokio::test]
async fn the_arms_of_a_split_can_be_compared() {
    let (platform, gateway) = started().await;
    for _ in 0..40 {
        assert_eq!(chat(&gateway, APP_KEY, "split").await.status, 200);
    }
    platform.until_logged(41).await;
    let arms = figures(&platform, "split", "arms").await;
    assert_eq!(arms["requests"], 40, "{arms}");
    let rows = arms["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{arms}");
    let volume: i64 = rows.iter().map(|row| row["requests"].as_i64().unwrap()).sum();
    assert_eq!(volume, 40);
    for row in rows {
        let share = &row["share"];
        let expected = if row["target"] == "alpha/sim-large" { 0.75 } else { 0.25 };
        let (low, high) = (share["low"].as_f64().unwrap(), share["high"].as_f64().unwrap());
        // Once in thousands of runs a split is so far off that twice the interval's width does not reach it.
        assert!((low - 0.2..=high + 0.2).contains(&expected), "{row}");
        assert_eq!((&row["errors"], &row["error_rate"]["low"]), (&json!(0), &json!(0.0)));
        assert!(number(&row["cost_per_request"]["value"]) > 0.0);
        assert!(row["latency_ms"]["high"].as_f64() >= row["latency_ms"]["low"].as_f64());
        assert!(row["p95_ms"].as_i64() >= row["p50_ms"].as_i64());
    }
}

#[tokio::test]
async fn what_failed_over_is_found_by_what_was_tried_and_why_it_failed() {
    let (platform, gateway) = started().await;
    for _ in 0..5 {
        assert_eq!(chat(&gateway, APP_KEY, "shaky").await.status, 200);
    }
    platform.until_logged(6).await;
    let arms = figures(&platform, "shaky", "arms").await;
    assert_eq!(arms["data"][0]["failed_over"], 5, "{arms}");
    let tried =
        get(&platform, "/api/v1/requests?tried=alpha/sim--status%3D503&failed_over=true").await;
    let rows = tried["data"].as_array().unwrap();
    assert_eq!(rows.len(), 5, "{tried}");
    assert_eq!(
        (&rows[0]["target"], &rows[0]["arm"], &rows[0]["strategy"]),
        (&json!("alpha/sim-large"), &json!("alpha/sim--status=503"), &json!("fallback"))
    );
    let summary = "/api/v1/requests/summary?by=attempt_target,attempt_error&route=shaky";
    let by_attempt = get(&platform, summary).await;
    let failed = by_attempt["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["group"]["attempt_target"] == "alpha/sim--status=503")
        .unwrap_or_else(|| panic!("{by_attempt}"));
    assert_eq!(failed["requests"], 5);
    assert_ne!(failed["group"]["attempt_error"], "", "{by_attempt}");
    for (wrong, pointer) in [
        ("by=colour", "/by"),
        ("by=attempt_target,reason", "/by"),
        ("cache=maybe", "/cache"),
        ("purpose=fun", "/purpose"),
    ] {
        let path = format!("/api/v1/requests/summary?{wrong}");
        let answer = platform.call(Method::GET, &path, &platform.owner, None).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text());
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    let unknown =
        platform.call(Method::GET, "/api/v1/requests?colour=red", &platform.owner, None).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text());
}

#[tokio::test]
async fn copies_are_compared_with_what_they_are_copies_of() {
    let (platform, gateway) = started().await;
    for _ in 0..4 {
        assert_eq!(chat(&gateway, APP_KEY, "mirrored").await.status, 200);
    }
    platform.until_logged(9).await;
    let shadows = figures(&platform, "mirrored", "shadows").await;
    let row = &shadows["data"][0];
    assert_eq!((&row["target"], &row["pairs"]), (&json!("alpha/sim--slow=300"), &json!(4)));
    assert_eq!(row["copies"]["errors"], 0);
    let difference = &row["difference"];
    assert!(difference["latency_ms"]["value"].as_f64().unwrap() > 200.0, "{shadows}");
    assert!(number(&difference["cost"]["value"]) > 0.0, "{shadows}");
    assert!(difference["latency_ms"]["low"].as_f64() <= difference["latency_ms"]["high"].as_f64());
    let copies = get(&platform, "/api/v1/requests?purpose=shadow").await;
    assert_eq!(copies["data"].as_array().unwrap().len(), 4);
    let apps = get(&platform, "/api/v1/requests?purpose=app&route=mirrored").await;
    assert_eq!(apps["data"].as_array().unwrap().len(), 4);
    let arms = figures(&platform, "mirrored", "arms").await;
    assert_eq!(arms["data"][0]["requests"], 4, "a copy is nobody's request: {arms}");
}

#[tokio::test]
async fn a_guard_wins_over_an_answer_that_is_already_there() {
    let (platform, gateway) = started().await;
    let url = format!("{}/v1/chat/completions", gateway.url());
    let about = |text: &str| {
        let question = json!({"messages": [{"role": "user", "content": text}]});
        with(crate::stand::chat("cached"), question)
    };
    let ask = async |text: &str| http::post_json(&url, APP_KEY, &about(text)).await;
    let state = |answer: &http::Answer| answer.header("x-tollgate-cache").map(str::to_owned);
    assert_eq!(state(&ask("see CASE-123456").await).as_deref(), Some("miss"));
    assert_eq!(state(&ask("see CASE-123456").await).as_deref(), Some("hit"));

    let guard = "[guards.cases]\npatterns = { case_no = \"CASE-[0-9]{6}\" }";
    let tenant = format!("{ROUTES}\n{guard}\n[tenants.acme]\nguards = [\"cases\"]");
    let guarded = DOCUMENT.replacen("[tenants.acme]", &tenant, 1);
    let applied = platform.apply(&guarded);
    assert!(applied.contains("guard cases set"), "{applied}");
    let refused = until(async || {
        let answer = ask("see CASE-123456").await;
        (answer.status == 400).then_some(answer)
    })
    .await;
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "content_blocked", "{}", refused.text());
    assert!(!refused.text().contains("CASE-"), "the message does not repeat what was found");
    assert_eq!(ask("see CASE-12345").await.status, 200);

    let blocked = until(async || {
        let log = get(&platform, "/api/v1/requests?error=content_blocked").await;
        log["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let request = get(&platform, &format!("/api/v1/requests/{blocked}")).await;
    let finding = json!([{"guard": "cases", "found": "case_no", "blocked": true}]);
    assert_eq!(request["event"]["guards"], finding, "{request}");
    let again = platform.apply(&guarded);
    assert!(!again.contains("guard"), "it is there already: {again}");
}

/// Waits for something.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < SOON, "it did not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
