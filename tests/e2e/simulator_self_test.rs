//! The simulator as its clients see it. Other tests trust what is checked here.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::http::{self, post_json, post_json_with};
use tollgate_tests::raw_socket::{self, RawEnd, RawSocket};
use tollgate_tests::simulator::bill::Charges;
use tollgate_tests::simulator_process::SimulatorProcess;
use tollgate_tests::sse::{self, Event, Next, post_stream};

const KEY: &str = "sk-simulated";
const SOON: Duration = Duration::from_secs(5);
/// The most that may pass between a client's leaving and the simulator's noticing.
const NOTICED_WITHIN: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_plain_answer_is_complete_and_billed() {
    let simulator = SimulatorProcess::start().await;
    let url = chat_url(&simulator);

    let answer = post_json(&url, KEY, &chat("sim-large--tokens=4--cached=3--reasoning=2")).await;

    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "sim-large--tokens=4--cached=3--reasoning=2");
    let message = json!({ "role": "assistant", "content": "the river and house", "refusal": null, "annotations": [] });
    let choice =
        json!({ "index": 0, "finish_reason": "stop", "logprobs": null, "message": message });
    assert_eq!(body["choices"], json!([choice]));
    assert_eq!(body["usage"]["prompt_tokens"], 7);
    assert_eq!(body["usage"]["completion_tokens"], 6);
    assert_eq!(body["usage"]["total_tokens"], 13);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
    for name in
        ["x-request-id", "openai-processing-ms", "openai-version", "x-ratelimit-reset-requests"]
    {
        assert!(answer.header(name).is_some(), "{name}");
    }
    let expected = Charges {
        requests: 1,
        answered: 1,
        prompt_tokens: 7,
        cached_tokens: 3,
        completion_tokens: 6,
        reasoning_tokens: 2,
        ..Charges::default()
    };
    assert_eq!(charges(&simulator).await, expected);
}

#[tokio::test]
async fn a_stream_follows_the_grammar() {
    let simulator = SimulatorProcess::start().await;
    for directives in ["", "--crlf", "--split", "--head_first--first_byte=50"] {
        let model = format!("sim-large--tokens=3{directives}");
        let mut stream = post_stream(&chat_url(&simulator), KEY, &streaming(&model)).await;
        let (mut events, end) = stream.rest().await;

        assert!(matches!(end, Next::End), "{directives} {end:?}");
        if directives.contains("head_first") {
            assert_eq!(events.remove(0).comments, ["waiting"]);
            assert!(Duration::from_millis(45) < events[0].at - stream.head_at);
        }
        assert_eq!(stream.headers["content-type"], "text/event-stream; charset=utf-8");
        let (done, chunks) = events.split_last().unwrap();
        assert!(done.is_done(), "{directives}");
        assert_eq!(contents(chunks), ["", "the", " river", " and"], "{directives}");
        let first = &chunks[0].json();
        assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
        for chunk in chunks {
            let chunk = chunk.json();
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(
                (&chunk["id"], &chunk["created"], &chunk["model"]),
                (&first["id"], &first["created"], &first["model"])
            );
            assert!(chunk.get("usage").is_none());
        }
        let last = chunks.last().unwrap().json();
        assert_eq!(
            (&last["choices"][0]["delta"], &last["choices"][0]["finish_reason"]),
            (&json!({}), &json!("stop"))
        );
        let crlf = done.raw.ends_with(b"\r\n\r\n");
        assert_eq!(crlf, directives == "--crlf");
    }
}

#[tokio::test]
async fn usage_is_streamed_when_asked_for() {
    let simulator = SimulatorProcess::start().await;
    let mut body = streaming("sim-large--tokens=3");
    body["stream_options"] = json!({ "include_usage": true });
    body["n"] = json!(2);

    let (events, _) = post_stream(&chat_url(&simulator), KEY, &body).await.rest().await;

    let (chunks, [usage, done]) = events.split_last_chunk::<2>().unwrap();
    assert!(done.is_done());
    let usage = usage.json();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 6);
    assert!(chunks.iter().all(|chunk| chunk.json().get("usage") == Some(&Value::Null)));
    let turns: Vec<_> =
        chunks.iter().map(|chunk| chunk.json()["choices"][0]["index"].as_u64().unwrap()).collect();
    assert_eq!(turns, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    assert_eq!(charges(&simulator).await.completion_tokens, 6);
}

