//! Whatever a provider does wrong: before the first byte another target answers, after it the app is told, and the
//! usage event says what happened.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_tests::processes::free_port;
use tollgate_tests::raw_socket::{self, RawSocket};
use tollgate_tests::sse::Event;

use crate::stand::{KEY, SOON, Stand, Streamed, chat, refusal, refused, streaming, with};

/// How a fault shows.
#[derive(Clone, Copy)]
enum Shown {
    /// Before anything went to the app: the status and code it gets if there is no other target, and the attempt's
    /// error.
    Before(u16, &'static str, &'static str),
    /// In the middle of a stream: the code of the event that ends it, what the event says, and the tokens until then.
    Within(&'static str, &'static str, u64),
}
use Shown::{Before, Within};

const TIMEOUT: Shown = Before(504, "upstream_timeout", "timeout");
const BROKEN: Shown = Before(502, "upstream_broken", "broken");
const GARBAGE: Shown = Before(502, "upstream_garbage", "garbage");
const SERVER: Shown = Before(502, "upstream_error", "server_error");
const OVERLOADED: Shown = Before(503, "upstream_error", "server_error");
const TRUNCATED: Shown = Within("upstream_truncated", "upstream_truncated", 2);

/// The fault, how a plain answer shows it and how a stream does.
const FAULTS: [(&str, Shown, Shown); 32] = [
    ("hang", TIMEOUT, TIMEOUT),
    ("first_byte=60000", TIMEOUT, TIMEOUT),
    ("slow=60000", TIMEOUT, TIMEOUT),
    ("head_first--first_byte=60000", TIMEOUT, TIMEOUT),
    ("drip", TIMEOUT, TIMEOUT),
    ("stall=0", TIMEOUT, TIMEOUT),
    ("stall=2", TIMEOUT, Within("upstream_timeout", "upstream_timeout", 2)),
    ("reset=0", BROKEN, BROKEN),
    ("reset=2", BROKEN, TRUNCATED),
    ("truncate=0", BROKEN, BROKEN),
    ("truncate=2", BROKEN, TRUNCATED),
    ("truncate=16", BROKEN, Within("upstream_truncated", "upstream_truncated", 16)),
    ("end=0", GARBAGE, BROKEN),
    ("end=2", GARBAGE, TRUNCATED),
    ("garbage", GARBAGE, GARBAGE),
    ("garbage=0", GARBAGE, GARBAGE),
    ("garbage=2", GARBAGE, Within("upstream_garbage", "upstream_garbage", 2)),
    // The provider's own words are passed on; this one gives no code.
    ("error=2", SERVER, Within("", "upstream_error", 2)),
    ("error=0", SERVER, Before(502, "upstream_error", "in_band_error")),
    ("status=500", SERVER, SERVER),
    ("status=502", SERVER, SERVER),
    ("status=504", SERVER, SERVER),
    ("status=503", OVERLOADED, OVERLOADED),
    ("status=529", OVERLOADED, OVERLOADED),
    ("status=408", SERVER, SERVER),
    (
        "status=404",
        Before(404, "model_not_found", "model_not_found"),
        Before(404, "model_not_found", "model_not_found"),
    ),
    (
        "status=403",
        Before(403, "unsupported_country_region_territory", "forbidden"),
        Before(403, "unsupported_country_region_territory", "forbidden"),
    ),
    (
        "status=401",
        Before(502, "upstream_credentials_exhausted", "bad_provider_key"),
        Before(502, "upstream_credentials_exhausted", "bad_provider_key"),
    ),
    (
        "rate_limit=1",
        Before(429, "rate_limit_exceeded", "rate_limited"),
        Before(429, "rate_limit_exceeded", "rate_limited"),
    ),
    (
        "quota",
        Before(429, "insufficient_quota", "out_of_credit"),
        Before(429, "insufficient_quota", "out_of_credit"),
    ),
    (
        "context_length",
        Before(400, "context_length_exceeded", "context_window"),
        Before(400, "context_length_exceeded", "context_window"),
    ),
    (
        "content_filter",
        Before(400, "content_policy_violation", "content_filter"),
        Before(400, "content_policy_violation", "content_filter"),
    ),
];

