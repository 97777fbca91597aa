//! Every address of the console × {nobody, another tenant, too small a role} is refused. The list is the table that the
//! console is mounted from.

use std::collections::BTreeMap;

use control_api::access::Permission;
use control_api::console::{ROUTES, routes::Route};
use hyper::Method;
use serde_json::json;
use tollgate_contract::token;
use tollgate_tests::http::{self, Answer};

use crate::tenants::Platform;

/// A session of somebody with a role in a tenant: what its cookie and its forms carry.
struct Visitor {
    cookie: String,
    csrf: String,
}

impl Visitor {
    fn new(platform: &Platform, tenant: &str, role: &str) -> Self {
        let cookie = token::mint(token::SESSION, &rand::random());
        let csrf = format!("csrf-of-{role}-{tenant}");
        platform.control.psql(&format!(
            "with p as (insert into people (id, email) values (gen_random_uuid(), '{role}@{tenant}.example') \
             on conflict (email) do update set name = '' returning id), \
             t as (select id from tenants where name = '{tenant}'), \
             m as (insert into members (tenant_id, id, person_id, role) select t.id, gen_random_uuid(), p.id, '{role}' from t, p \
             on conflict do nothing) insert into sessions (hash, id, person_id, tenant_id, csrf, ends_at) \
             select sha256('{cookie}'::bytea), gen_random_uuid(), p.id, t.id, '{csrf}', now() + interval '1 hour' from t, p"
        ));
        Self { cookie: format!("tg={cookie}"), csrf }
    }
}

async fn visit(
    platform: &Platform,
    route: &Route,
    path: &str,
    visitor: Option<&Visitor>,
) -> Answer {
    let method: Method = route.method.parse().expect("a method");
    let url = format!("{}{path}", platform.control.base_url());
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    let mut body = String::new();
    if let Some(visitor) = visitor {
        headers.push(("cookie", &visitor.cookie));
        if method == Method::POST {
            body = format!("csrf={}", visitor.csrf);
        }
    }
    http::send(method, &url, &headers, body.into_bytes()).await
}

fn guarded() -> impl Iterator<Item = (&'static Route, Permission)> {
    ROUTES.iter().filter_map(|route| Some((route, route.permission?)))
}

/// The address with an id of the right kind that does not exist: what cannot be read is refused before anybody asks
/// who reads it.
fn example(path: &str) -> String {
    let prefix = match path.split('/').nth(2).unwrap_or_default() {
        "api-keys" => "key_",
        "budgets" => "bud_",
        "provider-keys" => "pky_",
        "members" | "invitations" => "mem_",
        "management-tokens" => "mtk_",
        "sessions" => "ses_",
        "tenants" => "tnt_",
        _ => "",
    };
    path.replace("{id}", &format!("{prefix}0193c5a0000070008000000000000000"))
        .replace("{name}", "x")
}

#[tokio::test]
async fn nobody_sees_a_page() {
    let platform = Platform::start().await;
    assert!(guarded().count() > 40, "the table has {} guarded addresses", guarded().count());
    for (route, _) in guarded() {
        let answer = visit(&platform, route, &example(route.path), None).await;
        let to = answer.header("location").unwrap_or_default();
        assert!(
            answer.status == 303 && to.starts_with("/sign-in?next="),
            "{} {}: {} to {to}",
            route.method,
            route.path,
            answer.status
        );
    }
}

#[tokio::test]
async fn too_small_a_role_sees_no_page() {
    let platform = Platform::start().await;
    let visitors: BTreeMap<_, _> = ["viewer", "member", "billing", "admin", "owner"]
        .into_iter()
        .map(|role| (role, Visitor::new(&platform, "acme", role)))
        .collect();
    let mut refused = 0;
    for (route, permission) in guarded() {
        for (role, visitor) in &visitors {
            let allowed = permission.roles().iter().any(|known| known.name() == *role);
            if allowed {
                continue;
            }
            let answer = visit(&platform, route, &example(route.path), Some(visitor)).await;
            assert_eq!(
                answer.status,
                403,
                "{} {} as {role}: {}",
                route.method,
                route.path,
                answer.text()
            );
            refused += 1;
        }
    }
    assert!(refused > 60, "{refused}");
}

#[tokio::test]
async fn pages_of_another_tenants_things_do_not_exist() {
    let platform = Platform::start().await;
    platform.control.tenant("other");
    let stranger = Visitor::new(&platform, "other", "owner");
    let owner = Visitor::new(&platform, "acme", "owner");
    platform.do_it(Method::POST, "/api/v1/teams", Some(json!({ "name": "theirs" }))).await;
    let mut ids = BTreeMap::new();
    for resource in ["api-keys", "budgets", "provider-keys", "members", "management-tokens"] {
        let list = platform.do_it(Method::GET, &format!("/api/v1/{resource}"), None).await;
        let id = list["data"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no {resource}: {list}"))
            .to_owned();
        ids.insert(resource, id);
    }
    let session = platform.control.psql("select id from sessions limit 1").replace('-', "");
    ids.insert("sessions", format!("ses_{session}"));
    ids.insert("invitations", ids["members"].clone());
    ids.insert("requests", "0193c5a0-0000-7000-8000-000000000000".to_owned());
    ids.insert("routes", "demo".to_owned());
    let mut seen = 0;
    for (route, permission) in guarded() {
        let parts: Vec<_> = route.path.split('/').collect();
        if !route.path.contains('{') || permission.roles().is_empty() {
            continue;
        }
        let id =
            ids.get(parts[2]).unwrap_or_else(|| panic!("no example for {}: add one", route.path));
        let path = route.path.replace("{id}", id).replace("{name}", id);
        let answer = visit(&platform, route, &path, Some(&stranger)).await;
        // A form may be refused for what is in it before anything is looked up; it must not show or change anything.
        assert!(
            matches!(answer.status, 404 | 422 | 303),
            "{} {path} by a stranger: {} {}",
            route.method,
            answer.status,
            answer.text()
        );
        // Back to the list, or nothing at all.
        assert_ne!(answer.status, 200, "{} {path}", route.method);
        seen += 1;
    }
    assert!(seen > 12, "{seen}");
    // All of it is still there for its owner.
    for path in ["/console/api-keys", "/console/budgets", "/console/providers", "/console/members"]
    {
        let route = Route { method: "GET", path, permission: None };
        let answer = visit(&platform, &route, path, Some(&owner)).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let living = platform.control.psql("select count(*) from api_keys where revoked_at is null");
    assert_eq!(living, "1", "no key was revoked by a stranger");
    let tokens = platform
        .control
        .psql("select count(*) from management_tokens where revoked_at is not null");
    assert_eq!(tokens, "0", "no token was revoked by a stranger");
}
