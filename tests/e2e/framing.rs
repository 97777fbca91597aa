//! Requests whose bytes can be read in two ways are refused, and the connection is closed.

use tollgate_tests::raw_socket::{self, RawEnd, RawSocket};

use crate::bad_input::{AT_ONCE, head, start, unharmed};
use crate::stand::{SOON, chat};

#[tokio::test]
async fn ambiguous_framing_is_refused_and_the_connection_closed() {
    let stand = start().await;
    let body = chat("alpha/sim-large").to_string();
    let length = format!("content-length: {}\r\n", body.len());
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let (good, address) = (head(&stand, &length), stand.gateway.address());
    assert!(good.contains("\r\nhost: "));
    let cases: Vec<(&str, String)> = vec![
        ("bare LF everywhere", good.replace("\r\n", "\n") + &body),
        ("one bare LF", good.replacen("\r\ncontent-type", "\ncontent-type", 1) + &body),
        ("a bare CR", good.replacen("\r\ncontent-type", "\rcontent-type", 1) + &body),
        (
            "absolute form",
            good.replacen("POST /v1", &format!("POST http://{address}/v1"), 1) + &body,
        ),
        (
            "absolute form elsewhere",
            good.replacen("POST /v1", "POST http://evil.example/v1", 1) + &body,
        ),
        ("a Host with a space", good.replacen(address, "a@b c", 1) + &body),
        ("a Host with a user", good.replacen(address, "user@evil.example", 1) + &body),
        ("a Host with a path", good.replacen(address, "evil.example/x", 1) + &body),
        ("no Host", good.replacen(&format!("host: {address}\r\n"), "", 1) + &body),
        ("two Hosts", good.replacen("host: ", "host: evil.example\r\nhost: ", 1) + &body),
        ("an unknown method", good.replacen("POST", "FOO", 1) + &body),
        ("a method in lower case", good.replacen("POST", "post", 1) + &body),
        (
            "CONNECT",
            good.replacen("POST /v1/chat/completions", "CONNECT evil.example:443", 1) + &body,
        ),
        ("TRACE", good.replacen("POST", "TRACE", 1) + &body),
        (
            "an upgrade",
            head(&stand, &format!("{length}connection: upgrade\r\nupgrade: websocket\r\n")) + &body,
        ),
        ("identity", head(&stand, "transfer-encoding: identity\r\n") + &body),
        (
            "identity with a length",
            head(&stand, &format!("{length}transfer-encoding: identity\r\n")) + &body,
        ),
        (
            "both framings",
            head(&stand, &format!("{length}transfer-encoding: chunked\r\n")) + &chunked,
        ),
        (
            "both framings, the other way",
            head(&stand, &format!("transfer-encoding: chunked\r\n{length}")) + &chunked,
        ),
        ("two lengths", head(&stand, &format!("{length}content-length: 3\r\n")) + &body),
        ("the same length twice", head(&stand, &format!("{length}{length}")) + &body),
        (
            "a list of lengths",
            head(&stand, &format!("content-length: {0}, {0}\r\n", body.len())) + &body,
        ),
        (
            "a length with a sign",
            head(&stand, &format!("content-length: +{}\r\n", body.len())) + &body,
        ),
        (
            "a length in hex",
            head(&stand, &format!("content-length: 0x{:x}\r\n", body.len())) + &body,
        ),
        ("a negative length", head(&stand, "content-length: -1\r\n") + &body),
        ("a length above all", head(&stand, "content-length: 18446744073709551616\r\n") + &body),
        (
            "chunked twice",
            head(&stand, "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n") + &chunked,
        ),
        ("chunked and then gzip", head(&stand, "transfer-encoding: chunked, gzip\r\n") + &chunked),
        ("an odd chunked", head(&stand, "transfer-encoding: xchunked\r\n") + &chunked),
        ("chunked behind a tab", head(&stand, "transfer-encoding:\x0bchunked\r\n") + &chunked),
        ("a folded header", head(&stand, &format!("x-a: b\r\n c\r\n{length}")) + &body),
        ("a folded framing", head(&stand, "transfer-encoding:\r\n chunked\r\n") + &chunked),
        (
            "a space before the colon",
            head(&stand, &format!("content-length : {}\r\n", body.len())) + &body,
        ),
        ("a NUL in a value", head(&stand, &format!("x-a: b\0c\r\n{length}")) + &body),
        ("a NUL in a name", head(&stand, &format!("x-\0a: b\r\n{length}")) + &body),
        ("a NUL in the path", good.replacen("/v1/chat", "/v1\0/chat", 1) + &body),
        (
            "HTTP/1.0 with chunks",
            head(&stand, "transfer-encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1)
                + &chunked,
        ),
        ("HTTP/0.9", "GET /v1/models\r\n\r\n".to_owned()),
        ("HTTP/2 in clear text", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        (
            "a chunk size with a sign",
            head(&stand, "transfer-encoding: chunked\r\n") + "+5\r\n{\"a\":\r\n",
        ),
        (
            "a chunk size above all",
            head(&stand, "transfer-encoding: chunked\r\n") + "fffffffffffffffff\r\n{",
        ),
        (
            "a chunk without its end",
            head(&stand, "transfer-encoding: chunked\r\n") + "1\r\n{XX0\r\n\r\n",
        ),
        ("a TLS hello", "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03".to_owned()),
    ];
    let mut let_through = Vec::new();
    for (what, bytes) in cases {
        let answer = raw_socket::exchange(address, bytes.as_bytes(), AT_ONCE).await;
        let text = answer.text();
        let status = text.strip_prefix("HTTP/1.1 4").or(text.strip_prefix("HTTP/1.0 4"));
        // A connection that just closes is a refusal too.
        let said = status.is_some() || text.is_empty();
        let one = text.lines().filter(|line| line.starts_with("HTTP/1.")).count() <= 1;
        if !(said && one && answer.end != RawEnd::Timeout) {
            let line = text.lines().next().unwrap_or_default().to_owned();
            let_through.push(format!("{what}: {line} {:?}", answer.end));
        }
    }
    assert!(let_through.is_empty(), "{let_through:#?}");
    unharmed(&stand).await;
}

#[tokio::test]
async fn an_offer_of_h2c_is_ignored() {
    let stand = start().await;
    let body = chat("alpha/sim-large").to_string();
    // As Java's client sends it with its first request in clear text.
    let offer = format!(
        "content-length: {}\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
        body.len()
    );
    let bytes = head(&stand, &offer) + &body;
    let enough = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("\"usage\"");
    let mut socket = RawSocket::connect(stand.gateway.address()).await;
    socket.write(bytes.as_bytes()).await;
    let answer = socket.read_until(SOON, enough).await;
    assert!(answer.text().starts_with("HTTP/1.1 200 "), "{}", answer.text());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let stand = start().await;
    let many = (0..200).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let long = format!("x-a: {}\r\n", "y".repeat(64 * 1024));
    for further in [many, long] {
        let bytes = head(&stand, &further);
        let answer = raw_socket::exchange(stand.gateway.address(), bytes.as_bytes(), AT_ONCE).await;
        assert!(answer.text().starts_with("HTTP/1.1 4"), "{}", answer.text());
        assert_ne!(answer.end, RawEnd::Timeout);
    }
    let bytes = head(&stand, "").replacen("/v1/", &format!("/v1/{}", "x".repeat(64 * 1024)), 1);
    let answer = raw_socket::exchange(stand.gateway.address(), bytes.as_bytes(), AT_ONCE).await;
    assert!(answer.text().starts_with("HTTP/1.1 4"), "{}", answer.text());
    unharmed(&stand).await;
}

#[tokio::test]
async fn pipelined_requests_each_get_their_own_answer() {
    let stand = start().await;
    let request = |model: &str| {
        let body = chat(model).to_string();
        head(&stand, &format!("content-length: {}\r\n", body.len())) + &body
    };
    let both = request("alpha/first--first_byte=100") + &request("alpha/second--tokens=2");
    let mut socket = RawSocket::connect(stand.gateway.address()).await;
    socket.write(both.as_bytes()).await;
    let enough = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("\"usage\"").count() == 2;
    let answer = socket.read_until(SOON, enough).await;
    let text = answer.text();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    let (first, second) = (text.find("\"first--"), text.find("\"second--"));
    assert!(first.is_some() && first < second, "{text}");
}

#[tokio::test]
async fn bytes_behind_a_refused_request_are_no_request() {
    let stand = start().await;
    let hidden = {
        let body = chat("alpha/hidden").to_string();
        head(&stand, &format!("content-length: {}\r\n", body.len())) + &body
    };
    // Whoever believes the length and whoever believes the chunks see different requests.
    let outer = head(&stand, "content-length: 5\r\ntransfer-encoding: chunked\r\n");
    let bytes = format!("{outer}0\r\n\r\n{hidden}");
    let answer = raw_socket::exchange(stand.gateway.address(), bytes.as_bytes(), AT_ONCE).await;
    assert_eq!(answer.text().matches("HTTP/1.1 ").count(), 1, "{}", answer.text());
    assert!(answer.text().starts_with("HTTP/1.1 400 "), "{}", answer.text());
    unharmed(&stand).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_closed() {
    let stand = start().await;
    let half =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nx-a: ", stand.gateway.address());
    // The head has 10 seconds.
    let answer = raw_socket::exchange(stand.gateway.address(), half.as_bytes(), 2 * SOON).await;
    assert_ne!(answer.end, RawEnd::Timeout, "{}", answer.text());
    assert!(
        answer.text().is_empty() || answer.text().starts_with("HTTP/1.1 408 "),
        "{}",
        answer.text()
    );
    unharmed(&stand).await;
}
