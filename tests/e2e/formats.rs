//! One request, any provider: every API that apps speak is served by every wire format that providers speak, the usage
//! events are the provider's bill, and failures move on from one format to the next.

use crate::stand::{KEY, SOON, Stand};
use serde_json::{Value, json};
use tollgate_tests::{
    http::{Answer, post_json, post_json_with},
    simulator_process::SimulatorProcess,
};

const WORLD: &str = r#"
[providers.openai]
kind = "openai"
base_url = "{simulator}/openai/v1"
keys = ["sk-openai"]
allow_private_network = true
price = { input = "0.50", cached_input = "0.05", output = "1.50" }
[providers.anthropic]
kind = "anthropic"
base_url = "{simulator}/anthropic"
keys = ["sk-ant"]
allow_private_network = true
price = { input = "3", cached_input = "0.30", cache_write_5m = "3.75", cache_write_1h = "6", output = "15" }
[providers.gemini]
kind = "gemini"
base_url = "{simulator}/gemini"
keys = ["AIza-gemini"]
allow_private_network = true
price = { input = "1", cached_input = "0.1", output = "5" }
[providers.bedrock]
kind = "bedrock"
base_url = "{simulator}/bedrock"
region = "us-east-1"
keys = [{ access_key_id = "AKIDEXAMPLE", secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }]
allow_private_network = true
price = { input = "3", cached_input = "0.30", cache_write_5m = "3.75", output = "15" }
[providers.cohere]
kind = "cohere"
base_url = "{simulator}/cohere"
keys = ["co-key"]
allow_private_network = true
price = { input = "2", output = "8" }
[routes.cascade]
targets = [
    { use = "anthropic/claude-sonnet-4-5--hang", first_byte = "300ms" },
    { use = "openai/gpt-4o--status=500" },
    { use = "gemini/gemini-2.5-pro" },
]
[routes.strict]
require_parameters = true
targets = [{ use = "anthropic/claude-sonnet-4-5" }, { use = "openai/gpt-4o" }]
[routes.loose]
drop_unsupported = true
targets = [{ use = "anthropic/claude-sonnet-4-5" }]
[tenants.acme.api_keys.app]
secret = "tgk_0123456789abcdef"
"#;

const TARGETS: [&str; 5] = [
    "openai/gpt-4o",
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-pro",
    "bedrock/anthropic.claude-sonnet-4-5-v1:0",
    "cohere/command-a-03-2025",
];

async fn stand() -> Stand {
    Stand::before(SimulatorProcess::start().await, "", WORLD).await
}

/// The path and body of a question in each API.
fn question(api: &str, model: &str, stream: bool) -> (String, Value) {
    let messages = json!([{ "role": "user", "content": "What is the capital of France?" }]);
    match api {
        "chat" => (
            "/v1/chat/completions".to_owned(),
            json!({ "model": model, "messages": messages, "stream": stream }),
        ),
        "responses" => (
            "/v1/responses".to_owned(),
            json!({ "model": model, "input": messages, "stream": stream, "store": false }),
        ),
        "messages" => (
            "/v1/messages".to_owned(),
            json!({ "model": model, "messages": messages, "stream": stream, "max_tokens": 500 }),
        ),
        _ => {
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let parts = json!([{ "text": "What is the capital of France?" }]);
            (
                format!("/v1beta/models/{model}:{verb}"),
                json!({ "contents": [{ "role": "user", "parts": parts }] }),
            )
        }
    }
}

async fn ask(stand: &Stand, api: &str, model: &str, stream: bool) -> Answer {
    let (path, body) = question(api, model, stream);
    post_json(&stand.url(&path), KEY, &body).await
}

