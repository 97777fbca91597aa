//! The simulator as Amazon Bedrock: other tests trust what is checked here.

use std::time::Duration;

use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tollgate_tests::amazon_frames::{self, Frame};
use tollgate_tests::http::{self, Answer, JSON_TYPE, post_json, post_json_with};
use tollgate_tests::raw_socket::{self, RawEnd};
use tollgate_tests::simulator::bedrock::signature::{self, ACCESS_KEY_ID, Signed};
use tollgate_tests::simulator::bill::Charges;
use tollgate_tests::simulator_process::SimulatorProcess;

const KEY: &str = "bedrock-simulated";
const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1%3A0";
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_plain_answer_is_complete_and_billed_by_the_bucket() {
    let simulator = SimulatorProcess::start().await;
    let model = format!(
        "{SONNET}--tokens=4--cached=3--cache_read=90--cache_write=5--cache_write_1h=2--thinking=2"
    );
    let answer = ask(&simulator, &model, "converse", &hi()).await;

    assert_eq!(answer.status, 200);
    assert!(answer.header("x-amzn-requestid").is_some());
    let body = answer.json();
    let content = &body["output"]["message"]["content"];
    assert_eq!(content[0]["reasoningContent"]["reasoningText"]["text"], "life over");
    assert_eq!(content[1], json!({ "text": "the river and house" }));
    assert_eq!(
        (&body["stopReason"], body["metrics"]["latencyMs"].is_u64()),
        (&json!("end_turn"), true)
    );
    let usage = json!({
        "inputTokens": 4,
        "outputTokens": 6,
        "totalTokens": 110,
        "cacheReadInputTokens": 93,
        "cacheWriteInputTokens": 7,
        "cacheDetails": [{ "ttl": "5m", "inputTokens": 5 }, { "ttl": "1h", "inputTokens": 2 }],
    });
    assert_eq!(body["usage"], usage);
    let bill = simulator.bill().await;
    let charges = bill.providers["aws"]["anthropic.claude-sonnet-4-5-20250929-v1:0"];
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
async fn streams_say_what_plain_answers_say() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("--tokens=3", json!({})),
        ("--tokens=3--split--unicode", json!({})),
        ("--tokens=3--split=11--thinking=2--redacted_thinking=3", json!({})),
        ("--tokens=3--thinking=2--omitted_thinking", json!({})),
        ("--tools=2--preamble=2", json!({ "toolConfig": { "tools": tools() } })),
        ("", json!({ "toolConfig": { "tools": tools(), "toolChoice": { "any": {} } } })),
        (
            "",
            json!({ "toolConfig": { "tools": tools(), "toolChoice": { "tool": { "name": "now" } } } }),
        ),
        (
            "",
            json!({ "inferenceConfig": { "stopSequences": ["and"] }, "additionalModelResponseFieldPaths": ["/stop_sequence"] }),
        ),
        (
            "--stop=guardrail_intervened--head_first--first_byte=30",
            json!({ "inferenceConfig": { "maxTokens": 2 } }),
        ),
    ];
    for (directives, fields) in cases {
        let (model, mut body) = (format!("{SONNET}{directives}"), hi());
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let plain = ask(&simulator, &model, "converse", &body).await.json();
        let answer = ask(&simulator, &model, "converse-stream", &body).await;

        assert_eq!(answer.header("content-type"), Some("application/vnd.amazon.eventstream"));
        let streamed = aggregate(&frames(&answer));
        let content = &plain["output"]["message"]["content"];
        assert_eq!(without_ids(&streamed["content"]), without_ids(content), "{directives}");
        for field in ["stopReason", "usage", "additionalModelResponseFields"] {
            assert_eq!(streamed[field], plain[field], "{directives} {field}");
        }
    }
    let mut stopped = hi();
    stopped["inferenceConfig"] = json!({ "stopSequences": ["and"] });
    stopped["additionalModelResponseFieldPaths"] = json!(["/stop_sequence"]);
    let stopped = ask(&simulator, SONNET, "converse", &stopped).await.json();
    assert_eq!(
        (&stopped["stopReason"], &stopped["additionalModelResponseFields"]),
        (&json!("stop_sequence"), &json!({ "stop_sequence": "and" }))
    );
    simulator.until_idle(SOON).await;
    let total = simulator.bill().await.total;
    assert_eq!((total.requests, total.answered), (19, 19));
}

