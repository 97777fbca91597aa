//! A chromedriver of the test's own, and what it starts Chromium with.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::http::{self, JSON_TYPE};
use crate::processes::{Process, free_port};

/// Chromium without what a person's browser does besides showing pages.
const FLAGS: [&str; 10] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,1000",
    // Its sandbox refuses to start as root, as which containers run tests. All that it visits is ours.
    "--no-sandbox",
];

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// As most people have it.
    On,
    /// As some people have it.
    Off,
}

/// A running `chromedriver` from the `PATH`. Dropping it ends its browsers too.
#[derive(Debug)]
pub struct Chromedriver {
    // Before the directory, so that the browsers are gone when it is removed.
    process: Process,
    port: u16,
    chromium: PathBuf,
    profiles: TempDir,
}

impl Chromedriver {
    /// Starts one and waits until it takes sessions.
    pub async fn start() -> Self {
        let (program, chromium) =
            (on_path(&["chromedriver"]), on_path(&["chromium", "google-chrome"]));
        let port = free_port();
        let mut process = Process::start(&program, &[format!("--port={port}")], &[]);
        let status = format!("http://127.0.0.1:{port}/status");
        process
            .until_ready(async |_| {
                let answer = http::try_send(Method::GET, &status, &[], Vec::new()).await.ok()?;
                (answer.json()["value"]["ready"] == true).then_some(())
            })
            .await;
        let profiles = tempfile::tempdir().expect("a temporary directory can be made");
        Self { process, port, chromium, profiles }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it has printed.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// The capabilities of a new Chromium with an empty profile, which keeps a log of its console and its network.
    pub fn capabilities(&self, scripts: Scripts) -> Map<String, Value> {
        let profile = self.profiles.path().join("profile");
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.display()));
        let mut options = json!({ "binary": self.chromium, "args": flags });
        if scripts == Scripts::Off {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let capabilities = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "unhandledPromptBehavior": "ignore",
        });
        capabilities.as_object().cloned().expect("capabilities are an object")
    }

    /// Sends a command that only Chromium knows to a session, and gives its value.
    pub async fn command(&self, session: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/session/{session}/{path}", self.url());
        let answer =
            http::send(Method::POST, &url, &[JSON_TYPE], body.to_string().into_bytes()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["value"].take()
    }
}

impl Drop for Chromedriver {
    /// A killed chromedriver leaves its browsers behind; one that is asked to end takes them along.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let request = format!(
            "GET /shutdown HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\r\n",
            self.port
        );
        let asked = stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .and_then(|()| stream.write_all(request.as_bytes()));
        // It answers when all are gone, and may well end before the answer does.
        let _ = asked.and_then(|()| stream.read_to_end(&mut Vec::new()));
    }
}

/// The first of these programs that is installed.
#[expect(clippy::disallowed_methods, reason = "where programs are is the environment's to say")]
fn on_path(names: &[&str]) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = env::split_paths(&path).collect();
    let places =
        names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "{} is not on the PATH: install the Debian packages chromium and chromium-driver",
            names[0]
        )
    })
}
