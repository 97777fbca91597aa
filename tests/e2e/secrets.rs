//! No secret is where it does not belong: whatever is dumped, none of those that were planted is in it.

use std::sync::{Arc, Mutex};

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_tests::control_process::ControlPlane;
use tollgate_tests::simulator_process::SimulatorProcess;

use crate::tenants::{APP_KEY, Platform, chat, until_status};

#[tokio::test]
async fn dumps_of_database_redis_logs_and_snapshot_hold_no_secret() {
    // As talkative as it gets.
    let log = ("TOLLGATE_LOG", "trace,actix_http=off,actix_server=info,hyper=info,mio=off");
    let control = ControlPlane::start_with(&[], &[log]).await;
    let platform = Platform::of(SimulatorProcess::start().await, control);
    let (collector, traces) = collector().await;
    let telemetry = [log, ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str())];
    let node_token;
    let (dump, redis, logs, snapshot);
    let (_, minted) = platform.api_key("minted").await;
    let management = platform.control.management_token("acme", "admin");
    let planted_password = "a-planted-password-1234";
    {
        let gateway = platform.control.connected_gateway_with("one", "", &telemetry).await;
        node_token = gateway.token();
        until_status(&gateway, APP_KEY, 200).await;
        until_status(&gateway, &minted, 200).await;
        // Secrets in places where they are wrong, too.
        for key in ["sk-planted-as-api-key-0123456789", planted_password] {
            assert_eq!(chat(&gateway, key, "demo").await.status, 401);
            platform.call(Method::GET, "/api/v1/me", key, None).await;
        }
        let provider =
            platform.do_it(Method::GET, "/api/v1/providers", None).await["data"][0]["id"].clone();
        let body = json!({ "provider_id": provider, "secret": "sk-planted-second-provider-key" });
        let headers = [("idempotency-key", "planted")];
        platform
            .call_with(Method::POST, "/api/v1/provider-keys", &platform.owner, &headers, Some(body))
            .await;
        let headers = [("idempotency-key", "planted key")];
        let made = platform
            .call_with(
                Method::POST,
                "/api/v1/api-keys",
                &platform.owner,
                &headers,
                Some(json!({ "name": "kept answer" })),
            )
            .await;
        let kept = made.json()["key"].as_str().unwrap_or_default().to_owned();
        let wrong = json!({ "email": "owner@acme.example", "password": planted_password });
        platform.call(Method::POST, "/api/v1/auth/sign-in", "", Some(wrong)).await;
        platform.until_logged(2).await;
        let started = std::time::Instant::now();
        while !contains(&traces.lock().expect("nobody panicked"), b"gen_ai.usage.output_tokens") {
            assert!(started.elapsed() < 2 * crate::stand::SOON, "no trace arrives");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        dump = platform.control.dump();
        redis = platform.control.redis_dump().await;
        logs = format!("{}{}", platform.control.logs(), gateway.logs());
        snapshot = std::fs::read(gateway.snapshot()).expect("there is a snapshot");
        let secrets = [
            APP_KEY,
            "sk-planted-provider-key",
            "sk-planted-second-provider-key",
            "sk-planted-as-api-key-0123456789",
            planted_password,
            &minted,
            &kept,
            &management,
            &platform.owner,
            &node_token,
        ];
        let traces = traces.lock().expect("nobody panicked").clone();
        for (what, text) in [
            ("the database", dump.as_bytes()),
            ("Redis", redis.as_bytes()),
            ("the logs", logs.as_bytes()),
            ("the snapshot", &snapshot),
            ("the traces", &traces),
        ] {
            assert!(text.len() > 200, "{what} is nearly empty: {} bytes", text.len());
            for secret in secrets {
                assert!(secret.len() > 12, "{secret:?} is no secret");
                // Postgres prints bytes as hexadecimal digits.
                let digits = tollgate_contract::feed::to_hex(secret.as_bytes());
                for form in [secret.as_bytes(), digits.as_bytes()] {
                    assert!(!contains(text, form), "{what} has {}…", &secret[..8]);
                }
            }
        }
    }
    // The key-encryption key is nowhere either.
    let kek = platform.control.kek();
    for (what, text) in [("the database", &dump), ("Redis", &redis), ("the logs", &logs)] {
        assert!(!text.contains(&kek), "{what} has the key-encryption key");
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// A collector of traces: its URL, and all that it was sent.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let received = Arc::new(Mutex::new(Vec::new()));
    let all = received.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut buffer = vec![0; 65_536];
            while let Ok(count @ 1..) = connection.read(&mut buffer).await {
                all.lock().expect("nobody panicked").extend_from_slice(&buffer[..count]);
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    });
    (url, received)
}