#[tokio::test]
async fn thinking_goes_back_as_it_came() {
    let simulator = SimulatorProcess::start().await;
    let mut body = hi();
    body["toolConfig"] = json!({ "tools": tools() });
    body["inferenceConfig"] = json!({ "maxTokens": 2000 });
    body["additionalModelRequestFields"] =
        json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } });
    let model = format!("{SONNET}--tools=2--thinking=3--redacted_thinking=4");
    let answer = ask(&simulator, &model, "converse", &body).await.json();
    let blocks = answer["output"]["message"]["content"].as_array().unwrap().clone();
    let results: Vec<_> = blocks
        .iter()
        .filter_map(|block| block["toolUse"]["toolUseId"].as_str())
        .map(|id| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": "42" }] } }))
        .collect();
    let mut altered = blocks.clone();
    altered[0]["reasoningContent"]["reasoningText"]["text"] = json!("another thought");
    let cases = [
        (blocks.clone(), 200, ""),
        (altered, 400, "Invalid `signature`"),
        (blocks[1..].to_vec(), 400, "cannot be modified"),
        (blocks[2..].to_vec(), 400, "but found `tool_use`"),
    ];
    for (blocks, status, words) in cases {
        body["messages"] = json!([
            { "role": "user", "content": [{ "text": "hi" }] },
            { "role": "assistant", "content": blocks },
            { "role": "user", "content": results },
        ]);
        let answer = ask(&simulator, SONNET, "converse", &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_request_is_signed_for_the_path_that_it_is_sent_to() {
    let simulator = SimulatorProcess::start_with_keys(&[KEY]).await;
    let path = format!("/aws/model/{SONNET}/converse");
    let arn = "/aws/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse";
    let minutes = SignedDuration::from_mins;
    let cases = [
        (path.as_str(), path.as_str(), minutes(0), ACCESS_KEY_ID, 200, ""),
        (arn, arn, minutes(0), ACCESS_KEY_ID, 200, ""),
        (&path, &path, minutes(4), ACCESS_KEY_ID, 200, ""),
        (&path, &path, minutes(-6), ACCESS_KEY_ID, 403, "InvalidSignatureException"),
        (&path, &path, minutes(6), ACCESS_KEY_ID, 403, "InvalidSignatureException"),
        (
            &path,
            "/model/other/converse",
            minutes(0),
            ACCESS_KEY_ID,
            403,
            "InvalidSignatureException",
        ),
        (&path, &path, minutes(0), "AKIDOTHER", 403, "UnrecognizedClientException"),
    ];
    for (path, signed_path, skew, access_key_id, status, name) in cases {
        let answer = signed(&simulator, path, signed_path, skew, access_key_id).await;
        assert_eq!(answer.status, status, "{path} {skew} {}", answer.text());
        let found = answer.header("x-amzn-errortype").unwrap_or("");
        assert_eq!(found.split(':').next(), Some(name), "{path} {skew}");
    }
    let url = format!("{}{path}", simulator.url());
    for (headers, status) in [
        (vec![("authorization", "Bearer bedrock-simulated")], 200),
        (vec![("authorization", "Bearer other")], 403),
        (vec![("x-api-key", KEY)], 403),
    ] {
        let answer = http::send(Method::POST, &url, &headers, hi().to_string().into_bytes()).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn wrong_requests_are_refused_as_bedrock_does() {
    let simulator = SimulatorProcess::start().await;
    let user = |text: &str| json!({ "role": "user", "content": [{ "text": text }] });
    let assistant = |block: Value| json!({ "role": "assistant", "content": [block] });
    let call = json!({ "toolUse": { "toolUseId": "t1", "name": "now", "input": {} } });
    let result = json!({ "toolResult": { "toolUseId": "t1", "content": [{ "text": "42" }] } });
    let tools = json!({ "tools": tools() });
    let late = json!({ "role": "user", "content": [{ "text": "so" }, result] });
    let answered = json!({ "role": "user", "content": [result, { "text": "so" }] });
    let image = json!({ "role": "user", "content": [{ "image": { "format": "png", "source": { "url": "https://x/y.png" } } }] });
    let document = json!({ "role": "user", "content": [{ "document": { "format": "txt", "name": "a", "source": { "text": "x" } } }] });
    let cases = [
        (
            json!({ "messages": [assistant(json!({ "text": "hi" }))] }),
            "must start with a user message",
        ),
        (json!({ "messages": [user("hi"), user("you")] }), "must alternate"),
        (json!({ "messages": [user(" ")] }), "is blank"),
        (json!({ "messages": [image] }), "url"),
        (json!({ "messages": [document] }), "text block is required"),
        (
            json!({ "messages": [user("hi"), assistant(call.clone()), answered], "toolConfig": tools }),
            "",
        ),
        (
            json!({ "messages": [user("hi"), assistant(call.clone()), answered] }),
            "toolConfig field must be defined",
        ),
        (
            json!({ "messages": [user("hi"), assistant(call.clone()), late], "toolConfig": tools }),
            "come first",
        ),
        (
            json!({ "messages": [user("hi"), assistant(call.clone()), user("so")], "toolConfig": tools }),
            "Expected toolResult blocks",
        ),
        (
            json!({ "messages": [answered], "toolConfig": tools }),
            "exceeds the number of toolUse blocks",
        ),
        (json!({ "toolConfig": { "tools": [] } }), "length"),
        (
            json!({ "toolConfig": { "tools": tools["tools"], "toolChoice": { "none": {} } } }),
            "none",
        ),
        (json!({ "inferenceConfig": { "temperature": 1.5 } }), "temperature"),
        (
            json!({ "inferenceConfig": { "temperature": 0.5, "topP": 0.5 } }),
            "cannot both be specified",
        ),
        (json!({ "inferenceConfig": { "topK": 5 } }), "topK"),
        (json!({ "additionalModelRequestFields": { "seed": 1 } }), "seed"),
        (json!({ "requestMetadata": { "team": "a;b" } }), "requestMetadata"),
        (json!({ "max_tokens": 5 }), "max_tokens"),
    ];
    for (fields, words) in cases {
        let mut body = hi();
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = ask(&simulator, SONNET, "converse", &body).await;
        if words.is_empty() {
            assert_eq!(answer.status, 200, "{fields} {}", answer.text());
            continue;
        }
        assert_eq!(answer.status, 400, "{fields}");
        assert!(answer.json()["message"].as_str().unwrap().contains(words), "{}", answer.text());
        assert!(answer.header("x-amzn-errortype").unwrap().starts_with("ValidationException:"));
    }
    let ended = json!({ "messages": [user("hi"), assistant(json!({ "text": "the" }))] });
    let newer = SONNET.replace("4-5", "4-6");
    for (model, status) in [(SONNET, 200), (newer.as_str(), 400)] {
        assert_eq!(ask(&simulator, model, "converse", &ended).await.status, status, "{model}");
    }
}

#[tokio::test]
async fn errors_have_amazons_names() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("status=403", 403, "AccessDeniedException"),
        ("status=404", 404, "ResourceNotFoundException"),
        ("status=408", 408, "ModelTimeoutException"),
        ("status=424", 424, "ModelErrorException"),
        ("status=503", 503, "ServiceUnavailableException"),
        ("rate_limit=9", 429, "ThrottlingException"),
        ("quota", 400, "ServiceQuotaExceededException"),
        ("context_length", 400, "ValidationException"),
        ("error=1", 424, "ModelStreamErrorException"),
    ];
    let url = format!("{}/model/{SONNET}/converse", simulator.url());
    for (directive, status, name) in cases {
        let answer = post_json_with(&url, KEY, &[("x-simulate", directive)], &hi()).await;
        assert_eq!(answer.status, status, "{directive}");
        assert!(answer.header("x-amzn-errortype").unwrap().starts_with(&format!("{name}:")));
        assert!(answer.json()["message"].is_string() && answer.header("retry-after").is_none());
    }
}

#[tokio::test]
async fn each_fault_shows_in_the_frames() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        ("reset=2", RawEnd::Reset),
        ("truncate=2", RawEnd::Closed),
        ("end=2", RawEnd::Timeout),
        ("half=2", RawEnd::Timeout),
        ("stall=2", RawEnd::Timeout),
    ];
    for (directive, end) in cases {
        let path = format!("/model/{SONNET}--tokens=5--{directive}/converse-stream");
        let request = raw_socket::post(simulator.address(), &path, KEY, &hi().to_string());
        let answer =
            raw_socket::exchange(simulator.address(), &request, Duration::from_millis(200)).await;
        let text = answer.text();
        assert_eq!(answer.end, end, "{directive}");
        assert!(!text.contains("messageStop"), "{directive}");
        let whole = text.matches("\"text\"").count();
        // Half of a frame ends before its payload says what it is.
        assert_eq!(whole, 2, "{directive} {text}");
        assert_eq!(
            text.matches("contentBlockDelta").count() > 2,
            directive == "half=2",
            "{directive}"
        );
        let over = directive.starts_with("end") || directive.starts_with("half");
        assert_eq!(text.ends_with("0\r\n\r\n"), over, "{directive}");
    }
    for (directives, name) in [
        ("", "modelStreamErrorException"),
        ("--error_type=throttlingException", "throttlingException"),
    ] {
        let model = format!("{SONNET}--tokens=5--error=2{directives}");
        let answer = ask(&simulator, &model, "converse-stream", &hi()).await;
        let frames = frames(&answer);
        let last = frames.last().unwrap();
        assert_eq!((answer.status, last.name(), last.is_exception()), (200, name, true));
        assert_eq!(last.payload.get("originalStatusCode").is_some(), directives.is_empty());
    }
    let garbled = ask(&simulator, &format!("{SONNET}--garbage=2"), "converse-stream", &hi()).await;
    assert!(amazon_frames::read(&garbled.body).is_err());
    simulator.until_idle(SOON).await;
    let total = simulator.bill().await.total;
    assert_eq!((total.failed, total.cancelled, total.answered), (7, 1, 0));
}

#[tokio::test]
async fn embeddings_of_titan_and_cohere_tell_their_tokens_in_a_header() {
    let simulator = SimulatorProcess::start().await;
    let cases = [
        (
            "amazon.titan-embed-text-v2%3A0",
            json!({ "inputText": "abcde", "dimensions": 256 }),
            "/embedding",
            256,
            2,
        ),
        (
            "cohere.embed-english-v3",
            json!({ "texts": ["abcde", "a"], "input_type": "search_query" }),
            "/embeddings/1",
            1_024,
            3,
        ),
        (
            "cohere.embed-v4%3A0",
            json!({ "texts": ["abcde"], "input_type": "search_query", "embedding_types": ["int8"], "output_dimension": 512 }),
            "/embeddings/int8/0",
            512,
            2,
        ),
    ];
    for (model, body, pointer, dimensions, tokens) in cases {
        simulator.clear_bill().await;
        let answer = ask(&simulator, model, "invoke", &body).await;
        let json = answer.json();
        let vector = json.pointer(pointer).and_then(Value::as_array);
        assert_eq!(vector.map(Vec::len), Some(dimensions), "{model} {}", answer.text());
        let told = answer.header("x-amzn-bedrock-input-token-count");
        assert_eq!(told, Some(tokens.to_string().as_str()), "{model}");
        simulator.until_idle(SOON).await;
        assert_eq!(simulator.bill().await.total.prompt_tokens, tokens, "{model}");
    }
    for body in [
        json!({ "inputText": "" }),
        json!({ "inputText": "a", "dimensions": 3 }),
        json!({ "texts": ["a"] }),
    ] {
        let answer = ask(&simulator, "amazon.titan-embed-text-v2%3A0", "invoke", &body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let unknown = ask(&simulator, "amazon.nova-lite", "invoke", &json!({ "inputText": "a" })).await;
    assert_eq!(unknown.status, 400);
}

fn hi() -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "hi" }] }] })
}

