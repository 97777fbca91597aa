//! What passes, what does not, and what the client sees, with actix behind it.

use super::{
    scan::{HEAD_BYTES_MAX, HEADERS_MAX},
    *,
};
use actix_http::{HttpService, Request, Response};
use actix_service::{Service, ServiceFactory, fn_service};
use proptest::prelude::*;
use std::convert::Infallible;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::{JoinHandle, LocalSet, spawn_local},
    time::Instant,
};

const GET: &str = "GET /v1/models HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";

fn verdict(bytes: &[u8]) -> Option<&'static str> {
    HeadScanner::default().push(bytes).err().map(|refused| refused.refusal.code())
}

/// The same bytes in pieces of `size` must get the same verdict, and leave the same state.
fn in_pieces(bytes: &[u8], size: usize) -> (Option<Refusal>, HeadScanner) {
    let mut scanner = HeadScanner::default();
    let refusal = bytes
        .chunks(size)
        .find_map(|piece| scanner.push(piece).err())
        .map(|refused| refused.refusal);
    (refusal, scanner)
}

fn with_headers(headers: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

#[test]
fn what_the_standard_allows_passes() {
    let cases = [
        GET.to_owned(),
        GET.repeat(3),
        format!("\r\n{GET}\r\n\r\n{GET}"),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "OPTIONS /v1/models?x=%20y HTTP/1.1\r\nhost:[::1]:80\r\n\r\n".to_owned(),
        with_headers("content-LENGTH:\t5 \r\n") + "hello" + GET,
        with_headers("Content-Length: 3\r\n") + "\n\0\r" + GET,
        with_headers("Content-Length: 0\r\n") + GET,
        with_headers("Transfer-Encoding: Chunked\r\n")
            + "5\r\nhe\n\0o\r\nA;x=\"1 2\";y\r\n0123456789\r\n0\r\n\r\n"
            + GET,
        with_headers("Transfer-Encoding: chunked\r\n")
            + "000 \t;x\r\nTrailer: 1\r\n also\r\n\r\n"
            + GET,
        with_headers("Connection: keep-alive, Upgrade\r\n"),
        with_headers("Upgrade: h2c\r\nConnection: keep-alive\r\n"),
        with_headers("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"),
        with_headers("Expect: 100-continue\r\nContent-Length: 2\r\n") + "ok",
        with_headers(&"x: y\r\n".repeat(HEADERS_MAX - 1)),
    ];
    for case in cases {
        assert_eq!(verdict(case.as_bytes()), None, "{case}");
        for size in 1..9 {
            assert_eq!(
                in_pieces(case.as_bytes(), size),
                in_pieces(case.as_bytes(), case.len()),
                "{size} {case}"
            );
        }
    }
}

#[test]
fn what_may_be_read_in_two_ways_is_refused() {
    let malformed = "malformed_request";
    let chunked = with_headers("Transfer-Encoding: chunked\r\n");
    let cases = [
        (GET.replace("\r\n", "\n"), malformed),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(), malformed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".to_owned(), malformed),
        (format!("\n{GET}"), malformed),
        (with_headers("a: b\nContent-Length: 5\r\n"), malformed),
        (with_headers("a: b\0c\r\n"), malformed),
        ("\x16\x03\x01\x02\0\x01\0".to_owned(), malformed),
        ("GET http://evil/adm HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), malformed),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), malformed),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), malformed),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n".to_owned(), malformed),
        ("GET /\r\n\r\n".to_owned(), malformed),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), malformed),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), malformed),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "method_not_supported"),
        ("FOO / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "method_not_supported"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "method_not_supported"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "method_not_supported"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), malformed),
        ("GET / HTTP/1.1\r\nHost: a@b c\r\n\r\n".to_owned(), malformed),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n".to_owned(), malformed),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(), malformed),
        (with_headers("Host: b\r\n"), malformed),
        (with_headers("no colon\r\n"), malformed),
        (with_headers(": empty\r\n"), malformed),
        (with_headers("a: b\r\n folded\r\n"), malformed),
        (with_headers("Content-Length : 5\r\n"), malformed),
        (with_headers("Content-Length: +5\r\n"), malformed),
        (with_headers("Content-Length: 0x5\r\n"), malformed),
        (with_headers("Content-Length: 5, 5\r\n"), malformed),
        (with_headers("Content-Length:\r\n"), malformed),
        (with_headers("Content-Length: 18446744073709551616\r\n"), malformed),
        (with_headers("Content-Length: 5\r\nContent-Length: 5\r\n"), malformed),
        (with_headers("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), malformed),
        (with_headers("Transfer-Encoding: identity\r\n"), malformed),
        (with_headers("Transfer-Encoding: gzip, chunked\r\n"), malformed),
        (with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), malformed),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), malformed),
        (with_headers("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "upgrade_not_supported"),
        (with_headers("Upgrade: foo\r\nConnection: a, upgrade\r\n"), "upgrade_not_supported"),
        (with_headers("Upgrade: WebSocket\r\n"), "upgrade_not_supported"),
        (with_headers(&"x: y\r\n".repeat(HEADERS_MAX)), "headers_too_large"),
        (with_headers(&format!("x: {}\r\n", "y".repeat(HEAD_BYTES_MAX))), "headers_too_large"),
        (format!("GET /{}", "y".repeat(HEAD_BYTES_MAX)), "headers_too_large"),
        ("\r\n".repeat(HEAD_BYTES_MAX), "headers_too_large"),
        (chunked.clone() + "\r\n", malformed),
        (chunked.clone() + "0x5\r\n", malformed),
        (chunked.clone() + "5\nhello", malformed),
        (chunked.clone() + "5\r\nhello!\r\n", malformed),
        (chunked.clone() + "5\r\nhello\n", malformed),
        (chunked.clone() + "5;a\nb\r\n", malformed),
        (chunked.clone() + "1 1\r\n", malformed),
        (chunked.clone() + "f0000000000000003\r\n", malformed),
        (chunked.clone() + &"0".repeat(9000), malformed),
        (chunked.clone() + "0\r\nTrailer: a\nGET / HTTP/1.1\r\n", malformed),
        (chunked.clone() + "0\r\n\n", malformed),
        (chunked.clone() + "0\r\n" + &"a: b\r\n".repeat(2000), malformed),
        (format!("{GET}{GET}GET / HTTP/1.1\n"), malformed),
        (with_headers("Content-Length: 5\r\n") + "helloFOO / HTTP/1.1\r\n", "method_not_supported"),
    ];
    for (case, code) in cases {
        assert_eq!(verdict(case.as_bytes()), Some(code), "{case:.300}");
        for size in [1, 2, 3, 7, 1000] {
            let (whole, pieces) =
                (in_pieces(case.as_bytes(), case.len()), in_pieces(case.as_bytes(), size));
            assert_eq!(whole, pieces, "{size} {case:.300}");
        }
    }
}

