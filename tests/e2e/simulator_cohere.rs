//! The simulator as Cohere: other tests trust what is checked here.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::http::{self, Answer, post_json, post_json_with};
use tollgate_tests::simulator::base64;
use tollgate_tests::simulator::bill::Charges;
use tollgate_tests::simulator_process::SimulatorProcess;
use tollgate_tests::sse::{Event, Next, post_stream};

const KEY: &str = "co-simulated";
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_plain_answer_is_billed_for_less_than_it_counts() {
    let simulator = SimulatorProcess::start().await;
    let answer = ask(&simulator, "chat", &chat("command-a--tokens=4--thinking=2--cached=3")).await;

    assert_eq!(answer.status, 200);
    let body = answer.json();
    let content = json!([
        { "type": "thinking", "thinking": "life over" },
        { "type": "text", "text": "the river and house" },
    ]);
    assert_eq!(body["message"], json!({ "role": "assistant", "content": content }));
    assert_eq!(body["finish_reason"], "COMPLETE");
    assert!(body["id"].is_string() && answer.header("x-debug-trace-id").is_some());
    let usage = json!({
        "billed_units": { "input_tokens": 7.0, "output_tokens": 6.0 },
        "tokens": { "input_tokens": 77.0, "output_tokens": 10.0 },
        "cached_tokens": 3.0,
    });
    assert_eq!(body["usage"], usage);
    let expected = Charges {
        requests: 1,
        answered: 1,
        prompt_tokens: 7,
        cached_tokens: 3,
        completion_tokens: 6,
        reasoning_tokens: 2,
        unbilled_input_tokens: 70,
        unbilled_output_tokens: 4,
        ..Charges::default()
    };
    assert_eq!(charges(&simulator).await, expected);
}

#[tokio::test]
async fn streams_say_what_plain_answers_say() {
    let simulator = SimulatorProcess::start().await;
    let thinking = json!({ "type": "enabled", "token_budget": 2 });
    let cases = [
        ("command-a--tokens=3", json!({})),
        ("command-a--tokens=3--crlf--split", json!({})),
        ("command-a--tokens=3--split=5--unicode", json!({ "thinking": thinking })),
        ("command-a--tokens=3--reasoning=4", json!({})),
        ("command-a--tools=2", json!({ "tools": tools() })),
        ("command-a--tools=2--preamble=0", json!({ "tools": tools() })),
        ("command-a--tokens=3--stop=ERROR_TOXIC", json!({})),
        ("command-a", json!({ "tools": tools(), "tool_choice": "REQUIRED" })),
        ("command-a--tools", json!({ "tools": tools(), "tool_choice": "NONE" })),
    ];
    for (model, fields) in cases {
        let mut body = chat(model);
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let plain = ask(&simulator, "chat", &body).await.json();
        body["stream"] = json!(true);
        let (events, end) = post_stream(&url(&simulator, "chat"), KEY, &body).await.rest().await;

        assert!(matches!(end, Next::End), "{model} {end:?}");
        for event in &events {
            assert_eq!(event.json()["type"].as_str(), event.name.as_deref(), "{model}");
            assert_eq!(event.raw.ends_with(b"\r\n\r\n"), model.contains("crlf"));
        }
        let streamed = aggregate(&events);
        assert_eq!(without_ids(&streamed["message"]), without_ids(&plain["message"]), "{model}");
        assert_eq!(streamed["finish_reason"], plain["finish_reason"], "{model}");
        assert_eq!(streamed["usage"], plain["usage"], "{model}");
        let called = plain["message"].get("tool_calls").is_some();
        let expected = fields.get("tools").is_some() && fields["tool_choice"] != "NONE";
        assert_eq!(called, expected, "{model} {fields}");
        assert_eq!(plain["finish_reason"] == "TOOL_CALL", expected);
    }
    let charges = charges(&simulator).await;
    assert_eq!((charges.requests, charges.answered), (18, 18));
}

