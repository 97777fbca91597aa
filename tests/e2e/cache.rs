//! Equal requests get the answer that is already there, and nobody gets what is not theirs.

use serde_json::{Value, json};
use tollgate_tests::gateway_process::Gateway;
use tollgate_tests::http;
use tollgate_tests::redis_server::RedisServer;
use tollgate_tests::simulator_process::SimulatorProcess;

use crate::stand::{KEY, Stand, chat, refusal, refused, streaming, with};

const CACHED: &str = r#"
[routes.cached]
targets = [{ use = "alpha/sim-large" }]
cache = { mode = "exact", ttl = "10m" }
[routes.slow]
targets = [{ use = "alpha/sim--slow=400" }]
cache = {}
[routes.tools]
targets = [{ use = "alpha/sim--tools=1" }]
cache = {}
[routes.broken]
targets = [{ use = "alpha/sim--truncate=3" }]
cache = {}
[tenants.acme.api_keys.other]
secret = "tgk_other_key_of_acme"
models = ["alpha/*"]
[tenants.rival.api_keys.app]
secret = "tgk_key_of_the_rival"
"#;

fn state(answer: &http::Answer) -> Option<&str> {
    answer.header("x-tollgate-cache")
}

#[tokio::test]
async fn the_same_question_is_asked_once_and_costs_once() {
    let stand = Stand::start(CACHED).await;
    let first = stand.chat(&chat("cached")).await;
    let again = stand.chat(&with(chat("cached"), json!({"user": "somebody else"}))).await;
    assert_eq!((state(&first), state(&again)), (Some("miss"), Some("hit")));
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("x-tollgate-model"), Some("alpha/sim-large"));
    let other = stand.chat(&with(chat("cached"), json!({"temperature": 0.3}))).await;
    assert_eq!(state(&other), Some("miss"));
    let events = stand.events(3).await;
    let hit = events.iter().find(|event| event["cache"] == "hit").unwrap();
    assert_eq!(
        (&hit["cost_nano_usd"], &hit["saved_nano_usd"]),
        (&json!(0), &events[0]["cost_nano_usd"])
    );
    assert_eq!(hit["attempts"], json!([]));
    assert_eq!(stand.simulator.requests().await.len(), 2);
}

#[tokio::test]
async fn a_stream_replays_as_an_answer_and_an_answer_as_a_stream() {
    let stand = Stand::start(CACHED).await;
    let whole = stand.chat(&chat("cached")).await;
    let streamed = stand.streamed(&streaming("cached")).await;
    assert!(streamed.is_complete());
    let content = &whole.json()["choices"][0]["message"]["content"];
    assert_eq!(*content, streamed.content());

    let ask = |members: Value| with(streaming("cached"), members);
    let first = stand.streamed(&ask(json!({"seed": 7}))).await;
    // What was streamed is put away behind the app's back.
    let mut again = stand.chat(&with(chat("cached"), json!({"seed": 7}))).await;
    for _ in 0..50 {
        if state(&again) == Some("hit") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        again = stand.chat(&with(chat("cached"), json!({"seed": 7}))).await;
    }
    assert_eq!(state(&again), Some("hit"));
    assert_eq!(again.json()["choices"][0]["message"]["content"], first.content());
    assert!(again.json()["usage"]["completion_tokens"].as_u64().unwrap() > 0);
    let replayed =
        stand.streamed(&ask(json!({"seed": 7, "stream_options": {"include_usage": true}}))).await;
    assert!(replayed.is_complete());
    assert_eq!(replayed.content(), first.content());
}

#[tokio::test]
async fn fifty_equal_questions_at_once_are_one_call() {
    let stand = Stand::start(CACHED).await;
    let body = chat("slow");
    let answers = futures_util::future::join_all((0..50).map(|_| stand.chat(&body))).await;
    let hits = answers.iter().filter(|answer| state(answer) == Some("hit")).count();
    assert_eq!((answers.iter().filter(|answer| answer.status == 200).count(), hits), (50, 49));
    assert_eq!(stand.simulator.requests().await.len(), 1);
}

