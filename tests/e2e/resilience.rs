//! Routes that survive: cascades, hedges, decisions that can be read, routes by rules and by meaning, shadows.

use serde_json::{Value, json};
use tollgate_tests::gateway_process::Gateway;
use tollgate_tests::http;
use tollgate_tests::redis_server::RedisServer;
use tollgate_tests::simulator_process::SimulatorProcess;

use crate::stand::{KEY, SOON, Stand, chat, refusal, refused, streaming, with};

const CASCADE: &str = r#"
[providers.claude]
kind = "anthropic"
base_url = "{simulator}/claude"
keys = ["sk-claude"]
allow_private_network = true
price = { input = "15", output = "75" }
[providers.openai]
kind = "openai_compatible"
base_url = "{simulator}/openai/v1"
keys = ["sk-openai"]
allow_private_network = true
price = { input = "2.50", output = "10" }
[providers.gemini]
kind = "gemini"
base_url = "{simulator}/gemini"
keys = ["sk-gemini"]
allow_private_network = true
price = { input = "1.25", output = "10" }
[routes.support]
targets = [
  { use = "claude/sim--hang", first_byte = "2s" },
  { use = "openai/sim--status=500" },
  { use = "gemini/sim-large" },
]
[tenants.acme.api_keys.app]
secret = "tgk_0123456789abcdef"
"#;

#[tokio::test]
async fn the_cascade_answers_from_the_third_when_the_first_hangs_and_the_second_fails() {
    let stand = Stand::before(SimulatorProcess::start().await, "", CASCADE).await;
    let trace = [("x-tollgate-trace", "1")];
    let answer = stand.chat_with(&trace, &chat("support")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["object"], "chat.completion", "in the caller's format");
    assert_eq!(answer.header("x-tollgate-provider"), Some("gemini"));
    let traced: Value = serde_json::from_str(answer.header("x-tollgate-trace").unwrap()).unwrap();
    let event = stand.event().await;
    assert_eq!(event["decision"], traced["decision"]);
    assert_eq!(event["decision"]["strategy"], "fallback");
    let attempts = event["attempts"].as_array().unwrap();
    let told: Vec<_> =
        attempts.iter().map(|attempt| (&attempt["target"], &attempt["error"])).collect();
    assert_eq!(
        told,
        [
            (&json!("claude/sim--hang"), &json!("timeout")),
            (&json!("openai/sim--status=500"), &json!("server_error")),
            (&json!("gemini/sim-large"), &Value::Null),
        ]
    );
    let times: Vec<u64> = attempts
        .iter()
        .flat_map(|attempt| [&attempt["started_ms"], &attempt["ended_ms"]])
        .map(|time| time.as_u64().unwrap())
        .collect();
    assert!(times.is_sorted() && times[1] >= 2_000, "{times:?}");

    let messages = json!({
        "model": "support", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}],
    });
    let answer = http::post_json(&stand.url("/v1/messages"), KEY, &messages).await;
    assert_eq!((answer.status, &answer.json()["type"]), (200, &json!("message")));
}

#[tokio::test]
async fn an_error_inside_a_stream_that_showed_nothing_yet_goes_on_to_the_next_target() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--error=0" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let streamed = stand.streamed(&streaming("pair")).await;
    assert!(streamed.is_complete());
    let event = stand.event().await;
    assert_eq!((&event["target"], &event["error"]), (&json!("beta/sim-large"), &Value::Null));
    assert_eq!(event["attempts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_slow_first_target_gets_a_second_beside_it_and_only_the_winner_is_charged() {
    let stand = Stand::start(
        r#"
[routes.hedged]
targets = [{ use = "alpha/sim--slow=5000" }, { use = "beta/sim-large" }]
hedge = { after = "100ms", budget = 1.0 }
"#,
    )
    .await;
    for body in [chat("hedged"), streaming("hedged")] {
        let answer = stand.chat(&body).await;
        assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, Some("beta")));
        let event = stand.event().await;
        let attempts = &event["attempts"];
        assert_eq!(
            (&attempts[0]["error"], &attempts[1]["hedge"]),
            (&json!("overtaken"), &json!(true))
        );
        assert_eq!(attempts[1]["error"], Value::Null);
        assert_eq!(attempts[1]["cost_nano_usd"], event["cost_nano_usd"]);
        assert_eq!(attempts[0]["cost_nano_usd"], 0);
        assert!(attempts[0]["unconfirmed_nano_usd"].as_i64().unwrap() > 0);
    }
    // The losers were hung up on.
    stand.simulator.until_idle(SOON).await;
}

