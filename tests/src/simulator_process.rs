//! The provider simulator as a process of its own, and what a test asks it.

use std::time::{Duration, Instant};

use hyper::Method;
use serde::de::DeserializeOwned;

use crate::http;
use crate::processes::{Process, binary};
use crate::simulator::bill::BillReading;
use crate::simulator::requests::{OpenReading, RecordReading};

/// A running `provider-simulator`.
#[derive(Debug)]
pub struct SimulatorProcess {
    process: Process,
    address: String,
}

impl SimulatorProcess {
    /// Starts one that accepts any provider key.
    pub async fn start() -> Self {
        Self::start_with_keys(&[]).await
    }

    /// Starts one that accepts these provider keys.
    pub async fn start_with_keys(keys: &[&str]) -> Self {
        let mut arguments = vec!["--listen", "127.0.0.1:0"];
        for key in keys {
            arguments.extend(["--key", key]);
        }
        let mut process = Process::start(&binary("provider-simulator"), &arguments, &[]);
        let address = process.until_ready(async |process| listening_on(&process.logs())).await;
        Self { process, address }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The base URL of the provider `default`, without `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL of a provider as its SDK takes it: with `/v1`.
    pub fn provider_url(&self, provider: &str) -> String {
        format!("http://{}/{provider}/v1", self.address)
    }

    /// What it would charge.
    pub async fn bill(&self) -> BillReading {
        self.ask("bill").await
    }

    /// Starts a new bill.
    pub async fn clear_bill(&self) {
        let url = format!("{}/simulator/bill", self.url());
        let answer = http::send(Method::DELETE, &url, &[], Vec::new()).await;
        assert_eq!(answer.status, 204);
    }

    /// The last requests, oldest first.
    pub async fn requests(&self) -> Vec<RecordReading> {
        self.ask("requests").await
    }

    /// The requests in progress.
    pub async fn open(&self) -> OpenReading {
        self.ask("open").await
    }

    /// Waits until nothing is in progress, so that the bill is final; `timeout` is for the test.
    pub async fn until_idle(&self, timeout: Duration) {
        self.until_open(0, timeout).await;
    }

    /// Waits until so many requests are in progress, and gives how long that took.
    pub async fn until_open(&self, count: u64, timeout: Duration) -> Duration {
        let started = Instant::now();
        loop {
            let open = self.open().await;
            if open.open == count {
                return started.elapsed();
            }
            assert!(started.elapsed() < timeout, "{open:?} instead of {count} after {timeout:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str) -> T {
        let answer = http::get(&format!("{}/simulator/{what}", self.url()), None).await;
        serde_json::from_slice(&answer.body).expect("the simulator answers as its own types say")
    }
}

fn listening_on(log: &str) -> Option<String> {
    let line = log.split_inclusive('\n').find(|line| line.ends_with('\n'))?;
    Some(line.trim_end().strip_prefix("listening on ")?.to_owned())
}