#[tokio::test]
async fn a_fault_before_the_first_byte_is_told_if_there_is_nobody_else() {
    let stand = start().await;
    let cases = FAULTS.iter().enumerate().flat_map(|(index, &(fault, plain, stream))| {
        [(index, fault, plain, false), (index, fault, stream, true)]
    });
    let cases: Vec<_> = cases.filter(|(_, _, shown, _)| matches!(shown, Before(..))).collect();
    join_all(cases.iter().map(async |&(index, fault, shown, stream)| {
        let Before(status, code, _) = shown else { return };
        let body = body(&route("alone", index, stream), stream);
        let answer = stand.chat(&body).await;
        assert_eq!(refusal(&answer), refused(status, code), "{fault} {stream} {}", answer.text());
        assert_eq!(answer.header("retry-after").is_some(), status == 429, "{fault}");
    }))
    .await;

    let events = stand.events(cases.len()).await;
    for (index, fault, shown, stream) in cases {
        let Before(status, code, attempt) = shown else { continue };
        let event = of_route(&events, &route("alone", index, stream));
        assert_eq!((&event["status"], &event["error"]), (&json!(status), &json!(code)), "{fault}");
        assert_eq!(event["stream"], stream);
        assert_eq!(attempt_errors(event), [attempt], "{fault} {event}");
        assert_eq!(charged(event), (0, 0, 0), "{fault} {event}");
        let unconfirmed = event["attempts"][0]["unconfirmed_nano_usd"].as_u64();
        // The prompt of a call that was given up may be on the provider's bill: 7 tokens.
        assert_eq!(unconfirmed, (attempt == "timeout").then_some(3_500), "{fault}");
    }
}

#[tokio::test]
async fn a_fault_before_the_first_byte_is_not_seen_if_another_target_can_answer() {
    let stand = start().await;
    let cases = FAULTS.iter().enumerate().flat_map(|(index, &(fault, plain, stream))| {
        [(index, fault, plain, false), (index, fault, stream, true)]
    });
    let cases: Vec<_> = cases.filter(|(_, _, shown, _)| matches!(shown, Before(..))).collect();
    join_all(cases.iter().map(async |&(index, fault, _, stream)| {
        let body = body(&route("pair", index, stream), stream);
        if stream {
            let streamed = stand.streamed(&body).await;
            assert_eq!(
                (streamed.status, streamed.is_complete()),
                (200, true),
                "{fault} {streamed:#?}"
            );
            assert_eq!(streamed.content(), "the river and");
            assert_eq!(streamed.headers["x-tollgate-attempts"], "2", "{fault}");
        } else {
            let answer = stand.chat(&body).await;
            assert_eq!(answer.status, 200, "{fault} {}", answer.text());
            assert_eq!(answer.json()["choices"][0]["message"]["content"], "the river and");
            assert_eq!(answer.header("x-tollgate-attempts"), Some("2"), "{fault}");
            assert_eq!(answer.header("x-tollgate-provider"), Some("beta"), "{fault}");
        }
    }))
    .await;

    let events = stand.events(cases.len()).await;
    for (index, fault, shown, stream) in cases {
        let Before(_, _, attempt) = shown else { continue };
        let event = of_route(&events, &route("pair", index, stream));
        assert_eq!((&event["status"], &event["error"]), (&json!(200), &Value::Null), "{fault}");
        assert_eq!(attempt_errors(event), [attempt, ""], "{fault}");
        // Only the answer is charged, at the price of who gave it.
        assert_eq!(charged(event), (7, 3, 7 * 700 + 3 * 2_300), "{fault} {event}");
    }
}

#[tokio::test]
async fn a_fault_after_the_first_byte_is_told_in_the_stream_and_asked_of_nobody_else() {
    let stand = start().await;
    let cases: Vec<_> = FAULTS
        .iter()
        .enumerate()
        .filter_map(|(index, &(fault, _, shown))| match shown {
            Within(told, noted, tokens) => Some((index, fault, told, noted, tokens)),
            Before(..) => None,
        })
        .collect();
    join_all(cases.iter().map(async |&(index, fault, told, _, tokens)| {
        let streamed = stand.streamed(&body(&route("pair", index, true), true)).await;
        assert_eq!(streamed.status, 200, "{fault}");
        assert_eq!(streamed.error_code(), told, "{fault}");
        let words = |event: &Event| event.content().filter(|content| !content.is_empty());
        assert_eq!(streamed.events.iter().filter_map(words).count() as u64, tokens, "{fault}");
        assert_eq!(streamed.headers["x-tollgate-attempts"], "1", "{fault}");
    }))
    .await;

    let events = stand.events(cases.len()).await;
    for (index, fault, _, noted, tokens) in cases {
        let event = of_route(&events, &route("pair", index, true));
        assert_eq!((&event["status"], &event["error"]), (&json!(200), &json!(noted)), "{fault}");
        assert_eq!(attempt_errors(event), [noted], "{fault}");
        // Charged is what was sent, by our own count.
        assert_eq!(charged(event), (7, tokens, 7 * 500 + tokens * 1_500), "{fault}");
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(true), &json!(false)));
    }
    assert!(stand.asked().await.iter().all(|provider| provider != "beta"));
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unreachable() {
    let closed = free_port();
    let stand = Stand::start(&format!(
        r#"
[providers.gone]
kind = "openai_compatible"
base_url = "http://127.0.0.1:{closed}/v1"
keys = ["sk-gone"]
allow_private_network = true
[routes.pair]
targets = [{{ use = "gone/sim-large" }}, {{ use = "beta/sim-large" }}]
"#
    ))
    .await;
    let answer = stand.chat(&chat("gone/sim-large")).await;
    assert_eq!(refusal(&answer), refused(502, "upstream_unreachable"));
    assert_eq!(stand.chat(&chat("pair")).await.header("x-tollgate-attempts"), Some("2"));
    let events = stand.events(2).await;
    assert_eq!(attempt_errors(&events[0]), ["connect"]);
    assert_eq!(attempt_errors(&events[1]), ["connect", ""]);
}

