//! What the tests of the console stand on: a platform with traffic, and a browser in front of it.

use serde_json::Value;
use tollgate_tests::browser::Scripts;
use tollgate_tests::control_process::ConnectedGateway;
use tollgate_tests::http::Answer;

use crate::browser::Browser;
use crate::tenants::{self, Platform};

/// The owner of the tenant of [`Platform`].
pub const OWNER: &str = "owner@acme.example";
/// A password that is long enough.
pub const PASSWORD: &str = "four words and a toll";

/// A browser before a platform.
pub struct Console {
    pub browser: Browser,
    pub gateway: ConnectedGateway,
    pub platform: Platform,
}

impl Console {
    /// Starts everything; nobody is signed in.
    pub async fn start(scripts: Scripts) -> Self {
        let platform = Platform::start().await;
        let (gateway, browser) = tokio::join!(platform.gateway("edge"), Browser::start(scripts));
        Self { browser, gateway, platform }
    }

    /// The same with the tenant's owner signed in.
    pub async fn of_the_owner(scripts: Scripts) -> Self {
        let console = Self::start(scripts).await;
        console.sign_in(OWNER).await;
        console
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.platform.control.base_url())
    }

    /// Opens a page of the console.
    pub async fn open(&self, path: &str) {
        self.browser.open(&self.url(path)).await;
    }

    /// Where the browser is, without the host.
    pub async fn path(&self) -> String {
        let url = self.browser.url().await;
        url.strip_prefix(&self.platform.control.base_url()).unwrap_or(&url).to_owned()
    }

    /// Signs somebody in by an operator's link.
    pub async fn sign_in(&self, email: &str) {
        self.browser.open(&self.platform.control.sign_in_link(email)).await;
        self.browser.press(&format!("Sign in as {email}")).await;
        self.open("/console").await;
    }

    /// A chat about nothing through the gateway.
    pub async fn chat(&self, key: &str) -> Answer {
        tenants::chat(&self.gateway, key, "demo").await
    }

    /// How many entries the audit log has.
    pub fn audited(&self) -> String {
        self.platform.control.psql("select count(*) from audit_log")
    }

    /// The names of the tenant's API keys.
    pub async fn api_keys(&self) -> Vec<String> {
        let keys = self.platform.read("/api/v1/api-keys").await.0;
        let names = keys["data"].as_array().into_iter().flatten();
        names.filter_map(|key: &Value| key["name"].as_str().map(str::to_owned)).collect()
    }
}
