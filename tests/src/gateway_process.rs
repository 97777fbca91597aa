//! The gateway as a process of its own, in file mode.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::http;
use crate::processes::{Process, binary, free_port};

/// A running `tollgate-gateway`.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    listen: String,
    admin: String,
    config: PathBuf,
    environment: Vec<(String, String)>,
    _directory: TempDir,
}

impl Gateway {
    /// Starts a gateway and waits until it is ready. In the text, `{listen}` and `{admin}` stand for
    /// the addresses that this gateway is given.
    pub async fn start(config_toml: &str) -> Self {
        Self::start_with(config_toml, &[]).await
    }

    /// The same with additional environment variables.
    pub async fn start_with(config_toml: &str, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let address = || format!("127.0.0.1:{}", free_port());
        let (listen, admin) = (address(), address());
        let config = directory.path().join("tollgate.toml");
        write(&config, config_toml, &listen, &admin);
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let environment: Vec<_> = environment.iter().map(owned).collect();
        let process = launch(&config, &environment, &admin).await;
        Self { process, listen, admin, config, environment, _directory: directory }
    }

    /// `http://127.0.0.1:PORT`, what apps call.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// `127.0.0.1:PORT`, for raw sockets.
    pub fn address(&self) -> &str {
        &self.listen
    }

    /// `http://127.0.0.1:PORT` of health checks and metrics.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The config file.
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// Replaces the config file in one step, as a deployment tool would.
    pub fn rewrite_config(&self, config_toml: &str) {
        write(&self.config, config_toml, &self.listen, &self.admin);
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has printed.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// Asks it to end.
    pub fn sigterm(&mut self) {
        self.process.signal(Signal::TERM);
    }

    /// Sends any signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it by SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits for its end, at most for `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        self.process.wait(timeout).await
    }

    /// Starts it again with the same config, addresses and environment; kills it first if it still
    /// runs.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.config, &self.environment, &self.admin).await;
    }
}

async fn launch(config: &Path, environment: &[(String, String)], admin: &str) -> Process {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let arguments = ["--config".as_ref(), config.as_os_str()];
    let mut process = Process::start(&binary("tollgate-gateway"), &arguments, &environment);
    let readyz = format!("http://{admin}/readyz");
    process
        .until_ready(async |_| {
            let answer = http::try_send(hyper::Method::GET, &readyz, &[], Vec::new()).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    process
}

/// By renaming: the gateway never reads half a file.
fn write(path: &Path, config_toml: &str, listen: &str, admin: &str) {
    let text = config_toml.replace("{listen}", listen).replace("{admin}", admin);
    let new = path.with_extension("new");
    fs::write(&new, text).expect("the config can be written");
    fs::rename(&new, path).expect("the config can be replaced");
}
