//! A private Postgres: its own directory and port, with nothing that would survive a power cut.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::processes::{Process, free_port};

/// The oldest Postgres that Tollgate supports.
const OLDEST: u32 = 15;

/// A `postgres` with the superuser `postgres`, who owns the empty database `postgres`. Every role may
/// connect without a password.
#[derive(Debug)]
pub struct PostgresServer {
    // Before the directory, so that it is gone when the directory is removed.
    process: Process,
    port: u16,
    directory: TempDir,
}

impl PostgresServer {
    /// Starts an empty server.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        copy(&template(), directory.path());
        let port = free_port();
        let process = launch(port, directory.path()).await;
        Self { process, port, directory }
    }

    /// `postgres://ROLE:password@127.0.0.1:PORT/DATABASE`: with a password for programs that insist
    /// on one; the server does not look at it.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}:password@127.0.0.1:{}/{database}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has printed.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// What the superuser gets for some SQL: bare values, one row a line, columns divided by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let url = self.url("postgres", database);
        let arguments = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", sql];
        let output = output(&program("psql"), &arguments);
        String::from_utf8(output.stdout).expect("a database in UTF-8").trim_end().to_owned()
    }

    /// A database as SQL, one row a line.
    pub fn dump(&self, database: &str) -> String {
        let url = self.url("postgres", database);
        let output = output(&program("pg_dump"), &["--inserts", "-d", &url]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ends it by SIGKILL, and waits until its children have noticed: nobody works on its files any
    /// more. What was committed is there after a [`restart`](Self::restart).
    pub fn kill(&mut self) {
        let children = children_of(self.process.pid());
        self.process.kill();
        let deadline = Instant::now() + Duration::from_secs(10);
        while children.iter().any(|&pid| lives(pid)) {
            assert!(Instant::now() < deadline, "a child of Postgres stays:\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it by a fast shutdown, which closes all connections.
    pub async fn stop(&mut self) {
        self.process.signal(Signal::INT);
        let status = self.process.wait(Duration::from_secs(10)).await;
        assert!(status.is_some(), "Postgres ignores SIGINT:\n{}", self.process.logs());
    }

    /// Starts it again with the same directory and port, and ends it before if it still runs.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.process = launch(self.port, self.directory.path()).await;
    }
}

impl Drop for PostgresServer {
    /// By an immediate shutdown: after SIGKILL a piece of shared memory would stay, and the system
    /// has a limited number of them.
    fn drop(&mut self) {
        self.process.signal(Signal::QUIT);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.process.exited().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.process.kill();
        remove_shared_memory(self.directory.path());
    }
}

async fn launch(port: u16, directory: &Path) -> Process {
    let port = format!("port={port}");
    let postgres = program("postgres");
    #[rustfmt::skip]
    let server = [
        postgres.as_os_str(),
        "-D".as_ref(), directory.as_os_str(),
        "-c".as_ref(), port.as_ref(),
        "-c".as_ref(), "listen_addresses=127.0.0.1".as_ref(),
        "-c".as_ref(), "unix_socket_directories=".as_ref(),
        "-c".as_ref(), "shared_buffers=16MB".as_ref(),
        // In its directory, which is removed with it.
        "-c".as_ref(), "dynamic_shared_memory_type=mmap".as_ref(),
        // These matter when the machine fails, not when Postgres does.
        "-c".as_ref(), "fsync=off".as_ref(),
        "-c".as_ref(), "full_page_writes=off".as_ref(),
    ];
    // It ends also when this test is killed.
    let arguments = [&unprivileged()[..], &["--pdeathsig".as_ref(), "QUIT".as_ref()], &server];
    let mut process = Process::start(Path::new("setpriv"), &arguments.concat(), &[]);
    let ready = "database system is ready to accept connections";
    process.until_ready(async |process| process.logs().contains(ready).then_some(())).await;
    process
}

/// What `initdb` makes, made once for this build's folder: it takes a second or two, a copy does not.
fn template() -> PathBuf {
    // target/PROFILE/deps/test-HASH
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(3).expect("a test lies in the folder deps").join("tmp");
    fs::create_dir_all(&target).expect("the build's folder can be written");
    let template = target.join(format!("postgres-{}", newest().0));

    // One test makes it, others wait. The lock ends with the file.
    let lock = File::create(template.with_extension("lock")).expect("a lock file can be made");
    lock.lock().expect("a file can be locked");
    if !template.exists() {
        // Not yet there: the user that Postgres runs as may not be able to enter our folder.
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        give_away(directory.path());
        initdb(directory.path());
        let new = template.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        copy(directory.path(), &new);
        fs::rename(&new, &template).expect("a folder can be renamed");
    }
    template
}

fn initdb(directory: &Path) {
    let initdb = program("initdb");
    #[rustfmt::skip]
    let command = [
        initdb.as_os_str(),
        "--pgdata".as_ref(), directory.as_os_str(),
        "--username".as_ref(), "postgres".as_ref(),
        "--auth".as_ref(), "trust".as_ref(),
        "--encoding".as_ref(), "UTF8".as_ref(),
        "--locale".as_ref(), "C.UTF-8".as_ref(),
        // Smaller, and so quicker to copy.
        "--wal-segsize".as_ref(), "1".as_ref(),
        "--no-sync".as_ref(),
    ];
    output(Path::new("setpriv"), &[&unprivileged()[..], &command].concat());
}

/// The newest Postgres on this machine: its version, and the folder of its programs.
fn newest() -> (u32, PathBuf) {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    debian
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            (OLDEST <= version && folder.join("initdb").exists()).then_some((version, folder))
        })
        .max()
        .or_else(on_path)
        .expect("Postgres 15 or later is installed: run `infra/install postgres`")
}

fn on_path() -> Option<(u32, PathBuf)> {
    let printed = Command::new("pg_config").args(["--version", "--bindir"]).output().ok()?.stdout;
    let printed = String::from_utf8(printed).ok()?;
    let mut bindir_and_version = printed.lines().rev();
    let folder = PathBuf::from(bindir_and_version.next()?);
    // PostgreSQL 17.2 (Debian …)
    let version = bindir_and_version.next()?.split([' ', '.']).nth(1)?.parse().ok()?;
    (OLDEST <= version && folder.join("initdb").exists()).then_some((version, folder))
}

fn program(name: &str) -> PathBuf {
    newest().1.join(name)
}

/// Arguments of `setpriv`: Postgres refuses to run as root, so root runs it as somebody else.
fn unprivileged() -> Vec<&'static OsStr> {
    let arguments: &[&str] = if geteuid().is_root() {
        &["--reuid", "nobody", "--regid", "65534", "--clear-groups"]
    } else {
        &[]
    };
    arguments.iter().map(OsStr::new).collect()
}

