//! The control plane as a process of its own with a private Postgres and a private Redis, and gateways
//! that are connected to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use hyper::Method;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::http;
use crate::postgres_server::PostgresServer;
use crate::processes::{Process, binary, free_port};
use crate::redis_server::RedisServer;

/// The database in the private Postgres.
const DATABASE: &str = "tollgate";

/// A running `tollgate-control serve` and all that it needs.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they end.
    process: Process,
    /// Where it keeps everything.
    pub postgres: PostgresServer,
    /// Where usage events come from.
    pub redis: RedisServer,
    listen: String,
    arguments: Vec<String>,
    environment: Environment,
    directory: TempDir,
}

impl ControlPlane {
    /// Starts Postgres, Redis and a control plane with an empty database, and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(&[], &[]).await
    }

    /// The same with further flags of `serve` and further environment variables.
    pub async fn start_with(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let (postgres, redis) = tokio::join!(PostgresServer::start(), RedisServer::start());
        postgres.psql("postgres", &format!("create database {DATABASE}"));
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let kek = directory.path().join("kek");

        let listen = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{listen}");
        let mut further = Environment::default();
        further.set("DATABASE_URL", &postgres.url("tg_app", DATABASE));
        further.set("DATABASE_SYSTEM_URL", &postgres.url("tg_system", DATABASE));
        further.set("REDIS_URL", &redis.url());
        further.set("TOLLGATE_KEK_FILE", &kek.to_string_lossy());
        further.set("TOLLGATE_URL", &url);
        further.set("TOLLGATE_PUBLIC_URL", &url);
        // Where the simulator is.
        further.set("TOLLGATE_ALLOW_PRIVATE_NETWORKS", "true");
        for (name, value) in environment {
            further.set(name, value);
        }
        let environment = further;

        run(&environment, &["kek", "new", &kek.to_string_lossy()]);
        let mut as_owner = environment.clone();
        as_owner.set("DATABASE_OWNER_URL", &postgres.url("postgres", DATABASE));
        run(&as_owner, &["migrate"]);

        let arguments = [&["serve", "--listen", &listen], flags].concat();
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        let process = launch(&listen, &arguments, &environment).await;
        Self { process, postgres, redis, listen, arguments, environment, directory }
    }

    /// `http://127.0.0.1:PORT`: the console, the management API and what gateways connect to.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// What it has printed.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it by SIGKILL. Postgres and Redis go on.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to end.
    pub fn sigterm(&mut self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits for its end, at most for `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        self.process.wait(timeout).await
    }

    /// Starts it again at the same address with the same data; kills it first if it still runs.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.listen, &self.arguments, &self.environment).await;
    }

    /// Another control plane on the same database and Redis, at another address.
    pub async fn second(&self) -> Another {
        let listen = format!("127.0.0.1:{}", free_port());
        let arguments: Vec<_> = ["serve", "--listen", &listen].map(str::to_owned).into();
        let process = launch(&listen, &arguments, &self.environment).await;
        Another { _process: process, listen }
    }

    /// Its command line, with its settings, whatever comes of it.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        output(&self.environment, arguments)
    }

    /// What the superuser of the database gets for some SQL.
    pub fn psql(&self, sql: &str) -> String {
        self.postgres.psql(DATABASE, sql)
    }

    /// Everything that is in the database, as SQL with one row a line.
    pub fn dump(&self) -> String {
        self.postgres.dump(DATABASE)
    }

    /// Everything that is in Redis, key by key.
    pub async fn redis_dump(&self) -> String {
        crate::ledger::Ledger::open(&self.redis).await.dump().await
    }

    /// The digits of the key-encryption key.
    pub fn kek(&self) -> String {
        let text =
            fs::read_to_string(self.directory.path().join("kek")).expect("the file is there");
        text.split_whitespace().last().unwrap_or_default().to_owned()
    }

    /// A tenant, made if there is none of that name: its id.
    pub fn tenant(&self, name: &str) -> String {
        let owner = format!("owner@{name}.example");
        run(&self.environment, &["tenant", "add", name, "--owner", &owner, "--if-missing"])
    }

    /// A new management token of a tenant: `tgm_…`.
    pub fn management_token(&self, tenant: &str, role: &str) -> String {
        let token = ["token", "new", "--tenant", tenant, "--name", role, "--role", role];
        run(&self.environment, &token)
    }

    /// The token of a new node: `tgn_…`.
    pub fn node_token(&self, name: &str) -> String {
        run(&self.environment, &["node", "add", name])
    }

    /// A URL that signs an operator in, once.
    pub fn sign_in_link(&self, email: &str) -> String {
        run(&self.environment, &["operator", "link", "--email", email])
    }

    /// Applies a tenant's config document, whatever comes of it.
    pub fn apply(&self, token: &str, document_toml: &str) -> Output {
        let file = self.directory.path().join("document.toml");
        fs::write(&file, document_toml).expect("the document can be written");
        let mut environment = self.environment.clone();
        environment.set("TOLLGATE_TOKEN", token);
        output(&environment, &["apply", "-f", &file.to_string_lossy()])
    }

    /// A gateway, as a new node of this name, that takes its world from here. Waits until it is ready.
    pub async fn connected_gateway(&self, name: &str) -> ConnectedGateway {
        self.connected_gateway_with(name, "", &[]).await
    }

    /// The same with further lines of its own config (they begin in `[server]`) and further
    /// environment variables.
    pub async fn connected_gateway_with(
        &self,
        name: &str,
        config_toml: &str,
        environment: &[(&str, &str)],
    ) -> ConnectedGateway {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let address = || format!("127.0.0.1:{}", free_port());
        let (listen, admin) = (address(), address());
        let token = directory.path().join("token");
        fs::write(&token, self.node_token(name)).expect("the token can be written");
        let config = directory.path().join("node.toml");
        let snapshot = directory.path().join("world");
        let text = format!(
            "[control]\nsnapshot = \"{}\"\n[server]\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\n{config_toml}",
            snapshot.display(),
        );
        fs::write(&config, text).expect("the config can be written");

        let mut further = Environment::default();
        further.set("REDIS_URL", &self.redis.url());
        for (name, value) in environment {
            further.set(name, value);
        }
        let arguments = [
            "--control".to_owned(),
            self.base_url(),
            "--node-token-file".to_owned(),
            token.to_string_lossy().into_owned(),
            "--config".to_owned(),
            config.to_string_lossy().into_owned(),
        ];
        let process = launch_gateway(&arguments, &further, &admin).await;
        ConnectedGateway {
            process,
            listen,
            admin,
            snapshot,
            arguments: arguments.to_vec(),
            environment: further,
            _directory: directory,
        }
    }
}

/// A further control plane on the data of a first one.
#[derive(Debug)]
pub struct Another {
    _process: Process,
    listen: String,
}

impl Another {
    /// `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.listen)
    }
}

