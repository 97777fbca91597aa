//! A private Redis: its own directory and port, configured as Tollgate asks for it.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::processes::{Process, free_port};

/// A `redis-server` from the `PATH`.
#[derive(Debug)]
pub struct RedisServer {
    // Before the directory, so that it is gone when the directory is removed.
    process: Process,
    port: u16,
    directory: TempDir,
}

impl RedisServer {
    /// Starts an empty server.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let port = free_port();
        let process = launch(port, directory.path()).await;
        Self { process, port, directory }
    }

    /// `redis://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps its data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it has printed.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// Ends it by SIGTERM, and a pause before: all that was written is on disk.
    pub async fn stop(&mut self) {
        self.process.signal(Signal::TERM);
        self.process.signal(Signal::CONT);
        let status = self.process.wait(Duration::from_secs(10)).await;
        assert!(status.is_some(), "redis-server ignores SIGTERM:\n{}", self.process.logs());
    }

    /// Ends it by SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again with the same directory and port, and ends it before if it still runs.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.process = launch(self.port, self.directory.path()).await;
    }

    /// Stops its execution: connections stay open, nothing is answered.
    pub fn pause(&mut self) {
        self.process.signal(Signal::STOP);
    }

    /// Ends a pause.
    pub fn resume(&mut self) {
        self.process.signal(Signal::CONT);
    }
}

async fn launch(port: u16, directory: &Path) -> Process {
    let port_text = port.to_string();
    let directory = directory.to_string_lossy();
    #[rustfmt::skip]
    let arguments = [
        "--port", &port_text,
        "--bind", "127.0.0.1",
        "--protected-mode", "yes",
        "--dir", &directory,
        "--maxmemory-policy", "noeviction",
        "--appendonly", "yes",
        "--appendfsync", "everysec",
        "--save", "",
        "--daemonize", "no",
    ];
    let mut process = Process::start(Path::new("redis-server"), &arguments, &[]);
    process.until_ready(async |_| answers_ping(port).await.then_some(())).await;
    process
}

/// While Redis loads its data it answers `-LOADING`, so the answer is looked at.
async fn answers_ping(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    let mut answer = [0; 5];
    let asked = stream.write_all(b"PING\r\n").await;
    let answered =
        tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut answer)).await;
    asked.is_ok() && matches!(answered, Ok(Ok(_))) && answer == *b"+PONG"
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::AsyncCommands;

    async fn connect(server: &RedisServer) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(server.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    #[tokio::test]
    async fn a_restarted_server_has_its_data() {
        let mut server = RedisServer::start().await;
        connect(&server).await.set::<_, _, ()>("name", "value").await.unwrap();
        server.restart().await;
        assert_eq!(connect(&server).await.get::<_, String>("name").await.unwrap(), "value");
        server.kill();
        assert!(!answers_ping(server.port()).await);
    }

    #[tokio::test]
    async fn a_paused_server_answers_nobody() {
        let mut server = RedisServer::start().await;
        server.pause();
        assert!(!answers_ping(server.port()).await);
        server.resume();
        assert!(answers_ping(server.port()).await);
        server.pause();
        server.stop().await;
    }
}
