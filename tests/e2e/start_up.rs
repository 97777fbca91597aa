//! Starting: every mistake is told at once, with its place and what to do; and nothing but an SDK's variable is enough.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tollgate_tests::http::{self, post_json};
use tollgate_tests::processes::{Process, binary, free_port};
use tollgate_tests::simulator_process::SimulatorProcess;

use crate::stand::{SOON, chat};

const GOOD: &str = r#"allow_inline_secrets = true
[providers.alpha]
kind = "openai_compatible"
base_url = "http://127.0.0.1:9/v1"
keys = ["sk-alpha"]
allow_private_network = true
[tenants.acme.api_keys.app]
secret = "tgk_0123456789abcdef"
"#;

#[tokio::test]
async fn all_mistakes_are_told_at_once_with_line_and_key() {
    let text = r#"[server]
listen = "nonsense"
shutdown_grace = "5 minutes"
[providers.alpha]
base_url = "http://127.0.0.1:9/v1"
kys = []
[providers.beta]
kind = "openay"
[routes.support]
targets = [{ use = "alpha/x", first_byte = "soon" }, { use = "gamma/x" }, { use = "nowhere" }]
timeouts = { idle = 5 }
[routes.circle]
targets = [{ use = "circle" }]
[tenants.acme.api_keys.app]
team = 7
[[tenants.acme.budgets]]
limit = "ten"
window = "fortnight"
"#;
    let config = Config::new(text);
    let expected = [
        (2, "server.listen"),
        (3, "server.shutdown_grace"),
        (4, "providers.alpha"),
        (6, "providers.alpha.kys"),
        (8, "providers.beta.kind"),
        (10, "routes.support.targets[0].first_byte"),
        (10, "routes.support.targets[1].use"),
        (10, "routes.support.targets[2].use"),
        (11, "routes.support.timeouts.idle"),
        (12, "routes.circle"),
        (14, "tenants.acme.api_keys.app"),
        (15, "tenants.acme.api_keys.app.team"),
        (17, "tenants.acme.budgets[0].limit"),
        (18, "tenants.acme.budgets[0].window"),
    ];
    let path = config.path();
    for arguments in [vec!["check", "--config", &path], vec!["--config", &path]] {
        let ended = run(&arguments, &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.text);
        for (line, key) in expected {
            let told = ended.text.lines().any(|told| {
                told.contains(&format!("{path}:{line}:")) && told.contains(&format!(" {key}: "))
            });
            assert!(told, "{line} {key} is not in:\n{}", ended.text);
        }
    }
}