fn tools() -> Value {
    let tool = |name: &str, properties: Value| {
        let schema = json!({ "type": "object", "properties": properties });
        json!({ "toolSpec": { "name": name, "inputSchema": { "json": schema } } })
    };
    json!([tool("weather", json!({ "größe": { "type": "integer" } })), tool("now", json!({}))])
}

async fn ask(simulator: &SimulatorProcess, model: &str, operation: &str, body: &Value) -> Answer {
    let url = format!("{}/aws/model/{model}/{operation}", simulator.url());
    post_json(&url, KEY, body).await
}

/// Sends a request with a signature for one path to another.
async fn signed(
    simulator: &SimulatorProcess,
    path: &str,
    signed_path: &str,
    skew: SignedDuration,
    access_key_id: &str,
) -> Answer {
    let date = (Timestamp::now() + skew).strftime("%Y%m%dT%H%M%SZ").to_string();
    let body = hi().to_string();
    let mut headers = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).expect("a header's value");
    headers.insert(HOST, value(simulator.address()));
    headers.insert(HeaderName::from_static("x-amz-date"), value(&date));
    let scope = format!("{}/us-east-1/bedrock/aws4_request", &date[..8]);
    let request = Signed {
        method: "POST",
        path: signed_path,
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    let signature = signature::signature(request, &scope, &date, &["host", "x-amz-date"]);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    let headers = [JSON_TYPE, ("x-amz-date", &date), ("authorization", &authorization)];
    http::send(Method::POST, &format!("{}{path}", simulator.url()), &headers, body.into_bytes())
        .await
}

