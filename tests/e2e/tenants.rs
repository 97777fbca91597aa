//! What the tests of the control plane stand on: a control plane with a tenant, a simulator, and gateways that follow.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use tollgate_tests::control_process::{ConnectedGateway, ControlPlane};
use tollgate_tests::http::{self, Answer, JSON_TYPE};
use tollgate_tests::simulator_process::SimulatorProcess;

use crate::stand::SOON;

/// The API key of the tenant's app.
pub const APP_KEY: &str = "app_planted_api_key_0123456789abcdef";

/// A route whose first target fails and whose second does not.
pub const SHAKY: &str = r#"
[models."alpha/sim--status=503"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 1024

[routes.shaky]
targets = [{ use = "alpha/sim--status=503" }, { use = "alpha/sim-large" }]
"#;

/// A tenant `acme` with a provider, a model, a route, an API key and a budget.
pub const DOCUMENT: &str = r#"
allow_inline_secrets = true

[providers.alpha]
kind = "openai_compatible"
base_url = "{simulator}/alpha/v1"
keys = ["sk-planted-provider-key"]
allow_private_network = true

[models."alpha/sim-large"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 1024

[routes.demo]
targets = [{ use = "alpha/sim-large" }]

[tenants.acme]
timezone = "Europe/Berlin"

[tenants.acme.api_keys.app]
secret = "app_planted_api_key_0123456789abcdef"
team = "search"
limits = { requests_per_minute = 100000 }

[[tenants.acme.budgets]]
name = "all of it"
limit = "50.00"
window = "month"
"#;

/// A control plane with a tenant.
pub struct Platform {
    pub simulator: SimulatorProcess,
    pub control: ControlPlane,
    /// A management token of the tenant's owner.
    pub owner: String,
}

impl Platform {
    /// Starts everything but a gateway.
    pub async fn start() -> Self {
        Self::before(SimulatorProcess::start().await).await
    }

    /// The same in front of some simulator.
    pub async fn before(simulator: SimulatorProcess) -> Self {
        Self::of(simulator, ControlPlane::start().await)
    }

    /// The tenant in a control plane that was started otherwise.
    pub fn of(simulator: SimulatorProcess, control: ControlPlane) -> Self {
        control.tenant("acme");
        let owner = control.management_token("acme", "owner");
        let platform = Self { simulator, control, owner };
        platform.apply_with("");
        platform
    }

    /// Applies [`DOCUMENT`] with further models and routes.
    pub fn apply_with(&self, more: &str) {
        let document = DOCUMENT.replacen("[tenants.acme]", &format!("{more}\n[tenants.acme]"), 1);
        let applied = self.apply(&document);
        assert!(applied.contains("changes made"), "{applied}");
    }

    /// Applies a document for the tenant; `{simulator}` stands for the simulator's URL. What was printed, errors too.
    pub fn apply(&self, document: &str) -> String {
        let text = document.replace("{simulator}", &self.simulator.url());
        let output = self.control.apply(&self.owner, &text);
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    }

    /// A gateway that follows the control plane.
    pub async fn gateway(&self, name: &str) -> ConnectedGateway {
        self.control.connected_gateway(name).await
    }

    /// Calls the control API with some token.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        self.call_with(method, path, token, &[], body).await
    }

    /// The same with further headers.
    pub async fn call_with(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let url = format!("{}{path}", self.control.base_url());
        let bearer = format!("Bearer {token}");
        let mut all = headers.to_vec();
        if !token.is_empty() {
            all.push(("authorization", &bearer));
        }
        if body.is_some() {
            all.push(JSON_TYPE);
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        http::send(method, &url, &all, body).await
    }

    /// Calls it as the owner and expects success.
    pub async fn do_it(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.call(method.clone(), path, &self.owner, body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    }

    /// A resource of the owner's with its ETag.
    pub async fn read(&self, path: &str) -> (Value, String) {
        let answer = self.call(Method::GET, path, &self.owner, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        (answer.json(), answer.header("etag").unwrap_or_default().to_owned())
    }

    /// Makes an API key: its id and the key.
    pub async fn api_key(&self, name: &str) -> (String, String) {
        let made =
            self.do_it(Method::POST, "/api/v1/api-keys", Some(json!({ "name": name }))).await;
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        (text("id"), text("key"))
    }

    /// The requests of the log.
    pub async fn requests(&self) -> Vec<Value> {
        let log = self.do_it(Method::GET, "/api/v1/requests?limit=200", None).await;
        log["data"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the log has this many requests.
    pub async fn until_logged(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let log = self.requests().await;
            if count <= log.len() {
                return log;
            }
            assert!(
                started.elapsed() < SOON,
                "{} requests are in the log instead of {count}",
                log.len()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Asks a gateway for a chat.
pub async fn chat(gateway: &ConnectedGateway, key: &str, model: &str) -> Answer {
    http::post_json(
        &format!("{}/v1/chat/completions", gateway.url()),
        key,
        &crate::stand::chat(model),
    )
    .await
}

/// Waits until a gateway answers a chat with this status; how long it took.
pub async fn until_status(gateway: &ConnectedGateway, key: &str, status: u16) -> Duration {
    let started = Instant::now();
    loop {
        let answer = chat(gateway, key, "demo").await;
        if answer.status == status {
            return started.elapsed();
        }
        assert!(started.elapsed() < SOON, "still {} {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
