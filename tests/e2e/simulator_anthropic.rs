//! The simulator as Anthropic: other tests trust what is checked here.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::http::{self, Answer, JSON_TYPE};
use tollgate_tests::raw_socket::{self, RawEnd};
use tollgate_tests::simulator::bill::Charges;
use tollgate_tests::simulator_process::SimulatorProcess;
use tollgate_tests::sse::{self, Event, EventStream, Next};

const KEY: &str = "sk-ant-simulated";
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_plain_answer_is_complete_and_billed_by_the_bucket() {
    let simulator = SimulatorProcess::start().await;
    let model = "claude-sonnet-4-6--tokens=4--cached=3--cache_read=90--cache_write=5--cache_write_1h=2--thinking=2";
    let answer = ask(&simulator, &message(model)).await;

    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["role"], &body["model"]),
        (&json!("message"), &json!("assistant"), &json!(model))
    );
    assert_eq!((&body["stop_reason"], &body["stop_sequence"]), (&json!("end_turn"), &Value::Null));
    assert_eq!(body["content"][0]["thinking"], "life over");
    assert_eq!(body["content"][1], json!({ "type": "text", "text": "the river and house" }));
    let usage = json!({
        "input_tokens": 4,
        "cache_read_input_tokens": 93,
        "cache_creation_input_tokens": 7,
        "cache_creation": { "ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 2 },
        "output_tokens": 6,
        "output_tokens_details": { "thinking_tokens": 2 },
        "server_tool_use": null,
        "service_tier": "standard",
        "inference_geo": "global",
    });
    assert_eq!(body["usage"], usage);
    for name in ["request-id", "anthropic-organization-id", "anthropic-ratelimit-tokens-reset"] {
        assert!(answer.header(name).is_some(), "{name}");
    }
    let charges = charges(&simulator).await;
    let expected = Charges {
        requests: 1,
        answered: 1,
        prompt_tokens: 104,
        cached_tokens: 93,
        cache_write_5m_tokens: 5,
        cache_write_1h_tokens: 2,
        completion_tokens: 6,
        reasoning_tokens: 2,
        ..Charges::default()
    };
    assert_eq!((charges, charges.uncached_tokens()), (expected, 4));
}

#[tokio::test]
async fn a_stream_follows_the_grammar() {
    let simulator = SimulatorProcess::start().await;
    for directives in [
        "",
        "--crlf",
        "--split",
        "--split=7--unicode",
        "--usage=cumulative",
        "--head_first--first_byte=50",
    ] {
        let model = format!("sim-large--tokens=70--thinking=2{directives}");
        let mut stream = open(&simulator, &streaming(&model)).await;
        let (mut events, end) = stream.rest().await;

        assert!(matches!(end, Next::End), "{directives} {end:?}");
        assert_eq!(stream.headers["content-type"], "text/event-stream; charset=utf-8");
        if directives.contains("head_first") {
            assert_eq!(events.remove(0).comments, ["waiting"]);
        }
        for event in &events {
            assert_eq!(event.json()["type"].as_str(), event.name.as_deref(), "{directives}");
            assert_eq!(event.raw.ends_with(b"\r\n\r\n"), directives == "--crlf");
        }
        let pings = events.iter().filter(|event| is(event, "ping")).count();
        assert_eq!(pings, 2, "one at the beginning, one after 64 pieces");
        events.retain(|event| !is(event, "ping"));

        let plain = ask(&simulator, &message(&model)).await.json();
        let streamed = aggregate(&events);
        assert_eq!(without_signatures(&streamed["content"]), without_signatures(&plain["content"]));
        assert_eq!(streamed["stop_reason"], "end_turn");
        assert_eq!(streamed["usage"]["output_tokens"], 72, "{directives}");
        assert_eq!(events[0].json()["message"]["usage"]["output_tokens"], 1);
        assert_eq!(events[0].json()["message"]["usage"]["input_tokens"], 7);
        let deltas = events.iter().filter(|event| is(event, "message_delta")).count();
        assert_eq!(deltas, if directives == "--usage=cumulative" { 2 } else { 1 });
    }
    assert_eq!(charges(&simulator).await.completion_tokens, 2 * 6 * 72);
}