#[test]
fn only_what_passed_is_kept() {
    let bad = "GET / HTTP/1.1\r\nHost: a\n";
    let mut scanner = HeadScanner::default();
    let Err(refused) = scanner.push(format!("{GET}{GET}{bad}").as_bytes()) else {
        panic!("passed")
    };
    assert_eq!(refused.keep, 2 * GET.len());
    assert_eq!(scanner.push(GET.as_bytes()), Err(Refused { keep: 0, refusal: refused.refusal }));

    let head = with_headers("Transfer-Encoding: chunked\r\n");
    let Err(refused) = HeadScanner::default().push(format!("{head}5\r\nhello?").as_bytes()) else {
        panic!("passed")
    };
    assert_eq!(refused.keep, head.len() + "5\r\nhello".len());
}

#[test]
fn a_head_of_just_the_limit_passes() {
    let frame = with_headers("x: \r\n").len();
    for (more, expected) in [(0, None), (1, Some("headers_too_large"))] {
        let head = with_headers(&format!("x: {}\r\n", "y".repeat(HEAD_BYTES_MAX - frame + more)));
        assert_eq!(verdict(head.as_bytes()), expected);
        assert_eq!(in_pieces(head.as_bytes(), 13), in_pieces(head.as_bytes(), head.len()));
    }
}

/// Bytes that get far: pieces of requests in any order, and any bytes between them.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        GET,
        "GET / HTTP/1.1\r\n",
        "POST /x HTTP/1.0\r\n",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Upgrade: websocket\r\nConnection: upgrade\r\n",
        "\r\n",
        "\r",
        "\n",
        "hello",
        "5\r\nhello\r\n",
        "0\r\n",
        "0\r\n\r\n",
        ";x=y",
        ": ",
        "\0",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn where_the_input_is_cut_makes_no_difference(bytes in input(), cut in any::<proptest::sample::Index>(), size in 1usize..20) {
        let whole = in_pieces(&bytes, bytes.len().max(1));
        prop_assert_eq!(&in_pieces(&bytes, size), &whole);

        let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
        let mut scanner = HeadScanner::default();
        let refusal = scanner.push(left).and_then(|()| scanner.push(right)).err().map(|refused| refused.refusal);
        prop_assert_eq!((refusal, scanner), whole);
    }

    #[test]
    fn no_input_does_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Err(refused) = HeadScanner::default().push(&bytes) {
            prop_assert!(refused.keep < bytes.len());
        }
    }
}

/// A client's end of a connection that actix serves as a node would.
struct Client {
    io: DuplexStream,
    server: JoinHandle<()>,
}

impl Client {
    async fn connect(buffer: usize, stall_limit: Duration) -> Self {
        let service = HttpService::build()
            .keep_alive(Duration::from_secs(75))
            .client_disconnect_timeout(Duration::from_secs(2))
            .h1_allow_half_closed(false)
            .h1(fn_service(answer));
        let service = service.new_service(()).await.unwrap();
        let (io, far) = duplex(buffer);
        let far = FramedIo::new(far).with_stall_limit(stall_limit);
        let server = spawn_local(async move {
            let _ = service.call((far, None)).await;
        });
        Self { io, server }
    }

