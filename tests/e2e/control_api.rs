//! Bad input to the control API gets one clear answer, and nothing is lost.

use hyper::Method;
use serde_json::{Value, json};

use crate::tenants::Platform;

#[tokio::test]
async fn mistakes_are_told_with_pointers() {
    let platform = Platform::start().await;
    let long = "x".repeat(65);
    let cases = [
        ("/api/v1/api-keys", json!({ "name": "" }), 422, "/name"),
        ("/api/v1/api-keys", json!({ "name": long }), 422, "/name"),
        ("/api/v1/api-keys", json!({ "name": 7 }), 400, "/name"),
        ("/api/v1/api-keys", json!({ "name": "a", "is_admin": true }), 400, "/is_admin"),
        ("/api/v1/api-keys", json!({ "name": "a", "tenant_id": "tnt_x" }), 400, "/tenant_id"),
        (
            "/api/v1/api-keys",
            json!({ "name": "a", "team_id": "team_00000000000000000000000000000001" }),
            422,
            "",
        ),
        (
            "/api/v1/api-keys",
            json!({ "name": "a", "limits": { "concurrent": -1 } }),
            422,
            "/limits/concurrent",
        ),
        (
            "/api/v1/api-keys",
            json!({ "name": "a", "expires_at": "2020-01-01T00:00:00Z" }),
            422,
            "/expires_at",
        ),
        ("/api/v1/budgets", json!({ "name": "a", "limit": "-5", "window": "day" }), 422, "/limit"),
        (
            "/api/v1/budgets",
            json!({ "name": "a", "limit": "1e308", "window": "day" }),
            422,
            "/limit",
        ),
        (
            "/api/v1/budgets",
            json!({ "name": "a", "limit": "9000001", "window": "day" }),
            422,
            "/limit",
        ),
        (
            "/api/v1/budgets",
            json!({ "name": "a", "limit": "1", "window": "fortnight" }),
            422,
            "/window",
        ),
        (
            "/api/v1/budgets",
            json!({ "name": "a", "limit": "1", "window": "day", "currency": "EUR" }),
            422,
            "/currency",
        ),
        (
            "/api/v1/routes",
            json!({ "name": "r", "spec": { "targets": [{ "use": "nobody/x" }] } }),
            422,
            "/spec/targets/0/use",
        ),
        (
            "/api/v1/routes",
            json!({ "name": "r", "spec": { "targets": [{ "use": "alpha/x" }], "bogus": 1 } }),
            400,
            "/spec/bogus",
        ),
        (
            "/api/v1/providers",
            json!({ "name": "p", "spec": { "kind": "openai", "base_url": "ftp://x" } }),
            422,
            "/spec/base_url",
        ),
        (
            "/api/v1/providers",
            json!({ "name": "p", "spec": { "kind": "openai", "base_url": "http://169.254.169.254/v1" } }),
            422,
            "/spec/base_url",
        ),
        (
            "/api/v1/provider-keys",
            json!({ "provider_id": "prv_00000000000000000000000000000001", "secret": "sk-12345678" }),
            422,
            "/provider_id",
        ),
    ];
    for (path, body, status, pointer) in cases {
        let answer = platform.call(Method::POST, path, &platform.owner, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        let problem = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let pointers: Vec<_> = problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error["pointer"].as_str())
            .collect();
        assert!(pointers.contains(&pointer), "{path} {body}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        assert!(
            problem["type"].as_str().is_some_and(|kind| kind.starts_with("/problems/")),
            "{problem}"
        );
    }
    let zone = platform
        .call_with(
            Method::PATCH,
            "/api/v1/tenant",
            &platform.owner,
            &[("if-match", &platform.read("/api/v1/tenant").await.1)],
            Some(json!({ "time_zone": "Mars/Olympus", "unpriced": "deny" })),
        )
        .await;
    assert_eq!(
        (zone.status, zone.json()["errors"][0]["pointer"].as_str()),
        (422, Some("/time_zone")),
        "{}",
        zone.text()
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_400_and_what_is_too_large_413() {
    let platform = Platform::start().await;
    let url = format!("{}/api/v1/api-keys", platform.control.base_url());
    let bearer = format!("Bearer {}", platform.owner);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for (body, status) in [
        (b"{".to_vec(), 400),
        (b"\xff\xfe".to_vec(), 400),
        (b"".to_vec(), 400),
        (b"[]".to_vec(), 400),
        (vec![b' '; 2 << 20], 413),
        (b"[".repeat(100_000), 400),
    ] {
        let answer = tollgate_tests::http::send(Method::POST, &url, &headers, body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let bare =
        tollgate_tests::http::send(Method::POST, &url, &headers[..1], b"{\"name\":\"a\"}".to_vec())
            .await;
    assert_eq!(bare.status, 400, "without a content type: {}", bare.text());
    let wrong = platform.call(Method::GET, "/api/v1/api-keys?limit=0", &platform.owner, None).await;
    assert_eq!(wrong.status, 422);
    for path in [
        "/api/v1/nothing",
        "/api/v1/api-keys/key_x",
        "/api/v1/budgets/bud_00000000000000000000000000000001",
    ] {
        let answer = platform.call(Method::GET, path, &platform.owner, None).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (404, Some("not_found")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_lost_update_is_refused() {
    let platform = Platform::start().await;
    let (id, _) = platform.api_key("edited").await;
    let path = format!("/api/v1/api-keys/{id}");
    let (_, etag) = platform.read(&path).await;
    let change = |name: &str| Some(json!({ "name": name }));
    let without = platform.call(Method::PATCH, &path, &platform.owner, change("no version")).await;
    assert_eq!(without.status, 428, "{}", without.text());
    let first = platform
        .call_with(Method::PATCH, &path, &platform.owner, &[("if-match", &etag)], change("first"))
        .await;
    assert_eq!(first.status, 204, "{}", first.text());
    let second = platform
        .call_with(Method::PATCH, &path, &platform.owner, &[("if-match", &etag)], change("second"))
        .await;
    assert_eq!((second.status, second.json()["code"].as_str()), (412, Some("stale")));
    assert_eq!(platform.read(&path).await.0["name"], "first");
}

#[tokio::test]
async fn a_repeated_post_is_answered_as_the_first_was() {
    let platform = Platform::start().await;
    let post = async |key: &str, name: &str| {
        let headers = [("idempotency-key", key)];
        platform
            .call_with(
                Method::POST,
                "/api/v1/api-keys",
                &platform.owner,
                &headers,
                Some(json!({ "name": name })),
            )
            .await
    };
    let first = post("one", "only once").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let second = post("one", "only once").await;
    assert_eq!(
        (second.status, second.json()),
        (201, first.json()),
        "the key is shown to whoever repeats the request"
    );
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    let other = post("one", "another").await;
    assert_eq!(
        (other.status, other.json()["code"].as_str()),
        (409, Some("idempotency_key_reused"))
    );
    let keys = platform.do_it(Method::GET, "/api/v1/api-keys?search=only", None).await;
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(1), "{keys}");
    let many = futures_util::future::join_all((0..8).map(|_| post("many", "at once"))).await;
    let made: Vec<Value> =
        many.iter().filter(|answer| answer.status == 201).map(|answer| answer.json()).collect();
    assert!(!made.is_empty() && made.iter().all(|answer| *answer == made[0]), "{made:?}");
    assert!(many.iter().all(|answer| matches!(answer.status, 201 | 409)), "{many:?}");
}

#[tokio::test]
async fn a_key_is_rotated_with_an_overlap() {
    let platform = Platform::start().await;
    let gateway = platform.gateway("one").await;
    let (id, old) = platform.api_key("rotated").await;
    let path = format!("/api/v1/api-keys/{id}/rotate");
    let made = platform.do_it(Method::POST, &path, Some(json!({ "overlap_seconds": 3600 }))).await;
    let new = made["key"].as_str().unwrap_or_default();
    crate::tenants::until_status(&gateway, new, 200).await;
    crate::tenants::until_status(&gateway, &old, 200).await;
    let path = format!("/api/v1/api-keys/{}/rotate", made["id"].as_str().unwrap_or_default());
    platform.do_it(Method::POST, &path, Some(json!({ "overlap_seconds": 0 }))).await;
    crate::tenants::until_status(&gateway, new, 401).await;
}

#[tokio::test]
async fn a_provider_key_is_tried_and_never_shown() {
    let platform = Platform::start().await;
    let keys = platform.do_it(Method::GET, "/api/v1/provider-keys", None).await;
    assert!(!keys.to_string().contains("planted"), "{keys}");
    let id = keys["data"][0]["id"].as_str().unwrap_or_default();
    let result =
        platform.do_it(Method::POST, &format!("/api/v1/provider-keys/{id}/test"), None).await;
    assert!(result["message"].is_string() && result["status"].is_number(), "{result}");
}

#[tokio::test]
async fn the_api_describes_itself_offline() {
    let platform = Platform::start().await;
    let document = platform.call(Method::GET, "/api/openapi.json", "", None).await.json();
    assert!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        document["openapi"]
    );
    let docs = platform.call(Method::GET, "/api/docs/", "", None).await;
    assert_eq!(docs.status, 200);
    assert!(
        !docs.text().contains("https://"),
        "the page fetches nothing from elsewhere: {}",
        docs.text()
    );
}

#[tokio::test]
async fn a_rotated_keys_budget_goes_on_with_its_successor() {
    let platform = Platform::start().await;
    let (id, _) = platform.api_key("capped").await;
    let budget = json!({ "name": "cap", "limit": "1.00", "window": "day", "api_key_id": id });
    let made = platform.do_it(Method::POST, "/api/v1/budgets", Some(budget)).await;
    let rotated = platform
        .do_it(
            Method::POST,
            &format!("/api/v1/api-keys/{id}/rotate"),
            Some(json!({ "overlap_seconds": 60 })),
        )
        .await;
    let budgets = platform.do_it(Method::GET, "/api/v1/budgets", None).await;
    let scope_of = |id: &Value| {
        let all = budgets["data"].as_array().expect("a list");
        all.iter().find(|budget| budget["id"] == *id).map(|budget| budget["api_key_id"].clone())
    };
    assert_eq!(scope_of(&made["id"]), Some(rotated["id"].clone()), "{budgets:#}");
    let caps_of_old = budgets["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|budget| budget["api_key_id"] == id.as_str());
    assert_eq!(caps_of_old.count(), 1, "the old key stays capped for the overlap: {budgets:#}");
}