#[tokio::test]
async fn tool_calls_are_the_same_plain_and_streamed() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("--tools=3", json!({ "type": "auto" }), vec!["weather", "now", "weather"]),
        (
            "--tools=3",
            json!({ "type": "auto", "disable_parallel_tool_use": true }),
            vec!["weather"],
        ),
        ("", json!({ "type": "any" }), vec!["weather"]),
        ("", json!({ "type": "tool", "name": "now" }), vec!["now"]),
        ("--tools", json!({ "type": "none" }), vec![]),
        ("", json!({ "type": "auto" }), vec![]),
    ];
    for (directives, choice, expected) in cases {
        let mut body = message(&format!("claude-haiku-4-5--preamble=2{directives}"));
        body["tools"] = tools();
        body["tool_choice"] = choice.clone();
        let plain = ask(&simulator, &body).await.json();
        body["stream"] = json!(true);
        let (events, _) = open(&simulator, &body).await.rest().await;
        let streamed = aggregate(&events);

        for answer in [&plain, &streamed] {
            let blocks = answer["content"].as_array().unwrap();
            let calls: Vec<_> = blocks.iter().filter(|block| block["type"] == "tool_use").collect();
            let names: Vec<_> = calls.iter().map(|call| call["name"].as_str().unwrap()).collect();
            assert_eq!(names, expected, "{choice}");
            let reason = if expected.is_empty() { "end_turn" } else { "tool_use" };
            assert_eq!(answer["stop_reason"], reason, "{choice}");
            for call in calls {
                let weather = call["name"] == "weather";
                let input = if weather { json!({ "größe": 1 }) } else { json!({}) };
                assert_eq!(call["input"], input);
                assert!(call["id"].as_str().unwrap().starts_with("toolu_"));
            }
            if !expected.is_empty() {
                assert_eq!(blocks[0]["text"], "time with");
            }
        }
    }
}

#[tokio::test]
async fn thinking_goes_back_as_it_came_or_not_at_all() {
    let simulator = SimulatorProcess::start().await;
    for directives in ["", "--omitted_thinking"] {
        let mut body = message(&format!(
            "claude-sonnet-4-6--tools=2--thinking=3--redacted_thinking=4{directives}"
        ));
        body["thinking"] = json!({ "type": "enabled", "budget_tokens": 1024 });
        body["max_tokens"] = json!(2000);
        body["tools"] = tools();
        let answer = ask(&simulator, &body).await.json();
        assert_eq!(answer["usage"]["output_tokens_details"]["thinking_tokens"], 7);
        let blocks = answer["content"].as_array().unwrap().clone();
        assert_eq!(blocks[0]["thinking"] == "", directives == "--omitted_thinking");
        let results: Vec<_> = blocks
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .map(
                |call| json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "42" }),
            )
            .collect();

        let goes_on = async |blocks: Vec<Value>, thinking: Value| {
            let mut next = body.clone();
            next["model"] = json!("claude-sonnet-4-6");
            next["thinking"] = thinking;
            next["messages"] = json!([
                { "role": "user", "content": "hi" },
                { "role": "assistant", "content": blocks },
                { "role": "user", "content": results },
            ]);
            let answer = ask(&simulator, &next).await;
            (answer.status, answer.json()["error"]["message"].as_str().unwrap_or("").to_owned())
        };
        let (enabled, adaptive) = (body["thinking"].clone(), json!({ "type": "adaptive" }));
        let mut altered = blocks.clone();
        altered[0]["thinking"] = json!("another thought");
        let swapped =
            vec![blocks[1].clone(), blocks[0].clone(), blocks[2].clone(), blocks[3].clone()];
        let cases = [
            (blocks.clone(), &enabled, 200, ""),
            (blocks.clone(), &adaptive, 200, ""),
            (altered.clone(), &enabled, 400, "Invalid `signature`"),
            (altered, &Value::Null, 400, "Invalid `signature`"),
            (swapped, &enabled, 400, "cannot be modified"),
            (blocks[1..].to_vec(), &enabled, 400, "cannot be modified"),
            (blocks[2..].to_vec(), &adaptive, 400, "cannot be modified"),
            (blocks[2..].to_vec(), &enabled, 400, "but found `tool_use`"),
            (blocks[2..].to_vec(), &Value::Null, 200, ""),
        ];
        for (blocks, thinking, status, words) in cases {
            let (found, message) = goes_on(blocks.clone(), thinking.clone()).await;
            assert_eq!(found, status, "{thinking} {blocks:?} {message}");
            assert!(message.contains(words), "{message}");
        }
    }
}