#[tokio::test]
async fn every_api_reaches_every_provider_and_the_events_are_the_bill() {
    let stand = stand().await;
    let mut count = 0;
    for target in TARGETS {
        for api in ["chat", "responses", "messages", "gemini"] {
            for stream in [false, true] {
                let answer = ask(&stand, api, target, stream).await;
                let text = answer.text();
                assert_eq!(answer.status, 200, "{api} to {target}, stream {stream}: {text}");
                count += 1;
            }
        }
    }
    let events = stand.events(count).await;
    stand.simulator.until_idle(SOON).await;
    let bill = stand.simulator.bill().await;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    for provider in ["openai", "anthropic", "gemini", "bedrock", "cohere"] {
        let of_provider = events.iter().filter(|event| {
            event["target"].as_str().is_some_and(|target| target.starts_with(provider))
        });
        let (mut input, mut output) = (0, 0);
        for event in of_provider {
            assert_eq!(
                (&event["estimated"], &event["disputed"]),
                (&json!(false), &json!(false)),
                "{event}"
            );
            input += number(&event["usage"]["input_uncached"]);
            output += number(&event["usage"]["output"]);
        }
        let billed = bill.providers[provider].values().fold((0, 0), |sum, charges| {
            (sum.0 + charges.prompt_tokens, sum.1 + charges.completion_tokens)
        });
        assert_eq!((input, output), billed, "{provider}");
        assert!(input > 0 && output > 0);
    }
}

#[tokio::test]
async fn a_route_falls_over_from_claude_to_gpt_to_gemini_in_the_callers_format() {
    let stand = stand().await;
    for (number, api) in ["chat", "responses", "messages"].into_iter().enumerate() {
        let answer = ask(&stand, api, "cascade", false).await;
        assert_eq!(answer.status, 200, "{api}: {}", answer.text());
        assert_eq!(answer.header("x-tollgate-provider"), Some("gemini"));
        let events = stand.events(number + 1).await;
        let attempts = events[number]["attempts"].as_array().unwrap().clone();
        let told: Vec<_> = attempts
            .iter()
            .map(|attempt| (attempt["target"].as_str().unwrap(), attempt["error"].as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("anthropic/claude-sonnet-4-5--hang", Some("timeout")),
                ("openai/gpt-4o--status=500", Some("server_error")),
                ("gemini/gemini-2.5-pro", None),
            ]
        );
        assert!(attempts[0]["ended_ms"].as_u64() >= Some(300));
    }
}

#[tokio::test]
async fn errors_come_in_the_shape_of_the_api_that_was_called() {
    let stand = stand().await;
    let model = "nowhere/model";
    let chat = ask(&stand, "chat", model, false).await;
    assert_eq!((chat.status, &chat.json()["error"]["code"]), (404, &json!("model_not_found")));
    let messages = ask(&stand, "messages", model, false).await;
    assert_eq!(
        (messages.status, &messages.json()["type"], &messages.json()["error"]["type"]),
        (404, &json!("error"), &json!("not_found_error"))
    );
    let gemini = ask(&stand, "gemini", model, false).await;
    assert_eq!(
        (gemini.status, &gemini.json()["error"]["code"], &gemini.json()["error"]["status"]),
        (404, &json!(404), &json!("NOT_FOUND"))
    );
    let nobody = post_json(&stand.url("/v1/messages"), "tgk_nobody_knows_this", &json!({})).await;
    assert_eq!(
        (nobody.status, &nobody.json()["error"]["type"]),
        (401, &json!("authentication_error"))
    );
}

#[tokio::test]
async fn what_a_target_cannot_honour_is_refused_passed_over_or_reported_never_lost() {
    let stand = stand().await;
    let asked = |model: &str| {
        json!({
            "model": model,
            "messages": [{ "role": "user", "content": "hi" }],
            "n": 2,
            "seed": 7,
        })
    };
    let path = stand.url("/v1/chat/completions");
    let refused = post_json(&path, KEY, &asked("anthropic/claude-sonnet-4-5")).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("n")));
    let elsewhere = post_json(&path, KEY, &asked("strict")).await;
    assert_eq!(elsewhere.status, 200, "{}", elsewhere.text());
    assert_eq!(elsewhere.header("x-tollgate-provider"), Some("openai"));
    let dropped = post_json(&path, KEY, &asked("loose")).await;
    assert_eq!(dropped.status, 200, "{}", dropped.text());
    let told = dropped.header("x-tollgate-dropped").unwrap_or_default().to_owned();
    assert!(told.contains('n') && told.contains("seed"), "{told}");
}

