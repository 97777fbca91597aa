//! A small HTTP client for tests: one connection for each request, so that nothing is shared
//! between tests and their runtimes.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{HeaderMap, Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// No test waits longer than this for an answer's end.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no answer.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// An open connection with an answer on it. Dropping it closes the connection at once.
#[derive(Debug)]
pub struct OpenAnswer {
    /// The answer's head, and the body that is still to be read.
    pub response: Response<Incoming>,
    // Aborted on drop, which closes the socket.
    connection: JoinSet<()>,
}

/// Posts JSON; `key` goes into the header `authorization`.
pub async fn post_json(url: &str, key: &str, body: &Value) -> Answer {
    post_json_with(url, key, &[], body).await
}

/// The same with additional headers.
pub async fn post_json_with(
    url: &str,
    key: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let bearer = format!("Bearer {key}");
    let all = [&[(AUTHORIZATION.as_str(), bearer.as_str()), JSON_TYPE], headers].concat();
    send(Method::POST, url, &all, body.to_string().into_bytes()).await
}

/// Gets a document.
pub async fn get(url: &str, key: Option<&str>) -> Answer {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> =
        bearer.as_deref().map(|bearer| (AUTHORIZATION.as_str(), bearer)).into_iter().collect();
    send(Method::GET, url, &headers, Vec::new()).await
}

/// Sends any request and fails the test if there is no whole answer.
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let answer = try_send(method, url, headers, body).await;
    answer.unwrap_or_else(|error| panic!("{url} gives no whole answer: {error}"))
}

/// Sends any request.
pub async fn try_send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Answer, Error> {
    tokio::time::timeout(TIMEOUT, async {
        let open = open(method, url, headers, body).await?;
        let (head, body) = open.response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    })
    .await?
}

/// The header of a JSON body.
pub const JSON_TYPE: (&str, &str) = ("content-type", "application/json");

/// Sends any request and waits for the head of the answer only.
pub async fn open(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<OpenAnswer, Error> {
    let uri: Uri = url.parse()?;
    let authority = uri.authority().ok_or("the URL has no host")?.as_str();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body)))?;

    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = JoinSet::new();
    connection.spawn(async move {
        // Whatever ends the connection is seen by whoever reads the answer.
        let _ = driver.await;
    });
    let response = sender.send_request(request).await?;
    Ok(OpenAnswer { response, connection })
}

impl OpenAnswer {
    /// The next piece of the body; nothing at its end.
    pub async fn next_bytes(&mut self) -> Result<Option<Bytes>, io::Error> {
        loop {
            match self.response.body_mut().frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(io::Error::other(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// Closes the connection and waits until it is closed.
    pub async fn close(mut self) -> Instant {
        self.connection.shutdown().await;
        Instant::now()
    }
}