fn frames(answer: &Answer) -> Vec<Frame> {
    let (frames, left) = amazon_frames::read(&answer.body).expect("frames");
    assert_eq!(left, 0, "the last frame is whole");
    frames
}

/// The answer that frames tell, if they follow the grammar.
fn aggregate(frames: &[Frame]) -> Value {
    let (mut content, mut answer) = (Vec::<Value>::new(), json!({}));
    let names: Vec<&str> = frames.iter().map(Frame::name).collect();
    assert_eq!(names.first(), Some(&"messageStart"));
    assert_eq!(names[names.len() - 2..], ["messageStop", "metadata"]);
    let mut arguments = String::new();
    for frame in frames {
        let payload = &frame.payload;
        assert!(payload["p"].as_str().is_some_and(|padding| !padding.is_empty()), "{frame:?}");
        let index = payload["contentBlockIndex"].as_u64().unwrap_or(0) as usize;
        match frame.name() {
            "contentBlockStart" => {
                assert_eq!(index, content.len());
                content.push(payload["start"].clone());
                content[index]["toolUse"]["input"] = json!({});
            }
            "contentBlockDelta" => {
                let delta = &payload["delta"];
                if let Some(more) = delta["toolUse"]["input"].as_str() {
                    arguments += more;
                    continue;
                }
                if index == content.len() {
                    content.push(json!({}));
                }
                add(&mut content[index], delta);
            }
            "contentBlockStop" => {
                assert_eq!(index + 1, content.len());
                if !arguments.is_empty() {
                    content[index]["toolUse"]["input"] =
                        serde_json::from_str(&arguments).expect("JSON");
                    arguments.clear();
                }
            }
            "messageStop" | "metadata" => {
                for (name, value) in payload.as_object().into_iter().flatten() {
                    answer[name] = value.clone();
                }
            }
            name => assert_eq!(name, "messageStart"),
        }
    }
    answer["content"] = json!(content);
    answer
}