#[tokio::test]
async fn anthropics_own_headers_reach_anthropic_and_its_errors_come_back_as_they_are() {
    let stand = stand().await;
    let (path, mut body) = question("messages", "anthropic/claude-sonnet-4-5", false);
    let headers = [("anthropic-version", "2023-06-01"), ("anthropic-beta", "a-beta-2026")];
    let answer = post_json_with(&stand.url(&path), KEY, &headers, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    body["temperature"] = json!(7);
    let refused = post_json_with(&stand.url(&path), KEY, &headers, &body).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["type"], "invalid_request_error");
    assert!(refused.json()["request_id"].is_string(), "{}", refused.text());
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_or_here() {
    let stand = stand().await;
    for (target, path) in [
        ("anthropic/claude-sonnet-4-5", "/v1/messages/count_tokens"),
        ("openai/gpt-4o", "/v1/messages/count_tokens"),
    ] {
        let messages = json!([{ "role": "user", "content": "one two three four" }]);
        let body = json!({ "model": target, "messages": messages });
        let answer = post_json(&stand.url(path), KEY, &body).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert!(answer.json()["input_tokens"].as_u64() >= Some(4), "{}", answer.text());
    }
    let path = stand.url("/v1beta/models/openai/gpt-4o:countTokens");
    let contents = json!([{ "role": "user", "parts": [{ "text": "one two three four" }] }]);
    let answer = post_json(&path, KEY, &json!({ "contents": contents })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["totalTokens"].as_u64() >= Some(4), "{}", answer.text());
    for event in stand.events(3).await {
        assert_eq!(event["cost_nano_usd"], 0, "counting costs nothing");
    }
}

#[tokio::test]
async fn embeddings_come_from_every_provider_that_has_them() {
    let stand = stand().await;
    for target in [
        "openai/sim-embed",
        "gemini/gemini-embedding-001",
        "cohere/embed-v4.0",
        "bedrock/amazon.titan-embed-text-v2:0",
    ] {
        let body = json!({ "model": target, "input": ["one", "two"] });
        let answer = post_json(&stand.url("/v1/embeddings"), KEY, &body).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let data = answer.json()["data"].as_array().unwrap().clone();
        assert_eq!(data.len(), 2, "{target}");
        assert!(
            data.iter().all(|entry| entry["embedding"].as_array().is_some_and(|v| v.len() > 1))
        );
    }
}

#[tokio::test]
async fn a_response_is_kept_for_the_key_that_asked_for_it_and_goes_on() {
    let stand = stand().await;
    let path = stand.url("/v1/responses");
    let first = json!({ "model": "anthropic/claude-sonnet-4-5", "input": "My name is Ada." });
    let first = post_json(&path, KEY, &first).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let next = json!({
        "model": "gemini/gemini-2.5-pro",
        "input": "What is my name?",
        "previous_response_id": id,
    });
    let next = post_json(&path, KEY, &next).await;
    assert_eq!(next.status, 200, "{}", next.text());
    assert_eq!(next.json()["previous_response_id"], id.as_str());
    let sent = stand.simulator.requests().await.pop().unwrap();
    assert!(sent.body.to_string().contains("My name is Ada."), "{}", sent.body);

    let get = |id: &str| format!("{path}/{id}");
    let kept = tollgate_tests::http::get(&get(&id), Some(KEY)).await;
    assert_eq!((kept.status, &kept.json()["id"]), (200, &json!(id)));
    let lost =
        json!({ "model": "openai/gpt-4o", "input": "x", "previous_response_id": "resp_none" });
    let lost = post_json(&path, KEY, &lost).await;
    assert_eq!(lost.status, 400, "{}", lost.text());
}