fn give_away(directory: &Path) {
    if geteuid().is_root() {
        output(Path::new("chown"), &["nobody:65534".as_ref(), directory.as_os_str()]);
    }
}

/// Copies a folder with its owners. `to` may exist.
fn copy(from: &Path, to: &Path) {
    let content = from.join(".");
    output(Path::new("cp"), &["-a".as_ref(), content.as_os_str(), to.as_os_str()]);
    fs::set_permissions(to, Permissions::from_mode(0o700)).expect("a folder can be closed");
}

fn output<A: AsRef<OsStr>>(program: &Path, arguments: &[A]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    assert!(
        output.status.success(),
        "{} ended with {}:\n{}{}",
        program.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| state_and_parent(pid).is_some_and(|(_, of)| of == parent))
        .collect()
}

/// One that has ended but has no parent to notice does not count.
fn lives(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != "Z")
}

fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// What is left of a server that was killed and not started again; Postgres itself removes it in an
/// orderly end, together with the file that names it.
fn remove_shared_memory(directory: &Path) {
    let Ok(file) = fs::read_to_string(directory.join("postmaster.pid")) else { return };
    // The 7th line: its key and its number.
    if let Some(number) = file.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
        // Fails if it is gone.
        let _ = Command::new("ipcrm").args(["-m", number]).output();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_committed_outlives_a_kill_and_a_restart() {
        let mut server = PostgresServer::start().await;
        server.psql("postgres", "create table t (n int); insert into t values (1), (2)");
        server.kill();
        assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
        server.restart().await;
        assert_eq!(server.psql("postgres", "select n, n * 2 from t order by n"), "1|2\n2|4");
        server.restart().await;
        assert_eq!(server.psql("postgres", "select count(*) from t"), "2");
    }

    #[tokio::test]
    async fn a_killed_server_leaves_no_shared_memory_behind() {
        let mut server = PostgresServer::start().await;
        let file = fs::read_to_string(server.directory.path().join("postmaster.pid")).unwrap();
        let number = file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
        server.kill();
        drop(server);
        let left = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        assert!(!left.lines().any(|line| line.split_whitespace().nth(1) == Some(&number)));
    }
}
