//! Every operation of the API and every address of the console × {nobody, another tenant, too small a role} is refused.
//! The lists come from the API's own description and the console's own table, so what is new is covered.

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::{Value, json};

use crate::tenants::Platform;

/// Roles, rising.
const ROLES: [&str; 5] = ["viewer", "member", "billing", "admin", "owner"];

/// The smallest role that has a permission; `None`: no role has it.
fn smallest_role(permission: &str) -> Option<&'static str> {
    control_api::access::Permission::ALL
        .iter()
        .find(|known| known.name() == permission)
        .unwrap_or_else(|| panic!("there is no permission {permission}"))
        .roles()
        .iter()
        .min()
        .map(|role| role.name())
}

struct Operation {
    method: Method,
    path: String,
    permission: String,
}

async fn operations(platform: &Platform) -> Vec<Operation> {
    let document = platform.call(Method::GET, "/api/openapi.json", "", None).await.json();
    let paths = document["paths"].as_object().cloned().expect("the document has paths");
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let method = method.to_uppercase().parse().expect("a method");
            let permission = operation["x-permission"]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} has no x-permission"))
                .to_owned();
            all.push(Operation { method, path: path.clone(), permission });
        }
    }
    assert!(all.len() > 40, "only {} operations are described", all.len());
    all
}

/// A body that an operation takes, so that it is refused for who asks and not for what.
fn body_of(operation: &Operation) -> Option<Value> {
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&operation.method);
    takes_body.then(|| json!({}))
}

#[tokio::test]
async fn nobody_gets_nothing() {
    let platform = Platform::start().await;
    for operation in operations(&platform).await {
        if operation.permission == "public" {
            continue;
        }
        let path = operation.path.replace("{id}", "x");
        for token in
            ["", "app_planted_api_key_0123456789abcdef", "nonsense", "eyJhbGciOiJub25lIn0.e30."]
        {
            let answer =
                platform.call(operation.method.clone(), &path, token, body_of(&operation)).await;
            assert_eq!(
                answer.status,
                401,
                "{} {path} with {token:?}: {}",
                operation.method,
                answer.text()
            );
            assert_eq!(answer.json()["code"], "unauthenticated");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
}

#[tokio::test]
async fn too_small_a_role_is_refused() {
    let platform = Platform::start().await;
    let tokens: BTreeMap<_, _> = ROLES
        .into_iter()
        .map(|role| (role, platform.control.management_token("acme", role)))
        .collect();
    let mut refused = 0;
    for operation in operations(&platform).await {
        if operation.permission == "public" {
            continue;
        }
        let needs = smallest_role(&operation.permission);
        let below = ROLES.into_iter().take_while(|role| Some(*role) != needs);
        for role in below {
            let path = operation.path.replace("{id}", "x");
            let answer = platform
                .call(operation.method.clone(), &path, &tokens[role], body_of(&operation))
                .await;
            assert_eq!(
                answer.status,
                403,
                "{} {path} as {role}: {}",
                operation.method,
                answer.text()
            );
            assert_eq!(answer.json()["code"], "forbidden");
            refused += 1;
        }
    }
    assert!(refused > 60, "{refused}");
}

#[tokio::test]
async fn what_belongs_to_another_tenant_does_not_exist() {
    let platform = Platform::start().await;
    platform.control.tenant("other");
    let stranger = platform.control.management_token("other", "owner");
    let ids = ids_of(&platform).await;
    let bodies = bodies();
    for operation in operations(&platform).await {
        if !operation.path.contains("{id}") || smallest_role(&operation.permission).is_none() {
            continue;
        }
        let resource = operation.path.split('/').nth(3).unwrap_or_default();
        let id = ids
            .get(resource)
            .unwrap_or_else(|| panic!("no example of {resource}: add one to ids_of"));
        let path = operation.path.replace("{id}", id);
        let takes_body = body_of(&operation).is_some();
        let key = format!("{} {}", operation.method, operation.path);
        let body = takes_body.then(|| {
            bodies
                .get(key.as_str())
                .cloned()
                .unwrap_or_else(|| panic!("no example of a body for {key}: add one to bodies"))
        });
        let answer = platform
            .call_with(
                operation.method.clone(),
                &path,
                &stranger,
                &[("if-match", "\"1\"")],
                body.clone(),
            )
            .await;
        assert!(
            matches!(answer.status, 404 | 412),
            "{key} by a stranger: {} {}",
            answer.status,
            answer.text()
        );
    }
    // And nothing was changed: the owner still finds all of it.
    for (resource, id) in &ids {
        if ["members", "management-tokens", "requests", "teams"].contains(&resource.as_str()) {
            continue;
        }
        let path = format!("/api/v1/{resource}/{id}");
        let answer = platform.call(Method::GET, &path, &platform.owner, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

/// An id of each kind that belongs to the tenant.
async fn ids_of(platform: &Platform) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    platform.do_it(Method::POST, "/api/v1/teams", Some(json!({ "name": "another team" }))).await;
    for resource in [
        "api-keys",
        "budgets",
        "routes",
        "providers",
        "provider-keys",
        "members",
        "teams",
        "management-tokens",
    ] {
        let list = platform.do_it(Method::GET, &format!("/api/v1/{resource}"), None).await;
        let rows = list["data"].as_array().cloned().unwrap_or_default();
        let id = rows
            .last()
            .and_then(|row| row["id"].as_str())
            .unwrap_or_else(|| panic!("no {resource}: {list}"));
        ids.insert(resource.to_owned(), id.to_owned());
    }
    ids.insert("requests".to_owned(), "0193c5a0-0000-7000-8000-000000000000".to_owned());
    ids
}

/// Bodies that are valid, for operations on one thing.
fn bodies() -> BTreeMap<&'static str, Value> {
    let route = json!({ "spec": { "targets": [{ "use": "alpha/sim-large" }] } });
    let provider = json!({ "spec": { "kind": "openai" } });
    let budget = json!({ "name": "theirs", "limit": "1.00", "window": "day" });
    BTreeMap::from([
        ("PATCH /api/v1/api-keys/{id}", json!({ "name": "theirs" })),
        ("POST /api/v1/api-keys/{id}/rotate", json!({})),
        ("PUT /api/v1/budgets/{id}", budget),
        ("PUT /api/v1/routes/{id}", route),
        ("PUT /api/v1/providers/{id}", provider),
        ("PATCH /api/v1/provider-keys/{id}", json!({ "weight": 2 })),
        ("POST /api/v1/provider-keys/{id}/test", json!({})),
        ("PATCH /api/v1/members/{id}", json!({ "role": "viewer" })),
        ("PATCH /api/v1/teams/{id}", json!({ "name": "theirs" })),
    ])
}
