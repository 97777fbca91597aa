//! The pages of the console that an address leads to, with something on each.

use std::time::{Duration, Instant};

use hyper::Method;

use crate::console::Console;
use crate::stand::SOON;
use crate::tenants::{self, APP_KEY};

/// A page.
pub struct Place {
    /// What its pictures are called.
    pub name: &'static str,
    pub path: String,
    /// The HTTP status that it comes with.
    pub status: u16,
}

fn place(name: &'static str, path: impl Into<String>) -> Place {
    Place { name, path: path.into(), status: 200 }
}

/// All pages of a tenant's owner who is an operator as well, after what they need to be full was made.
pub async fn of_the_owner(console: &Console) -> Vec<Place> {
    let platform = &console.platform;
    if platform.requests().await.is_empty() {
        tenants::until_status(&console.gateway, APP_KEY, 200).await;
        platform.until_logged(1).await;
    }
    until_health_is_known(console).await;
    platform.control.psql(
        "insert into people (id, email, name) values (gen_random_uuid(), 'ada@acme.example', 'Ada Lovelace') \
         on conflict do nothing; \
         insert into members (tenant_id, id, person_id, role) \
         select t.id, gen_random_uuid(), p.id, 'admin' from tenants t, people p \
         where t.name <> 'platform' and p.email = 'ada@acme.example' and exists (select 1 from members m where m.tenant_id = t.id) \
         on conflict do nothing",
    );
    let key = first(console, "/api/v1/api-keys").await;
    let budget = first(console, "/api/v1/budgets").await;
    let request = first(console, "/api/v1/requests").await;
    let token = first(console, "/api/v1/management-tokens").await;
    let provider_key = first(console, "/api/v1/provider-keys").await;
    let member = last(console, "/api/v1/members").await;
    let tenant = platform.do_it(Method::GET, "/api/v1/tenant", None).await["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    vec![
        place("overview", "/console"),
        place("overview-hours", "/console?range=24h"),
        place("requests", "/console/requests"),
        place("requests-none-match", "/console/requests?status=errors&range=24h&model=none"),
        place("request", format!("/console/requests/{request}")),
        place("api-keys", "/console/api-keys"),
        place("api-keys-none-match", "/console/api-keys?q=no+such+key"),
        place("api-key-new", "/console/api-keys/new"),
        place("api-key", format!("/console/api-keys/{key}")),
        place("api-key-first-request", format!("/console/api-keys/{key}/first-request")),
        place("api-key-revoke", format!("/console/api-keys/{key}/revoke")),
        place("budgets", "/console/budgets"),
        place("budget-new", "/console/budgets/new"),
        place("budget", format!("/console/budgets/{budget}")),
        place("budget-delete", format!("/console/budgets/{budget}/delete")),
        place("routes", "/console/routes"),
        place("route", "/console/routes/demo"),
        place("providers", "/console/providers"),
        place("provider-new", "/console/providers/new"),
        place("health", "/console/health"),
        place("provider-key-remove", format!("/console/provider-keys/{provider_key}/remove")),
        place("members", "/console/members"),
        place("member-remove", format!("/console/members/{member}/remove")),
        place("audit", "/console/audit"),
        place("settings", "/console/settings"),
        place("token-revoke", format!("/console/management-tokens/{token}/revoke")),
        place("operator-tenants", "/operator/tenants"),
        place("operator-tenant-suspend", format!("/operator/tenants/{tenant}/suspend")),
        place("operator-nodes", "/operator/nodes"),
        Place { status: 404, ..place("nothing-there", "/console/nothing-there") },
    ]
}

/// Calls, and waits until the control plane knows how the target did: it does for a minute.
async fn until_health_is_known(console: &Console) {
    let started = Instant::now();
    console.chat(APP_KEY).await;
    while console.platform.read("/api/v1/health/targets").await.0["data"][0].is_null() {
        assert!(started.elapsed() < SOON, "no node tells how its targets do");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The pages of a tenant in which nothing was done yet.
pub fn of_a_fresh_tenant() -> Vec<Place> {
    vec![
        place("fresh-overview", "/console"),
        place("fresh-requests", "/console/requests"),
        place("fresh-api-keys", "/console/api-keys"),
        place("fresh-budgets", "/console/budgets"),
        place("fresh-routes", "/console/routes"),
        place("fresh-providers", "/console/providers"),
        place("fresh-provider-new", "/console/providers/new"),
        place("fresh-health", "/console/health"),
        place("fresh-members", "/console/members"),
        place("fresh-audit", "/console/audit"),
        place("fresh-settings", "/console/settings"),
    ]
}

async fn first(console: &Console, path: &str) -> String {
    ids(console, path).await.first().cloned().unwrap_or_else(|| panic!("{path} is empty"))
}

async fn last(console: &Console, path: &str) -> String {
    ids(console, path).await.last().cloned().unwrap_or_else(|| panic!("{path} is empty"))
}

async fn ids(console: &Console, path: &str) -> Vec<String> {
    let listed = console.platform.do_it(Method::GET, path, None).await;
    let rows = listed["data"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
}