#[tokio::test]
async fn usage_can_be_wrong_while_the_bill_is_right() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("--usage=none", Value::Null),
        ("--usage=negative", json!(-9)),
        ("--usage_factor=1000", json!(9_000)),
        ("--usage=cumulative", json!(9)),
    ];
    for (directive, total) in cases {
        let model = format!("sim-large--tokens=2{directive}");
        let answer = post_json(&chat_url(&simulator), KEY, &chat(&model)).await;
        assert_eq!(answer.json()["usage"]["total_tokens"], total, "{directive}");
    }
    let (events, _) = post_stream(
        &chat_url(&simulator),
        KEY,
        &streaming("sim-large--tokens=2--usage=cumulative"),
    )
    .await
    .rest()
    .await;
    let so_far: Vec<_> =
        events.iter().map(|event| event.json()["usage"]["completion_tokens"].clone()).collect();
    assert_eq!(so_far, [json!(0), json!(1), json!(2), json!(2), Value::Null]);

    assert_eq!(charges(&simulator).await.completion_tokens, 5 * 2);
}

#[tokio::test]
async fn embeddings_come_as_base64_of_the_same_floats() {
    let simulator = SimulatorProcess::start().await;
    let url = format!("{}/embeddings", simulator.provider_url("alpha"));
    let mut body = json!({ "model": "sim-embed", "input": ["abcd", "abcde"], "dimensions": 3 });

    let floats = post_json(&url, KEY, &body).await.json();
    body["encoding_format"] = json!("base64");
    let encoded = post_json(&url, KEY, &body).await.json();

    for index in 0..2 {
        let numbers: Vec<f32> =
            serde_json::from_value(floats["data"][index]["embedding"].clone()).unwrap();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(numbers.len(), 3);
        assert_eq!(
            encoded["data"][index]["embedding"],
            tollgate_tests::simulator::base64::encode(&bytes)
        );
        assert_eq!(encoded["data"][index]["index"], index);
    }
    assert_eq!(floats["usage"], json!({ "prompt_tokens": 3, "total_tokens": 3 }));
    assert_eq!(simulator.bill().await.providers["alpha"]["sim-embed"].prompt_tokens, 6);
}