    /// All that comes until the server closes.
    async fn rest(mut self) -> String {
        let mut text = Vec::new();
        self.io.read_to_end(&mut text).await.unwrap();
        drop(self.io);
        self.server.await.unwrap();
        String::from_utf8(text).unwrap()
    }
}

/// Answers with the length of the body, and with a long answer where one is asked for.
async fn answer(mut request: Request) -> Result<Response<String>, Infallible> {
    let mut payload = request.take_payload();
    let mut length = 0;
    while let Some(part) = std::future::poll_fn(|context| {
        futures_util::Stream::poll_next(Pin::new(&mut payload), context)
    })
    .await
    {
        let Ok(part) = part else {
            return Ok(Response::bad_request().set_body("the body broke".to_owned()));
        };
        length += part.len();
    }
    let body = if request.path() == "/long" {
        "long ".repeat(100_000)
    } else {
        format!("{length} bytes came")
    };
    Ok(Response::ok().set_body(body))
}

async fn with_actix<F: Future>(test: F) -> F::Output {
    LocalSet::new().run_until(test).await
}

async fn exchange(sent: &str) -> String {
    with_actix(async {
        let mut client = Client::connect(1 << 16, STALL_LIMIT).await;
        client.io.write_all(sent.as_bytes()).await.unwrap();
        client.rest().await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_is_told_why() {
    for (sent, status, code) in [
        ("GET / HTTP/1.1\nHost: a\n\n".to_owned(), "400 Bad Request", "malformed_request"),
        ("FOO / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "400 Bad Request", "method_not_supported"),
        (
            with_headers("Connection: upgrade\r\nUpgrade: x\r\n"),
            "400 Bad Request",
            "upgrade_not_supported",
        ),
        (
            with_headers(&"x: y\r\n".repeat(64)),
            "431 Request Header Fields Too Large",
            "headers_too_large",
        ),
    ] {
        let got = exchange(&sent).await;
        assert_eq!(got.matches("HTTP/1.").count(), 1, "{got}");
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{got}");
        assert!(head.contains("\r\nconnection: close"), "{got}");
        assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{got}");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{got}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert!(body["error"]["param"].is_null() && body["error"]["message"].is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn good_requests_are_served_as_before() {
    let chunked = with_headers("Transfer-Encoding: chunked\r\nConnection: close\r\n");
    let sent = format!(
        "{GET}{}hello{chunked}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
        with_headers("Content-Length: 5\r\n")
    );
    let got = exchange(&sent).await;
    assert_eq!(got.matches("HTTP/1.1 200 OK").count(), 3, "{got}");
    for body in ["0 bytes came", "5 bytes came", "6 bytes came"] {
        assert!(got.contains(body), "{got}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_malformed_request_is_refused_in_its_turn() {
    with_actix(async {
        let mut client = Client::connect(1 << 16, STALL_LIMIT).await;
        client.io.write_all(GET.as_bytes()).await.unwrap();
        let mut first = [0; 512];
        let length = client.io.read(&mut first).await.unwrap();
        assert!(String::from_utf8_lossy(&first[..length]).ends_with("0 bytes came"));

        client.io.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        client.io.write_all(b"X: y\nZ: z\r\n\r\n").await.unwrap();
        let got = client.rest().await;
        assert!(got.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{got}");
        assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_never_gets_into_an_answer() {
    with_actix(async {
        let mut client = Client::connect(1 << 10, STALL_LIMIT).await;
        client
            .io
            .write_all(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\nGET /adm HTTP/1.1\n\n")
            .await
            .unwrap();
        let got = client.rest().await;
        let (_, body) = got.split_once("\r\n\r\n").unwrap_or_default();
        assert!(!body.contains("HTTP/1.1") && !body.contains("error"), "{body:.200}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_body_is_its_handlers_to_answer() {
    let got =
        exchange(&(with_headers("Transfer-Encoding: chunked\r\n") + "5\r\nhello\n0\r\n\r\n" + GET))
            .await;
    assert!(got.starts_with("HTTP/1.1 400") && got.contains("the body broke"), "{got}");
    assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_let_go() {
    with_actix(async {
        let mut client = Client::connect(1 << 10, Duration::from_secs(30)).await;
        client.io.write_all(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let begin = Instant::now();
        client.server.await.unwrap();
        let waited = begin.elapsed();
        assert!(
            waited >= Duration::from_secs(30) && waited < Duration::from_secs(32),
            "{waited:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not() {
    with_actix(async {
        let mut client = Client::connect(1 << 16, Duration::from_secs(30)).await;
        client
            .io
            .write_all(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let (mut got, mut buffer) = (0, vec![0; 1 << 15]);
        loop {
            tokio::time::sleep(Duration::from_secs(20)).await;
            let read = client.io.read(&mut buffer).await.unwrap();
            if read == 0 {
                break;
            }
            got += read;
        }
        assert!(got > 500_000, "{got}");
    })
    .await;
}
