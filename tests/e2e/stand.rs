//! What most tests stand on: a simulator, a gateway in front of it, and the usage events that it writes.

use std::fs;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_tests::gateway_process::Gateway;
use tollgate_tests::http::{self, Answer, JSON_TYPE};
use tollgate_tests::simulator_process::SimulatorProcess;
use tollgate_tests::sse::{self, Event, EventStream, Next};

/// The API key of most tests.
pub const KEY: &str = "tgk_0123456789abcdef";
/// Longer than anything here takes: a bound for broken code, not a promise.
pub const SOON: Duration = Duration::from_secs(10);

/// Two providers played by one simulator, one tenant with one key.
const WORLD: &str = r#"
[providers.alpha]
kind = "openai_compatible"
base_url = "{simulator}/alpha/v1"
keys = ["sk-alpha"]
allow_private_network = true
price = { input = "0.50", cached_input = "0.05", output = "1.50" }
[providers.beta]
kind = "openai_compatible"
base_url = "{simulator}/beta/v1"
keys = ["sk-beta"]
allow_private_network = true
price = { input = "0.70", output = "2.30" }
[tenants.acme.api_keys.app]
secret = "tgk_0123456789abcdef"
"#;

/// A gateway between a test and a simulator.
pub struct Stand {
    pub simulator: SimulatorProcess,
    pub gateway: Gateway,
    head: String,
    directory: TempDir,
}

impl Stand {
    /// Starts both. The further tables come behind two providers, `alpha` and `beta`, and the key [`KEY`].
    pub async fn start(further: &str) -> Self {
        Self::start_with("", further).await
    }

    /// The same with further settings in `[server]`.
    pub async fn start_with(server: &str, further: &str) -> Self {
        let simulator = SimulatorProcess::start().await;
        Self::before(simulator, server, &format!("{WORLD}{further}")).await
    }

    /// A gateway with a whole world of the test's own; `{simulator}` stands for the simulator's URL.
    pub async fn before(simulator: SimulatorProcess, server: &str, world: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let head = format!(
            "allow_inline_secrets = true\n[server]\nlisten = \"{{listen}}\"\nadmin_listen = \"{{admin}}\"\n{server}\n[usage]\nsink = \"file:{}\"\n",
            directory.path().join("usage.jsonl").display(),
        );
        let text = format!("{head}{}", world.replace("{simulator}", &simulator.url()));
        let gateway = Gateway::start(&text).await;
        Self { simulator, gateway, head, directory }
    }

    /// Replaces the further tables while the gateway runs.
    pub fn rewrite(&self, further: &str) {
        let world = format!("{WORLD}{further}").replace("{simulator}", &self.simulator.url());
        self.gateway.rewrite_config(&format!("{}{world}", self.head));
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.url())
    }

    /// Asks for a chat.
    pub async fn chat(&self, body: &Value) -> Answer {
        http::post_json(&self.url("/v1/chat/completions"), KEY, body).await
    }

    /// The same with further headers.
    pub async fn chat_with(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        http::post_json_with(&self.url("/v1/chat/completions"), KEY, headers, body).await
    }

    /// Asks for a chat, word for word.
    pub async fn chat_raw(&self, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), JSON_TYPE];
        http::send(Method::POST, &self.url("/v1/chat/completions"), &headers, body.to_vec()).await
    }

    /// Opens a streamed chat.
    pub async fn stream(&self, body: &Value) -> EventStream {
        sse::post_stream(&self.url("/v1/chat/completions"), KEY, body).await
    }

    /// Reads a streamed chat to its end.
    pub async fn streamed(&self, body: &Value) -> Streamed {
        Streamed::read(self.stream(body).await).await
    }

    /// The usage events, once there are so many.
    pub async fn events(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(self.directory.path().join("usage.jsonl"));
            let text = text.unwrap_or_default();
            // The last line may be half written.
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let events: Vec<Value> = whole
                .lines()
                .map(|line| serde_json::from_str(line).expect("a line is an event"))
                .collect();
            if count <= events.len() {
                assert_eq!(events.len(), count, "one event for each request: {events:#?}");
                return events;
            }
            assert!(
                started.elapsed() < SOON,
                "{} events instead of {count}: {events:#?}",
                events.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The only usage event.
    pub async fn event(&self) -> Value {
        self.events(1).await.remove(0)
    }

    /// Whom the simulator was asked as, in order.
    pub async fn asked(&self) -> Vec<String> {
        self.simulator.requests().await.into_iter().map(|request| request.provider).collect()
    }
}

/// A streamed answer, read to its end.
#[derive(Debug)]
pub struct Streamed {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub events: Vec<Event>,
    pub end: Next,
}

impl Streamed {
    pub async fn read(mut stream: EventStream) -> Self {
        let (events, end) = stream.rest().await;
        Self { status: stream.status, headers: stream.headers.clone(), events, end }
    }

    /// All bytes of all events.
    pub fn text(&self) -> String {
        let raw = self.events.iter().flat_map(|event| event.raw.iter().copied()).collect();
        String::from_utf8(raw).expect("a stream is text")
    }

    /// What the first choice said.
    pub fn content(&self) -> String {
        self.events.iter().filter_map(Event::content).collect()
    }

    /// Whether it ended as a complete answer does.
    pub fn is_complete(&self) -> bool {
        matches!(self.end, Next::End) && self.events.last().is_some_and(Event::is_done)
    }

    /// Checks that it broke off visibly: an error in the API's shape as the last event, no `[DONE]`,
    /// and a proper end of the HTTP message. Gives the error's code.
    pub fn error_code(&self) -> String {
        assert!(matches!(self.end, Next::End), "{:?}", self.end);
        assert!(!self.events.iter().any(Event::is_done), "a failure looks like an end: {self:#?}");
        let last = self.events.last().expect("a broken stream says why").json();
        let error = &last["error"];
        assert!(error["message"].is_string() && error["type"].is_string(), "{last}");
        error["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A chat about nothing: its prompt has 7 tokens.
pub fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "hi" }] })
}

/// The same as a stream.
pub fn streaming(model: &str) -> Value {
    with(chat(model), json!({ "stream": true }))
}

/// A body with further members.
pub fn with(mut body: Value, members: Value) -> Value {
    let members = members.as_object().expect("members are an object").clone();
    body.as_object_mut().expect("a body is an object").extend(members);
    body
}

/// Checks an error's form; gives its status and code.
pub fn refusal(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", answer.text());
    let error = answer.json()["error"].clone();
    let told = error["message"].as_str().is_some_and(|message| !message.is_empty());
    assert!(told && error["type"].is_string(), "{} {}", answer.status, answer.text());
    assert!(error.get("param").is_some() && error.get("code").is_some(), "{}", answer.text());
    (answer.status, error["code"].as_str().unwrap_or_default().to_owned())
}

/// What a refusal reads as in a table.
pub fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
