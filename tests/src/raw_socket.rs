//! A bare TCP client: for requests that no HTTP client would send, and for how a connection ends.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to write bytes to.
#[derive(Debug)]
pub struct RawSocket {
    stream: TcpStream,
}

/// What came over a socket, and how that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub end: RawEnd,
    /// How long it was read.
    pub took: Duration,
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawEnd {
    /// FIN.
    Closed,
    /// RST.
    Reset,
    /// The time was over.
    Timeout,
    /// It has not ended: what came was enough.
    Open,
}

impl RawSocket {
    /// Connects to `IP:PORT`.
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the address can be reached");
        stream.set_nodelay(true).expect("a socket takes the option");
        Self { stream }
    }

    /// Writes bytes; whether the other side still takes them.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends FIN but reads on.
    pub async fn shutdown_write(&mut self) {
        // Fails only if the other side is gone, which reading will show.
        let _ = self.stream.shutdown().await;
    }

    /// Reads until the connection is closed or the time is over.
    pub async fn read_until_end(&mut self, timeout: Duration) -> RawAnswer {
        self.read_until(timeout, |_| false).await
    }

    /// Reads until what has come is enough, the connection is closed or the time is over.
    pub async fn read_until(
        &mut self,
        timeout: Duration,
        enough: impl Fn(&[u8]) -> bool,
    ) -> RawAnswer {
        let started = Instant::now();
        let deadline = tokio::time::Instant::now() + timeout;
        let mut bytes = Vec::new();
        let end = loop {
            if enough(&bytes) {
                break RawEnd::Open;
            }
            match tokio::time::timeout_at(deadline, self.stream.read_buf(&mut bytes)).await {
                Err(_) => break RawEnd::Timeout,
                Ok(Ok(0)) => break RawEnd::Closed,
                Ok(Ok(_)) => {}
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
                    break RawEnd::Reset;
                }
                Ok(Err(error)) => panic!("a socket failed in an unexpected way: {error}"),
            }
        };
        RawAnswer { bytes, end, took: started.elapsed() }
    }
}

impl RawAnswer {
    /// The bytes as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Writes bytes on a new connection and reads until it is closed or the time is over.
pub async fn exchange(address: &str, bytes: &[u8], timeout: Duration) -> RawAnswer {
    let mut socket = RawSocket::connect(address).await;
    socket.write(bytes).await;
    socket.read_until_end(timeout).await
}

/// The bytes of a POST of JSON to `IP:PORT`, for the functions above.
pub fn post(address: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    post_with(address, path, key, &[], body)
}

/// The same with additional headers.
pub fn post_with(
    address: &str,
    path: &str,
    key: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Vec<u8> {
    let length = body.len();
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
    .into_bytes()
}