#[tokio::test]
async fn each_fault_shows_in_the_stream() {
    let simulator = SimulatorProcess::start().await;
    for directive in
        ["error=2", "error=2--error_type=TIMEOUT", "end=2", "half=2", "garbage=2", "truncate=2"]
    {
        let mut body = chat(&format!("command-a--tokens=5--{directive}"));
        body["stream"] = json!(true);
        let mut stream = post_stream(&url(&simulator, "chat"), KEY, &body).await;
        let (events, end) = stream.rest().await;

        assert_eq!(
            matches!(end, Next::Broken(_)),
            directive == "truncate=2",
            "{directive} {end:?}"
        );
        let last = events.last().unwrap().json();
        let delta = &last["delta"];
        let texts = events.iter().filter(|event| text(event).is_some()).count();
        match directive {
            "garbage=2" => assert_eq!((texts, &delta["finish_reason"]), (5, &json!("COMPLETE"))),
            _ if directive.starts_with("error") => {
                let word = if directive.ends_with("TIMEOUT") { "TIMEOUT" } else { "ERROR" };
                assert_eq!((texts, &delta["finish_reason"]), (2, &json!(word)));
                assert!(delta["error"].is_string());
            }
            _ => assert_eq!((texts, &delta["finish_reason"]), (2, &Value::Null), "{directive}"),
        }
        assert_eq!(!stream.unfinished().is_empty(), directive == "half=2", "{directive}");
    }
    let charges = charges(&simulator).await;
    assert_eq!((charges.answered, charges.failed), (0, 6));
}

#[tokio::test]
async fn embeddings_come_by_type_and_are_billed() {
    let simulator = SimulatorProcess::start().await;
    let body = json!({
        "model": "embed-v4.0", "input_type": "search_document", "texts": ["abcd", "abcde"],
        "embedding_types": ["float", "base64", "int8"], "output_dimension": 256,
    });
    let answer = ask(&simulator, "embed", &body).await.json();

    assert_eq!(answer["response_type"], "embeddings_by_type");
    assert_eq!(
        answer["meta"]["billed_units"],
        json!({ "input_tokens": 3.0, "images": 0, "image_tokens": 0.0 })
    );
    for index in 0..2 {
        let floats: Vec<f32> =
            serde_json::from_value(answer["embeddings"]["float"][index].clone()).unwrap();
        let bytes: Vec<u8> = floats.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(floats.len(), 256);
        assert_eq!(answer["embeddings"]["base64"][index], base64::encode(&bytes));
        assert_eq!(answer["embeddings"]["int8"][index].as_array().unwrap().len(), 256);
    }
    let mut many = body.clone();
    many["texts"] = json!(vec!["a"; 97]);
    let mut untyped = body;
    untyped.as_object_mut().unwrap().remove("input_type");
    for wrong in [many, untyped] {
        assert_eq!(ask(&simulator, "embed", &wrong).await.status, 400);
    }
    let charges = charges(&simulator).await;
    assert_eq!((charges.prompt_tokens, charges.answered, charges.failed), (3, 1, 2));
}

#[tokio::test]
async fn reranking_is_billed_by_the_hundred_documents() {
    let simulator = SimulatorProcess::start().await;
    let mut documents = vec!["water"; 100];
    documents.push("a red house");
    let body =
        json!({ "model": "rerank-v3.5", "query": "red house", "documents": documents, "top_n": 2 });
    let answer = ask(&simulator, "rerank", &body).await.json();

    assert_eq!(answer["results"][0]["index"], 100);
    let scores = [&answer["results"][0], &answer["results"][1]]
        .map(|result| result["relevance_score"].as_f64().unwrap());
    assert!(scores[1] < scores[0] && answer["results"].as_array().unwrap().len() == 2, "{answer}");
    assert_eq!(answer["meta"]["billed_units"]["search_units"], 2.0);
    assert_eq!(charges(&simulator).await.search_units, 2);
}