#[tokio::test]
async fn check_says_that_a_good_file_is_good_and_serves_nothing() {
    let config = Config::new(GOOD);
    let ended = run(&["check", "--config", &config.path()], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(ended.text.contains("valid"), "{}", ended.text);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    for arguments in [
        vec!["--config", "/nowhere/tollgate.toml"],
        vec!["check", "--config", "/nowhere/tollgate.toml"],
    ] {
        let ended = run(&arguments, &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.text);
        assert!(ended.text.contains("/nowhere/tollgate.toml"), "{}", ended.text);
        assert_eq!(ended.text.lines().count(), 1, "one mistake, one line: {}", ended.text);
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_setting() {
    let free = || format!("127.0.0.1:{}", free_port());
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = holder.local_addr().expect("it has an address").to_string();
    for (listen, admin, setting) in [
        (taken.clone(), free(), "[server] listen"),
        (free(), taken.clone(), "[server] admin_listen"),
    ] {
        let node = format!("[server]\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\n");
        let config = Config::new(&GOOD.replacen("[providers", &format!("{node}[providers"), 1));
        let ended = run(&["--config", &config.path()], &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.text);
        let line = ended.line("tollgate-gateway: ");
        assert!(line.contains(&taken) && line.contains(setting), "{}", ended.text);
    }
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_told_in_one_clear_message() {
    let closed = format!("127.0.0.1:{}", free_port());
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    // It takes connections and never answers.
    let mute_address = mute.local_addr().expect("it has an address").to_string();
    for address in [closed, mute_address] {
        let node = format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\nadmin_listen = \"127.0.0.1:{}\"\n[counters]\nbackend = \"redis\"\nurl = \"redis://{address}/\"\n",
            free_port(),
            free_port(),
        );
        let config = Config::new(&GOOD.replacen("[providers", &format!("{node}[providers"), 1));
        let ended = run(&["--config", &config.path()], &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.text);
        assert_eq!(ended.text.matches("tollgate-gateway: ").count(), 1, "{}", ended.text);
        let line = ended.line("tollgate-gateway: ");
        assert!(line.contains("Redis") && line.contains("[counters]"), "{line}");
        assert!(!ended.text.contains("panicked"), "{}", ended.text);
    }
}

#[tokio::test]
async fn without_a_config_it_says_what_it_needs() {
    let ended = run(&[], &[("OPENAI_API_KEY", "")]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.text);
    assert!(
        ended.text.contains("--config") && ended.text.contains("OPENAI_API_KEY"),
        "{}",
        ended.text
    );
}

#[tokio::test]
async fn the_variables_of_an_sdk_are_enough() {
    let simulator = SimulatorProcess::start_with_keys(&["sk-from-the-environment"]).await;
    let (port, admin) = (free_port(), free_port());
    let base_url = format!("{}/v1", simulator.url());
    let environment =
        [("OPENAI_API_KEY", "sk-from-the-environment"), ("OPENAI_BASE_URL", base_url.as_str())];
    let (listen, admin_listen) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{admin}"));
    let arguments = ["--listen", &listen, "--admin-listen", &admin_listen];
    let mut process = Process::start(&binary("tollgate-gateway"), &arguments, &environment);
    let readyz = format!("http://{admin_listen}/readyz");
    process
        .until_ready(async |_| {
            let answer = http::try_send(hyper::Method::GET, &readyz, &[], Vec::new()).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;

    let logs = process.logs();
    let keys: Vec<_> = logs.split_whitespace().filter(|word| word.starts_with("tgk_")).collect();
    let [key] = keys.as_slice() else { panic!("not one key: {logs}") };
    let url = format!("http://{listen}/v1/chat/completions");
    for model in ["gpt-4o", "openai/gpt-4o"] {
        let answer = post_json(&url, key, &chat(model)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(post_json(&url, "tgk_some_other_key_01", &chat("gpt-4o")).await.status, 401);
    assert!(!process.logs().contains("sk-from-the-environment"), "{}", process.logs());
    assert_eq!(process.logs().matches(key).count(), 1, "shown once");
}

#[tokio::test]
async fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let text = GOOD.replacen("allow_inline_secrets = true\n", "", 1);
    let config = Config::new(&text);
    let ended = run(&["--config", &config.path()], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.text);
    for key in ["providers.alpha.keys[0]", "tenants.acme.api_keys.app.secret"] {
        assert!(ended.text.contains(key), "{key} is not in:\n{}", ended.text);
    }
    assert!(ended.text.contains("allow_inline_secrets"), "{}", ended.text);
    assert!(!ended.text.contains("sk-alpha") && !ended.text.contains("tgk_"), "{}", ended.text);
}

#[tokio::test]
async fn a_reference_to_a_secret_that_is_not_there_is_named() {
    let text = GOOD.replacen("\"sk-alpha\"", "{ env = \"NO_SUCH_VARIABLE_HERE\" }", 1).replacen(
        "\"tgk_0123456789abcdef\"",
        "{ file = \"/nowhere/key\" }",
        1,
    );
    let config = Config::new(&text);
    let ended = run(&["check", "--config", &config.path()], &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.text);
    for named in ["NO_SUCH_VARIABLE_HERE", "/nowhere/key"] {
        assert!(ended.text.contains(named), "{named} is not in:\n{}", ended.text);
    }
}

#[tokio::test]
async fn secrets_come_from_the_environment_and_from_files() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let secret = directory.path().join("key");
    fs::write(&secret, "tgk_key_of_a_file_001\n").expect("the file can be written");
    let text = GOOD
        .replacen("allow_inline_secrets = true\n", "", 1)
        .replacen("\"sk-alpha\"", "{ env = \"A_PROVIDER_KEY\" }", 1)
        .replacen("\"tgk_0123456789abcdef\"", &format!("{{ file = {secret:?} }}"), 1);
    let config = Config::new(&text);
    let ended = run(&["check", "--config", &config.path()], &[("A_PROVIDER_KEY", "sk-x")]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.text);
}

#[tokio::test]
async fn a_private_address_needs_to_be_meant() {
    let text = GOOD.replacen("allow_private_network = true\n", "", 1);
    for host in ["127.0.0.1", "10.0.0.5", "169.254.169.254", "[::1]", "localhost", "192.168.1.1"] {
        let config = Config::new(&text.replacen("127.0.0.1", host, 1));
        let ended = run(&["check", "--config", &config.path()], &[]).await;
        assert_eq!(ended.code, Some(2), "{host} {}", ended.text);
        assert!(ended.text.contains("allow_private_network"), "{host} {}", ended.text);
    }
}

#[tokio::test]
async fn help_says_how_to_begin() {
    let ended = run(&["--help"], &[]).await;
    assert_eq!(ended.code, Some(0));
    for word in ["--config", "--listen", "check", "OPENAI_API_KEY"] {
        assert!(ended.text.contains(word), "{word} is not in:\n{}", ended.text);
    }
    let ended = run(&["--version"], &[]).await;
    assert!(ended.text.starts_with("tollgate-gateway "), "{}", ended.text);
    let ended = run(&["--confg", "x"], &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.text.contains("--config"), "{}", ended.text);
}

/// How a process ended, and all that it printed.
struct Ended {
    code: Option<i32>,
    text: String,
}

impl Ended {
    /// The line with these words.
    fn line(&self, words: &str) -> &str {
        let found = self.text.lines().find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words} is not in:\n{}", self.text))
    }
}

/// Runs a gateway that is expected to end by itself soon.
async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut process = Process::start(&binary("tollgate-gateway"), arguments, environment);
    let status = process.wait(SOON - Duration::from_secs(2)).await;
    let text = process.logs();
    let status = status.unwrap_or_else(|| panic!("{arguments:?} still runs:\n{text}"));
    Ended { code: status.code(), text }
}

/// A config file.
struct Config(TempDir);

impl Config {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        fs::write(directory.path().join("tollgate.toml"), text).expect("the config can be written");
        Self(directory)
    }

    fn path(&self) -> String {
        let path: PathBuf = self.0.path().join("tollgate.toml");
        path.display().to_string()
    }
}
