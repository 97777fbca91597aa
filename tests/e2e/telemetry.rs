//! What operators see: metrics and traces that tell what happened, and logs that tell no secret.

use crate::stand::KEY;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tollgate_tests::{
    gateway_process::Gateway,
    http::{get, post_json},
    redis_server::RedisServer,
    simulator_process::SimulatorProcess,
};

const PROVIDER_SECRET: &str = "sk-provider-secret-canary";
const PROMPT: &str = "a prompt that nobody else shall read";

fn config(simulator: &SimulatorProcess, redis: &RedisServer, further: &str) -> String {
    format!(
        r#"
allow_inline_secrets = true
[server]
listen = "{{listen}}"
admin_listen = "{{admin}}"
shutdown_grace = "2s"
[counters]
backend = "redis"
url = "{}"
[usage]
sink = "redis"
{further}
[providers.alpha]
kind = "openai_compatible"
base_url = "{}/alpha/v1"
keys = ["{PROVIDER_SECRET}"]
allow_private_network = true
price = {{ input = "0.50", output = "1.50" }}
[tenants.acme.api_keys.app]
secret = "{KEY}"
limits = {{ concurrent = 5 }}
[[tenants.acme.budgets]]
limit = "5"
window = "day"
"#,
        redis.url(),
        simulator.url()
    )
}

async fn ask(gateway: &Gateway, model: &str, key: &str) -> u16 {
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": PROMPT }] });
    post_json(&format!("{}/v1/chat/completions", gateway.url()), key, &body).await.status
}

#[tokio::test]
async fn metrics_count_requests_tokens_and_money() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    let gateway = Gateway::start(&config(&simulator, &redis, "")).await;
    assert_eq!(ask(&gateway, "alpha/sim-large", KEY).await, 200);
    assert_eq!(ask(&gateway, "alpha/sim--status=500", KEY).await, 502);

    let text = get(&format!("{}/metrics", gateway.admin_url()), None).await.text();

    for line in [
        r#"tollgate_upstream_attempts_total{outcome="ok",provider="alpha"} 1"#,
        r#"tollgate_upstream_attempts_total{outcome="server_error",provider="alpha"} 1"#,
        r#"tollgate_tokens_total{kind="output",provider="alpha"} 16"#,
        r#"tollgate_holds_total{outcome="granted"} 2"#,
        "tollgate_redis_healthy 1",
        "tollgate_requests_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("tollgate_request_duration_seconds_bucket"));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&format!("{}{path}", gateway.admin_url()), None).await.status, 200);
    }
}

#[tokio::test]
async fn traces_reach_a_collector() {
    let collector = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = collector.local_addr().expect("it is bound");
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    let telemetry = format!("[telemetry]\notlp_endpoint = \"http://{address}\"\n");
    let gateway = Gateway::start(&config(&simulator, &redis, &telemetry)).await;
    assert_eq!(ask(&gateway, "alpha/sim-large", KEY).await, 200);

    let received = tokio::time::timeout(Duration::from_secs(20), async {
        let (mut connection, _) = collector.accept().await.expect("the exporter connects");
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&bytes).contains("gen_ai.usage.output_tokens") {
            let count = connection.read(&mut buffer).await.expect("it sends");
            assert!(count > 0, "it closed early");
            bytes.extend_from_slice(&buffer[..count]);
        }
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        bytes
    })
    .await
    .expect("spans arrive");

    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with("POST /v1/traces HTTP/1.1"), "{text}");
    for word in ["tollgate-gateway", "gen_ai.request.model", "alpha/sim-large"] {
        assert!(text.contains(word), "{word} is missing");
    }
    for secret in [PROMPT, KEY, PROVIDER_SECRET] {
        assert!(!text.contains(secret), "{secret} is in a trace");
    }
}

#[tokio::test]
async fn no_secret_and_no_content_is_in_logs_metrics_or_redis() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    let text = config(&simulator, &redis, "");
    let mut gateway =
        Gateway::start_with(&text, &[("TOLLGATE_LOG", "trace,actix_http=off,hyper=info,mio=off")])
            .await;
    assert_eq!(ask(&gateway, "alpha/sim-large", KEY).await, 200);
    assert_eq!(ask(&gateway, "alpha/sim--status=500", KEY).await, 502);
    assert_eq!(ask(&gateway, "alpha/sim--garbage", KEY).await, 502);
    assert_eq!(ask(&gateway, "alpha/sim-large", "tgk_a_wrong_key_canary").await, 401);
    assert_eq!(
        ask(&gateway, "no-such-model", KEY).await,
        200,
        "the only provider there is decides"
    );
    let metrics = get(&format!("{}/metrics", gateway.admin_url()), None).await.text();
    gateway.sigterm();
    gateway.wait(Duration::from_secs(15)).await;

    let aof: String = std::fs::read_dir(redis.directory().join("appendonlydir"))
        .expect("Redis keeps a log")
        .map(|entry| {
            String::from_utf8_lossy(
                &std::fs::read(entry.expect("a file").path()).expect("it is read"),
            )
            .into_owned()
        })
        .collect();
    assert!(aof.contains("alpha/sim-large"), "the events are there");
    for (place, text) in [("logs", gateway.logs()), ("metrics", metrics), ("Redis", aof)] {
        for secret in [PROMPT, KEY, &KEY[4..], PROVIDER_SECRET, "wrong_key_canary"] {
            assert!(!text.contains(secret), "{secret} is in the {place}");
        }
    }
}