#[tokio::test]
async fn stops_schemas_counts_and_models_are_anthropics() {
    let simulator = SimulatorProcess::start().await;
    let mut body = message("claude-haiku-4-5");
    body["stop_sequences"] = json!(["sea", "and"]);
    let stopped = ask(&simulator, &body).await.json();
    assert_eq!(
        (&stopped["stop_reason"], &stopped["stop_sequence"]),
        (&json!("stop_sequence"), &json!("and"))
    );
    assert_eq!(stopped["content"][0]["text"], "the river ");

    let refused = ask(&simulator, &message("claude-haiku-4-5--stop=refusal")).await.json();
    assert_eq!(
        (&refused["stop_reason"], &refused["stop_details"]["type"]),
        (&json!("refusal"), &json!("refusal"))
    );

    let mut body = message("claude-haiku-4-5");
    body["max_tokens"] = json!(2);
    assert_eq!(ask(&simulator, &body).await.json()["stop_reason"], "max_tokens");

    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "additionalProperties": false });
    body["max_tokens"] = json!(99);
    body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
    assert_eq!(ask(&simulator, &body).await.json()["content"][0]["text"], "{\"a\":1}");

    let mut body = message("claude-haiku-4-5");
    body.as_object_mut().unwrap().remove("max_tokens");
    let url = format!("{}/acme/v1/messages/count_tokens", simulator.url());
    let before = charges(&simulator).await.prompt_tokens;
    assert_eq!(post(&url, &[], &body).await.json(), json!({ "input_tokens": 7 }));
    assert_eq!(charges(&simulator).await.prompt_tokens, before);

    let url = format!("{}/acme/v1/models?limit=2", simulator.url());
    let bearer = format!("Bearer {KEY}");
    let headers = [VERSION, ("authorization", bearer.as_str())];
    let page = http::send(Method::GET, &url, &headers, vec![]).await.json();
    assert_eq!((&page["has_more"], &page["data"][0]["type"]), (&json!(true), &json!("model")));
    assert_eq!(page["data"][1]["id"], page["last_id"]);
    let answer = http::send(Method::GET, &url, &headers[1..], vec![]).await.json();
    assert_eq!(answer["object"], "list", "without the version it is OpenAI that is asked");
}

#[tokio::test]
async fn wrong_requests_are_refused_in_anthropics_words() {
    let simulator = SimulatorProcess::start_with_keys(&[KEY]).await;
    let url = format!("{}/v1/messages", simulator.url());
    let good = message("claude-haiku-4-5").to_string();
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let cases: [Case<'_>; 7] = [
        (&[("x-api-key", KEY), VERSION, JSON_TYPE], &good, 200, ""),
        (&[("authorization", "Bearer sk-ant-simulated"), VERSION, JSON_TYPE], &good, 200, ""),
        (&[("x-api-key", "other"), VERSION, JSON_TYPE], &good, 401, "authentication_error"),
        (&[("api-key", KEY), VERSION, JSON_TYPE], &good, 401, "authentication_error"),
        (&[("x-api-key", KEY), JSON_TYPE], &good, 400, "invalid_request_error"),
        (
            &[("x-api-key", KEY), ("anthropic-version", "1"), JSON_TYPE],
            &good,
            400,
            "invalid_request_error",
        ),
        (&[("x-api-key", KEY), VERSION, JSON_TYPE], "{", 400, "invalid_request_error"),
    ];
    for (headers, body, status, kind) in cases {
        let answer = http::send(Method::POST, &url, headers, body.as_bytes().to_vec()).await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.json()["error"]["type"].as_str().unwrap_or(""), kind, "{headers:?}");
        if status != 200 {
            assert_eq!(answer.json()["request_id"].as_str(), answer.header("request-id"));
        }
    }

    let mut edits = message("claude-haiku-4-5");
    edits["context_management"] = json!({ "edits": [] });
    assert_eq!(
        post(&url, &[], &edits).await.json()["error"]["message"],
        "context_management: Extra inputs are not permitted"
    );
    let beta = ("anthropic-beta", "something-else, context-management-2025-06-27");
    assert_eq!(post(&format!("{url}?beta=true"), &[beta], &edits).await.status, 200);

    let mut warm = message("claude-haiku-4-5");
    warm["temperature"] = json!(0.5);
    assert_eq!(post(&url, &[], &warm).await.status, 200);
    let newest = http::send(
        Method::POST,
        &url,
        &[("x-api-key", KEY), ("anthropic-version", "2026-10-21"), JSON_TYPE],
        warm.to_string().into_bytes(),
    );
    assert_eq!(newest.await.status, 400);
}

