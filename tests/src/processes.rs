//! Child processes of a test: found beside the test itself, logged to a file, and killed with it.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

/// A running child. Dropping it kills it, by its own pid.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    // Removed after the child is gone.
    _directory: TempDir,
}

impl Process {
    /// Starts a program with its output going to a file.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Self {
        let name =
            program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let log = directory.path().join("log");
        let output = File::create(&log).expect("a log file can be made");
        let both = output.try_clone().expect("a descriptor can be cloned");
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(both)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self { name, child, log, _directory: directory }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed.
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal; a child that has ended already is left in peace.
    pub fn signal(&mut self, signal: Signal) {
        if self.exited().is_none() {
            kill_process(Pid::from_child(&self.child), signal).expect("a child can be signalled");
        }
    }

    /// Kills it at once and waits for its end.
    pub fn kill(&mut self) {
        // Both fail only if the child is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it has ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for its end, at most for `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.exited() {
                return Some(status);
            }
            if deadline <= Instant::now() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until `ready` gives something, the process ends or 10 seconds have passed; the last two
    /// fail the test with the process's log.
    pub async fn until_ready<T>(&mut self, mut ready: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(answer) = ready(self).await {
                return answer;
            }
            if let Some(status) = self.exited() {
                panic!(
                    "{} ended with {status} instead of being ready:\n{}",
                    self.name,
                    self.logs()
                );
            }
            assert!(
                Instant::now() < deadline,
                "{} is not ready after 10 s:\n{}",
                self.name,
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            show_log(&self.name, &self.logs());
        }
    }
}

/// A port that nobody listens on, and that no other test takes while this one runs. Below the range
/// for outgoing connections, so that none of those takes it before it is used; random, since every
/// test process picks for itself.
pub fn free_port() -> u16 {
    // The locks go with the process.
    static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let locks = env::temp_dir().join(format!("tollgate-test-ports-{}", getuid().as_raw()));
    fs::create_dir_all(&locks).expect("a temporary directory can be made");
    let mut random = rand::rng();
    for _ in 0..1_000 {
        let port = random.random_range(12_000..32_000);
        let lock = File::create(locks.join(port.to_string())).expect("a lock file can be made");
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return port;
        }
    }
    panic!("no port is free");
}

/// One of the workspace's programs: in `TOLLGATE_BIN_DIR`, or else where the test's own build is.
#[expect(clippy::disallowed_methods, reason = "tests have no settings but this one")]
pub fn binary(name: &str) -> PathBuf {
    let directory = match env::var_os("TOLLGATE_BIN_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => {
            let test = env::current_exe().expect("a test knows its own path");
            // target/PROFILE/deps/test-HASH
            let profile = test.ancestors().nth(2).expect("a test lies in the folder deps");
            profile.to_owned()
        }
    };
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is not there: run `cargo build --workspace --bins` first",
        path.display()
    );
    path
}

#[expect(clippy::print_stderr, reason = "cargo test shows it with the failed test")]
fn show_log(name: &str, log: &str) {
    const LINES: usize = 60;
    let lines: Vec<&str> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    eprintln!("--- the last lines of {name} ---\n{last}\n---");
}
