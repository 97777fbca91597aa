//! An app's unchanged SDK: what it sends reaches the provider, and what the provider says comes back, byte for byte.

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::http::{self, Answer, JSON_TYPE, post_json, post_json_with};
use tollgate_tests::simulator::requests::RecordReading;
use tollgate_tests::sse::{Event, post_stream};

use crate::stand::{KEY, Stand, Streamed, chat, refusal, refused, streaming, with};

const MODELS: &str = r#"
[models."alpha/sim-small"]
price = { input = "0.10", output = "0.20" }
[models."alpha/sim-large"]
context_window = 8000
[models."beta/sim-large"]
[models."beta/only-here"]
[models."beta/org/name"]
[routes.fast]
targets = [{ use = "alpha/sim-small" }]
[routes.slow]
targets = [{ use = "beta/sim-large" }]
[tenants.acme.api_keys.narrow]
secret = "tgk_a_narrow_key_0001"
models = ["alpha/sim-s*", "fast"]
"#;
const NARROW_KEY: &str = "tgk_a_narrow_key_0001";

#[tokio::test]
async fn a_plain_answer_is_byte_for_byte_the_providers() {
    let stand = Stand::start("").await;
    for (directives, members) in kinds_of_answers() {
        let model = format!("sim-large{directives}");
        let direct = direct(&stand, &with(chat(&model), members.clone())).await;
        let through = stand.chat(&with(chat(&format!("alpha/{model}")), members)).await;

        assert_eq!(through.status, 200, "{directives} {}", through.text());
        assert_eq!(anonymous(&through.text()), anonymous(&direct.text()), "{directives}");
        assert_eq!(through.header("content-type"), direct.header("content-type"));
    }
}

#[tokio::test]
async fn a_streamed_answer_is_byte_for_byte_the_providers() {
    let stand = Stand::start("").await;
    let asked = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let streams = ["--crlf", "--tokens=40--split", "--usage=cumulative", "--big=300", "--gap=5"];
    let streams = streams.map(|directives| (directives, json!({})));
    for (directives, members) in kinds_of_answers().into_iter().chain(streams) {
        let model = format!("sim-large{directives}");
        let body = |model: &str| with(with(chat(model), members.clone()), asked.clone());
        let url = format!("{}/chat/completions", stand.simulator.provider_url("alpha"));
        let direct = Streamed::read(post_stream(&url, "sk-alpha", &body(&model)).await).await;
        let through = stand.streamed(&body(&format!("alpha/{model}"))).await;

        assert!(through.is_complete(), "{directives} {through:#?}");
        assert_eq!(anonymous(&through.text()), anonymous(&direct.text()), "{directives}");
        assert_eq!(through.headers["content-type"], direct.headers["content-type"]);
    }
}

#[tokio::test]
async fn events_are_passed_on_as_they_come() {
    let stand = Stand::start("").await;
    let mut stream = stand.stream(&streaming("alpha/sim-large--tokens=3--stall=2")).await;
    let mut words = Vec::new();
    // The provider says no more than this, and does not end: nothing was held back for later.
    while words.len() < 3 {
        let event = stream.next().await.expect("the stream is open");
        words.extend(event.content());
    }
    assert_eq!(words, ["", "the", " river"]);
}