#[tokio::test]
async fn a_dry_run_says_where_a_request_would_go_and_calls_nobody() {
    let stand = Stand::start(
        r#"
[routes.regulated]
strategy = "rules"
rules = [
  { when = "metadata.tier == 'free'", use = "beta/sim-large" },
  { when = "request.tools", use = "cheap" },
]
default = "alpha/sim-large"
[routes.cheap]
strategy = "cheapest"
targets = [{ use = "beta/sim-large" }, { use = "alpha/sim-small" }]
"#,
    )
    .await;
    let decide = async |metadata: &str, body: Value| {
        let headers = [("x-tollgate-dry-run", "1"), ("x-tollgate-metadata", metadata)];
        let answer = stand.chat_with(&headers, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["decision"].clone()
    };
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let cases = [
        (r#"{"tier":"free"}"#, chat("regulated"), json!(["beta/sim-large", "alpha/sim-large"])),
        ("{}", chat("regulated"), json!(["alpha/sim-large"])),
        (
            "{}",
            with(chat("regulated"), json!({"tools": tools})),
            json!(["alpha/sim-small", "beta/sim-large", "alpha/sim-large"]),
        ),
    ];
    for (metadata, body, plan) in cases {
        let decision = decide(metadata, body).await;
        assert_eq!(decision["plan"], plan, "{decision}");
        assert!(decision["because"][0].as_str().unwrap().starts_with("regulated: "), "{decision}");
    }
    assert_eq!(stand.simulator.requests().await.len(), 0);
    let wrong = stand.chat_with(&[("x-tollgate-trace", "yes")], &chat("cheap")).await;
    assert_eq!(refusal(&wrong), refused(400, "invalid_header"));
}

const BY_MEANING: &str = r#"
[routes.smart]
strategy = "semantic"
embedder = "alpha/{embedder}"
embed_timeout = "400ms"
default = "alpha/sim-large"
[[routes.smart.intents]]
name = "legal"
examples = ["review this contract", "is this clause enforceable"]
use = "beta/sim-legal"
[[routes.smart.intents]]
name = "code"
examples = ["write a function"]
use = "beta/sim-code"
"#;

#[tokio::test]
async fn a_prompt_goes_where_its_meaning_says() {
    let stand = Stand::start(&BY_MEANING.replace("{embedder}", "sim-embed")).await;
    let say =
        |text: &str| json!({"model": "smart", "messages": [{"role": "user", "content": text}]});
    // The simulator's vectors are equal for equal texts and have nothing to do with each other otherwise.
    for (text, target) in [
        ("is this clause enforceable", "beta/sim-legal"),
        ("write a function", "beta/sim-code"),
        ("what is the weather like", "alpha/sim-large"),
    ] {
        let answer = stand.chat(&say(text)).await;
        assert_eq!(answer.header("x-tollgate-model"), Some(target), "{text}: {}", answer.text());
    }
    let events = stand.events(5).await;
    let purposes = events.iter().filter(|event| event["beside"]["purpose"] == "embedding").count();
    assert_eq!(purposes, 2, "each new text is asked for once, the examples with the first");
    let code = events.iter().find(|event| event["target"] == "beta/sim-code").unwrap();
    assert_eq!(code["decision"]["similarities"]["code"], 1.0, "{code}");
}

#[tokio::test]
async fn requests_flow_by_default_while_the_embedder_hangs_or_is_gone() {
    for embedder in ["sim--hang", "sim--status=500"] {
        let stand = Stand::start(&BY_MEANING.replace("{embedder}", embedder)).await;
        for _ in 0..3 {
            let trace = [("x-tollgate-trace", "1")];
            let answer = stand.chat_with(&trace, &chat("smart")).await;
            assert_eq!(answer.header("x-tollgate-model"), Some("alpha/sim-large"));
            assert!(answer.header("x-tollgate-trace").unwrap().contains("smart: default, "));
        }
    }
}

#[tokio::test]
async fn a_shadow_gets_a_copy_that_nobody_waits_for_and_that_is_metered_apart() {
    let stand = Stand::start(
        r#"
[routes.mirrored]
targets = [{ use = "alpha/sim-large" }]
shadow = { use = "beta/sim--slow=500", percent = 100 }
"#,
    )
    .await;
    let answer = stand.chat(&chat("mirrored")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("1")));
    let events = stand.events(2).await;
    assert_eq!(events[0]["target"], "alpha/sim-large", "the answer did not wait");
    assert_eq!(events[1]["target"], "beta/sim--slow=500");
    assert_eq!(events[1]["beside"], json!({"request": events[0]["id"], "purpose": "shadow"}));
    assert!(events[1]["cost_nano_usd"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_target_whose_rate_limit_is_used_up_goes_last_before_it_says_so() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--room=0" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let trace = [("x-tollgate-trace", "1")];
    let mut models = Vec::new();
    for _ in 0..3 {
        let answer = stand.chat_with(&trace, &chat("pair")).await;
        models.push(answer.header("x-tollgate-model").unwrap_or_default().to_owned());
    }
    assert_eq!(models, ["alpha/sim--room=0", "beta/sim-large", "beta/sim-large"]);
    let event = &stand.events(3).await[2];
    assert_eq!(event["decision"]["plan"], json!(["beta/sim-large", "alpha/sim--room=0"]));
    assert_eq!(
        event["decision"]["because"],
        json!(["alpha/sim--room=0 goes last: its rate limit has no room"])
    );
    let named = stand.chat(&chat("alpha/sim--room=0")).await;
    assert_eq!(named.status, 200, "who may be wrong is not believed against the app's own words");
}

#[tokio::test]
async fn a_full_provider_makes_room_for_the_next_target() {
    let stand = Stand::start(
        r#"
[providers.narrow]
kind = "openai_compatible"
base_url = "{simulator}/narrow/v1"
keys = ["sk-narrow"]
allow_private_network = true
price = "free"
max_concurrency = 1
[routes.pair]
targets = [{ use = "narrow/sim--slow=1000" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let body = chat("pair");
    let answers = futures_util::future::join_all((0..4).map(|_| stand.chat(&body))).await;
    let served = |provider: &str| {
        let by = |answer: &&http::Answer| answer.header("x-tollgate-provider") == Some(provider);
        answers.iter().filter(by).count()
    };
    assert_eq!((served("narrow"), served("beta")), (1, 3));
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_circuit_that_opened_on_one_node_is_probed_on_the_others() {
    let simulator = SimulatorProcess::start().await;
    let redis = RedisServer::start().await;
    let config = format!(
        r#"
allow_inline_secrets = true
[server]
listen = "{{listen}}"
admin_listen = "{{admin}}"
[counters]
backend = "redis"
url = "{}"
[providers.alpha]
kind = "openai_compatible"
base_url = "{}"
keys = ["sk-alpha"]
allow_private_network = true
price = "free"
[providers.beta]
kind = "openai_compatible"
base_url = "{}"
keys = ["sk-beta"]
allow_private_network = true
price = "free"
[routes.pair]
targets = [{{ use = "alpha/sim--status=500" }}, {{ use = "beta/sim-large" }}]
[tenants.acme.api_keys.app]
secret = "{KEY}"
"#,
        redis.url(),
        simulator.provider_url("alpha"),
        simulator.provider_url("beta"),
    );
    let (first, second) = (Gateway::start(&config).await, Gateway::start(&config).await);
    let ask = async |gateway: &Gateway| {
        let url = format!("{}/v1/chat/completions", gateway.url());
        let answer = http::post_json(&url, KEY, &chat("pair")).await;
        assert_eq!(answer.status, 200);
        answer.header("x-tollgate-attempts") == Some("2")
    };
    for _ in 0..8 {
        ask(&first).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let mut tried = 0;
    for _ in 0..20 {
        tried += u32::from(ask(&second).await);
    }
    assert_eq!(tried, 1, "one probe, which fails and opens its circuit too");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "where the model is, only the caller knows")]
async fn the_nodes_own_model_knows_what_prompts_mean() {
    let Ok(model) = std::env::var("TOLLGATE_EMBEDDER_MODEL") else {
        eprintln!("SKIPPED: TOLLGATE_EMBEDDER_MODEL names no model");
        return;
    };
    let routes = BY_MEANING.replace("embedder = \"alpha/{embedder}\"\n", "");
    let routes = routes.replace("400ms", "10s");
    let stand = Stand::start(&format!("{routes}[embedder]\npath = \"{model}\"\n")).await;
    for (text, target) in [
        ("Please review the contract with our supplier", "beta/sim-legal"),
        ("write a function that sorts a list", "beta/sim-code"),
        ("What shall we have for dinner?", "alpha/sim-large"),
    ] {
        let body = json!({"model": "smart", "messages": [{"role": "user", "content": text}]});
        let answer = stand.chat_with(&[("x-tollgate-trace", "1")], &body).await;
        let trace = answer.header("x-tollgate-trace").unwrap_or_default();
        assert_eq!(answer.header("x-tollgate-model"), Some(target), "{text}: {trace}");
    }
}