#[tokio::test]
async fn tool_calls_are_the_same_plain_and_streamed() {
    let simulator = SimulatorProcess::start().await;
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tool =
        json!({ "type": "function", "function": { "name": "weather", "parameters": parameters } });
    let mut body = chat("sim-large--tools=2");
    body["tools"] = json!([tool]);

    let plain = post_json(&chat_url(&simulator), KEY, &body).await.json();
    body["stream"] = json!(true);
    let (events, _) = post_stream(&chat_url(&simulator), KEY, &body).await.rest().await;

    let calls = plain["choices"][0]["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(plain["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(plain["choices"][0]["finish_reason"], "tool_calls");
    let mut arguments = vec![String::new(); 2];
    for event in &events {
        let delta = &event.json()["choices"][0]["delta"]["tool_calls"][0];
        if let Some(index) = delta["index"].as_u64() {
            arguments[index as usize] += delta["function"]["arguments"].as_str().unwrap();
        }
    }
    for (call, streamed) in calls.iter().zip(&arguments) {
        assert_eq!(call["function"]["name"], "weather");
        assert_eq!(call["function"]["arguments"], *streamed);
        assert_eq!(streamed, "{\"city\":\"the river and\"}");
    }
}

#[tokio::test]
async fn wrong_requests_are_refused_in_openais_words() {
    let simulator = SimulatorProcess::start_with_keys(&[KEY]).await;
    let url = chat_url(&simulator);
    let refused = async |key: &str, body: Value| {
        let answer = post_json(&url, key, &body).await;
        (
            answer.status,
            answer.json()["error"]["code"].clone(),
            answer.json()["error"]["param"].clone(),
        )
    };

    assert_eq!(refused("other", chat("m")).await, (401, json!("invalid_api_key"), Value::Null));
    let missing = json!("missing_required_parameter");
    assert_eq!(refused(KEY, json!({})).await, (400, missing.clone(), json!("model")));
    assert_eq!(refused(KEY, json!({ "model": "m" })).await, (400, missing, json!("messages")));
    let mut options = chat("m");
    options["stream_options"] = json!({ "include_usage": true });
    assert_eq!(refused(KEY, options).await, (400, Value::Null, json!("stream_options")));
    let mut unknown = chat("m--strict");
    unknown["colour"] = json!("red");
    assert_eq!(
        refused(KEY, unknown.clone()).await,
        (400, json!("unknown_parameter"), json!("colour"))
    );
    unknown["model"] = json!("m");
    assert_eq!(refused(KEY, unknown).await.0, 200);
    assert_eq!(
        refused(KEY, chat("m--slwo=1")).await,
        (400, json!("unknown_directive"), json!("model"))
    );

    let bearer = format!("Bearer {KEY}");
    let bearer = ("authorization", bearer.as_str());
    let cases = [
        (Method::POST, url.as_str(), vec![bearer, http::JSON_TYPE], "{", 400),
        (Method::POST, url.as_str(), vec![bearer], "{}", 415),
        (Method::GET, url.as_str(), vec![bearer], "", 405),
        (Method::POST, &format!("{}/v1/nothing", simulator.url()), vec![bearer], "", 404),
        (Method::GET, &format!("{}/v1/models/nothing", simulator.url()), vec![bearer], "", 404),
        (Method::GET, &format!("{}/v1/models/sim%2Dlarge", simulator.url()), vec![bearer], "", 200),
    ];
    for (method, url, headers, body, status) in cases {
        let answer = http::send(method, url, &headers, body.as_bytes().to_vec()).await;
        assert_eq!(answer.status, status, "{url}");
        assert_eq!(answer.json()["error"]["message"].is_string(), status != 200, "{url}");
    }
}

#[tokio::test]
async fn error_answers_have_their_status_and_code_and_cost_nothing() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("status=401", 401, json!("invalid_api_key")),
        ("status=404", 404, json!("model_not_found")),
        ("status=500", 500, Value::Null),
        ("status=529", 529, Value::Null),
        ("context_length", 400, json!("context_length_exceeded")),
        ("content_filter", 400, json!("content_policy_violation")),
        ("rate_limit=90", 429, json!("rate_limit_exceeded")),
        ("quota", 429, json!("insufficient_quota")),
    ];
    for (directive, status, code) in &cases {
        let body = chat("sim-large");
        let answer =
            post_json_with(&chat_url(&simulator), KEY, &[("x-simulate", directive)], &body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (*status, code),
            "{directive}"
        );
        if directive.starts_with("rate_limit") {
            assert_eq!(answer.header("retry-after"), Some("90"));
            assert_eq!(answer.header("x-ratelimit-reset-requests"), Some("1m30s"));
        }
    }
    let failed = cases.len() as u64;
    assert_eq!(
        charges(&simulator).await,
        Charges { requests: failed, failed, ..Charges::default() }
    );
}