#[tokio::test]
async fn nothing_but_the_model_changes_on_the_way_up() {
    let stand = Stand::start("").await;
    let body = |model: &str| {
        format!(
            "\n{{ \"metadata\" : {{\"b\":1,  \"a\":[ 1.50, 1e3,-0 ]}},\t\"model\"  :\"{model}\",\r\n \
             \"messages\":[{{\"role\":\"user\",\"content\":\"gr\\u00fc\\u00df \\ud83d\\ude00 {{}}\"}}],\
             \"a_field_of_next_year\":{{\"deep\":[null,true]}} , \"top_p\":0.10,\"seed\":12345678901234567890 }}\n"
        )
    };
    let answer = stand.chat_raw(body("alpha/sim-large").as_bytes()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(only_request(&stand).await.body, body("sim-large"));
}

#[tokio::test]
async fn a_stream_is_asked_for_its_usage_and_nothing_else_changes() {
    let cases = [
        (
            r#"{"model":"alpha/sim","stream":true,"messages":[{"role":"user","content":"hi"}] }"#,
            r#"{"stream_options":{"include_usage":true},"model":"sim","stream":true,"messages":[{"role":"user","content":"hi"}] }"#,
        ),
        (
            r#"{"model":"alpha/sim","stream":true,"stream_options":null,"messages":[{"role":"user","content":"hi"}] }"#,
            r#"{"model":"sim","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}] }"#,
        ),
        (
            r#"{"model":"alpha/sim","stream":true,"stream_options":{"include_usage":true },"messages":[{"role":"user","content":"hi"}] }"#,
            r#"{"model":"sim","stream":true,"stream_options":{"include_usage":true },"messages":[{"role":"user","content":"hi"}] }"#,
        ),
    ];
    for (sent, arrived) in cases {
        let stand = Stand::start("").await;
        let answer = stand.chat_raw(sent.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(only_request(&stand).await.body, arrived);
    }
}

#[tokio::test]
async fn an_app_that_did_not_ask_for_usage_does_not_see_the_usage_chunk() {
    let stand = Stand::start("").await;
    let usage_chunks = |streamed: &Streamed| {
        let has_usage = |event: &&Event| event.json()["usage"].is_object();
        streamed.events.iter().filter(has_usage).count()
    };
    let cases = [
        (json!({}), 0),
        (json!({ "stream_options": null }), 0),
        (json!({ "stream_options": { "include_usage": false } }), 0),
        (json!({ "stream_options": { "include_usage": true } }), 1),
    ];
    for (members, expected) in cases {
        let body = with(streaming("alpha/sim-large--tokens=3"), members.clone());
        let streamed = stand.streamed(&body).await;
        assert!(streamed.is_complete(), "{members}");
        assert_eq!(streamed.content(), "the river and");
        assert_eq!(usage_chunks(&streamed), expected, "{members}");
        let choiceless = |event: &&Event| event.json()["choices"] == json!([]);
        assert_eq!(streamed.events.iter().filter(choiceless).count(), expected, "{members}");
    }
    // What it has not seen was metered all the same.
    for event in stand.events(4).await {
        assert_eq!(event["usage"]["output"], 3);
        assert_eq!(event["estimated"], false);
    }
}

#[tokio::test]
async fn an_answer_says_who_gave_it_and_what_it_cost() {
    let stand = Stand::start("").await;
    let answer = stand.chat(&chat("alpha/sim-large--tokens=4")).await;

    assert_eq!(answer.header("x-tollgate-model"), Some("alpha/sim-large--tokens=4"));
    assert_eq!(answer.header("x-tollgate-provider"), Some("alpha"));
    assert_eq!(answer.header("x-tollgate-attempts"), Some("1"));
    assert_eq!(answer.header("x-tollgate-cache"), Some("off"));
    // 7 × 0.50 + 4 × 1.50 per million.
    assert_eq!(answer.header("x-tollgate-cost-usd"), Some("0.0000095"));
    let overhead =
        answer.header("x-tollgate-overhead-us").and_then(|text| text.parse::<u64>().ok());
    assert!(overhead.is_some());

    let streamed = stand.streamed(&streaming("alpha/sim-large--tokens=4")).await;
    assert_eq!(streamed.headers["x-tollgate-model"], "alpha/sim-large--tokens=4");
    assert_eq!(streamed.headers["cache-control"], "no-cache");
    assert!(streamed.headers.get("x-tollgate-cost-usd").is_none(), "it is not known yet");

    let events = stand.events(2).await;
    assert_eq!(answer.header("x-request-id"), events[0]["id"].as_str());
    assert_eq!(streamed.headers["x-request-id"].to_str().ok(), events[1]["id"].as_str());
    assert_eq!(events[0]["cost_nano_usd"], 9_500);
    // What the provider says to its own customer is not for ours.
    for foreign in ["openai-organization", "openai-processing-ms", "x-ratelimit-limit-requests"] {
        assert!(answer.header(foreign).is_none(), "{foreign}");
        assert!(streamed.headers.get(foreign).is_none(), "{foreign}");
    }
}

#[tokio::test]
async fn embeddings_are_byte_for_byte_the_providers() {
    let stand = Stand::start("").await;
    for members in [
        json!({ "input": "a text", "encoding_format": "base64" }),
        json!({ "input": ["one", "two"], "encoding_format": "float", "dimensions": 3 }),
        json!({ "input": [[1, 2, 3], [4]], "dimensions": 2 }),
    ] {
        let body = |model: &str| with(json!({ "model": model }), members.clone());
        let url = format!("{}/embeddings", stand.simulator.provider_url("alpha"));
        let direct = post_json(&url, "sk-alpha", &body("sim-embed")).await;
        let through = post_json(&stand.url("/v1/embeddings"), KEY, &body("alpha/sim-embed")).await;
        assert_eq!(through.status, 200, "{}", through.text());
        assert_eq!(through.body, direct.body);
    }
    let event = &stand.events(3).await[0];
    assert_eq!(
        (&event["api"], &event["usage"]["input_uncached"]),
        (&json!("embeddings"), &json!(2))
    );
}

#[tokio::test]
async fn models_lists_what_the_key_may_use() {
    let stand = Stand::start(MODELS).await;
    let listed = async |key: &str| {
        let answer = http::get(&stand.url("/v1/models"), Some(key)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        assert_eq!(body["object"], "list");
        let models = body["data"].as_array().expect("a list").clone();
        for model in &models {
            assert_eq!(model["object"], "model");
            assert!(model["created"].is_u64() && model["owned_by"].is_string(), "{model}");
        }
        let mut ids: Vec<_> =
            models.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let all = [
        "alpha/sim-large",
        "alpha/sim-small",
        "beta/only-here",
        "beta/org/name",
        "beta/sim-large",
        "fast",
        "slow",
    ];
    assert_eq!(listed(KEY).await, all);
    assert_eq!(listed(NARROW_KEY).await, ["alpha/sim-small", "fast"]);
}

#[tokio::test]
async fn one_model_is_found_by_its_name_slashes_and_all() {
    let stand = Stand::start(MODELS).await;
    let get = async |key: &str, name: &str| {
        http::get(&stand.url(&format!("/v1/models/{name}")), Some(key)).await
    };
    for (path, id) in [
        ("alpha/sim-small", "alpha/sim-small"),
        ("beta/org/name", "beta/org/name"),
        ("beta%2Forg%2Fname", "beta/org/name"),
        ("fast", "fast"),
    ] {
        let answer = get(KEY, path).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(id)), "{path}");
    }
    for (key, path) in [(NARROW_KEY, "alpha/sim-large"), (KEY, "alpha/nothing"), (KEY, "nothing")] {
        assert_eq!(refusal(&get(key, path).await), refused(404, "model_not_found"), "{path}");
    }
}

#[tokio::test]
async fn a_bare_name_means_the_only_provider_that_has_it() {
    let stand = Stand::start(MODELS).await;
    let answer = stand.chat(&chat("only-here")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-model"), Some("beta/only-here"));

    let answer = stand.chat(&chat("sim-large")).await;
    assert_eq!(refusal(&answer), refused(404, "model_not_found"));
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("alpha/sim-large") && message.contains("beta/sim-large"), "{message}");
}

#[tokio::test]
async fn a_model_that_nobody_wrote_down_can_be_called_by_its_target() {
    let stand = Stand::start("").await;
    let answer = stand.chat(&chat("alpha/org/some-model")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["model"], "org/some-model");
}

#[tokio::test]
async fn the_key_is_taken_wherever_an_sdk_puts_it() {
    let stand = Stand::start("").await;
    let bearer = format!("Bearer {KEY}");
    let lower = format!("bearer {KEY}");
    let query = format!("?alt=sse&key={KEY}");
    let cases: [(&str, &[(&str, &str)]); 8] = [
        ("", &[("authorization", &bearer)]),
        ("", &[("authorization", &lower)]),
        ("", &[("x-api-key", KEY)]),
        ("", &[("x-goog-api-key", KEY)]),
        ("", &[("api-key", KEY)]),
        (&query, &[]),
        (&query, &[("x-goog-api-key", KEY)]),
        ("", &[("authorization", &bearer), ("x-api-key", KEY)]),
    ];
    for (query, headers) in cases {
        let url = stand.url(&format!("/v1/chat/completions{query}"));
        let headers = [headers, &[JSON_TYPE]].concat();
        let body = chat("alpha/sim-large").to_string().into_bytes();
        let answer = http::send(Method::POST, &url, &headers, body).await;
        assert_eq!(answer.status, 200, "{query} {headers:?} {}", answer.text());
    }
    assert!(!stand.gateway.logs().contains(KEY), "a key is in the log");
}

#[tokio::test]
async fn only_the_gateways_own_headers_go_up() {
    let world = r#"
[providers.alpha]
kind = "openai_compatible"
base_url = "{simulator}/alpha/v1"
keys = ["sk-alpha"]
allow_private_network = true
headers = { "x-team" = "search", "X-Region" = "eu" }
[tenants.acme.api_keys.app]
secret = "tgk_0123456789abcdef"
"#;
    let simulator =
        tollgate_tests::simulator_process::SimulatorProcess::start_with_keys(&["sk-alpha"]).await;
    let stand = Stand::before(simulator, "", world).await;
    let sent = [
        ("x-simulate", "status=500"),
        ("x-forwarded-for", "10.1.2.3"),
        ("x-team", "mine"),
        ("openai-organization", "org-app"),
        ("cookie", "session=1"),
        ("x-api-key", KEY),
        ("x-tollgate-metadata", "{\"ticket\":\"T-1\"}"),
        ("user-agent", "an-app/1.0"),
        ("x-request-id", "chosen-by-the-app"),
    ];
    let url = stand.url("/v1/chat/completions");
    let answer = post_json_with(&url, KEY, &sent, &chat("alpha/sim-large")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let request = only_request(&stand).await;
    assert_eq!(request.key, Some(0), "the provider's key, not the app's");
    let shown = format!("{:?}", request.headers);
    for (name, value) in sent {
        assert!(!shown.contains(value), "{name} {shown}");
    }
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    #[rustfmt::skip]
    let expected = [
        "accept", "authorization", "content-length", "content-type", "host", "user-agent",
        "x-region", "x-request-id", "x-team",
    ];
    assert_eq!(names, expected);
    let value = |name: &str| {
        let header = request.headers.iter().find(|(header, _)| header == name);
        header.map(|(_, value)| value.as_str())
    };
    assert_eq!((value("x-team"), value("x-region")), (Some("search"), Some("eu")));
    assert_eq!(value("x-request-id"), answer.header("x-request-id"));
    assert_eq!(value("host"), Some(stand.simulator.address()));
    assert_eq!(request.path, "/alpha/v1/chat/completions");
}

#[tokio::test]
async fn metadata_and_user_are_in_the_usage_event() {
    let stand = Stand::start("").await;
    let headers = [("x-tollgate-metadata", r#"{"ticket":"T-1","tier":"free"}"#)];
    let body = with(chat("alpha/sim-large"), json!({ "user": "u-17" }));
    assert_eq!(stand.chat_with(&headers, &body).await.status, 200);

    let event = stand.event().await;
    assert_eq!(event["metadata"], json!({ "ticket": "T-1", "tier": "free" }));
    assert_eq!(event["user"], "u-17");
    let names = [&event["tenant"], &event["api_key"], &event["api"], &event["requested"]];
    assert_eq!(names, ["acme", "app", "chat", "alpha/sim-large"]);
    assert_eq!((&event["status"], &event["error"]), (&json!(200), &Value::Null));
    assert!(!event.to_string().contains(KEY) && !event.to_string().contains("\"hi\""), "{event}");
}

/// What a chat can answer with, as directives and members of the body.
fn kinds_of_answers() -> Vec<(&'static str, Value)> {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tool =
        json!({ "type": "function", "function": { "name": "weather", "parameters": parameters } });
    vec![
        ("", json!({})),
        ("--tokens=0", json!({})),
        ("--cached=3--reasoning=5", json!({})),
        ("--tokens=50", json!({ "max_tokens": 5 })),
        ("", json!({ "n": 2 })),
        ("--tools=2", json!({ "tools": [tool] })),
        ("", json!({ "response_format": { "type": "json_object" } })),
    ]
}

async fn direct(stand: &Stand, body: &Value) -> Answer {
    let url = format!("{}/chat/completions", stand.simulator.provider_url("alpha"));
    post_json(&url, "sk-alpha", body).await
}

async fn only_request(stand: &Stand) -> RecordReading {
    let mut requests = stand.simulator.requests().await;
    assert_eq!(requests.len(), 1, "{requests:#?}");
    requests.remove(0)
}

/// An answer without what tells it apart from any other: ids and the time.
fn anonymous(text: &str) -> String {
    let mut out = text.to_owned();
    for (mark, of_the_name) in [
        ("\"chatcmpl-", u8::is_ascii_hexdigit as fn(&u8) -> bool),
        ("\"call_", u8::is_ascii_hexdigit),
        ("\"created\":", u8::is_ascii_digit),
    ] {
        let mut parts = out.split(mark);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let length = part.bytes().take_while(of_the_name).count();
            kept += mark;
            kept += &part[length..];
        }
        out = kept;
    }
    out
}

#[tokio::test]
async fn a_streams_last_event_tells_usage_and_cost_if_the_app_asks() {
    let stand = Stand::start("").await;
    for (path, body, done) in [
        ("/v1/chat/completions", streaming("alpha/sim-large"), "data: [DONE]"),
        (
            "/v1/messages",
            json!({"model": "alpha/sim-large", "max_tokens": 50, "stream": true, "messages": [{"role": "user", "content": "hi"}]}),
            "\"message_stop\"",
        ),
        (
            "/v1/responses",
            json!({"model": "alpha/sim-large", "stream": true, "input": "hi"}),
            "\"response.completed\"",
        ),
        (
            "/v1beta/models/alpha%2Fsim-large:streamGenerateContent?alt=sse",
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            "\"finishReason\"",
        ),
    ] {
        let ask = async |headers: &[(&str, &str)]| {
            let answer = http::post_json_with(&stand.url(path), KEY, headers, &body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.text()
        };
        let told = ask(&[("x-tollgate-usage", "1")]).await;
        let member = told.split("\"tollgate\":").nth(1).unwrap_or_else(|| panic!("{path}: {told}"));
        let member: Value = serde_json::Deserializer::from_str(member)
            .into_iter()
            .next()
            .and_then(Result::ok)
            .unwrap_or_default();
        assert_eq!(member["model"], "alpha/sim-large", "{path}: {told}");
        assert!(member["usage"]["output"].as_u64().unwrap_or(0) > 0, "{path}: {member}");
        let cost = member["cost_usd"].as_str().unwrap_or_default();
        assert!(cost.starts_with("0.0000"), "{path}: {member}");
        assert!(told.contains(done), "{path}: {told}");
        assert!(!ask(&[]).await.contains("tollgate"), "{path}: only if it asks");
    }
}