#[tokio::test]
async fn odd_but_valid_streams_are_passed_on_whole() {
    let stand = start().await;
    let oddities = [
        "crlf",
        "split",
        "crlf--split",
        "usage=cumulative",
        "gap=20",
        "first_byte=50",
        "head_first--first_byte=100",
        "big=300",
    ];
    for oddity in oddities {
        let model = format!("alpha/sim--{oddity}--tokens=5");
        let streamed = stand.streamed(&streaming(&model)).await;
        assert!(streamed.is_complete(), "{oddity} {streamed:#?}");
        let answer = stand.chat(&chat(&model)).await;
        assert_eq!(answer.status, 200, "{oddity} {}", answer.text());
        let content = &answer.json()["choices"][0]["message"]["content"];
        assert_eq!(*content, streamed.content(), "{oddity}");
    }
    for event in stand.events(2 * oddities.len()).await {
        assert_eq!(event["error"], Value::Null, "{event}");
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(false), &json!(false)));
        if !event["requested"].as_str().unwrap().contains("big") {
            assert_eq!(charged(&event), (7, 5, 7 * 500 + 5 * 1_500), "{event}");
        }
    }
}

#[tokio::test]
async fn an_event_without_an_end_does_not_fill_the_memory() {
    let stand = start().await;
    // Nothing to show had come before it, so the app gets an error instead of a stream.
    let answer = stand.chat(&streaming("alpha/sim--big=2000")).await;
    assert_eq!(refusal(&answer), refused(502, "upstream_garbage"));
    assert_eq!(stand.event().await["error"], "upstream_garbage");
}

#[tokio::test]
async fn a_plain_answer_that_drips_has_timed_out() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--drip", first_byte = "1500ms" }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    // Its first byte is in time, and so is each further one.
    let answer = stand.chat(&chat("pair")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, Some("beta")));
    assert_eq!(attempt_errors(&stand.event().await), ["timeout", ""]);
    stand.simulator.until_idle(SOON).await;
}

#[tokio::test]
async fn the_app_sets_the_time_for_the_whole_answer() {
    let stand = Stand::start("").await;
    let patience = [("x-tollgate-timeout", "400ms")];
    for body in [chat("alpha/sim--hang"), streaming("alpha/sim--hang"), chat("alpha/sim--gap=100")]
    {
        let answer = stand.chat_with(&patience, &body).await;
        assert_eq!(refusal(&answer), refused(504, "upstream_timeout"));
    }
    // A stream that has begun is in nobody's way.
    let url = stand.url("/v1/chat/completions");
    let body = streaming("alpha/sim--gap=100--tokens=8");
    let stream = tollgate_tests::sse::post_stream_with(&url, KEY, &patience, &body).await;
    assert!(Streamed::read(stream).await.is_complete());
    stand.simulator.until_idle(SOON).await;
}

#[tokio::test]
async fn the_time_for_everything_bounds_all_attempts_together() {
    let stand = Stand::start(
        r#"
[routes.long]
targets = [{ use = "alpha/sim--hang" }, { use = "beta/sim--hang" }, { use = "alpha/sim-large" }]
timeouts = { first_byte = "400ms", total = "600ms" }
"#,
    )
    .await;
    let answer = stand.chat(&chat("long")).await;
    assert_eq!(refusal(&answer), refused(504, "upstream_timeout"));
    let event = stand.event().await;
    let last = event["attempts"].as_array().unwrap().last().unwrap();
    assert!(last["ended_ms"].as_u64().unwrap() < 2_000, "{event}");
    stand.simulator.until_idle(SOON).await;
}