/// A running `tollgate-gateway` with a control plane.
#[derive(Debug)]
pub struct ConnectedGateway {
    process: Process,
    listen: String,
    admin: String,
    snapshot: PathBuf,
    arguments: Vec<String>,
    environment: Environment,
    _directory: TempDir,
}

impl ConnectedGateway {
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

    /// Its node token.
    pub fn token(&self) -> String {
        fs::read_to_string(self._directory.path().join("token")).expect("the token is there")
    }

    /// Where it keeps the last good world.
    pub fn snapshot(&self) -> &Path {
        &self.snapshot
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has printed.
    pub fn logs(&self) -> String {
        self.process.logs()
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

    /// Starts it again with the same token, snapshot and addresses; kills it first if it still runs.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = launch_gateway(&self.arguments, &self.environment, &self.admin).await;
    }
}

/// Variables for a child; of two with one name the later counts.
#[derive(Debug, Clone, Default)]
struct Environment(Vec<(String, String)>);

impl Environment {
    fn set(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

async fn launch(listen: &str, arguments: &[String], environment: &Environment) -> Process {
    let program = binary("tollgate-control");
    let process = Process::start(&program, arguments, &environment.pairs());
    until_ready(process, format!("http://{listen}/readyz")).await
}

async fn launch_gateway(arguments: &[String], environment: &Environment, admin: &str) -> Process {
    let program = binary("tollgate-gateway");
    let process = Process::start(&program, arguments, &environment.pairs());
    until_ready(process, format!("http://{admin}/readyz")).await
}

async fn until_ready(mut process: Process, readyz: String) -> Process {
    process
        .until_ready(async |_| {
            let answer = http::try_send(Method::GET, &readyz, &[], Vec::new()).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    process
}

fn output(environment: &Environment, arguments: &[&str]) -> Output {
    Command::new(binary("tollgate-control"))
        .args(arguments)
        .envs(environment.pairs())
        .output()
        .unwrap_or_else(|error| panic!("tollgate-control does not start: {error}"))
}

/// What a command that succeeds prints, without the end of its line.
#[track_caller]
fn run(environment: &Environment, arguments: &[&str]) -> String {
    let output = output(environment, arguments);
    assert!(
        output.status.success(),
        "tollgate-control {} ended with {}:\n{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("it prints UTF-8").trim_end().to_owned()
}
