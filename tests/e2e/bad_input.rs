//! What is wrong is refused in the API's own shape, costs nothing, reaches no provider, and harms nobody else.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::http::{self, Answer, JSON_TYPE};
use tollgate_tests::raw_socket::{self, RawEnd, RawSocket};

use crate::stand::{KEY, SOON, Stand, chat, refusal, refused, with};

const WORLD: &str = r#"
[models."alpha/sim-large"]
[tenants.acme.api_keys.narrow]
secret = "tgk_a_narrow_key_0001"
models = ["beta/*"]
[tenants.acme.api_keys.old]
secret = "tgk_an_expired_key_01"
expires = 2020-01-01T00:00:00Z
"#;
const NARROW_KEY: &str = "tgk_a_narrow_key_0001";
const EXPIRED_KEY: &str = "tgk_an_expired_key_01";
const MAX_BODY: usize = 64 * 1024;
/// Refusals come at once; a connection that is still open then was not closed.
pub const AT_ONCE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_missing_wrong_or_expired_key_is_unauthenticated() {
    let stand = start().await;
    let (bearer, expired) = (format!("Bearer {KEY}"), format!("Bearer {EXPIRED_KEY}"));
    let almost = format!("Bearer {}", &KEY[..KEY.len() - 1]);
    let longer = format!("Bearer {KEY}0");
    let basic = format!("Basic {KEY}");
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[], "missing_api_key"),
        (&[("authorization", "Bearer ")], "invalid_api_key"),
        (&[("authorization", &almost)], "invalid_api_key"),
        (&[("authorization", &longer)], "invalid_api_key"),
        (&[("authorization", &bearer.to_uppercase())], "invalid_api_key"),
        (&[("authorization", &basic)], "invalid_api_key"),
        (&[("authorization", KEY)], "invalid_api_key"),
        (&[("x-api-key", "' or 1=1 --")], "invalid_api_key"),
        (&[("x-goog-api-key", "sk-alpha")], "invalid_api_key"),
        (&[("cookie", &bearer)], "missing_api_key"),
        (&[("authorization", &expired)], "expired_api_key"),
    ];
    for (headers, code) in cases {
        let asked = [
            (Method::POST, "/v1/chat/completions", chat("alpha/sim-large").to_string()),
            (
                Method::POST,
                "/v1/embeddings",
                json!({ "model": "alpha/e", "input": "x" }).to_string(),
            ),
            (Method::GET, "/v1/models", String::new()),
            (Method::GET, "/v1/models/alpha/sim-large", String::new()),
        ];
        for (method, path, body) in asked {
            let headers = [headers, &[JSON_TYPE]].concat();
            let answer = http::send(method, &stand.url(path), &headers, body.into_bytes()).await;
            assert_eq!(refusal(&answer), refused(401, code), "{path} {headers:?}");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            assert!(!answer.text().contains("tgk_"), "{}", answer.text());
        }
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn several_keys_that_differ_are_refused() {
    let stand = start().await;
    let bearer = format!("Bearer {KEY}");
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("", &[("authorization", &bearer), ("x-api-key", NARROW_KEY)]),
        ("", &[("x-api-key", KEY), ("api-key", "another")]),
        ("?key=tgk_a_narrow_key_0001", &[("authorization", &bearer)]),
        ("", &[("x-api-key", KEY), ("x-api-key", NARROW_KEY)]),
    ];
    for (query, headers) in cases {
        let url = stand.url(&format!("/v1/chat/completions{query}"));
        let headers = [headers, &[JSON_TYPE]].concat();
        let body = chat("alpha/sim-large").to_string().into_bytes();
        let answer = http::send(Method::POST, &url, &headers, body).await;
        assert_eq!(refusal(&answer), refused(400, "ambiguous_api_key"), "{query} {headers:?}");
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn unknown_and_forbidden_models_are_told_apart() {
    let stand = start().await;
    let url = stand.url("/v1/chat/completions");
    let cases = [
        (KEY, "no-such-model", 404, "model_not_found"),
        (KEY, "nobody/sim-large", 404, "model_not_found"),
        (KEY, "alpha/", 404, "model_not_found"),
        (KEY, "/sim-large", 404, "model_not_found"),
        (NARROW_KEY, "alpha/sim-large", 403, "model_not_allowed"),
        (NARROW_KEY, "sim-large", 403, "model_not_allowed"),
        (NARROW_KEY, "no-such-model", 404, "model_not_found"),
    ];
    for (key, model, status, code) in cases {
        let answer = http::post_json(&url, key, &chat(model)).await;
        assert_eq!(refusal(&answer), refused(status, code), "{model}");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let stand = start().await;
    let deep = |open: &str, close: &str| {
        let start =
            r#"{"model":"alpha/sim-large","messages":[{"role":"user","content":"hi"}],"x":"#;
        format!("{start}{}1{}}}", open.repeat(5_000), close.repeat(5_000)).into_bytes()
    };
    let in_place = br#"{"model":"alpha/sim-large","messages":[{"role":"user","content":"XX"}]}"#;
    let replaced = |bytes: [u8; 2]| {
        let mut body = in_place.to_vec();
        let at = body.windows(2).position(|two| two == b"XX").unwrap();
        body[at..at + 2].copy_from_slice(&bytes);
        body
    };
    let valid = chat("alpha/sim-large").to_string();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("blank", b"  \n".to_vec()),
        ("cut short", valid.as_bytes()[..valid.len() - 1].to_vec()),
        ("something behind", format!("{valid}{valid}").into_bytes()),
        ("a comma too many", b"{\"model\":\"alpha/sim-large\",}".to_vec()),
        ("a list", format!("[{valid}]").into_bytes()),
        ("a string", b"\"alpha/sim-large\"".to_vec()),
        ("null", b"null".to_vec()),
        ("a form", b"model=alpha/sim-large&stream=true".to_vec()),
        ("deep lists", deep("[", "]")),
        ("deep objects", deep("{\"a\":", "}")),
        ("depth without an end", b"[".repeat(5_000)),
        ("not UTF-8", replaced([0xff, 0xfe])),
        ("an overlong zero", replaced([0xc0, 0x80])),
        ("a bare control character", replaced([0x00, b'x'])),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    for (what, body) in cases {
        let answer = stand.chat_raw(&body).await;
        assert_eq!(answer.status, 400, "{what} {}", answer.text());
        let (_, code) = refusal(&answer);
        assert!(code == "invalid_json" || code == "invalid_value", "{what} {code}");
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let stand = start().await;
    let missing = "missing_required_parameter";
    let (wrong_type, wrong_value) = ("invalid_type", "invalid_value");
    let cases = [
        (json!({ "model": null }), "model", wrong_type),
        (json!({ "model": 7 }), "model", wrong_type),
        (json!({ "model": ["alpha/sim-large"] }), "model", wrong_type),
        (json!({ "model": "" }), "model", wrong_value),
        (json!({ "model": "m".repeat(600) }), "model", wrong_value),
        (json!({ "messages": [] }), "messages", missing),
        (json!({ "messages": "hi" }), "messages", wrong_type),
        (json!({ "messages": { "role": "user", "content": "hi" } }), "messages", wrong_type),
        (json!({ "messages": null }), "messages", missing),
        (json!({ "stream": "yes" }), "stream", wrong_type),
        (json!({ "stream": 1 }), "stream", wrong_type),
        (json!({ "stream_options": { "include_usage": true } }), "stream_options", wrong_value),
        (json!({ "stream": true, "stream_options": 1 }), "stream_options", wrong_type),
        (json!({ "max_tokens": -1 }), "max_tokens", wrong_value),
        (json!({ "max_tokens": 0 }), "max_tokens", wrong_value),
        (json!({ "max_tokens": 1.5 }), "max_tokens", wrong_value),
        (json!({ "max_tokens": "9" }), "max_tokens", wrong_value),
        (json!({ "max_completion_tokens": 1e308 }), "max_completion_tokens", wrong_value),
        (json!({ "max_tokens": u64::MAX }), "max_tokens", wrong_value),
        (json!({ "n": 0 }), "n", wrong_value),
        (json!({ "n": 1_000_000_000 }), "n", wrong_value),
        (json!({ "n": -1 }), "n", wrong_value),
        (json!({ "user": 7 }), "user", wrong_type),
    ];
    let mut misnamed = Vec::new();
    for (members, param, code) in cases {
        let answer = stand.chat(&with(chat("alpha/sim-large"), members.clone())).await;
        let error = &answer.json()["error"];
        if (answer.status, &error["param"], &error["code"]) != (400, &json!(param), &json!(code)) {
            misnamed.push(format!("{members}: {} {error}", answer.status));
        }
    }
    assert!(misnamed.is_empty(), "{misnamed:#?}");
    for (absent, rest) in [
        ("model", json!({ "messages": [{ "role": "user", "content": "hi" }] })),
        ("messages", json!({ "model": "alpha/sim-large" })),
    ] {
        let answer = stand.chat(&rest).await;
        assert_eq!(refusal(&answer), refused(400, missing));
        assert_eq!(answer.json()["error"]["param"], absent);
    }
    let embeddings = stand.url("/v1/embeddings");
    for (body, param) in [
        (json!({ "model": "alpha/e" }), "input"),
        (json!({ "model": "alpha/e", "input": "" }), "input"),
        (json!({ "model": "alpha/e", "input": [] }), "input"),
        (json!({ "model": "alpha/e", "input": 7 }), "input"),
    ] {
        let answer = http::post_json(&embeddings, KEY, &body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["param"]),
            (400, &json!(param)),
            "{body}"
        );
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn a_member_that_is_given_twice_is_refused() {
    let stand = start().await;
    let twice = br#"{"model":"beta/sim-large","messages":[{"role":"user","content":"hi"}],"model":"alpha/sim-large"}"#;
    let answer = stand.chat_raw(twice).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("model"), "{}", answer.text());
    unharmed(&stand).await;
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_it_is_announced_or_not() {
    let stand = start().await;
    let body = |length: usize| {
        let empty = chat("alpha/sim-large").to_string().replace("hi", "");
        let body = chat("alpha/sim-large").to_string();
        body.replace("hi", &"x".repeat(length - empty.len()))
    };
    assert_eq!(body(MAX_BODY).len(), MAX_BODY);
    assert_eq!(stand.chat_raw(body(MAX_BODY).as_bytes()).await.status, 200);
    let before = stand.simulator.requests().await.len();

    let answer = stand.chat_raw(body(MAX_BODY + 1).as_bytes()).await;
    assert_eq!(refusal(&answer), refused(413, "request_too_large"));

    // Announced and never sent: the answer does not wait for it.
    let head = head(&stand, &format!("content-length: {}\r\n", 1_u64 << 40));
    let answer = raw_socket::exchange(stand.gateway.address(), head.as_bytes(), SOON).await;
    assert!(answer.text().starts_with("HTTP/1.1 413 "), "{}", answer.text());
    assert_eq!(answer.end, RawEnd::Closed);

    // Not announced: chunks until it is too much.
    let mut socket = RawSocket::connect(stand.gateway.address()).await;
    let mut bytes = self::head(&stand, "transfer-encoding: chunked\r\n").into_bytes();
    for piece in body(MAX_BODY + 1).as_bytes().chunks(1_000) {
        bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
        bytes.extend(piece);
        bytes.extend(b"\r\n");
    }
    socket.write(&bytes).await;
    let answer = socket.read_until_end(AT_ONCE).await;
    assert!(answer.text().starts_with("HTTP/1.1 413 "), "{}", answer.text());
    assert!(answer.text().contains("request_too_large"), "{}", answer.text());
    assert_ne!(answer.end, RawEnd::Timeout, "the connection stays open");

    assert_eq!(stand.simulator.requests().await.len(), before);
    assert_eq!(stand.chat(&chat("alpha/sim-large")).await.status, 200);
}

#[tokio::test]
async fn a_chunked_body_is_as_good_as_any() {
    let stand = start().await;
    let body = chat("alpha/sim-large").to_string();
    let (first, second) = body.split_at(20);
    let mut bytes = head(&stand, "transfer-encoding: chunked\r\nconnection: close\r\n");
    for piece in [first, second] {
        bytes += &format!("{:x}\r\n{piece}\r\n", piece.len());
    }
    bytes += "0\r\n\r\n";
    let answer = raw_socket::exchange(stand.gateway.address(), bytes.as_bytes(), AT_ONCE).await;
    assert!(answer.text().starts_with("HTTP/1.1 200 "), "{}", answer.text());
    assert_eq!(stand.simulator.requests().await[0].body, body.replace("alpha/", ""));
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let stand = start().await;
    for encoding in ["gzip", "br", "deflate", "identity, gzip"] {
        let answer =
            stand.chat_with(&[("content-encoding", encoding)], &chat("alpha/sim-large")).await;
        assert_eq!(refusal(&answer), refused(415, "unsupported_content_encoding"), "{encoding}");
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn wrong_methods_and_paths_are_refused() {
    let stand = start().await;
    let bearer = format!("Bearer {KEY}");
    let send = async |method: Method, path: &str| -> Answer {
        let body = chat("alpha/sim-large").to_string().into_bytes();
        let headers = [("authorization", bearer.as_str()), JSON_TYPE];
        http::send(method, &stand.url(path), &headers, body).await
    };
    for (method, path) in [
        (Method::GET, "/v1/chat/completions"),
        (Method::PUT, "/v1/chat/completions"),
        (Method::DELETE, "/v1/embeddings"),
        (Method::POST, "/v1/models"),
        (Method::PATCH, "/v1/models/alpha/sim-large"),
    ] {
        let answer = send(method.clone(), path).await;
        assert_eq!(refusal(&answer), refused(405, "method_not_allowed"), "{method} {path}");
    }
    for path in [
        "/",
        "/chat/completions",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1//chat/completions",
        "//v1/chat/completions",
        "/v1/chat/completions/",
        "/v1/chat%2Fcompletions",
        "/v1/x/../chat/completions",
        "/v1/chat/completions;x=1",
        "/V1/chat/completions",
        "/metrics",
        "/healthz",
        "/readyz",
        "/simulator/bill",
    ] {
        assert_eq!(
            refusal(&send(Method::POST, path).await),
            refused(404, "unknown_path"),
            "{path}"
        );
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn a_header_of_ours_that_makes_no_sense_is_refused_by_name() {
    let stand = start().await;
    let many: serde_json::Map<_, _> = (0..17).map(|n| (format!("k{n}"), json!("v"))).collect();
    let many = Value::Object(many).to_string();
    let long = json!({ "k": "v".repeat(513) }).to_string();
    let cases = [
        ("x-tollgate-metadata", "not json"),
        ("x-tollgate-metadata", "[]"),
        ("x-tollgate-metadata", "{\"k\":1}"),
        ("x-tollgate-metadata", "{\"k\":{\"a\":\"b\"}}"),
        ("x-tollgate-metadata", ""),
        ("x-tollgate-metadata", &many),
        ("x-tollgate-metadata", &long),
        ("x-tollgate-timeout", "soon"),
        ("x-tollgate-timeout", "-1s"),
        ("x-tollgate-timeout", "0s"),
        ("x-tollgate-timeout", "1h30m"),
        ("x-tollgate-timeout", ""),
        ("x-tollgate-timeout", "99999999999999999999s"),
    ];
    for (name, value) in cases {
        let answer = stand.chat_with(&[(name, value)], &chat("alpha/sim-large")).await;
        assert_eq!(answer.status, 400, "{name}: {value}");
        assert!(answer.text().contains(name), "{name}: {value} {}", answer.text());
        refusal(&answer);
    }
    unharmed(&stand).await;
}

#[tokio::test]
async fn the_body_never_chooses_the_host_or_the_key() {
    let stand = start().await;
    let elsewhere = "http://127.0.0.1:9/v1";
    let members = json!({
        "api_base": elsewhere, "base_url": elsewhere, "api_key": "sk-mine", "organization": "x",
        "extra_headers": { "authorization": "Bearer sk-mine" }, "extra_query": { "a": "b" },
        "custom_llm_provider": "beta", "user_config": { "model_list": [{ "api_base": elsewhere }] },
        "provider": "beta", "timeout": 0, "proxy": elsewhere, "fallbacks": ["beta/sim-large"],
    });
    let answer = stand.chat(&with(chat("alpha/sim-large"), members)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-model"), Some("alpha/sim-large"));
    let requests = stand.simulator.requests().await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/alpha/v1/chat/completions");

    for (name, value) in [("x-forwarded-host", "evil.example"), ("x-original-url", "/v1/models")] {
        let answer = stand.chat_with(&[(name, value)], &chat("alpha/sim-large")).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    assert!(stand.asked().await.iter().all(|provider| provider == "alpha"));
}

#[tokio::test]
async fn a_model_name_is_no_path() {
    let stand = start().await;
    for model in
        ["alpha/../beta/v1/x", "alpha/x?y=z#f", "alpha/http://127.0.0.1:9/", "alpha/a b\r\nx: y"]
    {
        let answer = stand.chat(&chat(model)).await;
        assert_eq!(answer.status, 200, "{model:?} {}", answer.text());
    }
    for request in stand.simulator.requests().await {
        assert_eq!(request.path, "/alpha/v1/chat/completions");
    }
}

pub async fn start() -> Stand {
    Stand::start_with("max_body = \"64KiB\"", WORLD).await
}

/// No provider was asked, and a good request is served.
pub async fn unharmed(stand: &Stand) {
    let requests = stand.simulator.requests().await;
    assert!(requests.is_empty(), "{requests:#?}");
    let answer = stand.chat(&chat("alpha/sim-large")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The head of a chat request with further headers.
pub fn head(stand: &Stand, further: &str) -> String {
    let address = stand.gateway.address();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\n{further}\r\n"
    )
}