#[tokio::test]
async fn error_answers_are_anthropics_and_cost_nothing() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("status=401", 401, "authentication_error"),
        ("status=404", 404, "not_found_error"),
        ("status=413", 413, "request_too_large"),
        ("status=500", 500, "api_error"),
        ("status=529", 529, "overloaded_error"),
        ("error=3", 529, "overloaded_error"),
        ("error=3; error_type=api_error", 529, "api_error"),
        ("context_length", 400, "invalid_request_error"),
        ("rate_limit=90", 429, "rate_limit_error"),
        ("quota", 429, "rate_limit_error"),
    ];
    let url = format!("{}/v1/messages", simulator.url());
    for (directive, status, kind) in cases {
        let answer = post(&url, &[("x-simulate", directive)], &message("claude-haiku-4-5")).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["type"].as_str()), (status, Some(kind)), "{directive}");
        let wait = (directive == "rate_limit=90").then_some("90");
        assert_eq!(answer.header("retry-after"), wait, "{directive}");
        let cap = (directive == "quota").then_some("enforced_spend_limit_reached");
        assert_eq!(error["details"]["error_code"].as_str(), cap, "{directive}");
    }
    let failed = cases.len() as u64;
    assert_eq!(
        charges(&simulator).await,
        Charges { requests: failed, failed, ..Charges::default() }
    );
}

#[tokio::test]
async fn each_fault_shows_in_the_stream() {
    let simulator = SimulatorProcess::start().await;
    type Case = (&'static str, RawEnd, fn(&str) -> bool);
    let two =
        |body: &str| body.matches("text_delta").count() == 2 && !body.contains("message_delta");
    let cases: [Case; 8] = [
        ("reset=0", RawEnd::Reset, str::is_empty),
        ("reset=2", RawEnd::Reset, two),
        ("truncate=2", RawEnd::Closed, |body| {
            !body.ends_with("0\r\n\r\n") && !body.contains("message_stop")
        }),
        ("end=2", RawEnd::Timeout, |body| {
            body.ends_with("0\r\n\r\n") && !body.contains("message_stop")
        }),
        ("half=2", RawEnd::Timeout, |body| {
            body.ends_with("0\r\n\r\n")
                && body.matches("event: content_block_delta").count() == 3
                && body.matches("text_delta").count() == 2
        }),
        ("stall=2", RawEnd::Timeout, two),
        ("garbage=2", RawEnd::Timeout, |body| {
            body.contains('\u{fffd}') && body.contains("message_stop")
        }),
        ("error=2--error_type=api_error", RawEnd::Timeout, |body| {
            body.contains("event: error\ndata: {\"error\":{\"message\":\"Overloaded\",\"type\":\"api_error\"}") && !body.contains("message_stop")
        }),
    ];
    for (directive, end, expected) in cases {
        let body = streaming(&format!("sim-large--tokens=5--{directive}")).to_string();
        let request =
            raw_socket::post_with(simulator.address(), "/v1/messages", KEY, &[VERSION], &body);
        let answer =
            raw_socket::exchange(simulator.address(), &request, Duration::from_millis(200)).await;
        assert_eq!(answer.end, end, "{directive} {}", answer.text());
        assert!(expected(&answer.text()), "{directive} {}", answer.text());
    }
    simulator.until_idle(SOON).await;
    let charges = charges(&simulator).await;
    assert_eq!(
        (charges.requests, charges.answered, charges.failed, charges.cancelled),
        (8, 0, 7, 1)
    );
}

#[tokio::test]
async fn a_cancelled_stream_is_billed_for_what_was_sent() {
    let simulator = SimulatorProcess::start().await;
    let model = "claude-sonnet-4-6--gap=30--thinking=3--tokens=1000";
    let mut stream = open(&simulator, &streaming(model)).await;
    let mut received = 0;
    while received < 5 {
        let event = stream.next().await.unwrap();
        let delta = &event.json()["delta"]["type"];
        received += u64::from(delta == "text_delta" || delta == "thinking_delta");
    }
    stream.close().await;
    simulator.until_idle(SOON).await;
    let charges = charges(&simulator).await;
    assert!((received..=received + 1).contains(&charges.completion_tokens), "{charges:?}");
    assert_eq!((charges.prompt_tokens, charges.reasoning_tokens, charges.cancelled), (7, 3, 1));
}

fn message(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 4000, "messages": [{ "role": "user", "content": "hi" }] })
}