#[tokio::test]
async fn wrong_requests_are_refused_in_coheres_shape() {
    let simulator = SimulatorProcess::start_with_keys(&[KEY]).await;
    let refusals = [
        (json!({ "temperature": 1.5 }), "temperature"),
        (json!({ "top_p": 0.5 }), "unknown field"),
        (
            json!({ "messages": [{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "x" }] }),
            "last message",
        ),
        (json!({ "model": "command-a--tokns=3" }), "tokns=3"),
    ];
    for (fields, words) in refusals {
        let mut body = chat("command-a");
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = ask(&simulator, "chat", &body).await;
        let error = answer.json();
        assert_eq!(answer.status, 400, "{fields}");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert!(error["id"].is_string() && error.get("error").is_none(), "{error}");
    }
    let statuses = [
        ("status=401", 401),
        ("status=422", 422),
        ("status=498", 498),
        ("status=499", 499),
        ("status=503", 503),
        ("rate_limit=7", 429),
        ("error=1", 500),
    ];
    for (directive, status) in statuses {
        let headers = [("x-simulate", directive)];
        let answer =
            post_json_with(&url(&simulator, "chat"), KEY, &headers, &chat("command-a")).await;
        assert_eq!(answer.status, status, "{directive}");
        assert_eq!(answer.header("retry-after"), (directive == "rate_limit=7").then_some("7"));
    }
    assert_eq!(post_json(&url(&simulator, "chat"), "other", &chat("command-a")).await.status, 401);
    assert_eq!(
        http::send(Method::POST, &url(&simulator, "chat"), &[("x-api-key", KEY)], vec![])
            .await
            .status,
        401
    );
    assert_eq!(ask(&simulator, "generate", &chat("command-a")).await.status, 404);
}

fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] })
}

fn tools() -> Value {
    let tool = |name: &str, properties: Value| {
        let parameters = json!({ "type": "object", "properties": properties });
        json!({ "type": "function", "function": { "name": name, "parameters": parameters } })
    };
    json!([tool("weather", json!({ "größe": { "type": "integer" } })), tool("now", json!({}))])
}

fn url(simulator: &SimulatorProcess, path: &str) -> String {
    format!("{}/cohere/v2/{path}", simulator.url())
}

async fn ask(simulator: &SimulatorProcess, path: &str, body: &Value) -> Answer {
    post_json(&url(simulator, path), KEY, body).await
}

fn text(event: &Event) -> Option<String> {
    event.json()["delta"]["message"]["content"]["text"]
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// The answer that a stream tells, in the shape of a plain one.
fn aggregate(events: &[Event]) -> Value {
    let mut message = json!({ "role": "assistant" });
    let (mut content, mut calls) = (Vec::<Value>::new(), Vec::<Value>::new());
    let append = |to: &mut Value, more: &Value| {
        *to = json!(format!("{}{}", to.as_str().unwrap_or(""), more.as_str().expect("a text")))
    };
    for event in events.iter().map(Event::json) {
        let (delta, index) =
            (&event["delta"]["message"], event["index"].as_u64().unwrap_or(0) as usize);
        match event["type"].as_str().expect("a type") {
            "message-start" => assert_eq!(delta["role"], "assistant"),
            "content-start" => {
                assert_eq!(index, content.len());
                content.push(delta["content"].clone());
            }
            "content-delta" => {
                let kind = content[index]["type"].as_str().expect("a type").to_owned();
                append(&mut content[index][&kind], &delta["content"][&kind]);
            }
            "tool-plan-delta" => append(&mut message["tool_plan"], &delta["tool_plan"]),
            "tool-call-start" => {
                assert_eq!(index, calls.len());
                calls.push(delta["tool_calls"].clone());
            }
            "tool-call-delta" => {
                let more = &delta["tool_calls"]["function"]["arguments"];
                append(&mut calls[index]["function"]["arguments"], more);
            }
            "content-end" => assert_eq!(index + 1, content.len()),
            "tool-call-end" => assert_eq!(index + 1, calls.len()),
            "message-end" => {
                if !content.is_empty() {
                    message["content"] = json!(content);
                }
                if !calls.is_empty() {
                    message["tool_calls"] = json!(calls);
                }
                let (reason, usage) = (&event["delta"]["finish_reason"], &event["delta"]["usage"]);
                return json!({ "message": message, "finish_reason": reason, "usage": usage });
            }
            other => panic!("{other}"),
        }
    }
    panic!("the stream has no end: {events:?}");
}

/// Ids differ from answer to answer. A call without arguments says so in two ways.
fn without_ids(message: &Value) -> Value {
    let mut message = message.clone();
    for call in message["tool_calls"].as_array_mut().into_iter().flatten() {
        assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()));
        call["id"] = Value::Null;
        let arguments = &mut call["function"]["arguments"];
        if arguments == "null" {
            *arguments = json!("");
        }
    }
    message
}

async fn charges(simulator: &SimulatorProcess) -> Charges {
    simulator.until_idle(SOON).await;
    simulator.bill().await.total
}