#[tokio::test]
async fn a_retry_asks_the_same_target_again_before_the_next() {
    let stand = Stand::start(
        r#"
[routes.stubborn]
targets = [{ use = "alpha/sim--status=500", retries = 2 }, { use = "beta/sim-large" }]
"#,
    )
    .await;
    let answer = stand.chat(&chat("stubborn")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-attempts")), (200, Some("4")));
    assert_eq!(stand.asked().await, ["alpha", "alpha", "alpha", "beta"]);
}

#[tokio::test]
async fn retries_have_a_budget() {
    let stand = Stand::start(
        r#"
[routes.stubborn]
targets = [{ use = "alpha/sim--status=500", retries = 5 }, { use = "beta/sim-large" }]
breaker = { failures = 1000, ratio = 1.0, min_requests = 1000 }
"#,
    )
    .await;
    for _ in 0..10 {
        assert_eq!(stand.chat(&chat("stubborn")).await.status, 200);
    }
    let asked = stand.asked().await;
    let retries = asked.iter().filter(|provider| *provider == "alpha").count() - 10;
    // Three to begin with, and a fifth of the traffic.
    assert!((3..=5).contains(&retries), "{retries}");
}

#[tokio::test]
async fn an_answer_without_usage_is_counted_here() {
    let stand = start().await;
    let model = "alpha/sim--usage=none--tokens=40";
    let streamed = stand.streamed(&with(streaming(model), include_usage())).await;
    assert!(streamed.is_complete());
    assert_eq!(stand.chat(&chat(model)).await.status, 200);

    let events = stand.events(2).await;
    // A stream is counted word by word.
    assert_eq!(charged(&events[0]), (7, 40, 7 * 500 + 40 * 1_500));
    let (input, output, _) = charged(&events[1]);
    assert_eq!(input, 7);
    assert!((20..=80).contains(&output), "an estimate by length: {output}");
    for event in events {
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(true), &json!(false)));
        assert_eq!((&event["status"], &event["error"]), (&json!(200), &Value::Null));
    }
}

#[tokio::test]
async fn a_negative_usage_is_not_believed() {
    let stand = start().await;
    let model = "alpha/sim--usage=negative--tokens=40";
    assert!(stand.streamed(&streaming(model)).await.is_complete());
    let answer = stand.chat(&chat(model)).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.header("x-tollgate-cost-usd").unwrap().starts_with('-'));

    let events = stand.events(2).await;
    assert_eq!(charged(&events[0]), (7, 40, 7 * 500 + 40 * 1_500));
    for event in events {
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(true), &json!(true)));
        let (input, output, cost) = charged(&event);
        assert!(input == 7 && (20..=80).contains(&output) && 0 < cost, "{event}");
    }
}

#[tokio::test]
async fn an_absurd_usage_is_clipped_to_what_was_possible() {
    let stand = start().await;
    let members = json!({ "max_tokens": 20, "n": 2 });
    let model = "alpha/sim--usage_factor=1000--tokens=16";
    assert!(stand.streamed(&with(streaming(model), members.clone())).await.is_complete());
    assert_eq!(stand.chat(&with(chat(model), members)).await.status, 200);

    for event in stand.events(2).await {
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(false), &json!(true)));
        let (input, output, cost) = charged(&event);
        // Two choices of at most 20 tokens; a prompt has at most as many tokens as bytes, and some around them.
        assert_eq!(output, 40, "{event}");
        assert!((7..300).contains(&input), "{event}");
        assert_eq!(cost, input * 500 + output * 1_500);
    }
}

#[tokio::test]
async fn a_usage_far_below_what_was_sent_is_raised_to_half_of_it() {
    let stand = start().await;
    let body = streaming("alpha/sim--usage_factor=0.01--tokens=40");
    assert!(stand.streamed(&body).await.is_complete());
    let event = stand.event().await;
    assert_eq!((&event["usage"]["output"], &event["disputed"]), (&json!(20), &json!(true)));
}

#[tokio::test]
async fn an_app_that_leaves_a_stream_ends_the_call_and_pays_for_what_was_made() {
    let stand = start().await;
    let mut stream = stand.stream(&streaming("alpha/sim--gap=30--tokens=1000")).await;
    let mut words = 0;
    while words < 8 {
        let event = stream.next().await.expect("the stream goes on");
        words += usize::from(event.content().is_some_and(|content| !content.is_empty()));
    }
    stream.close().await;

    stand.simulator.until_open(0, Duration::from_secs(1)).await;
    let event = stand.event().await;
    let billed = stand.simulator.bill().await.total;
    assert_eq!((&event["status"], &event["error"]), (&json!(499), &json!("client_closed")));
    assert_eq!(event["estimated"], true);
    let (input, output, cost) = charged(&event);
    assert_eq!((input, cost), (7, 7 * 500 + output * 1_500));
    assert!(output.abs_diff(billed.completion_tokens) <= 2, "{output} of {billed:?}");
    assert_eq!(billed.cancelled, 1);
}