/// Adds a piece of text or of reasoning to a block.
fn add(block: &mut Value, delta: &Value) {
    let append = |to: &mut Value, more: &Value| {
        *to = json!(format!("{}{}", to.as_str().unwrap_or(""), more.as_str().expect("a text")));
    };
    let reasoning = &delta["reasoningContent"];
    if let Some(data) = reasoning.get("redactedContent") {
        block["reasoningContent"]["redactedContent"] = data.clone();
        return;
    }
    for field in ["text", "signature"] {
        if let Some(more) = reasoning.get(field) {
            let text = &mut block["reasoningContent"]["reasoningText"];
            append(&mut text["text"], &json!(""));
            append(&mut text[field], more);
        }
    }
    if let Some(more) = delta.get("text") {
        append(&mut block["text"], more);
    }
}

/// Each answer has ids and signatures of its own.
fn without_ids(content: &Value) -> Vec<Value> {
    let mut blocks = content.as_array().expect("a list of blocks").clone();
    for block in &mut blocks {
        for pointer in [
            "/toolUse/toolUseId",
            "/reasoningContent/reasoningText/signature",
            "/reasoningContent/redactedContent",
        ] {
            if let Some(id) = block.pointer_mut(pointer) {
                assert!(id.as_str().is_some_and(|id| !id.is_empty()));
                *id = Value::Null;
            }
        }
    }
    blocks
}