#[tokio::test]
async fn each_fault_shows_on_the_socket() {
    let simulator = SimulatorProcess::start().await;
    let plain = |body: &str| body.contains("\"content\":\"the river");
    let streamed =
        |body: &str| body.matches("\"content\":\"").count() == 3 && !body.contains("[DONE]");
    type Case = (&'static str, bool, RawEnd, fn(&str) -> bool);
    let cases: [Case; 14] = [
        ("reset=0", true, RawEnd::Reset, str::is_empty),
        ("reset=0", false, RawEnd::Reset, str::is_empty),
        ("reset=2", true, RawEnd::Reset, streamed),
        ("reset=2", false, RawEnd::Reset, plain),
        ("truncate=2", true, RawEnd::Closed, |body| {
            !body.ends_with("0\r\n\r\n") && !body.contains("finish_reason\":\"")
        }),
        ("truncate=0", true, RawEnd::Closed, |body| {
            body.ends_with("\r\n\r\n") && !body.contains("data:")
        }),
        ("truncate=2", false, RawEnd::Closed, plain),
        ("end=2", true, RawEnd::Timeout, |body| {
            body.ends_with("0\r\n\r\n") && !body.contains("[DONE]")
        }),
        ("stall=2", true, RawEnd::Timeout, streamed),
        ("stall=2", false, RawEnd::Timeout, str::is_empty),
        ("hang", true, RawEnd::Timeout, str::is_empty),
        ("garbage", true, RawEnd::Timeout, |body| {
            body.contains("text/html") && body.contains("<html>")
        }),
        ("garbage=2", true, RawEnd::Timeout, |body| {
            body.contains("chatcmpl-\u{fffd}\u{fffd}") && body.contains("[DONE]")
        }),
        ("error=2", true, RawEnd::Timeout, |body| {
            body.contains("data: {\"error\":{") && !body.contains("[DONE]")
        }),
    ];
    for (directive, stream, end, expected) in cases {
        let model = format!("sim-large--{directive}");
        let body = if stream { streaming(&model) } else { chat(&model) };
        let request =
            raw_socket::post(simulator.address(), "/v1/chat/completions", KEY, &body.to_string());

        let answer =
            raw_socket::exchange(simulator.address(), &request, Duration::from_millis(200)).await;

        assert_eq!(answer.end, end, "{directive} {}", answer.text());
        assert!(expected(&answer.text()), "{directive} {}", answer.text());
    }
    simulator.until_idle(SOON).await;
    let charges = charges(&simulator).await;
    assert_eq!(
        (charges.requests, charges.answered, charges.failed, charges.cancelled),
        (14, 0, 11, 3)
    );
}

#[tokio::test]
async fn a_drip_is_one_byte_each_second() {
    let simulator = SimulatorProcess::start().await;
    let body = streaming("sim-large--drip").to_string();
    let request = raw_socket::post(simulator.address(), "/v1/chat/completions", KEY, &body);
    let answer =
        raw_socket::exchange(simulator.address(), &request, Duration::from_millis(2_500)).await;
    assert!(answer.text().ends_with("\r\n\r\n1\r\nd\r\n1\r\na\r\n"), "{}", answer.text());
}

#[tokio::test]
async fn a_big_answer_is_one_line() {
    let simulator = SimulatorProcess::start().await;
    let (events, _) = post_stream(&chat_url(&simulator), KEY, &streaming("sim-large--big=300"))
        .await
        .rest()
        .await;
    assert_eq!(events.len(), 4);
    assert!(300 * 1024 <= events[1].content().unwrap().len());
}

#[tokio::test]
async fn delays_are_kept() {
    let simulator = SimulatorProcess::start().await;
    for body in [
        chat("sim-large--first_byte=100--gap=20--tokens=5"),
        streaming("sim-large--slow=100--gap=20--tokens=5"),
    ] {
        let started = Instant::now();
        let mut stream = post_stream(&chat_url(&simulator), KEY, &body).await;
        let head = stream.head_at - stream.sent;
        stream.rest().await;
        assert!(Duration::from_millis(100) <= head, "{head:?}");
        assert!(Duration::from_millis(200) <= started.elapsed());
    }
}

#[tokio::test]
async fn a_percentage_of_requests_fails() {
    let simulator = SimulatorProcess::start().await;
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(
            post_json(&chat_url(&simulator), KEY, &chat("sim-large--status=503--percent=30"))
                .await
                .status,
        );
    }
    assert_eq!(statuses, [200, 200, 200, 503, 200, 200, 503, 200, 200, 503]);
}