fn streaming(model: &str) -> Value {
    let mut body = message(model);
    body["stream"] = json!(true);
    body
}

fn tools() -> Value {
    let size = json!({ "type": "object", "properties": { "größe": { "type": "integer" } } });
    let nothing = json!({ "type": "object", "properties": {} });
    json!([{ "name": "weather", "input_schema": size }, { "name": "now", "input_schema": nothing }])
}

async fn ask(simulator: &SimulatorProcess, body: &Value) -> Answer {
    post(&format!("{}/acme/v1/messages", simulator.url()), &[], body).await
}

async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let all = [&[VERSION, JSON_TYPE, ("x-api-key", KEY)], headers].concat();
    http::send(Method::POST, url, &all, body.to_string().into_bytes()).await
}

async fn open(simulator: &SimulatorProcess, body: &Value) -> EventStream {
    let url = format!("{}/acme/v1/messages", simulator.url());
    sse::post_stream_with(&url, KEY, &[VERSION], body).await
}

fn is(event: &Event, name: &str) -> bool {
    event.name.as_deref() == Some(name)
}

/// The message that a stream tells, if it follows the grammar.
fn aggregate(events: &[Event]) -> Value {
    let mut message = Value::Null;
    let (mut open, mut arguments) = (None, String::new());
    for event in events.iter().map(Event::json) {
        let index = event["index"].as_u64().map(|index| index as usize);
        match text(&event["type"]) {
            "message_start" => {
                assert!(message.is_null(), "the message starts once");
                message = event["message"].clone();
            }
            "content_block_start" => {
                let content = message["content"].as_array_mut().expect("a list of blocks");
                assert_eq!((open, index), (None, Some(content.len())), "one block at a time");
                content.push(event["content_block"].clone());
                (open, arguments) = (index, String::new());
            }
            "content_block_delta" => {
                assert_eq!(index, open);
                let block = &mut message["content"][index.expect("an index")];
                let delta = &event["delta"];
                let (kind, field) = match text(&delta["type"]) {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature"),
                    "input_json_delta" => ("tool_use", "partial_json"),
                    other => panic!("{other}"),
                };
                assert_eq!(block["type"], kind);
                let more = text(&delta[field]);
                if kind == "tool_use" {
                    arguments += more;
                } else {
                    block[field] = json!(format!("{}{more}", text(&block[field])));
                }
            }
            "content_block_stop" => {
                assert_eq!(index, open);
                if !arguments.is_empty() {
                    message["content"][index.expect("an index")]["input"] =
                        serde_json::from_str(&arguments).expect("arguments in JSON");
                }
                open = None;
            }
            "message_delta" => {
                assert_eq!(open, None);
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"]["output_tokens"] = event["usage"]["output_tokens"].clone();
            }
            "message_stop" | "ping" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(events.last().and_then(|last| last.name.as_deref()), Some("message_stop"));
    message
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Each answer has signatures of its own.
fn without_signatures(content: &Value) -> Vec<Value> {
    let mut blocks = content.as_array().expect("a list of blocks").clone();
    for block in &mut blocks {
        if let Some(signature) = block.get_mut("signature") {
            assert_ne!(*signature, "");
            *signature = Value::Null;
        }
    }
    blocks
}

async fn charges(simulator: &SimulatorProcess) -> Charges {
    simulator.until_idle(SOON).await;
    simulator.bill().await.total
}