#[tokio::test]
async fn an_app_that_leaves_before_the_first_byte_ends_the_call() {
    let stand = start().await;
    let mut left = 0;
    for model in
        ["alpha/sim--first_byte=60000", "alpha/sim--gap=20--tokens=1000", "alpha/sim--hang"]
    {
        for body in [chat(model), streaming(model)] {
            if model.contains("gap") && body["stream"] == true {
                continue;
            }
            let mut socket = RawSocket::connect(stand.gateway.address()).await;
            let request = raw_socket::post(
                stand.gateway.address(),
                "/v1/chat/completions",
                KEY,
                &body.to_string(),
            );
            socket.write(&request).await;
            stand.simulator.until_open(1, SOON).await;
            drop(socket);
            stand.simulator.until_open(0, Duration::from_secs(1)).await;
            left += 1;
        }
    }
    for event in stand.events(left).await {
        assert_eq!((&event["status"], &event["error"]), (&json!(499), &json!("client_closed")));
        assert_eq!(attempt_errors(&event), ["cancelled"], "{event}");
        // The provider had the prompt; nobody can tell what it made of it.
        assert_eq!(charged(&event), (7, 0, 7 * 500), "{event}");
        assert_eq!(event["estimated"], true);
    }
    let billed = stand.simulator.bill().await.total;
    assert_eq!((billed.cancelled, billed.answered), (5, 0));
}

#[tokio::test]
async fn an_app_that_leaves_is_not_replaced_by_a_fallback() {
    let stand = Stand::start(
        r#"
[routes.pair]
targets = [{ use = "alpha/sim--hang" }, { use = "beta/sim-large" }]
timeouts = { first_byte = "500ms" }
"#,
    )
    .await;
    let address = stand.gateway.address();
    let body = chat("pair").to_string();
    let mut socket = RawSocket::connect(address).await;
    socket.write(&raw_socket::post(address, "/v1/chat/completions", KEY, &body)).await;
    stand.simulator.until_open(1, SOON).await;
    drop(socket);
    stand.event().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(stand.asked().await, ["alpha"]);
}

/// A provider of its own for each fault, since some of them put a provider's key out of use; and for plain and streamed
/// answers a route of its own, since the circuit of a target may open.
async fn start() -> Stand {
    let mut world = String::new();
    for (index, (fault, _, _)) in FAULTS.iter().enumerate() {
        for stream in [false, true] {
            for kind in ["alone", "pair"] {
                let name = route(kind, index, stream);
                let second = if kind == "pair" { ", { use = \"beta/sim--tokens=3\" }" } else { "" };
                world += &format!(
                    r#"
[providers.p-{name}]
kind = "openai_compatible"
base_url = "{{simulator}}/p-{name}/v1"
keys = ["sk-{name}"]
allow_private_network = true
price = {{ input = "0.50", output = "1.50" }}
[routes.{name}]
targets = [{{ use = "p-{name}/sim--{fault}" }}{second}]
timeouts = {{ first_byte = "300ms", idle = "500ms", total = "20s" }}
"#
                );
            }
        }
    }
    Stand::start(&world).await
}

fn route(kind: &str, index: usize, stream: bool) -> String {
    format!("{kind}-{index}-{}", if stream { "stream" } else { "plain" })
}

fn body(model: &str, stream: bool) -> Value {
    if stream { streaming(model) } else { chat(model) }
}

fn include_usage() -> Value {
    json!({ "stream_options": { "include_usage": true } })
}

fn of_route<'e>(events: &'e [Value], route: &str) -> &'e Value {
    events.iter().find(|event| event["requested"] == route).expect("each request has its event")
}

/// The error of each attempt; empty for one that went well.
fn attempt_errors(event: &Value) -> Vec<&str> {
    let attempts = event["attempts"].as_array().expect("an event has its attempts");
    attempts.iter().map(|attempt| attempt["error"].as_str().unwrap_or_default()).collect()
}

/// Input tokens, output tokens and nano-USD.
fn charged(event: &Value) -> (u64, u64, u64) {
    let number = |value: &Value| value.as_u64().expect("a count");
    let usage = &event["usage"];
    (number(&usage["input_uncached"]), number(&usage["output"]), number(&event["cost_nano_usd"]))
}