#[tokio::test]
async fn nobody_gets_an_answer_that_is_not_theirs() {
    let stand = Stand::start(CACHED).await;
    assert_eq!(state(&stand.chat(&chat("cached")).await), Some("miss"));
    let url = stand.url("/v1/chat/completions");
    let rival = http::post_json(&url, "tgk_key_of_the_rival", &chat("cached")).await;
    assert_eq!((rival.status, state(&rival)), (200, Some("miss")), "another tenant");
    let denied = http::post_json(&url, "tgk_other_key_of_acme", &chat("cached")).await;
    assert_eq!(refusal(&denied), refused(403, "model_not_allowed"), "a right that is missing wins");
    let unknown = http::post_json(&url, "tgk_nobody_knows_this", &chat("cached")).await;
    assert_eq!(unknown.status, 401);
}

#[tokio::test]
async fn the_app_can_do_without_or_ask_anew() {
    let stand = Stand::start(CACHED).await;
    let ask = async |word: &str| {
        let answer = stand.chat_with(&[("x-tollgate-cache", word)], &chat("cached")).await;
        (answer.status, state(&answer).unwrap_or_default().to_owned())
    };
    assert_eq!(ask("no-store").await, (200, "off".to_owned()));
    assert_eq!(state(&stand.chat(&chat("cached")).await), Some("miss"), "nothing was stored");
    assert_eq!(ask("no-store").await, (200, "off".to_owned()), "and nothing is read");
    assert_eq!(ask("refresh").await, (200, "miss".to_owned()));
    assert_eq!(state(&stand.chat(&chat("cached")).await), Some("hit"));
    assert_eq!(ask("maybe").await.0, 400);
}

#[tokio::test]
async fn only_complete_answers_without_tools_are_kept() {
    let stand = Stand::start(CACHED).await;
    let tool =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    for _ in 0..2 {
        let answer = stand.chat(&with(chat("tools"), json!({"tools": tool}))).await;
        assert_eq!((answer.status, state(&answer)), (200, Some("miss")));
        assert!(!stand.streamed(&streaming("broken")).await.is_complete());
    }
}

#[tokio::test]
async fn a_replay_with_seven_repeats_in_ten_saves_two_thirds() {
    let stand = Stand::start(CACHED).await;
    for number in 0..100 {
        // Thirty questions, of which each comes again and again.
        let question =
            json!({"messages": [{"role": "user", "content": format!("question {}", number % 30)}]});
        assert_eq!(stand.chat(&with(chat("cached"), question)).await.status, 200);
    }
    let events = stand.events(100).await;
    let sum =
        |name: &str| events.iter().filter_map(|event| event[name].as_i64()).sum::<i64>() as f64;
    let (cost, saved) = (sum("cost_nano_usd"), sum("saved_nano_usd"));
    assert!(saved / (saved + cost) >= 0.65, "{saved} of {}", saved + cost);
}

#[tokio::test]
async fn nodes_that_share_a_redis_share_answers() {
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
[routes.cached]
targets = [{{ use = "alpha/sim-large" }}]
cache = {{}}
[tenants.acme.api_keys.app]
secret = "{KEY}"
"#,
        redis.url(),
        simulator.provider_url("alpha"),
    );
    let (one, two) = (Gateway::start(&config).await, Gateway::start(&config).await);
    let ask = async |gateway: &Gateway| {
        let url = format!("{}/v1/chat/completions", gateway.url());
        http::post_json(&url, KEY, &chat("cached")).await
    };
    let (first, second) = (ask(&one).await, ask(&two).await);
    assert_eq!((state(&first), state(&second)), (Some("miss"), Some("hit")));
    assert_eq!(first.json(), second.json());
    assert_eq!(simulator.requests().await.len(), 1);
}

const BY_MEANING: &str = r#"
[routes.near]
targets = [{ use = "alpha/sim-large" }]
cache = { mode = "semantic", embedder = "beta/{embedder}", embed_timeout = "400ms" }
[tenants.rival.api_keys.app]
secret = "tgk_key_of_the_rival"
"#;

