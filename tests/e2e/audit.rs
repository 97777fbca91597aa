//! The audit log cannot be changed without being caught.

use hyper::Method;

use crate::tenants::Platform;

fn verify(platform: &Platform) -> (bool, String) {
    let output = platform.control.cli(&["audit", "verify"]);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Does something to the log that only the database's superuser can, and takes it back afterwards.
#[track_caller]
fn is_caught(platform: &Platform, what: &str, change: &str) {
    let tenant = "tenant_id <> '00000000-0000-0000-0000-000000000000'";
    platform
        .control
        .psql("create table kept as table audit_log; create table kept_heads as table audit_heads");
    platform.control.psql(&format!(
        "set session_replication_role = replica; {}",
        change.replace("{tenant}", tenant)
    ));
    let (holds, told) = verify(platform);
    assert!(!holds && told.contains("BROKEN at row"), "{what} was not caught: {told}");
    platform.control.psql(
        "set session_replication_role = replica; delete from audit_log; insert into audit_log select * from kept; \
         delete from audit_heads; insert into audit_heads select * from kept_heads; drop table kept, kept_heads",
    );
    let (holds, told) = verify(platform);
    assert!(holds, "the original holds again: {told}");
}

#[tokio::test]
async fn a_changed_deleted_inserted_or_reordered_row_is_found() {
    let platform = Platform::start().await;
    for name in ["one", "two", "three"] {
        platform.api_key(name).await;
    }
    let (holds, told) = verify(&platform);
    assert!(holds, "{told}");
    let changes = [
        (
            "a changed row",
            "update audit_log set actor_name = 'somebody else' where {tenant} and seq = 2",
        ),
        ("a changed detail", "update audit_log set detail = '{}' where {tenant} and seq = 2"),
        (
            "a changed time",
            "update audit_log set at = at + interval '1 microsecond' where {tenant} and seq = 2",
        ),
        ("a deleted row", "delete from audit_log where {tenant} and seq = 2"),
        (
            "a deleted last row",
            "delete from audit_log where {tenant} and seq = (select max(seq) from audit_log where {tenant})",
        ),
        ("a deleted chain", "delete from audit_log where {tenant}"),
        (
            "an inserted row",
            "insert into audit_log select tenant_id, (select max(seq) + 1 from audit_log where {tenant}), at, actor, \
             actor_name, action, object, outcome, ip, request_id, detail, hash, hash from audit_log where {tenant} \
             and seq = (select max(seq) from audit_log where {tenant})",
        ),
        (
            "reordered rows",
            "update audit_log set seq = 1000 where {tenant} and seq = 1; \
             update audit_log set seq = 1 where {tenant} and seq = 2; \
             update audit_log set seq = 2 where {tenant} and seq = 1000",
        ),
    ];
    for (what, change) in changes {
        is_caught(&platform, what, change);
    }
}

#[tokio::test]
async fn even_the_owner_of_the_database_is_stopped_by_default() {
    let platform = Platform::start().await;
    let refused = platform.control.psql(
        "do $$ begin update audit_log set actor = 'x'; raise notice 'changed'; exception when others then \
         perform set_config('test.refused', sqlerrm, false); end $$; select current_setting('test.refused')",
    );
    assert!(refused.contains("append-only"), "{refused}");
}

#[tokio::test]
async fn every_change_has_its_row() {
    let platform = Platform::start().await;
    let (id, _) = platform.api_key("audited").await;
    platform.do_it(Method::DELETE, &format!("/api/v1/api-keys/{id}"), None).await;
    let log = platform.do_it(Method::GET, "/api/v1/audit", None).await;
    let rows: Vec<_> = log["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| row["object"] == id.as_str())
        .map(|row| row["action"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(rows, ["api_key.revoked", "api_key.created"], "{log:#}");
}