#[tokio::test]
async fn a_cancelled_stream_is_billed_for_what_was_sent() {
    let simulator = SimulatorProcess::start().await;
    let mut stream =
        post_stream(&chat_url(&simulator), KEY, &streaming("sim-large--gap=30--tokens=1000")).await;
    let mut received = 0;
    while received < 5 {
        let event = stream.next().await.unwrap();
        received += u64::from(event.content().is_some_and(|text| !text.is_empty()));
    }
    stream.close().await;

    let noticed = simulator.until_open(0, SOON).await;
    assert!(noticed < NOTICED_WITHIN, "{noticed:?}");
    let charges = charges(&simulator).await;
    assert!((received..=received + 1).contains(&charges.completion_tokens), "{charges:?}");
    assert_eq!((charges.prompt_tokens, charges.cancelled, charges.answered), (7, 1, 0));
}

#[tokio::test]
async fn a_cancelled_plain_answer_is_billed_for_what_was_made() {
    let simulator = SimulatorProcess::start().await;
    let mut socket = RawSocket::connect(simulator.address()).await;
    let body = chat("sim-large--gap=20--tokens=1000").to_string();
    socket.write(&raw_socket::post(simulator.address(), "/v1/chat/completions", KEY, &body)).await;
    socket.read_until_end(Duration::from_millis(210)).await;
    drop(socket);

    assert!(simulator.until_open(0, SOON).await < NOTICED_WITHIN);
    let charges = charges(&simulator).await;
    assert!((1..=12).contains(&charges.completion_tokens), "{charges:?}");
    assert_eq!(charges.cancelled, 1);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_in_every_silence() {
    let simulator = SimulatorProcess::start().await;
    for directives in [
        "hang",
        "first_byte=60000",
        "head_first--first_byte=60000",
        "stall=0",
        "stall=2",
        "gap=60000",
    ] {
        for stream in [true, false] {
            let mut body = chat(&format!("sim-large--{directives}"));
            body["stream"] = json!(stream);
            let mut socket = RawSocket::connect(simulator.address()).await;
            socket
                .write(&raw_socket::post(
                    simulator.address(),
                    "/v1/chat/completions",
                    KEY,
                    &body.to_string(),
                ))
                .await;
            simulator.until_open(1, SOON).await;
            socket.read_until_end(Duration::from_millis(30)).await;
            drop(socket);

            let noticed = simulator.until_open(0, SOON).await;
            assert!(noticed < NOTICED_WITHIN, "{directives} {stream} {noticed:?}");
        }
    }
    let charges = charges(&simulator).await;
    assert_eq!((charges.requests, charges.cancelled), (12, 12));
}

#[tokio::test]
async fn requests_are_remembered_without_their_key() {
    let simulator = SimulatorProcess::start_with_keys(&["sk-first-key", KEY]).await;
    let body = chat("sim-large--tokens=1");
    post_json(&format!("{}/chat/completions", simulator.provider_url("beta")), KEY, &body).await;

    let requests = simulator.requests().await;
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(
        (request.provider.as_str(), request.outcome.as_str(), request.key),
        ("beta", "answered", Some(1))
    );
    assert_eq!(request.path, "/beta/v1/chat/completions");
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), body);
    assert!(!format!("{request:?}").contains(KEY));
    assert!(request.started_ms <= request.ended_ms.unwrap());

    simulator.clear_bill().await;
    assert_eq!(simulator.bill().await.total, Charges::default());
}

#[tokio::test]
async fn it_ends_when_asked_to() {
    let mut simulator = SimulatorProcess::start().await;
    let _stream = post_stream(&chat_url(&simulator), KEY, &streaming("sim-large--stall=1")).await;
    simulator.process().signal(rustix::process::Signal::TERM);
    let status = simulator.process().wait(SOON).await.unwrap();
    assert!(status.success());
}

fn chat_url(simulator: &SimulatorProcess) -> String {
    format!("{}/v1/chat/completions", simulator.url())
}

fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] })
}

fn streaming(model: &str) -> Value {
    let mut body = chat(model);
    body["stream"] = json!(true);
    body
}

fn contents(chunks: &[Event]) -> Vec<String> {
    chunks.iter().filter_map(sse::Event::content).collect()
}

async fn charges(simulator: &SimulatorProcess) -> Charges {
    simulator.until_idle(SOON).await;
    simulator.bill().await.total
}