fn asks(text: &str) -> Value {
    json!({"model": "near", "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn a_prompt_of_the_same_meaning_gets_the_answer_too() {
    let stand = Stand::start(&BY_MEANING.replace("{embedder}", "sim-embed")).await;
    // The simulator's vectors are equal for equal words and have nothing to do with each other otherwise.
    let first = stand.chat(&asks("how do I reset my password")).await;
    assert_eq!((first.status, state(&first)), (200, Some("miss")), "{}", first.text());
    let near = stand.chat(&asks("how do I reset my password ")).await;
    assert_eq!(
        (state(&near), near.header("x-tollgate-cache-similarity")),
        (Some("hit"), Some("1.0000"))
    );
    assert_eq!(near.json(), first.json());
    let other = stand.chat(&asks("what is the weather like")).await;
    assert_eq!(state(&other), Some("miss"));
    let system = json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "how do I reset my password"}]);
    let other = stand.chat(&with(asks(""), json!({ "messages": system }))).await;
    assert_eq!(state(&other), Some("miss"), "all else has to be equal");
    let url = stand.url("/v1/chat/completions");
    let rival =
        http::post_json(&url, "tgk_key_of_the_rival", &asks("how do I reset my password  ")).await;
    assert_eq!((rival.status, state(&rival)), (200, Some("miss")), "another tenant");

    let events = stand.events(8).await;
    let hit = events.iter().find(|event| event["cache"] == "hit").unwrap();
    assert_eq!((&hit["cache_similarity"], &hit["cost_nano_usd"]), (&json!(1.0), &json!(0)));
    assert!(hit["saved_nano_usd"].as_i64().unwrap() > 0);
    let far = events.iter().find(|event| {
        event["cache"] == "miss"
            && event["cache_similarity"].as_f64().is_some_and(|near| near < 0.9)
    });
    assert!(far.is_some(), "a miss tells how near it was");
}

#[tokio::test]
async fn the_cache_compares_no_meaning_while_the_embedder_hangs() {
    let stand = Stand::start(&BY_MEANING.replace("{embedder}", "sim--hang")).await;
    let trace = [("x-tollgate-trace", "1")];
    let first = stand.chat_with(&trace, &asks("hello")).await;
    assert_eq!((first.status, state(&first)), (200, Some("miss")));
    let told = first.header("x-tollgate-trace").unwrap();
    assert!(told.contains("the cache compares no meaning: no vector within 400 ms"), "{told}");
    assert_eq!(state(&stand.chat(&asks("hello")).await), Some("hit"), "equal prompts need none");
    assert_eq!(state(&stand.chat(&asks("hello ")).await), Some("miss"));
}

#[tokio::test]
async fn the_own_model_knows_rewordings_from_other_questions() {
    #[expect(clippy::disallowed_methods, reason = "where the model is, is no setting of a test")]
    let Ok(model) = std::env::var("TOLLGATE_EMBEDDER_MODEL") else {
        eprintln!("SKIPPED: TOLLGATE_EMBEDDER_MODEL names no model");
        return;
    };
    let stand = Stand::start(&format!(
        r#"
[embedder]
path = "{model}"
[routes.near]
targets = [{{ use = "alpha/sim-large" }}]
cache = {{ mode = "semantic", threshold = 0.9, embed_timeout = "5s" }}
"#
    ))
    .await;
    for (text, expected) in [
        ("What is the capital of France?", "miss"),
        ("what's the capital of France", "hit"),
        ("What is the capital of Germany?", "miss"),
        ("How do I reset my password?", "miss"),
        ("How can I reset my password?", "hit"),
        ("How can't I reset my password?", "miss"),
        ("Write a poem about 3 cats", "miss"),
        ("Write a poem about 4 cats", "miss"),
        ("Write a poem on 3 cats", "hit"),
    ] {
        let answer = stand.chat(&asks(text)).await;
        let near = answer.header("x-tollgate-cache-similarity");
        assert_eq!(state(&answer), Some(expected), "{text}: {near:?}");
    }
}
